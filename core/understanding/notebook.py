"""Reads a notebook file: its texts, its code and the outputs that are kept in it. Nothing is run."""

from __future__ import annotations

import base64
import binascii
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.errors import PlainError

GUIDE = Path(__file__).resolve().parents[2] / "notebooks" / "vision_transformer_step_by_step.ipynb"
"""The notebook that comes with the repository."""

_HEADING = re.compile(r"^(#{1,6})\s+(.+?)\s*$")
_COLOURS = re.compile(r"\x1b\[[0-9;]*m")


class NotebookError(PlainError):
    """A notebook that cannot be shown; the message names the file and the mend."""


@dataclass(frozen=True)
class Text:
    """Words, in Markdown."""

    heading: str | None
    """Of the words; None where they go on under the last one."""
    level: int
    """Of the heading, 1 (the title) to 6; 0 where there is none."""
    body: str

    @property
    def anchor(self) -> str:
        """What an address can call the heading."""
        return re.sub(r"[^a-z0-9]+", "-", (self.heading or "").lower()).strip("-")


@dataclass(frozen=True)
class Code:
    """Lines that were run, and what came of them."""

    number: int | None
    """The how-many-eth they were in their session; None if they were not run."""
    source: str
    outputs: tuple[str | bytes, ...]
    """Text that was printed, and pictures as the bytes of PNG files."""


def read_notebook(path: Path) -> list[Text | Code]:
    """The notebook at `path`, in order; its texts are split at their headings. Raises `NotebookError`."""
    try:
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        return [part for cell in cells for part in _parts(cell)]
    except OSError as error:
        raise NotebookError(
            f"cannot read {path.name}: {error.strerror}; it comes with the repository, take a fresh copy"
        ) from error
    except (ValueError, KeyError, TypeError, binascii.Error) as error:
        raise NotebookError(f"{path.name} is not a whole notebook ({error}); take a fresh copy") from error


def _parts(cell: dict[str, Any]) -> list[Text] | list[Code]:
    source = _joined(cell["source"])
    if cell["cell_type"] == "code":
        return [Code(cell["execution_count"], source, _outputs(cell["outputs"]))]
    return _texts(source) if cell["cell_type"] == "markdown" else []


def _texts(source: str) -> list[Text]:
    """Cut in front of each heading. A `#` in indented or fenced code is none."""
    texts: list[Text] = []
    heading, level = None, 0
    lines: list[str] = []
    fenced = False
    for line in source.splitlines():
        fenced ^= line.lstrip().startswith("```")
        found = None if fenced else _HEADING.match(line)
        if found is None:
            lines.append(line)
            continue
        if heading is not None or any(lines):
            texts.append(Text(heading, level, "\n".join(lines).strip("\n")))
        heading, level, lines = found[2], len(found[1]), []
    return [*texts, Text(heading, level, "\n".join(lines).strip("\n"))]


def _outputs(outputs: list[dict[str, Any]]) -> tuple[str | bytes, ...]:
    """What can be shown of each; what was printed in several goes is one."""
    shown: list[str | bytes] = []
    for output in outputs:
        data = output.get("data", {})
        if "image/png" in data:
            shown.append(base64.b64decode(_joined(data["image/png"]), validate=False))
            continue
        printed = output.get("text", data.get("text/plain", output.get("traceback", "")))
        text = _COLOURS.sub("", _joined(printed))
        if shown and isinstance(shown[-1], str):
            shown[-1] += text
        elif text:
            shown.append(text)
    return tuple(shown)


def _joined(lines: str | list[str]) -> str:
    """Notebooks keep a text whole or as a list of its lines."""
    return lines if isinstance(lines, str) else "".join(lines)
