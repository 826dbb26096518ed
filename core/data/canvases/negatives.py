"""Draws what is no number: letters and scribbles of a digit's size, and doodles as long as a line of writing.

Some letters and some kinds of drawing are kept for tests alone, so that refusing is measured on what no model has met.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np

from core.data import pen
from core.data.canvases import printed

LETTERS = "CEFHJLMNPTUVXaefmnprtuvx#&*+=@"
"""Signs that a careful reader tells from digits even in a hurried hand."""
HELD_OUT_LETTERS = "AKRWdhkw%?"
"""Signs of the same kind, for tests alone."""

DOODLE_HEIGHT, DOODLE_WIDTH = 32, 160
"""Size in pixels of a doodle's picture."""

_LETTERS, _SCRIBBLES, _DOODLES = 2400, 1600, 1200
_SEED, _UNSEEN_SEED = 20, 21
_Drawing = Callable[[np.random.Generator], list[pen.Stroke]]


@cache
def small(side: int, *, unseen: bool = False, read: str = "") -> np.ndarray:
    """Letters and scribbles as (n, side, side) uint8, ink bright; with `unseen` others, some of them of other kinds.

    A letter in `read` is one that the model is to read, and so left out.
    """
    random = np.random.default_rng(_UNSEEN_SEED if unseen else _SEED)
    letters = [one for one in (HELD_OUT_LETTERS if unseen else LETTERS) if one not in read]
    kinds = _drawings(long=False, unseen=unseen)
    return np.stack(
        [printed.letter(letters[number % len(letters)], side, random) for number in range(_LETTERS)]
        + [_scribble(kinds[number % len(kinds)], side, random) for number in range(_SCRIBBLES)]
    )


@cache
def doodles(*, unseen: bool = False) -> np.ndarray:
    """Drawings along a line as (n, 32, 160) uint8, ink bright; with `unseen` others, some of them of other kinds."""
    random = np.random.default_rng(_UNSEEN_SEED if unseen else _SEED)
    kinds = _drawings(long=True, unseen=unseen)
    return np.stack([_doodle(kinds[number % len(kinds)], random) for number in range(_DOODLES)])


def drawing(kind: str, random: np.random.Generator, height: int, width: int) -> np.ndarray:
    """One drawing of a kind in `KINDS`, in the middle of an (height, width) uint8 picture, ink bright."""
    strokes = KINDS[kind].draw(random)
    low, high = pen.bounds(strokes)
    reach = np.array([width, height]) * random.uniform(0.5, 0.9)
    scale = float((reach / np.maximum(high - low, 1e-3)).min())
    width_of_pen = height * random.uniform(0.025, 0.07)
    return pen.ink(strokes, (low + high) / 2, scale, (height, width), width_of_pen, random)


def word(random: np.random.Generator, height: int, width: int) -> np.ndarray:
    """One to four letters that are kept for tests, in a row in an (height, width) uint8 picture, ink bright."""
    side = int(0.8 * min(height, width / 4))
    count = int(random.integers(1, 5))
    letters = [printed.letter(str(random.choice(list(HELD_OUT_LETTERS))), side, random) for _ in range(count)]
    picture = np.zeros((height, width), np.uint8)
    top, left = (height - side) // 2, (width - side * count) // 2
    picture[top : top + side, left : left + side * count] = np.hstack(letters)
    return picture


def _scribble(kind: _Drawing, side: int, random: np.random.Generator) -> np.ndarray:
    strokes = kind(random)
    reach = 20 / 28 * side
    low, high = pen.bounds(strokes)
    scale = reach / max(float((high - low).max()), 1e-3)
    return pen.ink(strokes, (low + high) / 2, scale, (side, side), random.uniform(1.0, 3.5), random)


def _doodle(kind: _Drawing, random: np.random.Generator) -> np.ndarray:
    """A drawing of any height and place that fits the picture; never shorter than about two digits."""
    strokes = kind(random)
    low, high = pen.bounds(strokes)
    width, height = np.maximum(high - low, 1e-3)
    scale = min(random.uniform(12, 27) / height, (DOODLE_WIDTH - 4) / width)
    free = (DOODLE_WIDTH - 4 - width * scale) / 2, (DOODLE_HEIGHT - 4 - height * scale) / 2
    shift = random.uniform(-1, 1, 2) * np.maximum(free, 0)
    width = random.uniform(0.8, 3.2)
    return pen.ink(
        strokes, (low + high) / 2 - shift / scale, scale, (DOODLE_HEIGHT, DOODLE_WIDTH), width, random
    )


def _slow(random: np.random.Generator, count: int, knots: int, low: float, high: float) -> np.ndarray:
    """`count` values between low and high that change smoothly, with about `knots` turning points."""
    places = np.linspace(0, knots - 1, count)
    return np.interp(places, np.arange(knots), random.uniform(low, high, knots))


def _wander(random: np.random.Generator) -> list[pen.Stroke]:
    """A line that wanders about and crosses itself."""
    path = random.normal(0, 9, (40, 2)).cumsum(0)
    return [np.stack([np.convolve(axis, np.ones(4) / 4, "valid") for axis in path.T], 1)]


def _zigzag(random: np.random.Generator) -> list[pen.Stroke]:
    """As one crosses out a letter."""
    count, reach = int(random.integers(6, 13)), random.uniform(25, 80)
    points = np.stack([np.linspace(0, 80, count), reach * (np.arange(count) % 2)], 1)
    return [points + random.normal(0, 5, points.shape)]


def _short_strokes(random: np.random.Generator) -> list[pen.Stroke]:
    """Three strokes that have nothing to do with each other."""
    return list(random.uniform(0, 80, (3, 2, 2)))


def _blots(random: np.random.Generator) -> list[pen.Stroke]:
    return list(random.uniform(0, 80, (int(random.integers(3, 9)), 1, 2)))


def _spiral(random: np.random.Generator) -> list[pen.Stroke]:
    """Two turns and more, from the middle outwards."""
    angle = np.linspace(0, 2 * np.pi * random.uniform(2.0, 2.8), 120)
    radius = angle * random.uniform(0.8, 1.2)
    turn = random.uniform(0, 2 * np.pi)
    return [np.stack([radius * np.cos(angle + turn), radius * np.sin(angle + turn)], 1)]


def _star(random: np.random.Generator) -> list[pen.Stroke]:
    """Strokes through one point, as for an asterisk."""
    angles = random.uniform(0, np.pi) + np.arange(int(random.integers(3, 6))) * np.pi / 4
    reach = random.uniform(0.6, 1, len(angles))
    ends = np.stack([np.cos(angles) * reach, np.sin(angles) * reach], 1)
    return [np.stack([-end, end]) for end in ends]


def _sign(random: np.random.Generator) -> list[pen.Stroke]:
    """A sign of no alphabet: four to six strokes and arcs, each begun on the one before. Fewer might be a digit."""
    strokes: list[pen.Stroke] = []
    start = random.uniform(0, 80, 2)
    for _ in range(int(random.integers(4, 7))):
        length, angle = random.uniform(25, 80), random.uniform(0, 2 * np.pi)
        bow = random.choice([0.0, 0.0, random.uniform(-2.5, 2.5)])  # radians that the stroke turns by
        turned = angle + bow * np.linspace(0, 1, 16)
        path = np.stack([np.cos(turned), np.sin(turned)], 1).cumsum(0) * (length / 16)
        strokes.append(start + path)
        start = strokes[-1][int(random.integers(16))]
    return strokes


def _coil(random: np.random.Generator) -> list[pen.Stroke]:
    """A row of loops, as one tries out a pen."""
    loops = int(random.integers(3, 10))
    turn = np.linspace(0, 2 * np.pi * loops, 40 * loops)
    step = random.uniform(0.12, 0.45)
    tall, round_ = (_slow(random, len(turn), loops + 1, low, 1.0) for low in (0.6, 0.7))
    side = random.choice([-1, 1])
    x = step * turn + random.uniform(0.3, 1.1) * round_ * np.cos(turn) * side
    return [np.stack([x, tall * np.sin(turn + random.uniform(0, 2 * np.pi))], 1)]


def _cursive(random: np.random.Generator) -> list[pen.Stroke]:
    """Something like a word in joined writing: up and down strokes of changing height, some with loops."""
    beats = int(random.integers(5, 16))
    turn = np.linspace(0, 2 * np.pi * beats, 30 * beats)
    tall = _slow(random, len(turn), beats, 0.3, 1.0)
    loop = _slow(random, len(turn), beats, -0.5, 0.9)
    base = _slow(random, len(turn), max(beats // 3, 2), -0.3, 0.3)
    x = random.uniform(0.12, 0.35) * turn + loop * np.cos(turn)
    y = base + tall * np.sin(turn)
    return [np.stack([x + random.uniform(-0.4, 0.4) * y, y], 1)]


def _wave(random: np.random.Generator) -> list[pen.Stroke]:
    """A wavy or nearly straight line, as under a word."""
    x = np.linspace(0, random.uniform(4, 14), 160)
    y = _slow(random, 160, 6, 0.15, 0.6) * np.sin(x * random.uniform(1.0, 3.0))
    lines = [np.stack([x, y], 1)]
    if random.random() < 0.3:
        lines.append(np.stack([x, y + random.uniform(0.4, 0.9)], 1))
    return lines


def _crossing_out(random: np.random.Generator) -> list[pen.Stroke]:
    """Up and down across a whole word."""
    count = int(random.integers(10, 30))
    points = np.stack([np.linspace(0, random.uniform(3, 8), count), 1.0 * (np.arange(count) % 2)], 1)
    return [points + random.normal(0, 0.12, points.shape)]


def _arches(random: np.random.Generator) -> list[pen.Stroke]:
    """A row of arches or garlands: mmm or uuu."""
    count = int(random.integers(4, 10))
    phase = np.linspace(0, np.pi * count, 24 * count)
    side = random.choice([-1, 1])
    return [
        np.stack(
            [
                phase * random.uniform(0.25, 0.6),
                side * np.abs(np.sin(phase)) * _slow(random, len(phase), count, 0.6, 1.0),
            ],
            1,
        )
    ]


def _tangle(random: np.random.Generator) -> list[pen.Stroke]:
    """A line that wanders along the whole width."""
    path = random.normal(0, 1, (120, 2)).cumsum(0)
    path[:, 0] += np.linspace(0, random.uniform(15, 50), len(path))
    return [np.stack([np.convolve(axis, np.ones(5) / 5, "valid") for axis in path.T], 1)]


@dataclass(frozen=True)
class Kind:
    """One kind of drawing that is no number."""

    draw: _Drawing
    long: bool = False
    """Whether it runs along the line of writing, or is of a digit's size."""
    held_out: bool = False
    """Whether it is kept for tests, and never learned."""


KINDS = {
    "wandering line": Kind(_wander),
    "zigzag": Kind(_zigzag),
    "short strokes": Kind(_short_strokes),
    "blots": Kind(_blots),
    "sign": Kind(_sign),
    "spiral": Kind(_spiral, held_out=True),
    "star": Kind(_star, held_out=True),
    "coil": Kind(_coil, long=True),
    "joined writing": Kind(_cursive, long=True),
    "wave": Kind(_wave, long=True),
    "crossing out": Kind(_crossing_out, long=True),
    "arches": Kind(_arches, long=True, held_out=True),
    "tangle": Kind(_tangle, long=True, held_out=True),
}


def _drawings(*, long: bool, unseen: bool) -> list[_Drawing]:
    return [kind.draw for kind in KINDS.values() if kind.long == long and (unseen or not kind.held_out)]
