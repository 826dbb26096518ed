"""Compares runs of the store: facts to sort and filter by, differences, smoothed curves."""

from __future__ import annotations

import difflib
import operator
import re
from collections.abc import Callable, Sequence
from typing import Any, Final, Literal

from core.config import RunSettings, settings_from
from core.errors import PlainError
from core.training.store.tracking import Metric, Run

Value = str | int | float | bool
Axis = Literal["step", "epoch", "samples", "minutes"]

_COMPARISONS: Final[dict[str, Callable[[Any, Any], bool]]] = {
    "=": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_CONDITION: Final = re.compile(r'([\w.]+)\s*(<=|>=|!=|==|=|<|>)\s*("[^"]*"|\S+)')
_WORD: Final = re.compile(r'"([^"]*)"|(\S+)')


class QueryError(PlainError, ValueError):
    """A filter that cannot be understood; the message says what, and what is meant perhaps."""


def facts(run: Run) -> dict[str, Value]:
    """All that is known of a run, flat: name, status, seconds, parameters, `best.clean`, `last.clean`, `model.heads`, a person's tags."""
    known: dict[str, Value] = {"name": run.name, "status": run.status}
    if run.seconds is not None:
        known["seconds"] = run.seconds
    if run.tags.get("about.parameters", "").isdecimal():
        known["parameters"] = int(run.tags["about.parameters"])
    known |= {f"best.{name}": value for name, value in run.best.items()}
    known |= {f"last.{name}": value for name, value in run.last.items()}
    known |= run.settings
    known |= {name: value for name, value in run.tags.items() if name not in known}
    return known


def matching(runs: Sequence[Run], query: str) -> list[Run]:
    """Those runs of which all of the query is true: `heads>=4 clean>0.9 positions=learned seeds`.

    A condition names any fact, its group may be left out, and a bare metric is its best value (its last where it has no
    best). Any other word must be in the name, the note or a tag. Raises `QueryError`.
    """
    conditions = _CONDITION.findall(query)
    words = [quoted or plain for quoted, plain in _WORD.findall(_CONDITION.sub(" ", query))]
    table = [(run, facts(run)) for run in runs]
    names = {name for _, known in table for name in known}
    tests = []
    for written, sign, value in conditions:
        name = _meant(written, names) if names else written
        tests.append((name, _COMPARISONS[sign.replace("==", "=")], value.strip('"')))
    return [
        run
        for run, known in table
        if all(name in known and _holds(known[name], compare, value) for name, compare, value in tests)
        and all(word.casefold() in _text(run) for word in words)
    ]


def _meant(written: str, names: set[str]) -> str:
    """The fact that a condition is about."""
    for candidate in (written, f"best.{written}", f"last.{written}"):
        if candidate in names:
            return candidate
    inside = [name for name in names if name.endswith(f".{written}")]
    if inside:
        return min(
            inside, key=lambda name: (name.startswith("about."), name)
        )  # a setting rather than its echo
    short = {name.rpartition(".")[2]: name for name in sorted(names)} | {name: name for name in names}
    nearest = difflib.get_close_matches(written, short, n=1, cutoff=0.0)[0]
    raise QueryError(f"no run has {written!r}; did you mean {nearest!r}?")


def _holds(known: Value, compare: Callable[[Any, Any], bool], value: str) -> bool:
    """As numbers where both are, else as text."""
    ours, theirs = _number(known), _number(value)
    if ours is not None and theirs is not None:
        return compare(ours, theirs)
    if ours is not None and not isinstance(known, str):
        raise QueryError(f"{value!r} is no number, and cannot be compared with {known}")
    return compare(str(known).casefold(), value.casefold())


def _number(value: Value) -> float | None:
    if isinstance(value, bool):
        return None
    try:
        return (
            float(value.removesuffix("%")) / (100 if value.endswith("%") else 1)
            if isinstance(value, str)
            else float(value)
        )
    except ValueError:
        return None


def _text(run: Run) -> str:
    mine = [f"{key} {value}" for key, value in run.tags.items() if not key.startswith("about.")]
    return " ".join([run.name, run.note, run.id, *mine]).casefold()


def differing(runs: Sequence[Run]) -> list[str]:
    """Names of the settings that are not the same in all of these runs, in the order of the settings."""
    names = list(dict.fromkeys(name for run in runs for name in run.settings))
    return [name for name in names if len({repr(run.settings.get(name)) for run in runs}) > 1]


def smoothed(values: Sequence[float], at: Sequence[float], weight: float) -> list[float]:
    """Exponential moving average of values that lie `at` rising places; it does not lag at the start.

    `weight`, 0 to below 1, is how much of the past is left after half a percent of the way from the first to the last
    place: a curve of many points is smoothed, one of a few epochs hardly.
    """
    if not values:
        return []
    way = (at[-1] - at[0]) or 1.0
    smooth, total, before, result = 0.0, 0.0, at[0] - way / len(values), []
    for value, place in zip(values, at, strict=True):
        kept = weight ** max(200 * (place - before) / way, 1e-3) if weight else 0.0
        smooth = kept * smooth + (1 - kept) * value
        total = kept * total + (1 - kept)
        before = place
        result.append(smooth / total)
    return result


def places(run: Run, history: Sequence[Metric], axis: Axis) -> list[float]:
    """Where along an axis each value lies: steps, epochs, canvases seen, or minutes since the run began."""
    if axis == "minutes":
        start = run.started.timestamp()
        return [(value.time - start) / 60 for value in history]
    in_step = {
        "step": 1.0,
        "epoch": 1 / float(run.settings.get("training.steps_per_epoch", 1)),
        "samples": float(run.settings.get("training.batch_size", 1)),
    }[axis]
    return [value.step * in_step for value in history]


def settings_of(run: Run) -> RunSettings:
    """The settings to train such a run again. Raises `SettingsError` where they are of another version."""
    values: dict[str, Any] = {}
    for name, value in run.settings.items():
        group, _, rest = name.partition(".")
        values.setdefault(group, {})[rest] = value
    return settings_from(values, source=f"the settings of {run.name}")
