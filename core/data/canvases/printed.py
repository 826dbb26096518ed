"""Draws letters and signs in print, bent as a hand would bend them: as what is no digit, or as symbols that a model is to read."""

from __future__ import annotations

from functools import cache

import cv2
import numpy as np

_FONTS = (
    cv2.FONT_HERSHEY_SIMPLEX,
    cv2.FONT_HERSHEY_DUPLEX,
    cv2.FONT_HERSHEY_COMPLEX,
    cv2.FONT_HERSHEY_TRIPLEX,
    cv2.FONT_HERSHEY_SCRIPT_SIMPLEX,
    cv2.FONT_HERSHEY_SCRIPT_COMPLEX,
)
_TOP, _BASE = 28, 70  # of digits, where `_bent` writes
_MARGIN = 8  # above and below: a comma hangs, a bracket stands out
_EACH = 400
_SEED = 22


@cache
def symbols(text: str, side: int) -> tuple[np.ndarray, np.ndarray]:
    """Every symbol of the text equally often, (n, side, side) uint8 with bright ink, and each tile's place in the text.

    A symbol keeps its size and height beside digits, which reach from `line(side)[0]` to `line(side)[1]`.
    """
    random = np.random.default_rng(_SEED)
    places = np.arange(_EACH * len(text)) % max(len(text), 1)
    tiles = [_in_line(text[place], side, random) for place in places]
    return np.stack(tiles) if tiles else np.zeros((0, side, side), np.uint8), places


def line(side: int) -> tuple[float, float]:
    """First row of the digits in whose line a symbol stands, and the first below them."""
    return 4 / 28 * side, 24 / 28 * side


def letter(letter: str, side: int, random: np.random.Generator) -> np.ndarray:
    """A letter, (side, side) uint8 with bright ink, scaled as MNIST's digits are: its longer side is 20 of 28."""
    bent = _bent(letter, random)
    left, top, width, height = cv2.boundingRect(bent)
    return _centred(bent[top : top + height, left : left + width], 20 / 28 * side / max(width, height), side)


def _in_line(symbol: str, side: int, random: np.random.Generator) -> np.ndarray:
    bent = _bent(symbol, random)[_TOP - _MARGIN : _BASE + _MARGIN]
    left, _, width, _ = cv2.boundingRect(bent)
    scale = side * min(20 / 28 / (_BASE - _TOP), 1 / width)
    return _centred(bent[:, left : left + width], scale, side)


def _centred(ink: np.ndarray, scale: float, side: int) -> np.ndarray:
    height, width = ink.shape
    size = max(round(width * scale), 1), max(round(height * scale), 1)
    small = cv2.resize(ink, size, interpolation=cv2.INTER_AREA)
    tile = np.zeros((side, side), np.uint8)
    y, x = (side - size[1]) // 2, (side - size[0]) // 2
    tile[y : y + size[1], x : x + size[0]] = small
    return tile


def _bent(letter: str, random: np.random.Generator) -> np.ndarray:
    """A letter of any font and pen, (100, 100) uint8 with bright ink."""
    size = 100
    large = np.zeros((size, size), np.uint8)
    font = _FONTS[int(random.integers(len(_FONTS)))]
    cv2.putText(large, letter, (25, _BASE), font, 2.0, 255, int(random.integers(2, 8)), cv2.LINE_AA)
    waves = random.normal(0, 3.5, (2, 4, 4)).astype(np.float32)
    bend_x, bend_y = (cv2.resize(wave, (size, size), interpolation=cv2.INTER_CUBIC) for wave in waves)
    y, x = np.mgrid[:size, :size].astype(np.float32)
    slant, stretch = random.normal(0, 0.15), random.uniform(0.8, 1.25)
    return cv2.remap(
        large,
        50 + (x - 50) * np.float32(stretch) + (y - 50) * np.float32(slant) + bend_x,
        y + bend_y,
        cv2.INTER_LINEAR,
    )
