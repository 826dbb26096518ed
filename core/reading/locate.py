"""A frame or photo in, the place of every number in it out; or the box of a picture that is of one number."""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np
import torch

from core.data.strip import FAINTEST_INK, paper
from core.reading.ink import Evened, Ink, even
from core.reading.rules import take_out_rules

Box = tuple[float, float, float, float]
"""Left, top, right, bottom in pixels of the picture, right and bottom exclusive."""

MOST_PLACES = 12
"""Each place costs a reading; a picture full of writing has more than a person would point a camera at."""

_LARGE = 0.35  # of the picture's height: a number whose strokes may be too bold to be seen whole
_BOLD = 14  # pixels: strokes as thick as that may have parts that are
_LOWEST = 9  # working pixels: the smallest digit
_MOST_STROKES = 160  # that are compared with each other, the tallest
_GAP = 1.4  # heights of the taller digit: what is farther apart is another number
_SIMILAR = 0.4  # of the taller one's height: the shortest digit in a number
_THIN = 0.25  # of the box around it: pixels of ink in a frame
_ENCLOSED = 0.15  # of the frame's height: more than dirt in a 0
_SMALLER = 0.6  # of the height of what it stands in: a number, and no digit that was left out
_EMPTY = 0.02  # share of ink in the middle of a frame
_BAR = 0.65  # the same where the taller is a bar
_STEEPEST = np.tan(np.deg2rad(26.0))  # slope of a line of digits
_UPRIGHT = (
    0.12  # squares of the height: how much a row is taken to be level unless its length tells otherwise
)
_CRISP = 4.5  # pixels of a stroke's thickness that change by its strength within a pixel's neighbours
_PIECE = 8  # pixels of ink in a piece of a digit, at least
_FINEST = 0.02  # of its size: thickness of a stroke
_SHARP = 0.25  # of its strength: less change at a stroke's edge is a shade or a grain of wood
_ALIKE = 0.5, 0.5, 0.3  # of the other's strength, sharpness, thickness: what has less is not of the same pen
_BOLDEST = 0.41  # of the height: a thicker stroke is a blob
_LONGEST = 14.0  # heights: the longest number


@dataclass(frozen=True)
class Located:
    """Where one number stands: its ink's box in picture pixels, a rectangle turned about its own middle by `angle`."""

    box: Box
    angle: float
    """Radians, clockwise as seen."""

    @property
    def upright(self) -> Box:
        """The upright box around it."""
        return _upright(self)


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


@dataclass(frozen=True)
class _Strokes:
    """The connected pieces of ink: HW uint16 label image; of each its box, pixels, strength and sharpness, (n,) float32."""

    labels: np.ndarray
    left: np.ndarray
    top: np.ndarray
    right: np.ndarray
    bottom: np.ndarray
    pixels: np.ndarray
    strength: np.ndarray
    """How far it stands out from the paper, in shares of the light there."""
    sharpness: np.ndarray
    """Gray levels by which its edge changes within a pixel's neighbours, in shares of its strength."""
    thickness: np.ndarray
    """Pixels across its stroke."""

    @property
    def wide(self) -> np.ndarray:
        return self.right - self.left

    @property
    def tall(self) -> np.ndarray:
        return self.bottom - self.top


def prepare(gray: np.ndarray) -> Prepared:
    """Every number in a HW uint8 picture of any size, dark on light or light on dark; none where there is none."""
    fine, found, too_bold = _search(even(gray))
    if not too_bold:
        return fine
    coarse, again, _ = _search(even(gray, shrink=0.5))
    height = _LARGE * len(coarse.corrected)
    large = [
        place
        for place, candidate in zip(coarse.places, again, strict=True)
        if candidate.tall > height and not any(_rivals(small, candidate) for small in found)
    ]
    return replace(coarse, places=large) if large else fine


def _rivals(small: _Candidate, large: _Candidate) -> bool:
    """Whether what was found in the picture is more like writing than what covers it in the picture of half the size."""
    doubled = replace(
        large,
        middle=(2 * large.middle[0], 2 * large.middle[1]),
        wide=2 * large.wide,
        tall=2 * large.tall,
        thickness=2 * large.thickness,
    )
    return bool(_within([small, doubled])[0, 1]) and small.slenderness > doubled.slenderness


def _search(evened: Evened) -> tuple[Prepared, list[_Candidate], bool]:
    """The numbers in an evened picture, and whether there is ink as of a large number with strokes too bold to be seen whole."""
    seen = [_strokes(ink) for ink in evened.inks]
    found = _best(
        [
            candidate
            for side, strokes in enumerate(seen)
            for pieces in _groups(strokes)
            if (candidate := _candidate(strokes, pieces, evened.inks, side)) is not None
        ]
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


def _too_bold(strokes: _Strokes, found: list[_Candidate], side: int) -> bool:
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


def _strokes(ink: Ink) -> _Strokes:
    count, labels, stats = _connected(ink.mask)
    mask = take_out_rules(ink.mask, labels, stats)
    if mask is not ink.mask:
        count, labels, stats = _connected(mask)
    left, top, width, height, pixels = stats.astype(np.float32).T
    where = np.flatnonzero(mask.view(bool))
    label = labels.ravel()[where]
    strength = np.bincount(label, ink.strength.ravel()[where], count) / pixels
    gradient = ink.gradient.ravel()[where].astype(np.float32)
    # Each pixel counts by its own gradient: the edge tells, the inside of a bold stroke does not.
    edge = np.bincount(label, gradient * gradient, count) / (np.bincount(label, gradient, count) + 1e-6)
    sharpness = edge / (strength + 1e-6)
    inside = np.bincount(label, cv2.erode(mask, np.ones((3, 3), np.uint8)).ravel()[where], count)
    thickness = 2 * pixels / (pixels - inside + 1e-6)
    light = np.bincount(label, ink.light.ravel()[where], count) / pixels
    measured = [value.astype(np.float32) for value in (strength / (light + 1), sharpness, thickness)]
    return _Strokes(labels, left, top, left + width, top + height, pixels, *measured)


def _connected(mask: np.ndarray) -> tuple[int, np.ndarray, np.ndarray]:
    """How many pieces and the ground there are, the label image, and (n, 5) box and size of each."""
    return cv2.connectedComponentsWithStats(mask, connectivity=8, ltype=cv2.CV_16U)[:3]


def _groups(strokes: _Strokes) -> list[list[np.ndarray]]:
    """Of each number its digits, of each digit the labels of its strokes."""
    height, width = strokes.labels.shape
    tall, wide = strokes.tall, strokes.wide
    edges = (
        (strokes.left <= 1).astype(int)
        + (strokes.top <= 1)
        + (strokes.right >= width - 1)
        + (strokes.bottom >= height - 1)
    )
    fill = strokes.pixels / (tall * wide)
    digit = (tall >= _LOWEST) & (tall < 0.97 * height) & (wide < 9 * tall) & (strokes.pixels > 1.2 * tall)
    digit &= ~((fill > 0.75) & (wide > 0.5 * tall))
    digit &= ~((fill < 0.05) & (np.maximum(tall, wide) > 60))
    # An angle of a frame: thinner for its size than any pen writes.
    longest = np.maximum(tall, wide)
    digit &= ~((strokes.thickness < _FINEST * longest) & (wide > 0.25 * tall) & (longest > 60))
    # A bold stroke may have a soft edge, if it is not all edge.
    digit &= (strokes.sharpness > _SHARP) | (strokes.sharpness * strokes.thickness > _CRISP)
    digit[0] = False
    whole = digit & (edges == 0)
    # The picture's edge may cut into a digit, but what lies around a sheet is there too.
    digit &= (edges == 0) | (
        (edges == 1) & (wide < tall) & (fill < 0.45) & (strokes.thickness < 0.2 * tall)
        | (edges < 2) & ~whole.any()
    )
    piece = (strokes.pixels >= _PIECE) & (edges == 0) & (strokes.sharpness > _SHARP) & (tall < 0.5 * height)
    piece[0] = False
    index = np.flatnonzero(digit | piece)
    if len(index) > _MOST_STROKES:
        index = index[np.argsort(-tall[index])[:_MOST_STROKES]]
    index = index[~_frames(strokes, index)]
    if not len(index):
        return []
    pieces = [part for part in _joined(strokes, index) if digit[part].any()]
    if not pieces:
        return []
    boxes = _boxes(strokes, pieces)
    alike = [
        np.array([(of[p] * strokes.pixels[p]).sum() / strokes.pixels[p].sum() for p in pieces])
        for of in (strokes.strength, strokes.sharpness, strokes.thickness)
    ]
    together = _components(_neighbours(boxes, alike))
    groups = [[pieces[i] for i in np.flatnonzero(together == one)] for one in np.unique(together)]
    if whole.any():  # what the edge of the picture cuts may belong to a number, and is none by itself
        groups = [group for group in groups if whole[np.concatenate(group)].any()]
    return groups


def _boxes(strokes: _Strokes, pieces: list[np.ndarray]) -> np.ndarray:
    """(n, 4) left, top, right, bottom of pieces, each of which is the labels of its strokes."""
    low = [(strokes.left[p].min(), strokes.top[p].min()) for p in pieces]
    high = [(strokes.right[p].max(), strokes.bottom[p].max()) for p in pieces]
    return np.concatenate([low, high], axis=1)


def _frames(strokes: _Strokes, index: np.ndarray) -> np.ndarray:
    """(n,) bool: what encloses a digit is the edge of its sheet, or a box printed around it."""
    left, top, right, bottom = (v[index] for v in (strokes.left, strokes.top, strokes.right, strokes.bottom))
    tall = bottom - top
    inside = (left > left[:, None] + 1) & (right < right[:, None] - 1)
    inside &= (top > top[:, None] + 1) & (bottom < bottom[:, None] - 1)
    thin = strokes.pixels[index] < _THIN * (right - left) * tall
    return np.asarray(thin & (inside & (tall > _ENCLOSED * tall[:, None])).any(1))


def _joined(strokes: _Strokes, index: np.ndarray) -> list[np.ndarray]:
    """The pieces of a broken digit lie over one another, with hardly a gap."""
    left, top, right, bottom = (v[index] for v in (strokes.left, strokes.top, strokes.right, strokes.bottom))
    across = np.minimum(right[:, None], right) - np.maximum(left[:, None], left)
    apart = np.maximum(top[:, None], top) - np.minimum(bottom[:, None], bottom)
    tall = np.maximum(bottom[:, None], bottom) - np.minimum(top[:, None], top)
    narrow = np.minimum(right - left, (right - left)[:, None])
    belongs = (across > 0.5 * narrow) & (apart < 0.12 * tall)
    # So does a bar that is off its 5, or what a thin place in the ink cut off: small, close by, not below.
    wide, high = right - left, bottom - top
    y, thick = (top + bottom) / 2, strokes.thickness[index]
    belongs |= (
        (high[:, None] < 0.6 * high)
        & (-across < 0.1 * high)
        & (apart < 0.05 * high)
        & (thick[:, None] > 0.3 * thick)
        & (wide[:, None] < high)
        & (y[:, None] > top)
        & (y[:, None] < bottom)
    )
    # What lies wholly in the box of another makes it no larger, and that may be a frame.
    inside = (
        (left >= left[:, None])
        & (right <= right[:, None])
        & (top >= top[:, None])
        & (bottom <= bottom[:, None])
    )
    belongs &= ~(inside | inside.T)
    strength = strokes.strength[index]
    belongs &= np.minimum(strength[:, None], strength) > _ALIKE[0] * np.maximum(strength[:, None], strength)
    parts = _components(belongs)
    return [index[parts == one] for one in np.unique(parts)]


def _neighbours(boxes: np.ndarray, alike: list[np.ndarray]) -> np.ndarray:
    """(n, n) bool: which digits, given as (n, 4) boxes, stand next to each other in one line.

    `alike` holds what digits of one pen have much the same: strength, sharpness and thickness, (n,) each.
    """
    left, top, right, bottom = boxes.T
    x, y, tall = (left + right) / 2, (top + bottom) / 2, bottom - top
    taller, shorter = np.maximum(tall[:, None], tall), np.minimum(tall[:, None], tall)
    gap = np.maximum(left[:, None], left) - np.minimum(right[:, None], right)
    along, across = np.abs(x[:, None] - x), np.abs(y[:, None] - y)
    near = (gap < _GAP * taller) & (shorter > _SIMILAR * taller)
    # A bar much taller than its neighbour is no 1 but the edge of something.
    bar = (right - left) < 0.22 * tall
    longer = (tall[:, None] > tall / _BAR) & bar[:, None]
    near &= ~(longer | longer.T)
    near &= across < 0.4 * taller + _STEEPEST * along
    for of, least in zip(alike, _ALIKE, strict=True):
        near &= np.minimum(of[:, None], of) > least * np.maximum(of[:, None], of)
    np.fill_diagonal(near, False)
    # Only the nearest to the right: with a tilted page the next line's digits are not much farther.
    cost = np.where(near & (x > x[:, None]), gap + across + 0.3 * taller, np.inf)
    nearest = cost.argmin(1)
    has = np.isfinite(cost.min(1))
    slope = _page_slope(np.stack([x, y], 1), nearest, has, tall)
    down = np.abs((y[None] - y[:, None]) - slope * (x[None] - x[:, None]))
    near &= down < 0.5 * (taller + shorter) - 0.4 * shorter
    return near


def _page_slope(middles: np.ndarray, nearest: np.ndarray, has: np.ndarray, tall: np.ndarray) -> float:
    """How far lines fall to the right, in the middle of all pairs of neighbours; level unless they agree."""
    if not has.any():
        return 0.0
    step = (middles[nearest] - middles)[has] / tall[has, None]
    return float((step[:, 0] * step[:, 1]).sum() / ((step[:, 0] ** 2).sum() + 2 * _UPRIGHT))


def _components(linked: np.ndarray) -> np.ndarray:
    """(n,) for each the smallest index that it is linked with, directly or through others."""
    linked = linked | linked.T | np.eye(len(linked), dtype=bool)
    names = np.arange(len(linked))
    while True:
        spread = np.where(linked, names[None], len(linked)).min(1)
        if (spread == names).all():
            return names
        names = spread


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


def _candidate(strokes: _Strokes, pieces: list[np.ndarray], inks: list[Ink], side: int) -> _Candidate | None:
    """The turned box around a group's ink; None if it is no number."""
    ink, boxes, group = inks[side], _boxes(strokes, pieces), np.concatenate(pieces)
    (left, top), (right, bottom) = boxes.min(0)[:2].astype(int), boxes.max(0)[2:].astype(int)
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
    if tall < _LOWEST or wide > _LONGEST * tall or wide > 0.98 * ink.mask.shape[1]:
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
        (int(left), int(top)),
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


def _best(candidates: list[_Candidate]) -> list[_Candidate]:
    """The most likely ones, one in a place: between dark strokes paper looks like bright ink, and there is dirt in a 0."""
    candidates = sorted(candidates, key=lambda each: -each.contrast * each.tall)[: 3 * MOST_PLACES]
    if not candidates:
        return []
    within = _within(candidates)
    side = np.array([candidate.side for candidate in candidates])
    slender = np.array([candidate.slenderness for candidate in candidates])
    beaten = (within | within.T) & (side[:, None] != side) & (slender[:, None] < slender)
    # What stands in a frame counts, and not the frame.
    tall = np.array([candidate.tall for candidate in candidates])
    holds = (
        within.T
        & (side[:, None] == side)
        & (tall > _ENCLOSED * tall[:, None])
        & (tall < _SMALLER * tall[:, None])
    )
    frame = holds.any(1) & np.array([candidate.hollow for candidate in candidates])
    kept: list[int] = []
    for index in np.flatnonzero(~beaten.any(1) & ~frame).tolist():
        if not within[index, kept].any():
            kept.append(index)
    return [candidates[index] for index in kept[:MOST_PLACES]]


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
    return float(np.arctan((weight @ (x * y)) / (weight @ (x * x) + _UPRIGHT / len(boxes))))


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


# --- A picture of one number

_WORKING_SIZE = (512, 128)  # within which ink is looked for: enough for a number that fills the picture
_INK = 0.35  # of the pen's own level
_PEN = 0.2  # of the picture: more than that a pen leaves in a tight crop only
_SPECK = 0.02  # of the area of the largest stroke; what is smaller is dirt
_SMALLEST = 3  # pixels
_SIDE = 0.95  # of a side of the picture: what covers that much is no ink but what lies around the paper
_ACROSS = 0.9  # of the width: how far a rule line reaches


def locate(gray: np.ndarray) -> Box | None:
    """The box around all ink in a HW uint8 picture of one number, either polarity; None where there is no ink.

    Specks are passed over, and so are rule lines, and what lies around the paper. A tight crop shows too little paper for
    `prepare`; but where the box runs into the sides of the picture, and `prepare` finds a number well inside, that is it.
    """
    box = _around_all(gray)
    if box is None:
        return None
    height, width = gray.shape
    touched = (box[0] <= 1) + (box[1] <= 1) + (box[2] >= width - 1) + (box[3] >= height - 1)
    if touched < 3 and not (touched == 2 and width > 3 * height):
        return box
    places = [place for place in prepare(gray).places if abs(place.angle) < np.pi / 4]
    if not places:
        return box
    left, top, right, bottom = max((_upright(place) for place in places), key=_area)
    inside = left > 2 and top > 2 and right < width - 2 and bottom < height - 2
    smaller = right - left < 0.6 * (box[2] - box[0]) and bottom - top < 0.85 * (box[3] - box[1])
    return (left, top, right, bottom) if inside and smaller else box


def _upright(place: Located) -> Box:
    """The upright box around a turned one."""
    left, top, right, bottom = place.box
    cos, sin = abs(np.cos(place.angle)), abs(np.sin(place.angle))
    wide, tall = right - left, bottom - top
    across, down = (cos * wide + sin * tall) / 2, (sin * wide + cos * tall) / 2
    x, y = (left + right) / 2, (top + bottom) / 2
    return float(x - across), float(y - down), float(x + across), float(y + down)


def _area(box: Box) -> float:
    return (box[2] - box[0]) * (box[3] - box[1])


def _around_all(gray: np.ndarray) -> Box | None:
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
