"""The Train page: a form that is the settings themselves, an estimate that follows it, and jobs in every state they can be in."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from core.config import PRESETS, RunSettings, acting_settings
from core.training import jobs
from core.training.store.recording import LOG, SETTINGS, WATCHED
from core.training.watch import Sighted, save_watched
from pages.common import sitemap
from tests.conftest import ROOT


@pytest.fixture(autouse=True)
def own_lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("NUMBERS_LAB", str(tmp_path))
    yield
    for job in jobs.jobs():
        jobs.kill(job.id)


def page() -> AppTest:
    app = AppTest.from_file(str(ROOT / "streamlit_app.py"), default_timeout=60)
    return app.switch_page(sitemap.LAUNCH.file).run()


def said(app: AppTest) -> str:
    parts = [*app.markdown, *app.caption, *app.error]
    return "\n".join(str(part.value) for part in parts)


def a_job(lab: Path, state: str, **more: object) -> Path:
    """The folder of a job that ended in that state after two epochs."""
    folder = lab / "jobs" / f"20260101-000000-{state}"
    folder.mkdir(parents=True)
    asked = {"name": f"the <i>{state}</i> one", "command": ["train"], "created": 1.8e9}
    (folder / "job.json").write_text(json.dumps(asked))
    (folder / "state.json").write_text(json.dumps({"state": state, **more}))
    (folder / "process.json").write_text(json.dumps({"pid": 2**22 + 7, "created": 1.0}))
    (folder / "output.txt").write_text("reading digits\rits last words\n")
    settings = PRESETS["number-small"]
    (folder / SETTINGS).write_text(settings.model_dump_json())
    steps: list[dict[str, object]] = [
        {
            "kind": "step",
            "step": n,
            "loss": 2 / n,
            "parts": {},
            "rate": 1.0,
            "seconds": 0.1,
            "smoothed_loss": 2 / n,
        }
        for n in (1, 2, 3)
    ]
    epochs: list[dict[str, object]] = [
        {
            "kind": "epoch",
            "epoch": 1,
            "step": 3,
            "scores": {"clean": 0.5, "camera": 0.25},
            "is_best": True,
            "seconds": 1,
        }
    ]
    (folder / LOG).write_text("".join(json.dumps(line) + "\n" for line in [*steps, *epochs]) + '{"kind": "st')
    return folder


def test_every_setting_is_in_the_form_with_its_own_words_and_bounds() -> None:
    app = page()
    assert not app.exception
    for group, names in acting_settings("number").items():
        values = getattr(PRESETS["number-small"], group)
        for name in names:
            field = type(values).model_fields[name]
            label = name.replace("_", " ").capitalize()
            widgets = [*app.number_input, *app.selectbox, *app.text_input]
            (widget,) = (each for each in widgets if each.key == f"train.{group}.{name}")
            assert (widget.label, widget.help) == (label, field.description)
            assert widget.value == getattr(values, name)
    dim = app.number_input(key="train.model.dim")
    assert (dim.min, dim.max) == (8, 1024)


def test_a_preset_fills_the_form_and_the_estimate_follows() -> None:
    app = page()
    parameters = {metric.label: metric.value for metric in app.metric}["Parameters"]
    assert parameters == "85,337"
    app.selectbox(key="train-preset").select("digit").run()
    assert app.selectbox(key="train.model.kind").value == "digit"
    assert {metric.label: metric.value for metric in app.metric}["Parameters"] == "82,955"


def test_the_finder_is_offered_with_what_acts_on_it_and_nothing_else() -> None:
    app = page()
    app.number_input(key="train.canvas.width").set_value(192).run()
    app.selectbox(key="train-preset").select("finder-small").run()
    assert not app.exception
    keys = {each.key for each in [*app.number_input, *app.selectbox, *app.text_input]}
    asked = {f"train.{group}.{name}" for group, names in acting_settings("finder").items() for name in names}
    assert asked <= keys and not any(
        key.startswith(("train.canvas", "train.model.dim")) for key in keys - {None}
    )
    assert {"train.training.box_weight", "train.training.label_smoothing"}.isdisjoint(keys)
    assert {metric.label: metric.value for metric in app.metric}["Parameters"] == "136,397"
    assert "1,500 steps of 12 windows of scenes" in said(app) and "1,500 scenes are made first" in said(app)
    app.selectbox(key="train.model.kind").select("number").run()
    assert not app.exception and app.number_input(key="train.canvas.height").value == 32
    assert app.number_input(key="train.training.batch_size").value == 12, "what both have stays"


def test_pressing_train_starts_the_finder_as_a_job_with_its_own_settings(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[tuple[list[str], dict[str, str]]] = []

    def launch(command: list[str], name: str, *, files: dict[str, str]) -> None:
        asked.append((command, files))
        raise jobs.JobError("enough")

    monkeypatch.setattr(jobs, "launch", launch)
    app = page()
    app.selectbox(key="train-preset").select("finder-small").run()
    app.selectbox(key="train-begin").select("finder.safetensors").run()
    next(button for button in app.button if button.label == "Train").click().run()
    ((command, files),) = asked
    assert RunSettings.model_validate_json(files["asked.json"]) == PRESETS["finder-small"]
    assert command[0] == "train" and command[-1].endswith("checkpoints/finder.safetensors")


def test_a_finder_s_training_is_shown_with_its_scores_and_where_it_sees_numbers(tmp_path: Path) -> None:
    folder = a_job(tmp_path, "finished")
    (folder / SETTINGS).write_text(PRESETS["finder-small"].model_dump_json())
    scores = {"recall": 0.5, "precision": 0.75, "f1": 0.6, "claimed": 0.1, "score": 0.6}
    (folder / LOG).write_text(
        (folder / LOG).read_text().replace('{"clean": 0.5, "camera": 0.25}', json.dumps(scores))
    )
    outline = np.array([[10, 10], [40, 10], [40, 20], [10, 20]], np.float32)
    save_watched(
        folder / WATCHED,
        1,
        Sighted(
            pictures=np.full((2, 48, 64), 200, np.uint8),
            heat=np.full((2, 12, 16), 128, np.uint8),
            outlines=np.stack([outline, outline, outline + 20]),
            scenes=np.array([0, 1, 1]),
            numbers=np.array([2, 0]),
            seen=np.array([1, 0]),
        ),
    )
    app = page()
    assert not app.exception
    figures = {metric.label: metric.value for metric in app.metric}
    assert figures["Finding, recall"] == "50.0%" and figures["Finding, precision"] == "75.0%"
    assert not any("Exact match" in label for label in figures)
    assert "Where it sees a number" in [header.value for header in app.subheader]
    assert "1 of the 2 numbers in these validation scenes are found" in said(app)


def test_settings_that_cannot_work_name_the_field_and_the_mend_and_nothing_can_be_launched() -> None:
    app = page()
    app.number_input(key="train.model.heads").set_value(7).run()
    assert "dim (40) must be divisible by heads (7)" in said(app)
    (train,) = (button for button in app.button if button.label == "Train")
    assert train.disabled


def test_without_any_training_the_page_says_how_to_begin() -> None:
    assert "No run yet" in said(page())


@pytest.mark.parametrize("state", [state for state in get_args(jobs.State) if state not in jobs.ALIVE])
def test_a_training_is_shown_as_what_became_of_it(state: str, tmp_path: Path) -> None:
    a_job(tmp_path, state, message="the disk is full" if state == "failed" else "")
    app = page()
    assert not app.exception
    words = said(app)
    assert f"\\<i\\>{state}\\</i\\>" in words, "a name is no markup"
    figures = {metric.label: metric.value for metric in app.metric}
    assert (
        figures["Exact match, clean canvases"] == "50.0%"
        and figures["Exact match, camera-like canvases"] == "25.0%"
    )
    assert "Time left" not in figures, "nothing is left to what has ended"
    assert ("its last words" in "".join(code.value for code in app.code)) == (state in ("failed", "died"))
    assert ("the disk is full" in words) == (state == "failed")
    assert any(button.label == "Go on" for button in app.button) == (state != "finished")


def test_a_job_whose_process_is_gone_is_never_shown_as_running(tmp_path: Path) -> None:
    a_job(tmp_path, "running")
    assert "died: its process is gone" in said(page())
