"""Reads JSON and YAML that somebody wrote, within limits: what is deep, huge or endless is refused in one short line."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable
from typing import Any, Final

from core.errors import PlainError

LONGEST: Final = 200_000
"""Letters of a text."""
DEEPEST: Final = 24
"""Levels of brackets or indentation."""
MOST_VALUES: Final = 20_000
"""Values, each counted as often as it is referred to."""

_UTF16 = (b"\xff\xfe", b"\xfe\xff")
_LONGEST_FAULT = 160  # letters of what a parser has to say
_EXPONENT = re.compile(r"[-+]?[0-9]+[eE][-+]?[0-9]+")  # a number to JSON and YAML 1.2, a word to YAML 1.1


class StructureError(PlainError, ValueError):
    """A text that cannot be read; the message says what is wrong in one line, and names no file."""


def decoded(data: bytes) -> str:
    """The text of a file, in UTF-8 or UTF-16, with or without the mark that Windows puts first. Raises `StructureError`."""
    try:
        return data.decode("utf-16" if data.startswith(_UTF16) else "utf-8-sig")
    except UnicodeDecodeError as error:
        raise StructureError("it is not text in UTF-8 or UTF-16; save it as UTF-8") from error


def read_json(text: str) -> Any:
    """The value that a JSON text holds. Raises `StructureError`."""
    _check_length(text)
    try:
        return _checked(json.loads(text))
    except StructureError:
        raise
    except (ValueError, RecursionError) as error:
        raise StructureError(f"it is not JSON ({_short(error)})") from error


def read_yaml(text: str) -> Any:
    """The value that a YAML or JSON text holds, of one document; other documents may be empty. Raises `StructureError`."""
    import yaml

    _check_length(text)

    class Loader(yaml.SafeLoader):
        """As safe, and with 1e-5 as a number."""

    Loader.add_implicit_resolver("tag:yaml.org,2002:float", _EXPONENT, list("-+0123456789"))
    try:
        _check_depth(yaml.parse(text, yaml.SafeLoader))
        documents = [one for one in yaml.load_all(text, Loader) if one is not None]
    except StructureError:
        raise
    except Exception as error:  # constructors raise what they like on a value that does not fit its tag
        raise StructureError(f"it is neither YAML nor JSON ({_short(error)})") from error
    if len(documents) > 1:
        raise StructureError(f"it holds {len(documents)} documents; keep one of them")
    return _checked(documents[0]) if documents else None


def _check_length(text: str) -> None:
    if len(text) > LONGEST:
        raise StructureError(f"it has {len(text):,} letters; at most {LONGEST:,} are read")


def _check_depth(events: Iterable[Any]) -> None:
    """Before anything is composed, which would take a call of a function for each level."""
    depth = 0
    for event in events:
        depth += type(event).__name__.endswith("StartEvent") - type(event).__name__.endswith("EndEvent")
        if depth > DEEPEST + 2:  # a stream and a document are levels, too
            raise _too_deep()


def _too_deep() -> StructureError:
    return StructureError(
        f"it is nested more than {DEEPEST} levels deep, or holds more than {MOST_VALUES:,} values"
    )


def _checked(value: Any) -> Any:
    """The same value, of plain parts alone."""
    seen = 0

    def check(part: Any, depth: int) -> None:
        nonlocal seen
        seen += 1
        if depth > DEEPEST or seen > MOST_VALUES:  # also where a part refers to itself
            raise _too_deep()
        if isinstance(part, dict):
            for key, inner in part.items():
                check(key, depth + 1)
                check(inner, depth + 1)
        elif isinstance(part, list):
            for inner in part:
                check(inner, depth + 1)
        elif isinstance(part, int) and abs(part) >= 2**63:
            raise StructureError("it holds a whole number of more than 64 bits")
        elif isinstance(part, float) and not math.isfinite(part):
            raise StructureError(f"it holds {part}, which is no finite number")
        elif not isinstance(part, (str, int, float, type(None))):
            raise StructureError(
                f"it holds a {type(part).__name__}; only numbers, words, lists and tables are read"
            )

    check(value, 0)
    return value


def _short(error: Exception) -> str:
    words = " ".join(str(error).split()) or type(error).__name__
    return words if len(words) <= _LONGEST_FAULT else words[: _LONGEST_FAULT - 2] + " …"
