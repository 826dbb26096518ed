"""Draws pieces of what lies around numbers: small print, the edges of things, pens, stains, cloth. None is a number.

Of a frame a finder cuts out whatever might be a number, so a model meets all of this and has to say "nothing". Some kinds are
kept for tests alone.
"""

from __future__ import annotations

import string
from collections.abc import Callable
from functools import cache

import cv2
import numpy as np

from core.data.canvases.negatives import DOODLE_HEIGHT, DOODLE_WIDTH

_PIECES = 1800
_SEED, _UNSEEN_SEED = 30, 31
_FINE = 3  # painted this many times larger, then averaged
_HEIGHT, _WIDTH = DOODLE_HEIGHT * _FINE, DOODLE_WIDTH * _FINE

_Painter = Callable[[np.random.Generator], np.ndarray]
"""Paints (_HEIGHT, _WIDTH) uint8, ink bright."""


@cache
def pieces(*, unseen: bool = False) -> np.ndarray:
    """(n, 32, 160) uint8, ink bright; with `unseen` of kinds that no model has learned."""
    random = np.random.default_rng(_UNSEEN_SEED if unseen else _SEED)
    painters = _HELD_OUT if unseen else _LEARNED
    return np.stack([_piece(painters[number % len(painters)], random) for number in range(_PIECES)])


def _piece(paint: _Painter, random: np.random.Generator) -> np.ndarray:
    while True:
        size = DOODLE_WIDTH, DOODLE_HEIGHT
        piece = cv2.resize(paint(random), size, interpolation=cv2.INTER_AREA)
        if piece.std() > 3:  # or there is nothing to see
            return piece


def _blank() -> np.ndarray:
    return np.zeros((_HEIGHT, _WIDTH), np.uint8)


def _print(random: np.random.Generator) -> np.ndarray:
    """A line or two of printed words, of which the finder cut out a part."""
    picture = _blank()
    letters = list(string.ascii_letters.translate(str.maketrans("", "", "OoIlSsZzBbGgqgDQ")))
    lines = int(random.integers(1, 3))
    size = random.uniform(0.6, 2.6) / lines
    font = int(random.choice([cv2.FONT_HERSHEY_SIMPLEX, cv2.FONT_HERSHEY_COMPLEX, cv2.FONT_HERSHEY_DUPLEX]))
    for line in range(lines):
        words = ["".join(random.choice(letters, int(random.integers(2, 9)))) for _ in range(5)]
        bottom = int(_HEIGHT * (line + 1) / (lines + 0.5))
        left = int(random.uniform(-40, 200))
        cv2.putText(
            picture, " ".join(words), (left, bottom), font, size, 255, int(random.integers(1, 6)), cv2.LINE_AA
        )
    used = int(random.uniform(0.3, 1) * _WIDTH)
    picture[:, used:] = 0
    return picture


def _bars(random: np.random.Generator) -> np.ndarray:
    """Pens, rulers, the legs of furniture: thick straight things, at any angle, longer than the picture is high."""
    picture = _blank()
    for _ in range(int(random.integers(1, 4))):
        middle = random.uniform((0, 0), (_WIDTH, _HEIGHT))
        angle = random.uniform(0, np.pi)
        reach = random.uniform(60, 300) * np.array([np.cos(angle), np.sin(angle)])
        ends = [(middle + sign * reach).astype(int).tolist() for sign in (-1, 1)]
        cv2.line(
            picture,
            ends[0],
            ends[1],
            int(random.integers(150, 256)),
            int(random.integers(6, 40)),
            cv2.LINE_AA,
        )
    return picture


def _edges(random: np.random.Generator) -> np.ndarray:
    """The border of a sheet, a screen or a table: everything beyond a bent line is dark."""
    x = np.linspace(0, 1, 24)
    level = random.uniform(-0.2, 1.2) + random.normal(0, 0.5) * x + random.normal(0, 0.25) * x * x
    line = np.stack([x * _WIDTH, level * _HEIGHT], 1)
    beyond = np.array([[_WIDTH, 2 * _HEIGHT], [0, 2 * _HEIGHT]])
    picture = _blank()
    cv2.fillPoly(
        picture, [np.concatenate([line, beyond]).astype(np.int32)], int(random.integers(80, 256)), cv2.LINE_AA
    )
    if random.random() < 0.5:
        picture = np.ascontiguousarray(picture[::-1])
    if random.random() < 0.4:  # only its shadow line
        picture = cv2.morphologyEx(picture, cv2.MORPH_GRADIENT, np.ones((7, 7), np.uint8))
    return picture


def _stains(random: np.random.Generator) -> np.ndarray:
    """Patches of any shape: fingers, hair, clothes, leaves, shadows."""
    cells = int(random.integers(2, 8)), int(random.integers(5, 30))
    field = cv2.resize(
        random.random(cells).astype(np.float32), (_WIDTH, _HEIGHT), interpolation=cv2.INTER_CUBIC
    )
    level = random.uniform(0.45, 0.8)
    soft = random.uniform(0.01, 0.3)
    return (((field - level) / soft + 0.5).clip(0, 1) * 255).astype(np.uint8)


def _dots(random: np.random.Generator) -> np.ndarray:
    """A spray of dirt, a perforation, a halftone."""
    picture = _blank()
    count = int(random.integers(8, 120))
    places = random.uniform((0, 0), (_WIDTH, _HEIGHT), (count, 2))
    if random.random() < 0.4:  # in rows
        pitch = random.uniform(10, 40)
        places = (places / pitch).round() * pitch
    for x, y in places.astype(int).tolist():
        cv2.circle(
            picture, (x, y), int(random.integers(1, 7)), int(random.integers(120, 256)), -1, cv2.LINE_AA
        )
    return picture


def _wires(random: np.random.Generator) -> np.ndarray:
    """Cables, scratches, folds: long thin lines, straight or bent, that cross the picture."""
    picture = _blank()
    for _ in range(int(random.integers(1, 5))):
        x = np.linspace(-20, _WIDTH + 20, 40)
        y = random.uniform(0, _HEIGHT) + np.interp(
            x, np.linspace(-20, _WIDTH + 20, 4), random.normal(0, 40, 4)
        )
        points = np.stack([x, y], 1)
        if random.random() < 0.4:  # across
            middle = random.uniform(0, _WIDTH)
            points = np.stack([middle + (y - y.mean()), np.linspace(-10, _HEIGHT + 10, 40)], 1)
        cv2.polylines(
            picture,
            [points.astype(np.int32)],
            False,
            int(random.integers(120, 256)),
            int(random.integers(1, 8)),
            cv2.LINE_AA,
        )
    return picture


def _frames(random: np.random.Generator) -> np.ndarray:
    """The empty boxes of a form, and the corners of such boxes."""
    picture = _blank()
    count = int(random.integers(1, 7))
    side = random.uniform(30, 90)
    left, top = random.uniform(-20, 120), random.uniform(-10, 40)
    thick = int(random.integers(1, 7))
    for index in range(count):
        corner = int(left + index * side), int(top)
        cv2.rectangle(
            picture, corner, (int(corner[0] + side), int(top + side * random.uniform(0.9, 1.3))), 255, thick
        )
    return picture


def _hatching(random: np.random.Generator) -> np.ndarray:
    """Slanting lines side by side, as a pencil fills an area."""
    picture = _blank()
    pitch, lean = random.uniform(6, 24), random.uniform(-60, 60)
    first, last = sorted(random.uniform(0, _WIDTH, 2))
    for x in np.arange(first, last, pitch) + random.normal(0, 1.5, len(np.arange(first, last, pitch))):
        top, bottom = random.uniform(5, 25), random.uniform(_HEIGHT - 25, _HEIGHT - 5)
        cv2.line(
            picture,
            (int(x + lean / 2), int(top)),
            (int(x - lean / 2), int(bottom)),
            255,
            int(random.integers(1, 5)),
            cv2.LINE_AA,
        )
    return picture


def _rings(random: np.random.Generator) -> np.ndarray:
    """What a cup leaves on paper: parts of large circles."""
    picture = _blank()
    for _ in range(int(random.integers(1, 4))):
        middle = random.uniform((0, -60), (_WIDTH, _HEIGHT + 60)).astype(int).tolist()
        radius = int(random.uniform(80, 220))
        start = random.uniform(0, 360)
        cv2.ellipse(
            picture,
            middle,
            (radius, radius),
            0,
            start,
            start + random.uniform(60, 360),
            int(random.integers(120, 256)),
            int(random.integers(2, 14)),
            cv2.LINE_AA,
        )
    return picture


def _fingers(random: np.random.Generator) -> np.ndarray:
    """Round ends of thick things that reach in from below or above."""
    picture = _blank()
    for _ in range(int(random.integers(1, 5))):
        x, tip, thick = random.uniform(0, _WIDTH), random.uniform(0.1, 0.7) * _HEIGHT, random.uniform(12, 40)
        lean = random.normal(0, 25)
        cv2.line(
            picture,
            (int(x), int(tip + thick / 2)),
            (int(x + lean), 2 * _HEIGHT),
            int(random.integers(120, 256)),
            int(thick),
            cv2.LINE_AA,
        )
    return picture if random.random() < 0.5 else np.ascontiguousarray(picture[::-1])


_LEARNED: list[_Painter] = [_print, _bars, _edges, _stains, _dots, _wires, _frames]
_HELD_OUT: list[_Painter] = [_hatching, _rings, _fingers]
