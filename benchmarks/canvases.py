"""Batched canvas generation beside a loop over images in OpenCV, and its share of a training step."""

from __future__ import annotations

import os
import statistics
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal

import cv2
import numpy as np
import torch

from benchmarks.bench import Benchmark, line, median_ratio
from core.config import PRESETS, CanvasSettings
from core.data.canvases.canvas import make_canvases
from core.data.canvases.effects import EFFECTS
from core.data.canvases.tiles import make_tiles
from core.data.mnist import Digits, Mnist, load_mnist
from core.data.strip import strip
from core.reading import limit_threads
from core.training.engine import Step, fit
from core.training.reading_task import ReadingTask
from core.understanding.reports.latency import in_turns

BATCH = 64
CORES = os.cpu_count() or 1
BATCHED = "batched, every effect on, 64 canvases"
LOOP = "OpenCV loop, the same work, 64 canvases"
ALL_CORES = f"batched, on {CORES} threads"
USUAL = "batched, effects drawn as in training"
STRIP = "strip of the same batch"


@dataclass(frozen=True)
class Canvases(Benchmark):
    """Batched canvas generation beside a loop over images in OpenCV, and its share of a training step.

    The loop makes the same kind of picture one at a time, the way a careful script would: the same digits, geometry, pen and
    effects, all of them on. One thread each, but for the row that says otherwise.
    """

    def rows(self) -> Iterator[str]:
        limit_threads(1)
        mnist = load_mnist()
        times = _generation(mnist.split("train"))
        per_second = BATCH / statistics.median(times[BATCHED])
        yield line(BATCHED, times[BATCHED], f"{per_second:,.0f} canvases/s")
        yield line(LOOP, times[LOOP])
        yield f"{'loop / batched':<52}{median_ratio(times[LOOP], times[BATCHED]):9.1f} x"
        yield line(ALL_CORES, times[ALL_CORES])
        yield f"{'loop / batched, on all threads':<52}{median_ratio(times[LOOP], times[ALL_CORES]):9.1f} x"
        yield line(USUAL, times[USUAL])
        yield line(STRIP, times[STRIP])
        precisions: tuple[Literal["float32", "bfloat16"], ...] = ("float32", "bfloat16")
        for precision in precisions:
            seconds = _step_seconds(mnist, precision)
            yield line(f"a training step of the default model, {precision}", seconds)
            share = statistics.median(times[USUAL]) / statistics.median(seconds)
            yield f"{'generation / training step':<52}{share:9.1%}"


def _generation(digits: Digits) -> dict[str, list[float]]:
    """Seconds of each way to make a batch, in turns."""
    tiles = make_tiles(digits)
    settings = CanvasSettings(empty_share=0.0)
    everything = torch.full((BATCH, len(EFFECTS)), 0.7)
    random = np.random.default_rng(0)
    seed = iter(range(1 << 30))
    usual = make_canvases(tiles, settings, BATCH, 0)

    def batched(threads: int) -> None:
        torch.set_num_threads(threads)
        make_canvases(tiles, settings, BATCH, next(seed), strengths=everything)
        torch.set_num_threads(1)

    return in_turns(
        {
            BATCHED: lambda: batched(1),
            ALL_CORES: lambda: batched(CORES),
            LOOP: lambda: [one_canvas(digits, settings, random) for _ in range(BATCH)],
            USUAL: lambda: make_canvases(tiles, settings, BATCH, next(seed)),
            STRIP: lambda: strip(usual.pictures, usual.extents),
        },
        runs=30,
    )


def _step_seconds(mnist: Mnist, precision: Literal["float32", "bfloat16"]) -> list[float]:
    """Seconds of some steps, after the first few."""
    run = PRESETS["number"]
    choices = {"epochs": 1, "steps_per_epoch": 1 << 20, "precision": precision}
    short = run.model_copy(update={"training": run.training.model_copy(update=choices)})
    steps = []
    with TemporaryDirectory() as folder:
        records = fit(ReadingTask(short, mnist), Path(folder))
        for record in records:
            assert isinstance(record, Step)
            steps.append(record.seconds)
            if len(steps) == 25:
                break
        records.close()
    return steps[5:]


@dataclass(frozen=True)
class Hand:
    """What one writer's digits have in common."""

    size: float
    stretch: float
    shear: float
    pen: float
    unruly: bool


def one_canvas(
    digits: Digits, settings: CanvasSettings, random: np.random.Generator
) -> tuple[np.ndarray, list[int], list[tuple[int, int, int, int]]]:
    """HW uint8 picture, labels and boxes of one canvas with every effect, as a script would make it with OpenCV."""
    height, width = settings.height, settings.width
    count = int(random.integers(settings.min_digits, settings.max_digits + 1))
    hand = Hand(
        size=height / 28 * random.uniform(0.7, 1.15),
        stretch=random.uniform(0.8, 1.2),
        shear=random.uniform(-0.3, 0.3),
        pen=random.uniform(-1, 1),
        unruly=random.random() < 0.15,
    )
    slope, tapering = 0.7 * random.uniform(-0.14, 0.14), 0.7 * random.uniform(-0.25, 0.25)
    chosen = random.integers(len(digits), size=count)
    tiles = [_with_pen(digits.images[index], hand.pen) for index in chosen]
    shapes = [_shape(hand, slope, random) for _ in range(count)]
    gaps = height * 0.7 * (_spacing(random) + 0.06 * random.standard_normal(count))

    extents = [_extent(tile, shape) for tile, shape in zip(tiles, shapes, strict=True)]
    needed = sum(across for across, _ in extents) + gaps.clip(0).sum() + 2 * count
    tallest = max(down for _, down in extents)
    fitting = min((width - 2) / needed, (height - 3) / tallest, 1.0)
    gaps *= fitting
    line = random.uniform(-0.6, 0.6) * max((height - tallest * fitting) / 2 - 1, 0)
    pieces, tops = [], []
    for number, (tile, shape) in enumerate(zip(tiles, shapes, strict=True)):
        along = (number - (count - 1) / 2) / max(count, 1)
        matrix = shape * fitting * (1 - abs(tapering) + tapering * along)
        middle = height / 2 + line + slope * along * width * 0.5 + 0.04 * height * random.standard_normal()
        half = _extent(tile, matrix)[1] / 2 + 1
        middle = min(max(middle, half), height - half)
        span = int(1.5 * height)
        offset = np.array([span / 2, middle]) - matrix @ _centre(tile)
        warped = cv2.warpAffine(
            tile, np.column_stack([matrix, offset]), (span, height), flags=cv2.INTER_LINEAR
        )
        left, top, across, down = cv2.boundingRect((warped > 64).astype(np.uint8))
        pieces.append(warped[:, left : left + across])
        tops.append((top, top + down))
    return _placed(pieces, tops, gaps, digits.labels[chosen].tolist(), settings, random)


def _placed(
    pieces: list[np.ndarray],
    tops: list[tuple[int, int]],
    gaps: np.ndarray,
    labels: list[int],
    settings: CanvasSettings,
    random: np.random.Generator,
) -> tuple[np.ndarray, list[int], list[tuple[int, int, int, int]]]:
    """The pieces from left to right, neighbours overlapping by two fifths at most, and what a camera makes of them."""
    starts, end = [], 0.0
    for number, piece in enumerate(pieces):
        if number:
            narrower = min(piece.shape[1], pieces[number - 1].shape[1])
            end += max(gaps[number], -0.4 * narrower)
        starts.append(end)
        end += piece.shape[1]
    shift = random.uniform(1, max(settings.width - end - 1, 1.01))
    ink = np.zeros((settings.height, settings.width), np.uint8)
    boxes = []
    for piece, start, (top, bottom) in zip(pieces, starts, tops, strict=True):
        left = round(min(max(start + shift, 0), settings.width - piece.shape[1]))
        right = left + piece.shape[1]
        np.maximum(ink[:, left:right], piece, out=ink[:, left:right])
        boxes.append((left, top, right, bottom))
    _mark(ink, boxes, random)
    return _photograph(ink, boxes, random), labels, boxes


def _mark(ink: np.ndarray, boxes: list[tuple[int, int, int, int]], random: np.random.Generator) -> None:
    """A comma between two digits, a dot and a dash behind the last, as they come by chance."""
    right, bottom = boxes[-1][2], max(box[3] for box in boxes)
    for (_, _, before, _), (behind, _, _, _) in pairwise(boxes):
        if random.random() < 0.2:
            x = (before + behind) // 2
            cv2.line(ink, (x, bottom - 1), (x - int(random.integers(3)), bottom + 2), 255, 2, cv2.LINE_AA)
    if random.random() < 0.4:
        cv2.circle(ink, (right + 3, bottom - 1), 1, 255, -1, cv2.LINE_AA)
    if random.random() < 0.5:
        y = int(bottom - random.integers(4, 14))
        cv2.line(ink, (right + 6, y), (right + int(random.integers(10, 22)), y + 1), 255, 2, cv2.LINE_AA)


def _with_pen(tile: np.ndarray, pen: float) -> np.ndarray:
    cross = cv2.getStructuringElement(cv2.MORPH_RECT, (3, 3))
    changed = cv2.dilate(tile, cross) if pen > 0 else cv2.erode(tile, cross)
    return cv2.addWeighted(tile, 1 - abs(pen) / 2, changed, abs(pen) / 2, 0)


def _shape(hand: Hand, slope: float, random: np.random.Generator) -> np.ndarray:
    """From a tile's pixels to the canvas's: each digit differs a little from the hand's others."""
    size = hand.size * (random.uniform(0.55, 1.1) if hand.unruly else random.uniform(0.88, 1.1))
    stretch = hand.stretch * random.uniform(0.93, 1.07)
    angle, shear = random.normal(0, 0.07) + slope, hand.shear + random.normal(0, 0.06)
    cos, sin = np.cos(angle), np.sin(angle)
    return size * np.array([[cos * stretch, cos * shear - sin], [sin * stretch, sin * shear + cos]])


def _spacing(random: np.random.Generator) -> float:
    mode = random.random()
    low, high = (-0.3, 0.02) if mode < 0.3 else (0.0, 0.35) if mode < 0.85 else (0.3, 1.1)
    return random.uniform(low, high)


def _extent(tile: np.ndarray, matrix: np.ndarray) -> tuple[float, float]:
    _, _, across, down = cv2.boundingRect(tile)
    reach = np.abs(matrix) @ np.array([across, down])
    return float(reach[0]), float(reach[1])


def _centre(tile: np.ndarray) -> np.ndarray:
    left, top, across, down = cv2.boundingRect(tile)
    return np.array([left + across / 2, top + down / 2])


def _photograph(
    ink: np.ndarray, boxes: list[tuple[int, int, int, int]], random: np.random.Generator
) -> np.ndarray:
    """HW uint8: boxes, rules, texture, smudges, fading, light, shadow, blur, motion, half resolution, noise and inversion on one picture."""
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
    corner = boxes[0][0] - 3, min(box[1] for box in boxes) - 3
    cv2.rectangle(drawn, corner, (boxes[-1][2] + 3, max(box[3] for box in boxes) + 3), 150, 1, cv2.LINE_AA)
    for (_, _, before, _), (behind, _, _, _) in pairwise(boxes):
        cv2.line(drawn, ((before + behind) // 2, 0), ((before + behind) // 2, height), 150, 1)
    picture = np.maximum(ink, drawn).astype(np.float32) / 255
    picture = np.maximum(
        picture, 0.3 * (_wave(height, width, random) * _wave(height, width, random)).clip(0, 1)
    )
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


def _wave(height: int, width: int, random: np.random.Generator) -> np.ndarray:
    """HW float32: a wave that sways, as on patterned paper."""
    y, x = np.mgrid[:height, :width].astype(np.float32)
    turn, pitch = random.uniform(0, np.pi), 2 * np.pi / random.uniform(2.5, 9.0)
    sway = np.float32(random.uniform(0, 3)) * np.sin(np.float32(random.uniform(0.03, 0.15)) * x)
    return np.cos(np.float32(pitch * np.cos(turn)) * x + np.float32(pitch * np.sin(turn)) * y + sway)


if __name__ == "__main__":
    sys.exit(Canvases.main())
