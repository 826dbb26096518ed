"""python -m benchmarks.robustness [--count 500] [--split test] [--condition NAME] [--empty] [--worst N --save DIR]: numbers in camera frames.

The whole pipeline, `Reader.read_all`, on frames of 640 x 480 whose numbers are known, condition by condition, and on
frames without any. A frame counts as located where a place that the reader looks at has half of its area in common with
the number's, and as right where exactly one number is read in it, and that one as it is written. What the reader makes of
the same frame when it is told where the number stands tells misses of the finding from those of the reading.
"""

from __future__ import annotations

import argparse
import math
import statistics
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch

from core import vocab
from core.data.mnist import Digits, load_mnist
from core.data.scenes.frame import CONDITIONS, EMPTY_KINDS, Frame, make_empty, make_frame
from core.data.strip import fit, strip
from core.reading import Reader, Reading, limit_threads
from core.reading.find.locate import Located, prepare


@dataclass(frozen=True)
class Outcome:
    """What was made of one frame."""

    name: str
    """Condition or kind, and seed."""
    frame: Frame
    readings: list[Reading]
    places: list[Located]
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


def overlap(first: np.ndarray, second: np.ndarray) -> float:
    """Intersection over union of two convex outlines, (n, 2) each."""
    one, other = (points.astype(np.float32) for points in (first, second))
    shared = cv2.intersectConvexConvex(one, other)[0]
    return shared / max(cv2.contourArea(one) + cv2.contourArea(other) - shared, 1e-9)


def main(argv: list[str] | None = None) -> None:
    """Print a row for each condition, and one for each kind of empty frame."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.robustness", description=__doc__)
    parser.add_argument(
        "--count", type=int, default=500, help="frames per condition, and empty frames in all"
    )
    parser.add_argument("--split", choices=("validation", "test"), default="test", help="of MNIST's digits")
    parser.add_argument("--checkpoint", type=Path, default=None, help="other than the bundled number model")
    parser.add_argument("--condition", choices=CONDITIONS, default=None, help="this one only")
    parser.add_argument("--empty", action="store_true", help="the empty frames only")
    parser.add_argument(
        "--worst", type=int, default=0, help="save that many failures of each condition or kind"
    )
    parser.add_argument("--save", type=Path, default=Path("runs/robustness"), help="the folder for them")
    chosen = parser.parse_args(argv)
    limit_threads(1)
    reader = Reader.from_checkpoint(chosen.checkpoint)
    digits = load_mnist().split(chosen.split)
    if not chosen.empty:
        names = [chosen.condition] if chosen.condition else CONDITIONS
        print(f"{chosen.count} numbers of 1 to 5 {chosen.split} digits under each condition\n")
        print(
            "| condition | located | exact match | the same, told where | false extra readings | median ms |\n|---|---|---|---|---|---|"
        )
        for name in names:
            print(
                _row(
                    _looked_at(reader, _numbers(digits, name, chosen.count), chosen.worst, chosen.save), name
                ),
                flush=True,
            )
    if not chosen.condition:
        print(f"\n{chosen.count} frames without a number\n")
        print("| frames | answered with nothing | read as |\n|---|---|---|")
        everything = []
        for index, kind in enumerate(EMPTY_KINDS):
            count = len(range(index, chosen.count, len(EMPTY_KINDS)))
            outcomes = list(_looked_at(reader, _empties(kind, count), chosen.worst, chosen.save))
            everything += outcomes
            print(_empty_row(outcomes, kind), flush=True)
        print(_empty_row(everything, "**all**"))


def _numbers(digits: Digits, condition: str, count: int) -> Iterator[tuple[str, Frame]]:
    for seed in range(count):
        yield f"{condition} {seed}", make_frame(digits, condition, seed)


def _empties(kind: str, count: int) -> Iterator[tuple[str, Frame]]:
    for seed in range(count):
        yield f"{kind} {seed}", make_empty(kind, seed)


def _looked_at(
    reader: Reader, frames: Iterable[tuple[str, Frame]], worst: int, folder: Path
) -> Iterator[Outcome]:
    """The outcome of every frame; the first failures are saved as pictures."""
    for name, frame in frames:
        started = time.perf_counter()
        readings = reader.read_all(frame.picture, with_attention=False)
        seconds = time.perf_counter() - started
        gray = cv2.cvtColor(frame.picture, cv2.COLOR_RGB2GRAY)
        told = "".join(_read_at(reader, gray, true) for _, true in frame.numbers)
        outcome = Outcome(name, frame, readings, prepare(gray).places, seconds, told)
        if worst and not outcome.right:
            _save(outcome, folder)
            worst -= 1
        yield outcome


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
    return "".join(str(token) for token in tokens if token != vocab.EOS)


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
    main()
