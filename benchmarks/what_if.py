"""How long each kind of what-if takes on the server, all attention included."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

from benchmarks.bench import Benchmark, BenchmarkError, NumberModel, compared, percentiles, timed
from core.data.mnist import load_mnist
from core.reading import Reader, Reading, limit_threads
from core.reading.example import example, example_tiles
from core.understanding.attention.what_if import PARTS, Change, Move, heads_of, patches_of_digit, what_if

LIMIT, RUNS = 0.150, 100
"""Seconds within which every answer is promised; how often each is timed."""


@dataclass(frozen=True)
class WhatIf(Benchmark):
    """How long each kind of what-if takes on the server, on one thread, all attention included."""

    checkpoint: NumberModel = None

    def rows(self) -> Iterator[str]:
        limit_threads(1)
        reader = Reader.from_checkpoint(self.checkpoint)
        reading = _a_number_it_reads(reader)
        tasks: dict[str, Callable[[], object]] = {
            name: partial(what_if, reader, reading, change)
            for name, change in _changes(reader, reading).items()
        }
        yield f"{len(reading.text)} digits, {RUNS} times each: median  (5th to 95th percentile)"
        times = compared(tasks, runs=RUNS, warmup=10)
        yield from timed(times)
        slow = [name for name in tasks if percentiles(times[name])[1] > LIMIT]
        yield f"within {1e3 * LIMIT:.0f} ms, 95 times of 100: {'no: ' + ', '.join(slow) if slow else 'all'}"


def _changes(reader: Reader, reading: Reading) -> dict[str, Change]:
    """One of each kind, and all of them together."""
    digit = patches_of_digit(reader, reading, 0)
    heads = heads_of(reader)
    return {
        "nothing changed": Change(),
        "a digit's patches erased": Change(erased=digit),
        "a digit's patches masked": Change(masked=digit),
        **{
            f"a head off: {part}": Change(off=frozenset(head for head in heads if head == (part, 0, 0)))
            for part in PARTS
        },
        "temperature 2": Change(temperature=2.0),
        "a digit moved": Change(move=Move(0, -8, 4)),
        "all of it": Change(digit, frozenset(list(digit)[:1]), frozenset(heads[:1]), 2.0, Move(1, 8, 0)),
    }


def _a_number_it_reads(reader: Reader) -> Reading:
    """Of three digits, as the page's example is."""
    tiles = example_tiles(load_mnist())
    for seed in range(100):
        made = example(tiles, seed, digits=min(3, reader.settings.canvas.max_digits), difficulty=0.3)
        reading = reader.read(made.picture)
        if reading.text == made.text:
            return reading
    raise BenchmarkError("this checkpoint reads none of 100 examples; train it first")


if __name__ == "__main__":
    sys.exit(WhatIf.main())
