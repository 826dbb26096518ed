"""The looks that all pages share: frame, header, the big reading, empty states, and how a probability is written."""

from collections.abc import Sequence
from html import escape
from typing import Final, Protocol

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from core.reading.palette import position_colour
from pages.common.pen_svg import mark
from pages.common.sitemap import Screen


class Digit(Protocol):
    """What the big display needs to know of one digit of a reading."""

    @property
    def value(self) -> int: ...
    @property
    def probability(self) -> float: ...


class Reading(Protocol):
    """What the big display needs of a reading; core.reading's own has it, and more."""

    @property
    def text(self) -> str: ...
    @property
    def probability(self) -> float: ...
    @property
    def digits(self) -> Sequence[Digit]: ...


def show_frame() -> None:
    """The app's mark and style sheet; the router calls this once in each run, before the page."""
    st.logo(mark(), size="large")
    st.html(f"<style>{_STYLE}</style>")


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
        f'<span class="reading-digit" style="--ink:{position_colour(position)}"><b>{digit.value}</b>'
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


def unmarked(text: str) -> str:
    """A text that somebody typed, not to be taken for markup."""
    return "".join(f"\\{sign}" if sign in r"\`*_{}[]()#+-.!|<>~$:" else sign for sign in text)


def empty_state(title: str, next_step: str, *, key: str, icon: str = ":material/info:") -> DeltaGenerator:
    """A quiet block for "nothing here yet" that says what to do next; use it with `with` to put a button or link in."""
    block = st.container(key=f"empty-{key}", horizontal_alignment="center", gap="small")
    block.markdown(f"{icon}  \n**{title}**  \n{next_step}", text_alignment="center")
    return block


# Colours come from the theme in force (currentColor), so light and dark need no rules of their own.
_STYLE: Final = """
/* The frame: less air on top, a measure that stays readable at 1600 px, and narrow margins on a phone. */
[data-testid="stMainBlockContainer"] { max-width: 76rem; padding: 4.5rem 2.5rem 4rem; }
[data-testid="stHeader"] { background: transparent; }
[data-testid="stDecoration"], [data-testid="stAppDeployButton"], footer { display: none; }
[data-testid="stSidebarNavSectionHeader"], [data-testid="stNavSectionHeader"] {
  font-size: .72rem; letter-spacing: .09em; text-transform: uppercase; opacity: .75;
}
[data-testid="stHeading"] h1 { letter-spacing: -.015em; line-height: 1.12; padding: 0 0 .35rem; text-wrap: balance; }
.purpose { font-size: 1.15rem; line-height: 1.5; max-width: 46rem; margin: 0 0 .5rem; opacity: .85; text-wrap: pretty; }
@media (max-width: 640px) {
  [data-testid="stMainBlockContainer"] { padding: 3.5rem 1rem 3rem; }
  [data-testid="stHeading"] h1 { font-size: 1.9rem; }
  .purpose { font-size: 1.05rem; }
  [data-testid="stHorizontalBlock"]:has(> [data-testid="stColumn"]) { gap: 1.1rem; }
}

/* The reading. */
.reading { container-type: inline-size; padding: .25rem 0 .5rem; }
.reading-digits { display: flex; flex-wrap: wrap; gap: .6cqi; }
.reading-digit {
  display: flex; flex-direction: column; align-items: center; min-width: 2.1rem;
  font-variant-numeric: tabular-nums lining-nums;
}
.reading-digit b { color: var(--ink); font-size: clamp(2.4rem, 15cqi, 5.5rem); font-weight: 600; line-height: 1.1; padding: 0 .08em; }
.reading-digit > i {
  display: block; width: 84%; height: 4px; border-radius: 2px; overflow: hidden;
  background: color-mix(in srgb, var(--ink) 22%, transparent);
}
.reading-digit > i > i { display: block; height: 100%; background: var(--ink); }
.reading-digit small { font-size: .82rem; padding-top: .25rem; opacity: .85; }
.reading-sure { padding-top: .6rem; }
.reading-sure b { font-weight: 650; font-variant-numeric: tabular-nums; }
.reading-none { font-family: "Source Serif", serif; font-style: italic; font-size: 2.2rem; line-height: 1.4; opacity: .8; }

/* Empty states. */
[class*="st-key-empty-"] {
  border: 1.5px dashed color-mix(in srgb, currentColor 28%, transparent); border-radius: 8px; padding: 1.75rem 1.25rem;
}
[class*="st-key-empty-"] [data-testid="stMarkdownContainer"] [role="img"] { font-size: 2.25rem; opacity: .55; }

/* Pictures, and what belongs to them. */
[data-testid="stImage"] img { border-radius: 6px; border: 1px solid color-mix(in srgb, currentColor 16%, transparent); }
[data-testid="stElementToolbar"] { display: none; }
[class*="st-key-draw-strip-digit"] { max-width: 16rem; }
[data-testid="stHeading"] h2 {
  font-size: 1.35rem; padding: 1.4rem 0 .25rem; margin-top: .5rem;
  border-top: 1px solid color-mix(in srgb, currentColor 16%, transparent);
}

/* The way of the data, on the home page. */
ol.way {
  display: grid; grid-template-columns: repeat(5, 1fr); gap: 2.25rem; list-style: none;
  margin: .5rem 0 .75rem; padding: 1.5rem 0 0; border-top: 1px solid color-mix(in srgb, currentColor 16%, transparent);
}
ol.way > li { position: relative; margin: 0; padding: 0; }
ol.way img { display: block; width: 100%; max-width: 12rem; height: auto; }
ol.way > li:not(:last-child)::after { content: "→"; position: absolute; right: -1.7rem; top: 2.7rem; opacity: .4; }
.way h3 { font-family: "Source Serif", serif; font-weight: 600; font-size: 1.15rem; margin: .9rem 0 .2rem; padding: 0; }
.way p { font-size: .98rem; line-height: 1.45; margin: 0; opacity: .82; text-wrap: pretty; }
@media (max-width: 900px) {
  ol.way { grid-template-columns: 1fr; gap: 1.1rem; margin-top: .5rem; padding-top: 1.4rem; }
  ol.way > li { display: grid; grid-template: auto 1fr / 6rem 1fr; column-gap: 1.1rem; }
  ol.way img { grid-row: 1 / span 2; }
  ol.way h3 { margin: 0; align-self: end; }
  ol.way > li:not(:last-child)::after { content: none; }
}

/* The colours of the positions. */
.positions { display: flex; flex-wrap: wrap; align-items: center; gap: .4rem .9rem; padding: .25rem 0; }
.positions span { display: inline-flex; gap: .3rem; align-items: center; }
.positions .swatches { gap: .3rem; flex-wrap: wrap; }
.positions .swatches b {
  background: var(--ink); color: #fff; font: 600 .85rem/1.65rem "Source Code Pro", monospace;
  width: 1.65rem; text-align: center; border-radius: 4px;
}

/* What was chosen from a long list stays in sight beside it. */
@media (min-width: 900px) {
  [data-testid="stColumn"]:has(> div .st-key-digits-chosen) { position: sticky; top: 4rem; align-self: flex-start; }
}

/* Doors to the other pages. */
[class*="st-key-door-"] { transition: border-color .15s; padding: .6rem 1rem .5rem; }
[class*="st-key-door-"]:hover { border-color: color-mix(in srgb, currentColor 45%, transparent); }
"""
