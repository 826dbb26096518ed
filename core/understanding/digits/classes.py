"""What each class of digits looks like: how many there are, their mean, and how they differ from it."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int, UInt8

from core.data.mnist import Digits

CLASSES = 10


@dataclass(frozen=True)
class ClassImages:
    """Each class in one picture or two."""

    counts: Int[np.ndarray, " 10"]
    mean: Float[np.ndarray, "10 28 28"]
    """Mean ink of each pixel, 0 to 1."""
    variance: Float[np.ndarray, "10 28 28"]
    """Variance of each pixel's ink; 0 to 1/4."""


def class_images(digits: Digits) -> ClassImages:
    """Counts, mean and variance of each class; 0 for a class without any digit."""
    counts = np.bincount(digits.labels, minlength=CLASSES)
    mean, variance = np.zeros((2, CLASSES, *digits.images.shape[1:]), np.float32)
    for label in np.flatnonzero(counts):
        ink = digits.images[digits.labels == label].astype(np.float32) / 255
        mean[label], variance[label] = ink.mean(0), ink.var(0)
    return ClassImages(counts, mean, variance)


def places_of(digits: Digits, labels: Collection[int]) -> Int[np.ndarray, " n"]:
    """Places, in their order, of the digits with one of these labels; of all digits where none is named."""
    if not labels:
        return np.arange(len(digits))
    return np.flatnonzero(np.isin(digits.labels, list(labels)))


def on_paper(ink: np.ndarray) -> UInt8[np.ndarray, "n h w"]:
    """(n, h, w) ink, uint8 or float 0 to 1, as dark on light pictures."""
    if ink.dtype == np.uint8:
        return 255 - ink
    return (255 * (1 - ink.clip(0, 1))).round().astype(np.uint8)


def contact_sheet(pictures: UInt8[np.ndarray, "n h w"], columns: int) -> UInt8[np.ndarray, "H W"]:
    """All pictures in one, row by row; places that are left over are white."""
    rows = -(-len(pictures) // columns)
    height, width = pictures.shape[1:]
    sheet = np.full((rows * columns, height, width), 255, np.uint8)
    sheet[: len(pictures)] = pictures
    return sheet.reshape(rows, columns, height, width).transpose(0, 2, 1, 3).reshape(rows * height, -1)
