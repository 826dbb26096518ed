"""Draws the strokes of a pen: everything here that is drawn and not photographed."""

from __future__ import annotations

import cv2
import numpy as np

Stroke = np.ndarray
"""Points (n, 2) of one stroke of the pen: x to the right and y downwards, in any unit."""

_FINE = 4  # drawn this many times larger, then averaged: soft edges at any pen


def bounds(strokes: list[Stroke]) -> tuple[np.ndarray, np.ndarray]:
    """Upper left and lower right corner of all points."""
    points = np.concatenate(strokes)
    return points.min(0), points.max(0)


def ink(
    strokes: list[Stroke],
    centre: np.ndarray,
    scale: float,
    shape: tuple[int, int],
    pen: float,
    random: np.random.Generator,
) -> np.ndarray:
    """HW uint8, ink bright: the strokes with their `centre` in the middle of the picture; a stroke of one point is a blot.

    `pen` is its width in pixels of the picture, `scale` how many of them a unit of the strokes is.
    """
    height, width = shape
    large = np.zeros((height * _FINE, width * _FINE), np.uint8)
    middle = np.array([width, height]) * _FINE / 2
    for stroke in strokes:
        points = ((stroke - centre) * scale * _FINE + middle).round().astype(np.int32)
        if len(points) == 1:
            cv2.circle(
                large, points[0].tolist(), int(pen * random.uniform(0.5, 2) * _FINE), 255, -1, cv2.LINE_AA
            )
        else:
            thickness = max(round(pen * _FINE), 1)
            cv2.polylines(large, [points.reshape(-1, 1, 2)], False, 255, thickness, cv2.LINE_AA)
    return cv2.resize(large, (width, height), interpolation=cv2.INTER_AREA)


def rounded(points: Stroke, pieces: int = 8) -> Stroke:
    """A smooth curve through the points (Catmull and Rom 1974), as a hand would draw it."""
    ends = np.concatenate([points[:1], points, points[-1:]])
    before, first, second, after = (ends[shift : len(ends) - 3 + shift, None] for shift in range(4))
    t = np.linspace(0, 1, pieces, endpoint=False)[:, None]
    curve = 0.5 * (
        2 * first
        + (second - before) * t
        + (2 * before - 5 * first + 4 * second - after) * t**2
        + (3 * first - before - 3 * second + after) * t**3
    )
    return np.concatenate([curve.reshape(-1, 2), points[-1:]])
