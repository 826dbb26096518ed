"""Counts what the finder sees in scenes whose numbers are known: how many of them, how exactly, and what it takes for a number that is none."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from core.data.hands.folder import hands_folder
from core.data.mnist import Mnist, Split
from core.data.scenes.scene import Scene, make_scene
from core.data.scenes.targets import LEAST_WIDE, measures
from core.data.scenes.writing import Writers
from core.reading.find.place import Place, overlap

SAME = 0.5
"""A number counts as seen where a place has that much in common with it (intersection over union)."""

_FIRST_SEEDS = {"validation": 11_000_000, "test": 10_000_000}  # scenes to learn from take theirs from below
_HEIGHTS = (7, 12, 18, 30, 60, 110, 160)  # pixels of a scene, which is 384 x 288


@dataclass(frozen=True)
class Sighting:
    """A scene, and what was seen in it."""

    scene: Scene
    places: tuple[Place, ...]
    heights: tuple[float, ...]
    """Of the scene's numbers, in pixels."""
    overlaps: tuple[float, ...]
    """Of each with the place that is it; 0 where it was missed."""
    false: int
    """Places that are no number. What lies on an unclear one counts neither way."""


@dataclass(frozen=True)
class FindingScores:
    """How well numbers are found; shares are 0 to 1."""

    numbers: int
    recall: float
    """Share of the numbers that were seen."""
    precision: float
    """Share of the places that are a number."""
    overlap: float
    """Median over the numbers that were seen."""
    empty: int
    """Scenes without any number, clear or not."""
    claimed: float
    """Share of those in which something was seen."""
    by_height: tuple[tuple[int, int, int, float], ...]
    """For numbers from so many to so many pixels high, how many there were, and the share that was seen."""

    @property
    def f1(self) -> float:
        """Harmonic mean of recall and precision."""
        return 2 * self.recall * self.precision / max(self.recall + self.precision, 1e-9)


def scenes_of(mnist: Mnist, split: Split, count: int, photographs: Sequence[np.ndarray] = ()) -> list[Scene]:
    """Scenes to measure on: the same at every call, none of them learned from, in the hands of that split ("validation" or "test")."""
    writers = Writers(mnist.split(split), hands_folder(), split)
    first = _FIRST_SEEDS[split]
    return [make_scene(writers, list(photographs), first + number) for number in range(count)]


def sighting(scene: Scene, places: Sequence[Place]) -> Sighting:
    """Compare what was seen with what is there."""
    outlines = [_as_asked(outline) for outline in scene.numbers]
    overlaps, taken = [], set()
    for outline, _ in outlines:
        shares = [overlap(place.outline, outline) for place in places]
        best = int(np.argmax(shares)) if shares else -1
        seen = best >= 0 and shares[best] >= SAME
        overlaps.append(shares[best] if seen else 0.0)
        taken |= {best} if seen else set()
    others = [place for index, place in enumerate(places) if index not in taken]
    false = sum(all(overlap(one.outline, each) == 0 for each in scene.unclear) for one in others)
    return Sighting(scene, tuple(places), tuple(tall for _, tall in outlines), tuple(overlaps), false)


def tally(sightings: Sequence[Sighting]) -> FindingScores:
    """All scores of these sightings."""
    heights = np.array([tall for one in sightings for tall in one.heights])
    overlaps = np.array([share for one in sightings for share in one.overlaps])
    seen = overlaps > 0
    empty = [one for one in sightings if not one.scene.numbers and not one.scene.unclear]
    found, false = int(seen.sum()), sum(one.false for one in sightings)
    spans = []
    for low, high in itertools.pairwise(_HEIGHTS):
        some = (heights >= low) & (heights < high)
        if some.any():
            spans.append((low, high, int(some.sum()), float(seen[some].mean())))
    return FindingScores(
        numbers=len(seen),
        recall=found / max(len(seen), 1),
        precision=found / max(found + false, 1),
        overlap=float(np.median(overlaps[seen])) if found else 0.0,
        empty=len(empty),
        claimed=sum(bool(one.places) for one in empty) / max(len(empty), 1),
        by_height=tuple(spans),
    )


def _as_asked(outline: np.ndarray) -> tuple[np.ndarray, float]:
    """A number's outline, one as narrow as a 1 as wide as the finder is to say; and its height."""
    middle, along, down, wide, tall = measures(outline)
    half = np.array([max(wide, LEAST_WIDE * tall), tall]) / 2
    signs = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]])
    return middle + signs * half @ np.array([along, down]), tall
