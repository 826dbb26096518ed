"""Functions in, median times out, taken in turns so that a machine that slows down slows down all of them."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable


def in_turns(tasks: dict[str, Callable[[], object]], *, runs: int, warmup: int = 3) -> dict[str, list[float]]:
    """Seconds of each run of each task: one run of each, then the next of each, and so on."""
    seconds: dict[str, list[float]] = {name: [] for name in tasks}
    for run in range(-warmup, runs):
        for name, task in tasks.items():
            started = time.perf_counter()
            task()
            if run >= 0:
                seconds[name].append(time.perf_counter() - started)
    return seconds


def median_ratio(first: list[float], second: list[float]) -> float:
    """Median of first / second, pair by pair."""
    return statistics.median(a / b for a, b in zip(first, second, strict=True))


def line(name: str, seconds: list[float], note: str = "") -> str:
    """One row: median, 5th and 95th percentile in milliseconds."""
    ordered = sorted(seconds)
    low, high = ordered[len(ordered) // 20], ordered[-1 - len(ordered) // 20]
    return f"{name:<44}{1e3 * statistics.median(ordered):9.2f} ms  ({1e3 * low:.2f} to {1e3 * high:.2f})  {note}".rstrip()
