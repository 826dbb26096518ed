"""How well the finder sees numbers in scenes: which sizes, how exactly, and what it takes for a number that is none."""

from __future__ import annotations

import itertools
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from benchmarks.bench import Benchmark
from benchmarks.robustness import overlap
from core.commands.arguments import OptionalPath
from core.data.hands.folder import hands_folder
from core.data.mnist import Split, load_mnist
from core.data.scenes.rooms import load_photographs
from core.data.scenes.scene import Scene, make_scene
from core.data.scenes.targets import LEAST_WIDE, measures
from core.data.scenes.writing import Writers
from core.model.checkpoint import BUNDLED
from core.model.finder import load_finder
from core.reading import Reader, limit_threads
from core.reading.find.place import Place
from core.reading.find.search import find

_HEIGHTS = (7, 12, 18, 30, 60, 110, 160)  # pixels of a scene, which is 384 x 288
_FIRST_SEED = 10_000_000  # scenes to learn from take theirs from elsewhere
_SAME = 0.5


@dataclass
class _Counts:
    heights: list[float] = field(default_factory=list)
    seen: list[bool] = field(default_factory=list)
    overlaps: list[float] = field(default_factory=list)
    false: int = 0
    empty: int = 0
    claimed: int = 0
    with_numbers: int = 0
    exact: int = 0


@dataclass(frozen=True)
class Finder(Benchmark):
    """How well the finder sees numbers in scenes that nobody learned from.

    A number counts as found where a place has half of its area in common with it (intersection over union). Read exactly is a scene
    whose places are read as its numbers, and as nothing else.
    """

    finder: Path = BUNDLED / "finder.safetensors"
    """its weights"""
    checkpoint: OptionalPath = None
    """a number model other than the bundled one"""
    count: int = 500
    """scenes"""
    split: Split = "test"
    """whose digits, hands and typefaces"""
    photographs: OptionalPath = None
    """a folder of photographs without digits"""

    def rows(self) -> Iterator[str]:
        limit_threads(1)
        reader = Reader.from_checkpoint(self.checkpoint, finder=load_finder(self.finder))
        writers = Writers(load_mnist().split(self.split), hands_folder(), self.split)
        behind = load_photographs(self.photographs) if self.photographs else []
        counts = _Counts()
        for number in range(self.count):
            scene = make_scene(writers, behind, _FIRST_SEED + number)
            _count(scene, find(scene.picture, reader.finder), counts)
            if scene.numbers and not scene.unclear:
                counts.with_numbers += 1
                texts = [one.text for one in reader.read_all(scene.picture, with_attention=False)]
                counts.exact += sorted(texts) == sorted("".join(filter(str.isdigit, t)) for t in scene.texts)
        yield from _table(counts)


def _count(scene: Scene, places: list[Place], counts: _Counts) -> None:
    taken = set()
    for outline in scene.numbers:
        true, tall = _as_asked(outline)
        shares = [overlap(place.outline, true) for place in places]
        best = int(np.argmax(shares)) if shares else -1
        counts.heights.append(tall)
        counts.seen.append(best >= 0 and shares[best] >= _SAME)
        if counts.seen[-1]:
            taken.add(best)
            counts.overlaps.append(shares[best])
    others = [place for index, place in enumerate(places) if index not in taken]
    counts.false += sum(all(overlap(one.outline, each) == 0 for each in scene.unclear) for one in others)
    if not scene.numbers and not scene.unclear:
        counts.empty += 1
        counts.claimed += bool(places)


def _as_asked(outline: np.ndarray) -> tuple[np.ndarray, float]:
    """A number's outline, one as narrow as a 1 as wide as the finder is to say; and its height."""
    middle, along, down, wide, tall = measures(outline)
    half = np.array([max(wide, LEAST_WIDE * tall), tall]) / 2
    signs = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]])
    return middle + signs * half @ np.array([along, down]), tall


def _table(counts: _Counts) -> Iterator[str]:
    heights, seen = np.array(counts.heights), np.array(counts.seen)
    yield "| height of a number, pixels of 384 x 288 | numbers | found |"
    yield "|---|---|---|"
    for low, high in itertools.pairwise(_HEIGHTS):
        some = (heights >= low) & (heights < high)
        if some.any():
            yield f"| {low} to {high} | {some.sum()} | {seen[some].mean():.1%} |"
    found = int(seen.sum())
    yield f"| all | {len(seen)} | {found / max(len(seen), 1):.1%} |"
    yield f"| places that are a number (precision) | | {found / max(found + counts.false, 1):.1%} |"
    yield f"| overlap with the number, median | | {np.median(counts.overlaps or [np.nan]):.2f} |"
    yield f"| scenes without a number in which a place is seen | {counts.empty} | {counts.claimed / max(counts.empty, 1):.1%} |"
    yield f"| scenes read exactly, by the finder and the reader behind it | {counts.with_numbers} | {counts.exact / max(counts.with_numbers, 1):.1%} |"


if __name__ == "__main__":
    sys.exit(Finder.main())
