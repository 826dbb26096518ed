"""Gathers what the finder cuts out of simulated scenes: numbers, and what is none but looks like one.

Most of what a camera shows is no number, and some of it looks like one: an upright edge is as good a 1 as any. A model that
has met what the finder really cuts out, as loosely or tightly as it does, reads it better, and learns to say "nothing" of the rest.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import cv2
import numpy as np
import torch

from core.config import CanvasSettings
from core.data.canvases.tiles import Finds
from core.data.mnist import Digits
from core.data.scenes.scene import Scene, make_scene
from core.data.scenes.writing import Writers
from core.data.strip import fit
from core.files import whole
from core.model.finder import load_finder
from core.reading.find.place import Place
from core.reading.find.search import find

SCENES = 8000
"""How many scenes are searched: about two finds in each."""

_FIRST_SEED = 20_000_000  # scenes to train the finder on, or to measure on, take theirs from below
_SAME = 0.5  # of the area that two outlines cover together: a place is that of the number
_LOOSE, _SLOPE = (
    0.04,
    0.025,
)  # standard deviations: of a side in heights of the number, of the angle in radians
_MOST = 6  # of one scene, or pages full of numbers would be most of it


def gather(
    digits: Digits,
    canvas: CanvasSettings,
    scenes: int = SCENES,
    *,
    hands: Path | None = None,
    photographs: Sequence[np.ndarray] = (),
) -> Iterator[tuple[int, Finds]]:
    """What is found in so many scenes, as it grows: how many were searched, and all finds so far. Same call, same finds.

    These digits write, and the hands of that folder. A place on a part of a number is neither a number nor none, and left out.
    """
    writers, finder = Writers(digits, hands), load_finder()
    pictures, extents, texts = [], [], []
    for number in range(scenes):
        seed = _FIRST_SEED + number
        scene = make_scene(writers, list(photographs), seed)
        places = find(scene.picture, finder)
        for place in np.random.default_rng(seed).permutation(len(places))[:_MOST].tolist():
            text = _text_at(places[place], scene)
            if text is not None and len(text) <= canvas.max_digits:
                cut = _about(places[place], np.random.default_rng([seed, place]))
                picture, extent, _ = fit(scene.picture, cut.box, canvas.height, canvas.width, cut.angle)
                pictures.append(picture)
                extents.append(extent)
                texts.append(text)
        if pictures and (number % 100 == 99 or number == scenes - 1):
            yield number + 1, _as_finds(np.stack(pictures), np.array(extents, np.float32), texts)


def _as_finds(pictures: np.ndarray, extents: np.ndarray, texts: list[str]) -> Finds:
    lengths = torch.tensor([len(text) for text in texts])
    labels = torch.zeros(len(texts), int(lengths.max()), dtype=torch.int64)
    for row, text in enumerate(texts):
        labels[row, : len(text)] = torch.tensor([int(digit) for digit in text], dtype=torch.int64)
    return Finds(torch.from_numpy(pictures), torch.from_numpy(extents), labels, lengths)


def _about(place: Place, random: np.random.Generator) -> Place:
    """A little beside a place, as another finder might have said."""
    left, top, right, bottom = place.box
    a, b, c, d = (random.normal(0, _LOOSE, 4) * (bottom - top)).tolist()
    return Place((left + a, top + b, right + c, bottom + d), place.angle + random.normal(0, _SLOPE))


def _text_at(place: Place, scene: Scene) -> str | None:
    """The digits at a place, "" if there are none, None if only a part of a number is there, or nobody can say."""
    here = place.outline
    for text, outline in zip(scene.texts, scene.numbers, strict=True):
        true = outline.astype(np.float32)
        shared, _ = cv2.intersectConvexConvex(here, true)
        if shared > _SAME * (cv2.contourArea(here) + cv2.contourArea(true) - shared):
            return "".join(filter(str.isdigit, text))
        if shared > 0:
            return None
    unclear = any(cv2.intersectConvexConvex(here, each.astype(np.float32))[0] > 0 for each in scene.unclear)
    return None if unclear else ""


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
