"""Fills the HTML templates of the reports; what is put into them is escaped."""

import re
from functools import cache
from pathlib import Path
from typing import Any, Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

_TEMPLATES: Final = Path(__file__).parent / "templates"


def render(name: str, **values: Any) -> Markup:
    """The template `name`.html.j2 with these values in it, as HTML that other templates take as it is."""
    return Markup(_environment().get_template(f"{name}.html.j2").render(values))


@cache
def style(name: str) -> str:
    """The style sheet of the template `name`."""
    return (_TEMPLATES / f"{name}.css").read_text(encoding="utf-8")


@cache
def _environment() -> Environment:
    environment = Environment(loader=FileSystemLoader(_TEMPLATES), autoescape=True, undefined=StrictUndefined)
    environment.filters["marked_up"] = _marked_up
    return environment


def _marked_up(text: str) -> Markup:
    """Sentences with their **bold** and [links](https://...) as HTML."""
    bold = re.sub(
        r"\*\*(.+?)\*\*", r"<b>\1</b>", str(escape(text))
    )  # as Markup, what is put in would be escaped
    return Markup(re.sub(r"\[(.+?)\]\((https://[^)\s]+)\)", r'<a href="\2" rel="noreferrer">\1</a>', bold))
