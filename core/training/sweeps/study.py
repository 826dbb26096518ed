"""A sweep file in, a study out: trials that are trained one after the other, each a run in the store, and what they have in common.

A sweep is a folder: the sweep file as it was given, `about.json` (its name, where it is stored, what the file leaves out), Optuna's journal,
and a folder for each trial. Whatever interrupts it, the same command goes on: a trial whose process is gone is
taken up again from its last saved state.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import statistics
import time
import warnings
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

import plotly.graph_objects as go
import torch
from filelock import FileLock, Timeout

from core.config import RunSettings, SettingsError, validated
from core.data.canvases.tiles import Finds
from core.data.mnist import Mnist
from core.files import write_text
from core.model.checkpoint import CheckpointError, build, load_checkpoint, parameter_count
from core.process import alive, identity
from core.training import lab
from core.training.engine import BEST, Epoch, Step, TrainingDiverged, fit
from core.training.lab import STATE
from core.training.store.recording import SETTINGS, Outcome, keep, provenance, recorded
from core.training.store.tracking import Store
from core.training.sweeps.file import Parameter, Plan, Value, read_plan

if TYPE_CHECKING:
    import optuna

State = Literal["waiting", "running", "interrupted", "finished", "pruned", "failed"]
"""interrupted: its process is gone, and the sweep has not gone on since; pruned: given up, because others did better."""

FIGURES: Final = (
    "history", "parallel coordinates", "importance", "slice", "contour", "intermediate values", "timeline"
)  # fmt: skip
"""What `figure` draws of a sweep."""

_ABOUT, _FILE, _JOURNAL, _LOCK = "about.json", "sweep.yaml", "journal.log", ".lock"
_NEEDED = {"timeline": 0, "history": 1, "intermediate values": 1, "importance": 8}  # finished trials; else 2
_IMPOSSIBLE = 20  # settings in a row that do not go together, until a sweep gives up drawing others


class SweepError(SettingsError):
    """A sweep that cannot be begun, gone on with, or read; the message says why, and what to do."""


@dataclass(frozen=True)
class Sweep:
    """A sweep, as its folder says it."""

    name: str
    """As its starter called it: data, not a path."""
    folder: Path
    text: str
    """The sweep file."""
    plan: Plan
    trials: int
    """How many there will be."""
    sample: bool
    """Whether it trains on the bundled sample of MNIST only."""
    storage: str
    """The address of a database; empty for the journal in the folder."""

    @property
    def metric(self) -> str:
        """The score that it looks at."""
        return self.plan.settings.metric.name

    @property
    def maximize(self) -> bool:
        """Whether more of it is better."""
        return self.plan.settings.metric.goal == "maximize"

    def best(self, trials: Sequence[Trial]) -> Trial | None:
        """The finished trial with the best value; the smaller model where two are level."""
        sign = 1 if self.maximize else -1
        done = [trial for trial in trials if trial.state == "finished" and trial.value is not None]
        return max(done, key=lambda one: (sign * (one.value or 0.0), -(one.parameters or 0)), default=None)


@dataclass(frozen=True)
class Trial:
    """One training of a sweep, as it is at this moment."""

    sweep: str
    number: int
    state: State
    params: dict[str, Value]
    """The parameters that differ between trials, as the sweep file calls them."""
    values: dict[int, float]
    """The metric after each round."""
    value: float | None
    """The best of them so far."""
    started: datetime | None
    seconds: float | None
    """Of training, validation included."""
    folder: Path
    """Its checkpoint, settings and log."""
    run: str
    """Its id in the run store; empty while it has none."""
    parameters: int | None
    """Of the model."""
    latency: float | None
    """Milliseconds in which the trained model reads one strip on the machine that trained it."""
    why: str
    """Why it failed; empty otherwise."""

    @property
    def checkpoint(self) -> Path:
        """Where its best checkpoint lies, once a round was validated."""
        return self.folder / BEST


@dataclass(frozen=True)
class Group:
    """The finished trials that have one value of a setting."""

    setting: Value
    mean: float
    spread: float
    """Standard deviation; 0 of a single trial."""
    trials: tuple[Trial, ...]


# A sweep and its folder


def begin(
    text: str,
    name: str,
    base: RunSettings,
    *,
    trials: int | None = None,
    sample: bool = False,
    storage: str = "",
) -> Sweep:
    """Make the folder of a sweep, or find it where the same was begun before; then `trials` may differ.

    Raises `SettingsError` for a file that cannot be tried out, and `SweepError` where another sweep has that name.
    """
    plan = read_plan(text, base)
    if not name.strip():
        raise SweepError("the sweep has no name; pass --name, or write name: in the sweep file")
    folder = _folder(name)
    total = plan.trials if trials is None or plan.settings.method == "grid" else trials
    if folder.exists():
        before = load(name)
        if (before.plan, before.sample) != (plan, sample):
            raise SweepError(
                f"there is a sweep {name!r} already, with other parameters, another preset or other digits; choose another name"
            )
        total = before.trials if trials is None or plan.settings.method == "grid" else trials
        storage = storage or before.storage
    folder.mkdir(parents=True, exist_ok=True)
    about = {"name": name, "trials": total, "sample": sample, "storage": storage, "base": base.model_dump()}
    write_text(folder / _FILE, text)
    write_text(folder / _ABOUT, json.dumps(about, indent=2))
    return Sweep(name, folder, text, plan, total, sample, storage)


def load(name: str) -> Sweep:
    """The sweep of that name. Raises `SweepError` where there is none, or its folder is broken."""
    folder = _folder(name)
    if not folder.is_dir():
        raise SweepError(f"there is no sweep {name!r} in {folder.parent}; see python -m core sweep --help")
    return open_sweep(folder)


def open_sweep(folder: Path) -> Sweep:
    """The sweep in that folder. Raises `SweepError` where it is broken."""
    try:
        about = json.loads((folder / _ABOUT).read_text(encoding="utf-8"))
        text = (folder / _FILE).read_text(encoding="utf-8")
        base = validated(RunSettings, about["base"], source=str(folder / _ABOUT))
        plan = read_plan(text, base, source=str(folder / _FILE))
        return Sweep(
            str(about["name"]),
            folder,
            text,
            plan,
            int(about["trials"]),
            bool(about["sample"]),
            str(about["storage"]),
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise SweepError(
            f"the sweep in {folder} is broken ({error}); mend it, or move the folder away"
        ) from error


def sweeps() -> list[Sweep]:
    """All sweeps, newest first. A folder that is broken is left out."""
    home = lab.root() / "sweeps"
    folders = (
        sorted(home.iterdir(), key=lambda one: one.stat().st_ctime, reverse=True) if home.is_dir() else []
    )
    found = []
    for folder in folders:
        with contextlib.suppress(SettingsError):
            found.append(open_sweep(folder))
    return found


def stamp(sweep: Sweep) -> tuple[int, int]:
    """Changes whenever its journal does; of a database, each second."""
    if sweep.storage:
        return int(time.time()), 0
    with contextlib.suppress(OSError):
        journal = (sweep.folder / _JOURNAL).stat()
        return journal.st_mtime_ns, journal.st_size
    return 0, 0


def _folder(name: str) -> Path:
    """A name that is no plain word gets one, with a mark of its own, so that no two names meet and none leads elsewhere."""
    plain = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:60] or "sweep"
    mark = "" if plain == name else f"-{hashlib.sha256(name.encode()).hexdigest()[:8]}"
    return lab.root() / "sweeps" / f"{plain}{mark}"


# Running it


def run(
    sweep: Sweep, mnist: Mnist, store: Store | None, search: Callable[[RunSettings], Finds | None]
) -> Generator[tuple[Trial, Step | Epoch | None], None, None]:
    """Train the trials that are still to be done. Yields a trial without a record when it begins and when it ends, and with each of its records.

    `search` finds what the settings' `found_share` of canvases shows. Closing the iterator saves the trial at the step
    that was reached; the next `run` goes on from there. Raises `SweepError` where the sweep is run by another process or its
    storage cannot be used, `StoreError`, and OSError for a full disk. A trial that fails otherwise is told, and the sweep goes on.
    """
    lock = FileLock(sweep.folder / _LOCK)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise SweepError(
            f"the sweep {sweep.name!r} is being run by another process; wait for it, or stop it first"
        ) from None
    try:
        yield from _run(sweep, mnist, store, search)
    finally:
        lock.release()


def _run(
    sweep: Sweep, mnist: Mnist, store: Store | None, search: Callable[[RunSettings], Finds | None]
) -> Generator[tuple[Trial, Step | Epoch | None], None, None]:
    study = _study_to_run(sweep)
    _take_up_the_dead(study, sweep)
    _enqueue_grid(study, sweep)
    impossible = 0
    while _done(study) < sweep.trials and not _reached(study, sweep):
        if sweep.plan.grid and not _waiting(study):
            return  # the rest is in the hands of other machines
        trial = study.ask(_distributions(sweep.plan.settings.varied))
        trial.set_user_attr("owner", identity())
        try:
            settings = sweep.plan.run_settings(trial.params)
        except SettingsError as error:
            impossible += 1
            _fail(study, trial, str(error), impossible=True)
            if impossible == _IMPOSSIBLE:
                raise SweepError(
                    f"{impossible} times in a row, the values drawn do not go together; the last time: {error}"
                ) from error
            continue
        impossible = 0
        yield from _train(study, trial, sweep, settings, mnist, store, search(settings))


def _reached(study: optuna.Study, sweep: Sweep) -> bool:
    """Whether a trial is as good as the sweep's file asks for."""
    target = sweep.plan.settings.metric.target
    values = [trial.value for trial in study.get_trials(deepcopy=False) if trial.value is not None]
    if target is None or not values:
        return False
    return max(values) >= target if sweep.maximize else min(values) <= target


def _train(
    study: optuna.Study,
    trial: optuna.Trial,
    sweep: Sweep,
    settings: RunSettings,
    mnist: Mnist,
    store: Store | None,
    finds: Finds | None,
) -> Generator[tuple[Trial, Step | Epoch | None], None, None]:
    from optuna.trial import TrialState

    folder = sweep.folder / "trials" / trial.user_attrs.get("folder", f"{trial.number:04d}")
    folder.mkdir(parents=True, exist_ok=True)
    resume = (folder / STATE).exists()
    before: dict[str, float] = trial.user_attrs.get("values", {}) if resume else {}
    write_text(folder / SETTINGS, settings.model_dump_json(indent=2))
    trial.set_user_attr("folder", folder.name)
    trial.set_user_attr("parameters", parameter_count(build(settings)))
    name = _begin_run(trial, sweep, settings, mnist, folder, store) if store is not None else ""
    for epoch, value in before.items():
        trial.report(value, int(epoch))
    now = _trial(study, sweep, trial.number)
    yield now, None

    values = list(before.values())
    outcome: Outcome = "stopped"
    pruned, latency = False, 0.0
    try:
        with (
            contextlib.closing(fit(settings, mnist, folder, resume=resume, finds=finds)) as records,
            contextlib.closing(recorded(records, settings, folder, store, name)) as passed,
        ):
            for record, _ in passed:
                if isinstance(record, Epoch):
                    trial.set_user_attr("seconds", record.seconds)
                    if (
                        str(record.epoch) not in before
                    ):  # what was validated after the last save is validated again
                        values.append(float(record.scores[sweep.metric]))
                        trial.report(values[-1], record.epoch)
                        pruned = record.epoch < settings.training.epochs and trial.should_prune()
                    if record.epoch == settings.training.epochs:
                        latency = _latency(folder / BEST, record)
                    now = _trial(study, sweep, trial.number)
                yield now, record
                if pruned:
                    break
        if pruned:
            study.tell(trial, state=TrialState.PRUNED)
        else:
            trial.set_user_attr("latency", latency)
            study.tell(trial, max(values) if sweep.maximize else min(values))
            outcome = "finished"
        if pruned and store is not None:
            store.tag(name, "pruned")
        (folder / STATE).unlink(missing_ok=True)  # nothing goes on from it any more
    except (TrainingDiverged, CheckpointError) as error:
        outcome = "failed"
        _fail(study, trial, str(error))
    finally:
        if store is not None:
            keep(store, name, folder, outcome)
    yield _trial(study, sweep, trial.number), None


def _begin_run(
    trial: optuna.Trial, sweep: Sweep, settings: RunSettings, mnist: Mnist, folder: Path, store: Store
) -> str:
    """The trial's name in the run store: a new one, or that of the trial which goes on."""
    name = str(trial.user_attrs.get("run", ""))
    if name:
        store.go_on(name)
    else:
        about = {**provenance(settings, mnist), "folder": str(folder)}
        name = store.begin(f"{sweep.name} {trial.number}", settings, about)
        trial.set_user_attr("run", name)
        store.tag(name, "sweep", sweep.name)
    store.tag(name, "trial", str(trial.number))
    return name


def _latency(checkpoint: Path, epoch: Epoch) -> float:
    """Milliseconds to read one of the canvases that are read in every round."""
    model = load_checkpoint(checkpoint).model.eval()
    strips = torch.from_numpy(epoch.watched.strips[:, None]).float() / 255
    times = []
    with torch.inference_mode():
        for strip in [*strips[:1], *strips, *strips]:  # the first warms up
            begun = time.perf_counter()
            model.read(strip[None])
            times.append(time.perf_counter() - begun)
    return 1000 * statistics.median(times[1:])


def _fail(study: optuna.Study, trial: optuna.Trial, why: str, *, impossible: bool = False) -> None:
    from optuna.trial import TrialState

    trial.set_user_attr("why", why)
    trial.set_user_attr("impossible", impossible)
    study.tell(trial, state=TrialState.FAIL)


def _take_up_the_dead(study: optuna.Study, sweep: Sweep) -> None:
    """Close the trials whose process is gone, and put a successor of each in the queue."""
    from optuna.trial import TrialState

    trials = study.get_trials(deepcopy=False)
    succeeded = _succeeded(trials)
    for trial in trials:
        # A journal belongs to whoever holds the lock. Of a database only our own machine's processes can be known.
        if trial.state is not TrialState.RUNNING or (sweep.storage and _alive(trial, sweep)):
            continue
        if trial.number not in succeeded:
            passed_on = {key: value for key, value in trial.user_attrs.items() if key in ("folder", "run")}
            values = {str(epoch): value for epoch, value in trial.intermediate_values.items()}
            study.enqueue_trial(trial.params, {**passed_on, "values": values, "goes_on": trial.number})
        study.tell(trial.number, state=TrialState.FAIL)


def _enqueue_grid(study: optuna.Study, sweep: Sweep) -> None:
    there = {trial.user_attrs.get("combination") for trial in study.get_trials(deepcopy=False)}
    for number, params in enumerate(sweep.plan.grid):
        if number not in there:
            study.enqueue_trial(dict(params), {"combination": number})


def _done(study: optuna.Study) -> int:
    """Trials that are over, and those that other machines are training."""
    from optuna.trial import TrialState

    trials = study.get_trials(deepcopy=False)
    succeeded = _succeeded(trials)
    return sum(
        trial.state is not TrialState.WAITING
        and trial.number not in succeeded
        and not trial.user_attrs.get("impossible")
        for trial in trials
    )


def _waiting(study: optuna.Study) -> bool:
    from optuna.trial import TrialState

    return bool(study.get_trials(deepcopy=False, states=(TrialState.WAITING,)))


def _succeeded(trials: Sequence[optuna.trial.FrozenTrial]) -> set[int]:
    """The numbers of trials which others go on with."""
    return {trial.user_attrs["goes_on"] for trial in trials if "goes_on" in trial.user_attrs}


def _alive(trial: optuna.trial.FrozenTrial, sweep: Sweep) -> bool:
    owner = trial.user_attrs.get("owner")
    # Without one it was begun this very moment, perhaps on another machine.
    known = alive(owner) if owner else None
    return bool(sweep.storage) if known is None else known


# Optuna


def _study(sweep: Sweep) -> optuna.Study | None:
    """The sweep's study, to read; None where no trial was begun yet. Raises `SweepError`."""
    import optuna

    if not sweep.storage and not (sweep.folder / _JOURNAL).exists():
        return None
    with _readable(sweep):
        try:
            return optuna.load_study(study_name=sweep.name, storage=_storage(sweep))
        except KeyError:
            return None


def _study_to_run(sweep: Sweep) -> optuna.Study:
    """The sweep's study, made where there is none. Raises `SweepError`."""
    import optuna

    with _readable(sweep):
        if not sweep.storage:
            _mend(sweep.folder / _JOURNAL)
        study = optuna.create_study(
            storage=_storage(sweep),
            study_name=sweep.name,
            direction="maximize" if sweep.maximize else "minimize",
            load_if_exists=True,
        )
        study.sampler = _sampler(sweep, len(study.get_trials(deepcopy=False)))
        study.pruner = _pruner(sweep.plan)
        return study


def _storage(sweep: Sweep) -> str | optuna.storages.BaseStorage:
    import optuna
    from optuna.storages.journal import JournalFileBackend

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    journal = sweep.folder / _JOURNAL
    return sweep.storage or optuna.storages.JournalStorage(JournalFileBackend(str(journal)))


@contextlib.contextmanager
def _readable(sweep: Sweep) -> Iterator[None]:
    """Whatever a storage has to say, each in its own words, is said as a `SweepError`."""
    try:
        yield
    except Exception as error:
        where = "its database" if sweep.storage else str(sweep.folder / _JOURNAL)
        raise SweepError(
            f"the trials of {sweep.name!r} cannot be read from {where}: {' '.join(str(error).split())}; "
            "check that it is there, whole and writable"
        ) from error


def _mend(journal: Path) -> None:
    """Take away what a process left that was killed while it wrote: half a line, and its lock."""
    Path(f"{journal}.lock").unlink(missing_ok=True)
    if journal.exists():
        kept = journal.read_bytes()
        whole = kept.rfind(b"\n") + 1
        if whole != len(kept):
            os.truncate(journal, whole)


def _sampler(sweep: Sweep, trials: int) -> optuna.samplers.BaseSampler:
    """As the method says. Its seed moves on with the trials, or a sweep that goes on would draw the same again."""
    import optuna

    seed = sweep.plan.base.training.seed + trials
    if sweep.plan.settings.method == "bayes":
        return optuna.samplers.TPESampler(seed=seed)
    return optuna.samplers.RandomSampler(seed=seed)


def _pruner(plan: Plan) -> optuna.pruners.BasePruner:
    import optuna

    early = plan.settings.early_terminate
    if early is None:
        return optuna.pruners.NopPruner()
    if early.type == "median":
        return optuna.pruners.MedianPruner(n_startup_trials=4, n_warmup_steps=early.first - 1)
    return optuna.pruners.HyperbandPruner(early.first, plan.epochs, early.eta)


def _distributions(parameters: dict[str, Parameter]) -> dict[str, optuna.distributions.BaseDistribution]:
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    made: dict[str, optuna.distributions.BaseDistribution] = {}
    for name, parameter in parameters.items():
        if parameter.choices is not None:
            made[name] = CategoricalDistribution(parameter.choices)
            continue
        drawn = parameter.range
        if (
            drawn.log and drawn.step
        ):  # Optuna has no steps by magnitude; `Plan.run_settings` takes the nearest multiple
            made[name] = FloatDistribution(drawn.low, drawn.high, log=True)
        elif drawn.whole:
            made[name] = IntDistribution(int(drawn.low), int(drawn.high), step=int(drawn.step or 1))
        else:
            made[name] = FloatDistribution(drawn.low, drawn.high, log=drawn.log, step=drawn.step)
    return made


# Reading it


def trials(sweep: Sweep) -> list[Trial]:
    """Its trials in order; of one that was taken up again, only the last. Raises `SweepError`."""
    study = _study(sweep)
    if study is None:
        return []
    known = study.get_trials(deepcopy=False)
    succeeded = _succeeded(known)
    return [_plain(one, sweep) for one in known if one.number not in succeeded]


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


def figure(
    kind: str, sweep: Sweep, params: Sequence[str] = (), *, beside: Sequence[Sweep] = ()
) -> go.Figure | None:
    """One of `FIGURES`, drawn by Optuna; None while there are too few trials for it. `params` are all where none is named.

    A history also shows the sweeps `beside` it.

    Raises `SweepError`.
    """
    from optuna import visualization
    from optuna.importance import PedAnovaImportanceEvaluator

    study = _study(sweep)
    if study is None:
        return None
    name = sweep.metric
    some = list(params) or None
    known = [trial.state.name for trial in study.get_trials(deepcopy=False)]
    finished = known.count("COMPLETE")
    if not known or finished < _NEEDED.get(kind, 2):
        return None
    try:
        if kind == "history":
            others = [other for one in beside if (other := _study(one)) is not None]
            return visualization.plot_optimization_history([study, *others], target_name=name)
        if kind == "parallel coordinates":
            return visualization.plot_parallel_coordinate(study, some, target_name=name)
        if kind == "importance":
            with warnings.catch_warnings():
                warnings.filterwarnings("error", message="Target and region quantiles")
                # How the best differ from the rest: of a single best one, every setting would be as good a reason.
                best = PedAnovaImportanceEvaluator(target_quantile=max(0.1, 4 / finished))
                return visualization.plot_param_importances(study, best, some, target_name=name)
        if kind == "slice":
            return visualization.plot_slice(study, some, target_name=name)
        if kind == "contour":
            return visualization.plot_contour(study, some, target_name=name)
        if kind == "intermediate values":
            return visualization.plot_intermediate_values(study)
        return visualization.plot_timeline(study)
    except (ValueError, RuntimeError, UserWarning):  # Optuna's way to say that it needs more
        return None


def _trial(study: optuna.Study, sweep: Sweep, number: int) -> Trial:
    return _plain(study.get_trials(deepcopy=False)[number], sweep)


def _plain(trial: optuna.trial.FrozenTrial, sweep: Sweep) -> Trial:
    attributes = trial.user_attrs
    values = list(trial.intermediate_values.values())
    best = (max(values) if sweep.maximize else min(values)) if values else None
    return Trial(
        sweep=sweep.name,
        number=trial.number,
        state=_state(trial, sweep),
        params=sweep.plan.in_steps(trial.params or trial.system_attrs.get("fixed_params", {})),
        values=dict(trial.intermediate_values),
        value=best,
        started=trial.datetime_start.astimezone(UTC) if trial.datetime_start else None,
        seconds=attributes.get("seconds"),
        folder=sweep.folder / "trials" / attributes.get("folder", f"{trial.number:04d}"),
        run=attributes.get("run", ""),
        parameters=attributes.get("parameters"),
        latency=attributes.get("latency"),
        why=attributes.get("why", ""),
    )


def _state(trial: optuna.trial.FrozenTrial, sweep: Sweep) -> State:
    from optuna.trial import TrialState

    if trial.state is TrialState.RUNNING:
        return "running" if _alive(trial, sweep) else "interrupted"
    if trial.state is TrialState.COMPLETE:
        return "finished"
    if trial.state is TrialState.PRUNED:
        return "pruned"
    return "waiting" if trial.state is TrialState.WAITING else "failed"
