"""The Attention page: every layer and head of a reading, and what it would be under other conditions."""

import streamlit as st

from core.reading import Reader, Reading
from core.reading.explain import METHODS, patch_weights
from core.reading.files.picture import as_rgb
from core.reading.overlay import strip_picture
from pages.common import attention_maps, layout, readers, sitemap
from pages.understand import faithfulness_panel, head_maps, picture_choice, what_if_lab

_KEY = "attention"


# Fragments: what is chosen in one part reruns that part alone.
@st.fragment
def look_inside(reader: Reader, reading: Reading) -> None:
    """All layers and heads, and one patch of the encoder."""
    patch = head_maps.choose_patch(reader, reading, key=_KEY)
    st.header("Layers and heads", anchor=False)
    head_maps.show_heads(reader, reading, key=_KEY, patch=patch)
    st.header("One patch", anchor=False)
    head_maps.show_patch(reader, reading, patch, key=_KEY)


@st.fragment
def show_methods(reader: Reader, reading: Reading, kind: readers.Kind) -> None:
    """Three maps of the same digit, by three ways to tell where the model looked, and how far each can be believed."""
    st.header("Three ways to tell", anchor=False)
    digit = attention_maps.choose_digit(reading, key=f"{_KEY}-methods", every=False)
    for column, method in zip(st.columns(len(METHODS), gap="large"), METHODS, strict=True):
        with column.container(key=f"{_KEY}-{method}"):
            st.markdown(f"**{METHODS[method].label}**")
            weights = patch_weights(reader, reading, method)
            st.image(
                strip_picture(reading, reader.settings.model, weights, digit=digit),
                alt=f"{METHODS[method].label}: where the model looked for the digit {reading.text[digit or 0]}",
                width="stretch",
                output_format="PNG",
            )
            st.caption(attention_maps.explained(method))
    st.subheader("How far to believe them", anchor=False)
    faithfulness_panel.show_curves(reader, reading, digit or 0, kind, key=f"{_KEY}-faithfulness")
    faithfulness_panel.show_measured(reader, kind, key=f"{_KEY}-faithfulness")


layout.header(sitemap.ATTENTION)
kind = readers.choose_kind(key=f"{_KEY}-kind")
reader = readers.reader_or_advice(kind)
if reader is None:
    st.stop()
chosen = picture_choice.choose_picture(reader, kind)
if chosen is None:
    st.stop()
reading = chosen.reading
picture, answer = st.columns([1.15, 1], gap="large")
with picture.container(key=f"{_KEY}-picture"):
    shown = as_rgb(chosen.picture)
    wide = min(max(shown.shape[1], 224), 640)  # MNIST's own digits are smaller than a stamp
    st.image(shown, alt="The picture that is read.", width=wide, output_format="PNG")
with answer:
    layout.show_reading(reading)
    if chosen.written is not None:
        right = chosen.written == reading.text
        st.caption(
            f"Written: {chosen.written}. " + ("Right." if right else "Misread, and worth a look inside.")
        )
if reading.attention is None and reading.text:
    layout.empty_state(
        "Too long to look inside",
        "The number has more digits than the model reads at once, so it was read in parts. Choose a shorter one.",
        key="parts",
        icon=":material/content_cut:",
    )
    st.stop()
if reading.attention is None:
    layout.empty_state(
        "No ink here", "Choose a picture with a number on it.", key="ink", icon=":material/draw:"
    )
    st.stop()
look_inside(reader, reading)
if reading.digits:
    show_methods(reader, reading, kind)
what_if_lab.show(reader, reading)
