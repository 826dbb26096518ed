"""Packs sweeps and their runs into one small file, without checkpoints, and unpacks it into another lab.

A zip: `runs.json` has each run with all values of its metrics; `sweeps/` the folders of the sweeps as they are.
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from core.config import RunSettings, validated
from core.files import whole, write_text
from core.training import lab
from core.training.store.tracking import Metric, Run, Store
from core.training.sweeps.study import Sweep, trials

BUNDLED = Path(__file__).resolve().parents[3] / "studies" / "ablation.zip"
"""The study that comes with the repository."""

_RUNS = "runs.json"
_KEPT = ("about.json", "sweep.yaml", "journal.log")


def pack(sweeps: Sequence[Sweep], store: Store, path: Path) -> int:
    """Write the file; gives how many runs it holds."""
    known = [(trial.run, trial.folder) for sweep in sweeps for trial in trials(sweep) if trial.run]
    runs = [_packed(store.run(run), folder, store) for run, folder in known]
    with whole(path) as file, zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        archive.writestr(_RUNS, json.dumps(runs))
        for sweep in sweeps:
            for name in _KEPT:
                archive.write(sweep.folder / name, f"sweeps/{sweep.folder.name}/{name}")
    return len(runs)


def unpack(path: Path, store: Store) -> Iterator[tuple[int, int]]:
    """Put the runs into the store and the sweeps into the lab. Yields how many runs are in, and of how many.

    A sweep that the lab already has is left as it is, with its runs.
    """
    with zipfile.ZipFile(path) as archive:
        runs: list[dict[str, Any]] = json.loads(archive.read(_RUNS))
        folders = sorted({Path(name).parts[1] for name in archive.namelist() if name.startswith("sweeps/")})
        new = [folder for folder in folders if not (lab.root() / "sweeps" / folder).exists()]
        files = {
            (folder, name): archive.read(f"sweeps/{folder}/{name}").decode()
            for folder in new
            for name in _KEPT
        }
    names = {json.loads(files[folder, "about.json"])["name"] for folder in new}
    wanted = [run for run in runs if run["tags"].get("sweep") in names]
    given: dict[str, str] = {}
    for number, run in enumerate(wanted, 1):
        given[run["id"]] = _unpacked(run, store)
        yield number, len(wanted)
    for (folder, name), text in files.items():
        for before, now in given.items():
            text = text.replace(before, now)  # the store gives its own names
        home = lab.root() / "sweeps" / folder
        home.mkdir(parents=True, exist_ok=True)
        write_text(home / name, text)


def _packed(run: Run, folder: Path, store: Store) -> dict[str, Any]:
    names = [*run.last, *(f"best.{name}" for name in run.best)]
    return {
        "id": run.id,
        "name": run.name,
        "status": run.status,
        "started": run.started.timestamp(),
        "seconds": run.seconds,
        "settings": json.loads((folder / "settings.json").read_text(encoding="utf-8")),
        "tags": {key: value for key, value in run.tags.items() if key != "about.folder"},
        "note": run.note,
        "metrics": {
            name: [
                [value.step, round(value.time, 1), float(f"{value.value:.5g}")]
                for value in store.history(run.id, name)
            ]
            for name in names
        },
    }


def _unpacked(run: dict[str, Any], store: Store) -> str:
    """A new run in the store that says what the old one said."""
    about = {
        key.removeprefix("about."): text for key, text in run["tags"].items() if key.startswith("about.")
    }
    started = datetime.fromtimestamp(run["started"], UTC)
    settings = validated(RunSettings, run["settings"], source=run["name"])
    name = store.begin(run["name"], settings, about, started)
    metrics = [
        Metric(metric, value, step, time)
        for metric, values in run["metrics"].items()
        for step, time, value in values
    ]
    store.log(name, metrics)
    for key, text in run["tags"].items():
        if not key.startswith("about."):
            store.tag(name, key, text)
    if run["note"]:
        store.note(name, run["note"])
    store.end(name, run["status"], started + timedelta(seconds=run["seconds"] or 0))
    return name
