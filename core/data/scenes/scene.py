"""Synthetic pictures in which numbers are to be found: sheets in rooms, close-ups, tight crops; and pictures without any.

Scenes are for training: gray, as large as the finder's input, some fifty a second. The same seed gives the same scene.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from core.data.scenes.frame import Frame
from core.data.scenes.rooms import background, fingers
from core.data.scenes.sheets import LEAST_TALL, Sheet, make_sheet
from core.data.scenes.writing import Writers

WIDTH, HEIGHT = 384, 288
"""Pixels of every scene."""

_FRAME = (640, 480)  # pixels of what a camera sends

MOST_TALL = 150.0
"""Pixels: larger numbers are found in a smaller picture."""

_FOCAL = 1.0  # of the camera, in widths of the picture
_CUT = 0.06  # of a number's area that lies beyond the picture: more, and nobody is asked for it


@dataclass(frozen=True)
class Scene:
    """A picture and what is written in it."""

    picture: np.ndarray
    """HW uint8."""
    texts: list[str]
    """What the numbers say, with the points in them."""
    numbers: list[np.ndarray]
    """The outline of each number's digits: (4, 2) float64 x and y, clockwise from its own upper left, however it is turned."""
    unclear: list[np.ndarray]
    """Outlines of what may count as a number or not: cut by the picture's edge, too small, too large."""


def make_scene(writers: Writers, photographs: list[np.ndarray], seed: int) -> Scene:
    """The scene of that seed."""
    random = np.random.default_rng(seed)
    chance = random.random()
    if chance < 0.24:
        return _finished(_small(writers, random), random)
    canvas = _Canvas(background((WIDTH, HEIGHT), writers, photographs, random))
    if chance < 0.35:
        return _finished(canvas, random)
    sheets = 1 if random.random() < 0.85 else 2
    for _ in range(sheets):
        numbers = random.random() > 0.14
        whole = sheets == 1 and random.random() < 0.35
        _hold(canvas, writers, random, numbers=numbers, whole=whole)
    return _finished(canvas, random)


def make_room_frame(
    writers: Writers, seed: int, text: str | None = None, photographs: Sequence[np.ndarray] = ()
) -> Frame:
    """A sheet with that number, held up in a room or before a photograph; without a number where `text` is None.

    The number is whole in the picture and at least a twentieth of its height. The same seed gives the same frame.
    """
    random = np.random.default_rng([seed, 1])
    while True:
        canvas = _Canvas(background((WIDTH, HEIGHT), writers, list(photographs), random))
        _hold(canvas, writers, random, numbers=text is not None, whole=False, text=text)
        scene = _finished(canvas, random)
        sides = [float(np.linalg.norm(outline[3] - outline[0])) for outline in scene.numbers]
        if (
            not scene.unclear
            and len(sides) == (text is not None)
            and all(side >= HEIGHT / 20 for side in sides)
        ):
            break
    scale = _FRAME[0] / WIDTH
    gray = cv2.resize(scene.picture, _FRAME, interpolation=cv2.INTER_CUBIC)
    numbers = zip(scene.texts, scene.numbers, strict=True)
    return Frame(
        cv2.cvtColor(gray, cv2.COLOR_GRAY2RGB), tuple((text, outline * scale) for text, outline in numbers)
    )


class _Canvas:
    """A picture that is being put together."""

    def __init__(self, picture: np.ndarray) -> None:
        self.picture = picture
        self.numbers: list[tuple[str, np.ndarray]] = []


def _hold(
    canvas: _Canvas,
    writers: Writers,
    random: np.random.Generator,
    *,
    numbers: bool,
    whole: bool,
    text: str | None = None,
) -> None:
    """A sheet before the camera, somewhere in the picture, or so near that it fills it; with that text alone, if there is one."""
    if whole:
        wide, tall = random.uniform(1.0, 1.5, 2) * (WIDTH, HEIGHT)
    else:
        area, aspect = random.uniform(0.08, 0.85) * WIDTH * HEIGHT, float(np.exp(random.normal(0.3, 0.35)))
        wide, tall = (area * aspect) ** 0.5, (area / aspect) ** 0.5
    sheet = make_sheet(writers, random, max(int(wide), 40), max(int(tall), 40), numbers=numbers, text=text)
    matrix = _placed(sheet, random, whole=whole)
    corners = _mapped(_corners(sheet), matrix)
    # What was there before and is covered now counts no more.
    canvas.numbers = [
        (text, outline)
        for text, outline in canvas.numbers
        if cv2.intersectConvexConvex(outline.astype(np.float32), corners.astype(np.float32))[0] < 1
    ]
    size = (WIDTH, HEIGHT)
    paper = cv2.warpPerspective(
        sheet.picture, matrix, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    cover = np.zeros((HEIGHT, WIDTH), np.uint8)
    cv2.fillConvexPoly(cover, (corners * 16).round().astype(np.int32), 255, cv2.LINE_AA, shift=4)
    if random.random() < 0.6 and not whole:
        shade = cv2.blur(cover, (int(random.integers(3, 25)),) * 2).astype(np.float32) / 255
        canvas.picture *= 1 - random.uniform(0, 0.5) * shade
    opacity = cover.astype(np.float32) / 255
    canvas.picture += opacity * (paper - canvas.picture)
    own = [(text, _mapped(outline, matrix)) for text, outline in sheet.numbers]
    if random.random() < 0.55:
        free = np.zeros((HEIGHT, WIDTH), np.uint8)
        for _, outline in own:
            cv2.fillConvexPoly(free, outline.round().astype(np.int32), 1)
        fingers(canvas.picture, corners, free, random)
    canvas.numbers += own


def _placed(sheet: Sheet, random: np.random.Generator, *, whole: bool) -> np.ndarray:
    """(3, 3) from the sheet to the picture: turned, tilted, shifted."""
    width, height = sheet.size
    chance = random.random()
    roll = random.normal(0, 5) if chance < 0.75 else random.uniform(-35, 35)
    if chance > 0.91:
        roll += float(random.choice([90, -90, 180]))
    tilt = abs(random.normal(0, 14))
    towards = random.uniform(0, 2 * np.pi)
    turn = cv2.Rodrigues(np.array([0, 0, np.radians(roll)]))[0]
    lean = cv2.Rodrigues(np.radians(min(tilt, 45)) * np.array([np.cos(towards), np.sin(towards), 0]))[0]
    rotation = lean @ turn
    focal = _FOCAL * WIDTH
    plane = np.diag([focal, focal, 1]) @ np.column_stack([rotation[:, 0], rotation[:, 1], [0, 0, focal]])
    room = 0.12 if whole else 0.3
    place = np.array([WIDTH, HEIGHT]) * (0.5 + random.uniform(-room, room, 2))
    centre = np.array([[1, 0, -width / 2], [0, 1, -height / 2], [0, 0, 1.0]])
    matrix: np.ndarray = np.array([[1, 0, place[0]], [0, 1, place[1]], [0, 0, 1.0]]) @ plane @ centre
    return matrix / matrix[2, 2]


def _small(writers: Writers, random: np.random.Generator) -> _Canvas:
    """A picture of another shape, or tight around its number; beyond its edges they go on, as the finder sees it."""
    tight = random.random() < 0.65
    tall = int(np.exp(random.uniform(np.log(24), np.log(HEIGHT - 32))))
    wide = int(np.clip(tall * np.exp(random.normal(0.9, 0.8)), 24, WIDTH - 32))
    sheet = make_sheet(writers, random, wide, tall, numbers=random.random() < 0.9, tight=tight)
    left, top = int(random.integers(8, WIDTH - wide - 7)), int(random.integers(8, HEIGHT - tall - 7))
    picture = cv2.copyMakeBorder(
        sheet.picture, top, HEIGHT - tall - top, left, WIDTH - wide - left, cv2.BORDER_REPLICATE
    )
    canvas = _Canvas(picture)
    canvas.numbers = [(text, np.add(outline, (left, top))) for text, outline in sheet.numbers]
    return canvas


def _corners(sheet: Sheet) -> np.ndarray:
    width, height = sheet.size
    return np.array([[0, 0], [width, 0], [width, height], [0, height]], float)


def _mapped(points: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    mapped = np.column_stack([points, np.ones(len(points))]) @ matrix.T
    return mapped[:, :2] / mapped[:, 2:]


def _finished(canvas: _Canvas, random: np.random.Generator) -> Scene:
    """What the camera makes of it; and which numbers are clear enough to be asked for."""
    texts: list[str] = []
    numbers: list[np.ndarray] = []
    unclear: list[np.ndarray] = []
    frame = np.array([[0, 0], [WIDTH, 0], [WIDTH, HEIGHT], [0, HEIGHT]], np.float32)
    for text, outline in canvas.numbers:
        shared = cv2.intersectConvexConvex(outline.astype(np.float32), frame)[0]
        area = cv2.contourArea(outline.astype(np.float32))
        if shared <= 0:
            continue
        tall = np.linalg.norm(outline[3] + outline[2] - outline[0] - outline[1]) / 2
        clear = shared > (1 - _CUT) * area and LEAST_TALL * 0.9 <= tall <= MOST_TALL
        (numbers if clear else unclear).append(outline)
        if clear:
            texts.append(text)
    smallest = min((np.linalg.norm(outline[3] - outline[0]) for outline in numbers), default=40.0)
    return Scene(_seen(canvas.picture, float(smallest), random), texts, numbers, unclear)


def _seen(scene: np.ndarray, smallest: float, random: np.random.Generator) -> np.ndarray:
    """HW uint8: the scene in some light, through a lens, with a sensor's noise, packed."""
    size = (WIDTH, HEIGHT)
    if random.random() < 0.5:
        light = random.uniform(random.uniform(0.3, 0.9), 1.05, (3, 3)).astype(np.float32)
        scene = scene * cv2.resize(light, size, interpolation=cv2.INTER_LINEAR)
    if random.random() < 0.08:
        scene = 255 - scene
    gain = random.uniform(0.15, 0.5) if random.random() < 0.22 else random.uniform(0.6, 1.1)
    scene = scene * gain + random.uniform(-5, 25)
    if random.random() < 0.5:
        scene = cv2.GaussianBlur(
            scene, (0, 0), min(float(np.exp(random.uniform(-1.2, 1.0))), max(0.11 * smallest, 0.5))
        )
    if random.random() < 0.12:
        length = min(int(random.integers(3, 9)), max(int(0.35 * smallest), 2))
        kernel = np.zeros((length, length), np.float32)
        slope = random.uniform(0, length - 1)
        cv2.line(kernel, (0, round(slope)), (length - 1, round(length - 1 - slope)), (1.0,))
        scene = cv2.filter2D(scene, -1, kernel / kernel.sum())
    if random.random() < 0.75:
        noise = random.standard_normal(scene.shape, np.float32) * random.uniform(0.5, 10) * gain**0.5
        if random.random() < 0.3:
            noise = cv2.blur(noise, (2, 2)) * 1.6
        scene = scene + noise
    picture = scene.clip(0, 255).astype(np.uint8)
    if random.random() < 0.4:
        packed = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, int(random.integers(25, 95))])[1]
        picture = np.asarray(cv2.imdecode(packed, cv2.IMREAD_GRAYSCALE))
    return picture
