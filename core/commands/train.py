"""python -m core train: settings in, a folder with the best checkpoint and a log, and a run in the store out."""

from __future__ import annotations

import argparse
import contextlib
import ctypes
import signal
import sys
from pathlib import Path
from types import FrameType
from typing import Self

import torch
from tqdm import tqdm

from core.commands.arguments import explained, mnist_or_sample, run_settings
from core.config import RunSettings
from core.data.mnist import Mnist
from core.data.tiles import Finds
from core.model.checkpoint import Checkpoint, CheckpointError, build, load_checkpoint, parameter_count
from core.reading.finds import FRAMES, gather, load_finds, save_finds
from core.training.engine import BEST, Epoch, Step, check_folder, fit
from core.training.recording import SETTINGS, Outcome, keep, provenance, recorded
from core.training.tracking import Store

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # names of mallopt(3)

FINDS = "finds.npz"
"""In a run's folder: what the finder of numbers cut out of camera frames."""
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
    _keep_memory()
    check_folder(folder, resume=resume)
    finds = _finds(settings, mnist, folder) if settings.canvas.found_share else None
    folder.mkdir(parents=True, exist_ok=True)
    (folder / SETTINGS).write_text(settings.model_dump_json(indent=2), encoding="utf-8")
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
            _Stop() as stopping,
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
    path.write_text(run, encoding="utf-8")
    return run


def _finds(settings: RunSettings, mnist: Mnist, folder: Path) -> Finds:
    """Those of this training's folder, or new ones, which it keeps there."""
    path = folder / FINDS
    if path.exists():
        return load_finds(path)
    torch.set_num_threads(settings.training.threads)
    finds = None
    with tqdm(total=FRAMES, unit="frame", dynamic_ncols=True, desc="searching camera frames") as bar:
        for searched, so_far in gather(mnist.split("train"), settings.canvas):
            finds = so_far
            bar.update(searched - bar.n)
    if finds is None:
        raise CheckpointError("nothing was found in the frames that were searched; set found_share to 0")
    folder.mkdir(parents=True, exist_ok=True)
    save_finds(path, finds)
    return finds


def _keep_memory() -> None:
    """Ask the C library to keep what it has freed: each step needs the same memory again, and fetching it anew costs a tenth of a step."""
    with contextlib.suppress(OSError, AttributeError):  # only glibc has it
        keep = ctypes.CDLL(None).mallopt
        keep(_MMAP_THRESHOLD, 1 << 30)
        keep(_TRIM_THRESHOLD, (1 << 31) - 1)


class _Stop:
    """Whether Ctrl-C (or SIGTERM) asked to stop: a step is never cut in the middle."""

    def __enter__(self) -> Self:
        self.asked = False
        self._before = {
            number: signal.signal(number, self._ask) for number in (signal.SIGINT, signal.SIGTERM)
        }
        return self

    def __exit__(self, *error: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _ask(self, number: int, frame: FrameType | None) -> None:
        if self.asked:
            sys.exit(130)  # asked twice: at once, and the last saved state stands
        self.asked = True


def _line(record: Epoch) -> str:
    scores = ", ".join(
        f"{name} {value:.2%}" for name, value in record.scores.items() if name != "calibration"
    )
    return f"epoch {record.epoch}: {scores}{' (best so far, kept)' if record.is_best else ''}"
