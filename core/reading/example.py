"""Pictures of numbers that no model was trained on: test digits of MNIST, set in a row."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from core.config import CanvasSettings
from core.data.canvases.canvas import make_canvases
from core.data.canvases.tiles import Tiles, digit_tiles
from core.data.mnist import Mnist

_CANVAS = CanvasSettings(height=64, width=256, min_digits=3, max_digits=4, empty_share=0.0, difficulty=0.5)
_LINES = CanvasSettings(
    height=64, width=256, min_digits=2, max_digits=4, variation=0.4, empty_share=0.0, difficulty=0.0
)


@dataclass(frozen=True)
class Example:
    """A picture and what is written on it."""

    picture: np.ndarray
    """HW uint8."""
    text: str


def example_tiles(mnist: Mnist) -> Tiles:
    """What examples are made of."""
    return digit_tiles(mnist.split("test"))


def example(
    tiles: Tiles, seed: int, *, digits: int | None = None, difficulty: float | None = None
) -> Example:
    """Three or four digits, or as many as told, as a camera might see them, 160 x 640. Same seed, same picture.

    `difficulty` from 0 (clean ink) to 1 is that of `CanvasSettings`.
    """
    told = {"min_digits": digits, "max_digits": digits, "difficulty": difficulty}
    settings = _CANVAS.model_copy(update={name: value for name, value in told.items() if value is not None})
    canvases = make_canvases(tiles, settings, 1, seed)
    gray = (canvases.pictures[0, 0] * 255).byte().numpy()
    return Example(cv2.resize(gray, (640, 160), interpolation=cv2.INTER_CUBIC), canvases.texts[0])


def example_sheet(tiles: Tiles, seed: int) -> Example:
    """A photo of a sheet with six numbers of two to four digits in reading order, each a little tilted; 720 x 960."""
    rows, columns, height, width = 3, 2, 720, 960
    canvases = make_canvases(tiles, _LINES, rows * columns, seed)
    chance = np.random.default_rng(seed)
    down, across = np.linspace(-1, 1, height)[:, None], np.linspace(-1, 1, width)
    slope_down, slope_across = chance.uniform(-0.12, 0.12, 2)
    sheet = (0.8 + slope_down * down + slope_across * across).astype(
        np.float32
    )  # light falls on it from a side
    for index in range(rows * columns):
        row, column = divmod(index, columns)
        middle = (column + 0.5) * width / columns, (row + 0.5) * height / rows
        x, y = middle + chance.uniform(-20, 20, 2)
        turn = cv2.getRotationMatrix2D((128, 32), chance.uniform(-7, 7), 1.5)
        turn[:, 2] += x - 128, y - 32
        ink = canvases.pictures[index, 0].numpy()
        sheet *= cv2.warpAffine(ink, turn, (width, height), flags=cv2.INTER_LINEAR, borderValue=1.0)
    sheet += chance.normal(0, 0.012, sheet.shape).astype(np.float32)
    return Example((255 * sheet).clip(0, 255).astype(np.uint8), " ".join(canvases.texts))
