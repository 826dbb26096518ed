"""Finds the place of every number in a picture; or the box of the number that a picture is of."""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np

from core.reading.find.ink import Evened, Ink, even
from core.reading.find.strokes import (
    DIRT,
    ENCLOSED,
    LOWEST,
    UPRIGHT,
    Strokes,
    boxes_around,
    find_strokes,
    group_strokes,
)
from core.reading.find.tight_crop import box_of_all_ink

Box = tuple[float, float, float, float]
"""Left, top, right, bottom in pixels of the picture, right and bottom exclusive."""

MOST_PLACES = 12
"""Each place costs a reading; a picture full of writing has more than a person would point a camera at."""

_LARGE = 0.35  # of the picture's height: a number whose strokes may be too bold to be seen whole
_BOLD = 14  # pixels: strokes as thick as that may have parts that are
_SMALLER = 0.6  # of the height of what it stands in: a number, and no digit that was left out
_EMPTY = 0.02  # share of ink in the middle of a frame
_BOLDEST = 0.41  # of the height: a thicker stroke is a blob
_RING = 0.3  # of the height: as far as the paper around a number is looked at
_LONGEST = 14.0  # heights: the longest number


@dataclass(frozen=True)
class Located:
    """Where one number stands: its ink's box in picture pixels, a rectangle turned about its own middle by `angle`."""

    box: Box
    angle: float
    """Radians, clockwise as seen."""

    @property
    def outline(self) -> np.ndarray:
        """(4, 2) float32 corners in the picture, clockwise from the upper left of the number."""
        left, top, right, bottom = self.box
        middle = np.array([left + right, top + bottom]) / 2
        corners = np.array([[left, top], [right, top], [right, bottom], [left, bottom]]) - middle
        cos, sin = np.cos(self.angle), np.sin(self.angle)
        return (corners @ np.array([[cos, sin], [-sin, cos]]) + middle).astype(np.float32)

    @property
    def upright(self) -> Box:
        """The upright box around it."""
        (left, top), (right, bottom) = self.outline.min(0).tolist(), self.outline.max(0).tolist()
        return left, top, right, bottom


@dataclass(frozen=True)
class Prepared:
    """A picture made ready for reading. The arrays are at the working resolution: picture pixels times `scale`."""

    corrected: np.ndarray
    """HW float32, 0 to 1: the light evened out."""
    ink: np.ndarray
    """HW uint8, 0 or 1: what stands out from the paper."""
    foreign: np.ndarray
    """HW uint8, 0 or 1: the ink that belongs to no number: lines, dirt, other things."""
    scale: float
    places: list[Located]
    """In reading order: lines from top to bottom, in a line from left to right."""


def locate(gray: np.ndarray) -> Prepared:
    """Every number in a HW uint8 picture of any size, dark on light or light on dark; none where there is none."""
    fine, found, too_bold = _search(even(gray))
    if not too_bold:
        return fine
    coarse, again, _ = _search(even(gray, shrink=0.5))
    again = [_doubled(candidate) for candidate in again]
    height = 2 * _LARGE * len(coarse.corrected)
    large = [
        candidate.tall > height and not any(_rivals(small, candidate) for small in found)
        for candidate in again
    ]
    if not any(large):
        return fine
    # The edge of a sheet is large too, and the number on it is not to be lost.
    kept = [
        place
        for place, candidate, is_large in zip(coarse.places, again, large, strict=True)
        if is_large or any(_within([small, candidate]).sum() == 2 for small in found)
    ]
    return replace(coarse, places=kept)


def _doubled(candidate: _Candidate) -> _Candidate:
    """What was found in the picture of half the size, in pixels of the whole one."""
    return replace(
        candidate,
        middle=(2 * candidate.middle[0], 2 * candidate.middle[1]),
        wide=2 * candidate.wide,
        tall=2 * candidate.tall,
        thickness=2 * candidate.thickness,
    )


def _rivals(small: _Candidate, large: _Candidate) -> bool:
    """Whether what was found in the picture is more like writing than what covers it in the picture of half the size."""
    return bool(_within([small, large])[0, 1]) and small.slenderness > large.slenderness


def _search(evened: Evened) -> tuple[Prepared, list[_Candidate], bool]:
    """The numbers in an evened picture, and whether there is ink as of a large number with strokes too bold to be seen whole."""
    seen = [find_strokes(ink) for ink in evened.inks]
    found = _best(
        [
            candidate
            for side, strokes in enumerate(seen)
            for pieces in group_strokes(strokes)
            if (candidate := _candidate(strokes, pieces, evened.inks, side)) is not None
        ],
        evened.corrected,
    )
    shown = np.zeros(evened.corrected.shape, np.uint8)
    foreign = np.zeros_like(shown)
    for side, ink in enumerate(evened.inks):
        mask, others = _seen(ink, found, side)
        shown |= mask
        foreign |= others
    found = _in_reading_order(found)
    places = [_in_picture(candidate, evened.scale) for candidate in found]
    prepared = Prepared(evened.corrected, shown, foreign, evened.scale, places)
    return prepared, found, any(_too_bold(strokes, found, side) for side, strokes in enumerate(seen))


def _too_bold(strokes: Strokes, found: list[_Candidate], side: int) -> bool:
    bold = (strokes.thickness > _BOLD) & (
        np.maximum(strokes.tall, strokes.wide) > _LARGE * len(strokes.labels)
    )
    bold[0] = False
    for candidate in found:
        if candidate.side == side:
            bold[candidate.group] = False
    return bool(bold.any())


def _seen(ink: Ink, found: list[_Candidate], side: int) -> tuple[np.ndarray, np.ndarray]:
    """HW uint8 each: the ink of one side, and what of it is in no number.

    Within a number of the other side it is no ink, but the paper between the strokes.
    """
    mask = ink.mask.copy()
    for candidate in found:
        if candidate.side != side:
            grown = 0.4 * candidate.tall
            size = candidate.wide + grown, candidate.tall + grown
            corners = cv2.boxPoints((candidate.middle, size, float(np.rad2deg(candidate.angle))))
            cv2.fillConvexPoly(mask, corners.round().astype(np.int32), (0,))
    foreign = mask.copy()
    for candidate in found:
        if candidate.side == side:
            (left, top), (height, width) = candidate.corner, candidate.window.shape
            foreign[top : top + height, left : left + width] &= 1 - candidate.window
    return mask, foreign


def number_box(gray: np.ndarray) -> Box | None:
    """The box around all ink in a HW uint8 picture of one number, either polarity; None where there is no ink.

    Specks are passed over, and so are rule lines, and what lies around the paper. A tight crop shows too little paper for
    `locate`; but where the box runs into two sides of the picture, and `locate` finds a number half as wide inside, that is it.
    """
    box = box_of_all_ink(gray)
    if box is None:
        return None
    height, width = gray.shape
    touched = (box[0] <= 1) + (box[1] <= 1) + (box[2] >= width - 1) + (box[3] >= height - 1)
    if touched < 2:
        return box
    places = [place for place in locate(gray).places if abs(place.angle) < np.pi / 4]
    if not places:
        return box
    left, top, right, bottom = max((place.upright for place in places), key=_area)
    inside = left > 2 and top > 2 and right < width - 2 and bottom < height - 2
    return (left, top, right, bottom) if inside and right - left < 0.5 * (box[2] - box[0]) else box


def _area(box: Box) -> float:
    return (box[2] - box[0]) * (box[3] - box[1])


@dataclass(frozen=True)
class _Candidate:
    """A group of strokes that may be a number: its turned box in working pixels, and how likely it is one."""

    side: int
    """Which of the inks, dark or bright."""
    group: np.ndarray
    """Labels of its strokes."""
    window: np.ndarray
    """HW uint8: 1 on its own ink, in the part of the picture of which `corner` is left and top."""
    corner: tuple[int, int]
    middle: tuple[float, float]
    wide: float
    tall: float
    angle: float
    contrast: float
    """Gray levels."""
    thickness: float
    """Pixels across its boldest part."""
    hollow: bool
    """Whether its ink lies along the sides of its box only, as that of a frame, or of a 0."""

    @property
    def slenderness(self) -> float:
        """How much it is like writing: strokes are thin, and what lies between them is not; and how large and clear it is."""
        return (self.contrast * self.tall) ** 0.5 * self.tall / self.thickness


def _candidate(strokes: Strokes, pieces: list[np.ndarray], inks: list[Ink], side: int) -> _Candidate | None:
    """The turned box around a group's ink; None if it is no number."""
    ink, boxes, group = inks[side], boxes_around(strokes, pieces), np.concatenate(pieces)
    left, top, right, bottom = (int(side) for side in (*boxes.min(0)[:2], *boxes.max(0)[2:]))
    wanted = np.zeros(len(strokes.left), np.uint8)
    wanted[group] = 1
    window = wanted[strokes.labels[top:bottom, left:right]]
    angle = _tilt(boxes)
    cos, sin = np.cos(angle), np.sin(angle)
    # Whatever the angle, what reaches farthest is the first or the last pixel of its row.
    rows = np.flatnonzero(window.any(1))
    first, last = window[rows].argmax(1), right - left - 1 - window[rows, ::-1].argmax(1)
    x, y = np.concatenate([first, last]) + left + 0.5, np.concatenate([rows, rows]) + top + 0.5
    along, down = cos * x + sin * y, cos * y - sin * x
    a, b, c, d = along.min() - 0.5, along.max() + 0.5, down.min() - 0.5, down.max() + 0.5
    tall, wide = float(d - c), float(b - a)
    if tall < LOWEST or wide > _LONGEST * tall or wide > 0.98 * ink.mask.shape[1]:
        return None
    thickness = 2 * cv2.distanceTransform(np.pad(window, 1), cv2.DIST_L2, 3).max()
    if thickness > _BOLDEST * tall:
        return None
    contrast = cv2.mean(ink.strength[top:bottom, left:right], window)[0]
    x_middle, y_middle = (a + b) / 2, (c + d) / 2
    middle = float(cos * x_middle - sin * y_middle), float(sin * x_middle + cos * y_middle)
    return _Candidate(
        side,
        group,
        window,
        (left, top),
        middle,
        wide,
        tall,
        float(angle),
        contrast,
        float(thickness),
        bool(window[_inner(bottom - top), _inner(right - left)].mean() < _EMPTY),
    )


def _inner(length: int) -> slice:
    return slice(length // 5, length - length // 5)


def _best(candidates: list[_Candidate], corrected: np.ndarray) -> list[_Candidate]:
    """The most likely ones, one in a place: between dark strokes paper looks like bright ink, and there is dirt in a 0."""
    candidates = sorted(candidates, key=lambda each: -each.contrast * each.tall)[: 3 * MOST_PLACES]
    if not candidates:
        return []
    within = _within(candidates)
    side = np.array([candidate.side for candidate in candidates])
    rivals = (within | within.T) & (side[:, None] != side)
    likely = np.array(
        [
            candidate.slenderness * (_apart(candidate, corrected) if has_rival else 1.0)
            for candidate, has_rival in zip(candidates, rivals.any(1).tolist(), strict=True)
        ]
    )
    beaten = rivals & (likely[:, None] < likely)
    # What stands in a frame counts, and not the frame.
    tall = np.array([candidate.tall for candidate in candidates])
    across = np.array([candidate.contrast * candidate.thickness for candidate in candidates])
    holds = (
        within.T
        & (across > DIRT * across[:, None])
        & (side[:, None] == side)
        & (tall > ENCLOSED * tall[:, None])
        & (tall < _SMALLER * tall[:, None])
    )
    frame = holds.any(1) & np.array([candidate.hollow for candidate in candidates])
    kept: list[int] = []
    for index in np.flatnonzero(~beaten.any(1) & ~frame).tolist():
        if not within[index, kept].any():
            kept.append(index)
    return [candidates[index] for index in kept[:MOST_PLACES]]


def _apart(candidate: _Candidate, corrected: np.ndarray) -> float:
    """Share of what lies around a candidate that differs from its ink as paper does; paper between strokes goes on around them."""
    (left, top), (height, width) = candidate.corner, candidate.window.shape
    around = max(int(_RING * candidate.tall), 3)
    first_y, first_x = max(top - around, 0), max(left - around, 0)
    region = corrected[first_y : top + height + around, first_x : left + width + around]
    own = corrected[top : top + height, left : left + width]
    level = cv2.mean(own, candidate.window)[0]
    alike = (np.abs(region - level) < candidate.contrast / 510).astype(np.uint8)
    inside = alike[top - first_y : top - first_y + height, left - first_x : left - first_x + width]
    ring = region.size - own.size
    return 1 - (cv2.countNonZero(alike) - cv2.countNonZero(inside)) / max(ring, 1)


def _within(candidates: list[_Candidate]) -> np.ndarray:
    """(n, n) bool: whether the middle of the first lies in the box of the second."""
    x, y = np.array([candidate.middle for candidate in candidates]).T
    wide = np.array([candidate.wide for candidate in candidates])
    tall = np.array([candidate.tall for candidate in candidates])
    angle = np.array([candidate.angle for candidate in candidates])
    cos, sin = np.cos(angle), np.sin(angle)
    x, y = x[:, None] - x, y[:, None] - y
    inside = (np.abs(cos * x + sin * y) < wide / 2) & (np.abs(cos * y - sin * x) < tall / 2)
    np.fill_diagonal(inside, False)
    return np.asarray(inside)


def _in_picture(candidate: _Candidate, scale: float) -> Located:
    (x, y), wide, tall = candidate.middle, candidate.wide, candidate.tall
    box = (x - wide / 2) / scale, (y - tall / 2) / scale, (x + wide / 2) / scale, (y + tall / 2) / scale
    return Located(box, candidate.angle)


def _tilt(boxes: np.ndarray) -> float:
    """Angle of the line through the middles of digits, (n, 4) boxes; the fewer and closer they are, the more it is level."""
    left, top, right, bottom = boxes.T
    tall = bottom - top
    weight = tall / tall.sum()
    x, y = (left + right) / 2 / tall.max(), (top + bottom) / 2 / tall.max()
    x, y = x - weight @ x, y - weight @ y
    return float(np.arctan((weight @ (x * y)) / (weight @ (x * x) + UPRIGHT / len(boxes))))


def _in_reading_order(candidates: list[_Candidate]) -> list[_Candidate]:
    """Lines from top to bottom: what starts a line takes all with it whose middles are level with it."""
    left = sorted(candidates, key=lambda each: each.middle[1])
    ordered: list[_Candidate] = []
    while left:
        first = left[0]
        line = [each for each in left if abs(each.middle[1] - first.middle[1]) < 0.5 * first.tall]
        ordered += sorted(line, key=lambda each: each.middle[0])
        left = [each for each in left if all(each is not other for other in line)]
    return ordered
