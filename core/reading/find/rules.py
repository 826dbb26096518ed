"""Takes rule lines, grids and the frames of forms out of an ink mask; strokes that they cross stay whole."""

from __future__ import annotations

import cv2
import numpy as np

_SHORTEST = 0.16  # of the mask's longer side
_ALWAYS = 0.6  # of the longer side: whatever reaches so far may hold lines
_THIN = 0.04  # of the square of its reach: pixels of ink in what may be lines
_SLENDER = 40  # times its thickness: how long a line is at least; a pen's stroke is bolder
_THICKEST = 8  # pixels
_FINE = 5  # pixels: a pattern's lines are thinner than the edge of a sheet
_MOSTLY = 0.6  # of what is left once lines are out
_PATTERN = 3  # lines
_FILLED = 0.6  # of a line's length on which ink must lie


def take_out_rules(mask: np.ndarray, labels: np.ndarray, stats: np.ndarray) -> np.ndarray:
    """A HW uint8 mask (0 or 1) without its long thin straight lines, level, upright or sloped; itself if it has none.

    `labels` (HW) and `stats` (n, 5) are its connected components, as OpenCV gives them.
    """
    height, width = mask.shape
    shortest = max(_SHORTEST * max(height, width), 24)
    reach = np.hypot(stats[:, cv2.CC_STAT_WIDTH], stats[:, cv2.CC_STAT_HEIGHT])
    thin = stats[:, cv2.CC_STAT_AREA] < _THIN * reach * reach
    long = (reach >= _ALWAYS * max(height, width)) | ((reach >= shortest) & thin)
    long[0] = False
    if not long.any():
        return mask
    suspects = long.astype(np.uint8)[labels]
    # Half the resolution has a quarter of the pixels that vote.
    half = np.minimum(cv2.resize(255 * suspects, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA), 1)
    lines = cv2.HoughLinesP(
        half, 1, np.pi / 180, int(0.3 * shortest), minLineLength=shortest / 2, maxLineGap=shortest * 0.15
    )
    if lines is None:
        return mask
    ends, thickness, filled = _measured(mask, 2 * lines.reshape(-1, 4).astype(np.float32) + 0.5)
    length = np.hypot(ends[:, 2] - ends[:, 0], ends[:, 3] - ends[:, 1])
    keep = (thickness <= _THICKEST) & (length > _SLENDER * thickness) & (filled > _FILLED)
    if not keep.any():
        return mask
    band = np.zeros_like(mask)
    for (x0, y0, x1, y1), thick in zip(
        ends[keep].round().astype(int).tolist(), thickness[keep].tolist(), strict=True
    ):
        cv2.line(band, (x0, y0), (x1, y1), 1, int(thick) + 2)
    rest = mask & (1 - band)
    size = 2 * int(thickness[keep].max()) + 5
    bridged = cv2.morphologyEx(
        rest, cv2.MORPH_CLOSE, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size))
    )
    rest |= bridged & band & mask
    thin = thickness[keep & (thickness <= _FINE)]
    return _bolder(rest, int(np.percentile(thin, 75)) + 2) if len(thin) >= _PATTERN else rest


def _bolder(mask: np.ndarray, size: int) -> np.ndarray:
    """The mask without what is left of a pattern of thin lines, where most of it is bolder: written with a pen."""
    core = cv2.morphologyEx(mask, cv2.MORPH_OPEN, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size)))
    if cv2.countNonZero(core) < _MOSTLY * cv2.countNonZero(mask):
        return mask
    return mask & cv2.dilate(core, np.ones((size, size), np.uint8))


def _measured(mask: np.ndarray, ends: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Lines, (n, 4) x, y, x, y, moved to the middle of their ink; (n,) their thickness; (n,) share of ink along them."""
    steps = np.linspace(0, 1, 48, dtype=np.float32)
    starts, ways = ends[:, None, :2], ends[:, None, 2:] - ends[:, None, :2]
    points = starts + steps[None, :, None] * ways
    normal = np.stack([-ways[..., 1], ways[..., 0]], -1) / (
        np.linalg.norm(ways, axis=-1, keepdims=True) + 1e-6
    )
    offsets = np.arange(-_THICKEST, _THICKEST + 1, dtype=np.float32)
    where = points[:, :, None] + offsets[None, None, :, None] * normal[:, :, None]
    x = where[..., 0].round().astype(int).clip(0, mask.shape[1] - 1)
    y = where[..., 1].round().astype(int).clip(0, mask.shape[0] - 1)
    share = mask[y, x].mean(1)
    middle = len(offsets) // 2
    filled = share[:, middle - 2 : middle + 3].max(1)
    inked = share > 0.5
    shift = (inked * offsets).sum(1) / np.maximum(inked.sum(1), 1)
    return ends + np.tile(normal[:, 0] * shift[:, None], 2), inked.sum(1).astype(np.float32), filled
