"""The layout that all charts share, on the pages and in the reports."""

from typing import Any, Final

from core.reading.palette import POSITION_COLOURS

_BODY: Final = {"family": '"Source Sans", sans-serif', "size": 14}
_AXIS: Final = {"automargin": True, "ticks": "", "title": {"font": {**_BODY, "size": 14}, "standoff": 8}}

# No colour of text or grid in here: Streamlit (and the report's own script) sets those in the browser, at the moment when
# the theme is switched.
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
    "modebar": {"bgcolor": "rgba(0, 0, 0, 0)", "color": "#8a8794", "activecolor": "#6359d2"},
    "xaxis": _AXIS,
    "yaxis": _AXIS,
    "margin": {"l": 4, "r": 12, "t": 44, "b": 8},
    # Below the plot, where it cannot run into the title on a phone.
    "legend": {"orientation": "h", "yref": "container", "y": 0, "yanchor": "bottom", "x": 0},
}
"""What all charts of the app have in common."""
