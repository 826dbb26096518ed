"""How often a drawing that is no number is taken for one, kind by kind."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from benchmarks.bench import Benchmark, NumberModel
from core.data.canvases.negatives import KINDS, drawing, word
from core.reading import Reader, limit_threads

COUNT = 100
HEIGHT, WIDTH = 220, 640


@dataclass(frozen=True)
class Scribbles(Benchmark):
    """How often a drawing that is no number is answered with nothing, kind by kind, and the surest misreading of each.

    The drawings are as large as the pad of the Draw page. Kinds marked with a star are kept for tests: no model has learned them.
    """

    checkpoint: NumberModel = None

    def rows(self) -> Iterator[str]:
        limit_threads(1)
        reader = Reader.from_checkpoint(self.checkpoint)
        random = np.random.default_rng(0)
        yield _row(reader, "blank", [255 - np.zeros((HEIGHT, WIDTH), np.uint8)])
        yield _row(reader, "letters *", [255 - word(random, HEIGHT, WIDTH) for _ in range(COUNT)])
        for name, kind in KINDS.items():
            pictures = [255 - drawing(name, random, HEIGHT, WIDTH) for _ in range(COUNT)]
            yield _row(reader, name + (" *" if kind.held_out else ""), pictures)


def _row(reader: Reader, name: str, pictures: list[np.ndarray]) -> str:
    readings = [reader.read(picture, with_attention=False) for picture in pictures]
    misread = [reading for reading in readings if reading.text]
    surest = max(misread, key=lambda reading: reading.probability, default=None)
    note = f"surest misreading {surest.text} ({surest.probability:.0%})" if surest else ""
    return f"{name:<20}{1 - len(misread) / len(pictures):8.0%}  {note}".rstrip()


if __name__ == "__main__":
    sys.exit(Scribbles.main())
