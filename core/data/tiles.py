"""MNIST digits in, a stock of tiles out: the digits that canvases are made of, and things that are not digits.

Letters and scribbles pass through the same geometry as digits, so a model meets them at the same size, slant and
pen and has to tell them by their shape.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from core.data.mnist import Digits

SIDE = 28
"""Side of a tile in pixels, MNIST's own; a digit's longer side is 20 of them."""

LETTERS = "ACDEFGHJKLMNPRTUVWXYabdefhijkmnprtuvwxy#%&*?+=@"
"""Signs that a careful reader tells from digits, in print (so no O, I, S, Z, B, l, o, s, z, g, q, c)."""

_FONTS = (
    cv2.FONT_HERSHEY_SIMPLEX,
    cv2.FONT_HERSHEY_DUPLEX,
    cv2.FONT_HERSHEY_COMPLEX,
    cv2.FONT_HERSHEY_TRIPLEX,
    cv2.FONT_HERSHEY_SCRIPT_SIMPLEX,
    cv2.FONT_HERSHEY_SCRIPT_COMPLEX,
)
_SCRIBBLES = 1500
_SEED, _UNSEEN_SEED = 20, 21
_INK = 48  # a pixel at least this bright belongs to the stroke, not to its blur


@dataclass(frozen=True)
class Tiles:
    """A stock of tiles, the digits first and the others behind them."""

    images: Float[Tensor, "n 28 28"]
    """Ink, 0 (none) to 1 (full)."""
    labels: Int[Tensor, " n"]
    """The digit, or -1 where the tile shows none."""
    boxes: Float[Tensor, "n 4"]
    """Left, top, right and bottom of the ink in the tile, in pixels."""

    @property
    def digit_count(self) -> int:
        """How many tiles, from the first, are digits."""
        return int((self.labels >= 0).sum())


def make_tiles(digits: Digits, *, unseen: bool = False) -> Tiles:
    """The stock made of these digits, with letters and scribbles.

    The letters are always the same. The scribbles are those of training, or with `unseen` others that no model met.
    """
    others = _others(_UNSEEN_SEED if unseen else _SEED)
    images = np.concatenate([digits.images, others])
    labels = np.concatenate([digits.labels.astype(np.int64), np.full(len(others), -1)])
    return Tiles(
        torch.from_numpy(images.astype(np.float32) / 255),
        torch.from_numpy(labels),
        torch.from_numpy(_ink_boxes(images)),
    )


@cache
def _others(scribbles: int) -> np.ndarray:
    return np.stack(_letters() + _scribbles(scribbles))


def _letters() -> list[np.ndarray]:
    """Each letter in each of OpenCV's fonts, drawn large and scaled as MNIST's digits were: longer side 20 pixels.

    Where OpenCV draws with outline fonts, fonts and pens fall together to a few printed faces.
    """
    tiles = []
    for font in _FONTS:
        for letter in LETTERS:
            for pen in (5, 9, 13):
                large = np.zeros((200, 200), np.uint8)
                cv2.putText(large, letter, (50, 140), font, 4.0, 255, pen, cv2.LINE_AA)
                left, top, width, height = cv2.boundingRect(large)
                scale = 20 / max(width, height)
                size = max(round(width * scale), 1), max(round(height * scale), 1)
                ink = cv2.resize(
                    large[top : top + height, left : left + width], size, interpolation=cv2.INTER_AREA
                )
                tile = np.zeros((SIDE, SIDE), np.uint8)
                y, x = (SIDE - ink.shape[0]) // 2, (SIDE - ink.shape[1]) // 2
                tile[y : y + ink.shape[0], x : x + ink.shape[1]] = ink
                tiles.append(tile)
    return tiles


def _scribbles(seed: int) -> list[np.ndarray]:
    """Wandering lines, zigzags, blots and dots; seeded, so that every run meets the same."""
    random = np.random.default_rng(seed)
    tiles = []
    for number in range(_SCRIBBLES):
        large = np.zeros((4 * SIDE, 4 * SIDE), np.uint8)
        kind = number % 4
        if kind == 0:  # a wandering line that crosses itself
            path = random.normal(0, 9, (40, 2)).cumsum(0)
            points = np.stack([np.convolve(axis, np.ones(4) / 4, "valid") for axis in path.T], 1)
        elif kind == 1:  # a zigzag, as one crosses out a word
            count, reach = int(random.integers(5, 12)), int(random.integers(25, 80))
            points = np.stack([np.linspace(0, 80, count), reach * (np.arange(count) % 2 == 0)], 1)
            points += random.normal(0, 5, points.shape)
        elif kind == 2:  # several separate short strokes
            points = random.uniform(0, 80, (6, 2))
        else:  # dots and blots
            points = random.uniform(0, 80, (int(random.integers(3, 9)), 2))
        points = points - points.min(0)
        points = (points * (80 / max(points.max(), 1e-3)) + 16).astype(np.int32)
        pen = int(random.integers(4, 14))
        if kind == 2:
            for start, end in points.reshape(3, 2, 2):
                cv2.line(large, start.tolist(), end.tolist(), 255, pen, cv2.LINE_AA)
        elif kind == 3:
            for x, y in points.tolist():
                cv2.circle(large, (x, y), int(random.integers(3, 12)), 255, -1, cv2.LINE_AA)
        else:
            cv2.polylines(large, [points.reshape(-1, 1, 2)], False, 255, pen, cv2.LINE_AA)
        tiles.append(cv2.resize(large, (SIDE, SIDE), interpolation=cv2.INTER_AREA))
    return tiles


def _ink_boxes(images: np.ndarray) -> np.ndarray:
    """Left, top, right and bottom of the ink in each (n, 28, 28) uint8 tile, as (n, 4) float32."""
    ink = images >= _INK
    columns, rows = np.any(ink, axis=1), np.any(ink, axis=2)
    last_column, last_row = SIDE - columns[:, ::-1].argmax(1), SIDE - rows[:, ::-1].argmax(1)
    return np.stack([columns.argmax(1), rows.argmax(1), last_column, last_row], 1).astype(np.float32)
