"""The Home page: what this is, a fresh reading, the doors to the other pages, and the way from picture to reading."""

from secrets import randbelow
from time import perf_counter

import streamlit as st

from core.reading.files.picture import as_rgb
from core.reading.palette import POSITION_COLOURS
from pages.common import attention_maps, layout, mnist, pen_svg, readers, sitemap


def show_live_reading() -> None:
    """A number that was not there before this visit: made, read and explained now."""
    reader = readers.reader_or_advice("number")
    if reader is None:
        return
    if "home-seed" not in st.session_state:
        draw_lots()
    example = readers.fresh_example(st.session_state["home-seed"])
    started = perf_counter()
    reading = reader.read(example.picture)
    seen = attention_maps.attention_of(reader, reading, as_rgb(example.picture), attention_maps.SIMPLEST)
    elapsed = 1e3 * (perf_counter() - started)
    picture, answer = st.columns([1.35, 1], gap="large", vertical_alignment="center")
    with picture.container(key="home-example"):
        st.image(
            seen.picture,
            alt=attention_maps.alt_text(reading, attention_maps.SIMPLEST),
            width="stretch",
            output_format="PNG",
        )
        st.caption(
            f"Test digits of MNIST in a row. Colour: where the model looked. Read and explained in {elapsed:.0f} ms."
        )
    with answer:
        layout.show_reading(reading)
        with st.container(horizontal=True, vertical_alignment="center"):
            st.button("Another one", icon=":material/refresh:", on_click=draw_lots, key="home-another")
            right = reading.text == example.text
            st.markdown(
                ":material/check: Right."
                if right
                else f":material/close: Wrong: it was written as {example.text}."
            )


def draw_lots() -> None:
    """Choose which example comes next."""
    st.session_state["home-seed"] = randbelow(1_000_000)


st.title("A transformer that reads handwritten numbers", anchor=False)
st.html(
    f'<p class="purpose">{sitemap.HOME.purpose} Trained from scratch, and open to look into at every step.</p>'
)
show_live_reading()
mnist.offer_all()

rooms = [name for name in sitemap.SECTIONS if name in sitemap.SECTION_PURPOSES]
for column, room in zip(st.columns(len(rooms)), rooms, strict=True):
    with column.container(border=True, height="stretch", gap="xsmall", key=f"door-{room.lower()}"):
        st.markdown(f"**{room}**")
        st.caption(sitemap.SECTION_PURPOSES[room])
        with st.container(horizontal=True, gap="xxsmall"):
            for door in sitemap.SECTIONS[room]:
                st.page_link(door.file, label=door.title, icon=door.icon, help=door.purpose, width="content")

WAY = {
    "picture": ("Picture", "A drawing, a photo or a frame of the camera."),
    "find": ("Find", "A network of its own sees where the number stands, whatever is around it."),
    "strip": ("Strip", "Make it one even line of ink: the same for training and for use."),
    "model": ("Model", "Look at all patches at once, then write the digits one by one."),
    "reading": ("Reading", "The digits and how sure it is of each. Or: no number here."),
}
steps = "".join(
    f"<li>{pen_svg.step_drawing(step)}<h3>{name}</h3><p>{what}</p></li>" for step, (name, what) in WAY.items()
)
st.html(f'<ol class="way" aria-label="How a picture becomes a number">{steps}</ol>')

swatches = "".join(
    f'<b style="--ink:{colour}">{position}</b>' for position, colour in enumerate(POSITION_COLOURS, start=1)
)
st.html(
    f'<div class="positions"><span class="swatches">{swatches}</span>'
    "<span>Each place in a number has its own colour, on every page.</span></div>"
)
