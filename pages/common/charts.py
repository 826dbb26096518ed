"""Shows Plotly charts in the app's layout, so that they follow light and dark."""

from typing import Any

import plotly.graph_objects as go
import streamlit as st

from core.understanding.reports.chart_layout import LAYOUT as LAYOUT  # reports have the same looks


def show_chart(figure: go.Figure, *, key: str, height: int = 320, save_as: str | None = None) -> None:
    """Put `figure` on the page: transparent, as wide as its column; what it sets itself is kept.

    With `save_as`, the name of a file without its suffix, it has a button that saves it as an SVG.
    """
    own = figure.layout.to_plotly_json()
    own.pop(
        "template", None
    )  # Plotly's own, which every figure has: merging it took ten times as long as all the rest
    shown = go.Figure(figure.data, layout=LAYOUT)
    shown.update_layout({"height": height, **own})
    st.plotly_chart(
        shown,
        key=key,
        width="stretch",
        theme="streamlit",
        config=tools(save_as),
        alt=figure.layout.title.text,
    )


def tools(save_as: str | None) -> dict[str, Any]:
    """What Plotly is to show above a chart: nothing, or a button that saves it under that name."""
    if save_as is None:
        return {"displayModeBar": False}
    return {
        "displayModeBar": True,
        "displaylogo": False,
        "modeBarButtons": [["toImage"]],
        "toImageButtonOptions": {"format": "svg", "filename": save_as},
    }
