"""The memory of a live reader that is shown camera frames without a pause."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated

import psutil
from tyro.conf import Positional

from benchmarks.bench import Benchmark
from core.data.mnist import load_mnist
from core.data.scenes.frame import CONDITIONS, make_frame
from core.reading import Reader, limit_threads
from core.reading.live import LiveReader

CAMERA = 24  # frames a second of a usual camera


@dataclass(frozen=True)
class Soak(Benchmark):
    """Resident memory and threads of a live reader at each quarter of the time.

    Frames come as fast as they are drawn, so that a minute of it is many minutes of a camera; the model runs beside, as on the
    Webcam page. Between the first quarter and the end nothing should have grown.
    """

    seconds: Annotated[float, Positional] = 120.0
    """how long to show it frames"""

    def rows(self) -> Iterator[str]:
        limit_threads(1)
        digits = load_mnist().split("validation")
        pictures = [make_frame(digits, condition, 40_000).picture for condition in CONDITIONS]
        live = LiveReader(Reader.from_checkpoint())
        started, shown = time.monotonic(), 0
        for quarter in range(1, 5):
            while time.monotonic() - started < self.seconds * quarter / 4:
                live.show(pictures[shown // 200 % len(pictures)])
                shown += 1
            now = live.statistics()
            yield (
                f"{shown:>8,} frames ({shown / CAMERA / 60:5.1f} minutes of a camera)  "
                f"{psutil.Process().memory_info().rss / 1e6:7.1f} MB  {threading.active_count()} threads  "
                f"{now.readings_per_second:4.1f} readings/s  {now.errors} errors"
            )
        live.close()
        yield f"closed: {threading.active_count()} thread"


if __name__ == "__main__":
    sys.exit(Soak.main())
