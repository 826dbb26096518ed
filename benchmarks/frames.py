"""python -m benchmarks.frames [CHECKPOINT]: how long a 640 x 480 frame with one 3-digit number takes, stage by stage.

The reference in the same run is a fixed amount of arithmetic (a product of two 512 x 512 matrices), so that figures from
two machines, or from a busy one, can be compared.
"""

from __future__ import annotations

import statistics
import sys
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import torch

from benchmarks.timing import in_turns, line, median_ratio
from core.data.frame import make_frame
from core.data.mnist import load_mnist
from core.data.strip import strip
from core.reading import Reader, limit_threads
from core.reading.crop import crop
from core.reading.explain import patch_weights
from core.reading.locate import prepare
from core.reading.overlay import Found, draw_found

FRAMES, RUNS = 20, 15
STAGES = {
    "locate": "locate",
    "strip": "strip",
    "read": "read, with attention",
    "attention": "attention of each digit",
    "overlay": "overlay",
    "sum": "sum of the stages",
    "frame": "read_all, attention and overlay in one go",
}


def main(argv: list[str]) -> None:
    """Print the table."""
    limit_threads(1)
    reader = Reader.from_checkpoint(Path(argv[0]) if argv else None)
    seconds: dict[str, list[float]] = defaultdict(list)
    for frame in _frames(reader):
        for name, times in in_turns(_tasks(reader, frame), runs=RUNS).items():
            seconds[name] += times
    stages = (seconds[name] for name in ("locate", "strip", "read", "attention", "overlay"))
    seconds["sum"] = [sum(times) for times in zip(*stages, strict=True)]
    print(f"{FRAMES} frames, {RUNS} times each: median  (5th to 95th percentile)")
    print(line("reference: 512 x 512 matrix product", seconds["reference"]))
    for name, what in STAGES.items():
        ratio = median_ratio(seconds[name], seconds["reference"])
        print(line(what, seconds[name], f"{ratio:.1f} x reference"))
    cost = median_ratio(seconds["read"], seconds["without attention"]) - 1
    print(f"{'cost of returning attention':<44}{cost:9.1%}")
    whole = sorted(seconds["frame"])
    median, late = 1e3 * statistics.median(whole), 1e3 * whole[-1 - len(whole) // 20]
    print(f"goal: 15 ms median and 25 ms at the 95th percentile; here {median:.1f} and {late:.1f}")


def _tasks(reader: Reader, frame: np.ndarray) -> dict[str, Callable[[], object]]:
    """Each stage of one frame, fed with what the stage before it gave; and the whole."""
    canvas = reader.settings.canvas
    gray = cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY)
    prepared = prepare(gray)
    (place,) = prepared.places
    (reading,) = reader.read_all(frame)
    weights = patch_weights(reader, reading)
    seen = torch.from_numpy(reading.strip)[None, None]
    matrix = torch.rand(512, 512)

    def make_strip() -> object:
        picture, extents, _ = crop(gray, prepared, place, canvas.height, canvas.width)
        return strip(torch.from_numpy(picture)[None, None], torch.tensor([extents], dtype=torch.float32))

    def model(with_weights: bool) -> object:
        with torch.inference_mode():
            return reader.model.read(seen, with_weights=with_weights)

    def whole() -> object:
        found = reader.read_all(frame)
        return draw_found(frame, [Found(one, one.probability, patch_weights(reader, one)) for one in found])

    return {
        "reference": lambda: matrix @ matrix,
        "locate": lambda: prepare(cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY)),
        "strip": make_strip,
        "without attention": lambda: model(False),
        "read": lambda: model(True),
        "attention": lambda: patch_weights(reader, reading),
        "overlay": lambda: draw_found(frame, [Found(reading, reading.probability, weights)]),
        "frame": whole,
    }


def _frames(reader: Reader) -> list[np.ndarray]:
    """Clean frames in which one number of three digits is read; all three are decoded, or the time would mean nothing."""
    digits = load_mnist().split("validation")
    frames = []
    for seed in range(1000):
        frame = make_frame(digits, "clean", seed)
        if len(frame.numbers[0][0]) == 3:
            texts = [reading.text for reading in reader.read_all(frame.picture, with_attention=False)]
            places = prepare(cv2.cvtColor(frame.picture, cv2.COLOR_RGB2GRAY)).places
            if len(places) == len(texts) == 1 and len(texts[0]) == 3:
                frames.append(frame.picture)
        if len(frames) == FRAMES:
            return frames
    raise SystemExit("this checkpoint reads hardly any three digits; train it first")


if __name__ == "__main__":
    main(sys.argv[1:])
