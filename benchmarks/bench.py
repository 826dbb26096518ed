"""The frame of every benchmark: flags, rows that are printed as they come, and the block in docs/ that they are written into."""

from __future__ import annotations

import inspect
import re
import shlex
import statistics
import subprocess
import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import torch
import tyro
from tyro.conf import DisallowNone, Positional, arg

from core.commands.arguments import Switch
from core.errors import PlainError
from core.files import write_text
from core.understanding.reports.latency import in_turns, machine

ROOT = Path(__file__).resolve().parents[1]

NumberModel = Annotated[
    Positional[Path | None],
    DisallowNone,
    arg(help="a number model other than the bundled one", help_behavior_hint=""),
]


class BenchmarkError(PlainError):
    """What is to be measured is not there; the message says what to do."""


@dataclass(frozen=True, kw_only=True)
class Benchmark(ABC):
    """A subclass for each: its fields are the flags, its docstring is the help, its name that of the block in docs/."""

    write: Switch = False
    """write the figures into their block in docs/, too"""

    @abstractmethod
    def rows(self) -> Iterator[str]:
        """Measure, a printed row at a time."""

    @classmethod
    def main(cls, argv: list[str] | None = None) -> int:
        """Print the rows as they come; with `--write`, put them into their block, too."""
        arguments = sys.argv[1:] if argv is None else argv
        about = inspect.cleandoc(cls.__doc__ or "")
        chosen = tyro.cli(cls, args=arguments, prog=f"python -m benchmarks.{name_of(cls)}", description=about)
        rows = []
        try:
            for row in chosen.rows():
                print(row, flush=True)
                rows.append(row)
            if chosen.write:
                command = [part for part in arguments if part != "--write"]
                path = write_figures(name_of(cls), figures(name_of(cls), command, rows))
                print(f"written: {path.relative_to(ROOT)}")
        except PlainError as error:
            print(f"error: {error}", file=sys.stderr)
            return 1
        return 0


def name_of(benchmark: type[Benchmark]) -> str:
    """`WhatIf` is what_if."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", benchmark.__name__).lower()


def figures(name: str, arguments: list[str], rows: list[str]) -> str:
    """The command, the commit, the day, the machine and its speed, and under them the rows: a table of Markdown, or as they were printed."""
    command = shlex.join(["python", "-m", f"benchmarks.{name}", *arguments])
    day = f"{time.strftime('%d').lstrip('0')} {time.strftime('%B %Y, %H:%M')}"
    speed = f"512 x 512 matrix product in {1e3 * statistics.median(reference()):.1f} ms"
    table = "\n".join(rows)
    if not any(row.startswith("|") for row in rows):
        table = f"```\n{table}\n```"
    return f"`{command}` at commit {_commit()}, {day}; {machine()}; {speed}.\n\n{table}"


def write_figures(name: str, text: str, folder: Path = ROOT / "docs") -> Path:
    """Put the text into the block of that name, between `<!-- figures: NAME -->` and `<!-- end -->`; gives the page that has it."""
    block = re.compile(rf"(<!-- figures: {re.escape(name)} -->\n).*?(<!-- end -->)", re.DOTALL)
    for path in sorted(folder.glob("*.md")):
        page = path.read_text(encoding="utf-8")
        if block.search(page):
            write_text(path, block.sub(lambda found: f"{found[1]}{text}\n{found[2]}", page))
            return path
    raise BenchmarkError(
        f"no page in docs/ has a block `<!-- figures: {name} -->`; add one where its figures belong"
    )


def reference() -> list[float]:
    """Seconds of a fixed amount of arithmetic, by which figures of two machines, or of a busy one, can be compared."""
    matrix = torch.rand(512, 512)
    return in_turns({"": lambda: matrix @ matrix}, runs=20)[""]


def compared(tasks: dict[str, Callable[[], object]], *, runs: int, warmup: int = 3) -> dict[str, list[float]]:
    """Seconds of each task, in turns with that fixed amount of arithmetic, so that a machine that slows down slows down all of them."""
    matrix = torch.rand(512, 512)
    return in_turns({REFERENCE: lambda: matrix @ matrix, **tasks}, runs=runs, warmup=warmup)


REFERENCE = "reference: 512 x 512 matrix product"


def timed(times: dict[str, list[float]]) -> Iterator[str]:
    """A row for each task: its time, and how many times as long as the reference it takes."""
    for name, seconds in times.items():
        ratio = "" if name == REFERENCE else f"{median_ratio(seconds, times[REFERENCE]):.1f} x reference"
        yield line(name, seconds, ratio)


def line(name: str, seconds: list[float], note: str = "") -> str:
    """One row: median, 5th and 95th percentile in milliseconds."""
    low, high = percentiles(seconds)
    return f"{value(name, 1e3 * statistics.median(seconds), 'ms')}  ({1e3 * low:.2f} to {1e3 * high:.2f})  {note}".rstrip()


def value(name: str, number: float, unit: str) -> str:
    """One row of a single value."""
    return f"{name:<52}{number:9.2f} {unit}"


def percentiles(seconds: list[float]) -> tuple[float, float]:
    """The 5th and the 95th."""
    ordered = sorted(seconds)
    return ordered[len(ordered) // 20], ordered[-1 - len(ordered) // 20]


def median_ratio(first: list[float], second: list[float]) -> float:
    """Median of first / second, pair by pair."""
    return statistics.median(a / b for a, b in zip(first, second, strict=True))


def _commit() -> str:
    """The commit that was measured, with a plus where files differ from it."""
    try:
        said = subprocess.run(
            ["git", "describe", "--always", "--dirty=+", "--exclude=*"],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=True,
        )
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return said.stdout.strip()
