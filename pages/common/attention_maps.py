"""Where the model looked for each digit, on the picture and on the strip, with the controls that choose what is shown."""

import json
from collections.abc import Callable
from time import perf_counter
from typing import Final, NamedTuple

import numpy as np
import streamlit as st

from core.reading import Reader, Reading
from core.reading.explain import METHODS, layer_count, patch_weights
from core.reading.overlay import overlay, png, strip_picture
from core.reading.palette import position_colour
from core.reading.reading import on_picture

_ALL: Final = -1
"""What the choice of a digit holds while all are shown."""


class View(NamedTuple):
    """Which attention a visitor wants to see; digits, layers and heads are counted from 0, None is all of them."""

    digit: int | None
    method: str
    layer: int
    head: int | None


SIMPLEST: Final = View(digit=None, method="raw", layer=-1, head=None)


class Seen(NamedTuple):
    """The pictures of it."""

    picture: np.ndarray
    """HWC uint8 RGB, the overlay."""
    strip: np.ndarray
    """HWC uint8 RGB, the strip with its patches."""
    milliseconds: float
    """What the maps took."""


def attention_of(reader: Reader, reading: Reading, rgb: np.ndarray, view: View) -> Seen:
    """The picture, HWC uint8 RGB, and the strip with the attention that `view` asks for."""
    started = perf_counter()
    weights = patch_weights(reader, reading, view.method, layer=view.layer, head=view.head)
    maps = on_picture(weights, reading)
    elapsed = 1e3 * (perf_counter() - started)
    return Seen(
        overlay(rgb, reading, maps, digit=view.digit),
        strip_picture(reading, reader.settings.model, weights, digit=view.digit),
        elapsed,
    )


def choose_attention(reader: Reader, reading: Reading, *, key: str) -> View:
    """The controls: which digit, by which method, in which layer and head. They keep what was chosen."""
    if reading.attention is None:
        st.markdown(
            "This number is longer than the model reads at once. It was read in parts, so where it looked is not shown."
        )
        return SIMPLEST
    digit = choose_digit(reading, key=f"{key}-digit")
    names = list(METHODS)
    number = _choose(
        "Method", range(len(names)), lambda index: METHODS[names[index]].label, key=f"{key}-method"
    )
    method = names[number]
    st.markdown(explained(method))
    layers, heads = layer_count(reader, method), reader.settings.model.heads
    with st.container(horizontal=True, gap="medium"):
        layer = layers
        if layers > 1:
            label = _layers_of(reader, method)
            layer = _choose(label, range(1, layers + 1), str, default=layers, key=f"{key}-layer-{label}")
        head = _choose("Head", range(heads + 1), lambda index: str(index or "Mean"), key=f"{key}-head")
    return View(digit, method, layer - 1, head - 1 if head else None)


def explained(method: str) -> str:
    """What a method tells and where it comes from, as Markdown."""
    row = METHODS[method]
    return f"{row.meaning} From [{row.paper.title}]({row.paper.link}), {row.paper.authors}."


def choose_digit(reading: Reading, *, key: str, every: bool = True) -> int | None:
    """The choice of one digit, or None for all of them where `every` offers that; it keeps what was chosen."""
    count, first = len(reading.digits), _ALL if every else 0
    if count == 1:
        return None if every else 0
    st.html(_coloured(key, count, before=-first))
    digit = _choose(
        "Digit",
        range(first, count),
        lambda index: "All" if index == _ALL else reading.text[index],
        default=first,
        key=key,
    )
    return None if digit == _ALL else digit


def alt_text(reading: Reading, view: View) -> str:
    """The overlay in words, for those who cannot see it."""
    which = (
        f"the digit {reading.text[view.digit]}" if view.digit is not None else f"each digit of {reading.text}"
    )
    return f"The picture, coloured where the model looked for {which}."


def say_strip(reader: Reader, reading: Reading) -> None:
    """What the strip is."""
    settings = reader.settings
    height, width = settings.canvas.height, settings.canvas.width
    rows, columns = settings.model.grid(height, width)
    side = settings.model.patch_size
    tinted = ", tinted by how much it counted" if reading.text else ""
    st.markdown(
        f"The ink, cut out, centred and evened to a strip of {width} × {height} pixels. It enters the transformer as "
        f"{rows * columns} patches of {side} × {side}, {rows} rows of {columns}; each is one square here{tinted}."
    )


def say_timings(reading: Reading, seen: Seen) -> None:
    """How long it took, on one processor thread."""
    took = reading.timings
    maps = f", and {seen.milliseconds:.1f} ms for the attention" if reading.text else ""
    st.caption(
        f"Read in {took['total']:.1f} ms: {took['prepare']:.1f} ms to find the number and make its strip, "
        f"{took['model']:.1f} ms for the model{maps}. One processor thread."
    )


def save_buttons(reading: Reading, seen: Seen, *, key: str) -> None:
    """Downloads: the overlay as a picture, the reading as JSON."""
    name = reading.text or "nothing"
    with st.container(horizontal=True):
        st.download_button(
            "Overlay (PNG)",
            png(seen.picture),
            f"attention-{name}.png",
            "image/png",
            icon=":material/download:",
            key=f"{key}-png",
            on_click="ignore",
        )
        st.download_button(
            "Reading (JSON)",
            json.dumps(reading.to_dict(), indent=2),
            f"reading-{name}.json",
            "application/json",
            icon=":material/download:",
            key=f"{key}-json",
            on_click="ignore",
        )


def _choose(label: str, options: range, name: Callable[[int], str], *, key: str, default: int = 0) -> int:
    """One of a few, kept for the whole visit; `default` where nothing was chosen, or what was is no longer there."""
    if st.session_state.get(key) not in options:
        st.session_state[key] = default
    chosen = st.segmented_control(
        label,
        options,
        format_func=name,
        key=key,
        required=True,
        persist_state="session",
    )
    return default if chosen is None else chosen


def _layers_of(reader: Reader, method: str) -> str:
    """What the choice of a layer is called."""
    if method != "raw":
        return "Encoder, up to layer"
    return "Decoder layer" if reader.settings.model.kind == "number" else "Encoder layer"


def _coloured(key: str, count: int, before: int) -> str:
    """A style sheet that writes each digit of the choice, which follow `before` others, in the colour of its position."""
    rules = "".join(
        f".st-key-{key} [role=radio]:nth-of-type({position + 1 + before}) p "
        f"{{ color: {position_colour(position)}; font-weight: 600; }}"
        for position in range(count)
    )
    return f"<style>{rules}</style>"
