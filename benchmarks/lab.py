"""The lab: how long runs and sweeps take to list and to show, and what recording adds to a training."""

from __future__ import annotations

import contextlib
import math
import os
import random
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from streamlit.testing.v1 import AppTest

from benchmarks.bench import Benchmark
from core.config import PRESETS, CanvasSettings, ModelSettings, RunSettings, TrainingSettings
from core.data.mnist import load_sample
from core.training.engine import Epoch, Step, fit
from core.training.reading_task import ReadingTask
from core.training.store.recording import provenance, recorded
from core.training.store.tracking import Metric, Status, Store
from core.training.sweeps import figures, running, study
from tests.conftest import ROOT

_ROUNDS, _STEPS = 20, 300
_SWEEPS, _TRIALS = 10, 20
_FILE = """
method: random
metric: {name: score, goal: maximize}
parameters:
  model.dim: {values: [8, 16, 24]}
  training.seed: {values: [0, 1, 2]}
  training.learning_rate: {distribution: log_uniform_values, min: 0.0001, max: 0.01}
"""
_TINY = RunSettings(
    canvas=CanvasSettings(height=16, width=32, max_digits=2),
    model=ModelSettings(dim=16, heads=2, encoder_layers=1, stem_width=4, stem_depth=1),
    training=TrainingSettings(epochs=10, steps_per_epoch=1, batch_size=4, validation_canvases=20),
)


@dataclass(frozen=True)
class Lab(Benchmark):
    """How long the store takes to list its runs and the Runs page to show them, how long sweeps and their figures take, and what the log and the
    store add to a training.

    The runs are made up, in a store that is thrown away: settings that differ, 20 epochs and 300 steps of metrics each. The sweeps are one of
    tiny models, and copies of it.
    """

    counts: tuple[int, ...] = (200, 500)
    """how many runs"""
    seconds: float = 60.0
    """how long to train, for the cost of recording"""

    def rows(self) -> Iterator[str]:
        yield from _in_a_lab(_runs(sorted(self.counts)))
        yield from _in_a_lab(_sweeps())
        yield from _recording(self.seconds)


def _in_a_lab(rows: Iterator[str]) -> Iterator[str]:
    """The rows, with a lab for them that is thrown away."""
    with tempfile.TemporaryDirectory() as folder:
        os.environ["NUMBERS_LAB"] = folder
        os.environ.pop("MLFLOW_TRACKING_URI", None)
        yield from rows


def _runs(counts: list[int]) -> Iterator[str]:
    store = Store()
    yield _row("MLflow loaded and its database made", lambda: make_runs(store, 1))
    made = 1
    for count in counts:
        make_runs(store, count - made, seed=made)
        made = count
        page = _page()

        def shown(page: AppTest = page) -> None:
            page.run()
            assert not page.exception, page.exception[0].message

        yield _row(f"{count} runs: listed", store.runs, turns=3)
        yield _row(f"{count} runs: the page, first (table, curves of three)", shown)
        yield _row(f"{count} runs: the page, again", shown, turns=3)
        page.text_input(key="filter").set_value("heads>=4 clean>60%")
        yield _row(f"{count} runs: the page, filtered", shown)


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


def _row(name: str, task: Callable[[], object], *, turns: int = 1) -> str:
    """The shortest of some turns by the clock, and what of it the processor worked for us."""
    times = []
    for _ in range(turns):
        started, worked = time.perf_counter(), time.process_time()
        task()
        times.append((time.perf_counter() - started, time.process_time() - worked))
    seconds, work = min(times)
    return f"{name:<56}{seconds:8.2f} s  (processor {work:.2f} s)"


def _sweeps() -> Iterator[str]:
    """What the Sweeps page reads."""
    first = study.begin(_FILE, "sweep-0", _TINY, trials=_TRIALS, sample=True)
    for _ in running.run(first, load_sample(), None, lambda settings: None):
        pass
    for number in range(1, _SWEEPS):
        _copy(first.folder, f"sweep-{number}")
    what = f"{_SWEEPS} sweeps of {_TRIALS} trials"
    yield _row(f"{what}: listed", study.sweeps)
    yield _row(f"{what}: trials read", lambda: [study.trials(one) for one in study.sweeps()])
    yield _row(
        f"the {len(figures.FIGURES)} figures of one",
        lambda: [figures.figure(kind, first) for kind in figures.FIGURES],
    )


def _copy(folder: Path, name: str) -> None:
    """The same sweep under another name; its checkpoints stay behind."""
    made = folder.with_name(name)
    made.mkdir()
    for file in ("about.json", "sweep.yaml", "journal.log"):
        shutil.copy(folder / file, made / file)
        text = (made / file).read_text(encoding="utf-8")
        (made / file).write_text(text.replace(f'"{folder.name}"', f'"{name}"'), encoding="utf-8")


def _recording(seconds: float) -> Iterator[str]:
    """The same training is timed from inside (the steps and epochs themselves) and from outside (with all that is written on the way)."""
    small = PRESETS["number-small"]
    choices = {"steps_per_epoch": 50, "validation_canvases": 200}
    settings = small.model_copy(update={"training": small.training.model_copy(update=choices)})
    task = ReadingTask(settings, load_sample())
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
        run = store.begin("benchmark", settings, provenance(task))
        begun = time.perf_counter()
        steps = 0
        with contextlib.closing(fit(task, folder / "run")) as records:
            for record, _ in recorded(timed(records), settings, folder / "run", store, run):
                steps += isinstance(record, Step)
                if time.perf_counter() - begun > seconds:
                    break
        outside = time.perf_counter() - begun
    yield f"{steps} steps in {outside:.1f} s, an epoch after every 50"
    yield f"log and run store: {outside - inside:.2f} s, {(outside - inside) / inside:.2%} on top of training"


if __name__ == "__main__":
    sys.exit(Lab.main())
