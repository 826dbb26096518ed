"""python -m benchmarks.soak [SECONDS]: memory of a live reader that is shown camera frames for so long (default 120).

Frames come as fast as they are drawn, so that a minute of it is many minutes of a camera; the model runs beside, as on the
Webcam page. Between the first quarter and the end nothing should have grown.
"""

from __future__ import annotations

import sys
import threading
import time

import psutil

from core.data.mnist import load_mnist
from core.data.scenes.frame import CONDITIONS, make_frame
from core.reading import Reader, limit_threads
from core.reading.live import LiveReader

SECONDS = 120.0
CAMERA = 24  # frames a second of a usual camera


def main(argv: list[str]) -> None:
    """Print resident memory and threads at each quarter."""
    limit_threads(1)
    digits = load_mnist().split("validation")
    pictures = [make_frame(digits, condition, 40_000).picture for condition in CONDITIONS]
    live = LiveReader(Reader.from_checkpoint())
    seconds = float(argv[0]) if argv else SECONDS
    started, shown = time.monotonic(), 0
    for quarter in range(1, 5):
        while time.monotonic() - started < seconds * quarter / 4:
            live.show(pictures[shown // 200 % len(pictures)])
            shown += 1
        now = live.statistics()
        print(
            f"{shown:>8,} frames ({shown / CAMERA / 60:5.1f} minutes of a camera)  "
            f"{psutil.Process().memory_info().rss / 1e6:7.1f} MB  {threading.active_count()} threads  "
            f"{now.readings_per_second:4.1f} readings/s  {now.errors} errors",
            flush=True,
        )
    live.close()
    print(f"closed: {threading.active_count()} thread")


if __name__ == "__main__":
    main(sys.argv[1:])
