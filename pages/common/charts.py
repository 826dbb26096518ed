"""Charts in the looks of the app: a Plotly figure goes in, a chart that follows light and dark comes out."""

from typing import Any, Final

import plotly.graph_objects as go
import streamlit as st

from core.reading.palette import POSITION_COLOURS

_BODY: Final = {"family": '"Source Sans", sans-serif', "size": 14}
_AXIS: Final = {"automargin": True, "ticks": "", "title": {"font": {**_BODY, "size": 14}, "standoff": 8}}

# No colour of text or grid in here: Streamlit sets those in the browser, at the moment when the theme is switched.
LAYOUT: Final[dict[str, Any]] = {
    "paper_bgcolor": "rgba(0, 0, 0, 0)",
    "plot_bgcolor": "rgba(0, 0, 0, 0)",
    "font": _BODY,
    "title": {
        "font": {"family": '"Source Serif", serif', "size": 17},
        "x": 0,
        "xanchor": "left",
        "pad": {"l": 4},
    },
    "colorway": POSITION_COLOURS,
    "xaxis": _AXIS,
    "yaxis": _AXIS,
    "margin": {"l": 4, "r": 12, "t": 44, "b": 8},
    # Below the plot, where it cannot run into the title on a phone.
    "legend": {"orientation": "h", "yref": "container", "y": 0, "yanchor": "bottom", "x": 0},
}


def show_chart(figure: go.Figure, *, key: str, height: int = 320) -> None:
    """Put `figure` on the page: transparent, as wide as its column, without a tool bar; what it sets itself is kept."""
    shown = go.Figure(figure.data, layout=LAYOUT)
    shown.update_layout(height=height)
    shown.update_layout(figure.layout.to_plotly_json())
    st.plotly_chart(shown, key=key, width="stretch", theme="streamlit", config={"displayModeBar": False})
