"""Where the time of a frame goes: every stage is run on what the stage before it gave, and nobody's threads are kept."""

import numpy as np
import pytest
import torch

from core.config import PRESETS
from core.data.mnist import Mnist
from core.model.checkpoint import Checkpoint, build
from core.reading import Reader
from core.understanding.reports import latency
from core.understanding.reports.latency import STAGES, in_turns, profile, readable_frames, tasks
from core.understanding.reports.sentences import time as said


def test_a_frame_of_the_number_model_is_timed_stage_by_stage(number_reader: Reader, sample: Mnist) -> None:
    threads = torch.get_num_threads()
    took = profile(number_reader, sample.split("validation"), frames=1, runs=3)
    assert took is not None and torch.get_num_threads() == threads
    assert [stage.name for stage in took.stages] == list(STAGES)
    assert all(0 <= stage.low <= stage.median <= stage.high for stage in took.stages)
    # The whole is no less than its dearest part.
    assert took.total.median >= max(stage.low for stage in took.stages) > 0
    assert (took.frames, took.runs, took.length) == (1, 3, 3) and "number of 3 digits" in said(took)


def test_frames_are_timed_only_where_as_many_digits_are_read(number_reader: Reader, sample: Mnist) -> None:
    (frame,) = readable_frames(number_reader, sample.split("validation"), 3, 1)
    (reading,) = number_reader.read_all(frame)
    assert len(reading.text) == 3
    drawn = tasks(number_reader, frame)["overlay"]()
    assert isinstance(drawn, np.ndarray) and drawn.shape == frame.shape and (drawn != frame).any()


def test_a_model_that_reads_nothing_is_not_timed(sample: Mnist, monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(0)
    settings = PRESETS["number-small"]
    fresh = Reader(Checkpoint(build(settings), settings))
    some = latency.readable_frames
    monkeypatch.setattr(
        latency,
        "readable_frames",
        lambda reader, digits, length, count: some(reader, digits, length, count, tries=8),
    )
    assert profile(fresh, sample.split("validation")) is None and "nothing to time" in said(None)


def test_tasks_take_turns() -> None:
    order: list[str] = []
    ticks = iter(range(100))
    seconds = in_turns(
        {name: lambda name=name: order.append(name) for name in "ab"},  # type: ignore[misc]
        runs=2,
        warmup=1,
        clock=lambda: float(next(ticks)),
    )
    assert order == ["a", "b"] * 3 and seconds == {"a": [1.0, 1.0], "b": [1.0, 1.0]}
