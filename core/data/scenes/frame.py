"""Makes camera frames: a number on paper under a named condition, or a scene without any.

Frames are for measuring, not for training: they are drawn one at a time, in frames of 640 x 480. What stands in a
frame is known: the text of each number and the outline of its ink, which lies tilted where the number does.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any, Literal

import cv2
import numpy as np

from core.data.canvases import negatives
from core.data.mnist import Digits
from core.data.scenes.scenery import (
    HEIGHT,
    WIDTH,
    Rgb,
    blend,
    cluttered,
    grain,
    lined,
    near_gray,
    on_table,
    person,
    printed,
    smooth_noise,
    surface,
    thick_line,
)

_FINE = 8  # pixels to one of MNIST's, where digits become strokes with an edge
_TALL = 20 * _FINE  # height of a digit of usual size there
_FOCAL = 560.0  # of the camera, in pixels: a webcam sees about 60 degrees
_MARGIN = 14  # pixels between a number and the frame's edge, at least
# Loose strokes on paper cannot be told from ones, not by people either.
_DRAWN = {name: kind for name, kind in negatives.KINDS.items() if name != "short strokes"}

_Box = tuple[int, int, int, int]
"""Left, top, width and height."""
_Range = tuple[float, float]


@dataclass(frozen=True)
class Frame:
    """A picture and what is written in it."""

    picture: np.ndarray
    """HWC uint8 RGB, 480 x 640."""
    numbers: tuple[tuple[str, np.ndarray], ...]
    """Of each number its digits and the outline of its ink: (4, 2) float64 x and y, clockwise from its upper left."""


@dataclass(frozen=True)
class _Look:
    """Between which values a frame's properties are drawn; as it stands, a clean frame."""

    size: _Range = (0.28, 0.42)  # of the digits, in shares of the frame's height
    scale: float = 1.0
    off_centre: bool = False
    roll: _Range = (0.0, 2.5)  # degrees in the paper's plane, either way
    tilt: _Range = (0.0, 5.0)  # degrees out of it, any way
    paper: _Range = (195.0, 245.0)
    contrast: _Range = (0.55, 0.9)  # of ink, in shares of the paper's brightness
    inverted: bool = False
    lines: Literal["", "ruled", "grid"] = ""
    clutter: bool = False
    darkest: _Range = (0.8, 0.97)  # light at the darkest end, in shares of that at the brightest
    shadow: float = 0.0  # probability of one
    blur: _Range = (0.4, 0.8)  # standard deviation in pixels
    motion: _Range = (0.0, 0.0)  # pixels
    noise: _Range = (1.0, 3.0)  # standard deviation in gray levels
    jpeg: _Range = (85.0, 95.0)


_CHANGES: dict[str, dict[str, Any]] = {
    "clean": {},
    "lighting gradient": {"darkest": (0.25, 0.5), "shadow": 0.5},
    "gray paper, noise and blur": {"paper": (85.0, 140.0), "noise": (7.0, 13.0), "blur": (1.2, 2.2)},
    "light ink": {"contrast": (0.14, 0.3)},
    "60 % scale off-centre": {"scale": 0.6, "off_centre": True},
    "25 % scale off-centre": {"scale": 0.25, "off_centre": True},
    "rotation up to 15 degrees": {"roll": (3.0, 15.0)},
    "perspective": {"tilt": (20.0, 32.0)},
    "inverted": {"inverted": True},
    "ruled paper": {"lines": "ruled"},
    "grid paper": {"lines": "grid"},
    "clutter beside it": {"clutter": True},
    "motion blur": {"motion": (4.0, 9.0)},
    "JPEG 30": {"jpeg": (30.0, 30.0)},
}
_RIVALS = (
    {"60 % scale off-centre", "25 % scale off-centre"},
    {"ruled paper", "grid paper"},
    {"gray paper, noise and blur", "inverted"},
    {"light ink", "inverted"},
)

CONDITIONS: tuple[str, ...] = (*_CHANGES, "mixture of three")
"""Names of what may befall a number in a frame; a mixture is any three of the others that can meet, but for clean."""

EMPTY_KINDS: tuple[str, ...] = (
    "blank paper",
    "ruled paper",
    "grid paper",
    "sheet on a table",
    "texture",
    "gradient and shadow",
    "clutter",
    "printed words",
    "joined writing",
    "doodles",
    "doodles, kept for tests",
    "letters, kept for tests",
    "face",
    "hand",
    "dark",
)
"""Kinds of frames in which no number is written. No model has learned what the kinds kept for tests show."""


def make_frame(digits: Digits, condition: str, seed: int, *, longest: int = 5) -> Frame:
    """A number of one to `longest` digits on paper. The same seed writes the same number under every condition.

    Raises `ValueError` for a condition that is not in `CONDITIONS`.
    """
    if condition not in CONDITIONS:
        raise ValueError(f"condition {condition!r} is unknown; try one of {', '.join(CONDITIONS)}")
    text, writing = _write(digits, longest, np.random.default_rng([seed, 0]))
    random = np.random.default_rng([seed, 1 + CONDITIONS.index(condition)])
    look = _look(condition, random)
    left, top, wide, tall = cv2.boundingRect((writing > 0).astype(np.uint8))
    ink_box = left, top, wide, tall
    to_frame = _placed(ink_box, look, random)
    outline = _mapped(_corners(ink_box), to_frame)
    return Frame(_photograph(writing, ink_box, to_frame, outline, look, random), ((text, outline),))


def make_empty(kind: str, seed: int) -> Frame:
    """A scene without any number. Raises `ValueError` for a kind that is not in `EMPTY_KINDS`."""
    if kind not in EMPTY_KINDS:
        raise ValueError(f"kind {kind!r} is unknown; try one of {', '.join(EMPTY_KINDS)}")
    random = np.random.default_rng([seed, 100 + EMPTY_KINDS.index(kind)])
    look = _Look(noise=(1.0, 6.0), blur=(0.4, 1.4), jpeg=(40.0, 95.0), darkest=(0.5, 0.97))
    if kind == "gradient and shadow":
        look = replace(look, darkest=(0.15, 0.5), shadow=1.0)
    scene = _empty_scene(kind, random)
    if kind == "dark":
        look = replace(look, noise=(8.0, 16.0))
        scene = scene * np.float32(random.uniform(0.03, 0.12)) + random.uniform(0, 12)
    return Frame(_camera(scene, look, random), ())


# --- The number -----------------------------------------------------------------------------------------------------


def _write(digits: Digits, longest: int, random: np.random.Generator) -> tuple[str, np.ndarray]:
    """A number in one hand: its text, and HW float32 distances to the edge of its ink, positive inside, 160 to a digit."""
    count = int(random.integers(1, longest + 1))
    chosen = random.integers(len(digits), size=count)
    pen = random.uniform(0.03, 0.08) * _TALL / 2 + 2
    touching = random.random() < 0.15
    gap = random.uniform(-0.08, 0.02) if touching else random.uniform(0.04, 0.3)
    hand = random.uniform(0.9, 1.1)  # width to height
    pieces, places, right = [], [], 0.0
    for index in chosen.tolist():
        ink = strokes(digits.images[index], pen)
        left, top, wide, tall = cv2.boundingRect((ink > 0).astype(np.uint8))
        # Wide digits are lower in MNIST, where all fit one square; a hand makes them nearly as tall as the others.
        size = _TALL / (0.4 * _TALL + 0.6 * max(tall, 0.6 * _TALL)) * random.normal(1, 0.05)
        across = size * hand
        slope = random.normal(0, 0.03)
        base = 1.6 * _TALL + random.normal(0, 0.03) * _TALL
        matrix = np.array(
            [
                [across, slope, right - across * left - slope * (top + tall)],
                [0, size, base - size * (top + tall)],
            ]
        )
        pieces.append((ink, matrix, size))
        places.append(right + across * wide)
        right += across * wide + _TALL * (gap + random.normal(0, 0.03))
    shift = np.array([[0, 0, 0.5 * _TALL], [0, 0, 0]])
    shape = round(max(places) + _TALL), 2 * _TALL + _TALL // 4
    writing = np.full((shape[1], shape[0]), -1e3, np.float32)
    for ink, matrix, size in pieces:
        distances = cv2.warpAffine(ink * np.float32(size), matrix + shift, shape, borderValue=(-1e3,))
        np.maximum(writing, distances, out=writing)
    return "".join(map(str, digits.labels[chosen].tolist())), writing


def strokes(image: np.ndarray, pen: float) -> np.ndarray:
    """Distances to the edge of a digit's ink, positive inside, 8 pixels to one of MNIST's (28, 28) uint8.

    It is drawn as with a pen of that half-width, as far as the digit stays what it is.
    """
    large = cv2.resize(image, None, fx=_FINE, fy=_FINE, interpolation=cv2.INTER_CUBIC)
    large = np.pad(cv2.GaussianBlur(large, (0, 0), 0.45 * _FINE), 2 * _FINE)
    pieces = cv2.connectedComponents((image > 40).astype(np.uint8))[0]
    edge = 110
    while cv2.connectedComponents((large > edge).astype(np.uint8))[0] > pieces and edge > 30:
        edge -= 20  # a faint stroke is still a stroke
    ink = (large > edge).astype(np.uint8)
    inside = cv2.distanceTransform(ink, cv2.DIST_L2, 5)
    distances = cv2.GaussianBlur(inside - cv2.distanceTransform(1 - ink, cv2.DIST_L2, 5), (0, 0), 1.0)
    width = 2 * float(inside[ink > 0].mean())
    change = float(np.clip(pen - width, -0.5 * width, 0.4 * width))
    shape = _topology((distances > 0).astype(np.uint8))
    while abs(change) > 0.5 and _topology((distances + change > 0).astype(np.uint8)) != shape:
        change /= 2
    return distances + np.float32(change)


def _topology(ink: np.ndarray) -> tuple[int, int]:
    """Pieces and holes: a pen that changes them writes another digit."""
    return cv2.connectedComponents(ink)[0], cv2.connectedComponents(1 - ink, connectivity=4)[0]


# --- The camera's place ---------------------------------------------------------------------------------------------


def _look(condition: str, random: np.random.Generator) -> _Look:
    if condition != "mixture of three":
        return replace(_Look(), **_CHANGES[condition])
    while True:
        names = {str(name) for name in random.choice(list(_CHANGES)[1:], 3, replace=False)}
        if not any(rivals <= names for rivals in _RIVALS):
            merged: dict[str, Any] = {}
            for name in sorted(names):
                merged |= _CHANGES[name]
            return replace(_Look(), **merged)


def _placed(box: _Box, look: _Look, random: np.random.Generator) -> np.ndarray:
    """(3, 3) from the writing to the frame: turned, tilted, as large as it is to be, and whole inside the frame."""
    left, top, wide, tall = box
    size = random.uniform(*look.size) * HEIGHT / _TALL
    turned = _plane(
        random.choice([-1, 1]) * random.uniform(*look.roll),
        random.uniform(*look.tilt),
        random.uniform(0, 2 * np.pi),
    )
    middle = np.array([[1, 0, -left - wide / 2], [0, 1, -top - tall / 2], [0, 0, 1.0]])

    def reach(size: float) -> tuple[np.ndarray, np.ndarray]:
        corners = _mapped(_corners(box), turned @ np.diag([size, size, 1]) @ middle)
        return corners.min(0), corners.max(0)

    frame = np.array([WIDTH, HEIGHT])
    while ((np.subtract(*reach(size)[::-1])) > frame - 4 * _MARGIN).any():
        size *= 0.96
    size *= look.scale
    low, high = reach(size)
    first, last = _MARGIN - low, frame - _MARGIN - high  # where the middle may lie
    if look.off_centre:
        place = random.uniform(first, last)
        while (np.abs(place / frame - 0.5) < 0.12).all():
            place = random.uniform(first, last)
    else:
        place = (frame / 2 + random.normal(0, 0.06, 2) * frame).clip(first, last)
    return (
        np.array([[1, 0, place[0]], [0, 1, place[1]], [0, 0, 1]]) @ turned @ np.diag([size, size, 1]) @ middle
    )


def _plane(roll: float, tilt: float, towards: float) -> np.ndarray:
    """(3, 3) from a plane, turned by `roll` and tilted by `tilt` degrees in direction `towards`, to the picture."""
    turn = cv2.Rodrigues(np.array([0, 0, np.radians(roll)]))[0]
    lean = cv2.Rodrigues(np.radians(tilt) * np.array([np.cos(towards), np.sin(towards), 0]))[0]
    rotation = lean @ turn
    return np.diag([_FOCAL, _FOCAL, 1]) @ np.column_stack([rotation[:, 0], rotation[:, 1], [0, 0, _FOCAL]])


def _corners(box: _Box) -> np.ndarray:
    left, top, wide, tall = box
    return np.array([[left, top], [left + wide, top], [left + wide, top + tall], [left, top + tall]], float)


def _mapped(points: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    mapped = np.column_stack([points, np.ones(len(points))]) @ matrix.T
    return mapped[:, :2] / mapped[:, 2:]


def _on_paper(to_frame: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """x and y on the paper of each of the frame's pixels."""
    x, y = np.meshgrid(np.arange(WIDTH, dtype=np.float32) + 0.5, np.arange(HEIGHT, dtype=np.float32) + 0.5)
    back = np.linalg.inv(to_frame).astype(np.float32)
    depth = back[2, 0] * x + back[2, 1] * y + back[2, 2]
    return (
        (back[0, 0] * x + back[0, 1] * y + back[0, 2]) / depth,
        (back[1, 0] * x + back[1, 1] * y + back[1, 2]) / depth,
    )


# --- What is seen ---------------------------------------------------------------------------------------------------


def _photograph(
    writing: np.ndarray,
    box: _Box,
    to_frame: np.ndarray,
    outline: np.ndarray,
    look: _Look,
    random: np.random.Generator,
) -> np.ndarray:
    """HWC uint8: the writing on its paper, through the camera."""
    x, y = _on_paper(to_frame)
    _, top, wide, tall = box
    scale = float(np.sqrt(abs(cv2.contourArea(outline.astype(np.float32))) / (wide * tall)))
    digit = scale * min(tall, 1.3 * _TALL)  # pixels of the frame
    tint = near_gray(random)
    level = random.uniform(15, 60) if look.inverted else random.uniform(*look.paper)
    paper = level * tint * grain(random, 0.02)
    pen = _pen(level, tint, look, random)
    contrast = float(np.abs(pen - level * tint).max())

    if look.lines:
        baseline = top + tall - random.uniform(-0.02, 0.06) * _TALL
        spacing = (
            random.uniform(0.9, 1.3) * tall if look.lines == "ruled" else tall / random.uniform(1.6, 4.0)
        )
        spacing = max(spacing, 9 / scale)
        paper = lined(paper, look.lines, x, y - baseline, spacing, scale, contrast, random)
    scene = paper
    if random.random() < 0.5:
        scene = on_table(paper, x, y, box, scale, random)

    to_pixels = to_frame.copy()
    to_pixels[:2] -= 0.5 * to_pixels[2:]  # cv2 counts from the middles of pixels
    distances = cv2.warpPerspective(
        writing,
        to_pixels @ np.array([[1, 0, 0.5], [0, 1, 0.5], [0, 0, 1]]),
        (WIDTH, HEIGHT),
        borderValue=(-1e3,),
    )
    strength = (distances * np.float32(scale) + 0.5).clip(0, 1)
    uneven = random.uniform(0.02, 0.3)  # of the ink along the stroke
    strength = strength * (1 - uneven * smooth_noise(random, 40, 53)) * random.uniform(0.9, 1.0)
    scene = blend(scene, strength, pen)
    if look.clutter:
        scene = cluttered(scene, outline, digit, random)
    return _camera(scene, look, random)


def _pen(level: float, tint: np.ndarray, look: _Look, random: np.random.Generator) -> np.ndarray:
    """(3,) the colour of the ink on paper of that level."""
    if look.inverted:
        return np.float32(random.uniform(185, 245)) * near_gray(random)
    # What is left of red, green and blue: black, blue, dark blue, red, green.
    hues = ((1, 1, 1), (1.15, 1.0, 0.45), (1.1, 1.0, 0.7), (0.35, 1.1, 1.05), (1.1, 0.75, 1.0))
    hue = np.array(hues[int(random.choice(5, p=[0.4, 0.27, 0.15, 0.1, 0.08]))], np.float32)
    weight = float(hue @ (0.299, 0.587, 0.114))  # so that colour takes no contrast away
    taken = (random.uniform(*look.contrast) * hue / weight).clip(0, 0.96)
    return (level * tint * (1 - taken)).astype(np.float32)


# --- Scenes without a number ----------------------------------------------------------------------------------------


def _empty_scene(kind: str, random: np.random.Generator) -> Rgb:
    if kind in ("face", "hand"):
        return person(kind, random)
    if kind == "texture" or (kind == "dark" and random.random() < 0.3):
        return surface(random)
    level = random.uniform(85, 245)
    inverted = random.random() < 0.15
    if inverted:
        level = random.uniform(15, 60)
    tint = near_gray(random)
    scene: Rgb = level * tint * grain(random, 0.02)
    look = _Look(contrast=(0.3, 0.9), inverted=inverted)
    pen = _pen(level, tint, look, random)
    contrast = float(np.abs(pen - level * tint).max())
    middle = np.array([[1, 0, WIDTH / 2], [0, 1, HEIGHT / 2], [0, 0, 1]])
    plane = _plane(random.uniform(-12, 12), random.uniform(0, 25), random.uniform(0, 2 * np.pi))
    x, y = _on_paper(middle @ plane)
    lines = random.random()
    if kind == "ruled paper" or (lines < 0.15 and kind not in ("blank paper", "grid paper")):
        scene = lined(scene, "ruled", x, y, random.uniform(14, 160), 1.0, contrast, random)
    elif kind == "grid paper" or (lines < 0.3 and kind not in ("blank paper", "ruled paper")):
        scene = lined(scene, "grid", x, y, random.uniform(9, 90), 1.0, contrast, random)
    if kind == "sheet on a table" or (random.random() < 0.25 and kind != "blank paper"):
        wide, tall = random.integers(120, 400, 2).tolist()
        left, top = (random.normal(0, 60, 2) - (wide / 2, tall / 2)).round().astype(int).tolist()
        scene = on_table(scene, x, y, (left, top, wide, tall), 1.0, random)
    if kind == "clutter":
        for _ in range(int(random.integers(1, 4))):
            scene = cluttered(scene, None, 0.0, random)
    if kind == "printed words":
        tall = float(np.exp(random.uniform(np.log(8), np.log(90))))
        place = random.uniform((0, 0), (WIDTH * 0.3, max(HEIGHT - 3 * tall, 1)))
        lines_of_it = int(random.integers(1, max(int(HEIGHT / tall / 2.5), 2)))
        cover = printed(random, tall, place, lines_of_it, random.uniform(100, 500), random.normal(0, 5))
        scene = blend(scene, cover, pen)
    drawn = {
        "joined writing": ("joined writing",),
        "doodles": tuple(n for n, k in _DRAWN.items() if not k.held_out and n != "joined writing"),
        "doodles, kept for tests": tuple(n for n, k in _DRAWN.items() if k.held_out),
        "letters, kept for tests": ("",),
    }.get(kind, ())
    if drawn:
        for _ in range(int(random.integers(1, 4))):
            tall, wide = round(random.uniform(40, 220)), round(random.uniform(80, 420))
            name = drawn[int(random.integers(len(drawn)))]
            ink = negatives.drawing(name, random, tall, wide) if name else negatives.word(random, tall, wide)
            turn = cv2.getRotationMatrix2D((wide / 2, tall / 2), random.normal(0, 6), 1)
            turn = turn + np.array(
                [[0, 0, random.uniform(0, WIDTH - wide)], [0, 0, random.uniform(0, HEIGHT - tall)]]
            )
            scene = blend(scene, cv2.warpAffine(ink, turn, (WIDTH, HEIGHT)).astype(np.float32) / 255, pen)
    return scene


# --- The camera -----------------------------------------------------------------------------------------------------


def _camera(scene: Rgb, look: _Look, random: np.random.Generator) -> np.ndarray:
    """HWC uint8: the scene in its light, out of focus, moved, noisy, and compressed."""
    y, x = np.mgrid[-1 : 1 : HEIGHT * 1j, -1 : 1 : WIDTH * 1j].astype(np.float32)
    angle, darkest = random.uniform(0, 2 * np.pi), random.uniform(*look.darkest)
    slope = math.cos(angle) * x + math.sin(angle) * y
    slope = (slope - slope.min()) / (slope.max() - slope.min())
    light = (1 - (1 - darkest) * slope) * (1 - random.uniform(0, 0.06) * (x * x + y * y))
    if random.random() < look.shadow:
        angle, soft = random.uniform(0, 2 * np.pi), random.uniform(0.02, 0.25)
        edge = (
            math.cos(angle) * x
            + math.sin(angle) * y
            + random.uniform(-0.5, 0.5)
            + 0.3 * (smooth_noise(random, 3, 4) - 0.5)
        )
        light = light * (1 - random.uniform(0.2, 0.5) / (1 + np.exp(-edge / soft)))
    picture = scene * light[..., None].astype(np.float32)
    picture = cv2.GaussianBlur(picture, (0, 0), random.uniform(*look.blur))
    length = random.uniform(*look.motion)
    if length >= 1:
        picture = cv2.filter2D(picture, -1, _streak(length, random.uniform(0, np.pi)))
    level = random.uniform(*look.noise)
    noise = random.standard_normal((HEIGHT, WIDTH, 1), np.float32) * np.float32(level)
    noise = noise + random.standard_normal((HEIGHT, WIDTH, 3), np.float32) * np.float32(0.5 * level)
    frame = (picture + noise).clip(0, 255).astype(np.uint8)
    quality = round(random.uniform(*look.jpeg))
    coded = cv2.imencode(".jpg", frame[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    return cv2.cvtColor(np.asarray(cv2.imdecode(coded, cv2.IMREAD_COLOR)), cv2.COLOR_BGR2RGB)


def _streak(length: float, angle: float) -> np.ndarray:
    """The path of a camera that moves by `length` pixels."""
    side = 2 * int(np.ceil(length / 2)) + 1
    kernel = np.zeros((side * 4, side * 4), np.uint8)
    half = length * 2 * np.array([np.cos(angle), np.sin(angle)])
    thick_line(kernel, np.full(2, side * 2) - half, np.full(2, side * 2) + half, 4)
    small = cv2.resize(kernel, (side, side), interpolation=cv2.INTER_AREA).astype(np.float32)
    return small / small.sum()
