"""Files that are written whole or not at all: whoever reads one meets the old contents or the new, never half of them."""

from __future__ import annotations

import contextlib
import glob
import json
import os
import secrets
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

_ABANDONED = 3600.0  # seconds after which what a killed process left unfinished is in nobody's hands


@contextlib.contextmanager
def whole(path: Path) -> Iterator[IO[bytes]]:
    """A file to write into, which takes its place at the end. Whatever fails before leaves what stood there unharmed."""
    _clear(path)
    # In the same folder, because a rename is atomic only within one file system.
    scratch = path.with_name(f".{path.name}.{secrets.token_hex(4)}.unfinished")
    try:
        with scratch.open("xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        scratch.replace(path)
    finally:
        with contextlib.suppress(OSError):
            scratch.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Write a file of text in UTF-8."""
    with whole(path) as file:
        file.write(text.encode())


def write_json(path: Path, values: dict[str, Any]) -> None:
    """Write a JSON object, a line for each of its values."""
    write_text(path, json.dumps(values, indent=2))


def read_json(path: Path) -> dict[str, Any]:
    """The JSON object in a file. Raises OSError, and ValueError where it holds none."""
    values = json.loads(path.read_text(encoding="utf-8"))
    if not isinstance(values, dict):
        raise ValueError(f"{path} holds no JSON object")
    return values


def _clear(path: Path) -> None:
    """Remove what writers of this file left behind that were killed."""
    for left in path.parent.glob(f".{glob.escape(path.name)}.*.unfinished"):
        with contextlib.suppress(OSError):
            if time.time() - left.stat().st_mtime > _ABANDONED:
                left.unlink()
