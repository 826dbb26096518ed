"""Writers whom no model has seen: digits, whole numbers, and what is no number."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from benchmarks.bench import Benchmark, BenchmarkError, NumberModel
from core.data import pen
from core.data.hands.folder import hands_folder, missing, of_split
from core.data.hands.stock import HELD_OUT_LETTERS, LETTERS, SKIPPED
from core.data.hands.strokes import Strokes
from core.data.mnist import Split
from core.reading import Reader, limit_threads

_SCALE = 0.5  # UNIPEN's digits are 200 units high, and here 100 pixels
_LONGEST = 2000
_MARGIN, _PEN = 40, 9


@dataclass(frozen=True)
class Hands(Benchmark):
    """Characters, numbers and words of writers whom no model has seen.

    Each is drawn black on white, as on the drawing pad, and goes through the whole of `Reader.read`. Digits and numbers are right
    when they are read exactly; letters, signs and words when they are answered with nothing. Needs the folder of hands (NUMBERS_HANDS).
    """

    checkpoint: NumberModel = None
    split: Split = "test"
    """whose writing"""
    count: int = 1000
    """at most so many of each kind"""

    def rows(self) -> Iterator[str]:
        gaps = missing(hands_folder())
        if gaps:
            raise BenchmarkError(
                f"{hands_folder()} lacks {', '.join(gaps)}; name the folder of hands in NUMBERS_HANDS"
            )
        limit_threads(1)
        reader = Reader.from_checkpoint(self.checkpoint)
        letters = HELD_OUT_LETTERS if self.split == "test" else LETTERS
        kinds: tuple[tuple[str, str, Callable[[str], bool]], ...] = (
            ("single digits", "unipen_digits", str.isdigit),
            ("single digits", "pendigits", str.isdigit),
            ("whole numbers", "unipen_number_strings", lambda label: label.isdigit() and len(label) <= 8),
            ("numbers with signs", "unipen_number_strings", _has_signs),
            ("letters, signs", "unipen_letters_symbols", lambda label: label in letters),
            ("words", "unipen_words", str.isalpha),
        )
        for name, file, wanted in kinds:
            yield from self._rows(reader, name, file, wanted)

    def _rows(self, reader: Reader, name: str, file: str, wanted: Callable[[str], bool]) -> Iterator[str]:
        source = Strokes.load(hands_folder() / f"{file}_strokes.npz")
        theirs = np.flatnonzero(of_split(source.writers, self.split)).tolist()
        chosen = [index for index in theirs if wanted(source.labels[index])]
        some = chosen[:: -(-len(chosen) // self.count)]
        right, claimed = 0, []
        for index in some:
            reading = reader.read(_drawn(source[index]), with_attention=False)
            truth = "".join(sign for sign in source.labels[index] if sign.isdigit())
            right += reading.text == truth
            if not truth and reading.text:
                claimed.append(f"{source.labels[index]} as {reading.text} ({reading.probability:.0%})")
        writers = len(set(source.writers[some].tolist()))
        yield f"{name:<20}{file:<24}{len(some):>6} of {writers:>3} writers  right {right / len(some):.1%}"
        if claimed:
            yield f"{'':<20}claimed: {', '.join(claimed[:: -(-len(claimed) // 8)])}"


def _has_signs(label: str) -> bool:
    digits = label.translate(str.maketrans("", "", SKIPPED))
    return label != digits and digits.isdigit() and len(digits) <= 8


def _drawn(strokes: list[pen.Stroke]) -> np.ndarray:
    """HWC uint8 RGB: black strokes on white, digits about 100 pixels high."""
    low, high = pen.bounds(strokes)
    scale = min(_SCALE, _LONGEST / float((high - low).max()))
    width, height = ((high - low) * scale).astype(int) + 2 * _MARGIN
    ink = pen.ink(strokes, (low + high) / 2, scale, (height, width), _PEN, np.random.default_rng(0))
    return np.repeat(255 - ink[..., None], 3, 2)


if __name__ == "__main__":
    sys.exit(Hands.main())
