"""Command-line arguments in, typed values out, with errors as one plain line."""

from __future__ import annotations

import argparse
import dataclasses
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import tyro

from core.config import PRESETS, RunSettings, Settings, SettingsError, load_settings, validated
from core.data.mnist import DataUnavailable, Mnist, fetch_mnist, load_sample
from core.model.checkpoint import CheckpointError
from core.training.engine import TrainingDiverged
from core.training.store.tracking import StoreError


def run_settings(argv: list[str], program: str) -> RunSettings:
    """Settings from `--preset NAME`, then `--config FILE`, then a flag for each single setting.

    Raises `SettingsError`; exits with tyro's own message for a flag that does not exist.
    """
    chooser = argparse.ArgumentParser(prog=f"python -m core {program}", add_help=False, allow_abbrev=False)
    chooser.add_argument("--preset", choices=sorted(PRESETS), default=None)
    chooser.add_argument("--config", type=Path, default=None)
    chosen, flags = chooser.parse_known_args(argv)
    base = PRESETS[chosen.preset or "number"]
    if chosen.config is not None:
        base = load_settings(chosen.config, base)
    notes = f"--preset NAME starts from one of {', '.join(PRESETS)}; --config FILE from a JSON file; flags change single settings."
    chosen_flags = tyro.cli(_flags(base), args=flags, prog=f"python -m core {program}", description=notes)
    return validated(RunSettings, dataclasses.asdict(chosen_flags), source="these settings")


def _flags(settings: Settings) -> Any:
    """A plain dataclass with the fields, descriptions and values of these settings.

    tyro makes flags of either, but of what pydantic refuses it shows the raw error, and stops before the whole is known.
    """
    fields: list[tuple[str, Any, Any]] = []
    for name, field in type(settings).model_fields.items():
        value = getattr(settings, name)
        if isinstance(value, Settings):
            group = _flags(value)
            fields.append((name, group, dataclasses.field(default_factory=group)))
        else:
            annotated: Any = Annotated  # of a type that is only known at run time
            described = annotated[field.annotation, tyro.conf.arg(help=field.description)]
            fields.append((name, described, dataclasses.field(default=value)))
    made = dataclasses.make_dataclass(type(settings).__name__, fields)
    made.__doc__ = type(settings).__doc__
    return made


def mnist_or_sample(*, sample: bool = False) -> Mnist:
    """All of MNIST, fetched if need be; where it cannot be had, the bundled sample, and a line that says so.

    With `sample` the sample is what was asked for, and the network is left alone.
    """
    if sample:
        return load_sample()
    try:
        return fetch_mnist(
            progress=lambda share, what: print(f"\r{what} {share:4.0%} ", end="", file=sys.stderr)
        )
    except DataUnavailable as error:
        print(f"{error}\nUsing the bundled sample instead: expect lower scores.", file=sys.stderr)
        return load_sample()


def whole(text: str) -> int:
    """A whole number above 0, for argparse."""
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"{value} is too few; it must be at least 1")
    return value


def explained(command: Callable[[], int]) -> int:
    """Run a command; an error of ours is printed as what it says, without a traceback, and so is Ctrl-C."""
    try:
        return command()
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        return 130
    except (SettingsError, CheckpointError, DataUnavailable, TrainingDiverged, StoreError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
