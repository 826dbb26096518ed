"""python -m core read: files and folders of pictures in, every number on them and its probability out."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from core.commands.arguments import explained
from core.reading import PictureError, Reader, Reading
from core.reading.files.documents import MOST_PAGES, SUFFIXES, Page, pages_from
from core.reading.files.picture import file_bytes
from core.reading.photo import record

_AT_ONCE: Final = 64  # pictures that are read together
_BYTES_AT_ONCE: Final = 30_000_000


def main(argv: list[str]) -> int:
    """`PATH [PATH ...] [--json] [--single] [--checkpoint FILE]`; 1 where a file could not be read, and its name on standard error."""
    parser = argparse.ArgumentParser(prog="python -m core read", description=__doc__)
    parser.add_argument(
        "paths",
        type=Path,
        nargs="+",
        metavar="path",
        help=f"pictures, scans, PDF documents, and folders of them ({' '.join(SUFFIXES)})",
    )
    parser.add_argument(
        "--single", action="store_true", help="each picture is of one number, cropped to it or nearly so"
    )
    parser.add_argument(
        "--json", action="store_true", help="a line of JSON for each page: file, page, size and readings"
    )
    parser.add_argument(
        "--checkpoint", type=Path, default=None, help="a checkpoint other than the bundled one"
    )
    chosen = parser.parse_args(argv)

    def command() -> int:
        reader = Reader.from_checkpoint(chosen.checkpoint)
        show = _as_json if chosen.json else _as_text
        waiting: list[tuple[Path, Page]] = []
        troubles = []
        for found in _pages(chosen.paths):
            if isinstance(found, str):
                troubles.append(found)
                print(f"error: {found}", file=sys.stderr)
                continue
            waiting.append(found)
            if len(waiting) == _AT_ONCE or sum(page.picture.size for _, page in waiting) > _BYTES_AT_ONCE:
                _read(reader, waiting, single=chosen.single, show=show)
                waiting = []
        _read(reader, waiting, single=chosen.single, show=show)
        return 1 if troubles else 0

    return explained(command)


def _read(
    reader: Reader,
    pages: list[tuple[Path, Page]],
    *,
    single: bool,
    show: Callable[[Path, Page, list[Reading]], str],
) -> None:
    """Read these pages together and print what they say."""
    pictures = (page.picture for _, page in pages)
    if single:
        found = [[reading] if reading.text else [] for reading in reader.read_each(pictures)]
    else:
        found = reader.read_many(pictures)
    for (path, page), readings in zip(pages, found, strict=True):
        print(show(path, page, readings))


def _pages(paths: list[Path]) -> Iterator[tuple[Path, Page] | str]:
    """Every page of every file; where there is none, what is wrong with the file and the mend."""
    for path in _files(paths):
        if path.is_dir():
            yield f"{path}: there are no pictures in this folder; they end in {', '.join(SUFFIXES)}"
            continue
        try:
            for page in pages_from(file_bytes(path)):
                yield path, page
                if page.number == MOST_PAGES < page.of:
                    left_out = f"only the first {MOST_PAGES} of its {page.of} pages were read; split it"
                    print(f"note: {path}: {left_out}", file=sys.stderr)
        except PictureError as error:
            yield f"{path}: {error}"


def _files(paths: list[Path]) -> Iterator[Path]:
    """Files as they are, folders as the pictures anywhere in them, sorted by name; a folder without any as itself."""
    for path in paths:
        files = [path]
        if path.is_dir():
            inside = sorted(path.rglob("*"))
            files = [file for file in inside if file.suffix.lower() in SUFFIXES and file.is_file()] or files
        yield from files


def _name(path: Path, page: Page) -> str:
    return f"{path} page {page.number}" if page.of > 1 else f"{path}"


def _as_text(path: Path, page: Page, readings: list[Reading]) -> str:
    """A line for each number."""
    lines = []
    for reading in readings:
        digits = "  ".join(f"{digit.value} {digit.probability:.1%}" for digit in reading.digits)
        lines.append(f"{_name(path, page)}: {reading.text}  ({reading.probability:.1%})  {digits}")
    return "\n".join(lines) or f"{_name(path, page)}: no number here"


def _as_json(path: Path, page: Page, readings: list[Reading]) -> str:
    height, width = page.picture.shape[:2]
    return json.dumps(record(str(path), page.number, readings, (width, height)))
