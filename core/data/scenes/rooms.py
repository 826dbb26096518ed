"""What a camera sees where nobody holds up a number: rooms with shelves, frames, screens, windows and people; photographs.

A background is HW float32, 0 to 255, of the camera's size. It holds no digits.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np

from core.data.scenes.writing import Writers

Size = tuple[int, int]
"""Width and height."""

_Draw = Callable[[np.ndarray, Writers, np.random.Generator], None]


def load_photographs(folder: Path) -> list[np.ndarray]:
    """All pictures in a folder as HW uint8, none larger than 900 pixels.

    Photographs on which no digits stand are in the packages scikit-image 0.16.2, scikit-learn, ultralytics, imgaug, insightface 2.1,
    mahotas and gradio 3.50.2; they are kept out of the repository, and scenes without them have rooms only.
    """
    photographs = []
    for path in sorted(folder.iterdir()):
        picture = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
        if picture is not None:
            scale = min(900 / max(picture.shape), 1.0)
            photographs.append(cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA))
    return photographs


def background(
    size: Size, writers: Writers, photographs: list[np.ndarray], random: np.random.Generator
) -> np.ndarray:
    """A room, a photograph or a plain surface."""
    chance = random.random()
    if photographs and chance < 0.4:
        scene = _photograph(size, photographs, random)
    elif chance < 0.88:
        scene = _room(size, writers, random)
    else:
        scene = _plain(size, random)
    if random.random() < 0.5:
        scene = cv2.GaussianBlur(scene, (0, 0), random.uniform(0.4, 2.5))
    return scene


def _photograph(size: Size, photographs: list[np.ndarray], random: np.random.Generator) -> np.ndarray:
    """A part of one, mirrored, turned by quarters and lit as it comes."""
    picture = photographs[int(random.integers(len(photographs)))]
    if random.random() < 0.2:
        picture = np.rot90(picture, int(random.integers(1, 4)))
    if random.random() < 0.5:
        picture = picture[:, ::-1]
    height, width = picture.shape
    whole = min(width / size[0], height / size[1])
    share = whole * random.uniform(0.35, 1.0)
    wide, tall = int(size[0] * share), int(size[1] * share)
    x, y = int(random.integers(width - wide + 1)), int(random.integers(height - tall + 1))
    part = np.ascontiguousarray(picture[y : y + tall, x : x + wide])
    scene = cv2.resize(part, size, interpolation=cv2.INTER_AREA).astype(np.float32)
    return (scene - 128) * random.uniform(0.4, 1.2) + 128 + random.uniform(-40, 40)


def _plain(size: Size, random: np.random.Generator) -> np.ndarray:
    """A wall, a table, cloth, wood, noise."""
    scene = np.full((size[1], size[0]), random.uniform(20, 240), np.float32)
    kind = random.integers(4)
    if kind == 0:
        return scene
    rows, columns = (int(random.integers(2, 20)), int(random.integers(2, 20)))
    if kind == 1:  # wood: long along one side
        rows, columns = int(random.integers(40, 160)), int(random.integers(2, 6))
    elif kind == 2:
        rows, columns = size[1] // 2, size[0] // 2
    pattern = cv2.resize(
        random.standard_normal((rows, columns), np.float32), size, interpolation=cv2.INTER_LINEAR
    )
    if random.random() < 0.5 and kind == 1:
        pattern = cv2.resize(cv2.transpose(pattern), size)
    return scene + pattern * random.uniform(3, 30)


def _room(size: Size, writers: Writers, random: np.random.Generator) -> np.ndarray:
    corners = random.uniform(-35, 35, (2, 2)).astype(np.float32)
    scene = cv2.resize(corners, size) + np.float32(random.uniform(50, 220))
    for _ in range(int(random.integers(1, 7))):
        _THINGS[int(random.integers(len(_THINGS)))](scene, writers, random)
    if random.random() < 0.45:
        _person(scene, random)
    return scene


def _frame_of(
    scene: np.ndarray, random: np.random.Generator, low: float, high: float
) -> tuple[float, float, float, float]:
    """Left, top, width and height of something that takes such shares of the scene, and may reach beyond it."""
    height, width = scene.shape
    wide, tall = random.uniform(low, high) * width, random.uniform(low, high) * height
    return (
        random.uniform(-0.3 * wide, width - 0.7 * wide),
        random.uniform(-0.3 * tall, height - 0.7 * tall),
        wide,
        tall,
    )


def _box(
    scene: np.ndarray, x: float, y: float, wide: float, tall: float, level: float, thick: int = -1
) -> None:
    cv2.rectangle(scene, (round(x), round(y)), (round(x + wide), round(y + tall)), (level,), thick)


def _shelf(scene: np.ndarray, writers: Writers, random: np.random.Generator) -> None:
    """Boards with books upright, leaning and lying; some have a title along the spine."""
    x, y, wide, tall = _frame_of(scene, random, 0.25, 0.9)
    boards = int(random.integers(1, 4))
    high = tall / boards
    wood = random.uniform(20, 200)
    if random.random() < 0.5:
        _box(scene, x, y, wide, tall, random.uniform(10, 200))
    for board in range(boards):
        foot = y + (board + 1) * high
        _box(scene, x, foot - max(high * 0.06, 2.0), wide, max(high * 0.06, 2.0), wood)
        at = x + random.uniform(0, 0.2) * wide
        thin = random.uniform(0.008, 0.03) * scene.shape[1] + 2
        while at < x + wide:
            across = thin * random.uniform(0.5, 2.0)
            up = high * random.uniform(0.5, 0.92)
            if random.random() < 0.08:
                at += across * random.uniform(1, 5)
                continue
            level = random.uniform(5, 250)
            lean = random.normal(0, 0.12) * up if random.random() < 0.12 else 0.0
            top, low = foot - high * 0.06 - up, foot - high * 0.06
            corners = np.array([[at + lean, top], [at + across + lean, top], [at + across, low], [at, low]])
            cv2.fillConvexPoly(scene, corners.round().astype(np.int32), (level,), cv2.LINE_AA)
            other = float(np.clip(level + random.choice([-1, 1]) * random.uniform(30, 140), 0, 255))
            if random.random() < 0.4:
                _box(
                    scene,
                    at,
                    top + up * random.uniform(0.05, 0.7),
                    across,
                    max(up * random.uniform(0.02, 0.2), 1.0),
                    other,
                )
            elif random.random() < 0.3 and across > 6:
                _text(
                    scene,
                    writers,
                    random,
                    at + across * 0.2,
                    top + 0.1 * up,
                    across * 0.6,
                    up * 0.8,
                    other,
                    upright=True,
                )
            if random.random() < 0.5:
                cv2.line(scene, (round(at), round(top)), (round(at), round(low)), (random.uniform(0, 60),), 1)
            at += across + (1 if random.random() < 0.4 else 0)


def _text(
    scene: np.ndarray,
    writers: Writers,
    random: np.random.Generator,
    x: float,
    y: float,
    wide: float,
    tall: float,
    level: float,
    *,
    upright: bool = False,
) -> None:
    """A word in that box, or along it."""
    ink = writers.word(random).ink
    if upright:
        ink = cv2.rotate(ink, cv2.ROTATE_90_CLOCKWISE)
    scale = min(wide / ink.shape[1], tall / ink.shape[0])
    size = round(ink.shape[1] * scale), round(ink.shape[0] * scale)
    left, top = round(x), round(y)
    if (
        min(size) < 2
        or left < 0
        or top < 0
        or left + size[0] > scene.shape[1]
        or top + size[1] > scene.shape[0]
    ):
        return
    mask = cv2.resize(ink, size, interpolation=cv2.INTER_AREA).astype(np.float32) / 255
    under = scene[top : top + size[1], left : left + size[0]]
    under += mask * (level - under)


def _poster(scene: np.ndarray, writers: Writers, random: np.random.Generator) -> None:
    """Paper or a frame on the wall with lines of print, or with a picture's blurred shapes."""
    x, y, wide, tall = _frame_of(scene, random, 0.12, 0.5)
    level = random.uniform(140, 250)
    _box(scene, x, y, wide, tall, level)
    if random.random() < 0.6:
        _box(scene, x, y, wide, tall, random.uniform(0, 120), int(random.integers(1, 7)))
    if random.random() < 0.3:
        for _ in range(int(random.integers(2, 6))):
            where = random.uniform((x + 0.2 * wide, y + 0.2 * tall), (x + 0.8 * wide, y + 0.8 * tall))
            axes = random.uniform(3, 0.25 * min(wide, tall) + 4, 2)
            cv2.ellipse(
                scene,
                where.astype(int).tolist(),
                axes.astype(int).tolist(),
                random.uniform(0, 180),
                0,
                360,
                (random.uniform(20, 230),),
                -1,
            )
        return
    high = random.uniform(3, 14)
    ink = random.uniform(0, 90)
    if random.random() < 0.4:
        _text(scene, writers, random, x + 0.1 * wide, y + 0.05 * tall, 0.8 * wide, 3 * high, ink)
    for at in np.arange(y + 0.1 * tall + 2 * high, y + 0.92 * tall - high, 1.9 * high):
        if high < 6 and random.random() < 0.7:  # too small to be read: a broken line
            cv2.line(
                scene,
                (round(x + 0.1 * wide), round(at)),
                (round(x + random.uniform(0.5, 0.9) * wide), round(at)),
                (0.6 * ink + 0.4 * level,),
                1,
            )
        else:
            left = x + 0.1 * wide
            while left < x + 0.8 * wide:
                across = random.uniform(2, 6) * high
                _text(scene, writers, random, left, at, across, high, ink)
                left += across + high


def _screen(scene: np.ndarray, writers: Writers, random: np.random.Generator) -> None:
    """A dark or bright display with windows and lines of text."""
    x, y, wide, tall = _frame_of(scene, random, 0.2, 0.6)
    level = random.uniform(5, 60) if random.random() < 0.6 else random.uniform(180, 250)
    _box(scene, x - 4, y - 4, wide + 8, tall + 8, random.uniform(0, 50))
    _box(scene, x, y, wide, tall, level)
    ink = 255 - level + random.uniform(-40, 40)
    for at in np.arange(y + 6, y + 0.9 * tall, random.uniform(5, 14)):
        if random.random() < 0.7:
            start = x + random.uniform(0.03, 0.2) * wide
            _text(
                scene, writers, random, start, at, random.uniform(0.1, 0.6) * wide, random.uniform(4, 9), ink
            )


def _window(scene: np.ndarray, writers: Writers, random: np.random.Generator) -> None:
    """Bright panes with bars between them, now and then a blind."""
    x, y, wide, tall = _frame_of(scene, random, 0.2, 0.7)
    _box(scene, x, y, wide, tall, random.uniform(170, 255))
    bar, thick = random.uniform(10, 240), float(random.integers(2, 9))
    _box(scene, x, y, wide, tall, bar, int(thick))
    columns, rows = random.integers(1, 5, 2).tolist()
    for column in range(1, columns):
        _box(scene, x + wide * column / columns - thick / 2, y, thick, tall, bar)
    for row in range(1, rows):
        _box(scene, x, y + tall * row / rows - thick / 2, wide, thick, bar)
    if random.random() < 0.3:
        step = random.uniform(3, 12)
        for at in np.arange(y, y + tall * random.uniform(0.3, 1), step):
            _box(scene, x, at, wide, max(step * 0.5, 1.0), random.uniform(100, 200))


def _bars(scene: np.ndarray, writers: Writers, random: np.random.Generator) -> None:
    """A radiator, a fence, a curtain, a chair's back: bars beside each other."""
    x, y, wide, tall = _frame_of(scene, random, 0.1, 0.6)
    step = random.uniform(4, 30)
    thick = step * random.uniform(0.15, 0.8)
    level = random.uniform(0, 255)
    for at in np.arange(x, x + wide, step):
        shade = float(np.clip(level + random.normal(0, 15), 0, 255))
        _box(scene, at, y, thick, tall, shade)
    if random.random() < 0.5:
        _box(scene, x, y, wide, thick, level)


def _plant(scene: np.ndarray, writers: Writers, random: np.random.Generator) -> None:
    height, width = scene.shape
    foot = random.uniform((0, 0.3 * height), (width, height))
    reach = random.uniform(0.08, 0.35) * height
    for _ in range(int(random.integers(5, 30))):
        angle = random.uniform(-np.pi, 0)
        far = random.uniform(0.3, 1) * reach
        tip = foot + far * np.array([np.cos(angle), np.sin(angle)])
        level = random.uniform(15, 140)
        middle, axes = (
            ((foot + tip) / 2).astype(int).tolist(),
            (max(int(far / 2), 1), max(int(far * random.uniform(0.05, 0.2)), 1)),
        )
        cv2.ellipse(scene, middle, axes, float(np.degrees(angle)), 0, 360, (level,), -1, cv2.LINE_AA)
    if random.random() < 0.6:
        _box(scene, foot[0] - 0.2 * reach, foot[1], 0.4 * reach, 0.5 * reach, random.uniform(40, 200))


def _keys(scene: np.ndarray, writers: Writers, random: np.random.Generator) -> None:
    """A keyboard, tiles, drawers: boxes in rows, some with a sign."""
    x, y, wide, tall = _frame_of(scene, random, 0.15, 0.6)
    step = random.uniform(10, 50)
    level, edge = random.uniform(10, 240), random.uniform(10, 240)
    signs = random.random() < 0.5
    for top in np.arange(y, y + tall - step, step):
        for left in np.arange(x, x + wide - step, step * random.choice([1, 1.02])):
            _box(scene, left, top, step * 0.85, step * 0.85, level)
            _box(scene, left, top, step * 0.85, step * 0.85, edge, 1)
            if signs and random.random() < 0.6:
                _text(
                    scene,
                    writers,
                    random,
                    left + 0.2 * step,
                    top + 0.2 * step,
                    0.45 * step,
                    0.45 * step,
                    edge,
                )


def _clutter(scene: np.ndarray, writers: Writers, random: np.random.Generator) -> None:
    """Lamps, cups, cables, pens: discs, boxes and curves."""
    height, width = scene.shape
    for _ in range(int(random.integers(2, 12))):
        level = random.uniform(0, 255)
        where = random.uniform((0, 0), (width, height))
        kind = random.integers(4)
        if kind == 0:
            axes = random.uniform(3, 50, 2).astype(int).tolist()
            thick = -1 if random.random() < 0.5 else int(random.integers(1, 8))
            cv2.ellipse(
                scene,
                where.astype(int).tolist(),
                axes,
                random.uniform(0, 180),
                0,
                random.uniform(120, 360),
                (level,),
                thick,
                cv2.LINE_AA,
            )
        elif kind == 1:
            path = where + np.cumsum(random.normal(0, 25, (8, 2)), 0)
            smooth = cv2.GaussianBlur(np.repeat(path, 5, 0), (1, 11), 0)
            cv2.polylines(
                scene,
                [smooth.round().astype(np.int32)],
                False,
                (level,),
                int(random.integers(1, 6)),
                cv2.LINE_AA,
            )
        elif kind == 2:
            corners = cv2.boxPoints(
                (where.tolist(), random.uniform(4, 90, 2).tolist(), random.uniform(0, 90))
            )
            cv2.fillConvexPoly(scene, corners.astype(np.int32), (level,), cv2.LINE_AA)
        else:
            end = where + random.normal(0, 60, 2)
            cv2.line(
                scene,
                where.astype(int).tolist(),
                end.astype(int).tolist(),
                (level,),
                int(random.integers(1, 14)),
                cv2.LINE_AA,
            )


_THINGS: tuple[_Draw, ...] = (
    _shelf,
    _shelf,
    _shelf,
    _poster,
    _poster,
    _screen,
    _window,
    _bars,
    _plant,
    _keys,
    _clutter,
    _clutter,
)


def _person(scene: np.ndarray, random: np.random.Generator) -> None:
    """Head and shoulders."""
    height, width = scene.shape
    reach = random.uniform(0.1, 0.33) * height
    x, y = random.uniform(0.15, 0.85) * width, random.uniform(0.2, 0.6) * height
    skin, hair, cloth = random.uniform(50, 225), random.uniform(5, 160), random.uniform(5, 240)

    def disc(dx: float, dy: float, wide: float, tall: float, level: float, thick: int = -1) -> None:
        centre = round(x + dx * reach), round(y + dy * reach)
        axes = max(round(wide * reach), 1), max(round(tall * reach), 1)
        cv2.ellipse(scene, centre, axes, 0, 0, 360, (float(np.clip(level, 0, 255)),), thick, cv2.LINE_AA)

    disc(0.0, 2.6, random.uniform(1.3, 2.2), 1.5, cloth)
    if random.random() < 0.3:
        for stripe in np.arange(y + 1.2 * reach, height, random.uniform(4, 20)):
            cv2.line(
                scene,
                (round(x - 1.2 * reach), round(stripe)),
                (round(x + 1.2 * reach), round(stripe)),
                (255 - cloth,),
                int(random.integers(1, 5)),
            )
    disc(0.0, -0.3, 0.8, 1.0, hair)
    _box(scene, x - 0.28 * reach, y + 0.5 * reach, 0.56 * reach, 0.8 * reach, 0.9 * skin)
    disc(0.0, 0.0, 0.68, 0.92, skin)
    disc(0.2, 0.1, 0.45, 0.7, 1.04 * skin)
    for side in (-1, 1):
        disc(side * 0.28, -0.12, 0.12, 0.07, 235.0)
        disc(side * 0.28, -0.12, 0.06, 0.06, 25.0)
        disc(side * 0.28, -0.3, 0.17, 0.035, hair)
        if random.random() < 0.25:
            disc(side * 0.28, -0.12, 0.22, 0.18, 30.0, max(round(0.03 * reach), 1))
    disc(0.0, 0.2, 0.08, 0.12, 0.86 * skin)
    disc(0.0, 0.5, 0.22, 0.06, 0.6 * skin)


def fingers(scene: np.ndarray, corners: np.ndarray, free: np.ndarray, random: np.random.Generator) -> None:
    """Thumbs and fingers over the edges of a sheet, whose (4, 2) corners they grip; none where `free` (HW uint8) is set."""
    skin = random.uniform(60, 220)
    thick = max(int(0.09 * np.linalg.norm(corners[0] - corners[3]) * random.uniform(0.5, 1.4)), 5)
    middle = corners.mean(0)
    for _ in range(int(random.integers(1, 4))):
        side = int(random.integers(4))
        along = corners[side] + random.uniform(0.1, 0.9) * (corners[(side + 1) % 4] - corners[side])
        towards = middle - along + random.normal(0, 0.2 * np.linalg.norm(middle - along), 2)
        towards /= np.linalg.norm(towards) + 1e-6
        across = np.array([-towards[1], towards[0]])
        for finger in range(1 if random.random() < 0.5 else int(random.integers(2, 5))):
            start = along - 1.5 * thick * towards + finger * 1.05 * thick * across
            end = along + random.uniform(0.8, 2.6) * thick * towards + finger * 1.05 * thick * across
            cover: np.ndarray = np.zeros(scene.shape, np.uint8)
            a, b = start.round().astype(int).tolist(), end.round().astype(int).tolist()
            cv2.line(cover, a, b, 255, thick, cv2.LINE_AA)
            if (cover[free > 0] > 0).any():
                continue
            cv2.line(scene, a, b, (0.75 * skin,), thick, cv2.LINE_AA)
            cv2.line(scene, a, b, (skin,), max(thick - 3, 1), cv2.LINE_AA)
            nail = (end + 0.1 * thick * towards).round().astype(int).tolist()
            axes = max(round(0.28 * thick), 1), max(round(0.22 * thick), 1)
            cv2.ellipse(
                scene,
                nail,
                axes,
                float(np.degrees(np.arctan2(*towards[::-1]))),
                0,
                360,
                (min(1.15 * skin, 255),),
                -1,
                cv2.LINE_AA,
            )
