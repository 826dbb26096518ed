"""The How it works page: one's own drawing followed through the model, stage by stage."""

from typing import Final

import numpy as np
import streamlit as st

from core.reading import PictureError
from core.reading.files.picture import as_rgb
from core.understanding.walkthrough import as_npz, walk
from pages.common import assets, layout, mnist, pad, readers, sitemap
from pages.learn.walk_stages import Chosen, grid_of, inkiest_patch, show_stage, stages

_EXAMPLE: Final = 2


def example(kind: readers.Kind) -> np.ndarray:
    """HW uint8: what goes through the model until something is drawn."""
    seed = st.session_state.setdefault("walk-seed", _EXAMPLE)
    if kind == "number":
        return readers.fresh_example(seed, count=3, difficulty=0.2).picture
    test = mnist.mnist().test
    return np.kron(255 - test.images[seed % len(test)], np.ones((8, 8), np.uint8))


def another() -> None:
    """Take the next example."""
    st.session_state["walk-seed"] += 1


def go(by: int) -> None:
    """One stage on, or back."""
    st.session_state["walk-stage"] += by


def keep(key: str, options: range, default: int) -> None:
    """Let a control start from `default` where nothing was chosen, or what was is no longer there."""
    if st.session_state.get(key) not in options:
        st.session_state[key] = default


layout.header(sitemap.WALK)
st.html(assets.style("walk.css"))
yours, way_through = st.columns([1, 1.9], gap="large")

with yours.container(key="walk-yours"):
    kind = readers.choose_kind(key="walk-kind")
    reader = readers.reader_or_advice(kind)
    if reader is None:
        st.stop()
    drawn = pad.drawing_pad()
    picture = example(kind) if drawn is None else drawn
    try:
        reading = reader.read(picture)
    except PictureError as error:
        layout.empty_state("This cannot be read", str(error), key="walk", icon=":material/broken_image:")
        st.stop()
    if drawn is None:
        st.image(
            as_rgb(picture),
            alt="An example.",
            width="stretch" if kind == "number" else 160,
            output_format="PNG",
        )
        with st.container(horizontal=True, vertical_alignment="center"):
            st.caption("An example, until you draw a number above.", width="content")
            st.button(
                "Another", icon=":material/refresh:", on_click=another, key="walk-another", type="tertiary"
            )
    if reading.box is None:
        layout.empty_state(
            "There is no ink", "Write a number, and it is followed.", key="walk", icon=":material/draw:"
        )
        st.stop()
    layout.show_reading(reading)
    way = walk(reader, reading)
    rows, columns = grid_of(reader)[:2]
    layers, heads = range(1, len(way.layers) + 1), range(1, reader.settings.model.heads + 1)
    keep("walk-patch", range(rows * columns), inkiest_patch(way))
    if st.session_state["walk-patch"] == st.session_state.get("walk-inkiest"):  # nobody chose another one
        st.session_state["walk-patch"] = inkiest_patch(way)
    st.session_state["walk-inkiest"] = inkiest_patch(way)
    keep("walk-layer", layers, 1)
    keep("walk-head", heads, 1)
    patch = st.slider("Patch to follow", 0, rows * columns - 1, key="walk-patch", persist_state="session")
    with st.container(horizontal=True, gap="medium"):
        layer = st.segmented_control(
            "Layer", layers, key="walk-layer", required=True, persist_state="session"
        )
        head = st.segmented_control("Head", heads, key="walk-head", required=True, persist_state="session")
    chosen = Chosen(patch, (layer or 1) - 1, (head or 1) - 1)

with way_through:
    all_stages = stages(reader)
    keep("walk-stage", range(len(all_stages)), 0)
    tools = st.container(horizontal=True, vertical_alignment="center")
    all_at_once = st.session_state.get("walk-all", False)
    place: int | None = None
    if not all_at_once:
        place = st.segmented_control(
            "Stage",
            range(len(all_stages)),
            format_func=lambda index: f"{index + 1} {all_stages[index].name}",
            key="walk-stage",
            required=True,
            persist_state="session",
            label_visibility="collapsed",
            wrap=True,
        )
    place = place or 0
    with tools:
        if not all_at_once:
            st.button(
                "Back",
                on_click=go,
                args=[-1],
                disabled=place == 0,
                key="walk-back-button",
                shortcut="B",
                icon=":material/arrow_back:",
            )
            st.button(
                "Next",
                on_click=go,
                args=[1],
                disabled=place == len(all_stages) - 1,
                key="walk-next-button",
                shortcut="N",
                icon=":material/arrow_forward:",
                type="primary",
            )
            st.caption(f"Step {place + 1} of {len(all_stages)}", width="content")
        st.space("stretch")
        st.toggle("All at once", key="walk-all", help="Every stage, below each other.")
        st.download_button(
            "Tensors",
            lambda: as_npz(way),
            f"walk-{way.text or 'nothing'}.npz",
            "application/octet-stream",
            icon=":material/download:",
            key="walk-npz",
            on_click="ignore",
            type="tertiary",
            help="Every tensor of this walk as a NumPy archive (.npz).",
        )
    for number, stage in enumerate(all_stages, start=1):
        if all_at_once or number == place + 1:
            show_stage(reader, way, stage, number, chosen)
