"""The Canvases page: the generator of training pictures, with every setting live."""

from __future__ import annotations

import base64
from functools import partial
from html import escape
from time import strftime
from typing import Final

import numpy as np
import plotly.graph_objects as go
import streamlit as st

from core.config import PRESETS, READING_PRESETS, CanvasSettings, SettingsError, validated
from core.data.canvases.canvas import Canvases
from core.data.canvases.effects import EFFECTS
from core.data.canvases.tiles import Tiles, make_tiles
from core.reading import limit_threads
from core.reading.overlay import png
from core.reading.palette import POSITION_COLOURS, position_colour
from core.understanding import generator
from pages.common import forms, layout, sitemap
from pages.common import mnist as digits
from pages.common.charts import show_chart
from pages.understand.thumbnails import thumbnails

_FORM: Final = "canvases"
_PRESET: Final = "number"
_SEED: Final = "canvases-seed"
_CHOSEN: Final = "canvases-chosen"
_SHOWN: Final = 24
_LEFT_OUT: Final = ("found_share",)


# What is cached here is shared by all visitors: nobody changes it.
@st.cache_resource(show_spinner="Cutting out digits, and drawing what is none …", max_entries=2)
def stock(checksum: str, symbols: str) -> Tiles:
    """The digits that canvases are made of."""
    limit_threads(1)
    return make_tiles(digits.mnist().split("train"), symbols=symbols)


@st.cache_resource(show_spinner=False, max_entries=40)
def canvases_of(settings: CanvasSettings, seed: int, checksum: str) -> Canvases:
    """The canvases that the page shows."""
    return generator.canvases(stock(checksum, settings.symbols), settings, _SHOWN, seed)


@st.cache_resource(show_spinner=False, max_entries=40)
def one_by_one(settings: CanvasSettings, seed: int, strength: float, checksum: str) -> list[generator.Effect]:
    """One canvas under each effect alone."""
    return generator.one_by_one(stock(checksum, settings.symbols), settings, seed, strength)


@st.cache_resource(show_spinner="Making canvases, and counting …", max_entries=40)
def measured(settings: CanvasSettings, seed: int, checksum: str) -> tuple[generator.Produced, str]:
    """What came of many canvases, and when they were made."""
    limit_threads(1)
    return generator.produced(
        stock(checksum, settings.symbols), settings, generator.enough(settings), seed
    ), strftime("%H:%M:%S")


def preset(name: str) -> CanvasSettings:
    """The pictures of a preset, as far as they can be made at once."""
    return PRESETS[name].canvas.model_copy(update=dict.fromkeys(_LEFT_OUT, 0.0))


def take_preset() -> None:
    """Fill the form with the preset that was chosen; in a callback."""
    forms.fill_group(_FORM, preset(st.session_state["canvases-preset"]))


def another() -> None:
    """The next seed; in a callback."""
    st.session_state[_SEED] += 1


def ask_seed() -> int:
    """Where to begin: a preset, and the seed."""
    left, middle, right = st.columns(3, vertical_alignment="bottom")
    left.selectbox(
        "Begin from a preset",
        READING_PRESETS,
        index=READING_PRESETS.index(_PRESET),
        key="canvases-preset",
        on_change=take_preset,
        persist_state="session",
        help="Fills the settings below, which you can change.",
    )
    st.session_state.setdefault(_SEED, 1)
    middle.number_input(
        "Seed",
        0,
        2**31 - 1,
        step=1,
        key=_SEED,
        persist_state="session",
        help="Same seed, same settings, same canvases.",
    )
    right.button("Other canvases", icon=":material/casino:", on_click=another, help="Takes the next seed.")
    return int(st.session_state[_SEED])


def ask() -> CanvasSettings | None:
    """The settings as they stand in the form; None, and what is wrong, where they cannot work."""
    values = forms.group_form(_FORM, preset(_PRESET), leave_out=_LEFT_OUT)
    st.caption(
        "Left out is *found share*, canvases cut out of simulated scenes by the finder: searching the scenes takes minutes, "
        "so that setting is on the Train page only."
    )
    try:
        return validated(CanvasSettings, values, source="These settings cannot work")
    except SettingsError as error:
        st.error(str(error))
        return None


def coloured(text: str) -> str:
    """A number as HTML, each digit in the colour of its position."""
    spans = (f'<b style="color:{position_colour(place)}">{digit}</b>' for place, digit in enumerate(text))
    return "".join(spans) or "<i>no number</i>"


def show_one(made: Canvases, index: int) -> None:
    """One canvas from close by: its truth, its strip, what happened to it."""
    text = made.texts[index]
    left, right = st.columns([3, 2], gap="large")
    with left:
        st.image(
            png(generator.boxed(made, index)),
            alt=f"Canvas {index}, with the true box of each digit.",
            width="stretch",
        )
        st.caption("The canvas, with the true box of each digit in the colour of its position.")
        strip = generator.strips(made)[index]
        st.image(png(strip.repeat(6, 0).repeat(6, 1)), alt="The strip of this canvas.", width="stretch")
        st.caption(
            "The strip that a model sees of it: ink on nothing, whatever light, paper and polarity were."
        )
    with right:
        st.html(f'<p style="font-size:2.4rem;line-height:1.2;margin:0">{coloured(text)}</p>')
        effects = generator.met(made, index)
        if not effects:
            st.markdown("It met no effect: clean ink on white paper.")
            return
        st.markdown("What happened to it, and how strongly (0 to 1):")
        st.html(
            f'<table style="border-collapse:collapse;width:100%">{"".join(map(effect_row, effects.items()))}</table>'
        )


def effect_row(effect: tuple[str, float]) -> str:
    """A row of a table in HTML: the effect's name, its strength as a bar and as a number."""
    name, strength = effect
    bar = (
        '<div style="height:6px;border-radius:3px;background:color-mix(in srgb,currentColor 14%,transparent)">'
        f'<div style="height:6px;border-radius:3px;width:{100 * strength:.0f}%;background:{POSITION_COLOURS[0]}"></div></div>'
    )
    return (
        f'<tr title="{escape(EFFECTS[name].phrase)}"><td style="padding:.15rem .8rem .15rem 0">{name}</td>'
        f'<td style="width:55%">{bar}</td>'
        f'<td style="padding-left:.8rem;text-align:right;font-variant-numeric:tabular-nums">{strength:.2f}</td></tr>'
    )


def show_effects(settings: CanvasSettings, seed: int) -> None:
    """The same canvas under each effect alone."""
    strength = st.slider("Strength", 0.0, 1.0, 0.8, 0.05, key="canvases-strength", persist_state="session")
    st.caption(
        "Above the canvas as the camera sees it, below the strip that the model sees of it. In training every canvas draws a severity of its "
        "own, up to the difficulty, and meets each effect by chance."
    )
    figures = []
    for effect in one_by_one(settings, seed, strength, digits.mnist().checksum):
        meaning = EFFECTS[effect.name].phrase if effect.name in EFFECTS else "clean ink, to compare with"
        pictures = "".join(
            f'<img src="data:image/png;base64,{base64.b64encode(png(picture)).decode()}" alt="{what}" style="display:block;width:100%;'
            'border-radius:4px;margin-bottom:3px;box-shadow:0 0 0 1px color-mix(in srgb,currentColor 16%,transparent)">'
            for picture, what in (
                (effect.picture, f"The canvas: {effect.name}."),
                (effect.strip, f"Its strip: {effect.name}."),
            )
        )
        figures.append(
            f'<figure style="margin:0">{pictures}<figcaption style="font-size:.92rem;line-height:1.35;padding-top:.2rem">'
            f"<b>{effect.name}</b> · {escape(meaning)}</figcaption></figure>"
        )
    st.html(
        '<div style="display:grid;gap:1.1rem 1.4rem;grid-template-columns:repeat(auto-fill,minmax(min(15rem,100%),1fr))">'
        + "".join(figures)
        + "</div>"
    )


def show_produced(settings: CanvasSettings, seed: int) -> None:
    """Lengths, spacing and effects as they came out, and how fast."""
    found, when = measured(settings, seed, digits.mnist().checksum)
    with st.container(horizontal=True, gap="large"):
        st.metric("Canvases a second", f"{found.per_second:,.0f}", width="content")
        st.metric("Without any digit", f"{found.lengths[0] / found.count:.1%}", width="content")
        st.metric("Neighbours that touch or overlap", f"{found.touching:.1%}", width="content")
        st.metric("Median digit", f"{median(found.widths)} × {median(found.heights)} px", width="content")
    threads = "one thread" if found.threads == 1 else f"{found.threads} threads"
    with st.container(horizontal=True, vertical_alignment="center"):
        st.caption(
            f"Of {found.count:,} canvases, made for this at {when} on this machine, in batches of 64 as in training, on {threads}. "
            "It is the processor’s time that counts, as if the machine had nothing else to do.",
            width="content",
        )
        st.button("Measure again", icon=":material/refresh:", on_click=measured.clear)
    left, right = st.columns(2, gap="medium")
    with left:
        show_chart(lengths_chart(found), key="canvases-lengths", height=320, save_as="canvases-lengths")
    with right:
        show_chart(gaps_chart(found), key="canvases-gaps", height=320, save_as="canvases-gaps")
    show_chart(effects_chart(found), key="canvases-effects", height=360, save_as="canvases-effects")


def median(values: np.ndarray) -> str:
    """For people."""
    return f"{float(np.median(values)):.0f}" if len(values) else "–"


def lengths_chart(found: generator.Produced) -> go.Figure:
    """How many digits the numbers have."""
    names = ["nothing", *map(str, range(1, len(found.lengths)))]
    chart = go.Figure(
        go.Bar(
            x=names,
            y=found.lengths / found.count,
            customdata=found.lengths,
            marker={"color": ["#817e8c", *[POSITION_COLOURS[0]] * (len(names) - 1)]},
            hovertemplate="%{x}: %{customdata:,} canvases, %{y:.1%}<extra></extra>",
        )
    )
    chart.update_layout(
        title_text="Digits in a number",
        xaxis={"type": "category", "title": {"text": "digits"}},
        yaxis={"tickformat": ".0%", "title": {"text": "share of canvases"}},
        bargap=0.35,
    )
    return chart


def gaps_chart(found: generator.Produced) -> go.Figure:
    """How far neighbouring digits are apart."""
    chart = go.Figure()
    for name, some, colour in (
        ("overlap or touch", found.gaps[found.gaps <= 0], POSITION_COLOURS[1]),
        ("apart", found.gaps[found.gaps > 0], POSITION_COLOURS[2]),
    ):
        chart.add_histogram(
            x=some,
            name=name,
            marker={"color": colour},
            xbins={
                "size": 1,
                "start": -0.5 + float(some.min(initial=0)),
                "end": float(some.max(initial=0)) + 0.5,
            },
            hovertemplate="%{x} px: %{y:,} gaps<extra></extra>",
        )
    chart.update_layout(
        title_text="Space between neighbouring digits",
        barmode="stack",
        bargap=0.05,
        xaxis={"title": {"text": "pixels between their boxes"}},
        yaxis={"title": {"text": "gaps"}},
    )
    return chart


def effects_chart(found: generator.Produced) -> go.Figure:
    """How many canvases meet each effect."""
    chart = go.Figure(
        go.Bar(
            x=list(EFFECTS),
            y=[found.shares[effect] for effect in EFFECTS],
            customdata=[found.strengths[effect] for effect in EFFECTS],
            marker={"color": POSITION_COLOURS[0]},
            hovertemplate="%{x}: on %{y:.1%} of the canvases, mean strength there %{customdata:.2f}<extra></extra>",
        )
    )
    chart.update_layout(
        title_text="What canvases meet",
        yaxis={"tickformat": ".0%", "title": {"text": "share of canvases"}},
        bargap=0.35,
    )
    return chart


def offer_files(settings: CanvasSettings, seed: int) -> None:
    """Canvases to take along."""
    mnist = digits.mnist()
    source = f"MNIST, training split{' of the bundled sample' if mnist.is_sample else ''} (sha256 {mnist.checksum})"
    with st.container(horizontal=True, vertical_alignment="bottom"):
        count = st.selectbox(
            "Canvases", [24, 100, 500, 2000], key="canvases-count", persist_state="session", width=160
        )
        st.download_button(
            "PNG + labels (ZIP)",
            partial(generator.as_zip, stock(mnist.checksum, settings.symbols), settings, count, seed, source),
            f"canvases-{seed}.zip",
            "application/zip",
            icon=":material/download:",
            on_click="ignore",
            key="canvases-zip",
        )
    st.caption(
        "A gray PNG of each canvas, and one labels.json: text, the box of each digit in pixels (left, top, right, bottom), effects and their "
        "strengths, the settings and the seed. The first are those shown above."
    )


layout.header(sitemap.CANVASES)
digits.offer_all()
seed = ask_seed()
pictures = st.container()  # above the form: on a phone the form is long
settings = ask()
if settings is not None:
    stock(digits.mnist().checksum, settings.symbols)  # here, where its spinner can be seen
    made = canvases_of(settings, seed, digits.mnist().checksum)
    written = made.texts
    chosen = st.session_state.get(_CHOSEN, 0)

    def pick(index: int) -> None:
        """Show that canvas from close by; in a callback."""
        st.session_state[_CHOSEN] = index

    with pictures:
        thumbnails(
            generator.pictures(made),
            [f"Canvas {index}: {text or 'no number'}" for index, text in enumerate(written)],
            key="canvases-sheet",
            label="Canvases of these settings",
            on_pick=pick,
            captions=[text or "no number" for text in written],
            chosen=chosen,
            wide=min(max(round(33 * settings.width / settings.height), 64), 260),
        )
    st.header("One of them", anchor=False)
    show_one(made, chosen)
    st.header("Each effect, one by one", anchor=False)
    show_effects(settings, seed)
    st.header("What comes out", anchor=False)
    show_produced(settings, seed)
    st.header("Take some along", anchor=False)
    offer_files(settings, seed)
