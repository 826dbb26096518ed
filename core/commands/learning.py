"""What goes around every training on the command line: what the finder cuts out of scenes, memory that is kept, and Ctrl-C."""

from __future__ import annotations

import contextlib
import ctypes
import signal
import sys
from pathlib import Path
from types import FrameType
from typing import Self

import torch
from tqdm import tqdm

from core.config import RunSettings
from core.data.canvases.tiles import Finds
from core.data.hands.folder import hands_folder, missing
from core.data.mnist import Mnist
from core.model.checkpoint import Checkpoint, CheckpointError
from core.reading.find.crops import SCENES, gather, load_finds, save_finds
from core.training.reading_task import ReadingTask

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # names of mallopt(3)

FINDS = "finds.npz"
"""In a run's folder: what the finder of numbers cut out of camera frames."""


def task_of(settings: RunSettings, mnist: Mnist, folder: Path, start: Checkpoint | None) -> ReadingTask:
    """What these settings teach, with all that has to be there before: finds are searched and kept in the training's folder."""
    gaps = missing(hands_folder()) if settings.canvas.wants_hands else []
    if gaps:
        print(
            f"of real hands only the typefaces are there: {hands_folder()} lacks {', '.join(gaps)}; "
            "name their folder in NUMBERS_HANDS, or go on without them"
        )
    finds = finds_of(settings, mnist, folder) if settings.canvas.found_share else None
    return ReadingTask(settings, mnist, finds, start)


def finds_of(settings: RunSettings, mnist: Mnist, folder: Path) -> Finds:
    """Those of this training's folder, or new ones, which it keeps there."""
    path = folder / FINDS
    if path.exists():
        return load_finds(path)
    torch.set_num_threads(settings.training.threads)
    finds = None
    with tqdm(total=SCENES, unit="scene", dynamic_ncols=True, desc="searching scenes") as bar:
        for searched, so_far in gather(mnist.split("train"), settings.canvas, hands=hands_folder()):
            finds = so_far
            bar.update(searched - bar.n)
    if finds is None:
        raise CheckpointError("nothing was found in the scenes that were searched; set found_share to 0")
    folder.mkdir(parents=True, exist_ok=True)
    save_finds(path, finds)
    return finds


def keep_memory() -> None:
    """Ask the C library to keep what it has freed: each step needs the same memory again, and fetching it anew costs a tenth of a step."""
    with contextlib.suppress(OSError, AttributeError):  # only glibc has it
        keep = ctypes.CDLL(None).mallopt
        keep(_MMAP_THRESHOLD, 1 << 30)
        keep(_TRIM_THRESHOLD, (1 << 31) - 1)


class Stop:
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
