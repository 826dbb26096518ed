"""Numbers, words and signs as masks of ink, each line in one hand: MNIST's digits, the pens of real writers, typefaces."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from core.data.canvases.negatives import LETTERS
from core.data.hands.faces import load_faces
from core.data.hands.folder import missing, of_split
from core.data.hands.strokes import Strokes
from core.data.mnist import Digits, Split

TALL = 56
"""Pixels of a digit's usual height in a `Line`."""

_INNER = ".,:"  # signs that stand inside a number without parting it
_LOW = "acemnorsuvwxz"  # letters of two thirds of a digit's height
_UNITS = {"unipen": 200.0, "pendigits": 500.0}  # a digit's height in each source of strokes
# Of signs the height, and where their foot stands below a digit's head, both in heights of a digit.
_SIGNS = {
    ".": (0.13, 1.0),
    ",": (0.28, 1.12),
    ":": (0.6, 0.9),
    "'": (0.3, 0.3),
    "-": (0.1, 0.55),
    "=": (0.3, 0.65),
}


@dataclass(frozen=True)
class Line:
    """Something written in one go."""

    ink: np.ndarray
    """HW uint8: 255 where the ink is full."""
    numbers: list[tuple[str, tuple[float, float, float, float]]]
    """Of each number its text, and left, top, right, bottom of its digits' ink."""


class Writers:
    """All who write in scenes: MNIST's digits, typefaces, and the pens of a folder of hands where there is one.

    Only the writers and faces of one split write.
    """

    def __init__(self, digits: Digits, folder: Path | None = None, split: Split = "train") -> None:
        self.digits = digits
        self.of_digit = [np.flatnonzero(digits.labels == digit) for digit in range(10)]
        faces = load_faces()
        of_faces = of_split(np.arange(len(faces.names)), split)
        self.faces, self.characters = faces.pictures[of_faces], faces.characters
        self.pens: list[Pens] = []
        self.letters: Pens | None = None
        self.words: Pens | None = None
        self.alphabets = np.zeros((0, 48, 48), np.uint8)
        if folder is not None and not missing(folder):
            self.pens = [
                Pens(Strokes.load(folder / f"{name}_strokes.npz"), split, _UNITS[name.split("_")[0]])
                for name in ("unipen_digits", "pendigits")
            ]
            self.letters, self.words = (
                Pens(Strokes.load(folder / f"unipen_{name}_strokes.npz"), split, _UNITS["unipen"])
                for name in ("letters_symbols", "words")
            )
            with np.load(folder / "omniglot_negatives.npz", allow_pickle=False) as arrays:
                self.alphabets = arrays["images"]

    def line(
        self,
        pieces: list[str],
        random: np.random.Generator,
        *,
        gap: float | None = None,
        pitch: float | None = None,
        pen: float | None = None,
        mixed: bool = False,
    ) -> Line:
        """Pieces side by side in one hand: what begins and ends with a digit is a number, all else is none.

        `gap` is what lies between two pieces, `pitch` from one digit's middle to the next one's (as it comes where it is
        None), `pen` the width of a stroke, all in heights of a digit. In a mixed line each character is in a hand of its own.
        """
        hand = _Hand(self, random, pen)
        placed: list[tuple[np.ndarray, float, float]] = []
        numbers = []
        loose = gap is None and random.random() < 0.2  # beside another number nobody writes so
        right, apart, lean = 0.0, random.uniform(-0.02, 0.5 if loose else 0.22), random.normal(0, 0.12)
        for piece in pieces:
            own: list[tuple[float, float, float, float]] = []
            start = right
            for count, character in enumerate(piece):
                if mixed:
                    hand = _Hand(self, random, pen)
                drawn = hand.draw(character)
                if drawn is None:
                    continue
                ink, foot = _leaning(drawn[0], lean), drawn[1]
                tall, wide = ink.shape
                left = right if pitch is None else start + (count + 0.5) * pitch * TALL - wide / 2
                top = foot - tall + random.normal(0, 0.025) * TALL
                placed.append((ink, left, top))
                if character.isdigit():
                    own.append((left, top, left + wide, top + tall))
                close = apart + random.normal(0, 0.03)
                right = left + wide + TALL * (close if character not in _INNER else max(close, 0.05))
            if pitch is not None:
                right = start + len(piece) * pitch * TALL
            if own and piece[0].isdigit() and piece[-1].isdigit():
                boxes = np.array(own)
                numbers.append((piece, (*boxes[:, :2].min(0).tolist(), *boxes[:, 2:].max(0).tolist())))
            right += TALL * ((random.uniform(0.1, 0.3) if gap is None else gap) - apart)
        return _together(placed, numbers)

    def word(self, random: np.random.Generator) -> Line:
        """Something that is no number: a word, signs, letters of another alphabet."""
        if self.words is not None and random.random() < 0.35:
            index = int(random.choice(self.words.usable))
            return Line(self.words.draw(index, random.uniform(0.03, 0.13) * TALL), [])
        if len(self.alphabets) and random.random() < 0.25:
            chosen = self.alphabets[random.integers(len(self.alphabets), size=int(random.integers(1, 7)))]
            return Line(np.hstack(list(chosen)), [])
        letters = [letter for letter in LETTERS if letter.isalpha()]
        return self.line(["".join(random.choice(letters, int(random.integers(2, 10))))], random)


class Pens:
    """The characters of a split's writers as trajectories."""

    def __init__(self, strokes: Strokes, split: Split, unit: float) -> None:
        self.strokes, self.unit = strokes, unit
        self.usable = np.flatnonzero(of_split(strokes.writers, split)).tolist()
        self._by_character: dict[str, dict[int, list[int]]] = {}
        for index in self.usable:
            of_writer = self._by_character.setdefault(strokes.labels[index], {})
            of_writer.setdefault(int(strokes.writers[index]), []).append(index)
        self.writers = sorted({int(writer) for writer in strokes.writers[self.usable]})

    def find(self, character: str, writer: int | None = None) -> list[int]:
        """Indices of a character, of one writer where he wrote it."""
        of_writer = self._by_character.get(character, {})
        own = of_writer.get(-1 if writer is None else writer)
        return own or [index for each in of_writer.values() for index in each]

    def draw(self, index: int, pen: float) -> np.ndarray:
        """HW uint8 ink, cut to it."""
        strokes = self.strokes[index]
        drawn = np.concatenate(strokes)
        low, high = drawn.min(0), drawn.max(0)
        size = TALL / self.unit
        margin = int(np.ceil(pen / 2)) + 1
        wide, tall = (np.ceil((high - low) * size) + 2 * margin + 1).astype(int).tolist()
        ink = np.zeros((min(tall, 4 * TALL), min(wide, 20 * TALL)), np.uint8)
        paths = [(((stroke - low) * size + margin) * 8).astype(np.int32) for stroke in strokes]
        cv2.polylines(ink, paths, False, 255, max(round(pen), 1), cv2.LINE_AA, shift=3)
        return ink


class _Hand:
    """One writer for the time of a line."""

    def __init__(self, writers: Writers, random: np.random.Generator, pen: float | None) -> None:
        self.of, self.random = writers, random
        self.kind = str(
            random.choice(["mnist", "pen", "pen", "face", "face"] if writers.pens else ["mnist", "face"])
        )
        usual = random.uniform(0.03, 0.16) if random.random() < 0.85 else random.uniform(0.16, 0.32)
        self.pen = (usual if pen is None else pen) * TALL
        self.face = int(random.integers(len(writers.faces)))
        if self.kind == "pen":
            self.pens = writers.pens[int(random.random() < 0.35)]
            self.writer = int(random.choice(self.pens.writers))

    def draw(self, character: str) -> tuple[np.ndarray, float] | None:
        """HW uint8 ink, cut to it, and how far its foot lies below a digit's head; None where nobody here writes it."""
        if character.isdigit() and self.kind == "pen":
            ink = self.pens.draw(int(self.random.choice(self.pens.find(character, self.writer))), self.pen)
            return ink, TALL + self.pen / 2
        if character.isdigit() and self.kind == "mnist":
            return self._bold(self._from_mnist(int(character)), float(TALL))
        if self.kind != "face" and self.of.letters is not None:
            usable = self.of.letters.find(character)
            if len(usable):
                ink = self.of.letters.draw(int(self.random.choice(usable)), self.pen)
                return ink, TALL * _SIGNS.get(character, (0, 1.0))[1] + self.pen / 2
        return self._from_face(character)

    def _from_mnist(self, digit: int) -> np.ndarray:
        image = self.of.digits.images[int(self.random.choice(self.of.of_digit[digit]))]
        left, top, wide, tall = cv2.boundingRect((image > 40).astype(np.uint8))
        # Wide digits are lower in MNIST, where all fit one square; a hand makes them nearly as tall as the others.
        size = TALL / 20 * self.random.normal(1, 0.04) * (20 / max(tall, 13)) ** 0.6
        shape = max(round(wide * size), 2), max(round(tall * size), 2)
        ink = cv2.resize(image[top : top + tall, left : left + wide], shape, interpolation=cv2.INTER_CUBIC)
        return cv2.erode(ink, np.ones((3, 3), np.uint8)) if self.pen < 0.06 * TALL else ink

    def _from_face(self, character: str) -> tuple[np.ndarray, float] | None:
        if character not in self.of.characters:
            return None
        cell = self.of.faces[self.face, self.of.characters.index(character)]
        left, top, wide, tall = cv2.boundingRect(cell)
        if not wide:
            return None
        high, foot = _SIGNS.get(character, (0.7 if character in _LOW else 1.0, 1.0))
        shape = max(round(wide * high * TALL / tall), 2), max(round(high * TALL), 2)
        ink = cv2.resize(cell[top : top + tall, left : left + wide], shape, interpolation=cv2.INTER_LINEAR)
        return self._bold(ink, foot * TALL)

    def _bold(self, ink: np.ndarray, foot: float) -> tuple[np.ndarray, float]:
        """The ink as with a bolder pen."""
        change = round((self.pen / TALL - 0.1) * 28) if self.pen > 0.12 * TALL else 0
        if change < 1:
            return ink, foot
        return cv2.dilate(np.pad(ink, change), np.ones((change + 1, change + 1), np.uint8)), foot + change


def _leaning(ink: np.ndarray, lean: float) -> np.ndarray:
    """The ink slanted by so many columns a row."""
    tall, wide = ink.shape
    room = int(abs(lean) * tall) + 1
    matrix = np.array([[1, -lean, max(lean, 0) * tall], [0, 1, 0]], np.float32)
    leaning = cv2.warpAffine(ink, matrix, (wide + room, tall))
    columns = np.flatnonzero(leaning.max(0) > 60)
    return leaning[:, columns[0] : columns[-1] + 1] if len(columns) else ink


def _together(
    placed: list[tuple[np.ndarray, float, float]],
    numbers: list[tuple[str, tuple[float, float, float, float]]],
) -> Line:
    if not placed:
        return Line(np.zeros((TALL, TALL // 2), np.uint8), [])
    left, top = min(x for _, x, _ in placed), min(y for _, _, y in placed)
    right = max(x + ink.shape[1] for ink, x, _ in placed)
    bottom = max(y + ink.shape[0] for ink, _, y in placed)
    whole = np.zeros((int(bottom - top) + 2, int(right - left) + 2), np.uint8)
    for ink, x, y in placed:
        column, row = int(x - left), int(y - top)
        window = whole[row : row + ink.shape[0], column : column + ink.shape[1]]
        np.maximum(window, ink, out=window)
    return Line(whole, [(text, (a - left, b - top, c - left, d - top)) for text, (a, b, c, d) in numbers])
