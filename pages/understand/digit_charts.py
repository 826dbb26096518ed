"""Charts of MNIST's digits: the balance of classes, and a map of which a part can be chosen."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import plotly.graph_objects as go
import streamlit as st

from core.reading.palette import CLASS_COLOURS
from core.understanding.digits.classes import CLASSES
from core.understanding.digits.embedding import DigitMap
from pages.common.charts import LAYOUT

# Ten forms beside ten colours: neither sight nor print has to tell colours apart.
_SYMBOLS: Final = (
    "circle",
    "triangle-up",
    "square",
    "diamond",
    "cross",
    "x",
    "pentagon",
    "triangle-down",
    "hourglass",
    "star",
)
_DARK_TEXT: Final = "#15151b"
_ON_BRIGHT: Final = {1, 4, 6, 9}
"""Classes whose colour is so light that dark letters stand out from it better."""


def balance(counts: Mapping[str, np.ndarray]) -> go.Figure:
    """Of each split the share of every class; the (10,) counts come by the split's name."""
    chart = go.Figure()
    for name, of_class in counts.items():
        total = int(of_class.sum())
        chart.add_bar(
            x=[str(label) for label in range(CLASSES)],
            y=of_class / max(total, 1),
            name=f"{name} ({total:,})",
            customdata=of_class,
            hovertemplate="%{customdata:,} of " + f"{total:,} are a " + "%{x}: %{y:.1%}<extra></extra>",
        )
    chart.add_hline(y=1 / CLASSES, line={"dash": "dot", "width": 1.5, "color": "#817e8c"})
    chart.update_layout(
        title_text="How often each digit occurs",
        barmode="group",
        bargap=0.3,
        xaxis={"type": "category", "title": {"text": "digit"}},
        yaxis={"tickformat": ".0%", "title": {"text": "share of the split"}},
    )
    return chart


def map_chart(found: DigitMap, labels: np.ndarray, misread: np.ndarray | None = None) -> go.Figure:
    """Every digit as a point in the colour and form of its label; a ring around those whose places are in `misread`."""
    chart = go.Figure()
    points = found.points.round(4)
    for label in range(CLASSES):
        places = np.flatnonzero(labels == label)
        chart.add_scattergl(
            x=points[places, 0],
            y=points[places, 1],
            customdata=places,
            name=str(label),
            mode="markers",
            marker={"color": CLASS_COLOURS[label], "symbol": _SYMBOLS[label], "size": 6, "opacity": 0.75},
            hovertemplate=f"labelled {label}, place " + "%{customdata}<extra></extra>",
        )
    if misread is not None:
        chart.add_scattergl(
            x=points[misread, 0],
            y=points[misread, 1],
            customdata=misread,
            name="misread",
            mode="markers",
            marker={
                "color": "rgba(0, 0, 0, 0)",
                "size": 13,
                "line": {"color": "#817e8c", "width": 2},
            },
            hovertemplate="misread, place %{customdata}<extra></extra>",
        )
    for label in range(CLASSES):
        if (labels == label).any():
            x, y = np.median(points[labels == label], axis=0)
            chart.add_annotation(
                x=float(x),
                y=float(y),
                text=f"<b>{label}</b>",
                showarrow=False,
                bgcolor=CLASS_COLOURS[label],
                font={"color": _DARK_TEXT if label in _ON_BRIGHT else "#ffffff", "size": 15},
                borderpad=2,
            )
    axis: dict[str, Any] = {"showticklabels": False, "zeroline": False, "showgrid": False}
    names = [
        f"{which} direction: {share:.0%} of all variance"
        for which, share in zip(("1st", "2nd"), found.shares, strict=False)
    ]
    chart.update_layout(
        xaxis={**axis, "title": {"text": names[0] if names else ""}},
        yaxis={**axis, "title": {"text": names[1] if names else ""}},
        dragmode="lasso",
        hovermode="closest",
        legend={"itemsizing": "constant"},
        margin={"t": 12},
        modebar={"bgcolor": "rgba(0, 0, 0, 0)", "color": "#817e8c", "activecolor": CLASS_COLOURS[5]},
    )
    return chart


def choose_on(chart: go.Figure, *, key: str, label: str, height: int = 560) -> list[int]:
    """Show a map; the places, in their order, of the digits that a lasso or a box was drawn around."""
    shown = go.Figure(chart.data, layout=LAYOUT)
    shown.update_layout(height=height)
    shown.update_layout(chart.layout.to_plotly_json())
    event: Any = st.plotly_chart(
        shown,
        key=key,
        width="stretch",
        theme="streamlit",
        on_select="rerun",
        selection_mode=("box", "lasso"),
        config={
            "displaylogo": False,
            "displayModeBar": True,
            "scrollZoom": False,
            "modeBarButtons": [["lasso2d", "select2d", "zoom2d", "pan2d", "resetScale2d", "toImage"]],
        },
        alt=label,
    )
    points = event["selection"]["points"]
    return sorted({_place(point["customdata"]) for point in points})


def _place(data: Any) -> int:
    """Plotly hands single values back as they are, or in a list."""
    return int(data[0] if isinstance(data, list) else data)
