"""Finds the strokes in the ink of a picture, and which of them stand together as the digits of a number."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from core.reading.find.ink import Ink
from core.reading.find.rules import take_out_rules

LOWEST = 9
"""Working pixels: the smallest digit."""
ENCLOSED = 0.15
"""Of a frame's height: what is in it and higher is more than dirt in a 0."""
DIRT = 0.5
"""Of the ink across a frame's stroke: what has less across its own is no digit in a frame but dirt in a 0."""
UPRIGHT = 0.12
"""Squares of the height: how much a row is taken to be level unless its length tells otherwise."""

_MOST_STROKES = 160  # that are compared with each other, the tallest
_GAP = 1.4  # heights of the taller digit: what is farther apart is another number
_SIMILAR = 0.4  # of the taller one's height: the shortest digit in a number
_BAR = 0.65  # the same where the taller is a bar
_STEEPEST = np.tan(np.deg2rad(26.0))  # slope of a line of digits
_THIN = 0.25  # of the box around it: pixels of ink in a frame
_HOLLOW = 0.05  # share of ink in the middle of a frame
_TIGHT = 0.5  # of the picture's height: where digits are as high, it shows hardly more than a number
_CLOSE, _LEVEL = 0.5, 0.25  # heights beside and above: where a digit may lie that the picture's edge cuts
_PIECE = 8  # pixels of ink in a piece of a digit, at least
_FINEST = 0.02  # of its size: thickness of a stroke
_SHARP = 0.25  # of its strength: less change at a stroke's edge is a shade or a grain of wood
_CRISP = 4.5  # pixels of a stroke's thickness that change by its strength within a pixel's neighbours
_ALIKE = 0.5, 0.5, 0.3  # of the other's strength, sharpness, thickness: what has less is not of the same pen


@dataclass(frozen=True)
class Strokes:
    """The connected pieces of ink: HW uint16 label image; of each its box and what it is like, (n,) float32."""

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
        """Of each, in pixels."""
        return self.right - self.left

    @property
    def tall(self) -> np.ndarray:
        """Of each, in pixels."""
        return self.bottom - self.top


def find_strokes(ink: Ink) -> Strokes:
    """The strokes of a picture's ink, rule lines taken out."""
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
    return Strokes(labels, left, top, left + width, top + height, pixels, *measured)


def _connected(mask: np.ndarray) -> tuple[int, np.ndarray, np.ndarray]:
    """How many pieces and the ground there are, the label image, and (n, 5) box and size of each."""
    return cv2.connectedComponentsWithStats(mask, connectivity=8, ltype=cv2.CV_16U)[:3]


def group_strokes(strokes: Strokes) -> list[list[np.ndarray]]:
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
    digit = (tall >= LOWEST) & (tall < 0.97 * height) & (wide < 9 * tall) & (strokes.pixels > 1.2 * tall)
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
    boxes = boxes_around(strokes, pieces)
    alike = [
        np.array([(of[p] * strokes.pixels[p]).sum() / strokes.pixels[p].sum() for p in pieces])
        for of in (strokes.strength, strokes.sharpness, strokes.thickness)
    ]
    # A tight crop's edges do cut digits.
    loose = whole.any() and tall[whole].max() < _TIGHT * height
    cut = np.array([loose and (edges[p] > 0).any() for p in pieces])
    together = _components(_neighbours(boxes, alike, cut))
    groups = [[pieces[i] for i in np.flatnonzero(together == one)] for one in np.unique(together)]
    if whole.any():  # what the edge of the picture cuts may belong to a number, and is none by itself
        groups = [group for group in groups if whole[np.concatenate(group)].any()]
    return groups


def boxes_around(strokes: Strokes, pieces: list[np.ndarray]) -> np.ndarray:
    """(n, 4) left, top, right, bottom of pieces, each of which is the labels of its strokes."""
    low = [(strokes.left[p].min(), strokes.top[p].min()) for p in pieces]
    high = [(strokes.right[p].max(), strokes.bottom[p].max()) for p in pieces]
    return np.concatenate([low, high], axis=1)


def _frames(strokes: Strokes, index: np.ndarray) -> np.ndarray:
    """(n,) bool: what encloses a digit is the edge of its sheet, or a box printed around it."""
    left, top, right, bottom = (v[index] for v in (strokes.left, strokes.top, strokes.right, strokes.bottom))
    tall = bottom - top
    inside = (left > left[:, None] + 1) & (right < right[:, None] - 1)
    inside &= (top > top[:, None] + 1) & (bottom < bottom[:, None] - 1)
    across = strokes.strength[index] * strokes.thickness[index]
    inside &= (tall > ENCLOSED * tall[:, None]) & (across > DIRT * across[:, None])
    found = inside.any(1) & (strokes.pixels[index] < _THIN * (right - left) * tall)
    for at in np.flatnonzero(found).tolist():
        # The arm of a broken 4 lies in its box too, but what frames is empty but for what it frames.
        x, y, wide, high = (int(v[at]) for v in (left, top, right - left, tall))
        middle = strokes.labels[y + high // 5 : y + high - high // 5, x + wide // 5 : x + wide - wide // 5]
        found[at] = (middle == index[at]).mean() < _HOLLOW
    return np.asarray(found)


def _joined(strokes: Strokes, index: np.ndarray) -> list[np.ndarray]:
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


def _neighbours(boxes: np.ndarray, alike: list[np.ndarray], cut: np.ndarray) -> np.ndarray:
    """(n, n) bool: which digits, given as (n, 4) boxes, stand next to each other in one line.

    `alike` holds what digits of one pen have much the same: strength, sharpness and thickness, (n,) each; `cut` (n,) tells
    which of them the picture's edge cuts.
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
    # What goes on beyond the picture's edge is more often a pen, or the edge of a sheet.
    beside = (gap < _CLOSE * taller) & (across < _LEVEL * taller) & (shorter > _BAR * taller)
    near &= beside | ~(cut[:, None] | cut)
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
    return float((step[:, 0] * step[:, 1]).sum() / ((step[:, 0] ** 2).sum() + 2 * UPRIGHT))


def _components(linked: np.ndarray) -> np.ndarray:
    """(n,) for each the smallest index that it is linked with, directly or through others."""
    linked = linked | linked.T | np.eye(len(linked), dtype=bool)
    names = np.arange(len(linked))
    while True:
        spread = np.where(linked, names[None], len(linked)).min(1)
        if (spread == names).all():
            return names
        names = spread
