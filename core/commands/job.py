"""python -m core job: a job's folder, worked through; the app starts this."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tyro.conf import Positional

from core.commands.arguments import parse
from core.commands.run import run
from core.training.jobs import work


@dataclass(frozen=True)
class Job:
    """Waits for the turn of a job, does what its folder asks for, and says in the folder how it ended."""

    folder: Positional[Path]
    """of the job, as the app made it"""

    def __call__(self) -> int:
        """Wait and run."""
        return work(self.folder.absolute(), _run)


def main(argv: list[str]) -> int:
    """Run the command."""
    return parse(Job, argv)()


def _run(command: list[str]) -> int:
    return run(command[0], command[1:])
