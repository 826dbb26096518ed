"""How far each kind of attention map can be believed, beside maps that know nothing of the model."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass

from benchmarks.bench import Benchmark, NumberModel
from core.commands.data import mnist_or_sample
from core.commands.evaluate import SEED, attention_table
from core.reading import Reader
from core.understanding.attention.faithfulness import measure


@dataclass(frozen=True)
class Attention(Benchmark):
    """What `python -m core evaluate --attention` says of the number model."""

    checkpoint: NumberModel = None
    count: int = 1000
    """canvases of each kind"""

    def rows(self) -> Iterator[str]:
        reader = Reader.from_checkpoint(self.checkpoint)
        digits = mnist_or_sample().split("test")
        yield f"{self.count:,} canvases of test digits of each kind; curves on the first {min(self.count, 50)}"
        for name, cluttered in (("camera-like", False), ("cluttered", True)):
            yield from attention_table(name, measure(reader, digits, self.count, SEED, cluttered=cluttered))


if __name__ == "__main__":
    sys.exit(Attention.main())
