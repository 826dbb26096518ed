"""A gray picture of one number in, the box of its ink out, or nothing."""

from __future__ import annotations

import cv2
import numpy as np
import torch

from core.data.strip import strip

Box = tuple[float, float, float, float]
"""Left, top, right, bottom in pixels of the picture, right and bottom exclusive."""

_WORKING_SIZE = (
    512,
    128,
)  # width and height within which ink is looked for: enough for a number that fills the picture
_INK = 0.35  # of the pen's own level
_FAINTEST = 10  # gray levels, of 255, by which ink must differ from its paper
_SPECK = 0.02  # of the area of the largest stroke; what is smaller is dirt


def locate(gray: np.ndarray) -> Box | None:
    """The box around all ink in a HW uint8 picture, either polarity; None where there is no ink.

    Specks are passed over, and so are thin lines from side to side (rule lines, the edge of the paper).
    """
    height, width = gray.shape
    scale = min(_WORKING_SIZE[0] / width, _WORKING_SIZE[1] / height, 1.0)
    size = max(round(width * scale), 1), max(round(height * scale), 1)
    small = cv2.resize(gray, size, interpolation=cv2.INTER_AREA) if scale < 1 else gray
    low, high = np.percentile(small, (0.05, 99.95))
    if high - low < _FAINTEST:
        return None
    ink = strip(torch.from_numpy(small.astype(np.float32) / 255)[None, None])[0, 0].numpy()
    count, _, stats, _ = cv2.connectedComponentsWithStats((ink > _INK).astype(np.uint8), connectivity=8)
    strokes = [stats[index] for index in range(1, count) if not _is_line(stats[index], size)]
    if not strokes:
        return None
    least = max(_SPECK * max(stroke[cv2.CC_STAT_AREA] for stroke in strokes), 3)
    strokes = [stroke for stroke in strokes if stroke[cv2.CC_STAT_AREA] >= least]
    if not strokes:
        return None
    left, top = (min(stroke[side] for stroke in strokes) for side in (cv2.CC_STAT_LEFT, cv2.CC_STAT_TOP))
    right = max(stroke[cv2.CC_STAT_LEFT] + stroke[cv2.CC_STAT_WIDTH] for stroke in strokes)
    bottom = max(stroke[cv2.CC_STAT_TOP] + stroke[cv2.CC_STAT_HEIGHT] for stroke in strokes)
    across, down = width / size[0], height / size[1]
    return float(left * across), float(top * down), float(right * across), float(bottom * down)


def _is_line(stats: np.ndarray, size: tuple[int, int]) -> bool:
    """Whether a component runs from side to side and is thin all along."""
    width, height = int(stats[cv2.CC_STAT_WIDTH]), int(stats[cv2.CC_STAT_HEIGHT])
    level = width > 0.9 * size[0] and height < 0.12 * size[1]
    upright = height >= 0.98 * size[1] and width < 0.03 * size[0]
    return level or upright
