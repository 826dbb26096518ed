"""Draws digits as MNIST's writers hardly write them: the European 1 and 7, straight 4s and 9s, a thin even pen.

MNIST was written in the United States, with soft pens. Each digit here is a few strokes through points that every hand
moves a little.
"""

from __future__ import annotations

from functools import cache

import numpy as np

from core.data import pen

_SEED = 22
_UNEVEN = 0.035  # how far a hand moves a point, as a share of the digit's height

_Glyph = list[tuple[bool, list[tuple[float | int, float | int]]]]
# Strokes as points in a square, x and y from 0 to 1, each round (True) or with corners.

_GLYPHS: dict[int, list[_Glyph]] = {
    0: [
        [
            (
                True,
                [
                    (0.55, 0),
                    (0.2, 0.1),
                    (0, 0.5),
                    (0.2, 0.92),
                    (0.5, 1),
                    (0.82, 0.9),
                    (1, 0.5),
                    (0.8, 0.08),
                    (0.5, 0),
                ],
            )
        ],
        [
            (
                True,
                [
                    (0.7, 0.04),
                    (0.3, 0.02),
                    (0, 0.45),
                    (0.3, 0.98),
                    (0.75, 0.93),
                    (1, 0.5),
                    (0.75, 0.05),
                    (0.45, 0.08),
                ],
            )
        ],
    ],
    1: [
        [(False, [(0, 0.35), (0.6, 0), (0.6, 1)])],
        [(False, [(0, 0.55), (0.75, 0), (0.72, 1)])],
        [(False, [(0.1, 0.25), (0.5, 0), (0.5, 1)]), (False, [(0.05, 1), (0.95, 1)])],
        [(False, [(0, 0.4), (0.55, 0), (0.5, 1)]), (False, [(0.1, 1), (0.9, 1)])],
        [(True, [(0, 0.4), (0.35, 0.25), (0.7, 0)]), (False, [(0.7, 0), (0.6, 1)])],
    ],
    2: [
        [
            (True, [(0.05, 0.22), (0.4, 0), (0.85, 0.15), (0.75, 0.45), (0.05, 1)]),
            (False, [(0.05, 1), (1, 1)]),
        ],
        [(True, [(0, 0.2), (0.45, 0), (0.9, 0.2), (0.5, 0.65), (0, 0.98), (0.4, 0.9), (1, 0.97)])],
        [(False, [(0, 0.05), (0.9, 0.02), (0.05, 1), (1, 0.98)])],
    ],
    3: [
        [
            (False, [(0.05, 0), (0.9, 0), (0.4, 0.42)]),
            (True, [(0.4, 0.42), (0.9, 0.6), (0.75, 0.95), (0.3, 1), (0, 0.88)]),
        ],
        [
            (True, [(0.05, 0.12), (0.5, 0), (0.85, 0.2), (0.35, 0.46)]),
            (True, [(0.35, 0.46), (0.95, 0.65), (0.6, 1), (0, 0.9)]),
        ],
    ],
    4: [
        [(False, [(0.45, 0), (0, 0.62), (1, 0.62)]), (False, [(0.72, 0.3), (0.7, 1)])],
        [(False, [(0.7, 1), (0.7, 0), (0, 0.68), (1, 0.68)])],
        [(False, [(0.15, 0), (0.05, 0.5), (0.95, 0.5)]), (False, [(0.8, 0), (0.75, 1)])],
        [(True, [(0.15, 0.02), (0.02, 0.4), (0.3, 0.55), (0.85, 0.5)]), (False, [(0.85, 0.05), (0.8, 1)])],
    ],
    5: [
        [
            (False, [(0.95, 0), (0.2, 0.02), (0.12, 0.42)]),
            (True, [(0.12, 0.42), (0.6, 0.36), (0.95, 0.65), (0.6, 1), (0, 0.92)]),
        ],
        [
            (False, [(0.2, 0.02), (0.12, 0.45)]),
            (True, [(0.12, 0.45), (0.7, 0.42), (0.9, 0.75), (0.45, 1), (0, 0.9)]),
            (False, [(0.2, 0.02), (1, 0)]),
        ],
        [(True, [(1, 0.02), (0.5, 0.05), (0.2, 0.15), (0.3, 0.45), (0.75, 0.6), (0.6, 0.97), (0, 0.95)])],
    ],
    6: [
        [
            (
                True,
                [
                    (0.85, 0),
                    (0.35, 0.3),
                    (0.02, 0.72),
                    (0.35, 1),
                    (0.85, 0.85),
                    (0.8, 0.58),
                    (0.35, 0.55),
                    (0.05, 0.75),
                ],
            )
        ],
        [(True, [(0.55, 0), (0.12, 0.45), (0.1, 0.85), (0.55, 1), (0.95, 0.75), (0.6, 0.5), (0.12, 0.7)])],
    ],
    7: [
        [(False, [(0, 0.03), (0.95, 0), (0.4, 1)]), (False, [(0.2, 0.5), (0.9, 0.48)])],
        [(False, [(0.05, 0.15), (0.08, 0), (0.95, 0), (0.45, 1)]), (False, [(0.25, 0.52), (0.95, 0.45)])],
        [(False, [(0, 0.05), (0.75, 0), (0.72, 1)]), (False, [(0.3, 0.5), (1, 0.52)])],
        [
            (True, [(0, 0.12), (0.3, 0.05), (0.6, 0.12), (1, 0)]),
            (True, [(1, 0), (0.55, 0.45), (0.4, 1)]),
            (False, [(0.25, 0.55), (0.9, 0.5)]),
        ],
        [(False, [(0, 0.02), (1, 0), (0.35, 1)])],
    ],
    8: [
        [
            (
                True,
                [
                    (0.8, 0.12),
                    (0.4, 0),
                    (0.15, 0.22),
                    (0.5, 0.46),
                    (0.95, 0.72),
                    (0.5, 1),
                    (0.05, 0.75),
                    (0.5, 0.46),
                    (0.85, 0.2),
                    (0.75, 0.05),
                ],
            )
        ],
        [
            (True, [(0.5, 0), (0.15, 0.2), (0.5, 0.45), (0.85, 0.2), (0.5, 0)]),
            (True, [(0.5, 0.45), (0, 0.75), (0.5, 1), (1, 0.75), (0.5, 0.45)]),
        ],
    ],
    9: [
        [
            (True, [(0.9, 0.2), (0.5, 0), (0.05, 0.25), (0.4, 0.5), (0.9, 0.2)]),
            (False, [(0.9, 0.15), (0.85, 1)]),
        ],
        [
            (
                True,
                [
                    (0.85, 0.2),
                    (0.45, 0),
                    (0.05, 0.25),
                    (0.4, 0.5),
                    (0.85, 0.2),
                    (0.9, 0.65),
                    (0.6, 1),
                    (0.1, 0.92),
                ],
            )
        ],
        [
            (True, [(0.85, 0.1), (0.35, 0), (0.05, 0.28), (0.45, 0.5), (0.85, 0.25)]),
            (False, [(0.85, 0.1), (0.6, 1)]),
        ],
    ],
}


@cache
def penned(count: int, side: int) -> tuple[np.ndarray, np.ndarray]:
    """(count, side, side) uint8 digits, ink bright, scaled as MNIST's are (longer side 20 of 28), and their (count,) labels.

    A third are 1s and 7s, in which hands differ most.
    """
    random = np.random.default_rng(_SEED)
    labels = np.where(
        random.random(count) < 0.33, random.choice([1, 7], count), random.integers(0, 10, count)
    )
    images = [_penned(_GLYPHS[label], side, random) for label in labels.tolist()]
    return np.stack(images), labels.astype(np.int64)


def _penned(glyphs: list[_Glyph], side: int, random: np.random.Generator) -> np.ndarray:
    glyph = glyphs[int(random.integers(len(glyphs)))]
    shape = np.array([random.uniform(0.35, 0.8), 1.0])
    slant = random.normal(0.05, 0.12)
    strokes = []
    for is_round, points in glyph:
        moved = np.array(points, float) + random.normal(0, _UNEVEN, (len(points), 2))
        curve = pen.rounded(moved) if is_round else moved
        curve = curve * shape
        strokes.append(curve - np.stack([slant * curve[:, 1], np.zeros(len(curve))], 1))
    low, high = pen.bounds(strokes)
    width = random.uniform(0.9, 3.4)
    scale = (20 / 28 * side - width) / max(float((high - low).max()), 1e-3)
    return pen.ink(strokes, (low + high) / 2, scale, (side, side), width, random)
