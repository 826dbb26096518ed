"""A Plotly figure in, a chart that keeps its zoom while the data grows out.

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
from pages.common.charts import LAYOUT

_SERVED: Final = Path(__file__).parents[2] / "static" / "plotly.min.js"

_SCRIPT: Final = """
const plotly = () => window.numbersPlotly ??= new Promise((done, failed) => {
  const script = document.createElement("script");
  script.src = "app/static/plotly.min.js";
  script.onload = () => done(window.Plotly);
  script.onerror = failed;
  document.head.append(script);
});
export default ({ data, parentElement }) => {
  const place = parentElement.querySelector(".live-chart");
  place.style.height = data.height + "px";
  place.setAttribute("role", "img");
  place.setAttribute("aria-label", data.label);
  const { color } = getComputedStyle(place);
  const grid = color.replace("rgb(", "rgba(").replace(")", ", 0.14)");
  const layout = { ...data.figure.layout };
  layout.font = { ...layout.font, color };
  for (const axis of Object.keys(layout).filter((name) => /^[xy]axis/.test(name)))
    layout[axis] = { gridcolor: grid, linecolor: grid, zerolinecolor: grid, ...layout[axis] };
  plotly().then((Plotly) => Plotly.react(place, data.figure.data, layout, {
    responsive: true, displaylogo: false, modeBarButtons: [["toImage", "zoom2d", "pan2d", "resetScale2d"]],
  }));
};
"""


def live_chart(figure: go.Figure, *, key: str, label: str, height: int = 300) -> None:
    """Show `figure`, or what is new in it. `label` says in words what it shows."""
    _serve()
    shown = go.Figure(figure.data, layout=LAYOUT)
    shown.update_layout(height=height, uirevision=key)
    shown.update_layout(figure.layout.to_plotly_json())
    chart = st.components.v2.component(
        "live_chart",
        html='<div class="live-chart"></div>',
        js=_SCRIPT,
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
