"""What the finder is to answer: for each cell of a picture whether it lies in the middle band of a number, and that number's measures.

The band is shrunken (DBNet, Liao et al. 2020, arXiv:1911.08947), so that neighbours stay apart.
"""

from __future__ import annotations

import cv2
import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor

CELL = 4
"""Pixels of the picture along a cell's side."""

BAND = 0.4
"""Height of the band, in heights of the number."""

INSET = 0.15
"""How far the band ends within the number's ends, in heights of the number."""

LEAST_WIDE = 0.5
"""Width, in heights, that a narrower number counts as having: a 1 is a stroke."""

UNIT = 32.0
"""Pixels: the height of which the logarithm is 0."""

MAPS = 5
"""How many maps there are: band, height, offset, and the two sides of the direction."""

_LEAST_BAND = 1.2  # cells: a band that is narrower would fall between them
_UNKNOWN = 255
_STEPS = (40.0, 100.0, 127.0, 127.0)  # of a byte to the unit, for each measure; 128 is 0


def maps(numbers: list[np.ndarray], unclear: list[np.ndarray], width: int, height: int) -> np.ndarray:
    """(MAPS, rows, columns) uint8 of the outlines in a picture of that size; `unpacked` tells what they mean."""
    columns, rows = width // CELL, height // CELL
    found = np.zeros((MAPS, rows, columns), np.uint8)
    for outline in unclear:
        cv2.fillConvexPoly(found[0], _fixed(_grown(outline, 0.15)), _UNKNOWN, shift=4)
    for outline in numbers:
        middle, along, down, wide, tall = measures(outline)
        half_wide = max(max(wide, LEAST_WIDE * tall) / 2 - INSET * tall, _LEAST_BAND * CELL / 2)
        half_tall = max(BAND / 2 * tall, _LEAST_BAND * CELL / 2)
        corners = np.array([middle + a * half_wide * along + b * half_tall * down for a, b in _SIGNS])
        own = np.zeros((rows, columns), np.uint8)
        cv2.fillConvexPoly(own, _fixed(corners), 1, shift=4)
        where = np.nonzero(cv2.dilate(own, np.ones((3, 3), np.uint8)))
        centres = np.stack([where[1] + 0.5, where[0] + 0.5], 1) * CELL
        offset = (middle - centres) @ down / tall
        found[0][own > 0] = 1
        size = np.full(len(offset), np.log2(tall / UNIT))
        sides = (np.full(len(offset), side) for side in along)
        for index, (values, steps) in enumerate(zip((size, offset, *sides), _STEPS, strict=True), 1):
            found[index][where] = np.clip(values * steps + 128, 1, 255)
    return found


def measures(outline: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, float, float]:
    """The middle of an outline, the directions along the line and down, width and height."""
    right = (outline[1] + outline[2] - outline[0] - outline[3]) / 2
    below = (outline[3] + outline[2] - outline[0] - outline[1]) / 2
    wide, tall = float(np.linalg.norm(right)), float(np.linalg.norm(below))
    along = right / max(wide, 1e-6) if wide > 0.3 * tall else np.array([below[1], -below[0]]) / tall
    return outline.mean(0), along, np.array([-along[1], along[0]]), wide, tall


_SIGNS = ((-1, -1), (1, -1), (1, 1), (-1, 1))


def _grown(outline: np.ndarray, share: float) -> np.ndarray:
    middle = outline.mean(0)
    return middle + (outline - middle) * (1 + share)


def _fixed(corners: np.ndarray) -> np.ndarray:
    """Corners in pixels as cells with four binary places, as `cv2` counts: from the middle of a cell."""
    return ((corners / CELL - 0.5) * 16).round().astype(np.int32)


def unpacked(packed: UInt8[Tensor, "b 5 rows columns"]) -> Float[Tensor, "b 4 rows columns"]:
    """Of each cell in a number its height (logarithm to base 2, 0 at `UNIT` pixels), how far below the cell the number's middle
    line lies (in its heights), and the direction in which it is read (x and y)."""
    steps = torch.tensor(_STEPS, device=packed.device).view(4, 1, 1)
    return (packed[:, 1:].float() - 128) / steps
