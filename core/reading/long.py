"""Numbers with more digits than a model reads at once: that one was cut short is seen by the ink it left out, and where it parts by its gaps."""

from __future__ import annotations

import cv2
import numpy as np

_INK = 0.35  # of full ink
_TALL = 0.5, 1.25  # of a digit's height: ink that tall is a digit; what is taller is a wall or a bracket
_OUTSIDE = 0.6  # of a piece of ink lies in no digit's box: it is none of those that were read
_MIDDLE = 0.25  # of a number on either side of its middle: somewhere there it is parted


def is_cut(strip: np.ndarray, boxes: np.ndarray) -> bool:
    """Whether a HW float32 strip, 0 to 1, shows ink as tall as a digit in none of the (digits, 4) boxes that were read, in its pixels."""
    tall = float(np.median(boxes[:, 3] - boxes[:, 1]))
    first, last = float(np.median(boxes[:, 1])), float(np.median(boxes[:, 3]))
    read = np.zeros(strip.shape, bool)
    for left, top, right, bottom in boxes:
        read[max(int(top) - 1, 0) : int(bottom) + 2, max(int(left) - 1, 0) : int(right) + 2] = True
    count, pieces, stats, middles = cv2.connectedComponentsWithStats((strip > _INK).astype(np.uint8))
    for piece in range(1, count):
        height, area, level = (
            stats[piece, cv2.CC_STAT_HEIGHT],
            stats[piece, cv2.CC_STAT_AREA],
            middles[piece, 1],
        )
        if _TALL[0] * tall < height < _TALL[1] * tall and first < level < last:
            outside = int((~read & (pieces == piece)).sum())
            if outside > _OUTSIDE * area:
                return True
    return False


def parting(strip: np.ndarray) -> float:
    """The column at which a strip's number is parted: where there is the least ink, not far from the middle."""
    ink = (strip * (strip > _INK)).sum(0)
    inked = np.flatnonzero(ink)
    first, last = inked[0], inked[-1] + 1
    middle, reach = (first + last) / 2, _MIDDLE * (last - first)
    columns = np.arange(int(middle - reach), int(middle + reach) + 1)
    nearness = 1e-3 * np.abs(columns - middle)
    return float(columns[np.argmin(ink[columns] + nearness)]) + 0.5
