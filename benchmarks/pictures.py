"""Exact match on pictures of one's own."""

from __future__ import annotations

import csv
import statistics
import sys
import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
from tyro.conf import Positional, arg

from benchmarks.bench import Benchmark
from core.commands.arguments import OptionalPath, Switch
from core.reading import Reader, limit_threads
from core.reading.files.picture import Picture, open_picture
from core.training.metrics import edit_distance


@dataclass(frozen=True)
class Pictures(Benchmark):
    """Exact match on pictures of one's own, which go through the whole of `Reader.read`, or of `Reader.read_all`.

    A set is a folder with pictures and `labels.csv` (file name, number; one header line), or an .npz file that holds arrays
    `NAME_canvases` (n, h, w) uint8 and `NAME_labels` (n,) text. Where every number is to be found, a label may have several, with
    spaces between them, or none; a picture is right when exactly those are read, in any order.
    """

    sets: Annotated[Positional[tuple[Path, ...]], arg(metavar="SET [SET ...]", help_behavior_hint="")]
    """folders and .npz files"""
    checkpoint: OptionalPath = None
    """a number model other than the bundled one"""
    find: Switch = False
    """find every number in each picture, or none"""
    misses: int = 0
    """how many misreadings of each set to print"""

    def rows(self) -> Iterator[str]:
        limit_threads(1)
        reader = Reader.from_checkpoint(self.checkpoint)
        for path in self.sets:
            for name, pictures in _sets(path):
                rows = _rows_of_all if self.find else _rows
                yield from rows(reader, name, pictures, self.misses)


def _sets(path: Path) -> Iterator[tuple[str, list[tuple[str, Picture, str]]]]:
    """Each set's name, and the name, picture and number of each of its pictures."""
    if path.suffix == ".npz":
        with np.load(path, allow_pickle=False) as arrays:
            for key in arrays.files:
                if key.endswith("_canvases"):
                    name = key.removesuffix("_canvases")
                    labels = arrays[f"{name}_labels"]
                    yield name, [(str(i), canvas, str(labels[i])) for i, canvas in enumerate(arrays[key])]
    else:
        with (path / "labels.csv").open(newline="", encoding="utf-8") as file:
            rows = list(csv.reader(file))[1:]
        yield path.name, [(name, open_picture(path / name), label) for name, label, *_ in rows]


def _rows(reader: Reader, name: str, pictures: list[tuple[str, Picture, str]], misses: int) -> Iterator[str]:
    """Exact match, wrong lengths, character error rate, refusals, median time, and exact match by length."""
    readings = [
        (file, reader.read(picture, with_attention=False), label) for file, picture, label in pictures
    ]
    texts = [(reading.text, label) for _, reading, label in readings]
    by_length = defaultdict(list)
    for text, label in texts:
        by_length[len(label)].append(text == label)
    count = len(texts)
    exact = sum(text == label for text, label in texts) / count
    lengths = sum(len(text) != len(label) for text, label in texts) / count
    errors = sum(edit_distance(text, label) for text, label in texts) / sum(len(label) for _, label in texts)
    refused = sum(not text for text, _ in texts) / count
    milliseconds = statistics.median(reading.timings["total"] for _, reading, _ in readings)
    yield (
        f"{name:<20}{count:>6} pictures  exact {exact:.1%}  wrong length {lengths:.1%}  CER {errors:.1%}  "
        f"refused {refused:.1%}  {milliseconds:.1f} ms"
    )
    shares = ", ".join(f"{n}: {statistics.mean(v):.1%}" for n, v in sorted(by_length.items()))
    yield f"{'':<20}  by length: {shares}"
    wrong = [(file, reading, label) for file, reading, label in readings if reading.text != label]
    for file, reading, label in wrong[:misses]:
        yield (f"    {file}: {label} read as {reading.text or 'nothing'} ({reading.probability:.0%})")


def _rows_of_all(
    reader: Reader, name: str, pictures: list[tuple[str, Picture, str]], misses: int
) -> Iterator[str]:
    """Pictures whose numbers were all found and read, and nothing else; pictures without a number in which one is claimed; median time."""
    right, claimed, seconds, wrong = [], [], [], []
    for file, picture, label in pictures:
        started = time.perf_counter()
        texts = sorted(one.text for one in reader.read_all(picture, with_attention=False))
        seconds.append(time.perf_counter() - started)
        wanted = sorted(label.split())
        if wanted:
            right.append(texts == wanted)
        else:
            claimed.append(bool(texts))
        if texts != wanted:
            wrong.append(f"    {file}: {label or 'nothing'} read as {' '.join(texts) or 'nothing'}")
    parts = [f"right {statistics.mean(right):.1%} of {len(right)}"] if right else []
    parts += [f"claimed {statistics.mean(claimed):.1%} of {len(claimed)} without a number"] if claimed else []
    yield f"{name:<20}{len(pictures):>6} pictures  {'  '.join(parts)}  {1e3 * statistics.median(seconds):.1f} ms"
    yield from wrong[:misses]


if __name__ == "__main__":
    sys.exit(Pictures.main())
