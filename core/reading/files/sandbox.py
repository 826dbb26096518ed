"""Asks another process to open a visitor's file, and ends that process where it takes too much time or memory."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import BoundedSemaphore, Lock, Timer
from typing import Any, Final

import numpy as np

from core.reading.files.picture import PictureError

AT_ONCE: Final = 4
"""Files that are opened at the same time; whoever brings another one waits."""
PATIENCE: Final = 10.0
"""Seconds of the clock for a page; on an idle machine the limit of processor time comes first."""
QUEUE: Final = 10.0
"""Seconds that a file waits for a free place."""
_CHECKOUT: Final = Path(__file__).resolve().parents[3]

_places = BoundedSemaphore(AT_ONCE)
_idle: list[Opener] = []  # at most one is kept warm, so that an ordinary file need not wait for a start
_idle_lock = Lock()


def pages_elsewhere(data: bytes, most: int) -> Iterator[tuple[int, int, np.ndarray]]:
    """The first `most` pages of a file, opened by another process: number, how many there are, and HWC uint8 RGB.

    Raises `PictureError` where the file is refused, and where it takes too much time or memory.
    """
    with _opener() as opener:
        yield from opener.pages(data, most)


class Opener:
    """A process that opens files, one after the other."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "core.reading.files.opener"],
            cwd=_CHECKOUT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,  # a decoder that dies says so to nobody
        )
        self.is_free = True

    def pages(self, data: bytes, most: int) -> Iterator[tuple[int, int, np.ndarray]]:
        """As `pages_elsewhere`. One that is not read to its end leaves the process unusable."""
        assert self._process.stdin is not None
        self.is_free = False
        with self._ended_when_late():
            try:
                self._process.stdin.write(most.to_bytes(4, "big") + len(data).to_bytes(8, "big") + data)
                self._process.stdin.flush()
            except OSError as error:
                raise _too_much() from error
        while True:
            with self._ended_when_late():
                told = self._told()
                if "number" not in told:
                    break
                shape = told["height"], told["width"], 3
                picture = np.frombuffer(bytearray(self._read(shape[0] * shape[1] * 3)), np.uint8)
            yield told["number"], told["of"], picture.reshape(shape)
        self.is_free = True
        if "error" in told:
            raise PictureError(told["error"])

    def end(self) -> None:
        """End the process, whatever it does."""
        self._process.kill()
        self._process.communicate()

    def is_alive(self) -> bool:
        """Whether the process can take another file."""
        return self._process.poll() is None

    @contextmanager
    def _ended_when_late(self) -> Iterator[None]:
        timer = Timer(PATIENCE, self._process.kill)
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()

    def _told(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line.endswith(b"\n"):
            raise _too_much()
        told: dict[str, Any] = json.loads(line)
        return told

    def _read(self, size: int) -> bytes:
        assert self._process.stdout is not None
        pixels = self._process.stdout.read(size)
        if len(pixels) < size:
            raise _too_much()
        return pixels


def _too_much() -> PictureError:
    return PictureError(
        "it takes too much time or memory to be opened; make it smaller or of fewer pages, or save it as PNG or JPEG"
    )


@contextmanager
def _opener() -> Iterator[Opener]:
    if not _places.acquire(timeout=QUEUE):
        raise PictureError(f"{AT_ONCE} other files are being opened; try again in a moment")
    try:
        opener = _warm_one() or Opener()
        try:
            yield opener
        finally:
            with _idle_lock:
                keep = opener.is_free and opener.is_alive() and not _idle
                if keep:
                    _idle.append(opener)
            if not keep:
                opener.end()
    finally:
        _places.release()


def _warm_one() -> Opener | None:
    with _idle_lock:
        opener = _idle.pop() if _idle else None
    if opener is not None and not opener.is_alive():
        opener.end()
        return None
    return opener
