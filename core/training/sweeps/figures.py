"""Figures of a sweep: its best trials at each cost, the mean of each setting, and what Optuna draws."""

from __future__ import annotations

import statistics
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal, NamedTuple

import plotly.graph_objects as go

from core.training.sweeps.file import Value
from core.training.sweeps.study import Sweep, Trial, study_of

if TYPE_CHECKING:
    import optuna


@dataclass(frozen=True)
class Group:
    """The finished trials that have one value of a setting."""

    setting: Value
    mean: float
    spread: float
    """Standard deviation; 0 of a single trial."""
    trials: tuple[Trial, ...]


def front(
    trials: Sequence[Trial], cost: Literal["parameters", "latency", "seconds"], *, maximize: bool = True
) -> list[Trial]:
    """Of the finished trials those that no other betters in value at the same or a lower cost, cheapest first (Pareto)."""
    sign = 1.0 if maximize else -1.0
    known = [
        (getattr(trial, cost), sign * trial.value, trial)
        for trial in trials
        if trial.state == "finished" and trial.value is not None and getattr(trial, cost) is not None
    ]
    best, kept = float("-inf"), []
    for _, value, trial in sorted(known, key=lambda one: (one[0], -one[1])):
        if value > best:
            best = value
            kept.append(trial)
    return kept


def grouped(trials: Sequence[Trial], setting: str) -> list[Group]:
    """The finished trials by the value that they have of a setting, as the sweep file calls it."""
    found: dict[Value, list[Trial]] = {}
    for trial in trials:
        if trial.state == "finished" and trial.value is not None and setting in trial.params:
            found.setdefault(trial.params[setting], []).append(trial)
    made = []
    for value in sorted(found, key=lambda one: (isinstance(one, str), one)):
        scores = [trial.value for trial in found[value] if trial.value is not None]
        spread = statistics.stdev(scores) if len(scores) > 1 else 0.0
        made.append(Group(value, statistics.fmean(scores), spread, tuple(found[value])))
    return made


class Figure(NamedTuple):
    """One of the figures that Optuna draws of a sweep."""

    title: str
    """As a heading says it."""
    view: Literal["trials", "settings", "epochs"]
    """What somebody looks at who wants to see it."""
    draw: Callable[[Drawing], go.Figure]
    finished: int = 2
    """How many trials must have finished before there is anything to see."""
    settings: int = 0
    """How many settings have to be named; 0: it shows all of them, or none."""
    note: str = ""
    """How to read it, for those who do not know it."""


class Drawing(NamedTuple):
    """What a figure is drawn of."""

    studies: list[optuna.Study]
    """The sweep's, and those of others beside it."""
    settings: list[str] | None
    """None: all."""
    metric: str
    finished: int
    """Trials that have finished."""


def _history(of: Drawing) -> go.Figure:
    from optuna.visualization import plot_optimization_history

    return plot_optimization_history(of.studies, target_name=of.metric)


def _importance(of: Drawing) -> go.Figure:
    from optuna.importance import PedAnovaImportanceEvaluator
    from optuna.visualization import plot_param_importances

    with warnings.catch_warnings():
        warnings.filterwarnings("error", message="Target and region quantiles")
        # How the best differ from the rest: of a single best one, every setting would be as good a reason.
        best = PedAnovaImportanceEvaluator(target_quantile=max(0.1, 4 / of.finished))
        return plot_param_importances(of.studies[0], best, of.settings, target_name=of.metric)


def _parallel_coordinates(of: Drawing) -> go.Figure:
    from optuna.visualization import plot_parallel_coordinate

    return plot_parallel_coordinate(of.studies[0], of.settings, target_name=of.metric)


def _slice(of: Drawing) -> go.Figure:
    from optuna.visualization import plot_slice

    return plot_slice(of.studies[0], of.settings, target_name=of.metric)


def _contour(of: Drawing) -> go.Figure:
    from optuna.visualization import plot_contour

    return plot_contour(of.studies[0], of.settings, target_name=of.metric)


def _intermediate_values(of: Drawing) -> go.Figure:
    from optuna.visualization import plot_intermediate_values

    return plot_intermediate_values(of.studies[0])


def _timeline(of: Drawing) -> go.Figure:
    from optuna.visualization import plot_timeline

    return plot_timeline(of.studies[0])


FIGURES: Final = {
    "history": Figure("Run after run", "trials", _history, finished=1),
    "importance": Figure(
        "Which setting matters",
        "settings",
        _importance,
        finished=8,
        note="How the settings of the best runs differ from those of the rest (PED-ANOVA). Of few runs, much of it is chance.",
    ),
    "parallel coordinates": Figure("Settings and what came of them", "settings", _parallel_coordinates),
    "slice": Figure(
        "One setting",
        "settings",
        _slice,
        settings=1,
        note="Each point is a finished run: the darker, the later.",
    ),
    "contour": Figure("Two settings together", "settings", _contour, settings=2),
    "intermediate values": Figure("Epoch by epoch", "epochs", _intermediate_values, finished=1),
    "timeline": Figure(
        "When each one ran",
        "epochs",
        _timeline,
        finished=0,
        note="A run is pruned, given up early, where its first epochs are worse than those of the others.",
    ),
}
"""Each figure by its name. A new row is drawn on the page of sweeps, too."""


def figure(
    name: str, sweep: Sweep, settings: Sequence[str] = (), *, beside: Sequence[Sweep] = ()
) -> go.Figure | None:
    """One of `FIGURES`; None while there are too few trials for it. `settings` are all where none is named.

    A history also shows the sweeps `beside` it. Raises `SweepError`.
    """
    study = study_of(sweep)
    if study is None:
        return None
    known = [trial.state.name for trial in study.get_trials(deepcopy=False)]
    finished = known.count("COMPLETE")
    if not known or finished < FIGURES[name].finished:
        return None
    others = [other for one in beside if (other := study_of(one)) is not None]
    try:
        return FIGURES[name].draw(Drawing([study, *others], list(settings) or None, sweep.metric, finished))
    except (ValueError, RuntimeError, UserWarning):  # Optuna's way to say that it needs more
        return None
