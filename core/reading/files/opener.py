"""Opens a visitor's files in a process of its own, which may be ended: `python -m core.reading.files.opener`.

Started and asked by `core.reading.files.sandbox`. Standard input brings files, each as the most pages that
are wanted (4 bytes, big endian), its length (8 bytes) and its bytes. Standard output answers with a line of JSON for each page, followed by the page's pixels, and a last line
that says "end", or what is wrong.
"""

from __future__ import annotations

import json
import sys
import time
from typing import BinaryIO, Final

from core.reading.files.documents import open_pages
from core.reading.files.picture import PictureError

MEMORY: Final = 700_000_000
"""Bytes that opening a file may take, on top of what the process holds before."""
SECONDS: Final = 4
"""Processor time that a page may take."""


def main() -> None:
    """Answer one file after the other until standard input ends."""
    incoming, outgoing = sys.stdin.buffer, sys.stdout.buffer
    _limit_memory()
    while most := incoming.read(4):
        data = incoming.read(int.from_bytes(incoming.read(8), "big"))
        _answer(data, int.from_bytes(most, "big"), outgoing)


def _answer(data: bytes, most: int, outgoing: BinaryIO) -> None:
    last: dict[str, object] = {"end": True}
    try:
        _limit_time()
        for page in open_pages(data, most):
            height, width, _ = page.picture.shape
            header = {"number": page.number, "of": page.of, "height": height, "width": width}
            outgoing.write(json.dumps(header).encode() + b"\n")
            outgoing.write(page.picture.data)
            outgoing.flush()
            _limit_time()
    except PictureError as error:
        last = {"error": str(error)}
    except MemoryError:
        last = {"error": "it needs too much memory to be opened; make it smaller, or save it as PNG or JPEG"}
    outgoing.write(json.dumps(last).encode() + b"\n")
    outgoing.flush()


def _limit_memory() -> None:
    """The system refuses this process more than `MEMORY`; where it cannot (Windows), only the time is limited."""
    try:
        import resource
    except ImportError:
        return
    import psutil

    resource.setrlimit(
        resource.RLIMIT_AS, (psutil.Process().memory_info().vms + MEMORY, resource.RLIM_INFINITY)
    )


def _limit_time() -> None:
    """The system ends this process after `SECONDS` more of processor time, wherever it is stuck."""
    try:
        import resource
    except ImportError:
        return
    resource.setrlimit(
        resource.RLIMIT_CPU, (round(time.process_time() + 0.5) + SECONDS, resource.RLIM_INFINITY)
    )


if __name__ == "__main__":
    main()
