"""The choice of a picture (an example, a digit of MNIST's test part, a drawing or a photo) and its reading."""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
import streamlit as st

from core.reading import PictureError, Reader, Reading
from core.reading.photo import Number
from pages.common import layout, mnist, pad, photos, readers

_WAYS: Final = {
    "example": ":material/auto_awesome: Example",
    "digit": ":material/counter_5: Test digit",
    "draw": ":material/draw: Draw",
    "photo": ":material/photo_camera: Photo",
}
_MOST_DIGITS: Final = 8


class Chosen(NamedTuple):
    """A picture, and what is read on it."""

    name: str
    """For files, such as `example-7`."""
    picture: np.ndarray
    """HW or HWC uint8."""
    reading: Reading
    written: str | None
    """What is written on it, where that is known."""


def choose_picture(reader: Reader, kind: readers.Kind) -> Chosen | None:
    """The controls, which keep what was chosen for the whole visit; None, and words on the page, while there is no picture."""
    way = st.segmented_control(
        "Picture",
        list(_WAYS),
        default="example",
        format_func=_WAYS.__getitem__,
        key="picture-way",
        required=True,
        persist_state="session",
        label_visibility="collapsed",
    )
    ways = {"example": _example, "digit": _test_digit, "draw": _drawing, "photo": _photo}
    try:
        return ways[way](reader, kind)
    except PictureError as error:
        layout.empty_state("This cannot be read", str(error), key="picture", icon=":material/broken_image:")
        return None


def _example(reader: Reader, kind: readers.Kind) -> Chosen:
    """A canvas made of test digits: by its seed, from clean to camera-like."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        seed = st.number_input(
            "Seed",
            0,
            999_999,
            2,
            key="picture-seed",
            persist_state="session",
            width=150,
            help="Each seed is another picture.",
        )
        count = 1
        if kind == "number":
            most = min(reader.settings.canvas.max_digits, _MOST_DIGITS)
            count = st.slider(
                "Digits",
                1,
                most,
                min(3, most),
                key=f"picture-digits-{most}",
                persist_state="session",
                width=200,
            )
        difficulty = st.slider(
            "Camera",
            0.0,
            1.0,
            0.3,
            step=0.1,
            key="picture-camera",
            persist_state="session",
            width=200,
            help="0 is clean ink on paper, 1 what a poor camera makes of it.",
        )
    example = readers.fresh_example(int(seed), count=count, difficulty=difficulty)
    return Chosen(f"example-{seed}", example.picture, reader.read(example.picture), example.text)


def _test_digit(reader: Reader, kind: readers.Kind) -> Chosen:
    """One digit that no model has learned from."""
    test = mnist.mnist().test
    last = len(test.labels) - 1
    index = st.number_input(
        f"Which of MNIST's test digits (0 to {last:,})",
        0,
        last,
        0,
        key=f"picture-digit-{last}",
        persist_state="session",
        width=320,
    )
    mnist.offer_all()
    picture = np.asarray(test.images[int(index)])
    return Chosen(f"digit-{index}", picture, reader.read(picture), str(int(test.labels[int(index)])))


def _drawing(reader: Reader, kind: readers.Kind) -> Chosen | None:
    """What is on the pad, the Draw page's own."""
    ink = pad.drawing_pad()
    if ink is None:
        what = "a number, e.g. 407" if kind == "number" else "one digit, e.g. 4"
        layout.empty_state("Nothing drawn yet", f"Write {what}.", key="picture", icon=":material/draw:")
        return None
    return Chosen("drawing", ink, reader.read(ink), None)


def _photo(reader: Reader, kind: readers.Kind) -> Chosen | None:
    """One of the numbers on the photos of this visit, brought here or on the Photo page."""
    st.caption("A frame that you saved on the Webcam page, with its overlay switched off, is a photo too.")
    photos.bring()
    finder = reader if kind == "number" else readers.reader_or_advice("number")
    if finder is None:
        return None
    brought = photos.read_brought(finder)
    for file in brought:
        if file.trouble:
            st.warning(
                f"**{layout.escape_markdown(file.name)}**: {layout.escape_markdown(file.trouble)}.",
                icon=":material/broken_image:",
            )
    found = [
        (photo, place, number)
        for file in brought
        for photo in file.photos
        for place, number in enumerate(photo.numbers, start=1)
    ]
    if not found:
        layout.empty_state(
            "No number yet",
            "Bring a photo with one above, or see what happens with a sheet of our own.",
            key="picture",
            icon=":material/add_photo_alternate:",
        ).button(
            "Take an example",
            icon=":material/auto_awesome:",
            on_click=photos.bring_example,
            key="picture-sheet",
        )
        return None
    several = len({photo.name for photo, _, _ in found}) > 1

    def name(index: int) -> str:
        photo, place, number = found[index]
        return (
            f"{photo.name}, {place}: {number.reading.text}" if several else f"{place}: {number.reading.text}"
        )

    index = st.selectbox(
        "Number on the photo",
        range(len(found)),
        format_func=name,
        key=f"picture-number-{found[0][2].key}",
        width=320,
    )
    number = found[index][2]
    return Chosen(f"photo-{found[index][1]}", number.close_up, _reading_of(reader, number), None)


def _reading_of(reader: Reader, number: Number) -> Reading:
    """With the reader in use: the photo may have been read with another."""
    canvas = reader.settings.canvas
    if number.reading.strip.shape == (canvas.height, canvas.width):
        return reader.read_strip(number.reading.strip, number.close_reading)
    return reader.read(number.close_up)
