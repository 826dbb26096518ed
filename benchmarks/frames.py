"""How long a 640 x 480 frame of a furnished room with one 3-digit number takes, stage by stage."""

from __future__ import annotations

import statistics
import sys
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from benchmarks.bench import (
    REFERENCE,
    Benchmark,
    BenchmarkError,
    NumberModel,
    compared,
    median_ratio,
    percentiles,
    timed,
)
from core.data.mnist import load_mnist
from core.reading import Reader, limit_threads
from core.reading.explain import patch_weights
from core.reading.overlay import Found, draw_found
from core.understanding.reports.latency import readable_frames, tasks

FRAMES, RUNS = 20, 15
STAGES = {
    "find": "find",
    "strip": "strip",
    "read": "read, with attention",
    "attention": "attention of each digit",
    "overlay": "overlay",
}
WHOLE = "read_all, attention and overlay in one go"


@dataclass(frozen=True)
class Frames(Benchmark):
    """How long a 640 x 480 frame of a furnished room with one 3-digit number takes, stage by stage, on one thread."""

    checkpoint: NumberModel = None

    def rows(self) -> Iterator[str]:
        limit_threads(1)
        reader = Reader.from_checkpoint(self.checkpoint)
        seconds: dict[str, list[float]] = defaultdict(list)
        for frame in _frames(reader):

            def whole(frame: np.ndarray = frame) -> object:
                found = reader.read_all(frame)
                return draw_found(
                    frame, [Found(one, one.probability, patch_weights(reader, one)) for one in found]
                )

            for name, times in compared({**tasks(reader, frame), WHOLE: whole}, runs=RUNS).items():
                seconds[name] += times
        yield f"{FRAMES} frames, {RUNS} times each: median  (5th to 95th percentile)"
        stages = {what: seconds[name] for name, what in STAGES.items()}
        together = [sum(times) for times in zip(*stages.values(), strict=True)]
        yield from timed(
            {
                REFERENCE: seconds[REFERENCE],
                **stages,
                "sum of the stages": together,
                WHOLE: seconds[WHOLE],
            }
        )
        cost = median_ratio(seconds["read"], seconds["without attention"]) - 1
        yield f"{'cost of returning attention':<52}{cost:9.1%}"
        median, late = 1e3 * statistics.median(seconds[WHOLE]), 1e3 * percentiles(seconds[WHOLE])[1]
        yield f"goal: 15 ms median and 25 ms at the 95th percentile; here {median:.1f} and {late:.1f}"


def _frames(reader: Reader) -> list[np.ndarray]:
    """Frames in which one number of three digits is read."""
    frames = readable_frames(reader, load_mnist().split("validation"), 3, FRAMES, tries=1000)
    if len(frames) < FRAMES:
        raise BenchmarkError("this checkpoint reads hardly any three digits; train it first")
    return frames


if __name__ == "__main__":
    sys.exit(Frames.main())
