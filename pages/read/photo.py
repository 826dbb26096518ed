"""The Photo page: pictures are brought, and every number on them is read, corrected if need be, taken along, and explained."""

from typing import Final

import streamlit as st

from core.reading import Reader
from core.reading.photo import Number, Photo, marked, said, stages
from pages.common import attention_maps, layout, photos, readers, sitemap
from pages.read import number_table, probability_bars

_HALVES: Final = [1.15, 1]
_STEPS: Final = {
    "Photo": "around one number",
    "Gray": "brightness, or colour where brightness is equal",
    "Heat map": "where the finder sees the middle of a number",
    "Boxes": "where it stands, and each digit",
    "Strip": "upright, centred, ink on nothing",
    "Patches": "the tokens that enter the model, and how much each counted",
    "Attention": "the same on the photo",
}


def say_empty() -> None:
    """What to do first."""
    with layout.empty_state(
        "No photo yet",
        "Bring one above: a sheet, a form, a label, a page of sums. Or see what happens with a picture of our own.",
        key="photo",
        icon=":material/add_photo_alternate:",
    ):
        st.button(
            "Read an example",
            icon=":material/auto_awesome:",
            on_click=photos.bring_example,
            key="photo-example",
        )


def say_no_number() -> None:
    """Why nothing may have been found, and what helps."""
    st.markdown(
        "**No number here.** What helps: go closer, so that digits are at least 12 pixels high; hold the camera "
        "straight and still; more light, and no shadow across the writing; a darker pen; one line for each number, "
        "with space around it. Letters and scribbles are passed over."
    )


def choose_photo(read: list[Photo]) -> Photo:
    """Which picture is shown, where there are several."""
    if len(read) == 1:
        return read[0]

    def name(index: int) -> str:
        photo = read[index]
        page = f", page {photo.page}" if photo.of > 1 else ""
        return f"{photo.name}{page}: {len(photo.numbers) or 'no'} number{'s' * (len(photo.numbers) != 1)}"

    return read[st.selectbox("Picture", range(len(read)), format_func=name, key=f"photo-shown-{len(read)}")]


def explain(reader: Reader, number: Number, key: str) -> None:
    """The way of one number from photo to reading, and where the model looked for each of its digits."""
    reading = number.close_reading
    way, where = st.container(), st.container()
    with where:
        st.header("Where it looked", anchor=False)
        picture, controls = st.columns(_HALVES, gap="large")
        with controls:
            chosen = attention_maps.choose_attention(reader, reading, key=key)
        seen = attention_maps.attention_of(reader, reading, number.close_up, chosen)
        with picture.container(key=f"{key}-overlay"):
            st.image(
                seen.picture,
                alt=attention_maps.alt_text(reading, chosen),
                width="stretch",
                output_format="PNG",
            )
            probability_bars.show_probabilities(reading, key=f"{key}-certainty")
    with way:
        steps = stages(number, seen.picture, seen.strip)
        for first in range(0, len(steps), 4):
            for place, (column, step) in enumerate(
                zip(st.columns(4), steps[first : first + 4], strict=False)
            ):
                with column:
                    st.image(step.picture, alt=step.name, width="stretch", output_format="PNG")
                    st.caption(f"**{first + place + 1} {step.name}**: {_STEPS[step.name]}")
        attention_maps.say_strip(reader, reading)


layout.header(sitemap.PHOTO)
reader = readers.reader_or_advice("number")
if reader is None:
    st.stop()
photos.bring()
files = photos.read_brought(reader)
for file in files:
    if file.trouble:
        st.warning(f"**{file.name}**: {file.trouble}.", icon=":material/broken_image:")
read = [photo for file in files for photo in file.photos]
if not read:
    say_empty()
    st.stop()

photo = choose_photo(read)
picture, answer = st.columns(_HALVES if len(read) == 1 else _HALVES[::-1], gap="large")
with answer:
    if any(one.numbers for one in read):
        number_table.correct(read)
        number_table.save_buttons(read, photo)
    if not photo.numbers:
        say_no_number()
with picture.container(key="photo-marked"):
    kept = photos.corrections()
    st.image(
        marked(photo, kept),
        alt="The photo; marked on it: "
        + (", ".join(said(one, kept) or "" for one in photo.numbers) or "nothing"),
        width="stretch",
        output_format="JPEG",  # of a large photo a PNG takes half a second
    )
    st.caption(
        f"{photo.size[0]} × {photo.size[1]} pixels, read in {photo.milliseconds:.0f} ms on one processor thread."
    )

if photo.numbers:
    st.header("From photo to number", anchor=False)
    place = st.selectbox(
        "Number",
        range(len(photo.numbers)),
        format_func=lambda index: f"{index + 1}: {photo.numbers[index].reading.text}",
        key=f"photo-number-{photo.numbers[0].key}",
    )
    explain(reader, photo.numbers[place], key="photo")
