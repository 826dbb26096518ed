"""What goes around every training on the command line: scenes and what the finder cuts out of them, memory that is kept, and Ctrl-C."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import sys
from pathlib import Path
from types import FrameType
from typing import Any, Self

import torch
from tqdm import tqdm

from core.config import RunSettings, SceneSettings, SettingsError
from core.data.canvases.tiles import Finds
from core.data.hands.folder import hands_folder, missing
from core.data.mnist import Mnist
from core.data.scenes.store import Shelf, write_scenes
from core.model.checkpoint import CheckpointError, load_checkpoint
from core.model.finder import load_finder
from core.reading.find.crops import SCENES, gather, load_finds, save_finds
from core.training.finding_task import FindingTask
from core.training.lab import root
from core.training.reading_task import ReadingTask
from core.training.task import Task

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # names of mallopt(3)

FINDS = "finds.npz"
"""In a run's folder: what the finder of numbers cut out of camera frames."""


def task_of(settings: RunSettings, mnist: Mnist, folder: Path, start: Path | None) -> Task[Any]:
    """What these settings teach, with all that has to be there before: scenes are made and kept in the lab, finds in the training's folder.

    `start` is a checkpoint whose weights to begin with. Raises `CheckpointError` and `SettingsError`.
    """
    if settings.model.kind == "finder":
        finder = load_finder(start, to_learn=True) if start is not None else None
        return FindingTask(settings, shelf_of(settings.scenes, mnist), mnist, finder)
    gaps = missing(hands_folder()) if settings.canvas.wants_hands else []
    if gaps:
        print(
            f"of real hands only the typefaces are there: {hands_folder()} lacks {', '.join(gaps)}; "
            "name their folder in NUMBERS_HANDS, or go on without them"
        )
    finds = finds_of(settings, mnist, folder) if settings.canvas.found_share else None
    return ReadingTask(settings, mnist, finds, load_checkpoint(start) if start is not None else None)


def shelf_of(scenes: SceneSettings, mnist: Mnist) -> Shelf:
    """The scenes of these settings; those that are missing are made. Raises `SettingsError` where the folder has another number of them."""
    own = f"{scenes.count}-from-{scenes.first_seed}{'-sample' if mnist.is_sample else ''}"
    folder = root() / "scenes" / (scenes.name or own)
    there = Shelf(folder) if (folder / "pictures.npy").exists() else None
    if there is not None and len(there.pictures) != scenes.count:
        raise SettingsError(
            f"scenes.count ({scenes.count}) is not that of {folder}; set it to {len(there.pictures)}, or name another folder"
        )
    if there is not None and len(there) == scenes.count:
        return there
    make_scenes(
        folder,
        scenes.count,
        first_seed=scenes.first_seed,
        photographs=photographs_folder(),
        processes=scenes.processes,
        sample=mnist.is_sample,
    )
    return Shelf(folder)


def make_scenes(
    folder: Path, count: int, *, first_seed: int, photographs: Path | None, processes: int, sample: bool
) -> None:
    """Make the scenes that are missing in a folder, with a bar."""
    gaps = missing(hands_folder())
    if gaps:
        print(f"MNIST and typefaces write alone: {hands_folder()} lacks {', '.join(gaps)}")
    with tqdm(total=count, unit="scene", dynamic_ncols=True, desc="making scenes") as bar:
        for done in write_scenes(
            folder,
            count,
            first_seed=first_seed,
            hands=hands_folder(),
            photographs=photographs,
            processes=processes,
            sample=sample,
        ):
            bar.update(done - bar.n)


def photographs_folder() -> Path | None:
    """The folder named by the environment variable NUMBERS_PHOTOGRAPHS: photographs without digits, to stand behind sheets."""
    named = os.environ.get("NUMBERS_PHOTOGRAPHS")
    return Path(named) if named else None


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
