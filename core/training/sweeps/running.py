"""Runs a sweep: its trials are trained one after the other, each a run in the store.

Whatever interrupts it, the same call goes on: a trial whose process is gone is taken up again from its last saved state.
"""

from __future__ import annotations

import contextlib
import statistics
import time
from collections.abc import Callable, Generator
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from filelock import FileLock, Timeout

from core.config import RunSettings, SettingsError
from core.data.canvases.tiles import Finds
from core.data.mnist import Mnist
from core.files import write_text
from core.model.checkpoint import CheckpointError, load_checkpoint, parameter_count
from core.process import identity
from core.training.engine import BEST, Epoch, Step, TrainingDiverged, fit
from core.training.lab import STATE
from core.training.reading_task import ReadingTask
from core.training.store.recording import SETTINGS, Outcome, keep, provenance, recorded
from core.training.store.tracking import Store
from core.training.sweeps.file import Parameter, Plan
from core.training.sweeps.study import Sweep, SweepError, Trial, is_alive, replaced, study_to_run, trial_of
from core.training.watch import Watched

if TYPE_CHECKING:
    import optuna

_LOCK = ".lock"
_IMPOSSIBLE = 20  # settings in a row that do not go together, until a sweep gives up drawing others


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
    study = study_to_run(sweep)
    study.sampler = _sampler(sweep, len(study.get_trials(deepcopy=False)))
    study.pruner = _pruner(sweep.plan)
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
        yield from _train(study, trial, sweep, ReadingTask(settings, mnist, search(settings)), store)


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
    task: ReadingTask,
    store: Store | None,
) -> Generator[tuple[Trial, Step | Epoch | None], None, None]:
    from optuna.trial import TrialState

    settings = task.settings
    folder = sweep.folder / "trials" / trial.user_attrs.get("folder", f"{trial.number:04d}")
    folder.mkdir(parents=True, exist_ok=True)
    resume = (folder / STATE).exists()
    before: dict[str, float] = trial.user_attrs.get("values", {}) if resume else {}
    write_text(folder / SETTINGS, settings.model_dump_json(indent=2))
    trial.set_user_attr("folder", folder.name)
    trial.set_user_attr("parameters", parameter_count(task.build()))
    name = _begin_run(trial, sweep, task, folder, store) if store is not None else ""
    for epoch, value in before.items():
        trial.report(value, int(epoch))
    now = trial_of(study, sweep, trial.number)
    yield now, None

    values = list(before.values())
    outcome: Outcome = "stopped"
    pruned, latency = False, 0.0
    try:
        with (
            contextlib.closing(fit(task, folder, resume=resume)) as records,
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
                    now = trial_of(study, sweep, trial.number)
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
    yield trial_of(study, sweep, trial.number), None


def _begin_run(trial: optuna.Trial, sweep: Sweep, task: ReadingTask, folder: Path, store: Store) -> str:
    """The trial's name in the run store: a new one, or that of the trial which goes on."""
    name = str(trial.user_attrs.get("run", ""))
    if name:
        store.go_on(name)
    else:
        about = {**provenance(task), "folder": str(folder)}
        name = store.begin(f"{sweep.name} {trial.number}", task.settings, about)
        trial.set_user_attr("run", name)
        store.tag(name, "sweep", sweep.name)
    store.tag(name, "trial", str(trial.number))
    return name


def _latency(checkpoint: Path, epoch: Epoch) -> float:
    """Milliseconds to read one of the canvases that are read in every epoch."""
    assert isinstance(epoch.watched, Watched)  # a sweep's models read
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
    others_go_on = replaced(trials)
    for trial in trials:
        # A journal belongs to whoever holds the lock. Of a database only our own machine's processes can be known.
        if trial.state is not TrialState.RUNNING or (sweep.storage and is_alive(trial, sweep)):
            continue
        if trial.number not in others_go_on:
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
    others_go_on = replaced(trials)
    return sum(
        trial.state is not TrialState.WAITING
        and trial.number not in others_go_on
        and not trial.user_attrs.get("impossible")
        for trial in trials
    )


def _waiting(study: optuna.Study) -> bool:
    from optuna.trial import TrialState

    return bool(study.get_trials(deepcopy=False, states=(TrialState.WAITING,)))


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
