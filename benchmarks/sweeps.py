"""python -m benchmarks.sweeps: how long the sweeps page waits for its data, with ten sweeps of twenty trials each."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
import time
from pathlib import Path

from core.config import CanvasSettings, ModelSettings, RunSettings, TrainingSettings
from core.data.mnist import load_sample
from core.training.sweeps import study

SWEEPS, TRIALS = 10, 20
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


def main() -> int:
    """Trains one sweep of tiny models, copies it, and times what the page reads."""
    with tempfile.TemporaryDirectory() as lab:
        os.environ["NUMBERS_LAB"] = lab
        first = study.begin(_FILE, "sweep-0", _TINY, trials=TRIALS, sample=True)
        for _ in study.run(first, load_sample(), None, lambda settings: None):
            pass
        for number in range(1, SWEEPS):
            _copy(first.folder, f"sweep-{number}")
        begun = time.perf_counter()
        known = study.sweeps()
        listed = time.perf_counter()
        trials = [len(study.trials(one)) for one in known]
        read = time.perf_counter()
        for kind in study.FIGURES:
            study.figure(kind, known[0])
        drawn = time.perf_counter()
    assert trials == [TRIALS] * SWEEPS
    print(
        f"{SWEEPS} sweeps of {TRIALS} trials: listed in {listed - begun:.2f} s, trials read in {read - listed:.2f} s"
    )
    print(f"the {len(study.FIGURES)} figures of one: {drawn - read:.2f} s")
    return 0


def _copy(folder: Path, name: str) -> None:
    """The same sweep under another name; its checkpoints stay behind."""
    made = folder.with_name(name)
    made.mkdir()
    for file in ("about.json", "sweep.yaml", "journal.log"):
        shutil.copy(folder / file, made / file)
        text = (made / file).read_text(encoding="utf-8")
        (made / file).write_text(text.replace(f'"{folder.name}"', f'"{name}"'), encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
