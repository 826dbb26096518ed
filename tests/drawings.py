"""What the tests of the reading room draw: numbers of MNIST test digits on paper, with the place of every digit."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from core.data.mnist import load_sample

Box = tuple[float, float, float, float]


@dataclass(frozen=True)
class Drawing:
    """A picture and what is known of it."""

    gray: np.ndarray
    """HW uint8."""
    text: str
    boxes: tuple[Box, ...]
    """Left, top, right and bottom of the ink of each digit."""


def draw(
    text: str = "407",
    *,
    size: tuple[int, int] = (160, 400),
    height: int = 70,
    at: tuple[int, int] = (80, 45),
    gap: float = 0.2,
    paper: float = 255,
    ink: float = 0,
    which: int = 1,
) -> Drawing:
    """Digits `height` pixels high from `at` (left, top) on; `gap` is a share of the height. Paper and ink are gray levels."""
    digits = load_sample().split("test")
    strength = np.zeros(size, np.float32)
    boxes = []
    left, top = at
    for value in text:
        image = digits.images[np.flatnonzero(digits.labels == int(value))[which]]
        x, y, wide, tall = cv2.boundingRect((image > 60).astype(np.uint8))
        width = max(round(wide * height / tall), 1)
        digit = cv2.resize(image[y : y + tall, x : x + wide], (width, height), interpolation=cv2.INTER_CUBIC)
        place = strength[top : top + height, left : left + width]
        np.maximum(place, digit.astype(np.float32)[: place.shape[0], : place.shape[1]] / 255, out=place)
        boxes.append((float(left), float(top), float(left + width), float(top + height)))
        left += width + round(gap * height)
    gray = paper + (ink - paper) * strength
    return Drawing(gray.clip(0, 255).astype(np.uint8), text, tuple(boxes))


def around(boxes: tuple[Box, ...]) -> Box:
    """The box around all boxes."""
    lefts, tops, rights, bottoms = zip(*boxes, strict=True)
    return min(lefts), min(tops), max(rights), max(bottoms)


def overlap(first: Box, second: Box) -> float:
    """Intersection over union."""

    def area(box: Box) -> float:
        return max(box[2] - box[0], 0) * max(box[3] - box[1], 0)

    shared = area(
        (
            max(first[0], second[0]),
            max(first[1], second[1]),
            min(first[2], second[2]),
            min(first[3], second[3]),
        )
    )
    return shared / (area(first) + area(second) - shared)
