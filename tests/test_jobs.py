"""Jobs: processes of their own that wait their turn, are found again, stopped, killed and resumed, and never shown as what they are not."""

import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
from filelock import FileLock

from core.config import CanvasSettings, ModelSettings, RunSettings, TrainingSettings
from core.files import read_json, write_json
from core.process import identity
from core.training import jobs
from core.training.store.progress import progress

TINY = RunSettings(
    canvas=CanvasSettings(height=16, width=32, max_digits=2, empty_share=0.0, difficulty=0.0),
    model=ModelSettings(dim=16, heads=2, encoder_layers=1, stem_width=4, stem_depth=1),
    training=TrainingSettings(
        epochs=1, steps_per_epoch=10, batch_size=4, validation_canvases=10, save_every=5
    ),
)
LONG = TINY.model_copy(update={"training": TINY.training.model_copy(update={"steps_per_epoch": 1_000_000})})


@pytest.fixture(autouse=True)
def own_lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("NUMBERS_LAB", str(tmp_path))
    monkeypatch.delenv(jobs.AT_ONCE, raising=False)
    yield
    for job in jobs.jobs():
        jobs.kill(job.id)


@pytest.fixture
def endless(tmp_path: Path) -> Iterator[list[str]]:
    """A command that goes on until it is ended, and needs no torch: it waits for a job's turn, which never comes."""
    folder = tmp_path / "elsewhere" / "a-job"
    folder.mkdir(parents=True)
    write_json(folder / "job.json", {"name": "waits", "command": ["read"], "created": 0.0})
    with FileLock(folder.with_name(".place-0.lock")), FileLock(folder.with_name(".place-1.lock")):
        yield ["job", str(folder)]


def train(settings: RunSettings, name: str = "a run") -> jobs.Job:
    command = [
        "train",
        "--sample",
        "--untracked",
        "--config={folder}/asked.json",
        "--out={folder}",
        f"--name={name}",
    ]
    return jobs.launch(command, name, files={"asked.json": settings.model_dump_json()})


def wait_until(true: Callable[[], bool], what: str, seconds: float = 240) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, f"waited {seconds} s for: {what}"
        time.sleep(0.05)


def is_learning(job: jobs.Job) -> bool:
    return progress(job.folder).step > 5


def pid(job: jobs.Job) -> int:
    number: int = read_json(job.folder / "process.json")["pid"]
    return number


def test_a_training_runs_to_its_end_and_its_folder_holds_what_it_made() -> None:
    job = train(TINY)
    wait_until(lambda: not jobs.find(job.id).alive, "the end")
    job = jobs.find(job.id)
    assert job.state == "finished", job.last_lines()
    assert (job.folder / "best.safetensors").exists()
    now = progress(job.folder)
    assert (now.step, now.total, now.epochs) == (10, 10, [1])
    assert "done; the best checkpoint is" in job.last_lines()


def test_a_job_belongs_to_no_one_outlives_who_started_it_and_lets_others_go_first(endless: list[str]) -> None:
    process = psutil.Process(pid(jobs.launch(endless, "a job")))
    assert process.ppid() != os.getpid()
    assert os.getsid(process.pid) == process.pid  # a closed terminal does not reach it
    assert process.nice() == min(os.nice(0) + 5, 19)


def test_a_job_waits_while_another_one_works_and_then_takes_its_turn(endless: list[str]) -> None:
    first, second = jobs.launch(endless, "first"), jobs.launch(endless, "second")
    wait_until(lambda: jobs.find(first.id).state == "running", "the first one's turn")
    wait_until(lambda: (second.folder / "state.json").exists(), "the second one to wait")
    assert jobs.find(second.id).state == "queued"
    jobs.kill(first.id)
    wait_until(lambda: jobs.find(second.id).state == "running", "the second one's turn")


def test_two_work_at_once_where_the_machine_may_do_two(
    endless: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(jobs.AT_ONCE, "2")
    both = jobs.launch(endless, "one"), jobs.launch(endless, "another one")
    wait_until(lambda: all(jobs.find(job.id).state == "running" for job in both), "both to run")


def test_a_stopped_training_keeps_what_it_learned_and_goes_on_from_there() -> None:
    job = train(LONG)
    wait_until(lambda: is_learning(job), "it to learn")
    jobs.stop(job.id)
    wait_until(lambda: jobs.find(job.id).state == "stopped", "it to stop")
    reached = progress(job.folder).step
    assert jobs.resume(job.id).alive
    wait_until(lambda: progress(job.folder).step > reached, "it to go on")


def test_a_job_that_waits_can_be_stopped_before_its_turn(endless: list[str]) -> None:
    first, second = jobs.launch(endless, "first"), jobs.launch(endless, "second")
    wait_until(lambda: jobs.find(first.id).state == "running", "the first one's turn")
    wait_until(lambda: (second.folder / "state.json").exists(), "the second one to wait")
    jobs.stop(second.id)
    wait_until(lambda: jobs.find(second.id).state == "stopped", "it to leave")


def test_a_process_that_died_is_never_shown_as_running() -> None:
    job = train(LONG)
    wait_until(lambda: is_learning(job), "it to learn")
    os.kill(pid(job), signal.SIGKILL)
    wait_until(lambda: not jobs.find(job.id).alive, "it to be missed")
    job = jobs.find(job.id)
    assert job.state == "died"
    assert "number model" in job.last_lines()
    jobs.resume(job.id)
    wait_until(lambda: jobs.find(job.id).state == "running", "it to go on")


def test_a_job_that_was_killed_says_so_and_another_process_with_its_number_is_not_taken_for_it(
    endless: list[str],
) -> None:
    job = jobs.launch(endless, "a job")
    wait_until(lambda: jobs.find(job.id).state == "running", "its turn")
    jobs.kill(job.id)
    assert jobs.find(job.id).state == "killed"
    write_json(job.folder / "state.json", {"state": "running"})
    write_json(job.folder / "process.json", {**identity(), "ticks": 1})
    assert jobs.find(job.id).state == "died"


def test_a_command_that_fails_leaves_its_reason() -> None:
    job = jobs.launch(["train", "--sample", "--training.learning-rate=-1"], "wrong")
    wait_until(lambda: not jobs.find(job.id).alive, "the end")
    job = jobs.find(job.id)
    assert job.state == "failed" and "training.learning_rate (-1.0)" in job.message


@pytest.mark.parametrize(
    "name", ["../../etc/passwd", "a/b\\c", "<b>bold</b>", "“quotes” 'and' \"more\"", "🤖", "--resume", ""]
)
def test_a_name_is_data_and_never_a_path(name: str, tmp_path: Path) -> None:
    job = jobs.launch(["read", "nothing.png"], name)
    assert job.name == name and job.folder.parent == tmp_path / "jobs"
    assert jobs.find(job.id).name == name
    jobs.kill(job.id)


def test_an_id_that_is_a_path_finds_nothing() -> None:
    with pytest.raises(jobs.JobError, match="there is no job"):
        jobs.find("../jobs")


def test_a_running_job_is_not_resumed(endless: list[str]) -> None:
    job = jobs.launch(endless, "a job")
    with pytest.raises(jobs.JobError, match="stop it first"):
        jobs.resume(job.id)


def test_a_broken_job_is_left_out_and_the_others_are_shown(tmp_path: Path) -> None:
    job = jobs.launch(["read", "nothing.png"], "fine")
    (tmp_path / "jobs" / "broken").mkdir()
    (tmp_path / "jobs" / "broken" / "job.json").write_text("{", encoding="utf-8")
    assert [each.id for each in jobs.jobs()] == [job.id]


def test_a_lab_that_cannot_be_written_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("NUMBERS_LAB", str(tmp_path / "file"))
    with pytest.raises(jobs.JobError, match="no job can be started in"):
        jobs.launch(["read"], "nowhere")
