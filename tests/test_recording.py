"""What a training leaves behind: a log in its folder, and in the store its curves, its best scores and its files."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from core.config import RunSettings
from core.training.engine import BEST, Epoch, Step
from core.training.store.recording import LOG, SETTINGS, WATCHED, keep, recorded
from core.training.store.tracking import Metric, Status, Store, StoreError
from core.training.watch import Watched, save_watched

SETTINGS_OF_ALL = RunSettings()
WATCHED_ONCE = Watched(
    np.zeros((1, 4, 8), np.uint8), ["1"], [""], np.ones(1, np.float32), np.zeros((1, 0, 1, 2), np.float16)
)


class Memory(Store):
    """A store that keeps what it is given where a test can look at it."""

    def __init__(self, *, refuses: int = 0) -> None:
        super().__init__("sqlite:///never made")
        self.values: list[Metric] = []
        self.files: list[str] = []
        self.ended = ""
        self.refuses = refuses

    def log(self, run_id: str, metrics: Sequence[Metric]) -> None:
        if self.refuses:
            self.refuses -= 1
            raise StoreError("the disk is full")
        self.values += metrics

    def keep(self, run_id: str, path: Path, folder: str = "") -> None:
        if self.refuses:
            raise StoreError("the disk is full")
        self.files.append(f"{folder}/{path.name}".lstrip("/"))

    def end(self, run_id: str, status: Status, ended: Any = None) -> None:
        self.ended = status

    def of(self, name: str) -> list[float]:
        return [value.value for value in self.values if value.name == name]


def step(number: int, loss: float = 1.0) -> Step:
    return Step(number, loss, {"reading": loss}, 0.5, 0.1)


def epoch(number: int, **scores: float) -> Epoch:
    return Epoch(number, 10 * number, scores, is_best=True, seconds=1.0, watched=WATCHED_ONCE)


def log_of(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / LOG).read_text().splitlines()]


def test_records_pass_on_unchanged_and_the_loss_is_smoothed(tmp_path: Path) -> None:
    records: list[Step | Epoch] = [step(1, 2.0), step(2, 1.0), epoch(1, clean=0.5)]
    passed = list(recorded(records, SETTINGS_OF_ALL, tmp_path))
    assert [record for record, _ in passed] == records
    assert [loss for _, loss in passed] == pytest.approx([2.0, 1.98, 1.98])


def test_the_log_has_every_epoch_and_no_more_than_a_step_of_each_second(tmp_path: Path) -> None:
    list(recorded([step(1), step(2), step(3), epoch(1, clean=0.5)], SETTINGS_OF_ALL, tmp_path))
    first, last = log_of(tmp_path)
    assert (first["kind"], first["step"], first["smoothed_loss"]) == ("step", 1, 1.0)
    assert (last["kind"], last["epoch"], last["scores"]) == (
        "epoch",
        1,
        {"clean": 0.5},
    ) and "watched" not in last


def test_the_store_has_each_value_and_the_best_so_far(tmp_path: Path) -> None:
    store = Memory()
    epochs = [
        epoch(1, clean=0.5, calibration=1.5),
        epoch(2, clean=0.9, calibration=1.0),
        epoch(3, clean=0.7, calibration=1.2),
    ]
    list(recorded([step(1), *epochs], SETTINGS_OF_ALL, tmp_path, store, "run"))
    assert store.of("clean") == [0.5, 0.9, 0.7] and store.of("best.clean") == [0.5, 0.9, 0.9]
    assert store.of("loss") == [1.0] and store.of("learning_rate") == [
        SETTINGS_OF_ALL.training.learning_rate / 2
    ]
    assert store.of("images_per_second") == [pytest.approx(10 * SETTINGS_OF_ALL.training.batch_size)]
    assert store.of("best.calibration") == [1.5, 1.0, 1.2]  # no temperature is better than another


def test_a_training_that_goes_on_remembers_its_best_score(tmp_path: Path) -> None:
    list(recorded([epoch(1, clean=0.9), epoch(2, clean=0.4)], SETTINGS_OF_ALL, tmp_path))
    store = Memory()
    list(recorded([step(21), epoch(3, clean=0.6)], SETTINGS_OF_ALL, tmp_path, store, "run"))
    assert store.of("clean") == [0.6] and store.of("best.clean") == [0.9]


def test_what_was_logged_after_the_last_saved_state_is_forgotten_and_so_is_half_a_line(
    tmp_path: Path,
) -> None:
    list(recorded([epoch(1, clean=0.2), epoch(2, clean=0.9)], SETTINGS_OF_ALL, tmp_path))
    with (tmp_path / LOG).open("a") as file:
        file.write('{"kind": "step", "st')
    store = Memory()
    list(recorded([epoch(2, clean=0.3)], SETTINGS_OF_ALL, tmp_path, store, "run"))
    assert [(line["epoch"], line["scores"]["clean"]) for line in log_of(tmp_path)] == [(1, 0.2), (2, 0.3)]
    assert store.of("best.clean") == [0.3]


def test_a_store_that_refuses_loses_nothing_and_does_not_stop_the_training(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store = Memory(refuses=1)
    list(recorded([epoch(1, clean=0.5), epoch(2, clean=0.6)], SETTINGS_OF_ALL, tmp_path, store, "run"))
    assert store.of("clean") == [0.5, 0.6]
    assert "the disk is full. The training goes on" in capsys.readouterr().err


def test_all_that_a_training_made_is_kept_with_its_run(tmp_path: Path) -> None:
    list(recorded([epoch(1, clean=0.5), epoch(2, clean=0.6)], SETTINGS_OF_ALL, tmp_path))
    for name in (SETTINGS, BEST):
        (tmp_path / name).touch()
    store = Memory()
    keep(store, "run", tmp_path, "stopped")
    assert store.files == [SETTINGS, BEST, LOG, f"{WATCHED}/0001.npz", f"{WATCHED}/0002.npz"]
    assert store.ended == "stopped"


def test_of_a_training_that_did_not_begin_only_the_end_is_told(tmp_path: Path) -> None:
    store = Memory()
    keep(store, "run", tmp_path, "failed")
    assert store.files == [] and store.ended == "failed"


def test_what_cannot_be_kept_is_said_and_stays_in_the_folder(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    save_watched(tmp_path / WATCHED, 1, WATCHED_ONCE)
    keep(Memory(refuses=1), "run", tmp_path, "finished")
    assert f"all of it is in {tmp_path}" in capsys.readouterr().err
