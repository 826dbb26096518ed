"""The Draw page: a number is written on the pad, read on mouse-up, and explained digit by digit."""

from typing import Final

import streamlit as st

from core.reading import PictureError, Reader, Reading
from core.reading.files.picture import as_rgb
from pages.common import attention_maps, layout, pad, readers, sitemap
from pages.read import probability_bars

_HALVES: Final = [1.15, 1]


def say_nothing_drawn(kind: readers.Kind) -> None:
    """What to do first."""
    what = "a number with the mouse or a finger, e.g. 407" if kind == "number" else "one digit, e.g. 4"
    layout.empty_state("Nothing drawn yet", f"Write {what}.", key="draw", icon=":material/draw:")


def say_no_number(kind: readers.Kind) -> None:
    """Why ink may be no number, and what to do about it."""
    if kind == "digit":
        st.markdown(
            "The model saw ink, but no single digit. If you wrote several digits, choose **Number** above. Otherwise "
            "clear the pad and write one digit, large."
        )
    else:
        st.markdown(
            "The model saw ink, but no digits: that is what it was taught to say of scribbles, letters and stains. If "
            "this is a number, write it on one line, larger and with the digits apart, or take a thicker brush."
        )


def say_limits(reader: Reader, reading: Reading, kind: readers.Kind) -> None:
    """What the model cannot do, where this drawing may have met it."""
    if reading.probability < 0.5:
        st.markdown(":material/help: Hardly more than a guess. Clearer strokes, further apart, help.")
    if reading.is_cut:
        st.markdown(
            ":material/content_cut: This is a part of the number: more digits stand there than were read."
        )
    if kind == "digit" and reading.box is not None:
        left, top, right, bottom = reading.box
        if right - left > 1.6 * (bottom - top):
            st.markdown(":material/info: This is wide for one digit. For several, choose **Number** above.")


layout.header(sitemap.DRAW)
kind = readers.choose_kind(key="draw-kind")

writing, answer = st.columns(_HALVES, gap="large")
with writing:
    ink = pad.drawing_pad()
with answer:
    reader = readers.reader_or_advice(kind)
    if reader is None:
        st.stop()
    if ink is None:
        say_nothing_drawn(kind)
        st.stop()
    try:
        reading = reader.read(ink)
    except PictureError as error:
        layout.empty_state("This cannot be read", str(error), key="draw", icon=":material/broken_image:")
        st.stop()
    layout.show_reading(reading)
    if reading.text:
        say_limits(reader, reading, kind)
        probability_bars.show_probabilities(
            reading, key="draw-certainty", candidates=5 if kind == "digit" else None
        )
    else:
        say_no_number(kind)

chosen = attention_maps.SIMPLEST
if reading.text:
    st.header("Where it looked", anchor=False)
    picture, controls = st.columns(_HALVES, gap="large")
    with controls:
        chosen = attention_maps.choose_attention(reader, reading, key="draw")
seen = attention_maps.attention_of(reader, reading, as_rgb(ink), chosen)
if reading.text:
    with picture.container(key="draw-overlay"):
        st.image(
            seen.picture, alt=attention_maps.alt_text(reading, chosen), width="stretch", output_format="PNG"
        )

st.header("What the model saw", anchor=False)
strip, description = st.columns(_HALVES, gap="large")
with strip.container(key=f"draw-strip-{kind}"):
    st.image(
        seen.strip,
        alt="The strip of ink that the model saw, cut into patches.",
        width="stretch",
        output_format="PNG",
    )
with description:
    attention_maps.say_strip(reader, reading)
    attention_maps.say_timings(reading, seen)
    attention_maps.save_buttons(reading, seen, key="draw")
