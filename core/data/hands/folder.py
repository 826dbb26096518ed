"""The folder of real hands: where it is, and whose writing in it is learned, validated on or kept for tests."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Int

from core.data.mnist import Split

FILES = (
    "pendigits_strokes.npz",
    "unipen_digits_strokes.npz",
    "unipen_letters_symbols_strokes.npz",
    "unipen_number_strings_strokes.npz",
    "unipen_words_strokes.npz",
    "omniglot_negatives.npz",
    "sudoku_cells_kubiesa.npz",
    "sudoku_cells_printed_wicht.npz",
)
"""What belongs there."""

_ROOT = Path(__file__).resolve().parents[3]


def hands_folder() -> Path:
    """The folder named by the environment variable NUMBERS_HANDS, else data/hands."""
    return Path(os.environ.get("NUMBERS_HANDS") or _ROOT / "data" / "hands")


def missing(folder: Path) -> list[str]:
    """Which files are not there."""
    return [name for name in FILES if not (folder / name).is_file()]


def of_split(numbers: Int[np.ndarray, " n"], split: Split) -> Bool[np.ndarray, " n"]:
    """Which writers (faces, photos) belong to a split: of each ten one is kept for tests and one validates."""
    last = numbers % 10
    return {"test": last == 0, "validation": last == 1, "train": last > 1}[split]
