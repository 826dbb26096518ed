"""The command line: python -m core data | train | scenes | sweep | pack | evaluate | read | job."""

from __future__ import annotations

import sys

from core.commands.run import run

COMMANDS = {
    "data": "get MNIST, verify it and keep it",
    "train": "train a model from a preset or a JSON file of settings",
    "scenes": "make pictures with numbers in them, to train a finder on",
    "sweep": "train the combinations of a sweep file, and find the best",
    "pack": "pack sweeps and their runs into one file",
    "evaluate": "score a checkpoint on canvases and MNIST",
    "read": "read the number in pictures",
    "job": "do what a job's folder asks for (the app starts this)",
}


def main(argv: list[str] | None = None) -> int:
    """Run one command; its exit status is 0 when all went well, 1 when something was wrong, 2 when it was not understood."""
    arguments = sys.argv[1:] if argv is None else argv
    if not arguments or arguments[0] in ("-h", "--help"):
        lines = "\n".join(f"  {name:<10}{purpose}" for name, purpose in COMMANDS.items())
        print(f"usage: python -m core COMMAND [--help]\n\n{lines}")
        return 0 if arguments else 2
    if arguments[0] not in COMMANDS:
        print(f"unknown command {arguments[0]!r}; the commands are {', '.join(COMMANDS)}", file=sys.stderr)
        return 2
    return run(arguments[0], arguments[1:])


if __name__ == "__main__":
    sys.exit(main())
