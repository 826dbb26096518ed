"""python -m benchmarks.what_if [CHECKPOINT]: how long each kind of what-if takes on the server, one thread, all attention included.

The reference in the same run is a fixed amount of arithmetic (a product of two 512 x 512 matrices), so that figures from
two machines, or from a busy one, can be compared.
"""

from __future__ import annotations

import sys
from pathlib import Path

import torch

from benchmarks.timing import in_turns, line, median_ratio
from core.data.mnist import load_mnist
from core.reading import Reader, Reading, limit_threads
from core.reading.example import example, example_tiles
from core.understanding.attention.what_if import PARTS, Change, Move, heads_of, patches_of_digit, what_if

LIMIT = 0.150
"""Seconds within which every answer is promised."""


def main(argv: list[str]) -> None:
    """Print the table."""
    limit_threads(1)
    reader = Reader.from_checkpoint(Path(argv[0]) if argv else None)
    reading = _a_number_it_reads(reader)
    digit = patches_of_digit(reader, reading, 0)
    heads = heads_of(reader)
    changes = {
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
    matrix = torch.rand(512, 512)
    tasks = {name: lambda change=change: what_if(reader, reading, change) for name, change in changes.items()}
    times = in_turns({"reference": lambda: matrix @ matrix, **tasks}, runs=100, warmup=10)
    print(
        f"{len(reading.text)} digits, {len(times['reference'])} times each: median  (5th to 95th percentile)"
    )
    print(line("reference: 512 x 512 matrix product", times["reference"]))
    for name in changes:
        ratio = median_ratio(times[name], times["reference"])
        print(line(name, times[name], f"{ratio:.1f} x reference"))
    slow = [name for name in changes if sorted(times[name])[-1 - len(times[name]) // 20] > LIMIT]
    print(f"within {1e3 * LIMIT:.0f} ms, 95 times of 100: {'no: ' + ', '.join(slow) if slow else 'all'}")


def _a_number_it_reads(reader: Reader) -> Reading:
    """Of three digits, as the page's example is."""
    tiles = example_tiles(load_mnist())
    for seed in range(100):
        made = example(tiles, seed, digits=min(3, reader.settings.canvas.max_digits), difficulty=0.3)
        reading = reader.read(made.picture)
        if reading.text == made.text:
            return reading
    raise SystemExit("this checkpoint reads none of 100 examples; train it first")


if __name__ == "__main__":
    main(sys.argv[1:])
