"""python -m benchmarks.reading [CHECKPOINT]: how long one number takes, stage by stage, with and without attention.

The reference in the same run is a fixed amount of arithmetic (a product of two 512 x 512 matrices), so that figures from
two machines, or from a busy one, can be compared.
"""

from __future__ import annotations

import statistics
import sys
from pathlib import Path

import cv2
import numpy as np
import torch

from benchmarks.timing import in_turns, line, median_ratio
from core.config import CanvasSettings
from core.data.canvases.canvas import make_canvases
from core.data.canvases.tiles import make_tiles
from core.data.mnist import load_mnist
from core.data.strip import strip
from core.reading import Reader
from core.reading.explain import attention_maps
from core.reading.overlay import overlay


def main(argv: list[str]) -> None:
    """Print the table."""
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    reader = Reader.from_checkpoint(Path(argv[0]) if argv else None)
    canvas = reader.settings.canvas
    three = canvas.model_copy(
        update={"min_digits": 3, "max_digits": 3, "empty_share": 0.0, "difficulty": 0.0}
    )
    picture, seen = _a_number_it_reads(reader, three)
    reading = reader.read(picture)
    maps = attention_maps(reader, reading)
    rgb = cv2.cvtColor(picture, cv2.COLOR_GRAY2RGB)
    matrix = torch.rand(512, 512)

    def model(with_weights: bool) -> None:
        with torch.inference_mode():
            reader.model.read(seen, with_weights=with_weights)

    times = in_turns(
        {
            "reference": lambda: matrix @ matrix,
            "model": lambda: model(False),
            "model with attention": lambda: model(True),
            "read": lambda: reader.read(picture, with_attention=False),
            "read with attention": lambda: reader.read(picture),
            "maps": lambda: attention_maps(reader, reading),
            "overlay": lambda: overlay(rgb, reading, maps),
        },
        runs=200,
        warmup=20,
    )
    print(line("reference: 512 x 512 matrix product", times["reference"]))
    for name, what in (
        ("model", "encode + decode a 3-digit strip"),
        ("model with attention", "the same, returning all attention"),
        ("read", "Reader.read, 640 x 220 drawing"),
        ("read with attention", "the same, with attention"),
        ("maps", "attention maps of 3 digits on the drawing"),
        ("overlay", "overlay and boxes"),
    ):
        print(line(what, times[name], f"{median_ratio(times[name], times['reference']):.1f} x reference"))
    cost = median_ratio(times["model with attention"], times["model"]) - 1
    print(f"{'cost of returning attention':<44}{cost:9.1%}")
    print(f"{'read per second, one thread':<44}{1 / statistics.median(times['read']):9.0f}")


def _a_number_it_reads(reader: Reader, three: CanvasSettings) -> tuple[np.ndarray, torch.Tensor]:
    """A 640 x 220 drawing of three test digits and its strip; all three are decoded, or the time would mean nothing."""
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
    raise SystemExit("this checkpoint reads no three digits; train it first")


if __name__ == "__main__":
    main(sys.argv[1:])
