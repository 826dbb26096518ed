"""python -m core read: files and folders of pictures in, every number on them and its probability out."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from pathlib import Path

from core.commands.arguments import explained
from core.reading import PictureError, Reader, Reading
from core.reading.documents import MOST_PAGES, SUFFIXES, Page, pages_from
from core.reading.photo import record
from core.reading.picture import file_bytes


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
        failed = 0
        for path in _files(chosen.paths):
            try:
                for page in pages_from(file_bytes(path)):
                    if chosen.single:
                        one = reader.read(page.picture, with_attention=False)
                        readings = [one] if one.text else []
                    else:
                        readings = reader.read_all(page.picture, with_attention=False)
                    print(_as_json(path, page, readings) if chosen.json else _as_text(path, page, readings))
                    if page.number == MOST_PAGES < page.of:
                        print(
                            f"note: {path}: only the first {MOST_PAGES} of its {page.of} pages were read; split it",
                            file=sys.stderr,
                        )
            except PictureError as error:
                print(f"error: {path}: {error}", file=sys.stderr)
                failed += 1
        return 1 if failed else 0

    return explained(command)


def _files(paths: list[Path]) -> Iterator[Path]:
    """Files as they are, folders as the pictures anywhere in them, sorted by name."""
    for path in paths:
        if path.is_dir():
            yield from sorted(
                file for file in path.rglob("*") if file.suffix.lower() in SUFFIXES and file.is_file()
            )
        else:
            yield path


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
