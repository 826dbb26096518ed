"""Exact match of the bundled checkpoints on canvases of MNIST's test digits."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass

from benchmarks.bench import Benchmark
from core.commands.data import mnist_or_sample
from core.commands.evaluate import evaluate, scores_table
from core.model.checkpoint import BUNDLED, load_checkpoint, parameter_count


@dataclass(frozen=True)
class Scores(Benchmark):
    """What `python -m core evaluate` says of each of the bundled checkpoints."""

    count: int = 10_000
    """canvases of each kind"""

    def rows(self) -> Iterator[str]:
        mnist = mnist_or_sample()
        for path in sorted(BUNDLED.glob("*.safetensors"), reverse=True):
            checkpoint = load_checkpoint(path)
            yield f"checkpoints/{path.name}: {parameter_count(checkpoint.model):,} parameters"
            yield from scores_table(evaluate(checkpoint, mnist, self.count))


if __name__ == "__main__":
    sys.exit(Scores.main())
