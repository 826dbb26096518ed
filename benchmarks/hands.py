"""python -m benchmarks.hands [--checkpoint FILE] [--split validation|test] [--count N]: writers whom no model has seen.

Every character, word and number is drawn black on white, as on the drawing pad, and goes through the whole `Reader.read`. What is
counted: single digits and whole numbers that are read exactly; letters, signs and words that are answered with nothing.
Needs the folder of hands (NUMBERS_HANDS).
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from core.data import pen
from core.data.hands.folder import hands_folder, of_split
from core.data.hands.stock import HELD_OUT_LETTERS, LETTERS, SKIPPED
from core.data.hands.strokes import Strokes
from core.data.mnist import Split
from core.reading import Reader

_UNIT = 0.5  # pixels of a unit of UNIPEN: digits are 100 pixels high
_MARGIN, _PEN = 40, 9


def main() -> None:
    """Print a row for each kind."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.hands", description=__doc__)
    parser.add_argument("--checkpoint", type=Path, default=None, help="other than the bundled number model")
    parser.add_argument("--split", choices=("validation", "test"), default="test")
    parser.add_argument("--count", type=int, default=1000, help="at most so many of each kind")
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    reader = Reader.from_checkpoint(chosen.checkpoint)
    letters = HELD_OUT_LETTERS if chosen.split == "test" else LETTERS
    for name, file, wanted in (
        ("single digits", "unipen_digits", str.isdigit),
        ("single digits", "pendigits", str.isdigit),
        ("whole numbers", "unipen_number_strings", lambda label: label.isdigit() and len(label) <= 8),
        ("numbers with signs", "unipen_number_strings", _has_signs),
        ("letters, signs", "unipen_letters_symbols", lambda label: label in letters),
        ("words", "unipen_words", str.isalpha),
    ):
        _report(reader, name, file, wanted, chosen.split, chosen.count)


def _has_signs(label: str) -> bool:
    digits = label.translate(str.maketrans("", "", SKIPPED))
    return label != digits and digits.isdigit() and len(digits) <= 8


def _report(
    reader: Reader, name: str, file: str, wanted: Callable[[str], bool], split: Split, count: int
) -> None:
    source = Strokes.load(hands_folder() / f"{file}_strokes.npz")
    theirs = [
        index
        for index in np.flatnonzero(of_split(source.writers, split)).tolist()
        if wanted(source.labels[index])
    ]
    some = theirs[:: -(-len(theirs) // count)]
    right, claimed = 0, []
    for index in some:
        reading = reader.read(_drawn(source[index]), with_attention=False)
        truth = "".join(sign for sign in source.labels[index] if sign.isdigit())
        right += reading.text == truth
        if not truth and reading.text:
            claimed.append(f"{source.labels[index]} as {reading.text} ({reading.probability:.0%})")
    writers = len(set(source.writers[some].tolist()))
    print(f"{name:<20}{file:<24}{len(some):>6} of {writers:>3} writers  right {right / len(some):.1%}")
    if claimed:
        print(" " * 20 + "claimed: " + ", ".join(claimed[:: -(-len(claimed) // 8)]))


def _drawn(strokes: list[pen.Stroke]) -> np.ndarray:
    """HWC uint8 RGB: black strokes on white, digits about 100 pixels high."""
    low, high = pen.bounds(strokes)
    scale = _UNIT if (high - low).max() < 4000 else 2000 / float((high - low).max())
    width, height = ((high - low) * scale).astype(int) + 2 * _MARGIN
    ink = pen.ink(strokes, (low + high) / 2, scale, (height, width), _PEN, np.random.default_rng(0))
    return np.repeat(255 - ink[..., None], 3, 2)


if __name__ == "__main__":
    main()
