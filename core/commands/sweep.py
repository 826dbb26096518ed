"""python -m core sweep: a sweep file in, a trained trial for each of its combinations out, each a run in the store."""

from __future__ import annotations

import argparse
import contextlib
import hashlib
from pathlib import Path

from tqdm import tqdm

from core.commands.arguments import explained, mnist_or_sample, whole
from core.commands.learning import Stop, finds_of, keep_memory
from core.config import PRESETS, RunSettings, SettingsError
from core.data.canvases.tiles import Finds
from core.data.mnist import Mnist
from core.training.engine import Epoch, Step
from core.training.store.tracking import Store, StoreError
from core.training.sweeps import file
from core.training.sweeps.file import PRESET
from core.training.sweeps.study import Sweep, SweepError, Trial, begin, open_sweep, run, trials


def main(argv: list[str]) -> int:
    """`FILE` or `FOLDER`, `--name`, `--trials`, `--preset`, `--storage`, `--sample`, `--untracked`. The same command goes on with a sweep that was interrupted."""
    parser = argparse.ArgumentParser(
        prog="python -m core sweep",
        description=file.__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "file",
        type=Path,
        metavar="FILE",
        help="the sweep file, YAML or JSON; or the folder of a sweep that is to go on",
    )
    parser.add_argument(
        "--name",
        default="",
        help="what the sweep is called (default: as the file says, or the file's own name)",
    )
    parser.add_argument(
        "--trials",
        type=whole,
        default=None,
        help="how many, for methods random and bayes (default: run_cap of the file, or 20)",
    )
    parser.add_argument(
        "--preset",
        choices=sorted(PRESETS),
        default=PRESET,
        help=f"what the parameters leave out (default: {PRESET})",
    )
    parser.add_argument(
        "--storage",
        default="",
        metavar="URL",
        help="a database that several machines share (default: a journal in the sweep's folder)",
    )
    parser.add_argument("--sample", action="store_true", help="train on the bundled sample of MNIST")
    parser.add_argument("--untracked", action="store_true", help="record no runs in the run store")
    chosen = parser.parse_args(argv)

    def command() -> int:
        sweep = _begun(chosen)
        mnist = mnist_or_sample(sample=sweep.sample)
        try:
            return sweep_trials(sweep, mnist, None if chosen.untracked else Store())
        except StoreError as error:
            raise SweepError(f"{error}; the same command goes on then") from error

    return explained(command)


def sweep_trials(sweep: Sweep, mnist: Mnist, store: Store | None) -> int:
    """Train what is left of a sweep, and say of each trial how it went. Ctrl-C saves at the next step."""
    keep_memory()
    print(
        f"sweep {sweep.name!r}: {sweep.plan.settings.method}, {sweep.trials} trials for the {'best' if sweep.maximize else 'lowest'} "
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
        contextlib.closing(run(sweep, mnist, store, search)) as records,
        tqdm(unit="step", dynamic_ncols=True, leave=False) as bar,
    ):
        for trial, record in records:
            if isinstance(record, Step):
                bar.update(record.step - bar.n)
            elif isinstance(record, Epoch):
                bar.set_postfix_str(f"{sweep.metric} {record.scores[sweep.metric]:.2%}", refresh=False)
            else:
                if trial.state == "running":
                    bar.reset(sweep.plan.run_settings(trial.params).training.steps)
                    bar.set_description(f"trial {trial.number}")
                tqdm.write(_line(trial, sweep))
            if stopping.asked:
                break
    if stopping.asked:
        print("stopped at a whole step; go on with the same command")
        return 130
    return _said(sweep)


def _begun(chosen: argparse.Namespace) -> Sweep:
    """A new sweep, or the one to go on with."""
    if chosen.file.is_dir():
        known = open_sweep(chosen.file)
        return begin(known.text, known.name, known.plan.base, trials=chosen.trials, sample=known.sample)
    text = _text(chosen.file)
    return begin(
        text,
        chosen.name or file.name_in(text) or chosen.file.stem,
        PRESETS[chosen.preset],
        trials=chosen.trials,
        sample=chosen.sample,
        storage=chosen.storage,
    )


def _said(sweep: Sweep) -> int:
    """What came of it; a sweep without any finished trial is a failure."""
    best = sweep.best(trials(sweep))
    if best is None:
        print(f"no trial was finished; see why above, and mend {sweep.folder / 'sweep.yaml'}")
        return 1
    print(f"best: {_line(best, sweep)}\nits checkpoint is {best.checkpoint}")
    return 0


def _line(trial: Trial, sweep: Sweep) -> str:
    chosen = ", ".join(f"{name} {_short(value)}" for name, value in trial.params.items())
    line = f"trial {trial.number}: {chosen}"
    if trial.state == "failed":
        return f"{line}: failed: {trial.why}"
    if trial.state == "running" or trial.value is None:
        return f"{line} ..."
    after = f"{trial.seconds:.0f} s, " if trial.seconds is not None else ""
    given_up = f", given up after round {max(trial.values)}" if trial.state == "pruned" else ""
    return f"{line}: {sweep.metric} {trial.value:.2%} ({after}{trial.parameters:,} parameters){given_up}"


def _short(value: file.Value) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise SettingsError(f"cannot read the sweep file {path}: {error.strerror}; check the path") from error
    except UnicodeDecodeError as error:
        raise SettingsError(f"the sweep file {path} is no text; it must be YAML or JSON in UTF-8") from error
