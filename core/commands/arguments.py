"""The flags of a command as typed values, read from the command line."""

from __future__ import annotations

import dataclasses
import inspect
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeVar

import tyro
from tyro.conf import DisallowNone, FlagCreatePairsOff, arg
from tyro.constructors import PrimitiveConstructorSpec

from core.config import PRESETS, RunSettings, Settings, load_settings, validated

Command = TypeVar("Command")

Switch = Annotated[bool, FlagCreatePairsOff, arg(help_behavior_hint="")]
"""A flag that is off unless it is named."""


def _whole(words: list[str]) -> int:
    value = int(words[0])
    if value < 1:
        raise ValueError(f"{value} is too few; it must be at least 1")
    return value


Count = Annotated[
    int | None,
    PrimitiveConstructorSpec(
        nargs=1,
        metavar="N",
        instance_from_str=_whole,
        is_instance=lambda value: value is None or isinstance(value, int),
        str_from_instance=lambda value: [str(value)],
    ),
    arg(help_behavior_hint=""),
]
"""A whole number above 0, or as many as the flag's description says."""

if TYPE_CHECKING:
    Preset = str
else:
    Preset = Literal[tuple(PRESETS)]
"""The name of ready settings."""

OptionalPath = Annotated[Path | None, DisallowNone, arg(help_behavior_hint="")]
"""A file or folder that may be left out."""


@dataclasses.dataclass(frozen=True)
class Base:
    """What the settings are before single flags change them."""

    preset: Preset = "number"
    """settings to start from"""
    config: OptionalPath = None
    """a JSON file of settings, which change the preset's"""


def parse(command: type[Command], argv: list[str], *, description: str | None = None) -> Command:
    """The command with its flags; of `--help` and of what is no flag, tyro prints what there is and exits."""
    about = inspect.cleandoc(description or command.__doc__ or "")
    return tyro.cli(command, args=argv, prog=_program(command), description=about)


def parse_with_settings(command: type[Command], argv: list[str]) -> tuple[Command, RunSettings]:
    """The command, and settings from `--preset NAME`, then `--config FILE`, then a flag for each single setting.

    Raises `SettingsError`.
    """
    base, _ = tyro.cli(Base, args=argv, prog=_program(command), return_unknown_args=True, add_help=False)
    settings = PRESETS[base.preset]
    if base.config is not None:
        settings = load_settings(base.config, settings)
    annotated: Any = Annotated  # of types that are only known at run time
    parts = {"base": Base, "command": command, "settings": _flags(settings)}
    fields = [(name, annotated[part, arg(name="")]) for name, part in parts.items()]
    together: Any = dataclasses.make_dataclass(command.__name__, fields)
    chosen: Any = parse(together, argv, description=command.__doc__)
    changed = dataclasses.asdict(chosen.settings)
    return chosen.command, validated(RunSettings, changed, source="these settings")


def _program(command: type) -> str:
    return f"python -m core {command.__name__.lower()}"


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
            described = annotated[field.annotation, arg(help=field.description)]
            fields.append((name, described, dataclasses.field(default=value)))
    made = dataclasses.make_dataclass(type(settings).__name__, fields)
    made.__doc__ = type(settings).__doc__
    return made
