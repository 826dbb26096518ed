"""python -m benchmarks.frames [CHECKPOINT]: how long a 640 x 480 frame with one 3-digit number takes, stage by stage.

The reference in the same run is a fixed amount of arithmetic (a product of two 512 x 512 matrices), so that figures from
two machines, or from a busy one, can be compared.
"""

from __future__ import annotations

import statistics
import sys
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from benchmarks.timing import in_turns, line, median_ratio
from core.data.mnist import load_mnist
from core.reading import Reader, limit_threads
from core.reading.explain import patch_weights
from core.reading.overlay import Found, draw_found
from core.understanding.reports.latency import readable_frames, tasks

FRAMES, RUNS = 20, 15
STAGES = {
    "locate": "locate",
    "strip": "strip",
    "read": "read, with attention",
    "attention": "attention of each digit",
    "overlay": "overlay",
    "sum": "sum of the stages",
    "frame": "read_all, attention and overlay in one go",
}


def main(argv: list[str]) -> None:
    """Print the table."""
    limit_threads(1)
    reader = Reader.from_checkpoint(Path(argv[0]) if argv else None)
    seconds: dict[str, list[float]] = defaultdict(list)
    for frame in _frames(reader):
        for name, times in in_turns(_tasks(reader, frame), runs=RUNS).items():
            seconds[name] += times
    stages = (seconds[name] for name in ("locate", "strip", "read", "attention", "overlay"))
    seconds["sum"] = [sum(times) for times in zip(*stages, strict=True)]
    print(f"{FRAMES} frames, {RUNS} times each: median  (5th to 95th percentile)")
    print(line("reference: 512 x 512 matrix product", seconds["reference"]))
    for name, what in STAGES.items():
        ratio = median_ratio(seconds[name], seconds["reference"])
        print(line(what, seconds[name], f"{ratio:.1f} x reference"))
    cost = median_ratio(seconds["read"], seconds["without attention"]) - 1
    print(f"{'cost of returning attention':<44}{cost:9.1%}")
    whole = sorted(seconds["frame"])
    median, late = 1e3 * statistics.median(whole), 1e3 * whole[-1 - len(whole) // 20]
    print(f"goal: 15 ms median and 25 ms at the 95th percentile; here {median:.1f} and {late:.1f}")


def _tasks(reader: Reader, frame: np.ndarray) -> dict[str, Callable[[], object]]:
    """Each stage of one frame; and the whole, and the reference."""
    matrix = torch.rand(512, 512)

    def whole() -> object:
        found = reader.read_all(frame)
        return draw_found(frame, [Found(one, one.probability, patch_weights(reader, one)) for one in found])

    return {"reference": lambda: matrix @ matrix, **tasks(reader, frame), "frame": whole}


def _frames(reader: Reader) -> list[np.ndarray]:
    """Clean frames in which one number of three digits is read."""
    frames = readable_frames(reader, load_mnist().split("validation"), 3, FRAMES, tries=1000)
    if len(frames) < FRAMES:
        raise SystemExit("this checkpoint reads hardly any three digits; train it first")
    return frames


if __name__ == "__main__":
    main(sys.argv[1:])
