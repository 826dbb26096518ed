"""How long one number takes, stage by stage, with and without attention."""

from __future__ import annotations

import statistics
import sys
from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np
import torch

from benchmarks.bench import Benchmark, BenchmarkError, NumberModel, compared, median_ratio, timed
from core.config import CanvasSettings
from core.data.canvases.canvas import make_canvases
from core.data.canvases.tiles import make_tiles
from core.data.mnist import load_mnist
from core.data.strip import strip
from core.reading import Reader, limit_threads
from core.reading.explain import attention_maps
from core.reading.overlay import overlay

MODEL, WITH_ATTENTION = "encode + decode a 3-digit strip", "the same, returning all attention"
READ = "Reader.read, 640 x 220 drawing"


@dataclass(frozen=True)
class Reading(Benchmark):
    """How long one number takes, stage by stage, with and without attention, on one thread."""

    checkpoint: NumberModel = None

    def rows(self) -> Iterator[str]:
        limit_threads(1)
        reader = Reader.from_checkpoint(self.checkpoint)
        picture, seen = _a_number_it_reads(reader)
        reading = reader.read(picture)
        maps = attention_maps(reader, reading)
        rgb = cv2.cvtColor(picture, cv2.COLOR_GRAY2RGB)

        def model(with_weights: bool) -> None:
            with torch.inference_mode():
                reader.model.read(seen, with_weights=with_weights)

        times = compared(
            {
                MODEL: lambda: model(False),
                WITH_ATTENTION: lambda: model(True),
                READ: lambda: reader.read(picture, with_attention=False),
                "the same, with attention": lambda: reader.read(picture),
                "attention maps of 3 digits on the drawing": lambda: attention_maps(reader, reading),
                "overlay and boxes": lambda: overlay(rgb, reading, maps),
            },
            runs=200,
            warmup=20,
        )
        yield from timed(times)
        yield f"{'cost of returning attention':<52}{median_ratio(times[WITH_ATTENTION], times[MODEL]) - 1:9.1%}"
        yield f"{'read per second, one thread':<52}{1 / statistics.median(times[READ]):9.0f}"


def _a_number_it_reads(reader: Reader) -> tuple[np.ndarray, torch.Tensor]:
    """A 640 x 220 drawing of three test digits and its strip; all three are decoded, or the time would mean nothing."""
    three = _three_digits(reader.settings.canvas)
    tiles = make_tiles(load_mnist().split("test"))
    for seed in range(100):
        canvases = make_canvases(tiles, three, 1, seed)
        drawing = (canvases.pictures[0, 0].numpy() * 255).astype(np.uint8)
        pad = np.full((220, 640), 255, np.uint8)
        large = cv2.resize(drawing, (640, 640 * three.height // three.width), interpolation=cv2.INTER_CUBIC)
        pad[46 : 46 + len(large)] = large
        if len(reader.read(pad).text) == 3:
            seen = strip(canvases.pictures, canvases.extents)
            with torch.inference_mode():
                if len(reader.model.read(seen).tokens[0]) == 4:
                    return pad, seen
    raise BenchmarkError("this checkpoint reads no three digits; train it first")


def _three_digits(canvas: CanvasSettings) -> CanvasSettings:
    return canvas.model_copy(update={"min_digits": 3, "max_digits": 3, "empty_share": 0.0, "difficulty": 0.0})


if __name__ == "__main__":
    sys.exit(Reading.main())
