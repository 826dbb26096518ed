"""What a reader says of one picture: the number, how sure it is, where each digit stands and where the model looked."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from core.data.strip import Placement
from core.reading.locate import Box


@dataclass(frozen=True)
class DigitReading:
    """One digit of a reading."""

    value: int
    probability: float
    """Calibrated, 0 to 1."""
    runners_up: tuple[tuple[str, float], ...]
    """What else it could have been, likeliest first: a digit or "end", and its probability."""
    box: Box
    """In pixels of the picture."""


@dataclass(frozen=True)
class Attention:
    """The attention of one reading as arrays; every row sums to 1."""

    grid: tuple[int, int]
    """Rows and columns of patches on the strip."""
    cross: np.ndarray
    """(layers, heads, digits, patches) float32: from each digit to the patches."""
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
    """None where no ink was found, or none was asked for."""
    timings: dict[str, float]
    """Milliseconds: prepare, model, total."""
