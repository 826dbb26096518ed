"""Frames in which nothing, or something else, is written in; what the finder of numbers takes for one there, out.

Most of what a camera shows is no number, and some of it passes every test of shape: an upright edge is as good a 1 as any.
A model that has met what the finder really cuts out learns to say "nothing" of it.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np

from core.config import CanvasSettings
from core.data.frame import CONDITIONS, EMPTY_KINDS, Frame, make_empty, make_frame
from core.data.mnist import Digits
from core.data.tiles import Finds
from core.reading.crop import crop
from core.reading.locate import prepare
from core.reading.picture import as_gray

FRAMES = 2400
"""How many frames are searched: about two finds in each."""

_KINDS = tuple(kind for kind in EMPTY_KINDS if "kept for tests" not in kind)
_FIRST_SEED = 1_000_000  # frames to measure on take theirs from below
_WITH_NUMBER = 3  # every third frame holds a number of training digits, which is passed over


def gather(digits: Digits, canvas: CanvasSettings, frames: int = FRAMES) -> Iterator[tuple[int, Finds]]:
    """What is found in so many frames, as it grows: how many were searched, and all finds so far. Same call, same finds."""
    pictures: list[np.ndarray] = []
    extents: list[tuple[float, float]] = []
    for number in range(frames):
        seed = _FIRST_SEED + number
        if number % _WITH_NUMBER:
            frame = make_empty(_KINDS[number % len(_KINDS)], seed)
        else:
            frame = make_frame(digits, CONDITIONS[number // _WITH_NUMBER % len(CONDITIONS)], seed)
        gray = as_gray(frame.picture)
        prepared = prepare(gray)
        for place in prepared.places:
            if not _near_a_number(place.upright, frame):
                picture, extent, _ = crop(gray, prepared, place, canvas.height, canvas.width)
                pictures.append(picture)
                extents.append(extent)
        if pictures and (number % 100 == 99 or number == frames - 1):
            yield number + 1, Finds.of(np.stack(pictures), np.array(extents, np.float32))


def save_finds(path: Path, finds: Finds) -> None:
    """Keep them beside a training, so that it goes on with the same ones."""
    scratch = path.with_name(f".{path.name}")
    with scratch.open("wb") as file:
        np.savez(
            file,
            pictures=(finds.pictures.numpy() * 255).round().astype(np.uint8),
            extents=finds.extents.numpy(),
        )
    scratch.replace(path)


def load_finds(path: Path) -> Finds:
    """What `save_finds` kept."""
    with np.load(path, allow_pickle=False) as arrays:
        return Finds.of(arrays["pictures"].astype(np.float32) / 255, arrays["extents"])


def _near_a_number(box: tuple[float, float, float, float], frame: Frame) -> bool:
    """Whether a box touches a number of the frame: that may be a part of it, which is no find."""
    left, top, right, bottom = box
    for _, outline in frame.numbers:
        x, y, wide, tall = cv2.boundingRect(outline.astype(np.float32))
        if left < x + wide + 4 and right > x - 4 and top < y + tall + 4 and bottom > y - 4:
            return True
    return False
