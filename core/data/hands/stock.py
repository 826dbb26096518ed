"""The stock of hands: digits by writer and by typeface, whole numbers, rows of photographed cells, and what is no digit."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import Float, Int, UInt8

from core.data.hands.faces import load_faces
from core.data.hands.folder import missing, of_split
from core.data.hands.strokes import Manner, Strokes, line, tile
from core.data.mnist import Split

SIDE, REACH = 28, 20
"""Sides in pixels of a digit's picture and of its ink, as in MNIST."""
LINE_HEIGHT, LINE_WIDTH = 32, 160
"""Size in pixels of the picture of a word or a whole number."""

LETTERS = "CEFHLMNPTUVXaefmnpuvx#&*+=@^~"
"""Letters and signs that are told from digits even in a hurried hand; those of `negatives.HELD_OUT_LETTERS` are not among them."""
HELD_OUT_LETTERS = "AKRWdhkw%?"
"""Letters and signs of the same kind, for tests alone."""
_AMBIGUOUS = frozenset("OoIilSsZzBbgqGDQ|")
SKIPPED = " -.,"
"""Signs within a number that are passed over."""

_ALPHABETS = ("Balinese", "Japanese_(katakana)", "Sanskrit")
_HELD_OUT_ALPHABETS = ("Korean", "Tagalog")
_LIKE_DIGITS = {
    "Balinese": (5, 14),
    "Japanese_(katakana)": (1, 3, 8, 9, 12, 15, 16, 18, 22, 23, 24, 27, 30, 32, 36, 43, 45, 46),
    "Korean": (1, 2, 5, 7, 9, 10, 11, 12, 13, 21, 22, 24, 31, 32, 33, 37, 40),
    "Sanskrit": (5, 7, 12, 13, 14, 15, 21, 29, 31, 34, 36, 37),
    "Tagalog": (3, 4, 7, 16),
}  # characters that nobody could tell from a digit, or only with effort

_PENS = 2  # each writer writes his digits with so many pens
_PENS_FOR_NUMBERS, _PENS_FOR_WORDS = 8, 1
_FEWEST_DIGITS = 6  # of the ten, or a writer's numbers would all be alike
_ROWS = 3000
_SEED = 40


@dataclass(frozen=True)
class Digits:
    """Digits in the order of hands: a hand is one writer with one pen, or one typeface."""

    images: UInt8[np.ndarray, "n 28 28"]
    """Ink bright; the longer side of a digit is 20 pixels."""
    labels: Int[np.ndarray, " n"]
    hands: Int[np.ndarray, " n"]
    """Which hand wrote each, from 0, never falling; within a hand the labels never fall."""


@dataclass(frozen=True)
class Lines:
    """Pictures of whole numbers, each in one hand."""

    pictures: UInt8[np.ndarray, "n 32 160"]
    texts: list[str]


@dataclass(frozen=True)
class Rows:
    """Photographed cells side by side: gray, with their walls and their paper."""

    pictures: UInt8[np.ndarray, "n 32 160"]
    extents: Float[np.ndarray, "n 2"]
    """First column that shows something, and the first behind it that does not."""
    texts: list[str]
    """Empty where all cells are."""


@dataclass(frozen=True)
class Hands:
    """All hands of one split."""

    pens: Digits
    faces: Digits
    numbers: Lines
    rows: Rows
    letters: UInt8[np.ndarray, "m 28 28"]
    """Single characters that are no digit, ink bright."""
    words: UInt8[np.ndarray, "k 32 160"]
    """Words, ink bright."""


@cache
def load_hands(folder: Path, split: Split) -> Hands:
    """The hands of a split from the folder and the atlas of faces; where a file lacks, the faces alone. Same call, same hands.

    Letters and words are those that training shows; for the test split those that it never shows.
    """
    random = np.random.default_rng(_SEED + ("train", "validation", "test").index(split))
    characters = HELD_OUT_LETTERS if split == "test" else LETTERS
    faces = _faces(split)
    letters = [_face_letters(characters, split)]
    if missing(folder):
        return Hands(
            Digits(*_no_tiles()),
            faces,
            Lines(_no_lines(), []),
            Rows(_no_lines(), np.zeros((0, 2), np.float32), []),
            np.concatenate(letters),
            _no_lines(),
        )
    written = [Strokes.load(folder / f"{name}_strokes.npz") for name in ("pendigits", "unipen_digits")]
    letters += [
        _pen_letters(Strokes.load(folder / "unipen_letters_symbols_strokes.npz"), characters, split, random),
        _alphabets(folder / "omniglot_negatives.npz", split),
    ]
    return Hands(
        _pens(written, split, random),
        faces,
        _numbers(Strokes.load(folder / "unipen_number_strings_strokes.npz"), split, random),
        _rows(folder, split, random),
        np.concatenate(letters),
        _words(Strokes.load(folder / "unipen_words_strokes.npz"), split, random),
    )


def _no_tiles() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    return np.zeros((0, SIDE, SIDE), np.uint8), np.zeros(0, np.int64), np.zeros(0, np.int64)


def _no_lines() -> np.ndarray:
    return np.zeros((0, LINE_HEIGHT, LINE_WIDTH), np.uint8)


def _pens(sources: list[Strokes], split: Split, random: np.random.Generator) -> Digits:
    images, labels, hands = [], [], []
    hand = 0
    for source in sources:
        for writer in np.unique(source.writers[of_split(source.writers, split)]):
            theirs = sorted(
                np.flatnonzero(source.writers == writer).tolist(), key=lambda index: source.labels[index]
            )
            if len({source.labels[index] for index in theirs}) < _FEWEST_DIGITS:
                continue
            for _ in range(_PENS):
                manner = Manner.draw(random)
                images += [tile(source[index], manner, SIDE, REACH, random) for index in theirs]
                labels += [int(source.labels[index]) for index in theirs]
                hands += [hand] * len(theirs)
                hand += 1
    return Digits(np.stack(images), np.array(labels), np.array(hands))


def _faces(split: Split) -> Digits:
    faces = load_faces()
    chosen = of_split(np.arange(len(faces.names)), split)
    digits = np.stack([faces.character(digit)[chosen] for digit in "0123456789"], 1)
    count = len(digits)
    images = np.stack([_from_face(picture) for picture in digits.reshape(-1, *digits.shape[2:])])
    return Digits(images, np.tile(np.arange(10), count), np.repeat(np.arange(count), 10))


def _from_face(picture: np.ndarray) -> np.ndarray:
    """A character of the atlas as a tile."""
    small = cv2.resize(picture, (REACH * 8 // 7, REACH * 8 // 7), interpolation=cv2.INTER_AREA)
    margin = (SIDE - len(small)) // 2
    return np.pad(small, ((margin, SIDE - len(small) - margin),) * 2)


def _face_letters(characters: str, split: Split) -> np.ndarray:
    faces = load_faces()
    chosen = of_split(np.arange(len(faces.names)), split)
    pictures = np.concatenate(
        [faces.character(letter)[chosen] for letter in characters if letter in faces.characters]
    )
    return np.stack([_from_face(picture) for picture in pictures if picture.any()])


def _pen_letters(source: Strokes, characters: str, split: Split, random: np.random.Generator) -> np.ndarray:
    theirs = np.flatnonzero(of_split(source.writers, split)).tolist()
    return np.stack(
        [
            tile(source[index], Manner.draw(random), SIDE, REACH, random)
            for index in theirs
            if source.labels[index] in characters
        ]
    )


def _alphabets(path: Path, split: Split) -> np.ndarray:
    with np.load(path, allow_pickle=False) as arrays:
        images, labels = arrays["images"], arrays["labels"].tolist()
    chosen = _HELD_OUT_ALPHABETS if split == "test" else _ALPHABETS
    tiles = []
    for image, label in zip(images, labels, strict=True):
        alphabet, _, character = label.partition("/character")
        if alphabet in chosen and int(character) not in _LIKE_DIGITS[alphabet]:
            left, top, width, height = cv2.boundingRect(image)
            scale = REACH / max(width, height)
            size = max(round(width * scale), 1), max(round(height * scale), 1)
            ink = cv2.resize(
                image[top : top + height, left : left + width], size, interpolation=cv2.INTER_AREA
            )
            y, x = (SIDE - size[1]) // 2, (SIDE - size[0]) // 2
            tiles.append(np.pad(ink, ((y, SIDE - size[1] - y), (x, SIDE - size[0] - x))))
    return np.stack(tiles)


def _numbers(source: Strokes, split: Split, random: np.random.Generator) -> Lines:
    """Numbers as people write them, of digits alone or with signs that are passed over."""
    pictures, texts = [], []
    for index in np.flatnonzero(of_split(source.writers, split)).tolist():
        text = source.labels[index].translate(str.maketrans("", "", SKIPPED))
        if text.isdigit() and 2 <= len(text) <= 8:
            for _ in range(_PENS_FOR_NUMBERS):
                pictures.append(_line(source, index, random))
                texts.append(text)
    return Lines(np.stack(pictures), texts)


def _words(source: Strokes, split: Split, random: np.random.Generator) -> np.ndarray:
    return np.stack(
        [
            _line(source, index, random)
            for index in np.flatnonzero(of_split(source.writers, split)).tolist()
            if not set(source.labels[index]) <= _AMBIGUOUS
            for _ in range(_PENS_FOR_WORDS)
        ]
    )


def _line(source: Strokes, index: int, random: np.random.Generator) -> np.ndarray:
    tall = LINE_HEIGHT * random.uniform(0.5, 0.85)
    return line(source[index], Manner.draw(random), LINE_HEIGHT, LINE_WIDTH, tall, random)


def _rows(folder: Path, split: Split, random: np.random.Generator) -> Rows:
    """Cells of photographed puzzles, up to eight in a row, some of them empty.

    One hand filled the one set, so none of it is kept for tests; the other is printed, and split by photo.
    """
    kinds = []
    if split == "train":
        with np.load(folder / "sudoku_cells_kubiesa.npz", allow_pickle=False) as arrays:
            labels = arrays["labels"]
            known = labels != "candidates"
            kinds.append(_Cells(arrays["images"][known], np.where(labels == "blank", "", labels)[known]))
    with np.load(folder / "sudoku_cells_printed_wicht.npz", allow_pickle=False) as arrays:
        known = of_split(arrays["photo"].astype(np.int64), split)
        labels = arrays["labels"][known]
        kinds.append(_Cells(arrays["images"][known], np.where(labels == 0, "", labels.astype(str))))
    made = [_row(kinds[0 if random.random() < 0.75 else -1], random) for _ in range(_ROWS)]
    return Rows(
        np.stack([picture for picture, _, _ in made]),
        np.array([extent for _, extent, _ in made], np.float32),
        [text for _, _, text in made],
    )


class _Cells:
    """Photographed cells, each with its paper at 0 and its ink at about 1, and the empty ones apart."""

    def __init__(self, images: np.ndarray, texts: np.ndarray) -> None:
        flat = images.reshape(len(images), -1).astype(np.float32)
        flat -= np.median(flat, 1, keepdims=True)
        reach = np.percentile(flat, 97, 1, keepdims=True)
        self.images = (flat / np.maximum(reach, 12.0)).reshape(images.shape)  # a blank cell keeps its grain
        self.texts = texts.tolist()
        self.written, self.blank = np.flatnonzero(texts != ""), np.flatnonzero(texts == "")


def _row(cells: _Cells, random: np.random.Generator) -> tuple[np.ndarray, tuple[float, float], str]:
    """(32, 160) uint8, dark ink on lighter paper or the reverse; the columns that show something; what is written."""
    count = int(random.integers(1, 9))
    side = min(random.uniform(0.75, 1.5) * LINE_HEIGHT, LINE_WIDTH / count)
    wide = max(int(side * random.uniform(0.85, 1.0)), 12)
    tall = max(int(side), 12)
    wants_blank = random.random(count) < (1.0 if random.random() < 0.12 else 0.15)
    chosen = [int(random.choice(cells.blank if blank else cells.written)) for blank in wants_blank]
    images = [cv2.resize(cells.images[index], (wide, tall), interpolation=cv2.INTER_AREA) for index in chosen]
    paper, contrast = random.uniform(20, 110), random.uniform(40, 140)
    row = paper + contrast * np.hstack(images)
    picture = np.full((LINE_HEIGHT, LINE_WIDTH), paper, np.float32)
    left = int(random.integers(0, LINE_WIDTH - row.shape[1] + 1))
    spare = LINE_HEIGHT - tall
    top = int(random.integers(0, spare + 1)) if spare >= 0 else spare // 2 + int(random.integers(-2, 3))
    shown = row[max(-top, 0) : LINE_HEIGHT - top]
    picture[max(top, 0) : max(top, 0) + len(shown), left : left + row.shape[1]] = shown
    if random.random() < 0.7:  # as they were: dark on light
        picture = 255 - picture
    extent = float(left), float(left + row.shape[1])
    return picture.clip(0, 255).astype(np.uint8), extent, "".join(cells.texts[index] for index in chosen)
