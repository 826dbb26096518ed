"""python -m core job: the folder of a job in; it waits its turn, runs, and says in the folder how it ended."""

from __future__ import annotations

import argparse
from importlib import import_module
from pathlib import Path

from core.training.jobs import work


def main(argv: list[str]) -> int:
    """`FOLDER`, as `core.training.jobs.launch` made it."""
    parser = argparse.ArgumentParser(prog="python -m core job", description=__doc__)
    parser.add_argument("folder", type=Path, metavar="FOLDER")
    return work(parser.parse_args(argv).folder.absolute(), _run)


def _run(command: list[str]) -> int:
    status: int = import_module(f"core.commands.{command[0]}").main(
        command[1:]
    )  # late: who waits needs no torch
    return status
