"""The layout that all pages share: frame, header, the large reading, empty states, and how a probability is written."""

from collections.abc import Sequence
from html import escape
from typing import Protocol

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from core.reading.palette import position_colour
from pages.common import assets
from pages.common.pen_svg import mark
from pages.common.sitemap import Screen


class Digit(Protocol):
    """What the big display needs to know of one digit of a reading."""

    @property
    def symbol(self) -> str:
        """What is written."""

    @property
    def probability(self) -> float:
        """How sure the model is of it."""


class Reading(Protocol):
    """What the big display needs of a reading; core.reading's own has it, and more."""

    @property
    def text(self) -> str:
        """The number; empty where nothing was read."""

    @property
    def probability(self) -> float:
        """How sure the model is of the whole."""

    @property
    def digits(self) -> Sequence[Digit]:
        """Its digits, from the left."""


def show_frame() -> None:
    """The app's mark and style sheet; the router calls this once in each run, before the page."""
    st.logo(mark(), size="large")
    st.html(assets.style("app.css"))


def header(screen: Screen) -> None:
    """Title and one-line purpose of a page, as the plan of the app words them."""
    st.title(screen.title, anchor=False)
    st.html(f'<p class="purpose">{escape(screen.purpose)}</p>')


def show_reading(reading: Reading) -> None:
    """The reading, large: every digit in its position colour over a gauge of its probability, then the whole's."""
    st.html(reading_html(reading))


def reading_html(reading: Reading) -> str:
    """What show_reading puts on the page."""
    sure = percent(reading.probability)
    if not reading.text:
        return (
            '<div class="reading" role="status"><div class="reading-none">no number here</div>'
            f'<div class="reading-sure"><b>{sure}</b> sure</div></div>'
        )
    digits = "".join(
        f'<span class="reading-digit" style="--ink:{position_colour(position)}"><b>{escape(digit.symbol)}</b>'
        f'<i><i style="width:{100 * digit.probability:.1f}%"></i></i><small>{percent(digit.probability)}</small></span>'
        for position, digit in enumerate(reading.digits)
    )
    of_what = " of the whole number" if len(reading.digits) > 1 else ""
    return (
        f'<div class="reading" role="status" aria-label="read as {escape(reading.text)}, {sure} sure">'
        f'<div class="reading-digits" aria-hidden="true">{digits}</div>'
        f'<div class="reading-sure" aria-hidden="true"><b>{sure}</b> sure{of_what}</div></div>'
    )


def percent(probability: float) -> str:
    """A probability for people: whole percents, finer only near certainty, and never 0% or 100% by rounding.

    >>> [percent(p) for p in (0.0, 0.0004, 0.873, 0.9931, 0.99991, 1.0)]
    ['0%', '<0.1%', '87%', '99.3%', '>99.9%', '100%']
    """
    if not 0 <= probability <= 1:
        raise ValueError(f"probability ({probability}) must lie between 0 and 1")
    if probability in (0, 1):
        return f"{probability:.0%}"
    if probability < 0.001:
        return "<0.1%"
    if probability > 0.999:
        return ">99.9%"
    return f"{probability:.0%}" if 0.01 <= probability < 0.99 else f"{probability:.1%}"


def escape_markdown(text: str) -> str:
    """A text that somebody typed, not to be taken for markup."""
    return "".join(f"\\{sign}" if sign in r"\`*_{}[]()#+-.!|<>~$:" else sign for sign in text)


def empty_state(title: str, next_step: str, *, key: str, icon: str = ":material/info:") -> DeltaGenerator:
    """A quiet block for "nothing here yet" that says what to do next; use it with `with` to put a button or link in."""
    block = st.container(key=f"empty-{key}", horizontal_alignment="center", gap="small")
    block.markdown(f"{icon}  \n**{title}**  \n{next_step}", text_alignment="center")
    return block
