"""Functions in, median times out, taken in turns so that a machine that slows down slows down all of them."""

from __future__ import annotations

import statistics

from core.understanding.reports.latency import in_turns as in_turns


def median_ratio(first: list[float], second: list[float]) -> float:
    """Median of first / second, pair by pair."""
    return statistics.median(a / b for a, b in zip(first, second, strict=True))


def line(name: str, seconds: list[float], note: str = "") -> str:
    """One row: median, 5th and 95th percentile in milliseconds."""
    ordered = sorted(seconds)
    low, high = ordered[len(ordered) // 20], ordered[-1 - len(ordered) // 20]
    return f"{name:<44}{1e3 * statistics.median(ordered):9.2f} ms  ({1e3 * low:.2f} to {1e3 * high:.2f})  {note}".rstrip()
