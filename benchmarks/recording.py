"""python -m benchmarks.recording [--seconds 60]: what the log and the run store add to a training.

The same training is timed from inside (the steps and rounds themselves) and from outside (with all that is written on the way).
"""

from __future__ import annotations

import argparse
import contextlib
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from core.config import PRESETS
from core.data.mnist import load_sample
from core.training.engine import Epoch, Step, fit
from core.training.store.recording import provenance, recorded
from core.training.store.tracking import Store


def main(argv: list[str] | None = None) -> None:
    """Print the share of the time that is spent on writing."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.recording", description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0)
    seconds = parser.parse_args(argv).seconds
    settings = PRESETS["number-small"]
    settings = settings.model_copy(
        update={
            "training": settings.training.model_copy(
                update={"steps_per_epoch": 50, "validation_canvases": 200}
            )
        }
    )
    mnist = load_sample()
    inside = 0.0

    def timed(records: Iterator[Step | Epoch]) -> Iterator[Step | Epoch]:
        nonlocal inside
        while True:
            begun = time.perf_counter()
            record = next(records, None)
            inside += time.perf_counter() - begun
            if record is None:
                return
            yield record

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        store = Store(f"sqlite:///{folder / 'store.db'}")
        run = store.begin("benchmark", settings, provenance(settings, mnist))
        begun = time.perf_counter()
        steps = 0
        with contextlib.closing(fit(settings, mnist, folder / "run")) as records:
            for record, _ in recorded(timed(records), settings, folder / "run", store, run):
                steps += isinstance(record, Step)
                if time.perf_counter() - begun > seconds:
                    break
        outside = time.perf_counter() - begun
    print(f"{steps} steps in {outside:.1f} s, a round after every 50")
    print(
        f"log and run store: {outside - inside:.2f} s, {(outside - inside) / inside:.2%} on top of training"
    )


if __name__ == "__main__":
    main()
