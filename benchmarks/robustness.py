"""Numbers in camera frames, condition by condition, and frames without any number."""

from __future__ import annotations

import math
import statistics
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import cv2
import numpy as np
import torch
from tyro.conf import DisallowNone, arg

from benchmarks.bench import Benchmark
from core.commands.arguments import OptionalPath, Switch
from core.data.mnist import Digits, load_mnist
from core.data.scenes.frame import CONDITIONS, EMPTY_KINDS, Frame, make_empty, make_frame
from core.data.scenes.rooms import load_photographs
from core.data.scenes.scene import make_room_frame
from core.data.scenes.writing import Writers
from core.data.strip import fit, strip
from core.reading import Reader, Reading, limit_threads
from core.reading.find.place import Place, overlap
from core.reading.find.search import find

if TYPE_CHECKING:
    Condition = str
else:
    Condition = Literal[(*CONDITIONS, "furnished room")]

ROOM = "furnished room"
"""A condition, and a kind of empty frame: a sheet held up in one, or before a photograph."""


@dataclass(frozen=True)
class Outcome:
    """What was made of one frame."""

    name: str
    """Condition or kind, and seed."""
    frame: Frame
    readings: list[Reading]
    places: list[Place]
    seconds: float
    """Of `read_all`."""
    told: str
    """What is read where the number is known to be."""

    @property
    def right(self) -> bool:
        return [text for text, _ in self.frame.numbers] == [reading.text for reading in self.readings]

    @property
    def located(self) -> bool:
        return all(
            max((overlap(place.outline, true) for place in self.places), default=0.0) >= 0.5
            for _, true in self.frame.numbers
        )

    @property
    def extra(self) -> int:
        """Readings of what is no number; a number that was read in two pieces has one too many."""
        return max(len(self.readings) - len(self.frame.numbers), 0)


@dataclass(frozen=True)
class Robustness(Benchmark):
    """Numbers in camera frames, condition by condition, and frames without any number.

    The whole way, `Reader.read_all`, on frames of 640 x 480 whose numbers are known. A frame counts as located where a place that
    the reader looks at has half of its area in common with the number's, and as right where exactly one number is read in it,
    and that one as it is written. What the reader makes of the same frame when it is told where the number stands tells misses of
    the finding from those of the reading.
    """

    count: int = 500
    """frames of each condition, and empty frames in all"""
    split: Literal["test", "validation"] = "test"
    """whose digits of MNIST"""
    checkpoint: OptionalPath = None
    """a number model other than the bundled one"""
    condition: Annotated[Condition | None, DisallowNone, arg(help_behavior_hint="")] = None
    """this one only"""
    photographs: OptionalPath = None
    """a folder of photographs without digits, which stand behind two of five sheets instead of a room"""
    empty: Switch = False
    """the empty frames only"""
    worst: int = 0
    """save that many failures of each condition or kind"""
    save: Path = Path("runs/robustness")
    """the folder for them"""

    def rows(self) -> Iterator[str]:
        limit_threads(1)
        reader = Reader.from_checkpoint(self.checkpoint)
        if not self.empty:
            yield from self._conditions(reader)
        if not self.condition:
            yield from self._empty_frames(reader)

    def _conditions(self, reader: Reader) -> Iterator[str]:
        digits = load_mnist().split(self.split)
        yield f"{self.count} numbers of 1 to 5 {self.split} digits under each condition:\n"
        yield "| condition | located | exact match | the same, told where | false extra readings | median ms |"
        yield "|---|---|---|---|---|---|"
        for name in [self.condition] if self.condition else (*CONDITIONS, ROOM):
            frames = self._rooms(digits) if name == ROOM else _numbers(digits, name, self.count)
            yield _row(self._outcomes(reader, frames), name)

    def _empty_frames(self, reader: Reader) -> Iterator[str]:
        yield f"\n{self.count} frames without a number:\n"
        yield "| frames | answered with nothing | read as |"
        yield "|---|---|---|"
        everything = []
        for index, kind in enumerate(EMPTY_KINDS):
            count = len(range(index, self.count, len(EMPTY_KINDS)))
            outcomes = list(self._outcomes(reader, _empties(kind, count)))
            everything += outcomes
            yield _empty_row(outcomes, kind)
        yield _empty_row(everything, "**all**")
        rooms = self._rooms(load_mnist().split(self.split), numbers=False)
        yield _empty_row(list(self._outcomes(reader, rooms)), ROOM)

    def _rooms(self, digits: Digits, *, numbers: bool = True) -> Iterator[tuple[str, Frame]]:
        """Sheets in rooms, with numbers of 1 to 5 of these digits or of typefaces that nobody learned from, or with none."""
        writers = Writers(digits, split=self.split)
        behind = load_photographs(self.photographs) if self.photographs else []
        for seed in range(self.count):
            random = np.random.default_rng([seed, 2])
            text = "".join(map(str, random.integers(0, 10, random.integers(1, 6)).tolist()))
            yield f"{ROOM} {seed}", make_room_frame(writers, seed, text if numbers else None, behind)

    def _outcomes(self, reader: Reader, frames: Iterable[tuple[str, Frame]]) -> Iterator[Outcome]:
        """What is made of every frame; the first failures are saved as pictures."""
        left = self.worst
        for name, frame in frames:
            outcome = _outcome(reader, name, frame)
            if left and not outcome.right:
                _save(outcome, self.save)
                left -= 1
            yield outcome


def _numbers(digits: Digits, condition: str, count: int) -> Iterator[tuple[str, Frame]]:
    for seed in range(count):
        yield f"{condition} {seed}", make_frame(digits, condition, seed)


def _empties(kind: str, count: int) -> Iterator[tuple[str, Frame]]:
    for seed in range(count):
        yield f"{kind} {seed}", make_empty(kind, seed)


def _outcome(reader: Reader, name: str, frame: Frame) -> Outcome:
    started = time.perf_counter()
    readings = reader.read_all(frame.picture, with_attention=False)
    seconds = time.perf_counter() - started
    gray = cv2.cvtColor(frame.picture, cv2.COLOR_RGB2GRAY)
    told = "".join(_read_at(reader, gray, true) for _, true in frame.numbers)
    return Outcome(name, frame, readings, find(gray, reader.finder), seconds, told)


def _read_at(reader: Reader, gray: np.ndarray, corners: np.ndarray) -> str:
    """The text that the model reads in that outline."""
    canvas = reader.settings.canvas
    (left, top), (right, bottom) = corners[0], corners[1]
    angle = math.atan2(bottom - top, right - left)
    turn = cv2.getRotationMatrix2D((0, 0), math.degrees(angle), 1)[:, :2]
    straight = corners @ turn.T
    low, high = straight.min(0), straight.max(0)
    middle, half = (low + high) / 2 @ turn, (high - low) / 2
    box = tuple(np.concatenate([middle - half, middle + half]).tolist())
    picture, extents, _ = fit(gray, box, canvas.height, canvas.width, angle)
    with torch.inference_mode():
        seen = strip(torch.from_numpy(picture)[None, None], torch.tensor([extents], dtype=torch.float32))
        tokens = reader.model.read(seen).tokens[0].tolist()
    return reader.model.vocabulary.decode(tokens)


def _row(outcomes: Iterable[Outcome], name: str) -> str:
    found = list(outcomes)
    located = statistics.mean(outcome.located for outcome in found)
    right = statistics.mean(outcome.right for outcome in found)
    told = statistics.mean(outcome.told == outcome.frame.numbers[0][0] for outcome in found)
    extra = sum(outcome.extra for outcome in found)
    milliseconds = 1e3 * statistics.median(outcome.seconds for outcome in found)
    return f"| {name} | {located:.1%} | {right:.1%} | {told:.1%} | {extra} | {milliseconds:.1f} |"


def _empty_row(outcomes: list[Outcome], kind: str) -> str:
    nothing = sum(not outcome.readings for outcome in outcomes)
    texts = Counter(reading.text for outcome in outcomes for reading in outcome.readings)
    return f"| {kind} | {nothing} of {len(outcomes)} | {', '.join(texts)} |"


def _save(outcome: Outcome, folder: Path) -> None:
    """The frame with the places that were looked at (blue), what was read there, and the true outline (green)."""
    picture = outcome.frame.picture.copy()
    for text, true in outcome.frame.numbers:
        _draw(picture, true, text, (0, 150, 0))
    for place in outcome.places:
        _draw(picture, place.outline, "", (0, 0, 255))
    for reading in outcome.readings:
        height, width = reading.strip.shape
        inked = reading.placement.outline((2.0, 2.0, float(width - 2), float(height - 2)))
        _draw(picture, inked, f"{reading.text} {reading.probability:.0%}", (230, 0, 0))
    folder.mkdir(parents=True, exist_ok=True)
    name = outcome.name.replace(" ", "_").replace("%", "pc").replace(",", "")
    cv2.imwrite(str(folder / f"{name}.png"), cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))


def _draw(picture: np.ndarray, corners: np.ndarray, text: str, colour: tuple[int, int, int]) -> None:
    cv2.polylines(picture, [corners.round().astype(np.int32)], True, colour, 1, cv2.LINE_AA)
    x, y = corners.max(0).round().astype(int).tolist()
    cv2.putText(
        picture, text, (max(min(x, 600) - 90, 2), min(y + 16, 474)), cv2.FONT_HERSHEY_SIMPLEX, 0.5, colour, 1
    )


if __name__ == "__main__":
    sys.exit(Robustness.main())
