"""The router and what the pages share, without a browser."""

import json
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import plotly.graph_objects as go
import pytest
from streamlit.testing.v1 import AppTest

from core import reading as core_reading
from core.data.mnist import DataUnavailable, Mnist
from core.data.strip import Placement
from core.model.checkpoint import BUNDLED
from core.reading import CheckpointError, Reader
from core.reading.example import Example
from core.reading.palette import position_colour
from pages.common import charts, pad, readers, sitemap
from pages.common import mnist as digits
from pages.common.layout import percent, reading_html
from pages.read import probability_bars
from tests.drawings import draw


@dataclass(frozen=True)
class Digit:
    symbol: str
    probability: float


@dataclass(frozen=True)
class Reading:
    text: str
    probability: float
    digits: tuple[Digit, ...] = ()


@pytest.fixture
def app(root: Path, monkeypatch: pytest.MonkeyPatch) -> AppTest:
    # AppTest has no sessions, and so streamlit-webrtc must not look for this one.
    monkeypatch.setattr("streamlit_webrtc.component.get_this_session_info", lambda: None)
    return AppTest.from_file(str(root / "streamlit_app.py"), default_timeout=60).run()


def test_home_opens_first(app: AppTest) -> None:
    assert not app.exception
    assert [title.value for title in app.title] == ["A transformer that reads handwritten numbers"]


def test_home_has_a_door_to_every_other_page(app: AppTest) -> None:
    doors = [link.proto.label for link in app.get("page_link")]
    assert doors == [screen.title for screen in sitemap.screens() if screen is not sitemap.HOME]


def test_every_page_opens_through_the_router(app: AppTest) -> None:
    for screen in sitemap.screens():
        app.switch_page(screen.file).run()
        assert not app.exception, f"{screen.path}: {app.exception[0].message}"
        assert len(app.title) == 1
        styled = any(".reading-digit" in block.proto.body for block in app.get("html"))
        assert styled, f"{screen.path} was run without the router"
        if screen is not sitemap.HOME:
            assert app.title[0].value == screen.title


def test_every_address_has_a_file_that_a_fresh_server_finds_and_that_hands_over_to_the_router(
    root: Path,
) -> None:
    assert all((root / screen.file).is_file() for screen in sitemap.screens())
    found = {file.stem: file.read_text() for file in (root / "pages").glob("*.py") if file.stem != "__init__"}
    assert set(found) == {screen.address or "home" for screen in sitemap.screens()}
    for address, source in found.items():
        assert f"/{address} over" in source and source.endswith("router.run()\n")


@pytest.mark.parametrize(
    ("probability", "written"),
    [
        (0.0, "0%"),
        (0.0004, "<0.1%"),
        (0.004, "0.4%"),
        (0.873, "87%"),
        (0.9899, "99%"),
        (0.9931, "99.3%"),
        (0.99949, ">99.9%"),
        (0.999999, ">99.9%"),
        (1.0, "100%"),
    ],
)
def test_a_probability_is_never_rounded_to_certainty(probability: float, written: str) -> None:
    assert percent(probability) == written


@pytest.mark.parametrize("nonsense", [-0.1, 1.1, float("nan")])
def test_what_is_no_probability_is_refused(nonsense: float) -> None:
    with pytest.raises(ValueError, match="probability"):
        percent(nonsense)


def test_every_digit_of_a_reading_has_the_colour_of_its_position_and_its_own_probability() -> None:
    html = reading_html(Reading("407", 0.82, (Digit("4", 0.99), Digit("0", 0.9), Digit("7", 0.92))))
    for position, (symbol, sure) in enumerate([("4", "99.0%"), ("0", "90%"), ("7", "92%")]):
        assert f'--ink:{position_colour(position)}"><b>{symbol}</b>' in html
        assert f"<small>{sure}</small>" in html
    assert "82%" in html and "of the whole number" in html and "read as 407" in html


def test_of_a_single_digit_there_is_no_whole_number_to_be_sure_of() -> None:
    assert "whole" not in reading_html(Reading("4", 0.82, (Digit("4", 0.82),)))


def test_a_reading_without_digits_says_that_there_is_no_number() -> None:
    html = reading_html(Reading("", 0.98))
    assert "no number here" in html and "98%" in html and "reading-digit" not in html


def test_a_chart_keeps_what_its_figure_says_and_takes_the_rest_from_the_app(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    shown: list[go.Figure] = []
    monkeypatch.setattr("streamlit.plotly_chart", lambda figure, **_: shown.append(figure))
    figure = go.Figure(
        go.Scatter(y=[1, 2]), layout={"xaxis": {"title": {"text": "step"}}, "showlegend": False}
    )
    charts.show_chart(figure, key="loss", height=200)
    layout = shown[0].layout
    assert (layout.height, layout.xaxis.title.text, layout.showlegend) == (200, "step", False)
    assert layout.paper_bgcolor == "rgba(0, 0, 0, 0)" and layout.colorway[0] == position_colour(0)
    assert layout.xaxis.automargin and layout.font.color is None


def number(*digits: tuple[int, float, list[tuple[str, float]]], sure: float = 0.9) -> core_reading.Reading:
    """A reading that the certainty chart is to show."""
    found = tuple(
        core_reading.DigitReading(value, str(value), p, tuple(others), (0.0, 0.0, 1.0, 1.0))
        for value, p, others in digits
    )
    text = "".join(str(digit.value) for digit in found)
    strip = np.zeros((1, 1), np.float32)
    return core_reading.Reading(text, sure, found, strip, Placement(0.0, 0.0, 1.0), None, (1, 1), None, {})


def test_the_certainty_of_the_whole_stands_above_each_digit_and_its_runners_up() -> None:
    read = number((4, 0.95, [("9", 0.04), ("1", 0.01)]), (0, 0.97, [("6", 0.02), ("end", 0.01)]), sure=0.92)
    figure = probability_bars.probability_figure(read, candidates=2)
    bars = figure.data[0]
    assert bars.x == (0.92, 0.95, 0.04, 0.97, 0.02) and bars.text == ("92%", "95%", "4%", "97%", "2%")
    names = figure.layout.yaxis.ticktext
    assert "40" in names[0] and "<b>4</b>" in names[1] and names[2] == "9" and names[4] == "6"
    assert list(bars.y) == sorted(bars.y) and figure.layout.yaxis.range[0] > figure.layout.yaxis.range[1]
    assert bars.marker.color[1:] == (position_colour(0),) * 2 + (position_colour(1),) * 2


def test_of_a_single_digit_the_whole_has_no_bar_of_its_own() -> None:
    figure = probability_bars.probability_figure(number((4, 0.95, [("9", 0.04)])), candidates=2)
    assert figure.data[0].x == (0.95, 0.04)


# The draw page. AppTest cannot draw, so the pad is replaced by what was drawn on it.

INK = draw("407", size=(pad.HEIGHT, pad.WIDTH), height=120, at=(140, 70)).gray
FOUR = draw("4", size=(pad.HEIGHT, pad.WIDTH), height=120, at=(260, 70)).gray
OpenDraw = Callable[[np.ndarray | None], AppTest]


@pytest.fixture
def open_draw(app: AppTest, monkeypatch: pytest.MonkeyPatch) -> OpenDraw:
    """open_draw(ink): the draw page with that on its pad."""

    def opened(ink: np.ndarray | None) -> AppTest:
        monkeypatch.setattr(pad, "drawing_pad", lambda: ink)
        page = app.switch_page(sitemap.DRAW.file).run()
        assert not page.exception
        return page

    return opened


class Says(Reader):
    """A bundled reader, some of whose words are put into its mouth."""

    def __init__(self, reader: Reader, **words: Any) -> None:
        vars(self).update(vars(reader))
        self.words = words

    def read(self, image: Any, *, with_attention: bool = True) -> core_reading.Reading:
        return replace(super().read(image, with_attention=with_attention), **self.words)


def words(page: AppTest) -> str:
    """All that can be read on the page."""
    html = [block.proto.body for block in page.get("html") if not block.proto.body.startswith("<style>")]
    return "\n".join([*(part.value for part in page.markdown), *(part.value for part in page.caption), *html])


def overlay_file(page: AppTest) -> str:
    """The address of the overlay that can be saved; it changes with what is on it."""
    return next(str(part.proto.url) for part in page.download_button if part.key == "draw-png")


def choose(page: AppTest, label: str, value: str) -> AppTest:
    control = next(one for one in page.segmented_control if one.label == label)
    control.select(value).run()
    assert not page.exception
    return page


def test_an_empty_pad_says_what_to_do_in_either_mode(open_draw: OpenDraw) -> None:
    page = open_draw(None)
    assert "Write a number with the mouse or a finger, e.g.\u00a0407" in words(page)
    assert not page.image and not page.header
    choose(page, "What to read", "Single digit")
    assert "Write one digit, e.g.\u00a04" in words(page)


def test_a_drawing_is_read_and_explained(open_draw: OpenDraw) -> None:
    page = open_draw(INK)
    assert "read as 407" in words(page)
    assert [header.value for header in page.header] == ["Where it looked", "What the model saw"]
    assert len(page.image) == 2
    bars = json.loads(page.get("plotly_chart")[0].proto.spec)["data"][0]
    assert len(bars["text"]) == 10 and all(text.endswith("%") for text in bars["text"])
    assert "80 patches of 8 × 8" in words(page) and "ms for the model" in words(page)
    assert {part.label for part in page.download_button} == {"Overlay (PNG)", "Reading (JSON)"}


def test_every_choice_shows_another_overlay_and_is_kept_when_the_page_is_left(open_draw: OpenDraw) -> None:
    page = open_draw(INK)
    seen = [overlay_file(page)]
    for label, value in [
        ("Digit", "0"),
        ("Method", "Rollout"),
        ("Method", "Gradient-weighted"),
        ("Encoder, up to layer", "1"),
        ("Head", "3"),
    ]:
        choose(page, label, value)
        seen.append(overlay_file(page))
    assert len(set(seen)) == len(seen)
    page.switch_page(sitemap.HOME.file).run()
    page.switch_page(sitemap.DRAW.file).run()
    assert overlay_file(page) == seen[-1]


@pytest.mark.parametrize(
    ("method", "paper"), [("Raw", "Vaswani"), ("Rollout", "Abnar"), ("Gradient-weighted", "Chefer")]
)
def test_each_method_is_explained_and_names_its_paper(method: str, paper: str, open_draw: OpenDraw) -> None:
    page = choose(open_draw(INK), "Method", method)
    assert paper in words(page) and "arxiv.org/abs/" in words(page)


def test_a_choice_that_a_new_drawing_no_longer_offers_falls_back_to_all_digits(
    open_draw: OpenDraw, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = choose(open_draw(INK), "Digit", "7")
    monkeypatch.setattr(
        pad, "drawing_pad", lambda: draw("23", size=(260, 640), height=120, at=(140, 70)).gray
    )
    page.run()
    assert not page.exception and "read as 23" in words(page)
    assert next(one.value for one in page.segmented_control if one.label == "Digit") == -1


def test_single_digit_mode_reads_with_the_digit_model(open_draw: OpenDraw) -> None:
    page = choose(open_draw(FOUR), "What to read", "Single digit")
    assert "read as 4" in words(page) and "16 patches of 8 × 8" in words(page)
    labels = [one.label for one in page.segmented_control]
    assert "Encoder layer" in labels and "Digit" not in labels


def test_ink_that_is_no_number_shows_what_the_model_saw_and_what_to_try(open_draw: OpenDraw) -> None:
    page = open_draw(np.full((pad.HEIGHT, pad.WIDTH), 255, np.uint8))
    assert "no number here" in words(page) and "write it on one line" in words(page)
    assert [header.value for header in page.header] == ["What the model saw"] and len(page.image) == 1
    choose(page, "What to read", "Single digit")
    assert "choose **Number** above" in words(page)


def test_a_part_of_a_longer_number_is_called_a_part(
    open_draw: OpenDraw, monkeypatch: pytest.MonkeyPatch, number_reader: Reader
) -> None:
    assert "part of the number" not in words(open_draw(INK))
    monkeypatch.setattr(readers, "_reader", lambda kind: Says(number_reader, is_cut=True))
    assert "part of the number: more digits stand there" in words(open_draw(INK))


def test_of_a_number_that_was_read_in_parts_the_page_says_why_no_attention_is_shown(
    open_draw: OpenDraw,
) -> None:
    page = open_draw(draw("407812365", size=(pad.HEIGHT, pad.WIDTH), height=60, at=(30, 100)).gray)
    assert "407812365" in words(page)
    assert "It was read in parts, so where it looked is not shown." in words(page)


def test_a_guess_is_called_a_guess(
    open_draw: OpenDraw, monkeypatch: pytest.MonkeyPatch, number_reader: Reader
) -> None:
    assert "guess" not in words(open_draw(INK))
    monkeypatch.setattr(readers, "_reader", lambda kind: Says(number_reader, probability=0.3))
    assert "Hardly more than a guess" in words(open_draw(INK))


def test_several_digits_in_single_digit_mode_are_sent_to_the_other_mode(
    open_draw: OpenDraw, monkeypatch: pytest.MonkeyPatch, digit_reader: Reader
) -> None:
    wide = Says(digit_reader, box=(100.0, 60.0, 500.0, 190.0))
    monkeypatch.setattr(readers, "_reader", lambda kind: wide)
    assert "wide for one digit" in words(choose(open_draw(FOUR), "What to read", "Single digit"))


def test_what_cannot_be_read_is_said_plainly(open_draw: OpenDraw) -> None:
    page = open_draw(np.zeros((2, 2), np.uint8))
    assert "This cannot be read" in words(page) and "only 2 x 2 pixels" in words(page)


@pytest.mark.parametrize(("mode", "kind"), [("Number", "number"), ("Single digit", "digit")])
def test_without_a_checkpoint_the_pages_say_how_to_get_one(
    mode: str, kind: str, app: AppTest, open_draw: OpenDraw, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing(kind: str) -> Reader:
        raise CheckpointError(f"there is no checkpoint at {kind}.safetensors")

    monkeypatch.setattr(readers, "_reader", missing)
    page = choose(open_draw(INK), "What to read", mode)
    assert f"no checkpoint at {kind}.safetensors" in words(page)
    assert f"python -m core train --preset {kind}" in page.code[0].value
    home = page.switch_page(sitemap.HOME.file).run()
    assert not home.exception and "There is no model to read with" in words(home)


def test_the_reading_that_can_be_saved_is_the_one_on_the_page(
    open_draw: OpenDraw, monkeypatch: pytest.MonkeyPatch
) -> None:
    saved: dict[str, Any] = {}
    monkeypatch.setattr(
        "streamlit.download_button", lambda label, data, *_, **__: saved.update({label: data})
    )
    open_draw(INK)
    reading = json.loads(saved["Reading (JSON)"])
    assert reading["text"] == "407" and [digit["value"] for digit in reading["digits"]] == [4, 0, 7]
    assert saved["Overlay (PNG)"].startswith(b"\x89PNG")


def test_home_reads_a_new_number_each_time_and_says_whether_it_was_right(
    app: AppTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[Example] = []

    def noted(seed: int, make: Callable[[int], Example] = readers.fresh_example) -> Example:
        made.append(make(seed))
        return made[-1]

    monkeypatch.setattr(readers, "fresh_example", noted)
    home = app.run()
    for turn in range(3):
        assert not home.exception and len(made) == turn + 1
        page = words(home)
        assert (
            "Read and explained in" in page and "Test digits of MNIST" in page and 'class="reading"' in page
        )
        right = f"read as {made[-1].text}," in page
        assert (":material/check: Right." in page) == right
        assert (f"it was written as {made[-1].text}" in page) == (not right)
        home.button(key="home-another").click().run()
    assert len({one.picture.tobytes() for one in made}) == len(made)
    seen = len(made)
    home.run()
    assert made[seen].text == made[seen - 1].text  # only the button brings another one


@pytest.fixture
def nothing_fetched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """An app that has only the bundled sample of MNIST."""
    monkeypatch.setenv("NUMBERS_DATA", str(tmp_path))
    digits.mnist.clear()
    yield
    digits.mnist.clear()


def test_home_says_that_it_uses_the_sample_and_keeps_it_where_the_rest_cannot_be_had(
    nothing_fetched: None, app: AppTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    def closed(**_: Any) -> Mnist:
        raise DataUnavailable("MNIST cannot be had: no network; try again later")

    monkeypatch.setattr(digits, "fetch_mnist", closed)
    home = app.run()
    assert "bundled sample of MNIST: 5,500 of its 70,000 digits" in words(home)
    home.button(key="mnist-get").click().run()
    assert not home.exception
    assert "The sample stays in use. MNIST cannot be had: no network" in home.warning[0].value


def test_home_fetches_all_of_mnist_when_asked_and_says_no_more_of_the_sample(
    nothing_fetched: None, app: AppTest, sample: Mnist, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = app.run()
    reported: list[float] = []

    def fetch(*, progress: Callable[[float, str], None]) -> Mnist:
        for share in (0.0, 0.5, 1.0):
            progress(share, "fetching")
            reported.append(share)
        monkeypatch.setattr(digits, "load_mnist", lambda: replace(sample, source="cache"))
        return sample

    monkeypatch.setattr(digits, "fetch_mnist", fetch)
    home.button(key="mnist-get").click().run()
    assert not home.exception and reported == [0.0, 0.5, 1.0]
    assert "bundled sample" not in words(home)
    assert not [button for button in home.button if button.key == "mnist-get"]


def test_a_checkpoint_that_is_replaced_is_read_with_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "digit.safetensors"
    path.write_bytes((BUNDLED / "digit.safetensors").read_bytes())
    monkeypatch.setattr(readers, "BUNDLED", tmp_path)
    first, again = readers.reader_or_advice("digit"), readers.reader_or_advice("digit")
    assert first is not None and first is again
    os.utime(path, (1, 1))
    assert readers.reader_or_advice("digit") is not first
