"""The analysis page without a browser: it teaches, analyses, shows every side, and gives all of it to take along."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import streamlit as st
import torch
from streamlit.testing.v1 import AppTest

from core.data.mnist import Mnist
from core.model.checkpoint import BUNDLED
from core.understanding.reports import latency
from pages.common import mnist as digits
from pages.common import sitemap
from pages.understand import finder_panel


@pytest.fixture(autouse=True)
def threads_as_before() -> Iterator[None]:
    threads = torch.get_num_threads()
    yield
    torch.set_num_threads(threads)


@pytest.fixture
def app(root: Path, sample: Mnist, monkeypatch: pytest.MonkeyPatch) -> AppTest:
    """The app, with the sample whatever is on this machine."""
    monkeypatch.setattr("streamlit_webrtc.component.get_this_session_info", lambda: None)
    monkeypatch.setattr(digits, "mnist", lambda: sample)
    return AppTest.from_file(str(root / "streamlit_app.py"), default_timeout=120)


def opened(app: AppTest) -> AppTest:
    return well(app.switch_page(sitemap.ANALYSIS.file).run())


def well(page: AppTest) -> AppTest:
    assert not page.exception, page.exception[0].message
    return page


def choose(page: AppTest, key: str, value: object) -> AppTest:
    next(one for one in page.segmented_control if one.key == key).select(value).run()
    return well(page)


def analysed(app: AppTest, kind: str = "digit") -> AppTest:
    page = choose(choose(opened(app), "analysis-kind", kind), "analysis-count", 500)
    page.button(key="analysis-go").click().run()
    return well(page)


def words(page: AppTest) -> str:
    return "\n".join([*(part.value for part in page.markdown), *(part.value for part in page.caption)])


def charts(page: AppTest) -> list[dict[str, Any]]:
    return [json.loads(part.proto.spec) for part in page.get("plotly_chart")]


def titles(page: AppTest) -> list[str]:
    return [chart["layout"].get("title", {}).get("text", "") for chart in charts(page)]


def html(page: AppTest) -> str:
    return "".join(part.proto.body for part in page.get("html"))


def test_before_anything_is_analysed_the_page_says_what_will_be(app: AppTest) -> None:
    page = opened(app)
    assert "Nothing analysed yet" in words(page) and "**validation** digits" in words(page)
    assert page.button(key="analysis-go").label == "Analyse 2,000 canvases"
    assert not charts(page) and "bundled sample" in words(page)


def test_every_side_of_a_model_is_shown_and_a_choice_is_kept_for_the_next_visit(app: AppTest) -> None:
    page = analysed(app, "number")
    figures = {metric.label: metric.value for metric in page.metric}
    assert set(figures) == {
        "Numbers read whole",
        "Digits read right",
        "Errors per digit",
        "Nothing there",
        "Calibration error",
        "Coverage at 99 %",
    }
    assert 60 < float(figures["Numbers read whole"].rstrip("%")) < 100
    assert titles(page) == ["Read without any error"] and page.subheader[0].value == "What stands out"

    choose(page, "analysis-view", "Where it fails")
    assert titles(page)[:6] == [
        "By length",
        "By digit",
        "By place in the number",
        "By scale",
        "By spacing",
        "By rotation",
    ]
    assert titles(page)[-1] == "By camera effect and its strength"
    for trace in charts(page)[1]["data"]:
        assert trace["error_y"]["array"][0] + trace["error_y"]["arrayminus"][0] > 0

    choose(page, "analysis-view", "Confusions")
    (matrix,) = charts(page)
    # A click is what the chart's callback makes of it; the list beside does the same from the keyboard.
    cell = next(cell for cell in map(tuple, matrix["data"][0]["customdata"]) if cell[0] == cell[1] == "3")
    page.session_state["analysis-cell"] = cell
    well(page.run())
    assert page.selectbox(key="analysis-cell").value == ("3", "3")
    assert html(page).count("<figure>") == 12 and "The first 12 of" in words(page)

    choose(page, "analysis-view", "Confidence")
    assert titles(page) == ["Reliability", "Risk and coverage"] and "AURC" in words(page)

    choose(page, "analysis-view", "Worst mistakes")
    assert "readings are wrong" in words(page) and "The strip that the model saw" in html(page)

    page = opened(app)
    assert titles(page) or html(page)  # what was analysed is still there
    assert not [button for button in page.button if button.key == "analysis-go"]


def test_stages_are_timed_here_and_now(app: AppTest, monkeypatch: pytest.MonkeyPatch) -> None:
    some = latency.readable_frames
    monkeypatch.setattr(
        latency, "readable_frames", lambda reader, digits, length, _: some(reader, digits, length, 1)
    )  # one frame will do
    page = choose(analysed(app), "analysis-view", "Time")
    assert titles(page) == ["One frame of 640 × 480 pixels"] and "Measured now on this machine" in words(page)
    (bars,) = charts(page)[0]["data"]
    assert [name.split(",")[0] for name in bars["y"]][::-1] == [
        "find the number",
        "even it out to a strip",
        "encoder",
        "attention of each digit",
        "draw it over the frame",
    ]


def test_the_test_set_is_said_to_be_for_the_final_figure(app: AppTest) -> None:
    page = choose(analysed(app), "analysis-split", "test")
    assert "final figure only" in words(page)
    assert page.button(key="analysis-go").label == "Analyse 500 canvases"  # other canvases, asked for anew


def test_another_seed_asks_for_other_canvases(app: AppTest) -> None:
    page = analysed(app)
    before = [metric.value for metric in page.metric]
    page.number_input(key="analysis-seed").set_value(1).run()
    well(page).button(key="analysis-go").click().run()
    after = [metric.value for metric in well(page).metric]
    assert len(after) == len(before) and after != before


def test_everything_can_be_taken_along(app: AppTest) -> None:
    page = analysed(app)
    assert [part.proto.label for part in page.get("download_button")] == [
        "Report (HTML)",
        "Figures (JSON)",
        "Readings (CSV)",
    ]


def test_a_runs_checkpoint_is_analysed_instead_once_it_is_chosen(app: AppTest, tmp_path: Path) -> None:
    own = tmp_path / "best.safetensors"
    own.write_bytes((BUNDLED / "digit.safetensors").read_bytes())
    page = analysed(app)
    page.session_state["reader-digit"] = (own, "<b>mine</b>")
    well(page.run())
    assert "&lt;b&gt;mine" in html(page) and page.button(key="analysis-go").label
    page.button(key="analysis-go").click().run()
    assert well(page).metric


def test_without_a_checkpoint_the_page_says_how_to_get_one(app: AppTest, tmp_path: Path) -> None:
    page = opened(app)
    page.session_state["reader-number"] = (tmp_path / "gone.safetensors", "gone")
    assert "no model to read with" in words(well(page.run()))


@pytest.fixture(autouse=True, scope="module")
def nothing_stays_cached() -> Iterator[None]:
    yield
    st.cache_data.clear()
    st.cache_resource.clear()


def test_the_finder_is_analysed_on_scenes_with_its_heat_map(
    app: AppTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(finder_panel, "_SIZES", {14: "few"})
    page = choose(opened(app), "analysis-kind", "finder")
    keys = {one.key for one in [*page.segmented_control, *page.number_input]}
    assert "analysis-scenes" in keys and not {"analysis-count", "analysis-seed", "analysis-view"} & keys
    figures = {metric.label: metric.value for metric in page.metric}
    assert float(figures["Numbers found"].rstrip("%")) > 40 and "Precision" in figures
    assert "14 scenes of validation digits" in words(page)
    assert len(charts(page)) == 1 and len(page.get("image")) == 8
    worst = [image.proto.imgs[0].caption for image in page.get("image")]
    page = choose(page, "analysis-finder-which", "Without a number")
    empty = [image.proto.imgs[0].caption for image in page.get("image")]
    assert empty and all(caption.startswith("no number") for caption in empty)
    assert any("found" in caption for caption in worst)
    assert {one.key for one in choose(page, "analysis-kind", "digit").segmented_control} >= {"analysis-count"}
