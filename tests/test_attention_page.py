"""The Attention page without a browser: every head has its map, scrubbers move, and what-if answers, for both models."""

import csv
import io
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from core.reading import Reader
from core.understanding.attention.what_if import Head, Patch
from pages.common import mnist, readers, sitemap
from tests.drawings import draw
from tests.test_pages import words


@pytest.fixture
def page(root: Path) -> AppTest:
    app = AppTest.from_file(str(root / "streamlit_app.py"), default_timeout=60)
    page = app.switch_page(sitemap.ATTENTION.file).run()
    assert not page.exception
    return page


@pytest.fixture
def saved(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What can be downloaded from the page as it is now, by the button's label."""
    files: dict[str, Any] = {}
    monkeypatch.setattr(
        "streamlit.download_button",
        lambda label, data, *_, **__: files.update({label: data}),
    )
    return files


def maps(page: AppTest) -> list[str]:
    """The pictures in the grid of heads, by layer and head."""
    (grid,) = (
        block.proto.body for block in page.get("html") if block.proto.body.startswith('<div class="heads')
    )
    return re.findall(r'<figure[^>]*><img alt="Layer \d+, head \d+" src="([^"]+)"', grid)


def bits(page: AppTest) -> list[float]:
    return [float(found) for found in re.findall(r"<b>([\d.]+) bits</b>", words(page))]


def run(changed: Any) -> None:
    """The page once it has answered to what was changed on it."""
    page: AppTest = changed.run()
    assert not page.exception, page.exception[0].message


def _rounded(text: str) -> str:
    return re.sub(r"\d+\.\d+(e-\d+)?", lambda found: f"{float(found[0]):.2f}", text)


def what_if(saved: dict[str, Any]) -> dict[str, Any]:
    """What was asked and answered in the last run of the page."""
    return dict(json.loads(saved["What if (JSON)"]()))


def test_at_first_an_example_is_read_and_every_head_of_the_encoder_has_its_map(page: AppTest) -> None:
    assert [header.value for header in page.header] == [
        "Layers and heads",
        "One patch",
        "Three ways to tell",
        "What if",
    ]
    said = words(page)
    assert (
        re.search(r"Written: \d{3}\.", said) and said.count("read as") == 3
    )  # the reading, before and after
    assert len(maps(page)) == 16 and len(set(maps(page))) == 16 and len(bits(page)) == 16
    assert all(0 < found < np.log2(80) for found in bits(page))


def test_the_single_digit_model_has_a_summary_token_and_no_decoder(page: AppTest) -> None:
    run(page.segmented_control(key="attention-kind").select("digit"))
    assert len(maps(page)) == 8
    parts = page.segmented_control(key="attention-part-2")
    assert parts.options == ["Encoder", "Summary token"]
    run(parts.select("cross"))
    assert "names the digit" in words(page) and len(maps(page)) == 8
    assert [pills.label for pills in page.pills] == ["Encoder"]


def test_another_view_of_the_encoder_is_another_map_of_each_head(page: AppTest) -> None:
    seen = [maps(page)]
    for view in ("patch", "tokens"):
        run(page.selectbox(key="attention-view").select(view))
        seen.append(maps(page))
    assert all(len(set(pictures)) == 3 for pictures in zip(*seen, strict=True))


def test_the_step_of_decoding_is_scrubbed_in_the_cross_attention(page: AppTest) -> None:
    run(page.segmented_control(key="attention-part-3").select("cross"))
    first, spread = maps(page), bits(page)
    assert len(first) == 4
    run(page.select_slider(key="attention-step-3").set_value(2))
    assert not set(first) & set(maps(page)) and spread != bits(page)


def test_the_decoder_shows_what_each_step_looks_back_at(page: AppTest) -> None:
    run(page.segmented_control(key="attention-part-3").select("decoder"))
    chart = json.loads(
        next(part for part in page.get("plotly_chart") if "writes end" in part.proto.spec).proto.spec
    )
    assert chart["layout"]["xaxis"]["ticktext"][0] == "start" and len(maps(page)) == 4


def test_a_head_and_a_layer_can_be_scrubbed_and_are_marked_in_the_grid(page: AppTest) -> None:
    assert words(page).count('class="chosen"') == 4  # the mean of the last layer's heads
    run(page.select_slider(key="attention-layer-encoder-4").set_value("2"))
    run(page.select_slider(key="attention-head-4").set_value("3"))
    assert re.search(r'class="chosen"><img alt="Layer 2, head 3"', words(page))
    assert words(page).count('class="chosen"') == 1 and "Layer 2, head 3" in words(page)


def test_a_patch_is_chosen_by_row_and_column_too(page: AppTest) -> None:
    before = words(page)
    run(page.number_input(key="attention-row").set_value(1))
    run(page.number_input(key="attention-column").set_value(20))
    assert page.session_state["attention-patch"] == Patch(0, 19)
    assert words(page) != before


def test_all_of_it_can_be_taken_along(page: AppTest, saved: dict[str, Any]) -> None:
    run(page)
    assert saved["Maps (PNG)"]().startswith(b"\x89PNG")
    weights = json.loads(saved["Weights (JSON)"]())
    assert np.shape(weights["weights"]) == (4, 4, 80, 80) and weights["part"] == "encoder"
    table = list(csv.DictReader(io.StringIO(saved["Entropy (CSV)"]())))
    assert [round(float(row["entropy_bits"]), 2) for row in table] == pytest.approx(bits(page), abs=0.011)


def test_without_a_change_after_is_as_before(page: AppTest, saved: dict[str, Any]) -> None:
    run(page)
    said = what_if(saved)
    before, after = (json.dumps(said[when]["digits"]) for when in ("before", "after"))
    assert _rounded(before) == _rounded(after)  # one was read beside another cut of the picture
    assert re.search(r"Read again in \d+ ms", words(page))


def test_the_patches_of_a_digit_are_erased_at_one_click_and_undone_at_another(
    page: AppTest, saved: dict[str, Any]
) -> None:
    run(page.button(key="what-if-digit-1").click())
    said = what_if(saved)
    assert said["change"]["erased"] and not said["change"]["masked"]
    before = said["before"]["digits"][1]["probability"]
    assert said["probability_now_of_each_digit_read_before"][1] < 0.5 < before
    run(page.button(key="what-if-undo").click())
    assert what_if(saved)["change"]["erased"] == []


def test_the_same_patches_are_masked_with_the_other_tool(page: AppTest, saved: dict[str, Any]) -> None:
    run(page.segmented_control(key="what-if-tool").select("masked"))
    run(page.button(key="what-if-digit-0").click())
    said = what_if(saved)
    assert said["change"]["masked"] and not said["change"]["erased"]
    run(page.button(key="what-if-digit-0").click())  # again: the marks are taken off
    assert what_if(saved)["change"]["masked"] == []


def test_heads_go_off_and_temperature_changes_and_the_reading_answers(
    page: AppTest, saved: dict[str, Any]
) -> None:
    pills = page.pills(key="what-if-heads-cross-4-4")
    run(pills.set_value([Head("cross", 0, head) for head in range(4)]))
    said = what_if(saved)
    assert (
        said["change"]["heads_off"][0] == ["cross", 0, 0] and said["after"]["text"] != said["before"]["text"]
    )
    run(page.button(key="what-if-undo").click())
    run(page.select_slider(key="what-if-temperature").set_value(4.0))
    said = what_if(saved)
    assert said["change"]["heads_off"] == [] and said["change"]["temperature"] == 4.0
    assert said["after"]["probability"] != said["before"]["probability"]
    spread = [float(found) for found in re.findall(r"attention: ([\d.]+) bits", words(page))]
    assert spread[1] > spread[0]


def test_a_digit_is_moved(page: AppTest, saved: dict[str, Any]) -> None:
    run(page.segmented_control(key="what-if-move").select(2))
    run(page.slider(key="what-if-dx-160").set_value(12))
    said = what_if(saved)
    assert said["change"]["move"] == {"digit": 2, "dx": 12, "dy": 0}
    boxes = [said[when]["digits"][2]["box"] for when in ("before", "after")]
    assert boxes[1][0] > boxes[0][0]


def test_marks_belong_to_a_picture_and_heads_stay(page: AppTest, saved: dict[str, Any]) -> None:
    run(page.button(key="what-if-digit-1").click())
    run(page.pills(key="what-if-heads-encoder-16-4").set_value([Head("encoder", 1, 1)]))
    run(page.number_input(key="picture-seed").set_value(7))
    said = what_if(saved)
    assert said["change"]["erased"] == [] and said["change"]["heads_off"] == [["encoder", 1, 1]]


def test_the_maps_after_the_change_can_be_seen_too(page: AppTest) -> None:
    run(page.toggle(key="what-if-all").set_value(True))
    assert sum(block.proto.body.startswith('<div class="heads') for block in page.get("html")) == 2


def test_the_choice_outlasts_a_change_of_page(page: AppTest) -> None:
    run(page.number_input(key="picture-seed").set_value(11))
    run(page.segmented_control(key="attention-part-3").select("cross"))
    said = re.search(r"Written: (\d+)", words(page))
    page.switch_page(sitemap.DRAW.file).run()
    page.switch_page(sitemap.ATTENTION.file).run()
    again = re.search(r"Written: (\d+)", words(page))
    assert said and again and said[1] == again[1]
    assert page.segmented_control(key="attention-part-3").value == "cross"


def test_a_test_digit_is_chosen_by_its_place(page: AppTest, sample: Any) -> None:
    run(page.segmented_control(key="attention-kind").select("digit"))
    run(page.segmented_control(key="picture-way").select("digit"))
    (place,) = [one for one in page.number_input if one.label.startswith("Which of MNIST")]
    run(place.set_value(5))
    label = mnist.mnist().test.labels[5]
    assert f"Written: {label}" in words(page) and len(maps(page)) == 8


def test_the_pad_is_the_draw_pages_and_an_empty_one_says_what_to_do(
    page: AppTest, number_reader: Reader
) -> None:
    run(page.segmented_control(key="picture-way").select("draw"))
    assert "Nothing drawn yet" in words(page) and not page.header


def test_a_number_of_a_photo_is_looked_into(page: AppTest) -> None:
    run(page.segmented_control(key="picture-way").select("photo"))
    assert "No number yet" in words(page)
    file = io.BytesIO()
    from PIL import Image

    Image.fromarray(draw("407", size=(480, 640), height=70, at=(300, 200), paper=230, ink=30).gray).save(
        file, "PNG"
    )
    page.file_uploader[0].set_value([("sheet.png", file.getvalue(), "image/png")])
    run(page)
    assert "read as 407" in words(page) and len(maps(page)) == 16
    run(page.segmented_control(key="attention-kind").select("digit"))  # another model reads the same place
    assert page.header


def test_a_picture_without_ink_is_said_plainly(page: AppTest, monkeypatch: pytest.MonkeyPatch) -> None:
    from core.reading.example import Example

    monkeypatch.setattr(
        readers, "fresh_example", lambda *_, **__: Example(np.full((60, 200), 255, np.uint8), "")
    )
    run(page)
    assert "No ink here" in words(page) and not page.header
