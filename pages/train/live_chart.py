"""A chart that keeps its zoom while its data grow.

`st.plotly_chart` mounts a new chart for every new point, and with it goes what a person had zoomed to
(streamlit/streamlit#16052). This one stays in the page and is told what is new. Plotly's own script comes from
the installed package; the app serves it, so nothing is fetched from elsewhere.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final

import plotly
import plotly.graph_objects as go
import streamlit as st

from core.files import whole
from pages.common import assets
from pages.common.charts import LAYOUT

_SERVED: Final = Path(__file__).parents[2] / "static" / "plotly.min.js"


def live_chart(figure: go.Figure, *, key: str, label: str, height: int = 300) -> None:
    """Show `figure`, or what is new in it. `label` says in words what it shows."""
    _serve()
    shown = go.Figure(figure.data, layout=LAYOUT)
    shown.update_layout(height=height, uirevision=key)
    shown.update_layout(figure.layout.to_plotly_json())
    chart = st.components.v2.component(
        "live_chart",
        html='<div class="live-chart"></div>',
        js=assets.text("live_chart.js"),
        isolate_styles=False,  # Plotly puts its style sheet into the document
    )
    data = {"figure": json.loads(shown.to_json()), "height": height, "label": label}
    chart(data=data, key=key, height="content")


def _serve() -> None:
    """Put Plotly's script where Streamlit serves files from; a newer one replaces it."""
    source = Path(plotly.__file__).parent / "package_data" / "plotly.min.js"
    if not _SERVED.exists() or _SERVED.stat().st_size != source.stat().st_size:
        _SERVED.parent.mkdir(exist_ok=True)
        with whole(_SERVED) as file:
            file.write(source.read_bytes())
