"""Processes: the living are told from the dead, whatever the clock, the host's name, or who got a number since."""

import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import psutil
import pytest

from core import process
from core.process import Identity, alive, identity, interrupt, kill

SLEEP = "import time; time.sleep(60)"


@pytest.fixture
def child() -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen([sys.executable, "-c", SLEEP]) as child:
        yield child
        child.kill()


def without_ticks(known: Identity) -> Identity:
    """The note of a system that does not count ticks, and of the project's earlier versions."""
    created = psutil.Process(known["pid"]).create_time()
    return {"host": known["host"], "pid": known["pid"], "created": created}


def test_this_process_lives() -> None:
    assert alive(identity()) is True and alive(without_ticks(identity())) is True


def test_a_process_that_ended_does_not_even_before_its_parent_asked(child: "subprocess.Popen[bytes]") -> None:
    known = identity(child.pid)
    old = without_ticks(known)
    assert alive(known) is True and alive(old) is True
    child.kill()
    psutil.wait_procs([psutil.Process(child.pid)], timeout=0)
    while psutil.Process(child.pid).status() != psutil.STATUS_ZOMBIE:
        pass
    assert alive(known) is False
    child.wait()
    assert alive(known) is False and alive(old) is False


def test_another_process_with_its_number_is_not_taken_for_it() -> None:
    mine = identity()
    assert alive({**without_ticks(mine), "created": 0.0}) is False
    if "ticks" in mine:
        assert alive({**mine, "ticks": mine["ticks"] - 1}) is False
        assert alive({**mine, "boot": "an earlier one"}) is False


@pytest.mark.skipif("ticks" not in identity(), reason="this system does not count ticks since it was started")
def test_a_step_of_the_clock_makes_no_living_process_dead(monkeypatch: pytest.MonkeyPatch) -> None:
    before = identity()
    real = psutil.Process.create_time
    monkeypatch.setattr(psutil.Process, "create_time", lambda self: real(self) + 3600)
    assert alive(before) is True and identity() == before


@pytest.mark.skipif("boot" not in identity(), reason="this system does not name its present run")
def test_a_host_that_was_renamed_still_knows_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    mine = identity()
    monkeypatch.setattr(socket, "gethostname", lambda: "renamed")
    assert alive(mine) is True and alive({**mine, "ticks": 1}) is False


def test_of_another_machine_nothing_is_claimed() -> None:
    mine = without_ticks(identity())
    assert alive({**mine, "host": "elsewhere"}) is None
    assert alive({**identity(), "host": "elsewhere", "boot": "another"}) is None


def test_a_system_without_ticks_is_asked_for_the_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "_boot", lambda: "")
    mine = identity()
    assert mine.keys() == {"host", "pid", "created"} and alive(mine) is True
    assert alive({**mine, "host": "elsewhere"}) is None


@pytest.mark.parametrize("broken", [{}, {"pid": "x"}, {"pid": -1}, {"pid": None, "created": 0.0}, {"pid": 1}])
def test_a_broken_note_names_no_living_process(broken: dict[str, Any]) -> None:
    assert not alive(broken) and not kill(broken)
    interrupt(broken)


def test_a_process_is_ended_only_when_it_is_meant(child: "subprocess.Popen[bytes]") -> None:
    known = identity(child.pid)
    other = {**known, "ticks": 1, "created": 0.0}
    interrupt(other)
    assert not kill(other) and child.poll() is None
    assert kill(known) and child.wait(10) is not None
    assert not kill(known)


def test_a_process_that_is_interrupted_may_end_in_its_own_way(child: "subprocess.Popen[bytes]") -> None:
    interrupt(identity(child.pid))
    assert child.wait(10) == -signal.SIGTERM
