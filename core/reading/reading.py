"""What a reader says of one picture: the number, how sure it is, where each digit stands and where the model looked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np

from core.data.strip import Placement
from core.reading.find.place import Box


@dataclass(frozen=True)
class DigitReading:
    """One digit of a reading."""

    value: int
    """Its token: of a digit the digit itself."""
    symbol: str
    """As it is written."""
    probability: float
    """Calibrated, 0 to 1."""
    runners_up: tuple[tuple[str, float], ...]
    """What else it could have been, likeliest first: a digit or "end", and its probability."""
    box: Box
    """In pixels of the picture."""


@dataclass(frozen=True)
class Attention:
    """The attention of one reading as arrays. Every row sums to 1, but for the digit model's `cross`."""

    grid: tuple[int, int]
    """Rows and columns of patches on the strip."""
    cross: np.ndarray
    """(layers, heads, digits, patches) float32: from each digit to the patches. The digit model's layers are those of its
    encoder, whose summary token keeps a part of its attention to itself."""
    encoder: np.ndarray
    """(layers, heads, tokens, tokens) float32: from token to token of the encoder."""
    decoder: np.ndarray
    """(layers, heads, steps, steps) float32: from each step to the steps before it; empty for the digit model."""


@dataclass(frozen=True)
class Reading:
    """One number, or nothing."""

    text: str
    """The digits; "" means that there is no number here."""
    probability: float
    """That the whole text is right, calibrated, 0 to 1; of an empty text, that there is nothing."""
    digits: tuple[DigitReading, ...]
    strip: np.ndarray
    """HW float32, 0 to 1: ink on nothing, what the model saw."""
    placement: Placement
    """Where the strip lies in the picture."""
    box: Box | None
    """Of the ink in the picture; None where there is none."""
    size: tuple[int, int]
    """Width and height of the picture."""
    attention: Attention | None
    """None where no ink was found, none was asked for, or the number was read in parts."""
    timings: dict[str, float]
    """Milliseconds: prepare, model, total."""
    is_cut: bool = False
    """Whether more digits stand there than were read: the text is a part of the number."""

    @property
    def attention_maps(self) -> np.ndarray:
        """(digits, h, w) float32 maps over the picture, 0 to 1: where each digit's step looked, in the last layer.

        `explain.attention_maps` has the other layers, single heads and other methods. Made anew at each access.
        """
        if self.attention is None:
            return np.zeros((0, self.size[1], self.size[0]), np.float32)
        weights = self.attention.cross[-1].mean(axis=0)
        return on_picture(weights.reshape(len(self.digits), *self.attention.grid), self)

    def to_dict(self) -> dict[str, Any]:
        """What was read, ready for JSON; without strip and attention, which are pictures."""
        return {
            "text": self.text,
            "probability": self.probability,
            "is_cut": self.is_cut,
            "digits": [
                {
                    "value": digit.value,
                    "symbol": digit.symbol,
                    "probability": digit.probability,
                    "runners_up": dict(digit.runners_up),
                    "box": list(digit.box),
                }
                for digit in self.digits
            ],
            "box": None if self.box is None else list(self.box),
            "size": list(self.size),
            "milliseconds": dict(self.timings),
        }


def on_picture(weights: np.ndarray, reading: Reading) -> np.ndarray:
    """(digits, rows, columns) weights of patches as (digits, h, w) float32 maps over the picture, each with 1 at its highest."""
    width, height = reading.size
    strip_height, strip_width = reading.strip.shape
    to_picture = reading.placement.to_picture()
    to_picture[:, 2] += to_picture[:, :2] @ (0.5, 0.5) - 0.5  # cv2 counts from the middles of pixels
    maps = np.zeros((len(weights), height, width), np.float32)
    for weight, found in zip(weights, maps, strict=True):
        on_strip = spread(weight, (strip_height, strip_width))
        cv2.warpAffine(on_strip, to_picture, (width, height), dst=found, flags=cv2.INTER_LINEAR)
        found /= max(float(found.max()), 1e-12)
    return maps


def spread(weights: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """(rows, columns) weights of patches as a (height, width) float32 map over the strip: each patch a smooth hill.

    A hill's standard deviation is half a patch, so that two patches which share a narrow digit are highest between them.
    """
    height, width = size
    blocks = cv2.resize(weights, (width, height), interpolation=cv2.INTER_NEAREST)
    across, down = width / weights.shape[1] / 2, height / weights.shape[0] / 2
    hills: np.ndarray = cv2.GaussianBlur(
        blocks, (0, 0), sigmaX=across, sigmaY=down, borderType=cv2.BORDER_CONSTANT
    )
    return hills
