"""Measures where the time of reading one camera frame goes, stage by stage, on this machine."""

from __future__ import annotations

import os
import platform
import statistics
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
import torch

from core.data.mnist import Digits
from core.data.scenes.scene import make_room_frame
from core.data.scenes.writing import Writers
from core.data.strip import fit, strip
from core.reading.explain import patch_weights
from core.reading.files.picture import as_gray
from core.reading.find.search import find
from core.reading.overlay import Found, draw_found
from core.reading.reader import Reader

STAGES: Final = {
    "find": "find the number",
    "strip": "even it out to a strip",
    "encoder": "encoder",
    "decoder": "decoder, digit by digit",
    "attention": "attention of each digit",
    "overlay": "draw it over the frame",
}
"""What happens to a frame, in order."""

Tasks = dict[str, Callable[[], object]]
Frame = np.ndarray
"""HWC uint8 RGB, 480 x 640."""


@dataclass(frozen=True)
class Stage:
    """Time of one stage, in milliseconds."""

    name: str
    median: float
    low: float
    """5th percentile."""
    high: float
    """95th percentile."""


@dataclass(frozen=True)
class Profile:
    """Where the time goes."""

    stages: tuple[Stage, ...]
    total: Stage
    """Of all stages together."""
    frames: int
    runs: int
    """How often each was timed on each frame."""
    length: int
    """Digits in each number."""
    machine: str

    def to_dict(self) -> dict[str, Any]:
        """Ready for JSON."""
        return asdict(self)


def profile(reader: Reader, digits: Digits, *, frames: int = 4, runs: int = 8) -> Profile | None:
    """Time every stage on frames of furnished rooms with one number each, on one thread; None where this reader finds no such number.

    The numbers have three digits, or as many as the model reads. What is counted is this thread's time on the processor, so that
    waiting for other programs does not count; sharing caches and memory with them does.
    """
    length = min(3, reader.settings.canvas.max_digits)
    threads = torch.get_num_threads(), cv2.getNumThreads()
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    try:
        found = readable_frames(reader, digits, length, frames)
        if not found:
            return None
        seconds: dict[str, list[float]] = {name: [] for name in (*STAGES, "total")}
        for frame in found:
            took = in_turns(tasks(reader, frame), runs=runs, clock=time.thread_time)
            # The decoder looks at what the encoder gives; alone it cannot run.
            took["decoder"] = [
                max(read - encoder, 0.0) for read, encoder in zip(took["read"], took["encoder"], strict=True)
            ]
            took["total"] = [sum(times) for times in zip(*(took[name] for name in STAGES), strict=True)]
            for name, times in seconds.items():
                times += took[name]
    finally:
        torch.set_num_threads(threads[0])
        cv2.setNumThreads(threads[1])
    kept = tuple(_stage(name, times) for name, times in seconds.items() if name in _stages_of(reader))
    return Profile(kept, _stage("total", seconds["total"]), len(found), runs, length, machine())


def readable_frames(
    reader: Reader, digits: Digits, length: int, count: int, *, tries: int = 60
) -> list[Frame]:
    """Frames of furnished rooms in which one number of that length is found, and as many digits read: all are decoded, or the time would mean nothing."""
    found: list[Frame] = []
    writers = Writers(digits)
    for seed in range(tries):
        text = "".join(map(str, np.random.default_rng(seed).integers(0, 10, length).tolist()))
        picture = make_room_frame(writers, seed, text).picture
        texts = [reading.text for reading in reader.read_all(picture, with_attention=False)]
        places = find(as_gray(picture), reader.finder)
        if len(places) == len(texts) == 1 and len(texts[0]) == length:
            found.append(picture)
        if len(found) == count:
            break
    return found


def tasks(reader: Reader, frame: Frame) -> Tasks:
    """Each stage of one frame with one number, fed with what the stage before it gave; `read` is encoder and decoder."""
    canvas = reader.settings.canvas
    gray = as_gray(frame)
    (place,) = find(gray, reader.finder)
    (reading,) = reader.read_all(frame)
    weights = patch_weights(reader, reading)
    seen = torch.from_numpy(reading.strip)[None, None].to(reader.model.device)

    def make_strip() -> object:
        picture, extents, _ = fit(gray, place.box, canvas.height, canvas.width, place.angle)
        return strip(torch.from_numpy(picture)[None, None], torch.tensor([extents], dtype=torch.float32))

    def encode() -> object:
        with torch.inference_mode():
            return reader.model.encoder(seen, with_weights=True)

    def read(with_weights: bool) -> object:
        with torch.inference_mode():
            return reader.model.read(seen, with_weights=with_weights)

    return {
        "find": lambda: find(as_gray(frame), reader.finder),
        "strip": make_strip,
        "encoder": encode,
        "without attention": lambda: read(False),
        "read": lambda: read(True),
        "attention": lambda: patch_weights(reader, reading),
        "overlay": lambda: draw_found(frame, [Found(reading, reading.probability, weights)]),
    }


def in_turns(
    some: Tasks, *, runs: int, warmup: int = 3, clock: Callable[[], float] = time.perf_counter
) -> dict[str, list[float]]:
    """Seconds of each run of each task: one run of each, then the next of each, so that a machine that slows down slows down all."""
    seconds: dict[str, list[float]] = {name: [] for name in some}
    for run in range(-warmup, runs):
        for name, task in some.items():
            started = clock()
            task()
            if run >= 0:
                seconds[name].append(clock() - started)
    return seconds


def machine() -> str:
    """The processor of this machine and what is run on it, in words."""
    name = platform.processor() or platform.machine()
    known = Path("/proc/cpuinfo")
    if known.exists():
        lines = known.read_text(encoding="utf-8", errors="replace").splitlines()
        name = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), name)
    return f"{name}, {os.cpu_count()} cores, {platform.system()}, PyTorch {torch.__version__}"


def _stages_of(reader: Reader) -> tuple[str, ...]:
    """The model of single digits has no decoder."""
    return tuple(name for name in STAGES if name != "decoder" or reader.settings.model.kind == "number")


def _stage(name: str, seconds: list[float]) -> Stage:
    ordered = sorted(1e3 * second for second in seconds)
    return Stage(
        name, statistics.median(ordered), ordered[len(ordered) // 20], ordered[-1 - len(ordered) // 20]
    )
