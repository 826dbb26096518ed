"""python -m benchmarks.canvases: batched canvas generation beside a loop over images in OpenCV, and its share of a training step.

The loop makes the same kind of picture one at a time, the way a careful script would: the same digits, geometry, pen and
effects, all of them on. One thread each.
"""

from __future__ import annotations

import statistics
from pathlib import Path
from tempfile import TemporaryDirectory

import cv2
import numpy as np
import torch

from benchmarks.timing import in_turns, line, median_ratio
from core.config import PRESETS, CanvasSettings
from core.data.camera import EFFECTS
from core.data.canvas import make_canvases
from core.data.mnist import Digits, load_mnist
from core.data.strip import strip
from core.data.tiles import make_tiles
from core.training.engine import Step, fit

BATCH = 64


def main() -> None:
    """Print the table."""
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    mnist = load_mnist()
    digits = mnist.split("train")
    tiles = make_tiles(digits)
    settings = CanvasSettings(empty_share=0.0)
    everything = torch.full((BATCH, len(EFFECTS)), 0.7)
    random = np.random.default_rng(0)
    seed = iter(range(1 << 30))
    usual = make_canvases(tiles, settings, BATCH, 0)

    times = in_turns(
        {
            "batched": lambda: make_canvases(tiles, settings, BATCH, next(seed), strengths=everything),
            "loop": lambda: [one_canvas(digits, settings, random) for _ in range(BATCH)],
            "usual": lambda: make_canvases(tiles, settings, BATCH, next(seed)),
            "strip": lambda: strip(usual.pictures, usual.extents),
        },
        runs=30,
    )
    per_second = BATCH / statistics.median(times["batched"])
    print(line("batched, every effect on, 64 canvases", times["batched"], f"{per_second:,.0f} canvases/s"))
    print(line("OpenCV loop, the same work, 64 canvases", times["loop"]))
    print(f"{'loop / batched':<44}{median_ratio(times['loop'], times['batched']):9.1f} x")
    print(line("batched, effects drawn as in training", times["usual"]))
    print(line("strip of the same batch", times["strip"]))

    run = PRESETS["number"]
    short = run.model_copy(
        update={"training": run.training.model_copy(update={"epochs": 1, "steps_per_epoch": 1 << 20})}
    )
    steps = []
    with TemporaryDirectory() as folder:
        records = fit(short, mnist, Path(folder))
        for record in records:
            assert isinstance(record, Step)
            steps.append(record.seconds)
            if len(steps) == 25:
                break
        records.close()
    step = statistics.median(steps[5:])
    print(line("one training step of the default model", steps[5:]))
    print(f"{'generation / training step':<44}{statistics.median(times['usual']) / step:9.1%}")


def one_canvas(digits: Digits, settings: CanvasSettings, random: np.random.Generator) -> np.ndarray:
    """HW uint8: one canvas with every effect, as a script would make it with OpenCV."""
    height, width = settings.height, settings.width
    count = int(random.integers(settings.min_digits, settings.max_digits + 1))
    ink = np.zeros((height, width), np.uint8)
    slant, pen, size = (
        random.uniform(-0.3, 0.3),
        random.uniform(-1, 1),
        height / 28 * random.uniform(0.7, 1.15),
    )
    pieces = []
    for _ in range(count):
        tile = digits.images[random.integers(len(digits))]
        cross = cv2.getStructuringElement(cv2.MORPH_CROSS, (3, 3))
        changed = cv2.dilate(tile, cross) if pen > 0 else cv2.erode(tile, cross)
        tile = cv2.addWeighted(tile, 1 - abs(pen) / 2, changed, abs(pen) / 2, 0)
        angle, scale = random.normal(0, 0.07), size * random.uniform(0.88, 1.1)
        matrix = scale * np.array([[np.cos(angle), slant - np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        span = int(1.5 * height)
        offset = np.array([span / 2, height / 2 + random.normal(0, 1)]) - matrix @ np.array([14.0, 14.0])
        warped = cv2.warpAffine(
            tile, np.column_stack([matrix, offset]), (span, height), flags=cv2.INTER_LINEAR
        )
        columns = np.flatnonzero(warped.max(0) > 64)
        pieces.append(warped[:, columns[0] : columns[-1] + 1] if len(columns) else warped[:, :1])
    gaps = random.uniform(-2, 8, count)
    total = sum(piece.shape[1] for piece in pieces) + gaps[1:].clip(0).sum()
    left = float(random.uniform(1, max(width - total - 1, 2)))
    for piece, gap in zip(pieces, gaps, strict=True):
        start = int(min(max(left, 0), width - 1))
        stop = min(start + piece.shape[1], width)
        np.maximum(ink[:, start:stop], piece[:, : stop - start], out=ink[:, start:stop])
        left += piece.shape[1] + gap
    return _photograph(ink, random)


def _photograph(ink: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """HW uint8: rules, smudges, fading, light, shadow, blur, motion, half resolution, noise and inversion on one picture."""
    height, width = ink.shape

    def field(rows: int, columns: int) -> np.ndarray:
        return cv2.resize(
            random.random((rows, columns), np.float32), (width, height), interpolation=cv2.INTER_LINEAR
        )

    drawn = ink.copy()
    spacing = int(random.integers(12, 38))
    for y in range(int(random.integers(spacing)), height, spacing):
        cv2.line(drawn, (0, y), (width, y + int(random.integers(-4, 5))), 130, 1, cv2.LINE_AA)
    for x in range(int(random.integers(spacing)), width, spacing):
        cv2.line(drawn, (x, 0), (x, height), 130, 1, cv2.LINE_AA)
    picture = np.maximum(ink, drawn).astype(np.float32) / 255
    picture = np.maximum(picture, (field(6, 24) * 5 - 3.8).clip(0, 1) * 0.5)
    picture *= 0.5 * (1 - 0.35 * field(3, 10))
    picture = 1 - picture
    y, x = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j].astype(np.float32)
    picture *= 1 - 0.7 * (
        0.3 + 0.35 * (random.uniform(-1, 1) * x + random.uniform(-0.5, 0.5) * y + 0.3 * x * x)
    )
    picture *= 1 - 0.35 / (1 + np.exp(-random.uniform(2, 20) * (x + random.uniform(-0.3, 0.3) * y)))
    picture = cv2.GaussianBlur(picture, (0, 0), 1.0)
    picture = cv2.blur(picture, (3, 1) if random.random() < 0.6 else (1, 3))
    small = cv2.resize(picture, (width // 2, height // 2), interpolation=cv2.INTER_AREA)
    picture = 0.3 * picture + 0.7 * cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR)
    picture += 0.05 * random.standard_normal((height, width), np.float32) + 0.1 * (field(10, 53) - 0.5)
    return ((1 - picture).clip(0, 1) * 255).astype(np.uint8)


if __name__ == "__main__":
    main()
