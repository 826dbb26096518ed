"""python -m core train: settings in, a folder with the best checkpoint and a log, and a run in the store out."""

from __future__ import annotations

import argparse
import contextlib
from pathlib import Path

from tqdm import tqdm

from core.commands.arguments import explained, mnist_or_sample, run_settings
from core.commands.learning import Stop, finds_of, keep_memory
from core.config import RunSettings
from core.data.mnist import Mnist
from core.files import write_text
from core.model.checkpoint import Checkpoint, build, load_checkpoint, parameter_count
from core.training.engine import BEST, Epoch, Step, check_folder, fit
from core.training.store.recording import SETTINGS, Outcome, keep, provenance, recorded
from core.training.store.tracking import Store

RUN = "run.txt"
"""In a run's folder: its name in the store."""


def main(argv: list[str]) -> int:
    """`--out FOLDER` (default runs/latest), `--name NAME` (in the run store), `--untracked` (in no store), `--start CHECKPOINT` (its weights,
    not random ones), `--resume`, `--sample`, `--preset`, `--config`, and a flag for each setting."""
    chooser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    chooser.add_argument("--out", type=Path, default=Path("runs/latest"))
    chooser.add_argument("--name", default="")
    chooser.add_argument("--untracked", action="store_true")
    chooser.add_argument("--start", type=Path, default=None)
    chooser.add_argument("--resume", action="store_true")
    chooser.add_argument("--sample", action="store_true")
    chosen, rest = chooser.parse_known_args(argv)

    def command() -> int:
        settings = run_settings(
            rest,
            "train [--out FOLDER] [--name NAME] [--untracked] [--start CHECKPOINT] [--resume] [--sample]",
        )
        start = load_checkpoint(chosen.start) if chosen.start is not None else None
        mnist = mnist_or_sample(sample=chosen.sample)
        store = None if chosen.untracked else Store()
        name = chosen.name or chosen.out.name
        return train(settings, mnist, chosen.out, name, store, start=start, resume=chosen.resume)

    return explained(command)


def train(
    settings: RunSettings,
    mnist: Mnist,
    folder: Path,
    name: str,
    store: Store | None,
    *,
    start: Checkpoint | None = None,
    resume: bool = False,
) -> int:
    """Train with a progress bar. Ctrl-C saves at the next step and ends with the command that goes on."""
    keep_memory()
    check_folder(folder, resume=resume)
    finds = finds_of(settings, mnist, folder) if settings.canvas.found_share else None
    folder.mkdir(parents=True, exist_ok=True)
    write_text(folder / SETTINGS, settings.model_dump_json(indent=2))
    run = _run(store, settings, mnist, folder, name, resume=resume) if store is not None else ""
    size = parameter_count(build(settings))
    source = "the bundled SAMPLE of MNIST" if mnist.is_sample else "all of MNIST"
    print(
        f"{settings.model.kind} model, {size:,} parameters, {settings.training.steps:,} steps on {source}, into {folder}"
    )
    outcome: Outcome = "failed"
    try:
        # Closed here and not by the garbage collector, which would swallow a full disk.
        with (
            Stop() as stopping,
            contextlib.closing(
                fit(settings, mnist, folder, start=start, resume=resume, finds=finds)
            ) as records,
            tqdm(total=settings.training.steps, unit="step", dynamic_ncols=True, smoothing=0.02) as bar,
        ):
            clean = ""
            for record, loss in recorded(records, settings, folder, store, run):
                if isinstance(record, Step):
                    bar.update(record.step - bar.n)
                    speed = settings.training.batch_size / record.seconds
                    bar.set_postfix_str(f"loss {loss:.3f}, {speed:.0f} images/s{clean}", refresh=False)
                else:
                    clean = "".join(
                        f", {name} {record.scores[name]:.2%}"
                        for name in ("clean", "camera", "mnist")
                        if name in record.scores
                    )
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


def _run(store: Store, settings: RunSettings, mnist: Mnist, folder: Path, name: str, *, resume: bool) -> str:
    """The store's name for this training: a new one, or that of the training which goes on."""
    path = folder / RUN
    if resume and path.exists():
        run = path.read_text(encoding="utf-8").strip()
        store.go_on(run)
        return run
    run = store.begin(name, settings, {**provenance(settings, mnist), "folder": str(folder.absolute())})
    write_text(path, run)
    return run


def _line(record: Epoch) -> str:
    scores = ", ".join(
        f"{name} {value:.2%}" for name, value in record.scores.items() if name != "calibration"
    )
    return f"epoch {record.epoch}: {scores}{' (best so far, kept)' if record.is_best else ''}"
