"""A picture of a strip whose patches are buttons, chosen by mouse, finger or arrow keys."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable, Mapping
from typing import Literal

import numpy as np
import streamlit as st

from core.config import ModelSettings
from core.reading.overlay import png
from core.understanding.attention.what_if import Patch
from pages.common import assets

Mark = Literal["chosen", "erased", "masked"]


def patch_board(
    rgb: np.ndarray,
    strip_size: tuple[int, int],
    model: ModelSettings,
    marks: Mapping[Patch, Mark],
    *,
    key: str,
    label: str,
    on_pick: Callable[[Patch], None],
) -> None:
    """Show a picture of the strip, HWC uint8 RGB, whose patches can be clicked; `on_pick` gets the patch.

    `strip_size` is the strip's height and width in pixels; `label` says what a click does.
    """

    def picked() -> None:
        place = st.session_state[key]["picked"]
        if place is not None:
            on_pick(Patch(*map(int, place)))

    height, width = strip_size
    rows, columns = model.grid(height, width)
    board = st.components.v2.component(
        "patch_board",
        html='<div class="board" role="group"><img alt=""></div>',
        css=assets.text("patch_board.css"),
        js=assets.text("patch_board.js"),
    )
    board(
        data={
            "picture": f"data:image/png;base64,{b64encode(png(rgb)).decode()}",
            "height": height,
            "width": width,
            "rows": rows,
            "columns": columns,
            "stride": model.stride,
            "side": model.patch_size,
            "marks": [marks.get(Patch(row, column), "") for row in range(rows) for column in range(columns)],
            "label": label,
            "wide": f"{min(8 * width, 1100)}px",
        },
        key=key,
        height="content",
        on_picked_change=picked,
    )
