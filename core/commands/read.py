"""python -m core read: every number in pictures, documents and folders of them."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final

from tyro.conf import Positional, arg

from core.commands.arguments import OptionalPath, Switch, parse
from core.reading import PictureError, Reader, Reading
from core.reading.files.documents import MOST_PAGES, SUFFIXES, Page, pages_from
from core.reading.files.picture import file_bytes
from core.reading.photo import record

_AT_ONCE: Final = 64  # pictures that are read together
_BYTES_AT_ONCE: Final = 30_000_000


@dataclass(frozen=True)
class Read:
    """Reads every number in pictures, and says how sure it is of each.

    What cannot be read is named on standard error, and the exit status is 1 then.
    """

    paths: Annotated[Positional[tuple[Path, ...]], arg(metavar="PATH [PATH ...]", help_behavior_hint="")]
    """pictures, scans, PDF documents, and folders of them"""
    single: Switch = False
    """each picture is of one number, cropped to it or nearly so"""
    json: Switch = False
    """print a line of JSON for each page: file, page, size and readings"""
    checkpoint: OptionalPath = None
    """a checkpoint other than the bundled one"""

    def __post_init__(self) -> None:
        if not self.paths:
            raise ValueError("name at least one picture, document or folder")

    def __call__(self) -> int:
        """Read many pictures at a time."""
        reader = Reader.from_checkpoint(self.checkpoint)
        waiting: list[tuple[Path, Page]] = []
        troubles = False
        for found in _pages(self.paths):
            if isinstance(found, str):
                troubles = True
                print(f"error: {found}", file=sys.stderr)
                continue
            waiting.append(found)
            if len(waiting) == _AT_ONCE or sum(page.picture.size for _, page in waiting) > _BYTES_AT_ONCE:
                self._read(reader, waiting)
                waiting = []
        self._read(reader, waiting)
        return 1 if troubles else 0

    def _read(self, reader: Reader, pages: list[tuple[Path, Page]]) -> None:
        """Read these pages together and print what they say."""
        pictures = (page.picture for _, page in pages)
        if self.single:
            found = [[reading] if reading.text else [] for reading in reader.read_batch(pictures)]
        else:
            found = reader.read_all_batch(pictures)
        show = _as_json if self.json else _as_text
        for (path, page), readings in zip(pages, found, strict=True):
            print(show(path, page, readings))


def main(argv: list[str]) -> int:
    """Run the command."""
    return parse(Read, argv)()


def _pages(paths: Sequence[Path]) -> Iterator[tuple[Path, Page] | str]:
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


def _files(paths: Sequence[Path]) -> Iterator[Path]:
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
        digits = "  ".join(f"{digit.symbol} {digit.probability:.1%}" for digit in reading.digits)
        part = " (a part of a longer number)" if reading.is_cut else ""
        lines.append(f"{_name(path, page)}: {reading.text}{part}  ({reading.probability:.1%})  {digits}")
    return "\n".join(lines) or f"{_name(path, page)}: no number here"


def _as_json(path: Path, page: Page, readings: list[Reading]) -> str:
    height, width = page.picture.shape[:2]
    return json.dumps(record(str(path), page.number, readings, (width, height)))
