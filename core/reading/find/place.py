"""A place in a picture where a number stands: a rectangle, turned about its own middle."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

Box = tuple[float, float, float, float]
"""Left, top, right, bottom in pixels of the picture, right and bottom exclusive."""


@dataclass(frozen=True)
class Place:
    """Where one number stands: its ink's box in picture pixels, a rectangle turned about its own middle by `angle`."""

    box: Box
    angle: float = 0.0
    """Radians, clockwise as seen."""

    @property
    def outline(self) -> np.ndarray:
        """(4, 2) float32 corners in the picture, clockwise from the upper left of the number."""
        left, top, right, bottom = self.box
        middle = np.array([left + right, top + bottom]) / 2
        corners = np.array([[left, top], [right, top], [right, bottom], [left, bottom]]) - middle
        return (corners @ self._turn + middle).astype(np.float32)

    @property
    def upright(self) -> Box:
        """The upright box around it."""
        (left, top), (right, bottom) = self.outline.min(0).tolist(), self.outline.max(0).tolist()
        return left, top, right, bottom

    def turned_back(self, quarters: int, width: int, height: int) -> Place:
        """The same place in the picture, of that size, which had to be turned so many quarters anticlockwise to show it here."""
        left, top, right, bottom = self.box
        x, y = (left + right) / 2, (top + bottom) / 2
        for done in range(quarters, 0, -1):
            x, y = (width if done % 2 else height) - y, x
        wide, tall = (right - left) / 2, (bottom - top) / 2
        return Place((x - wide, y - tall, x + wide, y + tall), self.angle + quarters * np.pi / 2)

    def parted(self, share: float) -> tuple[Place, Place]:
        """The part before that share of its length, and the part behind it."""
        left, top, right, bottom = self.box
        wide, level = right - left, (top + bottom) / 2
        parts = []
        for first, last in ((0.0, share), (share, 1.0)):
            away = np.array([((first + last) / 2 - 0.5) * wide, 0.0]) @ self._turn
            x, y = (left + right) / 2 + away[0], level + away[1]
            half = (last - first) * wide / 2
            box = x - half, y - (bottom - top) / 2, x + half, y + (bottom - top) / 2
            parts.append(Place((float(box[0]), float(box[1]), float(box[2]), float(box[3])), self.angle))
        return parts[0], parts[1]

    @property
    def _turn(self) -> np.ndarray:
        """(2, 2): points of the upright rectangle, from its middle, times this are points of the turned one."""
        cos, sin = np.cos(self.angle), np.sin(self.angle)
        return np.array([[cos, sin], [-sin, cos]])


def overlap(first: np.ndarray, second: np.ndarray) -> float:
    """Intersection over union of two convex outlines, (n, 2) each."""
    one, other = (points.astype(np.float32) for points in (first, second))
    shared = cv2.intersectConvexConvex(one, other)[0]
    return shared / max(cv2.contourArea(one) + cv2.contourArea(other) - shared, 1e-9)


def around(places: list[Place]) -> Place:
    """The smallest place turned as the widest of several that holds all of them."""
    widest = max(places, key=lambda place: place.box[2] - place.box[0])
    corners = np.concatenate([place.outline for place in places]) @ widest._turn.T
    (left, top), (right, bottom) = corners.min(0), corners.max(0)
    x, y = np.array([left + right, top + bottom]) / 2 @ widest._turn
    wide, tall = (right - left) / 2, (bottom - top) / 2
    return Place((float(x - wide), float(y - tall), float(x + wide), float(y + tall)), widest.angle)
