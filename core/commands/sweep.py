"""python -m core sweep: a training for each combination of a sweep file, each a run in the store."""

from __future__ import annotations

import contextlib
import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from tqdm import tqdm
from tyro.conf import Positional, arg

from core.commands.arguments import Count, Preset, Switch, parse
from core.commands.data import mnist_or_sample
from core.commands.learning import Stop, finds_of, keep_memory
from core.config import PRESETS, RunSettings, SettingsError
from core.data.canvases.tiles import Finds
from core.data.mnist import Mnist
from core.structured import StructureError, decoded
from core.training.engine import Epoch, Step
from core.training.scores import score_of
from core.training.store.tracking import Store, StoreError
from core.training.sweeps import file, running, study
from core.training.sweeps.file import PRESET
from core.training.sweeps.study import SweepError


@dataclass(frozen=True)
class Sweep:
    # Its description is the module's on sweep files.
    file: Positional[Path]
    """the sweep file, YAML or JSON; or the folder of a sweep that is to go on"""
    name: Annotated[str, arg(help_behavior_hint="(default: as the file says, or the file's own name)")] = ""
    """what the sweep is called"""
    trials: Count = None
    """how many, for methods random and bayes (default: run_cap of the file, or 20)"""
    preset: Preset = PRESET
    """what the parameters leave out"""
    storage: Annotated[
        str, arg(metavar="URL", help_behavior_hint="(default: a journal in the sweep's folder)")
    ] = ""
    """a database that several machines share"""
    sample: Switch = False
    """train on the bundled sample of MNIST"""
    untracked: Switch = False
    """record no runs in the run store"""

    def __call__(self) -> int:
        """Begin or go on."""
        sweep = self._begun()
        mnist = mnist_or_sample(sample=sweep.sample)
        try:
            return sweep_trials(sweep, mnist, None if self.untracked else Store())
        except StoreError as error:
            raise SweepError(f"{error}; the same command goes on then") from error

    def _begun(self) -> study.Sweep:
        """A new sweep, or the one to go on with."""
        if self.file.is_dir():
            known = study.open_sweep(self.file)
            return study.begin(
                known.text, known.name, known.plan.base, trials=self.trials, sample=known.sample
            )
        text = _text(self.file)
        name = self.name or file.name_in(text) or self.file.stem
        base = PRESETS[self.preset]
        return study.begin(text, name, base, trials=self.trials, sample=self.sample, storage=self.storage)


def main(argv: list[str]) -> int:
    """Run the command."""
    return parse(Sweep, argv, description=file.__doc__)()


def sweep_trials(sweep: study.Sweep, mnist: Mnist, store: Store | None) -> int:
    """Train what is left of a sweep, and say of each trial how it went. Ctrl-C saves at the next step."""
    keep_memory()
    print(
        f"sweep {sweep.name!r}: {sweep.plan.settings.method}, {sweep.trials} runs for the {'best' if sweep.maximize else 'lowest'} "
        f"{sweep.metric}, into {sweep.folder}"
    )
    for combination in sweep.plan.left_out:
        print(f"left out, for it cannot be trained: {combination}")

    def search(settings: RunSettings) -> Finds | None:
        if not settings.canvas.found_share:
            return None
        mark = hashlib.sha256(settings.canvas.model_dump_json().encode()).hexdigest()[:12]
        return finds_of(settings, mnist, sweep.folder / "finds" / mark)

    with (
        Stop() as stopping,
        contextlib.closing(running.run(sweep, mnist, store, search)) as records,
        tqdm(unit="step", dynamic_ncols=True, leave=False) as bar,
    ):
        for trial, record in records:
            if isinstance(record, Step):
                bar.update(record.step - bar.n)
            elif isinstance(record, Epoch):
                bar.set_postfix_str(
                    f"{sweep.metric} {score_of(sweep.metric).text(record.scores[sweep.metric])}",
                    refresh=False,
                )
            else:
                if trial.state == "running":
                    bar.reset(sweep.plan.run_settings(trial.params).training.steps)
                    bar.set_description(f"run {trial.number}")
                tqdm.write(_line(trial, sweep))
            if stopping.asked:
                break
    if stopping.asked:
        print("stopped at a whole step; go on with the same command")
        return 130
    return _said(sweep)


def _said(sweep: study.Sweep) -> int:
    """What came of it; a sweep without any finished trial is a failure."""
    best = sweep.best(study.trials(sweep))
    if best is None:
        print(f"no run was finished; see why above, and mend {sweep.folder / 'sweep.yaml'}")
        return 1
    print(f"best: {_line(best, sweep)}\nits checkpoint is {best.checkpoint}")
    return 0


def _line(trial: study.Trial, sweep: study.Sweep) -> str:
    chosen = ", ".join(f"{name} {_short(value)}" for name, value in trial.params.items())
    line = f"run {trial.number}: {chosen}"
    if trial.state == "failed":
        return f"{line}: failed: {trial.why}"
    if trial.state == "running" or trial.value is None:
        return f"{line} ..."
    after = f"{trial.seconds:.0f} s, " if trial.seconds is not None else ""
    given_up = f", given up after epoch {max(trial.values)}" if trial.state == "pruned" else ""
    return f"{line}: {sweep.metric} {score_of(sweep.metric).text(trial.value)} ({after}{trial.parameters:,} parameters){given_up}"


def _short(value: file.Value) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def _text(path: Path) -> str:
    try:
        return decoded(path.read_bytes())
    except OSError as error:
        raise SettingsError(f"cannot read the sweep file {path}: {error.strerror}; check the path") from error
    except StructureError as error:
        raise SettingsError(f"the sweep file {path}: {error}") from error
