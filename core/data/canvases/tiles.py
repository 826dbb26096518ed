"""MNIST digits in, a stock of tiles out: the digits that canvases are made of, and things that are not digits.

Letters and scribbles pass through the same geometry as digits, so a model meets them at the same size, slant and
pen and has to tell them by their shape.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from core.data.canvases import negatives, surroundings
from core.data.canvases.penned import penned
from core.data.mnist import Digits

SIDE = 28
"""Side of a tile in pixels, MNIST's own; a digit's longer side is 20 of them."""

_PENNED = 4000
_INK = 48  # a pixel at least this bright belongs to the stroke, not to its blur


@dataclass(frozen=True)
class Finds:
    """What the finder of numbers cut out of camera frames, at the strip's size and ready for `strip`: numbers, and what is none."""

    pictures: Float[Tensor, "n h w"]
    """Gray, 0 to 1."""
    extents: Float[Tensor, "n 2"]
    """First column that shows something, and the first behind it that does not."""
    labels: Int[Tensor, "n d"]
    """The digits from left to right; 0 beyond a number's length."""
    lengths: Int[Tensor, " n"]
    """How many digits; 0 where it is no number."""

    def draw(self, count: int, generator: torch.Generator) -> Int[Tensor, " m"]:
        """Indices of so many finds, numbers and others equally often: there are more of the others, and one would learn to see none."""
        if not count:
            return torch.zeros(0, dtype=torch.int64)
        is_number = self.lengths > 0
        weights = torch.where(is_number, 1 / is_number.sum(), 1 / (~is_number).sum())
        return torch.multinomial(weights, count, replacement=True, generator=generator)


@dataclass(frozen=True)
class Tiles:
    """A stock of tiles: MNIST's digits, then those of other hands, then what is no digit."""

    images: Float[Tensor, "n 28 28"]
    """Ink, 0 (none) to 1 (full)."""
    labels: Int[Tensor, " n"]
    """The digit, or -1 where the tile shows none."""
    boxes: Float[Tensor, "n 4"]
    """Left, top, right and bottom of the ink in the tile, in pixels."""
    doodles: Float[Tensor, "m 32 160"]
    """Ink of drawings as long as a line of writing that are no number."""

    penned_count: int = 0
    """How many digits, the last of them, are of `core.data.canvases.penned`."""
    finds: Finds | None = None
    """None where no frames were searched."""

    @property
    def digit_count(self) -> int:
        """How many tiles, from the first, are MNIST's digits."""
        return int((self.labels >= 0).sum()) - self.penned_count


def make_tiles(digits: Digits, *, unseen: bool = False) -> Tiles:
    """The stock made of these digits, with those of other hands, and letters, scribbles, doodles and surroundings.

    What is no digit is that of training, or with `unseen` what no model has met: other letters, other kinds of scribble.
    """
    drawn, drawn_labels = penned(_PENNED, SIDE)
    others = negatives.small(SIDE, unseen=unseen)
    return _stock(
        np.concatenate([digits.images, drawn, others]),
        np.concatenate([digits.labels.astype(np.int64), drawn_labels, np.full(len(others), -1)]),
        np.concatenate([negatives.doodles(unseen=unseen), surroundings.pieces(unseen=unseen)]),
        len(drawn),
    )


def digit_tiles(digits: Digits) -> Tiles:
    """The stock of these digits alone, made at once: for canvases without an empty or a penned share."""
    none = np.zeros((0, negatives.DOODLE_HEIGHT, negatives.DOODLE_WIDTH), np.uint8)
    return _stock(digits.images, digits.labels.astype(np.int64), none, 0)


def _stock(images: np.ndarray, labels: np.ndarray, doodles: np.ndarray, penned_count: int) -> Tiles:
    boxes = torch.from_numpy(_ink_boxes(images))
    return Tiles(_as_ink(images), torch.from_numpy(labels), boxes, _as_ink(doodles), penned_count)


def _as_ink(images: np.ndarray) -> Tensor:
    return torch.from_numpy(images.astype(np.float32) / 255)


def _ink_boxes(images: np.ndarray) -> np.ndarray:
    """Left, top, right and bottom of the ink in each (n, 28, 28) uint8 tile, as (n, 4) float32."""
    ink = images >= _INK
    columns, rows = np.any(ink, axis=1), np.any(ink, axis=2)
    last_column, last_row = SIDE - columns[:, ::-1].argmax(1), SIDE - rows[:, ::-1].argmax(1)
    return np.stack([columns.argmax(1), rows.argmax(1), last_column, last_row], 1).astype(np.float32)
