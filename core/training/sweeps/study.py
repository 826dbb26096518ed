"""Sweeps and their trials: a folder with the sweep file as it was given, and a study of Optuna's beside it.

The folder holds the file, `about.json` (the sweep's name, where it is stored, what the file leaves out), Optuna's journal, and a folder
for each trial.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from core.config import RunSettings, SettingsError, validated
from core.files import write_json, write_text
from core.process import alive
from core.training import lab
from core.training.engine import BEST
from core.training.sweeps.file import Plan, Value, read_plan

if TYPE_CHECKING:
    import optuna

State = Literal["waiting", "running", "interrupted", "finished", "pruned", "failed"]
"""interrupted: its process is gone, and the sweep has not gone on since; pruned: given up, because others did better."""

_ABOUT, _FILE, _JOURNAL = "about.json", "sweep.yaml", "journal.log"


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
    """The metric after each epoch."""
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
        """Where its best checkpoint lies, once an epoch was validated."""
        return self.folder / BEST


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
    write_json(folder / _ABOUT, about)
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


# Its trials


def trials(sweep: Sweep) -> list[Trial]:
    """Its trials in order; of one that was taken up again, only the last. Raises `SweepError`."""
    study = study_of(sweep)
    if study is None:
        return []
    known = study.get_trials(deepcopy=False)
    others_go_on = replaced(known)
    return [_plain(one, sweep) for one in known if one.number not in others_go_on]


def trial_of(study: optuna.Study, sweep: Sweep, number: int) -> Trial:
    """One of its trials."""
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
        return "running" if is_alive(trial, sweep) else "interrupted"
    if trial.state is TrialState.COMPLETE:
        return "finished"
    if trial.state is TrialState.PRUNED:
        return "pruned"
    return "waiting" if trial.state is TrialState.WAITING else "failed"


def replaced(trials: Sequence[optuna.trial.FrozenTrial]) -> set[int]:
    """The numbers of trials which others go on with."""
    return {trial.user_attrs["goes_on"] for trial in trials if "goes_on" in trial.user_attrs}


def is_alive(trial: optuna.trial.FrozenTrial, sweep: Sweep) -> bool:
    """Whether the process of a trial that is said to run still lives."""
    owner = trial.user_attrs.get("owner")
    # Without one it was begun this very moment, perhaps on another machine.
    known = alive(owner) if owner else None
    return bool(sweep.storage) if known is None else known


# Optuna


def study_of(sweep: Sweep) -> optuna.Study | None:
    """The sweep's study, to read; None where no trial was begun yet. Raises `SweepError`."""
    import optuna

    if not sweep.storage and not (sweep.folder / _JOURNAL).exists():
        return None
    with _readable(sweep):
        try:
            return optuna.load_study(study_name=sweep.name, storage=_storage(sweep))
        except KeyError:
            return None


def study_to_run(sweep: Sweep) -> optuna.Study:
    """The sweep's study, made where there is none. Raises `SweepError`."""
    import optuna

    with _readable(sweep):
        if not sweep.storage:
            _mend(sweep.folder / _JOURNAL)
        return optuna.create_study(
            storage=_storage(sweep),
            study_name=sweep.name,
            direction="maximize" if sweep.maximize else "minimize",
            load_if_exists=True,
        )


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
            f"the runs of {sweep.name!r} cannot be read from {where}: {' '.join(str(error).split())}; "
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
