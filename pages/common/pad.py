"""The drawing pad, which gives a gray picture of black ink on white."""

from typing import Any, Final

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from pages.common import assets

WIDTH: Final = 640
HEIGHT: Final = 260
_BRUSH: Final = (
    6,
    14,
    30,
)  # thinnest, at first, thickest; a digit about 150 high then looks like a felt pen's


def drawing_pad(key: str = "pad") -> NDArray[np.uint8] | None:
    """Show the pad with its brush, undo and clear; the drawing as HW uint8 grey (260, 640), or None while it is empty.

    The drawing lasts as long as the browser session, also while other pages are visited.
    """
    with st.container(key=f"{key}-frame", gap="small"):
        st.html(_fitted(key))
        board = st.container(key=f"{key}-board")
        with st.container(horizontal=True, vertical_alignment="bottom", key=f"{key}-tools"):
            brush = _brush(key)
            drawing = _board(key, brush, board)
            blank = not drawing
            st.button(
                "Undo", icon=":material/undo:", key=f"{key}-undo", on_click=_undo, args=[key], disabled=blank
            )
            st.button(
                "Clear",
                icon=":material/delete:",
                key=f"{key}-clear",
                on_click=_restart,
                args=[key, []],
                disabled=blank,
            )
    ink: NDArray[np.uint8] | None = st.session_state.get(f"{key}-ink")
    return ink if drawing else None


def _board(key: str, brush: int, place: Any) -> list[dict[str, Any]]:
    """The canvas itself; returns its strokes and remembers them, and the picture, for the next run and page."""
    # The package registers its front end on import, which works in a running app only.
    from streamlit_drawable_canvas import st_canvas

    state = st.session_state
    if f"{key}-canvas" not in state:
        # Entered from another page: the canvas starts afresh and must be given what was on it.
        _restart(key, state.get(f"{key}-strokes", []))
    with place:
        result = st_canvas(
            stroke_width=brush,
            stroke_color="#000000",
            background_color="#ffffff",
            width=WIDTH,
            height=HEIGHT,
            # Must stay equal from run to run: whenever it changes, the canvas drops what it has and loads this.
            initial_drawing=state[f"{key}-start"],
            return_image_data=True,
            key=f"{key}-canvas",
        )
        _without_toolbar(f"{key}-board")
    reported = result.json_data or {"objects": []}
    # After undo and clear the first run still gets what the canvas had reported before.
    if reported == state.get(f"{key}-outdated"):
        return list(state[f"{key}-strokes"])
    state[f"{key}-outdated"] = None
    state[f"{key}-reported"] = reported
    state[f"{key}-strokes"] = reported["objects"]
    picture = result.image_data  # None until the first stroke, also for a canvas that was given a drawing
    if picture is not None:
        state[f"{key}-ink"] = np.ascontiguousarray(picture[..., 0])
    return list(reported["objects"])


def _undo(key: str) -> None:
    _restart(key, st.session_state[f"{key}-strokes"][:-1])


def _restart(key: str, strokes: list[dict[str, Any]]) -> None:
    """Have the canvas load `strokes` in the run that follows."""
    state = st.session_state
    # The count makes it a change even if the canvas had started with the same strokes.
    count = state.get(f"{key}-start", {}).get("count", 0) + 1
    state[f"{key}-start"] = {"objects": strokes, "count": count}
    state[f"{key}-strokes"] = strokes
    state[f"{key}-outdated"] = state.get(f"{key}-reported")


def _brush(key: str) -> int:
    thin, at_first, thick = _BRUSH
    brush = st.slider(
        "Brush",
        thin,
        thick,
        at_first,
        step=2,
        key=f"{key}-brush",
        format="%d px",
        persist_state="session",
    )
    return int(brush)


def _fitted(key: str) -> str:
    """A style sheet that shrinks the pad to the column it is in; the picture keeps its size."""
    steps = "".join(
        f"@container (width < {width + 6}px) {{ .st-key-{key}-canvas {{ zoom: {width / WIDTH:.4f}; }} }}"
        for width in range(WIDTH - 4, 220, -4)  # 2 px are for its frame
    )
    return (
        f"<style>.st-key-{key}-frame {{ container-type: inline-size; max-width: {WIDTH}px; }} "
        f".st-key-{key}-board-quiet {{ display: none; }} {steps}</style>"
    )


def _without_toolbar(place: str) -> None:
    st.components.v2.component("without_toolbar", js=assets.text("pad_toolbar.js"))(
        data={"place": place}, key=f"{place}-quiet"
    )
