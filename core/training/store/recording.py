"""Records a training while it runs: a log in its folder, a run in the store."""

from __future__ import annotations

import json
import platform
import subprocess
import sys
import time
from collections.abc import Generator, Iterable
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal

from tqdm import tqdm

from core.config import RunSettings
from core.files import write_text
from core.model.checkpoint import parameter_count
from core.process import machine
from core.training.engine import BEST, Epoch, Step
from core.training.scores import score_of
from core.training.store.tracking import Metric, Store, StoreError
from core.training.task import M, Task
from core.training.watch import save_watched

LOG = "log.jsonl"
"""In a run's folder: one JSON object for each epoch, and for a step of each second."""
SETTINGS = "settings.json"
"""In a run's folder, and among its artifacts: its settings, as `--config` reads them."""
WATCHED = "watched"
"""In a run's folder: a folder of what `core.training.watch` saw after each epoch."""

Outcome = Literal["finished", "stopped", "failed"]

_LOG_EVERY, _STORE_EVERY = 1.0, 5.0  # seconds
_SMOOTH = 0.98


def recorded(
    records: Iterable[Step | Epoch],
    settings: RunSettings,
    folder: Path,
    store: Store | None = None,
    run: str = "",
) -> Generator[tuple[Step | Epoch, float], None, None]:
    """Pass each record on with the smoothed loss; write the log, and the run's metrics in batches, so that no step waits.

    What a killed training logged after its last saved state is dropped from the log: it is done, and logged, again.
    """
    loss, logged, stored = 0.0, 0.0, time.monotonic()
    waiting: list[Metric] = []
    best: dict[str, float] = {}
    try:
        for number, record in enumerate(records):
            if not number:
                best = _forget_from(folder / LOG, record.step)
            now = time.monotonic()
            if isinstance(record, Step):
                loss = record.loss if not loss else _SMOOTH * loss + (1 - _SMOOTH) * record.loss
                if now - logged >= _LOG_EVERY or record.step == settings.training.steps:
                    logged = now
                    _append(folder / LOG, {"kind": "step", **asdict(record), "smoothed_loss": loss})
                    waiting += _of_step(record, settings)
            else:
                about = {name: value for name, value in vars(record).items() if name != "watched"}
                _append(folder / LOG, {"kind": "epoch", **about})
                save_watched(folder / WATCHED, record.epoch, record.watched)
                for name, value in record.scores.items():
                    best[name] = score_of(name).better(best.get(name, value), value)
                    waiting += [
                        Metric(key, number_, record.step, time.time())
                        for key, number_ in ((name, value), (f"best.{name}", best[name]))
                    ]
            if store is not None and (now - stored >= _STORE_EVERY or isinstance(record, Epoch)):
                stored = now
                waiting = _sent(store, run, waiting, folder)
            yield record, loss
    finally:
        if store is not None and waiting:
            _sent(store, run, waiting, folder)


def _sent(store: Store, run: str, waiting: list[Metric], folder: Path) -> list[Metric]:
    """Those that still wait afterwards: all of them where the store would not take them, so that nothing is lost."""
    try:
        store.log(run, waiting)
    except StoreError as error:
        _warn(error, folder)
        return waiting
    return []


def _warn(error: StoreError, folder: Path) -> None:
    tqdm.write(f"warning: {error}. The training goes on; all of it is in {folder}", file=sys.stderr)


def keep(store: Store, run: str, folder: Path, outcome: Outcome) -> None:
    """Put what a training made among the run's artifacts, and say there how it ended. What fails is said, not raised: the folder has it all."""
    try:
        for name in (SETTINGS, BEST, LOG):
            if (folder / name).exists():
                store.keep(run, folder / name)
        for path in sorted((folder / WATCHED).glob("[0-9]*.npz")):
            store.keep(run, path, WATCHED)
        store.end(run, outcome)
    except StoreError as error:
        _warn(error, folder)


def provenance(task: Task[M]) -> dict[str, str]:
    """What reproduces a run besides its settings: code, data, versions, machine, and how large the model is."""
    return {
        "parameters": str(parameter_count(task.build())),
        "commit": _commit(),
        "data": str(task.source["data"]),
        "data_source": "sample" if task.source["sample"] else "MNIST",
        "seed": str(task.settings.training.seed),
        "python": platform.python_version(),
        **{name: version(name) for name in ("torch", "numpy", "opencv-python-headless")},
        "machine": machine(),
        "system": platform.platform(),
        "command": " ".join(sys.argv[1:]),
    }


def _of_step(record: Step, settings: RunSettings) -> list[Metric]:
    values = {
        "loss": record.loss,
        "learning_rate": settings.training.learning_rate * record.rate,
        "images_per_second": settings.training.batch_size / record.seconds,
    }
    return [Metric(name, value, record.step, time.time()) for name, value in values.items()]


def _commit() -> str:
    """Of the checkout, with a + where files differ from it; empty where there is no git."""
    here = Path(__file__).parent

    def git(*arguments: str) -> str:
        return subprocess.run(
            ["git", *arguments], cwd=here, capture_output=True, text=True, check=True, timeout=10
        ).stdout.strip()

    try:
        return git("rev-parse", "HEAD") + (
            "+" if git("status", "--porcelain", "--untracked-files=no") else ""
        )
    except (OSError, subprocess.SubprocessError):
        return ""


def _forget_from(path: Path, step: int) -> dict[str, float]:
    """Drop the log's lines from that step on, and a half-written one; give back the best of each score before."""
    best: dict[str, float] = {}
    if path.exists():
        kept = []
        for line in path.read_text(encoding="utf-8").splitlines(keepends=True):
            record: dict[str, Any] = json.loads(line) if line.endswith("\n") else {"step": step}
            if record["step"] < step:
                kept.append(line)
                for name, value in record.get("scores", {}).items():
                    best[name] = score_of(name).better(best.get(name, value), value)
        write_text(path, "".join(kept))
    return best


def _append(path: Path, record: dict[str, Any]) -> None:
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(record) + "\n")
