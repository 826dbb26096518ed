"""python -m benchmarks.scribbles [CHECKPOINT]: how often a drawing that is no number is taken for one, kind by kind.

The drawings are as large as the pad of the Draw page. Kinds marked with a star are kept for tests: no model has learned them.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from core.data.canvases.negatives import KINDS, drawing, word
from core.reading import Reader, limit_threads

COUNT = 100
HEIGHT, WIDTH = 220, 640


def main(argv: list[str]) -> None:
    """Print, for each kind, the share that was answered with nothing, and the surest misreading."""
    limit_threads(1)
    reader = Reader.from_checkpoint(Path(argv[0]) if argv else None)
    random = np.random.default_rng(0)
    blank = 255 - np.zeros((HEIGHT, WIDTH), np.uint8)
    _report(reader, "blank", [blank])
    _report(reader, "letters *", [255 - word(random, HEIGHT, WIDTH) for _ in range(COUNT)])
    for name, kind in KINDS.items():
        pictures = [255 - drawing(name, random, HEIGHT, WIDTH) for _ in range(COUNT)]
        _report(reader, name + (" *" if kind.held_out else ""), pictures)


def _report(reader: Reader, name: str, pictures: list[np.ndarray]) -> None:
    readings = [reader.read(picture, with_attention=False) for picture in pictures]
    misread = [reading for reading in readings if reading.text]
    surest = max(misread, key=lambda reading: reading.probability, default=None)
    note = f"surest misreading {surest.text} ({surest.probability:.0%})" if surest else ""
    print(f"{name:<20}{1 - len(misread) / len(pictures):8.0%}  {note}".rstrip())


if __name__ == "__main__":
    main(sys.argv[1:])
