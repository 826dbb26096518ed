"""python -m core read: pictures in, the number in each and its probability out."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from core.commands.arguments import explained
from core.reading import PictureError, Reader
from core.reading.picture import open_picture


def main(argv: list[str]) -> int:
    """`PICTURE [PICTURE ...] [--checkpoint FILE]`; 1 where a picture could not be read, and its name on standard error."""
    parser = argparse.ArgumentParser(prog="python -m core read", description=__doc__)
    parser.add_argument("pictures", type=Path, nargs="+", help="files, each with one number")
    parser.add_argument(
        "--checkpoint", type=Path, default=None, help="a checkpoint other than the bundled one"
    )
    chosen = parser.parse_args(argv)

    def command() -> int:
        reader = Reader.from_checkpoint(chosen.checkpoint)
        failed = 0
        for path in chosen.pictures:
            try:
                reading = reader.read(open_picture(path), with_attention=False)
            except PictureError as error:
                print(f"error: {path}: {error}", file=sys.stderr)
                failed += 1
                continue
            digits = "  ".join(f"{digit.value} {digit.probability:.1%}" for digit in reading.digits)
            print(
                f"{path}: {reading.text or 'no number here'}  ({reading.probability:.1%})  {digits}".rstrip()
            )
        return 1 if failed else 0

    return explained(command)
