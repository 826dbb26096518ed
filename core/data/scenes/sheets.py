"""Sheets of paper and what stands on them: numbers alone, in rows, in forms, in tables and rings, among words; or none.

A sheet is a gray picture seen from straight above, in which the outline of every number is known.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import cv2
import numpy as np

from core.data.scenes.writing import TALL, Line, Writers

LEAST_TALL = 8.0
"""Pixels: digits that are lower cannot be told from anything else."""


@dataclass
class Sheet:
    """A picture that is being written on."""

    picture: np.ndarray
    """HW float32, 0 to 255."""
    numbers: list[tuple[str, np.ndarray]] = field(default_factory=list)
    """Of each number its text and the outline of its digits: (4, 2) float64 x and y, clockwise from its upper left."""

    @property
    def size(self) -> tuple[int, int]:
        """Width and height."""
        height, width = self.picture.shape
        return width, height

    def write(self, line: Line, left: float, top: float, tall: float, pen: _Pen, angle: float = 0.0) -> None:
        """Put a line with digits `tall` pixels high where its ink's corner is (left, top), turned about its middle."""
        ink, scale = _resized(line.ink, tall / TALL), tall / TALL
        height, width = ink.shape
        x, y = left + width / 2, top + height / 2
        turn = cv2.getRotationMatrix2D((width / 2, height / 2), -angle, 1.0)
        if angle:
            room = int(abs(np.sin(np.radians(angle))) * max(width, height) / 2) + 2
            shift = turn.copy()
            shift[:, 2] += room
            ink = cv2.warpAffine(ink, shift, (width + 2 * room, height + 2 * room))
        self.cover(ink, x - ink.shape[1] / 2, y - ink.shape[0] / 2, pen)
        for text, box in line.numbers:
            a, b, c, d = (scale * side for side in box)
            corners = np.array([[a, b, 1], [c, b, 1], [c, d, 1], [a, d, 1]])
            self.numbers.append((text, corners @ turn.T + (left, top)))

    def cover(self, ink: np.ndarray, left: float, top: float, pen: _Pen) -> None:
        """Draw HW uint8 ink with its corner at (left, top)."""
        x, y = round(left), round(top)
        width, height = self.size
        rows, columns = (
            slice(max(y, 0), min(y + ink.shape[0], height)),
            slice(max(x, 0), min(x + ink.shape[1], width)),
        )
        if rows.start >= rows.stop or columns.start >= columns.stop:
            return
        part = ink[rows.start - y : rows.stop - y, columns.start - x : columns.stop - x]
        under = self.picture[rows, columns]
        under += part.astype(np.float32) * np.float32(pen.strength / 255) * (pen.level - under)


@dataclass(frozen=True)
class _Pen:
    level: float
    """Gray level of its ink."""
    strength: float
    """How much the ink covers, 0 to 1."""


def _resized(ink: np.ndarray, scale: float) -> np.ndarray:
    size = max(round(ink.shape[1] * scale), 1), max(round(ink.shape[0] * scale), 1)
    if scale <= 1:
        return cv2.resize(ink, size, interpolation=cv2.INTER_AREA)
    large = cv2.resize(ink, size, interpolation=cv2.INTER_LINEAR)
    if scale <= 1.4:
        return large
    return ((large.astype(np.float32) - 128) * scale + 128).clip(0, 255).astype(np.uint8)  # sharp again


def make_sheet(
    writers: Writers,
    random: np.random.Generator,
    width: int,
    height: int,
    *,
    numbers: bool,
    tight: bool = False,
    text: str | None = None,
) -> Sheet:
    """A sheet of that many pixels; without `numbers` it holds everything else. A tight one is filled by its only number,
    with or without the boxes of a form. With a `text` it holds that number, and words and rings around it at most."""
    bright = random.random() < 0.85
    level = random.uniform(110, 250) if bright else random.uniform(15, 90)
    sheet = Sheet(np.full((height, width), level, np.float32))
    contrast = random.uniform(0.35, 0.95) if random.random() < 0.8 else random.uniform(0.12, 0.35)
    ink = level * (1 - contrast) if bright else level + (255 - level) * contrast
    pen = _Pen(ink, random.uniform(0.8, 1.0))
    if not tight and random.random() < 0.45:
        _rules(sheet, random, level, bright)
    if random.random() < 0.3:
        _fibres(sheet, random)
    if random.random() < 0.12:
        _waves(sheet, random)
    if tight:
        (_tight if random.random() < 0.6 else _cut_from_form)(sheet, writers, random, pen)
        return sheet
    if not numbers:
        _NONE[int(random.integers(len(_NONE)))](sheet, writers, random, pen)
        return sheet
    if text is not None:
        _alone(sheet, writers, random, pen, [text])
        return sheet
    layout = random.choice(len(_LAYOUTS), p=np.array(_SHARES) / sum(_SHARES))
    _LAYOUTS[int(layout)](sheet, writers, random, pen)
    return sheet


# --- Paper ----------------------------------------------------------------------------------------------------------


def _rules(sheet: Sheet, random: np.random.Generator, level: float, bright: bool) -> None:
    """Ruled or squared paper."""
    width, height = sheet.size
    spacing = random.uniform(5, 40)
    change = random.uniform(0.06, 0.5) * level * (-1 if bright else 1)
    thick = 1 if random.random() < 0.8 else 2
    for y in np.arange(random.uniform(0, spacing), height, spacing):
        sheet.picture[int(y) : int(y) + thick] += change
    if random.random() < 0.5:
        for x in np.arange(random.uniform(0, spacing), width, spacing):
            sheet.picture[:, int(x) : int(x) + thick] += change
    elif random.random() < 0.4:
        x = int(random.uniform(0.05, 0.2) * width)
        sheet.picture[:, x : x + thick] += change
    np.clip(sheet.picture, 0, 255, out=sheet.picture)


def _fibres(sheet: Sheet, random: np.random.Generator) -> None:
    width, height = sheet.size
    coarse = random.standard_normal((max(height // 3, 2), max(width // 3, 2)), np.float32)
    sheet.picture += cv2.resize(coarse, (width, height)) * random.uniform(1, 7)


def _waves(sheet: Sheet, random: np.random.Generator) -> None:
    """The fine bent lines of cheques and tickets."""
    height, width = sheet.picture.shape
    y, x = np.mgrid[:height, :width].astype(np.float32)
    a, b = random.normal(0, 1, 2) * random.uniform(0.1, 0.9)
    bend = random.uniform(0, 4) * np.sin(x * random.uniform(0.02, 0.15) + y * random.uniform(0, 0.1))
    sheet.picture += random.uniform(3, 22) * np.sin(a * x + b * y + bend)
    np.clip(sheet.picture, 0, 255, out=sheet.picture)


# --- What is written ------------------------------------------------------------------------------------------------


def number(random: np.random.Generator, longest: int = 8) -> str:
    """Digits of a number, now and then with points within."""
    count = int(random.integers(1, longest + 1)) if random.random() < 0.7 else int(random.integers(1, 5))
    text = "".join(map(str, random.integers(0, 10, count).tolist()))
    if random.random() < 0.06:
        text = "1" * min(count, 3)
    if count > 2 and random.random() < 0.15:
        place = int(random.integers(1, count))
        text = text[:place] + str(random.choice(list(".,:."))) + text[place:]
    return text


def _pieces(random: np.random.Generator, longest: int = 8) -> list[str]:
    """A number, now and then with signs around it or between it and others."""
    text = number(random, longest)
    chance = random.random()
    if chance < 0.78:
        return [text]
    if chance < 0.88:
        signs = ["-", ".-", "€", "$", "%", "#", "(", ")", "=", "+", "kg", "m", "Nr", "'"]
        sign = str(random.choice(signs))
        return [text, sign] if random.random() < 0.5 else [sign, text]
    parts = [text[:3].strip(".,:")]
    between = str(random.choice(["/", "-", "x", "+", "=", "/"]))
    for _ in range(int(random.integers(1, 3))):
        parts += [between, number(random, 3).strip(".,:")]
    return parts


def _spread(random: np.random.Generator, low: float, high: float) -> float:
    """Between the two, every doubling as likely as the next."""
    return float(np.exp(random.uniform(np.log(low), np.log(max(high, low * 1.01)))))


def _fitting(line: Line, tall: float, width: float, height: float) -> float:
    """The digits' height at which a line, wished to be `tall`, fits."""
    rows, columns = line.ink.shape
    return min(tall, width / columns * TALL, height / rows * TALL)


def _tight(sheet: Sheet, writers: Writers, random: np.random.Generator, pen: _Pen) -> None:
    width, height = sheet.size
    gap = random.uniform(0.0, 0.12)
    line = writers.line([number(random, 6)], random)
    tall = _fitting(line, 1e9, width * (1 - gap), height * (1 - gap))
    rows, columns = (side * tall / TALL for side in line.ink.shape)
    sheet.write(line, (width - columns) / 2, (height - rows) / 2, tall, pen)


def _alone(
    sheet: Sheet,
    writers: Writers,
    random: np.random.Generator,
    pen: _Pen,
    pieces: list[str] | None = None,
) -> None:
    width, height = sheet.size
    line = writers.line(pieces or _pieces(random), random)
    tall = _fitting(line, _spread(random, LEAST_TALL + 2, 0.8 * height), 0.92 * width, 0.9 * height)
    rows, columns = (side * tall / TALL for side in line.ink.shape)
    left, top = (
        random.uniform(0.02 * width, 0.98 * width - columns),
        random.uniform(0.03 * height, 0.97 * height - rows),
    )
    before = len(sheet.numbers)
    if random.random() < 0.15:  # on a label of another level
        margin = 0.35 * tall
        y, x = (
            slice(max(int(top - margin), 0), int(top + rows + margin)),
            slice(max(int(left - margin), 0), int(left + columns + margin)),
        )
        sheet.picture[y, x] = sheet.picture[y, x] * random.uniform(0.85, 1.1) + random.normal(
            0, 4, sheet.picture[y, x].shape
        )
    sheet.write(line, left, top, tall, pen, random.normal(0, 3) if random.random() < 0.5 else 0.0)
    if len(sheet.numbers) > before and random.random() < 0.3:
        _ring(sheet, random, pen, left, top, columns, rows, tall)
    elif random.random() < 0.3:
        for step in range(int(random.integers(1, 3))):
            y = top + rows + tall * (random.uniform(0.03, 0.25) + 0.12 * step)
            slope = random.normal(0, 0.03) * columns
            _stroke(
                sheet,
                pen,
                (left - 0.1 * tall, y),
                (left + columns, y + slope),
                max(tall * random.uniform(0.02, 0.09), 1.0),
            )
    if random.random() < 0.3:
        _words_around(sheet, writers, random, pen, int(random.integers(1, 4)))


def _rows(sheet: Sheet, writers: Writers, random: np.random.Generator, pen: _Pen) -> None:
    """Numbers under each other, at any pitch from 1.12 of a digit's height."""
    width, height = sheet.size
    count = int(random.integers(2, 8))
    pitch = random.uniform(1.12, 1.6) if random.random() < 0.6 else random.uniform(1.6, 3.0)
    tall = min(_spread(random, LEAST_TALL + 1, 0.4 * height), 0.9 * height / (count * pitch))
    stroke = random.uniform(0.04, 0.14)
    longest = int(random.integers(1, 8))
    left, top = (
        random.uniform(0.03, 0.4) * width,
        random.uniform(0.03 * height, 0.97 * height - tall * count * pitch),
    )
    for row in range(count):
        line = writers.line([number(random, longest)], random, pen=stroke)
        own = _fitting(line, tall, 0.95 * width - left, 1.02 * tall * pitch)
        if own > max(LEAST_TALL, 0.6 * tall):
            sheet.write(line, left + random.normal(0, 0.1) * tall, top + row * pitch * tall, own, pen)


def _in_a_line(sheet: Sheet, writers: Writers, random: np.random.Generator, pen: _Pen) -> None:
    """Numbers beside each other, at least 0.7 of a digit's height apart; the digits of each are closer."""
    width, height = sheet.size
    pieces = [number(random, 4).replace(",", ".") for _ in range(int(random.integers(2, 5)))]
    if random.random() < 0.3:
        pieces.insert(int(random.integers(len(pieces))), "tx")
    line = writers.line(pieces, random, gap=random.uniform(0.75, 2.0))
    tall = _fitting(line, _spread(random, LEAST_TALL + 1, 0.5 * height), 0.95 * width, 0.9 * height)
    rows, columns = (side * tall / TALL for side in line.ink.shape)
    left, top = (
        random.uniform(0.02 * width, 0.98 * width - columns),
        random.uniform(0.03 * height, 0.97 * height - rows),
    )
    sheet.write(line, left, top, tall, pen)


def _page(sheet: Sheet, writers: Writers, random: np.random.Generator, pen: _Pen) -> None:
    """A page full of numbers in columns."""
    width, height = sheet.size
    longest = int(random.integers(1, 5))
    tall = _spread(random, LEAST_TALL + 1, 30.0)
    pitch = random.uniform(1.3, 2.6) * tall
    across = (longest * 0.85 + random.uniform(0.8, 2.5)) * tall
    stroke = random.uniform(0.04, 0.14)
    words = random.random() < 0.2
    for y in np.arange(0.3 * tall, height - 1.2 * tall, pitch):
        for x in np.arange(0.4 * tall, width - across, across):
            if words and random.random() < 0.4:
                sheet.write(writers.word(random), x, y, 0.8 * tall, pen)
                continue
            line = writers.line([number(random, longest).replace(":", "")], random, pen=stroke)
            own = _fitting(line, tall, across - 0.7 * tall, 1.2 * tall)
            if own > max(LEAST_TALL, 0.6 * tall):
                sheet.write(line, x, y, own, pen)


def _comb(sheet: Sheet, writers: Writers, random: np.random.Generator, pen: _Pen) -> None:
    """A form: one digit a box, the boxes touching or apart; the row is one number. Or the wheels of a meter."""
    width, height = sheet.size
    boxes = _Boxes.drawn_by_lot(random)
    rows = 1 if random.random() < 0.75 else int(random.integers(2, 4))
    tall = min(
        _spread(random, LEAST_TALL + 1, 0.6 * height),
        0.9 * width / boxes.wide,
        0.85 * height / (rows * (boxes.tall + 0.6)),
    )
    if tall < LEAST_TALL:
        return
    left = random.uniform(0.04 * width, 0.97 * width - boxes.wide * tall)
    top = random.uniform(0.05 * height, 0.97 * height - rows * (boxes.tall + 0.6) * tall)
    for row in range(rows):
        y = top + row * (boxes.tall + random.uniform(0.5, 0.6)) * tall
        _fill(sheet, writers, random, pen, boxes, (left, y), tall)


@dataclass(frozen=True)
class _Boxes:
    """A row of boxes; sides are in heights of a digit."""

    count: int
    pitch: float
    tall: float
    apart: float
    thick: float
    wheels: bool
    """A meter's: bright digits on dark."""

    @property
    def wide(self) -> float:
        return self.count * self.pitch

    @staticmethod
    def drawn_by_lot(random: np.random.Generator) -> _Boxes:
        wheels = random.random() < 0.35
        pitch = random.uniform(0.8, 1.5) if wheels else random.uniform(0.95, 2.3)
        apart = random.uniform(0.05, 0.35) if random.random() < 0.4 else 0.0
        tall = (
            random.uniform(1.1, 1.8) if random.random() < 0.6 else max(pitch * random.uniform(0.9, 1.1), 1.1)
        )
        return _Boxes(int(random.integers(2, 9)), pitch, tall, apart, random.uniform(0.02, 0.1), wheels)


def _fill(
    sheet: Sheet,
    writers: Writers,
    random: np.random.Generator,
    pen: _Pen,
    boxes: _Boxes,
    corner: tuple[float, float],
    tall: float,
) -> None:
    """Draw a row of boxes with its upper left at `corner`, and a number into it whose digits are `tall` pixels high."""
    left, y = corner
    edge = _Pen(pen.level + random.uniform(-30, 60), 0.9)
    if boxes.wheels:
        dark = random.uniform(5, 70)
        a = round(left - 0.15 * tall), round(y - 0.1 * tall)
        b = round(left + (boxes.wide + 0.15) * tall), round(y + (boxes.tall + 0.1) * tall)
        cv2.rectangle(sheet.picture, a, b, (dark,), -1)
        pen, edge = _Pen(random.uniform(130, 255), 1.0), _Pen(dark + random.uniform(-20, 90), 1.0)
    thick = max(boxes.thick * tall, 1)
    group = int(random.integers(2, 5)) if random.random() < 0.3 else 99
    for column in range(boxes.count):
        x = left + column * boxes.pitch * tall
        a = round(x + boxes.apart * tall / 2), round(y)
        b = round(x + (boxes.pitch - boxes.apart / 2) * tall), round(y + boxes.tall * tall)
        cv2.rectangle(sheet.picture, a, b, (edge.level,), round(thick))
        if column % group == group - 1:  # a bolder wall now and then
            _stroke(sheet, edge, (float(b[0]), float(a[1])), (float(b[0]), float(b[1])), 2.5 * thick)
    text = "".join(map(str, random.integers(0, 10, boxes.count).tolist()))
    line = writers.line([text], random, pitch=boxes.pitch, mixed=random.random() < 0.4)
    own = tall * min(1.0, 0.92 * boxes.tall * TALL / line.ink.shape[0])
    rows, columns = (side * own / TALL for side in line.ink.shape)
    x, top = left + (boxes.wide * tall - columns) / 2, y + (boxes.tall * tall - rows) / 2
    sheet.write(line, x + random.normal(0, 0.06) * tall, top + random.normal(0, 0.03) * tall, own, pen)


def _cut_from_form(sheet: Sheet, writers: Writers, random: np.random.Generator, pen: _Pen) -> None:
    """A row of boxes that fills the picture, whose edges are about its own."""
    width, height = sheet.size
    boxes = _Boxes.drawn_by_lot(random)
    tall = min(width / boxes.wide, height / boxes.tall) * random.uniform(0.92, 1.04)
    if tall < LEAST_TALL:
        return
    left = (width - boxes.wide * tall) / 2 + random.normal(0, 0.06) * tall
    top = (height - boxes.tall * tall) / 2 + random.normal(0, 0.06) * tall
    _fill(sheet, writers, random, pen, boxes, (left, top), tall)


def _grid(sheet: Sheet, writers: Writers, random: np.random.Generator, pen: _Pen) -> None:
    """A table: what stands in a cell is a number of its own."""
    width, height = sheet.size
    rows, columns = random.integers(2, 10, 2).tolist()
    longest = 1 if random.random() < 0.4 else int(random.integers(2, 5))
    cell = np.array([longest * 0.8 + random.uniform(0.4, 1.2), random.uniform(1.3, 2.2)])
    tall = min(
        _spread(random, LEAST_TALL + 2, 40.0),
        0.94 * width / (columns * cell[0]),
        0.94 * height / (rows * cell[1]),
    )
    if tall < LEAST_TALL:
        return
    wide, high = (cell * tall).tolist()
    left, top = random.uniform(0, width - columns * wide), random.uniform(0, height - rows * high)
    thick = float(random.integers(1, 3))
    each = int(random.integers(2, 5))
    for row in range(rows + 1):
        bold = thick + float(row % each == 0)
        _stroke(sheet, pen, (left, top + row * high), (left + columns * wide, top + row * high), bold)
    for column in range(columns + 1):
        bold = thick + float(column % each == 0)
        _stroke(sheet, pen, (left + column * wide, top), (left + column * wide, top + rows * high), bold)
    filled = random.uniform(0.15, 1.0)
    stroke = random.uniform(0.05, 0.14)
    for row in range(rows):
        for column in range(columns):
            if random.random() > filled:
                continue
            line = writers.line([number(random, longest).replace(":", "")], random, pen=stroke)
            if random.random() < 0.05:
                line = writers.word(random)
            own = _fitting(line, tall, 0.85 * wide, 0.85 * high)
            if own < max(LEAST_TALL, 0.5 * tall):
                continue
            scale = own / TALL
            x = left + (column + 0.5) * wide - line.ink.shape[1] * scale / 2
            y = top + (row + 0.5) * high - line.ink.shape[0] * scale / 2
            sheet.write(line, x, y, own, pen)


def _among_words(sheet: Sheet, writers: Writers, random: np.random.Generator, pen: _Pen) -> None:
    """Lines of words, with a number here and there."""
    width, height = sheet.size
    tall = _spread(random, LEAST_TALL + 1, 36.0)
    y = random.uniform(0, 2) * tall
    while y < height - 1.4 * tall:
        x = random.uniform(0.2, 2) * tall
        while x < width - 2 * tall:
            line = (
                writers.line([number(random, 5)], random) if random.random() < 0.2 else writers.word(random)
            )
            own = _fitting(line, tall, 1e9, 1.6 * tall)
            wide = line.ink.shape[1] * own / TALL
            if x + wide > width - 2:
                break
            sheet.write(line, x, y + 0.1 * tall, own, pen)
            x += wide + random.uniform(0.6, 1.2) * tall
        y += random.uniform(1.7, 2.6) * tall


def _scattered(sheet: Sheet, writers: Writers, random: np.random.Generator, pen: _Pen) -> None:
    """Numbers here and there, each turned as it likes, none over another."""
    width, height = sheet.size
    taken: np.ndarray = np.zeros((height, width), np.uint8)
    for _ in range(int(random.integers(2, 9))):
        line = writers.line([number(random, 5)], random) if random.random() < 0.8 else writers.word(random)
        tall = _fitting(line, _spread(random, LEAST_TALL + 1, 0.3 * height), 0.6 * width, 0.6 * height)
        if tall < LEAST_TALL:
            continue
        rows, columns = (side * tall / TALL for side in line.ink.shape)
        left, top = random.uniform(0, width - columns), random.uniform(0, height - rows)
        angle = random.normal(0, 12)
        box = cv2.boxPoints(
            ((left + columns / 2, top + rows / 2), (columns + 0.9 * tall, rows + 0.5 * tall), angle)
        )
        own = np.zeros_like(taken)
        cv2.fillConvexPoly(own, box.round().astype(np.int32), 1)
        if not (own & taken).any():
            taken |= own
            sheet.write(line, left, top, tall, pen, angle)


_LAYOUTS = (_alone, _rows, _in_a_line, _page, _comb, _grid, _among_words, _scattered)
_SHARES = (44, 11, 8, 6, 15, 7, 6, 7)


# --- What is no number ----------------------------------------------------------------------------------------------


def _words_around(sheet: Sheet, writers: Writers, random: np.random.Generator, pen: _Pen, count: int) -> None:
    """Words where no number is."""
    width, height = sheet.size
    for _ in range(count):
        line = writers.word(random)
        tall = _fitting(line, _spread(random, LEAST_TALL, 0.2 * height), 0.6 * width, 0.3 * height)
        rows, columns = (side * tall / TALL for side in line.ink.shape)
        left, top = random.uniform(0, width - columns), random.uniform(0, height - rows)
        if not any(
            outline[:, 0].min() - tall < left + columns
            and left < outline[:, 0].max() + tall
            and outline[:, 1].min() - 0.5 * tall < top + rows
            and top < outline[:, 1].max() + 0.5 * tall
            for _, outline in sheet.numbers
        ):
            sheet.write(line, left, top, tall, pen)


def _only_words(sheet: Sheet, writers: Writers, random: np.random.Generator, pen: _Pen) -> None:
    width, height = sheet.size
    if random.random() < 0.5:
        _words_around(sheet, writers, random, pen, int(random.integers(1, 6)))
        return
    tall = _spread(random, 5.0, 30.0)
    for y in np.arange(random.uniform(0, 2) * tall, height - 1.2 * tall, random.uniform(1.5, 2.6) * tall):
        x = random.uniform(0, 2) * tall
        while x < width * random.uniform(0.6, 1.0):
            line = writers.word(random)
            own = _fitting(line, tall, 1e9, 1.5 * tall)
            sheet.write(line, x, y, own, pen)
            x += line.ink.shape[1] * own / TALL + 0.7 * tall


def _empty_table(sheet: Sheet, writers: Writers, random: np.random.Generator, pen: _Pen) -> None:
    width, height = sheet.size
    for x in np.sort(random.uniform(0, width, int(random.integers(2, 9)))).tolist():
        _stroke(sheet, pen, (x, 0.05 * height), (x, 0.95 * height), float(random.integers(1, 4)))
    for y in np.linspace(0.05 * height, 0.95 * height, int(random.integers(2, 12))).tolist():
        _stroke(sheet, pen, (0.0, y), (float(width), y), float(random.integers(1, 4)))


def _doodles(sheet: Sheet, writers: Writers, random: np.random.Generator, pen: _Pen) -> None:
    """Curves, arrows, hatching, rings and empty boxes."""
    width, height = sheet.size
    for _ in range(int(random.integers(1, 6))):
        thick = float(random.integers(1, 7))
        kind = random.integers(4)
        middle = random.uniform((0, 0), (width, height))
        reach = _spread(random, 8.0, 0.5 * height)
        if kind == 0:
            count = int(random.integers(5, 16))
            path = middle + np.cumsum(random.normal(0, reach / 3, (count, 2)), 0)
            smooth = cv2.GaussianBlur(np.repeat(path, 6, 0), (1, 13), 0).reshape(-1, 1, 2)
            cv2.polylines(
                sheet.picture, [smooth.round().astype(np.int32)], False, (pen.level,), int(thick), cv2.LINE_AA
            )
        elif kind == 1:
            x, y = middle.tolist()
            _ring(sheet, random, pen, x, y, reach * random.uniform(0.4, 2), reach, reach)
        elif kind == 2:
            step = random.uniform(4, 20)
            for count in range(int(random.integers(5, 20))):
                x = middle[0] + count * step
                _stroke(sheet, pen, (x, middle[1]), (x - reach * 0.4, middle[1] + reach), thick)
        else:
            end = middle + random.normal(0, reach, 2)
            _stroke(sheet, pen, (float(middle[0]), float(middle[1])), (float(end[0]), float(end[1])), thick)
            for turn in (2.6, -2.6):
                angle = np.arctan2(*(end - middle)[::-1]) + turn
                tip = end + 0.25 * reach * np.array([np.cos(angle), np.sin(angle)])
                _stroke(sheet, pen, (float(end[0]), float(end[1])), (float(tip[0]), float(tip[1])), thick)


def _bare(sheet: Sheet, writers: Writers, random: np.random.Generator, pen: _Pen) -> None:
    """Nothing at all."""


_NONE = (_only_words, _only_words, _empty_table, _doodles, _bare)


def _ring(
    sheet: Sheet,
    random: np.random.Generator,
    pen: _Pen,
    left: float,
    top: float,
    wide: float,
    high: float,
    tall: float,
) -> None:
    """A frame or a ring around something."""
    room = random.uniform(0.05, 0.6) * tall
    thick = max(round(tall * random.uniform(0.02, 0.1)), 1)
    if random.random() < 0.5:
        a, b = (round(left - room), round(top - room)), (round(left + wide + room), round(top + high + room))
        cv2.rectangle(sheet.picture, a, b, (pen.level,), thick, cv2.LINE_AA)
        return
    axes = round(wide * 0.6 + room), round(high * 0.6 + room)
    cv2.ellipse(
        sheet.picture,
        (round(left + wide / 2), round(top + high / 2)),
        axes,
        random.normal(0, 4),
        0,
        360,
        (pen.level,),
        thick,
        cv2.LINE_AA,
    )


def _stroke(
    sheet: Sheet, pen: _Pen, start: tuple[float, float], end: tuple[float, float], thick: float
) -> None:
    a, b = (round(start[0]), round(start[1])), (round(end[0]), round(end[1]))
    cv2.line(sheet.picture, a, b, (pen.level,), max(round(thick), 1), cv2.LINE_AA)
