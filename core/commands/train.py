"""python -m core train: settings in, a folder with the best checkpoint and a log of every record out."""

from __future__ import annotations

import argparse
import contextlib
import ctypes
import json
import signal
import sys
from dataclasses import asdict
from pathlib import Path
from types import FrameType
from typing import Any, Self

import torch
from tqdm import tqdm

from core.commands.arguments import explained, mnist_or_sample, run_settings
from core.config import RunSettings
from core.data.mnist import Mnist
from core.data.tiles import Finds
from core.model.checkpoint import Checkpoint, CheckpointError, build, load_checkpoint, parameter_count
from core.reading.finds import FRAMES, gather, load_finds, save_finds
from core.training.engine import BEST, Epoch, Step, fit

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # names of mallopt(3)

FINDS = "finds.npz"
"""In a run's folder: what the finder of numbers cut out of camera frames."""
LOG = "log.jsonl"
"""In a run's folder: one JSON object for each round and every 50 steps."""


def main(argv: list[str]) -> int:
    """`--out FOLDER` (default runs/latest), `--start CHECKPOINT` (its weights, not random ones), `--resume`, `--sample`, `--preset`, `--config`, and a flag for each setting."""
    chooser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    chooser.add_argument("--out", type=Path, default=Path("runs/latest"))
    chooser.add_argument("--start", type=Path, default=None)
    chooser.add_argument("--resume", action="store_true")
    chooser.add_argument("--sample", action="store_true")
    chosen, rest = chooser.parse_known_args(argv)

    def command() -> int:
        settings = run_settings(rest, "train [--out FOLDER] [--start CHECKPOINT] [--resume] [--sample]")
        start = load_checkpoint(chosen.start) if chosen.start is not None else None
        mnist = mnist_or_sample(sample=chosen.sample)
        return train(settings, mnist, chosen.out, start=start, resume=chosen.resume)

    return explained(command)


def train(
    settings: RunSettings,
    mnist: Mnist,
    folder: Path,
    *,
    start: Checkpoint | None = None,
    resume: bool = False,
) -> int:
    """Train with a progress bar. Ctrl-C saves at the next step and ends with the command that goes on."""
    _keep_memory()
    finds = _finds(settings, mnist, folder) if settings.canvas.found_share else None
    size = parameter_count(build(settings))
    source = "the bundled SAMPLE of MNIST" if mnist.is_sample else "all of MNIST"
    print(
        f"{settings.model.kind} model, {size:,} parameters, {settings.training.steps:,} steps on {source}, into {folder}"
    )
    # Closed here and not by the garbage collector, which would swallow a full disk.
    with (
        _Stop() as stopping,
        contextlib.closing(fit(settings, mnist, folder, start=start, resume=resume, finds=finds)) as records,
        tqdm(total=settings.training.steps, unit="step", dynamic_ncols=True, smoothing=0.02) as bar,
    ):
        clean = ""
        loss = 0.0
        for number, record in enumerate(records):
            if not number:
                _forget_from(folder, record.step)
            if isinstance(record, Step):
                loss = record.loss if not loss else 0.98 * loss + 0.02 * record.loss
                bar.update(record.step - bar.n)
                speed = settings.training.batch_size / record.seconds
                bar.set_postfix_str(f"loss {loss:.3f}, {speed:.0f} images/s{clean}", refresh=False)
                if record.step % 50 == 0:
                    _log(folder, {"kind": "step", **asdict(record), "smoothed_loss": loss})
            else:
                clean = "".join(
                    f", {name} {record.scores[name]:.2%}"
                    for name in ("clean", "camera", "mnist")
                    if name in record.scores
                )
                tqdm.write(_line(record))
                _log(folder, {"kind": "epoch", **asdict(record)})
            if stopping.asked:
                break
    if stopping.asked:
        print(f"stopped at a whole step; go on with the same command and --resume (saved in {folder})")
        return 130
    print(f"done; the best checkpoint is {folder / BEST}")
    return 0


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


def _forget_from(folder: Path, step: int) -> None:
    """Drop from the log what a killed training did after its last saved state: it is done, and logged, again."""
    path = folder / LOG
    if path.exists():
        lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
        kept = [line for line in lines if line.endswith("\n") and json.loads(line)["step"] < step]
        scratch = path.with_suffix(".unfinished")
        scratch.write_text("".join(kept), encoding="utf-8")
        scratch.replace(path)


def _log(folder: Path, record: dict[str, Any]) -> None:
    with (folder / LOG).open("a", encoding="utf-8") as file:
        file.write(json.dumps(record) + "\n")
