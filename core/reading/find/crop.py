"""Cuts one number out of a picture at the strip's size: what else lies there is painted over."""

from __future__ import annotations

import cv2
import numpy as np

from core.data.strip import Placement, fit
from core.reading.find.locate import Located, Prepared

_AROUND = 11  # strip pixels, odd: as far as the paper is taken from that is painted over other things
_OTHER = 0.4  # of the number's contrast: what differs by more from its paper is none
_TOUCHED = 0.15  # of a pixel: more of something else, and it is painted over


def crop(
    gray: np.ndarray, prepared: Prepared, place: Located, height: int, width: int
) -> tuple[np.ndarray, tuple[float, float], Placement]:
    """As `core.data.strip.fit`: the (height, width) float32 picture, 0 to 1, of the number at `place`, its extents and placement.

    Lines, neighbours and dirt that `locate` found near the number get the level of the paper beside them.
    """
    picture, extents, placement = fit(gray, place.box, height, width, place.angle)
    foreign, ink = (
        _on_strip(mask, prepared.scale, placement, height, width) for mask in (prepared.foreign, prepared.ink)
    )
    # The number's own strokes are never touched, nor do soft sides of what is painted over count as paper.
    around = np.ones((3, 3), np.uint8)
    strokes = (ink - foreign > _TOUCHED) & _within(place, placement, height, width)
    own = cv2.dilate(strokes.astype(np.uint8), around) > 0
    covered: np.ndarray = (foreign > _TOUCHED).astype(np.uint8) | _off_the_paper(picture, strokes)
    if not covered.any():
        return picture, extents, placement
    covered = (cv2.dilate(covered, around) > 0) & ~own
    paper = (~covered & ~own).astype(np.float32)
    if not paper.any():
        return picture, extents, placement
    size = (_AROUND, _AROUND)
    near = cv2.blur(picture * paper, size) / (cv2.blur(paper, size) + 1e-6)
    anywhere = float((picture * paper).sum() / paper.sum())
    level = np.where(cv2.blur(paper, size) > 0.02, near, anywhere)
    return np.where(covered, level, picture).astype(np.float32), extents, placement


def _off_the_paper(picture: np.ndarray, strokes: np.ndarray) -> np.ndarray:
    """HW uint8: 1 on what comes in from the strip's sides and is of another level than the paper: the table beyond its edge.

    What the number's strokes touch stays, or the edge of a sheet, taken for a number, would look like a 1.
    """
    own, wider = (cv2.dilate(strokes.astype(np.uint8), np.ones((n, n), np.uint8)) > 0 for n in (3, 5))
    beside = wider & ~own
    paper = picture[beside]
    if not strokes.any() or not paper.size:
        return np.zeros(picture.shape, np.uint8)
    level = np.median(paper)
    other = np.abs(picture - level) > _OTHER * np.abs(picture[strokes] - level).mean()
    count, labels = cv2.connectedComponents((other & ~own).astype(np.uint8), connectivity=4)
    reached = np.zeros(count, bool)
    reached[np.concatenate([labels[0], labels[-1], labels[:, 0], labels[:, -1]])] = True
    reached[labels[beside]] = False
    reached[0] = False
    return reached[labels].astype(np.uint8)


def _within(place: Located, placement: Placement, height: int, width: int) -> np.ndarray:
    """HW bool: the strip's pixels in the number's box; what lies outside belongs to others."""
    left, top, right, bottom = place.box
    reach = np.array([[right - left], [bottom - top]]) / 2 / placement.scale + 0.5
    x, y = np.arange(width) + 0.5 - width / 2, np.arange(height) + 0.5 - height / 2
    return (np.abs(x) < reach[0]) & (np.abs(y) < reach[1])[:, None]


def _on_strip(mask: np.ndarray, scale: float, placement: Placement, height: int, width: int) -> np.ndarray:
    """A mask at the working resolution as shares of the strip's pixels, (height, width) float32."""
    corners = placement.outline((0.0, 0.0, float(width), float(height))) * scale
    size = mask.shape[1], mask.shape[0]
    (left, top), (right, bottom) = (
        (corner + side).astype(int).clip(0, size)
        for corner, side in ((corners.min(0), -4), (corners.max(0), 5))
    )
    if right <= left or bottom <= top:
        return np.zeros((height, width), np.float32)
    window = 255 * mask[top:bottom, left:right]
    reach = max(
        round(placement.scale * scale), 1
    )  # mask pixels in a strip's, or thin lines would fall between
    if reach > 1:
        window = cv2.blur(window, (reach, reach))
    to_window = placement.to_picture() * scale
    to_window[:, 2] += to_window[:, :2] @ (0.5, 0.5) - (left, top) - 0.5
    # Beyond the picture's edge a mask goes on as `fit` lets the picture go on.
    on_strip = cv2.warpAffine(
        window,
        to_window,
        (width, height),
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REPLICATE,
    )
    return on_strip.astype(np.float32) / 255
