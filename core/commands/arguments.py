"""Command-line arguments in, typed values out, with errors as one plain line."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import tyro
from pydantic import ValidationError

from core.config import PRESETS, RunSettings, SettingsError, load_settings, validated
from core.data.mnist import DataUnavailable, Mnist, fetch_mnist, load_mnist
from core.model.checkpoint import CheckpointError

Result = TypeVar("Result")


def run_settings(argv: list[str], program: str) -> RunSettings:
    """Settings from `--preset NAME`, then `--config FILE`, then a flag for each single setting.

    Raises `SettingsError`; exits with tyro's own message for a flag that does not exist.
    """
    chooser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    chooser.add_argument("--preset", choices=sorted(PRESETS), default=None)
    chooser.add_argument("--config", type=Path, default=None)
    chosen, flags = chooser.parse_known_args(argv)
    base = PRESETS[chosen.preset or "number"]
    if chosen.config is not None:
        base = load_settings(chosen.config, base)
    notes = f"--preset NAME starts from one of {', '.join(PRESETS)}; --config FILE from a JSON file; flags change single settings."
    try:
        settings = tyro.cli(
            RunSettings, args=flags, default=base, prog=f"python -m core {program}", description=notes
        )
    except ValidationError as error:
        raise SettingsError(
            "; ".join(fault["msg"].removeprefix("Value error, ") for fault in error.errors())
        ) from error
    return validated(RunSettings, settings.model_dump())


def mnist_or_sample() -> Mnist:
    """All of MNIST, fetched if need be; where it cannot be had, the bundled sample, and a line that says so."""
    try:
        return fetch_mnist(
            progress=lambda share, what: print(f"\r{what} {share:4.0%} ", end="", file=sys.stderr)
        )
    except DataUnavailable as error:
        print(f"{error}\nUsing the bundled sample instead: expect lower scores.", file=sys.stderr)
        return load_mnist()


def explained(command: Callable[[], int]) -> int:
    """Run a command; an error of ours is printed as what it says, without a traceback."""
    try:
        return command()
    except (SettingsError, CheckpointError, DataUnavailable) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
