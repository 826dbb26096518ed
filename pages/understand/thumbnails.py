"""A fast grid of many small pictures, each a button; all of them travel as a single picture."""

from __future__ import annotations

import base64
from collections.abc import Callable, Sequence
from typing import Final

import numpy as np
import streamlit as st

from core.reading.overlay import png
from core.understanding.digits.classes import contact_sheet
from pages.common import assets

_COLUMNS: Final = 25  # of the picture that travels; the grid has as many as fit


def thumbnails(
    pictures: np.ndarray,
    notes: Sequence[str],
    *,
    key: str,
    label: str,
    on_pick: Callable[[int], None],
    captions: Sequence[str] = (),
    chosen: int | None = None,
    wide: int = 44,
    full: bool = True,
    sharp: bool = False,
) -> None:
    """Show (n, h, w) uint8 pictures, each at least `wide` CSS pixels wide; `on_pick` gets the place of one that is clicked.

    `notes` says of each what it is, for the mouse and for those who cannot see it; `captions` is written below it.
    `label` names the whole. `full` lets them grow to fill the page's width; `sharp` shows pixels as squares.
    """

    def picked() -> None:
        place = st.session_state[key]["picked"]
        if place is not None:
            on_pick(int(place))

    count, height, width = pictures.shape
    columns = min(_COLUMNS, max(count, 1))
    sheet = base64.b64encode(png(contact_sheet(pictures, columns))).decode() if count else ""
    grid = st.components.v2.component(
        "thumbnails",
        html='<div class="grid" role="group"></div>',
        css=assets.text("thumbnails.css"),
        js=assets.text("thumbnails.js"),
    )
    grid(
        data={
            "sheet": f"data:image/png;base64,{sheet}",
            "columns": columns,
            "rows": -(-count // columns),
            "ratio": f"{width} / {height}",
            "notes": list(notes),
            "captions": list(captions),
            "chosen": chosen,
            "label": label,
            "wide": wide,
            "full": full,
            "sharp": sharp,
        },
        key=key,
        height="content",
        on_picked_change=picked,
    )
