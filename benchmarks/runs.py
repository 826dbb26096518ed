"""python -m benchmarks.runs [--counts 200 500]: how long the run store takes to list its runs, and the runs page to show them.

The runs are made up, in a store that is thrown away: settings that differ, 20 rounds and 300 steps of metrics each.
"""

from __future__ import annotations

import argparse
import math
import os
import random
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from streamlit.testing.v1 import AppTest

from core.config import ModelSettings, RunSettings, TrainingSettings
from core.training.store.tracking import Metric, Status, Store
from tests.conftest import ROOT

_ROUNDS, _STEPS = 20, 300


def main(argv: list[str] | None = None) -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--counts", type=int, nargs="+", default=[200, 500])
    counts = sorted(parser.parse_args(argv).counts)
    with tempfile.TemporaryDirectory() as folder:
        os.environ["NUMBERS_LAB"] = folder
        os.environ.pop("MLFLOW_TRACKING_URI", None)
        store = Store()
        _print("MLflow loaded and its database made", lambda: make_runs(store, 1))
        made = 1
        for count in counts:
            make_runs(store, count - made, seed=made)
            made = count
            page = _page()

            def shown(page: AppTest = page) -> None:
                page.run()
                assert not page.exception, page.exception[0].message

            _print(f"{count} runs: listed", store.runs, turns=3)
            _print(f"{count} runs: the page, first (table, curves of three)", shown)
            _print(f"{count} runs: the page, again", shown, turns=3)
            page.text_input(key="filter").set_value("heads>=4 clean>60%")
            _print(f"{count} runs: the page, filtered", shown)
    return 0


def make_runs(store: Store, count: int, *, seed: int = 0) -> list[str]:
    """`count` runs that look like real ones; their ids, oldest first."""
    dice = random.Random(seed)
    ids = []
    for number in range(count):
        heads, layers = dice.choice([1, 2, 4, 8]), dice.randint(1, 6)
        settings = RunSettings(
            model=ModelSettings(
                dim=64, heads=heads, encoder_layers=layers, positions=dice.choice(["sincos", "learned"])
            ),
            training=TrainingSettings(
                seed=dice.randrange(3),
                epochs=_ROUNDS,
                steps_per_epoch=200,
                learning_rate=dice.choice([1e-3, 2e-3]),
            ),
        )
        about = {
            "parameters": str(60_000 + 33_000 * layers),
            "commit": "0" * 40,
            "seed": str(settings.training.seed),
        }
        started = datetime(2026, 11, 1, tzinfo=UTC) + timedelta(minutes=11 * (seed + number))
        run = store.begin(f"{heads} heads, {layers} layers, {seed + number}", settings, about, started)
        metrics = _metrics(
            dice, settings, started.timestamp(), strength=0.7 + 0.03 * layers + 0.01 * math.log2(heads)
        )
        store.log(run, metrics)
        outcome: Status = dice.choices(("finished", "stopped", "failed"), [8, 1, 1])[0]
        store.end(run, outcome, datetime.fromtimestamp(metrics[-1].time, UTC))
        ids.append(run)
    return ids


def _metrics(dice: random.Random, settings: RunSettings, now: float, *, strength: float) -> list[Metric]:
    steps = settings.training.steps
    pace = dice.uniform(0.1, 0.3)
    metrics = []
    for place in range(1, _STEPS + 1):
        step = steps * place // _STEPS
        loss = 0.4 + 2 * math.exp(-6 * place / _STEPS) * dice.uniform(0.85, 1.15)
        metrics.append(Metric("loss", loss, step, now + pace * step))
        metrics.append(
            Metric("learning_rate", 2e-3 * min(1, 2 - 2 * place / _STEPS), step, now + pace * step)
        )
    best: dict[str, float] = {}
    for epoch in range(1, _ROUNDS + 1):
        step = epoch * settings.training.steps_per_epoch
        rise = strength * (1 - math.exp(-epoch / 4))
        scores = {
            "clean": rise + dice.uniform(-0.02, 0.02),
            "camera": 0.85 * rise + dice.uniform(-0.02, 0.02),
        }
        scores["score"] = sum(scores.values()) / 2
        for name, value in scores.items():
            best[name] = max(best.get(name, 0.0), value)
            metrics += [
                Metric(name, value, step, now + pace * step),
                Metric(f"best.{name}", best[name], step, now + pace * step),
            ]
    return metrics


def _page() -> AppTest:
    app = AppTest.from_file(str(ROOT / "streamlit_app.py"), default_timeout=600).run()
    return app.switch_page("pages/train/runs.py")


def _print(name: str, task: Callable[[], object], *, turns: int = 1) -> None:
    """A row: the shortest of some turns by the clock, and what of it the processor worked for us."""
    times = []
    for _ in range(turns):
        started, worked = time.perf_counter(), time.process_time()
        task()
        times.append((time.perf_counter() - started, time.process_time() - worked))
    seconds, work = min(times)
    print(f"{name:<56}{seconds:8.2f} s  (processor {work:.2f} s)", flush=True)


if __name__ == "__main__":
    sys.exit(main())
