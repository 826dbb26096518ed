"""A command, run by its name; an error that a person can mend becomes a line on standard error."""

from __future__ import annotations

import sys
from collections.abc import Callable
from importlib import import_module

from core.errors import PlainError


def run(name: str, argv: list[str]) -> int:
    """The exit status: 0 when all went well, 1 when something was wrong, 130 after Ctrl-C.

    The command's module is imported only now: `--help`, and a job that waits for its turn, need no torch.
    """
    command: Callable[[list[str]], int] = import_module(f"core.commands.{name}").main
    try:
        return command(argv)
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        return 130
    except (PlainError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
