"""Tells how far a training has come, from the files in its folder: curves, epochs, the time that is left."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

from core.config import RunSettings, SettingsError, load_settings
from core.training.store.recording import LOG, SETTINGS


@dataclass(frozen=True)
class Progress:
    """What the log of a training holds at this moment; lists of one kind are equally long."""

    settings: RunSettings | None
    """None while it has not begun, or where the file is broken."""
    steps: list[int] = field(default_factory=list)
    losses: list[float] = field(default_factory=list)
    smoothed: list[float] = field(default_factory=list)
    rates: list[float] = field(default_factory=list)
    """Learning rates of AdamW."""
    seconds_per_step: float = 0.0
    """Lately."""
    epochs: list[int] = field(default_factory=list)
    epoch_steps: list[int] = field(default_factory=list)
    scores: dict[str, list[float]] = field(default_factory=dict)
    """clean, camera, mnist ...: exact match, 0 to 1, epoch by epoch."""
    best: int | None = None
    """The epoch whose checkpoint is kept."""

    @property
    def step(self) -> int:
        """The last step of which is known."""
        return max([*self.steps[-1:], *self.epoch_steps[-1:], 0])

    @property
    def total(self) -> int:
        """Steps of the whole training; 0 while unknown."""
        return self.settings.training.steps if self.settings else 0

    @property
    def images_per_second(self) -> float:
        """Canvases made and learned from, lately; 0 while unknown."""
        if not self.settings or not self.seconds_per_step:
            return 0.0
        return self.settings.training.batch_size / self.seconds_per_step

    @property
    def seconds_left(self) -> float:
        """At the speed of late, validations left out."""
        return (self.total - self.step) * self.seconds_per_step


def progress(folder: Path) -> Progress:
    """Read the log of a training; a line that is being written just now waits for the next call."""
    try:
        settings = load_settings(folder / SETTINGS)
    except SettingsError:
        return Progress(None)
    records = _records(folder / LOG)
    steps = [record for record in records if record.get("kind") == "step"]
    epochs = [record for record in records if record.get("kind") == "epoch"]
    names = list(epochs[0]["scores"]) if epochs else []
    kept = [record["epoch"] for record in epochs if record["is_best"]]
    return Progress(
        settings=settings,
        steps=[record["step"] for record in steps],
        losses=[record["loss"] for record in steps],
        smoothed=[record["smoothed_loss"] for record in steps],
        rates=[settings.training.learning_rate * record["rate"] for record in steps],
        seconds_per_step=median(record["seconds"] for record in steps[-20:]) if steps else 0.0,
        epochs=[record["epoch"] for record in epochs],
        epoch_steps=[record["step"] for record in epochs],
        scores={name: [record["scores"].get(name, float("nan")) for record in epochs] for name in names},
        best=kept[-1] if kept else None,
    )


def _records(path: Path) -> list[dict[str, Any]]:
    if not path.exists():
        return []
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    return [json.loads(line) for line in lines if line.endswith("\n")]
