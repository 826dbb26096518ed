"""The robustness benchmark counts what it says it counts."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from benchmarks.robustness import Outcome, Robustness
from core.data.scenes.frame import make_frame
from core.reading.find.place import Place, overlap

if TYPE_CHECKING:
    from core.data.mnist import Mnist
    from core.reading import Reader


def square(left: float, top: float, side: float) -> np.ndarray:
    return np.array([[left, top], [left + side, top], [left + side, top + side], [left, top + side]])


def test_outlines_overlap_by_what_they_share_of_both() -> None:
    assert overlap(square(0, 0, 10), square(0, 0, 10)) == pytest.approx(1)
    assert overlap(square(0, 0, 10), square(5, 0, 10)) == pytest.approx(1 / 3)
    assert overlap(square(0, 0, 10), square(20, 0, 10)) == 0
    diamond = np.array([[5, 0], [10, 5], [5, 10], [0, 5]])
    assert overlap(square(0, 0, 10), diamond) == pytest.approx(0.5)


def test_a_frame_is_right_when_its_number_is_read_and_nothing_else(
    sample: "Mnist", number_reader: "Reader"
) -> None:
    frame = make_frame(sample.split("train"), "clean", 0)
    ((text, true),) = frame.numbers
    reading = replace(number_reader.read(frame.picture, with_attention=False), text=text)
    (left, top), (right, bottom) = true.min(0).tolist(), true.max(0).tolist()
    place = Place((left, top, right, bottom), 0.0)
    good = Outcome("clean 0", frame, [reading], [place], 0.01, text)
    assert good.right and good.located and good.extra == 0
    twice = replace(good, readings=[reading, reading])
    assert not twice.right and twice.extra == 1
    missed = replace(good, readings=[], places=[Place((0.0, 0.0, 9.0, 9.0), 0.0)])
    assert not missed.right and not missed.located and missed.extra == 0
    assert not replace(good, readings=[replace(reading, text=text + "0")]).right


def test_the_table_has_a_row_for_a_condition_and_saves_what_failed(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    Robustness.main(["--count", "2", "--split", "validation", "--condition", "mixture of three"])
    row = capsys.readouterr().out.splitlines()[-1]
    assert row.startswith("| mixture of three |") and row.count("%") == 3
    Robustness.main(["--count", "15", "--empty", "--worst", "1", "--save", str(tmp_path)])
    lines = capsys.readouterr().out.splitlines()
    assert "| blank paper | 1 of 1 |  |" in lines
    *kinds, everything, rooms = lines[-17:]
    failed = sum("| 0 of 1 |" in line for line in kinds)
    assert len(list(tmp_path.glob("*.png"))) == failed + ("15 of 15" not in rooms)
    assert f"{15 - failed} of 15" in everything and rooms.startswith("| furnished room |")
