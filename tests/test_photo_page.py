"""The photo page without a browser: what is brought in is read, corrected and taken along; what cannot be read is named."""

import csv
import io
import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from streamlit.testing.v1 import AppTest

from core.reading import CheckpointError, Reader
from core.reading.example import Example
from pages.common import readers, sitemap
from tests.drawings import draw
from tests.test_pages import words

FIRST = draw("407", size=(480, 640), height=70, at=(300, 200), paper=230, ink=30)
SECOND = draw("25", size=(480, 640), height=90, at=(100, 100), paper=230, ink=30)
BLANK = np.full((300, 400), 240, np.uint8)
Upload = Callable[..., AppTest]


def file(gray: np.ndarray, kind: str = "PNG", *others: np.ndarray) -> bytes:
    data = io.BytesIO()
    options: dict[str, Any] = (
        {"save_all": True, "append_images": [Image.fromarray(o) for o in others]} if others else {}
    )
    Image.fromarray(gray).save(data, kind, **options)
    return data.getvalue()


@pytest.fixture
def page(root: Any) -> AppTest:
    app = AppTest.from_file(str(root / "streamlit_app.py"), default_timeout=60)
    page = app.switch_page(sitemap.PHOTO.file).run()
    assert not page.exception
    return page


@pytest.fixture
def saved(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What can be downloaded from the page as it is now, by the button's label."""
    files: dict[str, Any] = {}
    monkeypatch.setattr(
        "streamlit.download_button",
        lambda label, data, *_, **__: files.update({label: data() if callable(data) else data}),
    )
    return files


def upload(page: AppTest, *files: tuple[str, bytes]) -> AppTest:
    page.file_uploader[0].set_value([(name, data, "application/octet-stream") for name, data in files]).run()
    assert not page.exception
    return page


def numbers(saved: dict[str, Any]) -> list[str]:
    return [row["number"] for row in csv.DictReader(io.StringIO(saved["CSV"]))]


Correct = Callable[[str, str | None], None]


@pytest.fixture
def correct(page: AppTest, monkeypatch: pytest.MonkeyPatch) -> Correct:
    """correct(number, text): what is written over that number in the table; None deletes its row."""

    def corrected(number: str, text: str | None) -> None:
        def editor(table: pd.DataFrame, **_: Any) -> pd.DataFrame:
            edited = table.copy()
            edited.loc[edited["Number"] == number, "Number"] = text
            return edited[edited["Number"].notna()]

        with monkeypatch.context() as patch:
            patch.setattr("streamlit.data_editor", editor)
            page.run()
            assert not page.exception

    return corrected


def test_an_empty_page_teaches_what_to_bring_and_offers_an_example(page: AppTest) -> None:
    assert "No photo yet" in words(page) and not page.image and not page.header
    assert [button.label for button in page.button] == ["Read an example"]


def test_an_example_is_read_at_one_click(page: AppTest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(readers, "fresh_sheet", lambda seed: Example(FIRST.gray, "407"))
    page.button(key="photo-example").click().run()
    assert not page.exception and "No photo yet" not in words(page)
    assert page.get("arrow_data_frame") or page.dataframe
    assert [header.value for header in page.header] == ["From photo to number", "Where it looked"]


def test_every_stage_from_the_photo_to_the_attention_is_shown_with_its_name(page: AppTest) -> None:
    upload(page, ("sheet.png", file(FIRST.gray)))
    text = words(page)
    names = ["Photo", "Gray", "Heat map", "Boxes", "Strip", "Patches", "Attention"]
    assert all(f"**{place} {name}**" in text for place, name in enumerate(names, start=1))
    assert len(page.image) == 1 + len(names) + 1  # the marked photo before them, the large overlay behind
    assert "640 × 480 pixels, read in" in text


def test_several_files_are_one_table_and_each_can_be_looked_at(page: AppTest, saved: dict[str, Any]) -> None:
    upload(page, ("a.png", file(FIRST.gray)), ("b.jpg", file(SECOND.gray, "JPEG")))
    assert numbers(saved) == ["407", "25"]
    choice = next(box for box in page.selectbox if box.label == "Picture")
    assert choice.options == ["a.png: 1 number", "b.jpg: 1 number"]
    choice.set_value(1).run()
    assert not page.exception
    assert next(box for box in page.selectbox if box.label == "Number").options == ["1: 25"]
    pages = json.loads(saved["JSON"])
    assert [one["file"] for one in pages] == ["a.png", "b.jpg"]
    assert saved["Picture"].startswith(b"\x89PNG")


def test_the_pages_of_a_scan_are_told_apart(page: AppTest, saved: dict[str, Any]) -> None:
    upload(page, ("scan.tiff", file(FIRST.gray, "TIFF", SECOND.gray)))
    assert numbers(saved) == ["407", "25"]
    assert [one["page"] for one in json.loads(saved["JSON"])] == [1, 2]
    assert (
        "scan.tiff, page 2: 1 number" in next(box for box in page.selectbox if box.label == "Picture").options
    )


def test_a_correction_goes_into_every_file_and_outlasts_reruns_and_a_change_of_page(
    page: AppTest, saved: dict[str, Any], correct: Correct
) -> None:
    upload(page, ("a.png", file(FIRST.gray)), ("b.png", file(SECOND.gray)))
    before = saved["Picture"]
    correct("407", "401")
    assert numbers(saved) == ["401", "25"] and saved["Picture"] != before
    reading = json.loads(saved["JSON"])[0]["readings"][0]
    assert (reading["text"], reading["read_as"]) == ("401", "407")
    assert "1 corrected by hand" in words(page)
    page.run()
    assert numbers(saved) == ["401", "25"]
    page.switch_page(sitemap.HOME.file).run()
    page.switch_page(sitemap.PHOTO.file).run()
    assert not page.exception and numbers(saved) == ["401", "25"]
    page.button(key="photo-undo").click().run()
    assert not page.exception and numbers(saved) == ["407", "25"] and "corrected by hand" not in words(page)


def test_a_row_that_is_deleted_or_emptied_is_no_number(
    page: AppTest, saved: dict[str, Any], correct: Correct
) -> None:
    upload(page, ("a.png", file(FIRST.gray)), ("b.png", file(SECOND.gray)))
    correct("407", None)
    assert numbers(saved) == ["25"] and json.loads(saved["JSON"])[0]["readings"] == []
    page.button(key="photo-undo").click().run()
    correct("25", "")
    assert numbers(saved) == ["407"]


def test_a_file_that_cannot_be_read_is_named_with_the_mend_and_the_others_are_read(
    page: AppTest, saved: dict[str, Any]
) -> None:
    upload(page, ("bad.png", b"407"), ("a.png", file(FIRST.gray)), ("none.pdf", b""))
    said = [warning.value for warning in page.warning]
    assert len(said) == 2
    assert said[0].startswith("**bad.png**: it is not an image") and "as PNG or JPEG" in said[0]
    assert said[1].startswith("**none.pdf**: the file is empty")
    assert numbers(saved) == ["407"]


def test_pages_beyond_the_limit_are_mentioned(page: AppTest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("core.reading.files.documents.MOST_PAGES", 1)
    monkeypatch.setattr("pages.common.photos.MOST_PAGES", 1)
    upload(page, ("scan.tiff", file(FIRST.gray, "TIFF", SECOND.gray)))
    assert "only the first 1 of its 2 pages were read" in page.warning[0].value


def test_a_picture_without_a_number_says_what_helps(page: AppTest, saved: dict[str, Any]) -> None:
    upload(page, ("blank.png", file(BLANK)))
    assert "No number here" in words(page) and "hold the camera straight" in words(page)
    assert not page.header and not saved
    upload(page, ("blank.png", file(BLANK)), ("a.png", file(FIRST.gray)))
    assert "No number here" in words(page) and numbers(saved) == ["407"]


def test_a_pasted_and_a_taken_picture_are_read_too(page: AppTest, saved: dict[str, Any]) -> None:
    way = page.segmented_control(key="photo-way")
    way.select("paste").run()
    page.chat_input[0].upload("image.png", file(FIRST.gray), "image/png").run()
    assert not page.exception and numbers(saved) == ["407"]
    page.segmented_control(key="photo-way").select("camera").run()
    assert numbers(saved) == ["407"]  # what was brought stays until something else is
    page.camera_input[0].upload("photo.jpg", file(SECOND.gray, "JPEG"), "image/jpeg").run()
    assert not page.exception and numbers(saved) == ["25"]


def test_what_was_read_once_is_not_read_again(page: AppTest, monkeypatch: pytest.MonkeyPatch) -> None:
    upload(page, ("a.png", file(FIRST.gray)))
    read: list[str] = []

    def noted(self: Reader, image: Any, *, with_attention: bool = True, do: Any = Reader.read_all) -> Any:
        read.append("once")
        return do(self, image, with_attention=with_attention)

    monkeypatch.setattr(Reader, "read_all", noted)
    page.run()
    assert not read
    upload(page, ("a.png", file(FIRST.gray)), ("b.png", file(SECOND.gray)))
    assert len(read) == 1


def test_taking_the_files_away_leads_back_to_the_empty_page(page: AppTest) -> None:
    upload(page, ("a.png", file(FIRST.gray)))
    upload(page)
    assert "No photo yet" in words(page)


def test_without_a_checkpoint_the_page_says_how_to_get_one(
    page: AppTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing(kind: str) -> Reader:
        raise CheckpointError(f"there is no checkpoint at {kind}.safetensors")

    monkeypatch.setattr(readers, "_reader", missing)
    page.run()
    assert not page.exception and "There is no model to read with" in words(page)
