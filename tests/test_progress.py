"""How far a training has come, told from the files in its folder while another process writes them."""

import json
from math import isnan
from pathlib import Path
from typing import Any

import pytest

from core.config import RunSettings, TrainingSettings
from core.training.store.progress import Progress, progress
from core.training.store.recording import LOG, SETTINGS

RUN = RunSettings(training=TrainingSettings(epochs=2, steps_per_epoch=50, batch_size=20, learning_rate=0.01))


def step(number: int, **more: Any) -> dict[str, Any]:
    plain = {"loss": 2.0, "smoothed_loss": 1.5, "rate": 0.5, "seconds": 0.1}
    return {"kind": "step", "step": number, **plain, **more}


def epoch(number: int, *, is_best: bool, **scores: float) -> dict[str, Any]:
    return {"kind": "epoch", "epoch": number, "step": 50 * number, "scores": scores, "is_best": is_best}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / SETTINGS).write_text(RUN.model_dump_json())
    return tmp_path


def logged(folder: Path, *records: dict[str, Any], end: str = "") -> Progress:
    (folder / LOG).write_text("".join(json.dumps(record) + "\n" for record in records) + end)
    return progress(folder)


def test_curves_epochs_and_time_are_those_of_the_log(folder: Path) -> None:
    now = logged(
        folder,
        step(1),
        step(40, seconds=0.3),
        epoch(1, is_best=True, clean=0.5),
        step(60),
        epoch(2, is_best=False, clean=0.4),
    )
    assert (now.steps, now.losses, now.smoothed, now.rates) == (
        [1, 40, 60],
        [2.0] * 3,
        [1.5] * 3,
        [0.005] * 3,
    )
    assert (now.epochs, now.epoch_steps, now.scores, now.best) == (
        [1, 2],
        [50, 100],
        {"clean": [0.5, 0.4]},
        1,
    )
    assert (now.step, now.total) == (100, 100)


def test_time_left_is_told_by_the_usual_step_of_late_and_not_by_a_slow_one(folder: Path) -> None:
    now = logged(
        folder,
        *[step(number, seconds=9.0) for number in range(30)],
        *[step(30 + n, seconds=0.1) for n in range(20)],
        step(50, seconds=5.0),
    )
    assert now.seconds_per_step == 0.1
    assert now.images_per_second == pytest.approx(200) and now.seconds_left == pytest.approx(5.0)


def test_a_line_that_is_being_written_waits_for_the_next_call(folder: Path) -> None:
    assert logged(folder, step(1), end='{"kind": "step", "st').steps == [1]


def test_a_score_that_came_later_leaves_a_gap_before_it(folder: Path) -> None:
    now = logged(folder, epoch(1, is_best=True, clean=0.1, mnist=0.2), epoch(2, is_best=True, clean=0.3))
    assert (
        now.scores["clean"] == [0.1, 0.3] and now.scores["mnist"][0] == 0.2 and isnan(now.scores["mnist"][1])
    )


def test_before_the_first_line_nothing_is_known_but_how_long_it_will_be(folder: Path) -> None:
    now = progress(folder)
    assert (now.step, now.total, now.best, now.seconds_per_step, now.images_per_second) == (
        0,
        100,
        None,
        0.0,
        0.0,
    )


@pytest.mark.parametrize("text", [None, "{", '{"model": {"dim": "x"}}'])
def test_a_training_that_has_not_begun_or_whose_settings_are_broken_has_come_nowhere(
    tmp_path: Path, text: str | None
) -> None:
    if text is not None:
        (tmp_path / SETTINGS).write_text(text)
    assert progress(tmp_path) == Progress(None) and progress(tmp_path).total == 0
