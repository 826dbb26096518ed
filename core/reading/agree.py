"""The vote of the last readings of a video on what is shown: of each number the text with the largest sum of probabilities."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

import numpy as np

from core.reading.find.place import Box
from core.reading.reader import Reader
from core.reading.reading import Reading

AGREEMENT: Final = 0.5
"""Seconds of readings that agree on what is shown."""

_SAME_NUMBER: Final = 0.5  # of the smaller box: how far two boxes overlap where they hold one number


class Shown(NamedTuple):
    """A number on which the readings of the last half second agree."""

    reading: Reading
    """The newest one that says so."""
    probability: float
    """Mean of the readings that say so."""
    weights: dict[str, np.ndarray]
    """(digits, rows, columns) of the patches, by each method."""
    reader: Reader
    """Who read it."""


@dataclass
class Track:
    """One number from frame to frame: where it was last, and what it was read as."""

    box: Box
    votes: deque[tuple[float, Shown | None]] = field(default_factory=lambda: deque(maxlen=64))
    """When, and what; None where it was not found."""
    text: str = ""
    """What is shown."""


def agree(
    tracks: Sequence[Track],
    found: Sequence[Shown],
    arrived: float,
    times: Sequence[float],
    threshold: float,
) -> tuple[list[Track], tuple[Shown, ...]]:
    """The tracks with the votes of one more frame, and what to show, in reading order.

    A frame in which a number is not found votes as well, for nothing: so what has gone goes soon, and one miss does not hide it.
    """
    since = arrived - AGREEMENT
    free = list(tracks)
    following: list[tuple[Track, Shown | None]] = []
    for one in found:
        box = _box(one.reading)
        nearest = max(free, key=lambda track: _overlap(track.box, box), default=None)
        if nearest is not None and _overlap(nearest.box, box) > _SAME_NUMBER:
            free.remove(nearest)
        else:
            nearest = Track(box)
        nearest.box = box
        following.append((nearest, one))
    following += [(track, None) for track in free]
    for track, vote in following:
        track.votes.append((arrived, vote))
        while track.votes[0][0] <= since:
            track.votes.popleft()
    kept = [track for track, _ in following if any(vote is not None for _, vote in track.votes)]
    # One reading alone may be a mistake; where the model is slow there is only one.
    needed = 2 if sum(when > since for when in times) >= 4 else 1
    shown = []
    for track in kept:
        elected = _elect(track, needed)
        track.text = elected.reading.text if elected is not None else ""
        if elected is not None and elected.probability >= threshold:
            shown.append(elected)
    return kept, tuple(shown)


def _elect(track: Track, needed: int) -> Shown | None:
    """What the votes of a track say: the text with the largest sum of probabilities, or nothing."""
    votes: dict[str, list[float]] = {}
    for _, vote in track.votes:
        text, weight = (vote.reading.text, vote.reading.probability) if vote is not None else ("", 1.0)
        votes.setdefault(text, []).append(weight)
    # Where two are level, what is shown stays.
    text = max(votes, key=lambda text: (round(sum(votes[text]), 6), text == track.text))
    if not text or len(votes[text]) < needed:
        return None
    newest = next(vote for _, vote in reversed(track.votes) if vote is not None and vote.reading.text == text)
    return newest._replace(probability=sum(votes[text]) / len(votes[text]))


def _box(reading: Reading) -> Box:
    width, height = reading.size
    return reading.box or (0.0, 0.0, float(width), float(height))


def _overlap(first: Box, second: Box) -> float:
    """What the two share, as a share of the smaller."""
    wide = min(first[2], second[2]) - max(first[0], second[0])
    tall = min(first[3], second[3]) - max(first[1], second[1])
    if wide <= 0 or tall <= 0:
        return 0.0
    smaller = min((box[2] - box[0]) * (box[3] - box[1]) for box in (first, second))
    return wide * tall / max(smaller, 1e-9)
