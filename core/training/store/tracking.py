"""Keeps runs and their metrics in an MLflow store, readable by the field's own tools."""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, get_args
from urllib.parse import unquote, urlparse

from filelock import FileLock

from core.config import RunSettings, acting_settings
from core.errors import PlainError
from core.process import Identity, alive, identity
from core.training import lab

if TYPE_CHECKING:
    from mlflow import MlflowClient

Setting = str | int | float | bool
Status = Literal["running", "finished", "stopped", "failed"]

EXPERIMENT = "numbers"
_NAME, _NOTE = "mlflow.runName", "mlflow.note.content"
_OUTCOME, _OWNER = "numbers.outcome", "numbers.owner"
_OURS, _ANY_TAG = ("mlflow.", "numbers."), "numbers.tag."
_AT_ONCE = 900  # metrics in one call; MLflow takes no more than 1,000
_PAGE = 1000
_SQLITE = "sqlite:///"
_OF_DATABASE = ("TEMPORARILY_UNAVAILABLE", "BAD_REQUEST")  # how MLflow marks what its database refused


class StoreError(PlainError):
    """The store cannot do what was asked; the message says why, and what to do."""


class Metric(NamedTuple):
    """One value of one metric."""

    name: str
    value: float
    step: int
    time: float
    """Seconds since 1970."""


@dataclass(frozen=True)
class Run:
    """One training, as the store knows it."""

    id: str
    name: str
    status: Status
    started: datetime
    seconds: float | None
    """How long it took; None while it runs."""
    settings: dict[str, Setting]
    """Flat: `training.learning_rate`."""
    last: dict[str, float]
    """The last value of each metric."""
    best: dict[str, float]
    """The best value of each score."""
    tags: dict[str, str]
    """A person's, and `about.*`: what was noted of code, data and machine."""
    note: str
    deleted: bool
    owner: Identity | None = None
    """The process that trains it, or did."""

    @property
    def died(self) -> bool:
        """Whether it is said to run, but its process is gone without a word. Asked of the system each time."""
        return self.status == "running" and self.owner is not None and alive(self.owner) is False


class Store:
    """The run store at an MLflow address; without one that of `MLFLOW_TRACKING_URI`, else a database in the lab."""

    def __init__(self, uri: str | None = None) -> None:
        self.uri = uri or os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{lab.root() / 'store.db'}"

    # --- Writing ----------------------------------------------------------------------------------------------------

    def begin(
        self, name: str, settings: RunSettings, about: dict[str, str], started: datetime | None = None
    ) -> str:
        """A new run, and its id. `about` is kept as tags `about.*`; `started` is now, if not told."""
        from mlflow.entities import Param, RunTag

        flat = flattened(settings)
        with self._explained():
            begun = round(started.timestamp() * 1000) if started else None
            run = self._client.create_run(self._experiment, start_time=begun, run_name=name or "unnamed")
            run_id: str = run.info.run_id
            params = [Param(key, str(value)) for key, value in flat.items()]
            tags = [RunTag(f"about.{key}", value) for key, value in about.items() if value]
            tags.append(RunTag(_OWNER, json.dumps(identity())))
            self._client.log_batch(run_id, params=params, tags=tags)
        return run_id

    def go_on(self, run_id: str) -> None:
        """A stopped run is running again, in this process."""
        with self._explained():
            self._client.set_tag(run_id, _OWNER, json.dumps(identity()))
            if _OUTCOME in self._client.get_run(run_id).data.tags:
                self._client.delete_tag(run_id, _OUTCOME)
            self._client.update_run(run_id, status="RUNNING")

    def log(self, run_id: str, metrics: Sequence[Metric]) -> None:
        """Add values; those that are not finite are left out, for they cannot be compared."""
        from mlflow.entities import Metric as Entity

        values = [
            Entity(metric.name, metric.value, round(metric.time * 1000), metric.step)
            for metric in metrics
            if abs(metric.value) < float("inf")
        ]
        with self._explained():
            for first in range(0, len(values), _AT_ONCE):
                self._client.log_batch(run_id, metrics=values[first : first + _AT_ONCE])

    def keep(self, run_id: str, path: Path, folder: str = "") -> None:
        """Copy a file among the run's artifacts."""
        with self._explained():
            self._client.log_artifact(run_id, str(path), folder or None)

    def end(self, run_id: str, status: Status, ended: datetime | None = None) -> None:
        """The run is over; since now, if not told."""
        with self._explained():
            self._client.set_tag(run_id, _OUTCOME, status)
            known = {"finished": "FINISHED", "stopped": "KILLED", "failed": "FAILED", "running": "RUNNING"}
            over = round(ended.timestamp() * 1000) if ended else None
            self._client.set_terminated(run_id, known[status], over)

    # --- Reading ----------------------------------------------------------------------------------------------------

    def runs(self, *, deleted: bool = False) -> list[Run]:
        """All runs, newest first; one that cannot be understood is left out."""
        if self.uri.startswith(_SQLITE) and not Path(self.uri.removeprefix(_SQLITE)).exists():
            return []  # and nothing is made, nor MLflow loaded, to learn that
        from mlflow.entities import ViewType
        from mlflow.exceptions import MlflowException

        view = ViewType.DELETED_ONLY if deleted else ViewType.ACTIVE_ONLY
        with self._explained():
            try:
                entities = self._search(view)
            except MlflowException as error:
                if error.error_code in _OF_DATABASE or not self.uri.startswith(_SQLITE):
                    raise
                entities = self._readable(self._ids(deleted=deleted), view)
        found: list[Run] = []
        for entity in entities:
            with contextlib.suppress(ValueError, KeyError, TypeError):
                found.append(_run(entity))
        return found

    def stamp(self) -> tuple[int, ...] | None:
        """Another one after every change, at no cost; None where only the store itself could tell."""
        if not self.uri.startswith(_SQLITE):
            return None
        path = Path(self.uri.removeprefix(_SQLITE))
        known: list[int] = []
        for file in (
            path,
            path.with_name(f"{path.name}-wal"),
        ):  # what is new stands in the second until it is large
            with contextlib.suppress(OSError):
                known += file.stat().st_mtime_ns, file.stat().st_size
        return tuple(known)

    def run(self, run_id: str) -> Run:
        """One run. Raises `StoreError` where there is none of that id."""
        with self._explained():
            return _run(self._client.get_run(run_id))

    def metrics(self, run_id: str) -> list[str]:
        """Names of what was logged, the copies of best values left out."""
        return sorted(self.run(run_id).last)

    def history(self, run_id: str, metric: str) -> list[Metric]:
        """All values of a metric, by step."""
        with self._explained():
            values = self._client.get_metric_history(run_id, metric)
        # What a killed training did after its last saved state is done, and logged, again: the later value counts.
        latest = {value.step: value for value in sorted(values, key=lambda value: value.timestamp)}
        return [
            Metric(metric, latest[step].value, step, latest[step].timestamp / 1000) for step in sorted(latest)
        ]

    def artifacts(self, run_id: str) -> list[str]:
        """Paths of all files that were kept with a run."""
        folder = self._folder(run_id)
        if folder is not None:
            return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())
        with self._explained():
            return [entry.path for entry in self._client.list_artifacts(run_id) if not entry.is_dir]

    def artifact(self, run_id: str, path: str) -> Path | None:
        """The file of that path, fetched if the store is elsewhere; None where there is none."""
        folder = self._folder(run_id)
        if folder is not None:
            file = (folder / path).resolve()
            return file if file.is_file() and file.is_relative_to(folder.resolve()) else None
        with self._explained():
            if path not in self.artifacts(run_id):
                return None
            return Path(self._client.download_artifacts(run_id, path))

    # --- What a person notes ----------------------------------------------------------------------------------------

    def rename(self, run_id: str, name: str) -> None:
        """Give a run another name: any text."""
        with self._explained():
            self._client.set_tag(run_id, _NAME, name or "unnamed")

    def tag(self, run_id: str, key: str, value: str = "") -> None:
        """Set a tag of a person's: any text, with or without a value."""
        with self._explained():
            self._client.set_tag(run_id, *_tag(key, value))

    def untag(self, run_id: str, key: str) -> None:
        """Take a tag away; where there is none, nothing changes."""
        with self._explained():
            name, _ = _tag(key, "")
            if name in self._client.get_run(run_id).data.tags:
                self._client.delete_tag(run_id, name)

    def note(self, run_id: str, text: str) -> None:
        """What a person has to say of a run."""
        with self._explained():
            self._client.set_tag(run_id, _NOTE, text)

    def delete(self, run_id: str) -> None:
        """Put a run among the deleted ones; nothing of it is lost."""
        with self._explained():
            self._client.delete_run(run_id)

    def restore(self, run_id: str) -> None:
        """Take a run back from there."""
        with self._explained():
            self._client.restore_run(run_id)

    # --- MLflow -----------------------------------------------------------------------------------------------------

    @cached_property
    def _client(self) -> MlflowClient:
        """Made at first need: the import takes a second or two, the first database some more."""
        os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
        os.environ.setdefault("MLFLOW_LOGGING_LEVEL", "CRITICAL")  # what goes wrong is raised
        for name in ("alembic", "mlflow"):  # tables that are made are no news
            logging.getLogger(name).setLevel(logging.WARNING)
        from mlflow import MlflowClient

        if not self.uri.startswith(_SQLITE):
            return MlflowClient(self.uri)
        path = Path(self.uri.removeprefix(_SQLITE))
        path.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(path.with_suffix(".lock")):  # two processes must not make the tables at once
            _let_many_read(path)
            client = MlflowClient(self.uri)
            client.search_experiments(max_results=1)
        return client

    @cached_property
    def _experiment(self) -> str:
        client = self._client
        known = client.get_experiment_by_name(EXPERIMENT)
        if known is None:
            place = None
            if self.uri.startswith(_SQLITE):
                place = (Path(self.uri.removeprefix(_SQLITE)).parent / "artifacts").absolute().as_uri()
            with contextlib.suppress(Exception):  # another process may have been first
                client.create_experiment(EXPERIMENT, artifact_location=place)
            known = client.get_experiment_by_name(EXPERIMENT)
        if known is None:
            raise StoreError(f"{self.uri} takes no experiment; check that it can be written")
        experiment: str = known.experiment_id
        return experiment

    def _search(self, view: int, only: str = "") -> list[Any]:
        """MLflow's runs, newest first; with `only`, those that a filter in its own language lets through."""
        entities: list[Any] = []
        token = None
        while True:
            page = self._client.search_runs([self._experiment], only, view, _PAGE, page_token=token)
            entities += page
            token = page.token
            if not token:
                return entities

    def _readable(self, ids: list[str], view: int) -> list[Any]:
        """MLflow gives all of some runs or none of them, so the halves of those with a broken one are asked for, and theirs."""
        from mlflow.exceptions import MlflowException

        try:
            return self._search(view, f"attributes.run_id IN ({', '.join(map(repr, ids))})") if ids else []
        except MlflowException as error:
            if error.error_code in _OF_DATABASE:
                raise
            half = len(ids) // 2
            return self._readable(ids[:half], view) + self._readable(ids[half:], view) if half else []

    def _ids(self, *, deleted: bool) -> list[str]:
        """Of all runs in a database of ours, broken ones among them, newest first."""
        import sqlite3

        stage = "deleted" if deleted else "active"
        query = "SELECT run_uuid FROM runs WHERE experiment_id = ? AND lifecycle_stage = ? ORDER BY start_time DESC, run_uuid"
        with contextlib.closing(sqlite3.connect(self.uri.removeprefix(_SQLITE), timeout=30)) as database:
            return [run_id for (run_id,) in database.execute(query, (self._experiment, stage))]

    def _folder(self, run_id: str) -> Path | None:
        """Where a run's artifacts lie, if that is on this machine."""
        with self._explained():
            place = urlparse(self._client.get_run(run_id).info.artifact_uri)
        return Path(unquote(place.path)) if place.scheme in ("", "file") else None

    @contextlib.contextmanager
    def _explained(self) -> Iterator[None]:
        """What MLflow, the database or the disk say, in words that help."""
        try:
            yield
        except StoreError:
            raise
        except (Exception, SystemExit) as error:
            raise StoreError(_words(error, self.uri)) from error


def flattened(settings: RunSettings) -> dict[str, Setting]:
    """`{"training.seed": 0, ...}`, group by group: those that act on this kind of model."""
    values = settings.model_dump()
    acting = acting_settings(settings.model.kind)
    return {f"{group}.{name}": values[group][name] for group, names in acting.items() for name in names}


def _words(error: BaseException, uri: str) -> str:
    said = " ".join(str(error).split())
    for sign, words in {
        "readonly database": "it is read-only; make the file and its folder writable, or set MLFLOW_TRACKING_URI to another store",
        "database or disk is full": "the disk is full; make room, nothing that was stored is lost",
        "No space left": "the disk is full; make room, nothing that was stored is lost",
        "unable to open database": "it cannot be opened; check that its folder exists and is writable",
        "not a database": "the file is no database; move it away, and a new one is made",
        "Can't locate revision": "it was made by a newer version of MLflow; update mlflow-skinny, or use another store",
        "out-of-date database schema": "it was made by another version of MLflow; run `mlflow db upgrade` on it",
        "Detected out-of-date": "it was made by another version of MLflow; run `mlflow db upgrade` on it",
        "File exists": "a file is where its folder should be; move that away, or set MLFLOW_TRACKING_URI to another store",
        "Not a directory": "a file is where its folder should be; move that away, or set MLFLOW_TRACKING_URI to another store",
        "Read-only file system": "it is on a disk that cannot be written; set MLFLOW_TRACKING_URI to another store",
        "Permission denied": "it may not be written; change the permissions of its folder",
    }.items():
        if sign in said:
            return f"the run store {uri}: {words}"
    if "not found" in said and "Run" in said:
        return f"the run store {uri} holds no such run; it may have been removed for good"
    return f"the run store {uri}: {said[:300] or type(error).__name__}"


def _run(run: Any) -> Run:
    info, data = run.info, run.data
    started = datetime.fromtimestamp(info.start_time / 1000, UTC)
    known = {"FINISHED": "finished", "FAILED": "failed", "KILLED": "stopped"}
    said = data.tags.get(_OUTCOME, known.get(info.status, "running"))
    status: Status = next(name for name in get_args(Status) if name == said)
    return Run(
        id=info.run_id,
        name=data.tags.get(_NAME) or info.run_name or "unnamed",
        status=status,
        started=started,
        seconds=(info.end_time - info.start_time) / 1000 if info.end_time else None,
        settings={key: _value(text) for key, text in data.params.items()},
        last={name: value for name, value in data.metrics.items() if not name.startswith("best.")},
        best={
            name.removeprefix("best."): value
            for name, value in data.metrics.items()
            if name.startswith("best.")
        },
        tags=dict(
            json.loads(value) if key.startswith(_ANY_TAG) else (key, value)
            for key, value in data.tags.items()
            if key.startswith(_ANY_TAG) or not key.startswith(_OURS)
        ),
        note=data.tags.get(_NOTE, ""),
        deleted=info.lifecycle_stage == "deleted",
        owner=json.loads(data.tags[_OWNER]) if _OWNER in data.tags else None,
    )


def _tag(key: str, value: str) -> tuple[str, str]:
    """What MLflow is given for a tag: its names may hold few signs, so another one goes with its value."""
    if (
        re.fullmatch(r"[\w./ :-]{1,200}", key, re.ASCII)
        and not key.startswith(("/", ".", *_OURS))
        and ".." not in key
    ):
        return key, value
    return _ANY_TAG + hashlib.sha256(key.encode()).hexdigest()[:16], json.dumps([key, value])


def _value(text: str) -> Setting:
    """What was written as this text: MLflow keeps words alone."""
    for kind in (int, float):
        with contextlib.suppress(ValueError):
            value = kind(text)
            if str(value) == text:  # a row of digits to be read is a word
                return value
    return {"True": True, "False": False}.get(text, text)


def _let_many_read(path: Path) -> None:
    """Write-ahead logging: who reads never waits for who writes, and sees no half-written value."""
    import sqlite3

    with contextlib.closing(sqlite3.connect(path, timeout=30)) as database:
        database.execute("PRAGMA journal_mode=WAL")
