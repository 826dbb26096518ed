"""Pen strokes of many writers, and their ink by any pen, at any slant and speed."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import Int

from core.data import pen


@dataclass(frozen=True)
class Strokes:
    """Characters, words or numbers as the strokes of a pen, x to the right and y downwards."""

    points: Int[np.ndarray, "p 2"]
    stroke_starts: Int[np.ndarray, " s"]
    """Where each stroke begins in `points`; one more, its end."""
    character_starts: Int[np.ndarray, " c"]
    """Where each character begins in `stroke_starts`; one more, its end."""
    labels: list[str]
    writers: Int[np.ndarray, " n"]

    @classmethod
    def load(cls, path: Path) -> Strokes:
        """From an .npz file with `points`, `stroke_starts`, `char_strokes`, `labels` and `writer`."""
        with np.load(path, allow_pickle=False) as arrays:
            return cls(
                arrays["points"].astype(np.int64),
                arrays["stroke_starts"].astype(np.int64),
                arrays["char_strokes"].astype(np.int64),
                arrays["labels"].tolist(),
                arrays["writer"].astype(np.int64),
            )

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> list[pen.Stroke]:
        """The strokes of one character."""
        first, last = self.character_starts[index : index + 2]
        bounds = self.stroke_starts[first : last + 1]
        return [self.points[start:end] for start, end in pairwise(bounds.tolist())]


@dataclass(frozen=True)
class Manner:
    """How somebody writes for as long as a number lasts: one pen, one slant, one speed."""

    width: float
    """Of the pen, as a share of a digit's height."""
    slant: float
    """Columns by which the upper end leans to the right, for each row."""
    stretch: float
    """Width of a digit as a multiple of its own."""
    haste: float
    """How far corners are rounded off: standard deviation in points of the stroke."""

    @classmethod
    def draw(cls, random: np.random.Generator) -> Manner:
        """Any manner; some hands are slow and keep their corners."""
        return cls(
            width=float(random.uniform(0.04, 0.17)),
            slant=float(random.normal(0, 0.12)),
            stretch=float(random.uniform(0.85, 1.2)),
            haste=float(max(random.uniform(-1.0, 1.6), 0.0)),
        )

    def written(self, strokes: list[pen.Stroke]) -> list[pen.Stroke]:
        """The strokes in this manner, without the pen's width."""
        return [self._bent(stroke) for stroke in strokes]

    def _bent(self, stroke: pen.Stroke) -> pen.Stroke:
        points = stroke.astype(np.float32)
        if self.haste and len(points) > 4:
            smooth = cv2.GaussianBlur(points, (1, 0), 0.1, sigmaY=self.haste, borderType=cv2.BORDER_REPLICATE)
            points = np.concatenate([points[:1], smooth[1:-1], points[-1:]])
        return np.stack([self.stretch * points[:, 0] - self.slant * points[:, 1], points[:, 1]], 1)


def tile(
    strokes: list[pen.Stroke], manner: Manner, side: int, reach: int, random: np.random.Generator
) -> np.ndarray:
    """(side, side) uint8, ink bright: one character, its longer side `reach` pixels."""
    written = manner.written(strokes)
    low, high = pen.bounds(written)
    width = manner.width * reach
    scale = (reach - width) / max(float((high - low).max()), 1e-3)
    return pen.ink(written, (low + high) / 2, scale, (side, side), width, random)


def line(
    strokes: list[pen.Stroke],
    manner: Manner,
    height: int,
    width: int,
    tall: float,
    random: np.random.Generator,
) -> np.ndarray:
    """(height, width) uint8, ink bright: a word or a number, about `tall` pixels high, anywhere that it fits."""
    written = manner.written(strokes)
    low, high = pen.bounds(written)
    pen_width = max(manner.width * tall, 0.8)
    room = np.array([width - 4, height - 4]) - pen_width
    span = np.maximum(high - low, 1e-3)
    scale = float(min(tall / span[1], *(room / span)))
    free = np.maximum(room - span * scale, 0) / 2
    shift = random.uniform(-1, 1, 2) * free
    return pen.ink(written, (low + high) / 2 - shift / scale, scale, (height, width), pen_width, random)
