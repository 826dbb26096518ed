"""Paints what lies around a number: rules on paper, tables, things beside it, a face or a hand.

All are layers of a frame of 480 x 640 in float32, 0 to 255: a cover (HW, 0 to 1) and the colours that it lets be seen.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Literal

import cv2
import numpy as np

from core.data.canvases import negatives

WIDTH, HEIGHT = 640, 480

Rgb = np.ndarray
"""HWC or (3,) float32 in 0 to 255."""

_LETTERS = "".join(letter for letter in negatives.LETTERS if letter.isalpha())


def lined(
    paper: Rgb,
    kind: Literal["ruled", "grid"],
    x: np.ndarray,
    y: np.ndarray,
    spacing: float,
    scale: float,
    contrast: float,
    random: np.random.Generator,
) -> Rgb:
    """The paper with rules through y = 0 and every `spacing` on, and across them if it is a grid."""
    half = max(spacing * scale * random.uniform(0.006, 0.014 if kind == "ruled" else 0.03), 0.4)

    def near(along: np.ndarray) -> np.ndarray:
        distance = np.abs((along / spacing + 0.5) % 1 - 0.5) * spacing * scale
        return (half + 0.5 - distance).clip(0, min(2 * half, 1))

    lines = near(y)
    if kind == "grid":
        lines = np.maximum(lines, near(x + random.uniform(0, 1) * spacing))
    strength = random.uniform(0.15, 0.6) * contrast
    blue, gray, green = (0.35, 0.6, 1.0), (1.0, 1.0, 1.0), (0.4, 1.0, 0.6)
    colours = np.array([blue, blue, gray, green])
    taken = 1.15 - colours[int(random.integers(4))]
    sign = 1 if paper.mean() < 75 else -1
    change = sign * strength * taken / taken.max()
    ruled = paper + lines[..., None] * change.astype(np.float32)
    if kind == "ruled" and random.random() < 0.3:
        where = (x.min() + random.uniform(0.03, 0.12) * (x.max() - x.min()) - x) * scale
        margin = (1.2 - np.abs(where)).clip(0, 1)
        ruled = ruled + margin[..., None] * (sign * strength * np.array([0.1, 0.9, 0.8], np.float32))
    return ruled.astype(np.float32)


def on_table(
    paper: Rgb,
    x: np.ndarray,
    y: np.ndarray,
    box: tuple[int, int, int, int],
    scale: float,
    random: np.random.Generator,
) -> Rgb:
    """A sheet that holds at least `box` (left, top, width and height on the paper), with its edges, on a table."""
    left, top, wide, tall = box
    room = random.uniform(0.3, 2.2, 4) * 96 / max(scale, 0.35)
    across = np.maximum(left - room[0] - x, x - left - wide - room[1])
    down = np.maximum(top - room[2] - y, y - top - tall - room[3])
    outside = np.maximum(across, down) * np.float32(scale)  # pixels of the frame from the sheet's edge
    table = surface(random)
    shade = 1 - random.uniform(0.1, 0.45) * np.exp(-outside.clip(min=0) / random.uniform(3, 12))
    return blend(table * shade[..., None].astype(np.float32), (0.5 - outside).clip(0, 1), paper)


def surface(random: np.random.Generator) -> Rgb:
    """A table top: wood, cloth, or plain."""
    kind = random.integers(3)
    woods = ((150, 110, 75), (95, 62, 40), (190, 160, 125), (60, 45, 38))
    cloths = ((90, 95, 110), (140, 60, 60), (60, 85, 75), (170, 165, 155))
    plains = ((50, 50, 55), (120, 120, 118), (185, 180, 170), (30, 45, 70))
    colour = np.array((woods, cloths, plains)[kind][int(random.integers(4))], np.float32)
    y, x = np.mgrid[:HEIGHT, :WIDTH].astype(np.float32)
    angle = random.uniform(0, np.pi)
    cos, sin = math.cos(angle), math.sin(angle)
    along, across = cos * x + sin * y, cos * y - sin * x
    pattern = smooth_noise(random, 12, 16) - 0.5
    if kind == 0:
        rings = across / random.uniform(9, 25) + 2.5 * pattern + 0.002 * along
        grain = random.random((1, 900), np.float32)
        fine = cv2.remap(
            grain, across + 450 + 14 * pattern, 0 * across, cv2.INTER_LINEAR, borderMode=cv2.BORDER_WRAP
        )
        pattern = 0.35 * np.sin(rings) + 0.7 * (fine - 0.5)
    elif kind == 1:
        pitch = random.uniform(3, 9)
        pattern = 0.5 * np.sin(along * 2 * np.pi / pitch) * np.sin(across * 2 * np.pi / pitch) + 0.6 * pattern
    depth = random.uniform(0.1, 0.45)
    return (colour * (1 + depth * pattern[..., None])).clip(0, 255).astype(np.float32)


def cluttered(scene: Rgb, keep_free: np.ndarray | None, digit: float, random: np.random.Generator) -> Rgb:
    """One to three things that lie about, none nearer to the number's outline than a quarter of a digit."""
    free: np.ndarray = np.zeros((HEIGHT, WIDTH), np.uint8)
    if keep_free is not None:
        cv2.fillConvexPoly(free, keep_free.round().astype(np.int32), 1)
        away = max(round(0.25 * digit), 8)
        free = cv2.dilate(free, np.ones((2 * away + 1, 2 * away + 1), np.uint8))
    wanted = int(random.integers(1, 4))
    for _ in range(60):
        thing = _THINGS[int(random.integers(len(_THINGS)))]
        cover, colour = thing(random)
        if (cover > 0.03).sum() > 150 and not (cover[free > 0] > 0.03).any():
            scene = blend(scene, cover, colour)
            wanted -= 1
        if not wanted:
            break
    return scene


def _pencil(random: np.random.Generator) -> tuple[np.ndarray, Rgb]:
    """A pen or a pencil, with a light along its side."""
    cover, light = np.zeros((HEIGHT, WIDTH), np.uint8), np.zeros((HEIGHT, WIDTH), np.uint8)
    start = random.uniform((0, 0), (WIDTH, HEIGHT))
    angle, thick = random.uniform(0, 2 * np.pi), int(random.integers(9, 22))
    step = np.array([np.cos(angle), np.sin(angle)])
    end = start + random.uniform(140, 380) * step
    tip = end + 1.8 * thick * step
    side = np.array([-step[1], step[0]]) * thick / 2
    thick_line(cover, start, end, thick)
    cv2.fillConvexPoly(
        cover, np.array([end + side, tip, end - side]).round().astype(np.int32), 255, cv2.LINE_AA
    )
    thick_line(light, start + side * 0.4, end + side * 0.4, max(thick // 5, 1))
    body = random.uniform(10, 220, 3).astype(np.float32)
    return cover.astype(np.float32) / 255, blend(
        _flat(body), light.astype(np.float32) / 255 * 0.6, np.full(3, 250, np.float32)
    )


def _other_sheet(random: np.random.Generator) -> tuple[np.ndarray, Rgb]:
    """Another sheet, a card or a sticky note, that lies over the corner or the side."""
    cover = np.zeros((HEIGHT, WIDTH), np.uint8)
    middle = random.uniform((-80, -80), (WIDTH + 80, HEIGHT + 80))
    size = random.uniform(70, 420, 2)
    corners = cv2.boxPoints((middle.tolist(), size.tolist(), float(random.uniform(-40, 40))))
    cv2.fillConvexPoly(cover, corners.round().astype(np.int32), 255, cv2.LINE_AA)
    shade = cv2.GaussianBlur(cover, (0, 0), 5).astype(np.float32) / 255 * 0.35
    solid = cover.astype(np.float32) / 255
    colours = ((235, 235, 230), (245, 225, 120), (150, 190, 220), (205, 205, 200), (60, 60, 66))
    colour = np.array(colours[int(random.integers(len(colours)))], np.float32)
    over = np.maximum(solid, shade)
    return over, blend(_flat(np.full(3, 15, np.float32)), solid, colour * grain(random, 0.02))


def _coffee_ring(random: np.random.Generator) -> tuple[np.ndarray, Rgb]:
    cover = np.zeros((HEIGHT, WIDTH), np.uint8)
    middle = random.uniform((0, 0), (WIDTH, HEIGHT)).round().astype(int).tolist()
    reach = random.uniform(30, 85)
    axes = round(reach), round(reach * random.uniform(0.85, 1))
    start = random.uniform(0, 360)
    cv2.ellipse(
        cover, middle, axes, start, 0, random.uniform(240, 360), 255, int(random.integers(3, 9)), cv2.LINE_AA
    )
    soft = cv2.GaussianBlur(cover, (0, 0), 1.5).astype(np.float32) / 255
    return soft * (0.15 + 0.4 * smooth_noise(random, 10, 13)), np.array([120, 78, 40], np.float32)


def _finger(random: np.random.Generator) -> tuple[np.ndarray, Rgb]:
    """A thumb or a finger that comes in from the frame's edge."""
    cover, nail = np.zeros((HEIGHT, WIDTH), np.uint8), np.zeros((HEIGHT, WIDTH), np.uint8)
    edge = [(-30, 0.5), (WIDTH + 30, 0.5), (0.5, HEIGHT + 30), (0.5, -30)][int(random.integers(4))]
    start = np.array(
        [e if abs(e) > 1 else random.uniform(0, s) for e, s in zip(edge, (WIDTH, HEIGHT), strict=True)]
    )
    towards = np.array([WIDTH / 2, HEIGHT / 2]) + random.normal(0, 80, 2) - start
    step = towards / np.linalg.norm(towards)
    thick = int(random.integers(38, 75))
    end = start + step * random.uniform(60, 150)
    thick_line(cover, start, end, thick)
    angle = float(np.degrees(np.arctan2(step[1], step[0])))
    centre = (end + step * thick * 0.18).round().astype(int).tolist()
    cv2.ellipse(nail, centre, (round(thick * 0.26), round(thick * 0.3)), angle, 0, 360, 255, -1, cv2.LINE_AA)
    solid = cv2.GaussianBlur(cover, (0, 0), 1.2).astype(np.float32) / 255
    round_ = cv2.GaussianBlur(cover, (0, 0), thick / 4).astype(np.float32)[..., None] / 255
    skin = _skin(random) * (0.55 + 0.5 * round_)
    return solid, blend(
        skin, nail.astype(np.float32) / 255 * 0.4, skin.max() * np.array([1, 0.85, 0.8], np.float32)
    )


def _small_print(random: np.random.Generator) -> tuple[np.ndarray, Rgb]:
    """Some lines of small type."""
    tall = random.uniform(6, 13)
    place = random.uniform((-60, 0), (WIDTH - 120, HEIGHT - 30))
    page = printed(
        random, tall, place, int(random.integers(1, 6)), random.uniform(90, 280), random.normal(0, 5)
    )
    return page, np.full(3, random.uniform(15, 80), np.float32)


_THINGS: tuple[Callable[[np.random.Generator], tuple[np.ndarray, Rgb]], ...] = (
    _pencil,
    _other_sheet,
    _coffee_ring,
    _finger,
    _small_print,
)


def printed(
    random: np.random.Generator, tall: float, place: np.ndarray, lines: int, wide: float, angle: float
) -> np.ndarray:
    """HW float32 strength of lines of words, of letters that no careful reader takes for digits."""
    cover = np.zeros((HEIGHT, WIDTH), np.uint8)
    fonts = (
        cv2.FONT_HERSHEY_SIMPLEX,
        cv2.FONT_HERSHEY_DUPLEX,
        cv2.FONT_HERSHEY_COMPLEX,
        cv2.FONT_HERSHEY_TRIPLEX,
    )
    font = fonts[int(random.integers(len(fonts)))]
    pen = max(round(tall / random.uniform(7, 12)), 1)
    for line in range(lines):
        words, x = [], 0.0
        while x < wide * (1 if line < lines - 1 else random.uniform(0.3, 1)):
            letters = random.choice(list(_LETTERS), int(random.integers(2, 9)))
            words.append("".join(letters))
            x += (len(letters) + 1) * tall * 0.85
        foot = round(place[0]), round(place[1] + (line + 1) * tall * 1.8)
        cv2.putText(cover, " ".join(words), foot, font, tall / 21, 255, pen, cv2.LINE_AA)
    turn = cv2.getRotationMatrix2D(place.tolist(), angle, 1)
    return cv2.warpAffine(cover, turn, (WIDTH, HEIGHT)).astype(np.float32) / 255


def person(kind: str, random: np.random.Generator) -> Rgb:
    """A face, or a hand, before the blurred shapes of a room."""
    room = smooth_noise(random, 5, 7)[..., None] * random.uniform(60, 220, 3) + random.uniform(0, 40)
    scene: Rgb = room.astype(np.float32)
    for _ in range(int(random.integers(0, 5))):  # shelves, windows, a door
        scene = blend(scene, *_other_sheet(random))
    scene = cv2.GaussianBlur(scene, (0, 0), random.uniform(1.5, 6))
    skin = _skin(random)
    middle = random.uniform((220, 180), (420, 300))
    reach = random.uniform(60, 130)

    def disc(x: float, y: float, wide: float, tall: float, colour: np.ndarray, soft: float = 2.0) -> None:
        nonlocal scene
        cover = np.zeros((HEIGHT, WIDTH), np.uint8)
        centre = (middle + reach * np.array([x, y])).round().astype(int).tolist()
        axes = max(round(wide * reach), 1), max(round(tall * reach), 1)
        cv2.ellipse(cover, centre, axes, 0, 0, 360, 255, -1, cv2.LINE_AA)
        scene = blend(scene, cv2.GaussianBlur(cover, (0, 0), soft).astype(np.float32) / 255, colour)

    if kind == "face":
        hair = random.uniform(10, 120) * near_gray(random)
        disc(0.0, 2.2, 1.6, 1.2, random.uniform(20, 220, 3).astype(np.float32))
        disc(0.0, -0.25, 0.85, 1.15, hair)
        disc(0.0, 0.1, 0.72, 1.0, skin)
        for side in (-1, 1):
            disc(side * 0.3, -0.1, 0.13, 0.07, np.full(3, 235, np.float32), 1.0)
            disc(side * 0.3, -0.1, 0.06, 0.065, np.full(3, 25, np.float32), 1.0)
            disc(side * 0.3, -0.28, 0.17, 0.03, hair, 1.5)
        disc(0.0, 0.22, 0.09, 0.05, skin * np.float32(0.75))
        disc(0.0, 0.55, 0.25, random.uniform(0.04, 0.13), skin * np.array([0.8, 0.5, 0.5], np.float32))
        return scene
    cover = np.zeros((HEIGHT, WIDTH), np.uint8)
    turn = random.uniform(0, 2 * np.pi)
    for finger in range(5):
        angle = turn + (finger - 2) * random.uniform(0.25, 0.38)
        step = np.array([np.cos(angle), np.sin(angle)])
        thick_line(cover, middle, middle + step * reach * random.uniform(1.2, 1.9), round(reach * 0.32))
    thick_line(cover, middle, middle - 3 * reach * np.array([np.cos(turn), np.sin(turn)]), round(reach * 0.8))
    cv2.circle(cover, middle.round().astype(int).tolist(), round(reach * 0.65), 255, -1, cv2.LINE_AA)
    shading = 0.6 + 0.45 * cv2.GaussianBlur(cover, (0, 0), reach / 9).astype(np.float32)[..., None] / 255
    return blend(scene, cv2.GaussianBlur(cover, (0, 0), 1.5).astype(np.float32) / 255, skin * shading)


def blend(under: Rgb, cover: np.ndarray, over: Rgb) -> Rgb:
    """One picture over another, where `cover` (HW, 0 to 1) says so."""
    opacity = cover[..., None].astype(np.float32)
    return under * (1 - opacity) + over * opacity


def _flat(colour: np.ndarray) -> Rgb:
    return np.broadcast_to(colour, (HEIGHT, WIDTH, 3))


def smooth_noise(random: np.random.Generator, rows: int, columns: int) -> np.ndarray:
    """HW float32 of smooth noise, 0 to 1."""
    return cv2.resize(
        random.random((rows, columns), np.float32), (WIDTH, HEIGHT), interpolation=cv2.INTER_LINEAR
    )


def grain(random: np.random.Generator, depth: float) -> np.ndarray:
    """HW1 float32 about 1: the fibres of paper."""
    fine = cv2.GaussianBlur(random.standard_normal((HEIGHT, WIDTH), np.float32), (0, 0), 1.2)
    return (1 + depth * (fine + 2 * (smooth_noise(random, 6, 8) - 0.5)))[..., None]


def near_gray(random: np.random.Generator) -> np.ndarray:
    """(3,) float32: nearly gray, warm or cold."""
    warm = random.normal(0, 0.03)
    return np.array([1 + warm, 1 + random.normal(0, 0.01), 1 - warm], np.float32)


def _skin(random: np.random.Generator) -> np.ndarray:
    return (np.array([225, 172, 140]) * random.uniform(0.35, 1.0)).astype(np.float32)


def thick_line(cover: np.ndarray, start: np.ndarray, end: np.ndarray, thick: int) -> None:
    """Draws a straight line into the HW uint8 `cover`."""
    first, last = start.round().astype(int).tolist(), end.round().astype(int).tolist()
    cv2.line(cover, first, last, 255, thick, cv2.LINE_AA)
