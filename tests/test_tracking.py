"""The run store: what is put into it comes back, several processes share it, and what is wrong with it is said in words that help."""

import json
import os
import re
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from core.config import ModelSettings, RunSettings
from core.training.store.tracking import Metric, Run, Store, StoreError, flattened

AWKWARD = [
    "a 'b' \"c\"",
    "../../etc/passwd",
    "é 😀 数",
    "<b>bold</b> **x** `y`",
    "",
    "x" * 400,
    "100% :red[no]",
]


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A store of this file's own: making one takes seconds."""
    return f"sqlite:///{tmp_path_factory.mktemp('store') / 'store.db'}"


@pytest.fixture(scope="module")
def store(address: str) -> Store:
    return Store(address)


@pytest.fixture(scope="module")
def made(store: Store, address: str) -> Path:
    """The file of that store, with runs in it."""
    for name in ("the first", "the second", "the third"):
        store.begin(name, RunSettings(), {})
    return Path(address.removeprefix("sqlite:///"))


@pytest.fixture
def copied(made: Path, tmp_path: Path) -> Callable[..., Store]:
    """A copy of the store with something done to it."""

    def do(*statements: str) -> Store:
        path = tmp_path / "store.db"
        with closing(sqlite3.connect(made)) as source, closing(sqlite3.connect(path)) as target:
            source.backup(target)
            for statement in statements:
                target.execute(statement)
            target.commit()
        return Store(f"sqlite:///{path}")

    return do


@pytest.fixture
def run_id(store: Store) -> str:
    return store.begin("a run", RunSettings(), {"commit": "0123abc", "empty": ""})


def values(name: str, *numbers: float) -> list[Metric]:
    return [Metric(name, number, 10 * index, 1000.0 + index) for index, number in enumerate(numbers)]


def test_a_run_comes_back_as_it_was_put_in(store: Store, run_id: str) -> None:
    settings = RunSettings(model=ModelSettings(heads=8, activation="relu"))
    run_id = store.begin("with eight heads", settings, {"commit": "0123abc"})
    begun = store.run(run_id)
    assert (begun.name, begun.status, begun.seconds) == ("with eight heads", "running", None)
    assert begun.settings == flattened(settings) and begun.settings["model.heads"] == 8
    assert begun.tags == {"about.commit": "0123abc"} and begun.note == "" and not begun.deleted
    store.log(run_id, [*values("clean", 0.1, 0.8, 0.7), *values("best.clean", 0.1, 0.8, 0.8)])
    store.end(run_id, "finished")
    ended = store.run(run_id)
    assert ended.status == "finished" and ended.seconds is not None and 0 <= ended.seconds < 60
    assert ended.last == {"clean": 0.7} and ended.best == {"clean": 0.8}
    assert store.history(run_id, "clean") == values("clean", 0.1, 0.8, 0.7)
    assert store.metrics(run_id) == ["clean"]
    assert store.runs()[0] == ended


@pytest.mark.parametrize("outcome", ["finished", "stopped", "failed"])
def test_a_run_that_goes_on_is_running_again(store: Store, run_id: str, outcome: str) -> None:
    store.end(run_id, outcome)  # type: ignore[arg-type]
    assert store.run(run_id).status == outcome
    store.go_on(run_id)
    assert store.run(run_id).status == "running"


@pytest.mark.parametrize("text", AWKWARD)
def test_names_tags_and_notes_are_any_text(store: Store, run_id: str, text: str) -> None:
    store.rename(run_id, text)
    store.tag(run_id, text or "-", text)
    store.note(run_id, text)
    run = store.run(run_id)
    assert run.name == (text or "unnamed") and run.note == text and run.tags[text or "-"] == text
    assert next(one for one in store.runs() if one.id == run_id) == run
    store.untag(run_id, text or "-")
    store.untag(run_id, "never set")
    assert set(store.run(run_id).tags) == {"about.commit"}


def test_a_tag_cannot_pose_as_one_of_the_stores_own(store: Store, run_id: str) -> None:
    store.tag(run_id, "mlflow.runName", "posed")
    store.tag(run_id, "numbers.outcome", "posed")
    run = store.run(run_id)
    assert run.name == "a run" and run.status == "running"
    assert run.tags["mlflow.runName"] == run.tags["numbers.outcome"] == "posed"


def test_a_deleted_run_is_out_of_sight_and_comes_back_whole(store: Store, run_id: str) -> None:
    store.log(run_id, values("loss", 2.0, 1.0))
    store.delete(run_id)
    assert run_id not in [run.id for run in store.runs()]
    assert [run.deleted for run in store.runs(deleted=True) if run.id == run_id] == [True]
    store.restore(run_id)
    assert run_id in [run.id for run in store.runs()] and store.run(run_id).last == {"loss": 1.0}


def test_what_a_killed_training_logs_again_counts_once(store: Store, run_id: str) -> None:
    store.log(run_id, [Metric("loss", 3.0, 10, 100.0), Metric("loss", 2.0, 20, 101.0)])
    store.log(run_id, [Metric("loss", 2.5, 20, 200.0)])
    assert [(value.step, value.value) for value in store.history(run_id, "loss")] == [(10, 3.0), (20, 2.5)]


def test_more_values_than_one_call_takes_and_values_that_are_none(store: Store, run_id: str) -> None:
    store.log(run_id, [Metric("loss", float(step), step, 1000.0 + step) for step in range(2100)])
    store.log(run_id, [Metric("loss", float("nan"), 3000, 5000.0), Metric("clean", float("inf"), 1, 1.0)])
    assert len(store.history(run_id, "loss")) == 2100 and store.run(run_id).last == {"loss": 2099.0}
    assert store.history(run_id, "never logged") == []


def test_artifacts_come_back_and_no_path_leads_out_of_them(store: Store, run_id: str, tmp_path: Path) -> None:
    file = tmp_path / "best.safetensors"
    file.write_bytes(b"weights")
    store.keep(run_id, file)
    store.keep(run_id, file, "watched")
    assert store.artifacts(run_id) == ["best.safetensors", "watched/best.safetensors"]
    kept = store.artifact(run_id, "best.safetensors")
    assert kept is not None and kept.read_bytes() == b"weights"
    assert store.artifact(run_id, "none") is None
    other = store.begin("another", RunSettings(), {})
    assert store.artifact(other, f"../../{run_id}/artifacts/best.safetensors") is None


@pytest.mark.parametrize("nobody", ["0" * 32, "../x", "", "'; drop table runs; --"])
def test_a_run_that_does_not_exist_is_said_so(store: Store, nobody: str) -> None:
    with pytest.raises(StoreError, match=r"no such run|Invalid run id|run store"):
        store.run(nobody)
    with pytest.raises(StoreError):
        store.log(nobody, values("loss", 1.0))


def test_a_run_has_died_when_its_process_is_gone_without_a_word_and_lives_again_where_it_goes_on(
    store: Store, root: Path
) -> None:
    script = f"from core.config import RunSettings; from core.training.store.tracking import Store; print(Store({store.uri!r}).begin('lost', RunSettings(), {{}}))"
    said = subprocess.run(
        [sys.executable, "-c", script], cwd=root, capture_output=True, text=True, check=True
    )
    lost = said.stdout.split()[-1]
    assert store.run(lost).died and store.run(lost).status == "running"
    mine = store.begin("mine", RunSettings(), {})
    assert not store.run(mine).died
    store.go_on(lost)
    assert not store.run(lost).died
    store.end(lost, "finished")
    assert not store.run(lost).died


WRITER = """
import sys, time
from core.config import RunSettings
from core.training.store.tracking import Metric, Store
store = Store()
run = store.begin("from another process", RunSettings(), {"pid": "x"})
print(run, flush=True)
for step in range(60):
    store.log(run, [Metric(name, float(step), step, time.time()) for name in ("first", "second")])
store.end(run, "finished")
"""


@pytest.mark.slow
def test_two_processes_make_a_store_at_once_and_one_reads_while_the_other_writes(
    tmp_path: Path, root: Path
) -> None:
    variables = {**os.environ, "NUMBERS_LAB": str(tmp_path), "PYTHONPATH": str(root)}
    writer = subprocess.Popen(
        [sys.executable, "-c", WRITER],
        env=variables,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    here = Store(f"sqlite:///{tmp_path / 'store.db'}")
    try:
        mine = here.begin("from this process", RunSettings(), {})
        reads = 0
        while writer.poll() is None:
            here.log(mine, [Metric("loss", 1.0, reads, time.time())])
            for run in here.runs():
                assert run.last.get("first") == run.last.get("second"), "half a batch was seen"
                assert len(run.settings) in (0, len(flattened(RunSettings())))
            reads += 1
        _, said = writer.communicate()
    finally:
        writer.kill()
    assert writer.returncode == 0 and said == "", said
    assert reads > 3
    assert {run.name for run in here.runs()} == {"from another process", "from this process"}
    assert next(run for run in here.runs() if run.id != mine).last == {"first": 59.0, "second": 59.0}
    assert sorted(path.name for path in tmp_path.glob("*.db")) == ["store.db"]


def test_one_broken_run_does_not_hide_the_others(copied: Callable[..., Store]) -> None:
    whole = copied().runs()
    assert len(whole) > 1
    broken = whole[0].id
    store = copied(f"UPDATE runs SET start_time = NULL, name = NULL WHERE run_uuid = '{broken}'")
    assert [run.id for run in store.runs()] == [run.id for run in whole[1:]]


def test_a_store_of_another_version_says_so(copied: Callable[..., Store]) -> None:
    store = copied("UPDATE alembic_version SET version_num = 'f00f00f00f00'")
    with pytest.raises(StoreError, match=r"version of MLflow; .*(update|upgrade)"):
        store.runs()


def test_a_file_that_is_no_database_is_left_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    path.write_bytes(b"no database at all" * 100)
    with pytest.raises(StoreError, match="the file is no database; move it away"):
        Store(f"sqlite:///{path}").runs()
    assert path.read_bytes().startswith(b"no database")


def test_a_place_where_nothing_can_be_made_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match=r"run store .*file.*: .*(folder|directory)"):
        Store(f"sqlite:///{tmp_path / 'file' / 'store.db'}").begin("a run", RunSettings(), {})


@pytest.fixture
def every_connection() -> Iterator[Callable[[str], None]]:
    """Have each new connection to any database begin with a statement."""
    from sqlalchemy import event
    from sqlalchemy.engine import Engine

    listeners = []

    def begin_with(statement: str) -> None:
        def connected(connection: sqlite3.Connection, _: object) -> None:
            connection.execute(statement)

        event.listen(Engine, "connect", connected)
        listeners.append(connected)

    yield begin_with
    for listener in listeners:
        event.remove(Engine, "connect", listener)


def test_a_read_only_store_is_read_and_says_that_it_cannot_be_written(
    copied: Callable[..., Store], every_connection: Callable[[str], None]
) -> None:
    store = copied()
    every_connection("PRAGMA query_only = ON")
    some = store.runs()
    assert some
    for write in (
        store.delete,
        lambda run: store.rename(run, "x"),
        lambda run: store.log(run, values("loss", 1.0)),
    ):
        with pytest.raises(StoreError, match="it is read-only; make the file"):
            write(some[0].id)


def test_a_full_disk_is_said_and_loses_nothing(
    copied: Callable[..., Store], every_connection: Callable[[str], None]
) -> None:
    store = copied()
    every_connection("PRAGMA max_page_count = 1")  # no more than there are already
    run = store.runs()[0].id
    with pytest.raises(StoreError, match="the disk is full; make room, nothing that was stored is lost"):
        store.log(run, [Metric("loss", float(step), step, 1.0) for step in range(50_000)])
    assert store.run(run).name


def test_the_address_comes_from_the_environment_or_the_lab(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NUMBERS_LAB", str(tmp_path))
    assert Store().uri == f"sqlite:///{tmp_path / 'store.db'}"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "sqlite:///elsewhere.db")
    assert Store().uri == "sqlite:///elsewhere.db"
    monkeypatch.delenv("MLFLOW_TRACKING_URI")
    assert Store().runs() == [] and not list(tmp_path.iterdir()), "a store is made at first need"


def test_every_change_gives_another_stamp(store: Store, run_id: str) -> None:
    stamps = [store.stamp()]
    for change in (
        lambda: store.log(run_id, values("loss", 1.0)),
        lambda: store.rename(run_id, "another"),
        lambda: store.delete(run_id),
        lambda: store.restore(run_id),
    ):
        change()
        stamps.append(store.stamp())
    assert len(set(stamps)) == len(stamps) and store.runs() and store.stamp() == stamps[-1]
    assert Store("http://127.0.0.1:1").stamp() is None


def test_telemetry_stays_off(store: Store, made: Path) -> None:
    assert store.runs() and os.environ["MLFLOW_DISABLE_TELEMETRY"] == "true"


def test_settings_are_flat_and_survive_the_way_through_text() -> None:
    flat = flattened(RunSettings())
    assert all(re.fullmatch(r"(canvas|model|training)\.\w+", name) for name in flat)
    assert json.loads(json.dumps(flat)) == flat


def test_the_fields_own_tools_read_our_runs(store: Store, run_id: str, address: str) -> None:
    from mlflow import MlflowClient

    store.note(run_id, "a note")
    client = MlflowClient(address)
    run = client.get_run(run_id)
    assert run.data.tags["mlflow.note.content"] == "a note" and run.data.params["model.heads"] == "4"
    experiment = client.get_experiment_by_name("numbers")
    assert experiment is not None and run.info.experiment_id == experiment.experiment_id


def test_a_run_is_plain_data(store: Store, run_id: str) -> None:
    assert isinstance(store.run(run_id), Run) and store.run(run_id).started.tzinfo is not None
