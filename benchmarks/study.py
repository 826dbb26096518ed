"""What the bundled study found: exact match of each choice, over three seeds."""

from __future__ import annotations

import json
import statistics
import sys
import zipfile
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from benchmarks.bench import Benchmark
from core.training.sweeps.bundle import BUNDLED

SWEEPS = {
    "heads": "attention heads",
    "patches": "patch size, pixels",
    "layers": "encoder layers",
    "positions": "positions",
    "temperature": "attention temperature",
    "activation": "activation",
    "dropout": "dropout",
}
SETTINGS = {"patches": "patch_size", "layers": "encoder_layers"}
"""What a sweep changes, where it is called otherwise."""


@dataclass(frozen=True)
class Study(Benchmark):
    """The table of the bundled study: exact match on validation canvases, half clean and half camera-like, mean and standard deviation over the seeds."""

    def rows(self) -> Iterator[str]:
        with zipfile.ZipFile(BUNDLED) as archive:
            runs: list[dict[str, Any]] = json.loads(archive.read("runs.json"))
        yield "| what is changed | exact match | parameters | seconds of training |"
        yield "|---|---|---|---|"
        for sweep, what in SWEEPS.items():
            found = defaultdict(list)
            for run in runs:
                if run["tags"]["sweep"] == sweep:
                    found[run["settings"]["model"][SETTINGS.get(sweep, sweep)]].append(run)
            for choice, some in found.items():
                scores = [100 * run["metrics"]["best.score"][-1][2] for run in some]
                spread = f" ± {statistics.stdev(scores):.1f}" if len(scores) > 1 else " (one seed)"
                parameters = int(some[0]["tags"]["about.parameters"])
                seconds = statistics.mean(run["seconds"] for run in some)
                score = f"{statistics.mean(scores):.1f}{spread}"
                yield f"| {what}: {choice} | {score} | {parameters:,} | {seconds:.0f} |"


if __name__ == "__main__":
    sys.exit(Study.main())
