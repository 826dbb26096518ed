"""Runs commands as jobs: processes of their own that outlive whoever started them, wait their turn, and are found again.

A job is a folder. `job.json` says what was asked for, `process.json` which process does it, `state.json` what that process
last said of itself, and `output.txt` all that it printed. Whether it lives is asked of the system, so a process that
was killed is shown as dead whatever its files say.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal, get_args

from filelock import FileLock, Timeout

from core import process
from core.errors import PlainError
from core.files import read_json, write_json, write_text
from core.training import lab

State = Literal["queued", "running", "stopping", "finished", "stopped", "failed", "killed", "died"]
"""died: its process is gone without having said why."""

ALIVE: tuple[State, ...] = ("queued", "running", "stopping")
AT_ONCE = "NUMBERS_JOBS"
"""Environment variable: how many jobs run at the same time (1 where it is not set); the others wait in order."""

_CHECKOUT = Path(__file__).resolve().parents[2]
_ASKED, _PROCESS, _STATE, _OUTPUT = "job.json", "process.json", "state.json", "output.txt"
_STOPPING = "stopping"
# The process that starts the job ends at once, so that the job belongs to nobody and no dead child is left behind. It is nice, and so
# is the job: whoever uses the app meanwhile comes first.
_DETACH = """
import json, os, subprocess, sys
from core.process import identity
if hasattr(os, "nice"):
    os.nice(5)
with open(sys.argv[1], "ab") as out:
    job = subprocess.Popen(sys.argv[2:], stdin=subprocess.DEVNULL, stdout=out, stderr=out, start_new_session=True)
print(json.dumps(identity(job.pid)))
job.returncode = 0
"""


class JobError(PlainError):
    """A job that cannot be started, or done with as was asked; the message says why, and what to do."""


@dataclass(frozen=True)
class Job:
    """A job as it is at this moment."""

    id: str
    name: str
    """As its starter called it: data, not a path."""
    folder: Path
    command: tuple[str, ...]
    """What stands behind `python -m core`."""
    state: State
    created: datetime
    message: str
    """Why it failed, in a line; empty otherwise."""

    @property
    def alive(self) -> bool:
        """Whether a process of it waits or works."""
        return self.state in ALIVE

    def last_lines(self, count: int = 20) -> str:
        """The end of what it printed, without what progress bars drew over."""
        with contextlib.suppress(OSError), (self.folder / _OUTPUT).open("rb") as file:
            file.seek(max(file.seek(0, os.SEEK_END) - 20_000, 0))
            text = file.read().decode("utf-8", errors="replace")
            lines = [line.rsplit("\r", 1)[-1].rstrip() for line in text.split("\n")]
            return "\n".join([line for line in lines if line][-count:])
        return ""


def launch(command: Sequence[str], name: str, *, files: dict[str, str] | None = None) -> Job:
    """Start `python -m core COMMAND` as a job. In the command, `{folder}` stands for the job's folder.

    `files` are written into the folder first. Raises `JobError` where the folder or the process cannot be made.
    """
    created = datetime.now(UTC)
    word = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:40] or "job"
    try:
        home = lab.root() / "jobs"
        home.mkdir(parents=True, exist_ok=True)
        folder = _new_folder(home, f"{created:%Y%m%d-%H%M%S}-{word}")
        for file, text in (files or {}).items():
            write_text(folder / file, text)
        asked = {
            "name": name,
            "command": [part.replace("{folder}", str(folder)) for part in command],
            "created": created.timestamp(),
        }
        write_json(folder / _ASKED, asked)
        _start(folder)
    except OSError as error:
        raise JobError(
            f"no job can be started in {lab.root()}: {error.strerror or error}; make room or make it writable"
        ) from error
    return find(folder.name)


def jobs() -> list[Job]:
    """All jobs, newest first. What is no job, or is broken, is left out."""
    home = lab.root() / "jobs"
    if not home.is_dir():
        return []
    return list(_readable(sorted(home.iterdir(), reverse=True)))


def find(job_id: str) -> Job:
    """The job of that id. Raises `JobError` where there is none."""
    home = lab.root() / "jobs"
    known = [path.name for path in home.iterdir()] if home.is_dir() else []
    if job_id in known:  # so that no id is a path elsewhere
        with contextlib.suppress(OSError, ValueError, KeyError):
            return _job(home / job_id)
    raise JobError(f"there is no job {job_id!r}; it may have been removed")


def stop(job_id: str) -> None:
    """Ask it to end at its next whole step; what it learned is kept, and `resume` goes on from there."""
    job = find(job_id)
    known = _identity(job.folder)
    if job.alive and known is not None:
        (job.folder / _STOPPING).touch()
        process.interrupt(known)


def kill(job_id: str) -> None:
    """End it at once. A training goes on from its last saved state."""
    job = find(job_id)
    known = _identity(job.folder)
    if known is not None and process.kill(known):
        write_json(job.folder / _STATE, {"state": "killed"})


def resume(job_id: str) -> Job:
    """Start an ended job again; a training goes on from its last saved state, if it came that far. Raises `JobError` where it is alive."""
    job = find(job_id)
    if job.alive:
        raise JobError(f"{job.name!r} is still {job.state}; stop it first")
    asked = read_json(job.folder / _ASKED)
    command = [part for part in asked["command"] if part != "--resume"]
    if (job.folder / lab.STATE).exists():
        command.append("--resume")
    write_json(job.folder / _ASKED, {**asked, "command": command})
    for gone in (_STATE, _STOPPING):
        (job.folder / gone).unlink(missing_ok=True)
    _start(job.folder)
    return find(job_id)


def work(folder: Path, run: Callable[[list[str]], int]) -> int:
    """What a job's process does: wait for its turn, `run` the command, say how it ended. Gives the command's exit status."""
    asked = read_json(folder / _ASKED)
    signal.signal(signal.SIGTERM, _leave_queue)
    write_json(folder / _STATE, {"state": "queued"})
    try:
        turn = _turn(folder)
    except KeyboardInterrupt:
        write_json(folder / _STATE, {"state": "stopped"})
        return 130
    with turn:
        write_json(folder / _STATE, {"state": "running"})
        try:
            status = run(asked["command"])
        except BaseException as error:
            write_json(folder / _STATE, {"state": "failed", "message": f"{type(error).__name__}: {error}"})
            raise
        state = {0: "finished", 130: "stopped"}.get(status, "failed")
        message = find(folder.name).last_lines(1) if state == "failed" else ""
        write_json(folder / _STATE, {"state": state, "message": message})
        return status


def _leave_queue(number: int, frame: object) -> None:
    raise KeyboardInterrupt


def _turn(folder: Path) -> FileLock:
    """One of the places at work, once no older job waits. The system takes it back when the process ends, however it ends."""
    home = folder.parent
    places = [home / f".place-{number}.lock" for number in range(max(int(os.environ.get(AT_ONCE) or 1), 1))]
    while True:
        older = (job for job in _readable(sorted(home.iterdir())) if job.folder.name < folder.name)
        if not any(job.state == "queued" for job in older):
            for place in places:
                lock = FileLock(place)
                with contextlib.suppress(Timeout):
                    lock.acquire(timeout=0)
                    return lock
        time.sleep(0.3)


def _new_folder(home: Path, name: str) -> Path:
    for number in range(1, 1000):
        folder = home / (name if number == 1 else f"{name}-{number}")
        with contextlib.suppress(FileExistsError):
            folder.mkdir()
            return folder
    raise OSError(f"{home} already holds a thousand jobs called {name}")


def _start(folder: Path) -> None:
    command = [sys.executable, "-m", "core", "job", str(folder)]
    begun = subprocess.run(
        [sys.executable, "-c", _DETACH, str(folder / _OUTPUT), *command],
        cwd=_CHECKOUT,
        env={**os.environ, "NUMBERS_LAB": str(lab.root())},
        capture_output=True,
        text=True,
    )
    if begun.returncode:
        raise JobError(f"the job's process did not start: {begun.stderr.strip().splitlines()[-1]}")
    write_json(folder / _PROCESS, json.loads(begun.stdout))


def _readable(folders: Sequence[Path]) -> Iterator[Job]:
    for folder in folders:
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
            yield _job(folder)


def _job(folder: Path) -> Job:
    asked = read_json(folder / _ASKED)
    known = _identity(folder)
    alive = known is not None and process.alive(known)  # before its state: it says how it ended, then ends
    said = read_json(folder / _STATE) if (folder / _STATE).exists() else {"state": "queued"}
    state: State = next((known for known in get_args(State) if known == said.get("state")), "died")
    if not alive and state in ALIVE:
        begun = (folder / _PROCESS).exists()
        state = "died" if begun else "queued"
    elif state in ALIVE and (folder / _STOPPING).exists():
        state = "stopping"
    return Job(
        id=folder.name,
        name=asked["name"],
        folder=folder,
        command=tuple(asked["command"]),
        state=state,
        created=datetime.fromtimestamp(asked["created"], UTC),
        message=str(said.get("message", "")),
    )


def _identity(folder: Path) -> process.Identity | None:
    """Which process does it; None while none was noted."""
    with contextlib.suppress(OSError, ValueError):
        return read_json(folder / _PROCESS)
    return None
