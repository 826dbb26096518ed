"""Reads sweep files: what is to be tried out, and whether it can be. Nothing is trained before all of it is understood.

A sweep file is YAML or JSON, in the manner of Weights & Biases, so that files written for it are read as they are:

    method: grid                  # every combination once; or random; or bayes (a tree-structured Parzen estimator)
    metric:
      name: score                 # what is validated after each epoch: clean, camera, score, mnist, calibration
      goal: maximize
    run_cap: 20                   # trials, for random and bayes
    parameters:
      model.heads:                # a setting of ours, or a flat name of the earlier projects, such as num_heads
        values: [1, 2, 4]
      training.epochs:
        value: 3                  # the same in every trial
      training.learning_rate:
        distribution: log_uniform_values
        min: 0.0005
        max: 0.01
    early_terminate:              # optional
      type: hyperband             # or median
      min_iter: 2                 # epochs that every trial may have

Distributions: uniform, int_uniform, q_uniform (in steps of q), log_uniform_values (evenly by magnitude), log_uniform (the same;
min and max are exponents of e), q_log_uniform_values (multiples of q, by magnitude), categorical, constant. Without one,
whole bounds mean int_uniform, others uniform; in a grid, whole bounds mean all whole numbers between them. A group of
settings may have parameters of its own: `model: {parameters: {heads: ...}}`.
"""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal, NamedTuple

from pydantic import Field, model_validator

from core.config import ANCESTOR_KEYS, RunSettings, Settings, SettingsError, settings_from, validated
from core.structured import StructureError, read_yaml
from core.training.scores import VALIDATED

Value = bool | int | float | str

PRESET: Final = "number-small"
"""The settings that a sweep begins from, if nothing else is said: small enough for many trials."""

EXAMPLE: Final = """\
# Are four heads better than one? Every combination once, a few minutes each.
method: grid
metric:
  name: score
  goal: maximize
parameters:
  model.heads:
    values: [1, 2, 4]
  training.seed:
    values: [0, 1]
  training.epochs:
    value: 3
  training.steps_per_epoch:
    value: 100
"""
"""A small sweep to start from."""

ANCESTOR_SCORES: Final = {"val_accuracy": "score"}
"""Names of earlier projects for such scores."""

_FOREIGN: Final = (
    "program",
    "command",
    "project",
    "entity",
    "description",
    "$schema",
    "version",
    "kind",
    "controller",
)
"""Keys that tell Weights & Biases what to start and where; here they mean nothing."""
_MOST = 10_000  # combinations of a grid
_TRIED = 2_000  # combinations of a larger space that are looked at beforehand
_MOST_PARAMETERS = 60
_LARGEST_EXPONENT = 700  # of e, that a float holds

Distribution = Literal[
    "constant",
    "categorical",
    "uniform",
    "int_uniform",
    "q_uniform",
    "log_uniform",
    "log_uniform_values",
    "q_log_uniform_values",
]
_NOT_DRAWN: Final = {
    "normal": "uniform, with min and max two sigma around mu",
    "q_normal": "q_uniform, with min and max two sigma around mu",
    "log_normal": "log_uniform, with min and max two sigma around mu",
    "q_log_normal": "q_log_uniform_values",
    "q_log_uniform": "q_log_uniform_values, whose bounds are values and no exponents",
    "inv_log_uniform": "log_uniform",
    "inv_log_uniform_values": "log_uniform_values",
    "beta": "uniform",
    "q_beta": "q_uniform",
    "categorical_w_probabilities": "categorical",
}
"""Distributions of Weights & Biases that are not drawn here, and the nearest that is."""


class Aim(Settings):
    """What a sweep looks for."""

    name: str
    """One of `core.training.scores.VALIDATED`."""
    goal: Literal["maximize", "minimize"]
    """Which way is better."""
    target: float | None = None
    """A sweep ends when a trial has reached this."""


class Parameter(Settings):
    """What a setting may be: one value, one of several, or any between two."""

    value: Value | None = None
    """The same in every trial."""
    values: tuple[Value, ...] | None = Field(None, min_length=1)
    """One of these in each trial."""
    distribution: Distribution | None = None
    """How a value is drawn between min and max."""
    min: float | None = None
    """The lowest value."""
    max: float | None = None
    """The highest value."""
    q: float | None = None
    """The step from one value to the next (q_uniform)."""

    @property
    def choices(self) -> tuple[Value, ...] | None:
        """All that it may be, or None where it lies between two bounds."""
        return (self.value,) if self.value is not None else self.values

    @property
    def range(self) -> Range:
        """Between which bounds it is drawn, and how. Only where there are no `choices`."""
        low, high = self.min or 0.0, self.max or 0.0
        whole = low.is_integer() and high.is_integer()
        if self.distribution == "log_uniform":
            return Range(math.exp(low), math.exp(high), log=True)
        if self.distribution == "q_log_uniform_values":
            step = self.q or 1.0
            first, last = math.ceil(low / step) * step, high // step * step
            return Range(max(first, step), last, log=True, step=step, whole=step.is_integer())
        if self.distribution == "q_uniform":
            step = self.q or 1.0
            return Range(low, low + (high - low) // step * step, step=step, whole=whole and step.is_integer())
        if self.distribution in ("int_uniform", None) and whole:
            return Range(low, high, step=1.0, whole=True)
        return Range(low, high, log=self.distribution == "log_uniform_values")

    def fault(self) -> str:
        """What is wrong with it, and the mend; empty where nothing is."""
        bounds = self.min is not None or self.max is not None
        if sum((self.value is not None, self.values is not None, bounds)) != 1:
            return "say either value, or values, or min and max"
        if self.choices is not None:
            if self.distribution not in ("constant", "categorical", None):
                return f"distribution ({self.distribution}) needs min and max, not values; leave it out"
            return ""
        return self._fault_of_bounds()

    def _fault_of_bounds(self) -> str:
        if self.min is None or self.max is None:
            return f"{'min' if self.min is None else 'max'} is missing"
        if self.distribution in ("constant", "categorical"):
            return f"distribution ({self.distribution}) needs values, not min and max"
        if self.min == self.max:
            return f"min and max are both {self.min:g}; say value: {self.min:g} instead"
        if self.min > self.max:
            return f"min ({self.min:g}) must be below max ({self.max:g}); swap them"
        if self.distribution == "log_uniform" and max(abs(self.min), abs(self.max)) > _LARGEST_EXPONENT:
            return f"min ({self.min:g}) and max ({self.max:g}) are exponents of e for log_uniform, and too large; try log_uniform_values"
        if self.distribution in ("log_uniform_values", "q_log_uniform_values") and self.min <= 0:
            return f"min ({self.min:g}) must be above 0 for {self.distribution}; try uniform"
        if self.distribution == "int_uniform" and not (self.min.is_integer() and self.max.is_integer()):
            return f"min ({self.min:g}) and max ({self.max:g}) must be whole for int_uniform; try uniform"
        in_steps = self.distribution in ("q_uniform", "q_log_uniform_values")
        if in_steps and not 0 < (1.0 if self.q is None else self.q) <= self.max - self.min:
            return f"q ({self.q or 0:g}) must lie between 0 and max - min ({self.max - self.min:g})"
        if self.q is not None and not in_steps:
            return f"q ({self.q:g}) works with q_uniform and q_log_uniform_values only; leave it out"
        return ""


class Range(NamedTuple):
    """Any value between two, both included."""

    low: float
    high: float
    log: bool = False
    """Whether each magnitude is as likely as the others."""
    step: float | None = None
    whole: bool = False

    def some(self) -> tuple[float | int, ...]:
        """Both ends, then one between them."""
        if self.whole:
            return int(self.low), int(self.high)
        if self.log and self.step:
            return self.low, self.high
        between = self.low + (self.step or 0.382 * (self.high - self.low))
        return self.low, self.high, between


class EarlyEnd(Settings):
    """When a trial that does badly is given up."""

    type: Literal["hyperband", "median"]
    """hyperband: only the best third goes on at each of several rounds (arXiv:1603.06560); median: what is below the median of the trials before."""
    min_iter: int = Field(1, ge=1)
    """Epochs that each trial may have."""
    max_iter: int | None = Field(None, ge=1)
    """With `s`, another way to say min_iter: max_iter / eta^s."""
    s: int | None = Field(None, ge=0)
    """How many times trials are compared."""
    eta: int = Field(3, ge=2)
    """One in so many goes on (hyperband)."""
    strict: bool = False
    """Read, and without effect: trials are always given up at once."""

    @property
    def first(self) -> int:
        """Epochs that each trial may have."""
        if self.max_iter is not None and self.s is not None:
            return max(self.max_iter // self.eta**self.s, 1)
        return self.min_iter


class SweepSettings(Settings):
    """What a sweep file says."""

    method: Literal["grid", "random", "bayes"]
    """grid: every combination once; random; bayes: where earlier trials were good (TPE)."""
    metric: Aim = Aim(name="score", goal="maximize")
    """What is to become as good as it can."""
    parameters: dict[str, Parameter] = Field(min_length=1, max_length=_MOST_PARAMETERS)
    """The settings to try out."""
    early_terminate: EarlyEnd | None = None
    """When a trial is given up; None: never."""
    name: str = Field("", max_length=80)
    """What the sweep is called, if nothing else is said."""
    run_cap: int = Field(20, ge=1, le=10_000)
    """Trials of a random or bayes sweep; a grid has as many as combinations."""

    @model_validator(mode="after")
    def _consistent(self) -> SweepSettings:
        faults = [
            f"parameters.{name}: {fault}" for name, it in self.parameters.items() if (fault := it.fault())
        ]
        meant: dict[str, str] = {}
        for name in self.parameters:
            for path in ANCESTOR_KEYS.get(name, (name,)):
                if path in meant:
                    faults.append(f"parameters.{name}: {meant[path]} says {path} too; leave one of them out")
                meant[path] = name
        if self.method == "grid":
            endless = [name for name, parameter in self.parameters.items() if parameter.choices is None]
            faults += [
                f"parameters.{name}: a grid needs values, not bounds; list them, or use method random"
                for name in endless
            ]
            if not endless and self.combinations > _MOST:
                faults.append(
                    f"the grid has {self.combinations:,} combinations; leave some out, or use method random"
                )
        if faults:
            raise ValueError("; ".join(faults))
        return self

    @property
    def varied(self) -> dict[str, Parameter]:
        """The parameters that differ from trial to trial."""
        return {
            name: parameter
            for name, parameter in self.parameters.items()
            if parameter.choices is None or len(parameter.choices) > 1
        }

    @property
    def constants(self) -> dict[str, Value]:
        """The parameters that are the same in every trial."""
        return {
            name: parameter.choices[0]
            for name, parameter in self.parameters.items()
            if parameter.choices is not None and len(parameter.choices) == 1
        }

    @property
    def combinations(self) -> int:
        """Of a grid."""
        return math.prod(len(parameter.choices or ()) for parameter in self.varied.values())


@dataclass(frozen=True)
class Plan:
    """What a sweep will try out."""

    settings: SweepSettings
    base: RunSettings
    """What the parameters leave out."""
    grid: tuple[dict[str, Value], ...]
    """Of a grid, the combinations that can be trained; otherwise empty."""
    left_out: tuple[str, ...]
    """Of a grid, the combinations that cannot, and why."""
    epochs: int
    """The most epochs of any trial."""
    example: RunSettings
    """All settings of one of its trials."""

    @property
    def trials(self) -> int:
        """How many there will be."""
        return len(self.grid) if self.settings.method == "grid" else self.settings.run_cap

    def run_settings(self, params: dict[str, Value]) -> RunSettings:
        """All settings of a trial. Raises `SettingsError` where these values do not go together."""
        chosen = {**self.settings.constants, **self.in_steps(params)}
        return settings_from(chosen, self.base, source="this trial")

    def in_steps(self, params: Mapping[str, Value]) -> dict[str, Value]:
        """The values of a trial as they are trained: what is drawn by magnitude and in steps, at the nearest step."""
        taken = dict(params)
        for name, parameter in self.settings.varied.items():
            drawn = parameter.range if parameter.choices is None else None
            if name in taken and drawn is not None and drawn.log and drawn.step:
                steps = round(float(taken[name]) / drawn.step) * drawn.step
                taken[name] = int(steps) if drawn.whole else steps
        return taken


def read_plan(text: str, base: RunSettings, *, source: str = "the sweep file") -> Plan:
    """Understand a sweep file. Raises `SettingsError` naming the key and the mend.

    Each value is tried in settings with the others: one that fits none of them is refused, and so is a setting that does
    not exist, and a metric that such trainings do not have.
    """
    settings = validated(SweepSettings, _parsed(text, source), source=source)
    settings = _known_metric(settings, source)
    plan = Plan(settings, base, (), (), base.training.epochs, base)
    works: list[dict[str, Value]] = []
    made: list[RunSettings] = []
    wrong: list[tuple[dict[str, Value], str]] = []
    for params in _some(settings):
        try:
            made.append(plan.run_settings(params))
            works.append(params)
        except SettingsError as error:
            wrong.append((params, str(error).removeprefix("this trial: ")))
    if not works:
        raise SettingsError(f"{source}: parameters: {wrong[0][1]}{_hint(settings)}")
    for name in settings.varied:
        useful = [params[name] for params in works]
        for params, why in wrong:
            if params[name] not in useful:
                raise SettingsError(
                    f"{source}: parameters.{name}: {params[name]!r} works in no run: {why}{_hint(settings)}"
                )
    if any(one.model.kind == "finder" for one in made):
        raise SettingsError(
            f"{source}: model.kind (finder) is not swept: trials are compared by what they read; train it by itself"
        )
    _check_metric(settings, made, source)
    epochs = max(one.training.epochs for one in made)
    early = settings.early_terminate
    if early is not None and early.first > epochs:
        raise SettingsError(
            f"{source}: early_terminate.min_iter ({early.first}) is above the {epochs} epochs of a run; lower it, or train longer"
        )
    is_grid = settings.method == "grid"
    left_out = tuple(f"{_spoken(params)}: {why}" for params, why in wrong) if is_grid else ()
    return Plan(settings, base, tuple(works) if is_grid else (), left_out, epochs, made[0])


def name_in(text: str) -> str:
    """What a sweep file calls its sweep; empty where it does not. Raises `SettingsError`."""
    return str(_parsed(text, "the sweep file").get("name") or "")


def _parsed(text: str, source: str) -> dict[str, Any]:
    try:
        values = read_yaml(text)
    except StructureError as error:
        raise SettingsError(f"{source}: {error}") from error
    if not isinstance(values, dict):
        raise SettingsError(f"{source} holds no sweep; it must have method, metric and parameters")
    kept = {str(key): value for key, value in values.items() if key not in _FOREIGN}
    if isinstance(kept.get("parameters"), dict):
        kept["parameters"] = {
            name: _plain(name, parameter, kept.get("method"), source)
            for name, parameter in _flat(kept["parameters"])
        }
    metric = kept.get("metric")
    if isinstance(metric, dict) and "goal" not in metric:
        raise SettingsError(f"{source}: metric.goal is missing; say maximize or minimize")
    return kept


def _flat(parameters: dict[Any, Any], group: str = "") -> Iterator[tuple[str, Any]]:
    """The parameters with those inside groups of settings, each by its full name."""
    for key, parameter in parameters.items():
        name = f"{group}{key}"
        if isinstance(parameter, dict) and isinstance(inner := parameter.get("parameters"), dict):
            yield from _flat(inner, f"{name}.")
        else:
            yield name, parameter


def _plain(name: str, parameter: Any, method: Any, source: str) -> Any:
    """The parameter without what means the same in fewer words. Raises `SettingsError` for what is not drawn here."""
    if not isinstance(parameter, dict):
        return parameter
    kind = parameter.get("distribution")
    if isinstance(kind, str) and kind in _NOT_DRAWN:
        raise SettingsError(
            f"{source}: parameters.{name}: distribution ({kind}) is not drawn here; the nearest is {_NOT_DRAWN[kind]}"
        )
    if "probabilities" in parameter:
        raise SettingsError(
            f"{source}: parameters.{name}: probabilities are not followed, every value is as likely as the others; "
            "leave them out"
        )
    plain = dict(parameter)
    low, high = plain.get("min"), plain.get("max")
    bounded = method == "grid" and kind in (None, "int_uniform")
    if bounded and isinstance(low, int) and isinstance(high, int) and 0 < high - low < _MOST:
        plain = {"values": list(range(low, high + 1))}
    if isinstance(plain.get("values"), list):  # a value twice would be the same training twice
        plain["values"] = list({(type(value), str(value)): value for value in plain["values"]}.values())
    return plain


def _hint(settings: SweepSettings) -> str:
    """What may be meant where values are refused: the commonest slip in such files."""
    if any(parameter.distribution == "log_uniform" for parameter in settings.parameters.values()):
        return (
            " (min and max of log_uniform are exponents of e; for bounds as they are use log_uniform_values)"
        )
    return ""


def _known_metric(settings: SweepSettings, source: str) -> SweepSettings:
    name = ANCESTOR_SCORES.get(settings.metric.name, settings.metric.name)
    if name not in VALIDATED:
        known = ", ".join(f"{one} ({score.title})" for one, score in VALIDATED.items())
        raise SettingsError(f"{source}: metric.name ({name!r}) is never validated; use one of: {known}")
    return settings.model_copy(update={"metric": settings.metric.model_copy(update={"name": name})})


def _check_metric(settings: SweepSettings, made: list[RunSettings], source: str) -> None:
    name = settings.metric.name
    kinds = VALIDATED[name].kinds
    if any(one.model.kind not in kinds for one in made):
        only = " and ".join(kinds)
        raise SettingsError(
            f"{source}: metric.name ({name!r}) is validated for the {only} model only; use score, or begin from a preset for {only}s"
        )


def _some(settings: SweepSettings) -> Iterator[dict[str, Value]]:
    """All combinations of a grid, or enough of a larger space to meet every value and every bound."""
    points: dict[str, tuple[Value, ...]] = {
        name: parameter.choices or parameter.range.some() for name, parameter in settings.varied.items()
    }
    if settings.method == "grid" or math.prod(map(len, points.values())) <= _TRIED:
        for values in itertools.product(*points.values()):
            yield dict(zip(points, values, strict=True))
        return
    draw = random.Random(0)
    for number in range(_TRIED):
        yield {
            name: values[number] if number < len(values) else draw.choice(values)
            for name, values in points.items()
        }


def _spoken(params: dict[str, Value]) -> str:
    return ", ".join(f"{name} {value}" for name, value in params.items())
