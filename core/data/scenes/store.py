"""Scenes on disk, made once by several processes and read as they are needed: `pictures.npy` and `maps.npy` in a folder."""

from __future__ import annotations

from collections.abc import Generator
from functools import cache, partial
from multiprocessing import get_context
from pathlib import Path

import cv2
import numpy as np

from core.data.mnist import load_mnist, load_sample
from core.data.scenes.rooms import load_photographs
from core.data.scenes.scene import HEIGHT, WIDTH, make_scene
from core.data.scenes.targets import CELL, MAPS, maps
from core.data.scenes.writing import Writers

_CHUNK = 250
_SHAPES = {"pictures": (HEIGHT, WIDTH), "maps": (MAPS, HEIGHT // CELL, WIDTH // CELL)}


class Shelf:
    """The scenes of a folder, as far as they are made; more may be under way."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.pictures, self.maps = (np.load(folder / f"{name}.npy", mmap_mode="r") for name in _SHAPES)
        """(n, HEIGHT, WIDTH) and (n, MAPS, rows, columns) uint8."""
        self._whole = 0

    def __len__(self) -> int:
        while self._whole < len(self.pictures) and _mark(self.folder, self._whole).exists():
            self._whole = min(self._whole + _CHUNK, len(self.pictures))
        return self._whole


def write_scenes(
    folder: Path,
    count: int,
    *,
    first_seed: int = 0,
    hands: Path | None = None,
    photographs: Path | None = None,
    processes: int = 1,
    sample: bool = False,
) -> Generator[int]:
    """Make the scenes of `count` seeds, and say now and then how many there are. What is there of the same length goes on.

    With `sample` the bundled sample of MNIST writes, and not all of it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for name, shape in _SHAPES.items():
        if not (folder / f"{name}.npy").exists():
            np.lib.format.open_memmap(folder / f"{name}.npy", "w+", np.uint8, (count, *shape)).flush()
    starts = range(0, count, _CHUNK)
    wanted = [start for start in starts if not _mark(folder, start).exists()]
    make = partial(_make_chunk, folder, count, first_seed, hands, photographs, sample)
    there = _CHUNK * (len(starts) - len(wanted))
    if processes == 1:
        for start in wanted:
            make(start)
            there += _CHUNK
            yield min(there, count)
        return
    with get_context("spawn").Pool(processes) as pool:
        for _ in pool.imap_unordered(make, wanted):
            there += _CHUNK
            yield min(there, count)


def _mark(folder: Path, start: int) -> Path:
    """An empty file that stands where a chunk of scenes is whole."""
    return folder / f"{start}.done"


def _make_chunk(
    folder: Path,
    count: int,
    first_seed: int,
    hands: Path | None,
    photographs: Path | None,
    sample: bool,
    start: int,
) -> None:
    cv2.setNumThreads(1)
    writers, behind = _sources(hands, photographs, sample)
    pictures, targets = (np.load(folder / f"{name}.npy", mmap_mode="r+") for name in _SHAPES)
    for index in range(start, min(start + _CHUNK, count)):
        scene = make_scene(writers, behind, first_seed + index)
        pictures[index] = scene.picture
        targets[index] = maps(scene.numbers, scene.unclear, WIDTH, HEIGHT)
    pictures.flush()
    targets.flush()
    _mark(folder, start).touch()


@cache
def _sources(hands: Path | None, photographs: Path | None, sample: bool) -> tuple[Writers, list[np.ndarray]]:
    """Read once in a process: it takes seconds."""
    mnist = load_sample() if sample else load_mnist()
    return Writers(mnist.split("train"), hands), load_photographs(photographs) if photographs else []
