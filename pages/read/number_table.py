"""The table of the numbers found on photos, in which readings can be corrected, and its downloads."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable, Sequence
from hashlib import sha256
from math import floor

import pandas as pd
import streamlit as st

from core.reading.overlay import png
from core.reading.photo import Number, Photo, as_csv, as_json, marked, said
from pages.common.photos import corrections


def correct(photos: Sequence[Photo]) -> None:
    """The table. What is changed in it is kept in `corrections`."""
    kept = corrections()
    several = len(photos) > 1
    shown = {number.key: number for photo in photos for number in photo.numbers}
    turn = st.session_state.setdefault("photo-turn", 0)
    key = f"photo-table-{turn}-{sha256(''.join(shown).encode()).hexdigest()[:12]}"
    if key not in st.session_state:
        # The editor forgets its changes when its table changes under it: until it is opened anew it gets the same one.
        st.session_state["photo-before"] = dict(kept)
    before = st.session_state["photo-before"]
    table = pd.DataFrame(
        [
            {
                "key": number.key,
                "#": place,
                "Crop": _crop(number),
                "Number": said(number, before),
                "Sure": floor(1000 * number.reading.probability) / 10,  # never rounded up to certainty
                "Picture": f"{photo.name} ({photo.page})" if photo.of > 1 else photo.name,
                "Box": _box(number),
            }
            for photo in photos
            for place, number in enumerate(photo.numbers, start=1)
            if said(number, before) is not None
        ]
    ).set_index("key")
    edited = st.data_editor(
        table,
        key=key,
        hide_index=True,
        num_rows="delete",
        row_height=44,
        disabled=["#", "Crop", "Sure", "Picture", "Box"],
        column_order=[*(["Picture"] if several else []), "#", "Crop", "Number", "Sure", "Box"],
        column_config={
            "Picture": st.column_config.TextColumn(width=100),
            "#": st.column_config.NumberColumn(width=40),
            "Crop": st.column_config.ImageColumn(width=90),
            "Number": st.column_config.TextColumn(
                help="Double-click to correct it. Select a row and press Delete if it is no number.",
                validate=r"^[0-9]*$",
                width=90,
            ),
            "Sure": st.column_config.ProgressColumn(format="%.1f%%", min_value=0, max_value=100, width=100),
            "Box": st.column_config.TextColumn(
                "Box", help="Left, top; width × height, in pixels of the photo."
            ),
        },
    )
    for name in table.index:
        text = edited.loc[name, "Number"] if name in edited.index else None
        text = text if isinstance(text, str) and text else None
        if text == shown[name].reading.text:
            kept.pop(name, None)
        else:
            kept[name] = text
    parts = [
        number.reading.text for number in shown.values() if number.reading.is_cut and number.key not in kept
    ]
    if parts:
        st.markdown(f":material/content_cut: More digits stand there than were read: {', '.join(parts)}.")
    changed = [name for name in shown if name in kept]
    with st.container(horizontal=True, vertical_alignment="center"):
        st.caption(
            f"{len(changed)} corrected by hand; the files below say it."
            if changed
            else "Double-click a number to correct it.",
            width="content",
        )
        if changed:
            st.button(
                "Undo",
                icon=":material/undo:",
                on_click=_undo,
                args=(changed,),
                key="photo-undo",
                type="tertiary",
            )


def save_buttons(photos: Sequence[Photo], photo: Photo) -> None:
    """Downloads: all numbers as CSV and JSON, and the picture that is shown with its marks."""
    kept = dict(corrections())
    stem = photo.name.rsplit(".", 1)[0]
    files: list[tuple[str, str | Callable[[], bytes], str, str]] = [
        ("CSV", as_csv(photos, kept), "numbers.csv", "text/csv"),
        ("JSON", as_json(photos, kept), "numbers.json", "application/json"),
        # Half a second for a large photo, and so only when it is asked for.
        ("Picture", lambda: png(marked(photo, kept)), f"{stem}-{photo.page}-read.png", "image/png"),
    ]
    with st.container(horizontal=True):
        for label, data, name, kind in files:
            st.download_button(
                label,
                data,
                name,
                kind,
                icon=":material/download:",
                key=f"photo-save-{kind}",
                on_click="ignore",
            )


def _undo(names: list[str]) -> None:
    for name in names:
        del corrections()[name]
    st.session_state["photo-turn"] += 1  # another editor, without changes


def _crop(number: Number) -> str:
    """The close-up, small, as an address that a table can show."""
    step = max(number.close_up.shape[0] // 80, 1)
    return f"data:image/png;base64,{b64encode(png(number.close_up[::step, ::step])).decode()}"


def _box(number: Number) -> str:
    if number.reading.box is None:
        return ""
    left, top, right, bottom = (round(side) for side in number.reading.box)
    return f"{left}, {top}; {right - left} × {bottom - top}"
