"""The sweeps page without a browser: it teaches, launches, follows, compares, and hands on what was found."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import streamlit as st
import torch
from streamlit.testing.v1 import AppTest

from core.data.mnist import Mnist
from core.training import jobs
from core.training.sweeps import study
from core.training.sweeps.file import EXAMPLE
from core.training.sweeps.running import run
from core.training.sweeps.study import Sweep, begin, load, trials
from pages.common import sitemap
from tests.test_sweep import TINY, file

NAME = "<b>heads</b>"
GRID = "model.heads: {values: [1, 2]}\ntraining.seed: {values: [0, 1]}"


@pytest.fixture(autouse=True)
def own_lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    threads = torch.get_num_threads()
    monkeypatch.setenv("NUMBERS_LAB", str(tmp_path))
    st.cache_data.clear()
    yield
    st.cache_data.clear()
    torch.set_num_threads(threads)


@pytest.fixture
def launched(monkeypatch: pytest.MonkeyPatch) -> list[tuple[list[str], str]]:
    """What the page asked to be run; nothing is run."""
    asked: list[tuple[list[str], str]] = []
    monkeypatch.setattr(jobs, "launch", lambda command, name: asked.append((command, name)))
    return asked


@pytest.fixture(scope="module")
def trained(sample: Mnist, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a sweep that was run once for all tests of this file."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NUMBERS_LAB", str(tmp_path_factory.mktemp("trained")))
        made = begin(file(GRID), NAME, TINY, sample=True)
        for _ in run(made, sample, None, lambda settings: None):
            pass
    return made.folder


@pytest.fixture
def finished(trained: Path, tmp_path: Path) -> Sweep:
    """That sweep in this test's own lab."""
    shutil.copytree(trained, tmp_path / "sweeps" / trained.name)
    return load(NAME)


@pytest.fixture
def app(root: Path, monkeypatch: pytest.MonkeyPatch) -> AppTest:
    monkeypatch.setattr("streamlit_webrtc.component.get_this_session_info", lambda: None)
    return AppTest.from_file(str(root / "streamlit_app.py"), default_timeout=60)


def opened(app: AppTest) -> AppTest:
    page = app.switch_page(sitemap.SWEEPS.file).run()
    assert not page.exception, page.exception[0].message
    return page


def words(page: AppTest) -> str:
    return "\n".join([*(part.value for part in page.markdown), *(part.value for part in page.caption)])


def charts(page: AppTest) -> list[dict[str, Any]]:
    return [json.loads(part.proto.spec) for part in page.get("plotly_chart")]


def look_at(page: AppTest, view: str) -> AppTest:
    next(one for one in page.segmented_control if one.key == "sweeps-view").select(view).run()
    assert not page.exception, page.exception[0].message
    return page


def test_without_a_sweep_the_page_teaches_what_one_is_and_has_an_example_ready(app: AppTest) -> None:
    page = opened(app)
    assert "No sweep yet" in words(page) and "**6 runs**" in words(page)
    assert page.text_area(key="sweeps-file").value == EXAMPLE and not page.segmented_control


def test_a_newcomer_opens_the_bundled_study_and_sees_what_was_found(app: AppTest) -> None:
    page = opened(app)
    next(button for button in page.button if button.label == "Open the bundled study").click().run(
        timeout=120
    )
    assert not page.exception
    assert set(page.multiselect(key="sweeps-chosen").options) == {
        "heads",
        "layers",
        "patches",
        "positions",
        "temperature",
        "activation",
        "dropout",
    }
    assert page.dataframe and "No sweep yet" not in words(page)


def test_a_sweep_is_launched_as_a_job_and_chosen_at_once(
    app: AppTest, launched: list[tuple[list[str], str]]
) -> None:
    page = opened(app)
    page.text_area(key="sweeps-file").set_value(file("model.heads: {values: [2, 4]}")).run()
    page.text_input(key="sweeps-name").set_value("../my *sweep*").run()
    page.toggle(key="sweeps-sample").set_value(True).run()
    next(button for button in page.button if button.label == "Start the sweep").click().run()
    assert not page.exception
    made = load("../my *sweep*")
    assert launched == [(["sweep", str(made.folder)], "../my *sweep*")]
    assert made.sample and made.trials == 2
    assert page.multiselect(key="sweeps-chosen").value == ["../my *sweep*"]
    assert "appear here as soon as" in words(page)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (file("model.heds: {values: [1, 2]}"), "did you mean 'heads'"),
        (file("learning_rate: {min: 0.1, max: 0.01}", method="random"), "swap them"),
        (file(metric="loss"), "is never validated"),
        ("", "holds no sweep"),
    ],
)
def test_a_file_that_cannot_be_tried_out_is_refused_before_it_starts(
    text: str, message: str, app: AppTest, tmp_path: Path
) -> None:
    page = opened(app)
    page.text_area(key="sweeps-file").set_value(text).run()
    assert message in page.error[0].value.replace("\\", "")
    assert not [button for button in page.button if button.label == "Start the sweep"]
    assert not (tmp_path / "sweeps").exists()


def test_a_taken_name_is_refused(app: AppTest, launched: list[Any]) -> None:
    begin(file(GRID), "heads", TINY)
    page = opened(app)
    page.toggle(key="sweeps-form").set_value(True).run()
    page.text_input(key="sweeps-name").set_value("heads").run()
    next(button for button in page.button if button.label == "Start the sweep").click().run()
    assert "choose another name" in page.error[0].value and not launched


def test_every_view_shows_a_finished_sweep(app: AppTest, finished: Sweep) -> None:
    page = opened(app)
    assert "4 of 4 runs: 4 finished" in page.get("progress")[0].proto.text
    table = page.dataframe[0].value
    assert len(table) == 4 and set(table["model.heads"]) == {"1", "2"}
    expected = {"Runs": 1, "Epochs": 2, "Cost": 1, "Groups": 1}
    for view, count in expected.items():
        assert len(charts(look_at(page, view))) == count, view
    groups = page.dataframe[0].value
    assert list(groups["runs"]) == [2, 2]
    look_at(page, "Settings")
    assert {chart["layout"]["title"]["text"] for chart in charts(page)} >= {
        "By model.heads",
        "By training.seed",
        "Two settings together",
    }


def test_names_are_data_and_never_markup(app: AppTest, finished: Sweep) -> None:
    page = opened(app)
    for view in ("Runs", "Cost", "Groups"):
        look_at(page, view)
        assert "<b>heads" not in words(page) and "<b>heads" not in json.dumps(
            [trace.get("name") for chart in charts(page) for trace in chart["data"]]
        )


def test_the_best_trial_is_shown_and_another_one_when_it_is_clicked(app: AppTest, finished: Sweep) -> None:
    page = opened(app)
    best = finished.best(trials(finished))
    assert best is not None and page.header[0].value == "The best run"
    assert f"Run {best.number} of" in words(page) and str(best.checkpoint) in [
        code.value for code in page.code
    ]
    other = next(one for one in trials(finished) if one.number != best.number)
    page.session_state["sweeps-trial"] = (finished.name, other.number)
    page.run()
    assert page.header[0].value == "The run that you chose" and f"Run {other.number} of" in words(page)


def test_the_settings_of_a_trial_fill_the_form_of_the_train_page(app: AppTest, finished: Sweep) -> None:
    page = opened(app)
    page.session_state["sweeps-trial"] = (finished.name, 1)
    page.run()
    next(button for button in page.button if button.label == "Train with its settings").click().run()
    assert not page.exception and page.title[0].value == sitemap.LAUNCH.title
    assert page.session_state["train.training.seed"] == 1 and page.session_state["train.model.dim"] == 16


def test_several_sweeps_stand_side_by_side(app: AppTest, finished: Sweep, sample: Mnist) -> None:
    other = begin(file("model.heads: {values: [1, 4]}"), "more heads", TINY)
    for _ in run(other, sample, None, lambda settings: None):
        pass
    begin(file("model.heads: {values: [1, 8]}"), "not begun", TINY)
    page = opened(app)
    page.multiselect(key="sweeps-chosen").set_value(["not begun", finished.name, "more heads"]).run()
    assert {part.proto.text[:6] for part in page.get("progress")} == {"0 of 2", "4 of 4", "2 of 2"}
    history = charts(page)[0]["data"]
    assert len(history) == 4 and len(page.dataframe[0].value) == 6
    assert len(charts(look_at(page, "Cost"))[0]["data"]) == 6
    look_at(page, "Groups")
    assert list(page.dataframe[0].value["runs"]) == [2, 2, 1, 1]


def test_an_interrupted_sweep_can_go_on(
    app: AppTest, sample: Mnist, launched: list[tuple[list[str], str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    made = begin(file(GRID), "cut", TINY)
    running = run(made, sample, None, lambda settings: None)
    next(running)
    running.close()
    monkeypatch.setattr(study, "is_alive", lambda *_: False)  # as if this process were gone
    page = opened(app)
    assert "0 of 4 runs: 1 was interrupted" in page.get("progress")[0].proto.text
    next(button for button in page.button if button.label == "Go on").click().run()
    assert launched == [(["sweep", str(made.folder)], "cut")]


def test_a_sweep_that_is_broken_does_not_take_the_page_with_it(app: AppTest, finished: Sweep) -> None:
    (finished.folder / "journal.log").write_text("nonsense\n{}\n{}\n")
    page = opened(app)
    assert "cannot be read from" in page.error[0].value.replace("\\", "")
    (finished.folder / "about.json").write_text("{")
    st.cache_data.clear()
    assert "No sweep yet" in words(page.run())
