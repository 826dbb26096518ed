"""Style sheets and scripts of the pages, each in a file of its own, read once."""

from functools import cache
from pathlib import Path


@cache
def text(name: str) -> str:
    """What stands in the file of that name, such as `thumbnails.js`."""
    return (Path(__file__).parent / name).read_text(encoding="utf-8")


def style(name: str) -> str:
    """The style sheet of that name as HTML, to stand before what it dresses."""
    return f"<style>{text(name)}</style>"
