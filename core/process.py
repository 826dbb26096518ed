"""Processes: a note of who one is, by which others can tell later whether it still lives, and how it is ended."""

from __future__ import annotations

import contextlib
import os
import platform
import signal
import socket
from pathlib import Path
from typing import Any

import psutil

Identity = dict[str, Any]
"""Ready for JSON: `host`, `pid`, and when it began, since numbers are given again: the `boot` of the machine and the `ticks` since then,
which no change of the clock moves; where the system does not tell them, the time when it was `created`."""


def identity(pid: int | None = None) -> Identity:
    """Who the process of that number is; this one, if none is named. Raises psutil.NoSuchProcess."""
    pid = os.getpid() if pid is None else pid
    return {"host": socket.gethostname(), "pid": pid, **_birth(pid)}


def alive(known: Identity) -> bool | None:
    """Whether that process lives; None of one on another machine, where only that one could tell."""
    if _process(known) is not None:
        return True
    here = known.get("host") == socket.gethostname() or known.get("boot", "") == _boot() != ""
    return False if here else None


def interrupt(known: Identity) -> None:
    """Ask that process to end; of one that is gone or not ours, nothing is asked."""
    process = _process(known)
    if process is not None:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.send_signal(signal.SIGTERM)


def kill(known: Identity) -> bool:
    """End that process and its children at once, and wait until it is gone; whether there was one to end."""
    process = _process(known)
    if process is None:
        return False
    with contextlib.suppress(psutil.NoSuchProcess):
        for child in process.children(recursive=True):
            with contextlib.suppress(psutil.NoSuchProcess):
                child.kill()
        process.kill()
        process.wait(10)
    return True


def machine() -> str:
    """The machine in a few words: processor, cores, memory."""
    memory = psutil.virtual_memory().total / 2**30
    return f"{platform.machine()}, {psutil.cpu_count()} cores, {memory:.0f} GiB"


def _process(known: Identity) -> psutil.Process | None:
    """The living process that is meant; another one that got its number since is not taken for it."""
    try:
        process = psutil.Process(int(known["pid"]))
        same = _same(known, process.pid)
        return process if same and process.status() != psutil.STATUS_ZOMBIE else None
    except (psutil.Error, KeyError, TypeError, ValueError):  # it is gone, or the note is broken
        return None


def _same(known: Identity, pid: int) -> bool:
    if "ticks" in known:
        now = _birth(pid)
        return (known.get("boot"), known["ticks"]) == (now.get("boot"), now.get("ticks"))
    created = psutil.Process(pid).create_time()
    return known.get("host") == socket.gethostname() and abs(created - known["created"]) < 0.05


def _birth(pid: int) -> dict[str, Any]:
    boot = _boot()
    if boot:
        with contextlib.suppress(OSError):
            # The name of the program comes second, in brackets, and may hold anything; the start is the 22nd word.
            words = Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()
            return {"boot": boot, "ticks": int(words[19])}
    return {"created": psutil.Process(pid).create_time()}


def _boot() -> str:
    """The machine's present run, from when it was switched on; empty where the system does not name it."""
    with contextlib.suppress(OSError):
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    return ""
