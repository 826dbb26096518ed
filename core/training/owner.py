"""This process in, a note of who it is out, by which others can tell later whether it is still at work."""

from __future__ import annotations

import os
import socket
from typing import Any

import psutil

Owner = dict[str, Any]


def this_process() -> Owner:
    """Machine, number and birth of this process, ready for JSON: numbers are given again, births are not."""
    return {"host": socket.gethostname(), "pid": os.getpid(), "created": psutil.Process().create_time()}


def at_work(owner: Owner) -> bool | None:
    """Whether that process still lives; None of a process on another machine, where only that one could tell."""
    if owner["host"] != socket.gethostname():
        return None
    try:
        process = psutil.Process(owner["pid"])
        same = abs(process.create_time() - owner["created"]) < 0.05
        return same and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False
