"""A seed in, a picture of a number out that no model was trained on: test digits of MNIST, set in a row."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from core.config import CanvasSettings
from core.data.canvas import make_canvases
from core.data.mnist import Mnist
from core.data.tiles import Tiles, digit_tiles

_CANVAS = CanvasSettings(height=64, width=256, min_digits=3, max_digits=4, empty_share=0.0, difficulty=0.5)


@dataclass(frozen=True)
class Example:
    """A picture and what is written on it."""

    picture: np.ndarray
    """HW uint8, 160 x 640."""
    text: str


def example_tiles(mnist: Mnist) -> Tiles:
    """What examples are made of."""
    return digit_tiles(mnist.split("test"))


def example(tiles: Tiles, seed: int) -> Example:
    """Three or four digits as a camera might see them. Same seed, same picture."""
    canvases = make_canvases(tiles, _CANVAS, 1, seed)
    gray = (canvases.pictures[0, 0] * 255).byte().numpy()
    text = "".join(map(str, canvases.labels[0, : int(canvases.lengths[0])].tolist()))
    return Example(cv2.resize(gray, (640, 160), interpolation=cv2.INTER_CUBIC), text)
