"""python -m core train: a training with a progress bar, its folder and its run in the store."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from tqdm import tqdm
from tyro.conf import arg

from core.commands.arguments import OptionalPath, Switch, parse_with_settings
from core.commands.data import mnist_or_sample
from core.commands.learning import Stop, keep_memory, task_of
from core.config import RunSettings
from core.data.mnist import Mnist
from core.files import write_text
from core.model.checkpoint import parameter_count
from core.training.engine import BEST, Epoch, Step, check_folder, fit
from core.training.scores import SHOWN_FIRST, score_of
from core.training.store.recording import SETTINGS, Outcome, keep, provenance, recorded
from core.training.store.tracking import Store
from core.training.task import Task

RUN = "run.txt"
"""In a run's folder: its name in the store."""


@dataclass(frozen=True)
class Train:
    """Trains a model: into a folder with its best checkpoint and a log, and as a run in the run store.

    The settings are those of a preset, changed by a JSON file, changed by single flags.
    """

    out: Path = Path("runs/latest")
    """the folder of this training"""
    name: Annotated[str, arg(help_behavior_hint="(default: the folder's)")] = ""
    """what the run is called in the run store"""
    untracked: Switch = False
    """record no run in the run store"""
    start: OptionalPath = None
    """a checkpoint whose weights to begin with, instead of random ones"""
    resume: Switch = False
    """go on with the training in that folder from where it stopped"""
    sample: Switch = False
    """train on the bundled sample of MNIST, without the network"""

    def __call__(self, settings: RunSettings) -> int:
        """Gather what the training needs, and train."""
        mnist = mnist_or_sample(sample=self.sample)
        store = None if self.untracked else Store()
        return train(
            settings, mnist, self.out, self.name or self.out.name, store, start=self.start, resume=self.resume
        )


def main(argv: list[str]) -> int:
    """Run the command."""
    chosen, settings = parse_with_settings(Train, argv)
    return chosen(settings)


def train(
    settings: RunSettings,
    mnist: Mnist,
    folder: Path,
    name: str,
    store: Store | None,
    *,
    start: Path | None = None,
    resume: bool = False,
) -> int:
    """Train with a progress bar. Ctrl-C saves at the next step and ends with the command that goes on."""
    keep_memory()
    check_folder(folder, resume=resume)
    task = task_of(settings, mnist, folder, start)
    folder.mkdir(parents=True, exist_ok=True)
    write_text(folder / SETTINGS, settings.model_dump_json(indent=2))
    run = _run(store, task, folder, name, resume=resume) if store is not None else ""
    size = parameter_count(task.build())
    source = "the bundled SAMPLE of MNIST" if mnist.is_sample else "all of MNIST"
    if settings.model.kind == "finder":
        source = f"{settings.scenes.count:,} scenes with {source}"
    print(
        f"{settings.model.kind} model, {size:,} parameters, {settings.training.steps:,} steps on {source}, into {folder}"
    )
    outcome: Outcome = "failed"
    try:
        # Closed here and not by the garbage collector, which would swallow a full disk.
        with (
            Stop() as stopping,
            contextlib.closing(fit(task, folder, resume=resume)) as records,
            tqdm(total=settings.training.steps, unit="step", dynamic_ncols=True, smoothing=0.02) as bar,
        ):
            clean = ""
            for record, loss in recorded(records, settings, folder, store, run):
                if isinstance(record, Step):
                    bar.update(record.step - bar.n)
                    speed = settings.training.batch_size / record.seconds
                    bar.set_postfix_str(f"loss {loss:.3f}, {speed:.0f} images/s{clean}", refresh=False)
                else:
                    first = {name: value for name, value in record.scores.items() if name in SHOWN_FIRST}
                    clean = "".join(f", {name} {score_of(name).text(value)}" for name, value in first.items())
                    tqdm.write(_line(record))
                if stopping.asked:
                    break
        outcome = "stopped" if stopping.asked else "finished"
    finally:
        if store is not None:
            keep(store, run, folder, outcome)
    if outcome == "stopped":
        print(f"stopped at a whole step; go on with the same command and --resume (saved in {folder})")
        return 130
    print(f"done; the best checkpoint is {folder / BEST}")
    return 0


def _run(store: Store, task: Task[Any], folder: Path, name: str, *, resume: bool) -> str:
    """The store's name for this training: a new one, or that of the training which goes on."""
    path = folder / RUN
    if resume and path.exists():
        run = path.read_text(encoding="utf-8").strip()
        store.go_on(run)
        return run
    run = store.begin(name, task.settings, {**provenance(task), "folder": str(folder.absolute())})
    write_text(path, run)
    return run


def _line(record: Epoch) -> str:
    scores = ", ".join(
        f"{name} {score_of(name).text(value)}"
        for name, value in record.scores.items()
        if name != "calibration"
    )
    return f"epoch {record.epoch}: {scores}{' (best so far, kept)' if record.is_best else ''}"
