"""python -m benchmarks.scribbles [CHECKPOINT]: how often a looping scribble, as one tries out a pen, is taken for a number.

The training canvases hold no such loops, so this is a weakness shown and not a score to train for.
"""

from __future__ import annotations

import sys
from pathlib import Path

import cv2
import numpy as np

from core.reading import Reader, limit_threads

COUNT = 40


def main(argv: list[str]) -> None:
    """Print the share that was refused, and the surest misreadings."""
    limit_threads(1)
    reader = Reader.from_checkpoint(Path(argv[0]) if argv else None)
    random = np.random.default_rng(0)
    readings = [reader.read(_loops(random), with_attention=False) for _ in range(COUNT)]
    misread = sorted(
        (reading for reading in readings if reading.text), key=lambda reading: -reading.probability
    )
    print(f"{COUNT - len(misread)} of {COUNT} looping scribbles answered with nothing")
    for reading in misread[:5]:
        print(f"    read as {reading.text} ({reading.probability:.0%})")


def _loops(random: np.random.Generator) -> np.ndarray:
    """HW uint8: a row of 3 to 6 loops, black on white, 640 x 220."""
    picture = np.full((220, 640), 255, np.uint8)
    turn = np.linspace(0, 2 * np.pi * random.integers(3, 7), 400)
    x = 60 + turn * random.uniform(12, 18) + random.uniform(15, 40) * np.cos(turn)
    y = 110 + random.uniform(25, 60) * np.sin(turn)
    points = np.stack([x, y], axis=1).astype(np.int32)
    cv2.polylines(picture, [points], False, 0, int(random.integers(6, 16)), cv2.LINE_AA)
    return picture


if __name__ == "__main__":
    main(sys.argv[1:])
