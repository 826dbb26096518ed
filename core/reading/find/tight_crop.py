"""Finds the box around all ink of a picture that is of one number; a tight crop may show hardly any paper."""

from __future__ import annotations

import cv2
import numpy as np
import torch

from core.data.strip import FAINTEST_INK, paper

_WORKING_SIZE = (512, 128)  # within which ink is looked for: enough for a number that fills the picture
_INK = 0.35  # of the pen's own level
_PEN = 0.2  # of the picture: more than that a pen leaves in a tight crop only
_SPECK = 0.02  # of the area of the largest stroke; what is smaller is dirt
_SMALLEST = 3  # pixels
_SIDE = 0.95  # of a side of the picture: what covers that much is no ink but what lies around the paper
_ACROSS = 0.9  # of the width: how far a rule line reaches


def box_of_all_ink(gray: np.ndarray) -> tuple[float, float, float, float] | None:
    """Left, top, right, bottom in pixels of a HW uint8 picture, either polarity; None where there is no ink.

    Specks are passed over, and so are rule lines, and what lies around the paper.
    """
    height, width = gray.shape
    scale = min(_WORKING_SIZE[0] / width, _WORKING_SIZE[1] / height, 1.0)
    size = max(round(width * scale), 1), max(round(height * scale), 1)
    small = cv2.resize(gray, size, interpolation=cv2.INTER_AREA) if scale < 1 else gray
    ink = _whole_ink(small)
    ink[_rules(ink)] = 0
    strokes = _marks(ink)
    if not len(strokes):
        return None
    left, top = strokes[:, cv2.CC_STAT_LEFT].min(), strokes[:, cv2.CC_STAT_TOP].min()
    right = (strokes[:, cv2.CC_STAT_LEFT] + strokes[:, cv2.CC_STAT_WIDTH]).max()
    bottom = (strokes[:, cv2.CC_STAT_TOP] + strokes[:, cv2.CC_STAT_HEIGHT]).max()
    across, down = width / size[0], height / size[1]
    return float(left * across), float(top * down), float(right * across), float(bottom * down)


def _whole_ink(gray: np.ndarray) -> np.ndarray:
    """HW uint8: 1 where ink is, 0 elsewhere. It stands out from the paper, on the side to which the picture is skewed."""
    picture = gray.astype(np.float32) / 255
    residual = picture - _paper(picture, float(np.median(picture)))
    residual[_surroundings(_above(np.abs(residual)))] = 0
    if _above(np.abs(residual)).mean() > _PEN:
        # A bold pen in a tight crop: ink and paper may have changed places. The border shows more paper than the middle.
        border = np.concatenate([picture[0], picture[-1], picture[:, 0], picture[:, -1]])
        residual = picture - _paper(picture, float(np.median(border)))
    return _above(residual if (residual * residual * residual).sum() > 0 else -residual)


def _paper(picture: np.ndarray, usual: float) -> np.ndarray:
    """The paper under a HW picture, found from some pixels in a grid: so smooth a surface needs no more.

    What is far from the usual level counts for little from the start, or a table beside the paper would bend it.
    """
    step = max(min(picture.shape) // 32, 1)
    few = np.ascontiguousarray(picture[::step, ::step])
    distance = np.abs(few - usual)
    trust = 1 / (1 + (distance / (distance.mean() + 0.004)) ** 4)
    flat, weights = (torch.from_numpy(part.reshape(1, -1)) for part in (few, trust))
    surface = paper(flat, weights, *few.shape).numpy().reshape(few.shape)
    return cv2.resize(surface, (picture.shape[1], picture.shape[0]), interpolation=cv2.INTER_LINEAR)


def _above(strength: np.ndarray) -> np.ndarray:
    """HW uint8: 1 where something stands out as far as a pen does, measured by what stands out most."""
    strength = strength.clip(min=0)
    squares = strength * strength
    level = float((squares * strength).sum()) / (float(squares.sum()) + 1e-6)
    return (strength > max(_INK * level, FAINTEST_INK / 2)).astype(np.uint8)


def _surroundings(mask: np.ndarray) -> np.ndarray:
    """What covers a whole side of the picture, where something else is left: a table, a hand's shadow, a frame."""
    sides = (mask[0], mask[-1], mask[:, 0], mask[:, -1])
    if all(side.mean() <= _SIDE for side in sides):
        return np.zeros(mask.shape, bool)
    count, labels = cv2.connectedComponents(mask, connectivity=8)
    covering = {
        label
        for side in (labels[0], labels[-1], labels[:, 0], labels[:, -1])
        for label in np.flatnonzero(np.bincount(side, minlength=count) > _SIDE * len(side)).tolist()
        if label
    }
    found = np.isin(labels, list(covering)) if covering else np.zeros(mask.shape, bool)
    if not (mask.astype(bool) & ~found).any():
        return np.zeros(mask.shape, bool)
    # Its soft edge belongs to it.
    return cv2.dilate(found.astype(np.uint8), np.ones((7, 7), np.uint8)).astype(bool)


def _rules(ink: np.ndarray) -> np.ndarray:
    """Where level lines run from side to side of a wide picture, also those on which the number stands."""
    height, width = ink.shape
    # Long runs only: no digit has a bar of a third of a wide picture's width, and a line may slope a little.
    run = max(width // 3, 3)
    # In a narrow picture the bar of a 5 or a 7 may reach from side to side.
    if width < 2 * height or ink.sum(axis=1).max() < run:
        return np.zeros(ink.shape, bool)
    runs = cv2.morphologyEx(ink, cv2.MORPH_OPEN, np.ones((1, run), np.uint8))
    count, labels, stats, _ = cv2.connectedComponentsWithStats(runs, connectivity=8)
    lines = [
        index
        for index in range(1, count)
        if stats[index, cv2.CC_STAT_WIDTH] > _ACROSS * width
        and stats[index, cv2.CC_STAT_HEIGHT] < 0.12 * height
    ]
    if not lines:
        return np.zeros(ink.shape, bool)
    return cv2.dilate(np.isin(labels, lines).astype(np.uint8), np.ones((3, 3), np.uint8)).astype(bool)


def _marks(ink: np.ndarray) -> np.ndarray:
    """(n, 5) int32 statistics of the connected strokes, without specks and lines from side to side."""
    height, width = ink.shape
    strokes = cv2.connectedComponentsWithStats(ink, connectivity=8)[2][1:]
    tall, wide = strokes[:, cv2.CC_STAT_HEIGHT], strokes[:, cv2.CC_STAT_WIDTH]
    level = (wide > _ACROSS * width) & (tall < 0.12 * height)
    upright = (tall > 0.98 * height) & (wide < 0.03 * width)
    if level.any() and width < 2 * height:
        # A bar may belong to a digit that fills the picture; a rule line is longer than what stands on it is wide.
        others = strokes[~level]
        level &= not len(others) or bool(others[:, cv2.CC_STAT_WIDTH].max() < 0.7 * width)
    if upright.any():
        # In a tight crop a 1 reaches from top to bottom as the others do; the edge of a sheet is longer than the digits.
        others = strokes[~upright]
        upright &= len(others) > 0 and bool(others[:, cv2.CC_STAT_HEIGHT].max() < 0.8 * height)
    strokes = strokes[~level & ~upright]
    if not len(strokes):
        return strokes
    area = strokes[:, cv2.CC_STAT_AREA]
    return strokes[area >= max(_SPECK * area.max(), _SMALLEST)]
