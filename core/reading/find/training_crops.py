"""Gathers what the finder of numbers cuts out of simulated camera frames: numbers, and what is none but looks like one.

Most of what a camera shows is no number, and some of it passes every test of shape: an upright edge is as good a 1 as any.
A model that has met what the finder really cuts out reads it better, and learns to say "nothing" of the rest.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import torch

from core.config import CanvasSettings
from core.data.canvases.tiles import Finds
from core.data.mnist import Digits
from core.data.scenes.frame import CONDITIONS, EMPTY_KINDS, Frame, make_empty, make_frame
from core.files import whole
from core.reading.files.picture import as_gray
from core.reading.find.crop import crop
from core.reading.find.locate import Located, locate

FRAMES = 7000
"""How many frames are searched: about two finds in each."""

_KINDS = tuple(kind for kind in EMPTY_KINDS if "kept for tests" not in kind)
_FIRST_SEED = 1_000_000  # frames to measure on take theirs from below
_WITH_NUMBER, _ONLY_ONES = 0.6, 0.2  # shares of frames, and of those with a number
_SAME = 0.6  # of the area that two outlines cover together: a place is that of the number


def gather(digits: Digits, canvas: CanvasSettings, frames: int = FRAMES) -> Iterator[tuple[int, Finds]]:
    """What is found in so many frames, as it grows: how many were searched, and all finds so far. Same call, same finds.

    Six frames of ten hold a number of these digits, and each fifth of those nothing but 1s: so many things look like a 1
    that a model would else learn to see none. A place on a part of a number is neither a number nor none, and left out.
    """
    at_ones = np.flatnonzero(digits.labels == 1)
    ones = Digits(digits.images[at_ones], digits.labels[at_ones])
    pictures, extents, texts = [], [], []
    for number in range(frames):
        seed = _FIRST_SEED + number
        random = np.random.default_rng(seed)
        if random.random() < _WITH_NUMBER:
            written, longest = (ones, 2) if random.random() < _ONLY_ONES else (digits, 5)
            frame = make_frame(written, str(random.choice(CONDITIONS)), seed, longest=longest)
        else:
            frame = make_empty(str(random.choice(_KINDS)), seed)
        gray = as_gray(frame.picture)
        prepared = locate(gray)
        for place in prepared.places:
            text = _text_at(place, frame)
            if text is not None and len(text) <= canvas.max_digits:
                picture, extent, _ = crop(gray, prepared, place, canvas.height, canvas.width)
                pictures.append(picture)
                extents.append(extent)
                texts.append(text)
        if pictures and (number % 100 == 99 or number == frames - 1):
            yield number + 1, _as_finds(np.stack(pictures), np.array(extents, np.float32), texts)


def _as_finds(pictures: np.ndarray, extents: np.ndarray, texts: list[str]) -> Finds:
    lengths = torch.tensor([len(text) for text in texts])
    labels = torch.zeros(len(texts), int(lengths.max()), dtype=torch.int64)
    for row, text in enumerate(texts):
        labels[row, : len(text)] = torch.tensor([int(digit) for digit in text], dtype=torch.int64)
    return Finds(torch.from_numpy(pictures), torch.from_numpy(extents), labels, lengths)


def _text_at(place: Located, frame: Frame) -> str | None:
    """The number at a place, "" if there is none, None if only a part of one is."""
    here = place.outline
    for text, outline in frame.numbers:
        true = outline.astype(np.float32)
        shared, _ = cv2.intersectConvexConvex(here, true)
        if shared > _SAME * (cv2.contourArea(here) + cv2.contourArea(true) - shared):
            return text
        if shared > 0:
            return None
    return ""


def save_finds(path: Path, finds: Finds) -> None:
    """Keep them beside a training, so that it goes on with the same ones."""
    arrays = {name: getattr(finds, name).numpy() for name in ("extents", "labels", "lengths")}
    with whole(path) as file:
        np.savez(file, pictures=(finds.pictures.numpy() * 255).round().astype(np.uint8), **arrays)


def load_finds(path: Path) -> Finds:
    """What `save_finds` kept."""
    with np.load(path, allow_pickle=False) as arrays:
        pictures = torch.from_numpy(arrays["pictures"].astype(np.float32) / 255)
        return Finds(pictures, *(torch.from_numpy(arrays[name]) for name in ("extents", "labels", "lengths")))
