"""How far attention maps can be believed: what a reading's probability owes to what a map marks, and how often maps point at the right digit."""

from itertools import cycle
from typing import Any, Final

import streamlit as st
from plotly.subplots import make_subplots

from core.reading import Reader, Reading
from core.reading.explain import METHODS
from core.reading.palette import position_colour
from core.understanding.attention.faithfulness import BASELINES, Curves, Faithfulness, measure, reading_curves
from pages.common import mnist, readers
from pages.common.charts import show_chart

_NAMES: Final[dict[str, str]] = {
    **{name: method.label for name, method in METHODS.items()},
    "ink": "Ink alone",
    "random": "Random",
    "centre": "Centre",
    "ink in its place": "Ink in the digit's place",
    "random weights": "Untrained model",
}
_DASHES: Final = {**dict(zip(METHODS, cycle(("solid", "dash", "dot", "dashdot")))), "ink": "solid"}
_INK: Final = "#888888"
_SEED: Final = 5 << 20
Version = tuple[str, float]

_COUNTS: Final = {100: "100 canvases", 300: "300 canvases", 1000: "1,000 canvases"}


def show_curves(reader: Reader, reading: Reading, digit: int, kind: readers.Kind, *, key: str) -> None:
    """What erasing and putting back patches in each map's order does to the digit's probability."""
    names, found = _curves(reader, reading, digit, _version(kind), reading.strip.tobytes())
    figure = make_subplots(
        1, 2, subplot_titles=["Erased, highest first", "Put back on empty paper"], shared_yaxes=True
    )
    areas = found.areas()
    for row, name in enumerate(names):
        ink = name == "ink"
        line = {
            "color": _INK if ink else position_colour(digit),
            "dash": _DASHES[name],
            "width": 1.5 if ink else 2.5,
        }
        for column, curve in enumerate((found.deletion, found.insertion)):
            figure.add_scatter(
                x=(100 * found.shares).tolist(),
                y=(100 * curve[row]).tolist(),
                name=_NAMES[name],
                mode="lines",
                line=line,
                legendgroup=name,
                showlegend=not column,
                hovertemplate="%{y:.0f} % sure at %{x:.0f} % of the patches",
                row=1,
                col=column + 1,
            )
    figure.update_xaxes(title="patches", ticksuffix=" %")
    figure.update_yaxes(range=[-3, 103], ticksuffix=" %")
    figure.update_yaxes(title=f"sure of the {reading.text[digit]}", col=1)
    figure.update_layout(margin={"t": 60, "b": 40})
    show_chart(figure, key=f"{key}-curves", height=340, save_as="deletion-and-insertion")
    for place, name in zip(st.columns(len(names)), names, strict=True):
        row = names.index(name)
        place.metric(
            _NAMES[name],
            f"{areas[0][row]:.2f} / {areas[1][row]:.2f}",
            help="Area under the curve of erasing (lower is better) and of putting back (higher is better).",
        )
    st.caption(
        "A map that marks what the model depends on makes the left curve fall at once and the right one rise at once. The numbers are the areas "
        "under both. Putting back in the order of the mere ink often does best, for it restores the neighbours too, and the model needs them to "
        "know which digit's turn it is. From [RISE](https://arxiv.org/abs/1806.07421), Petsiuk et al. 2018."
    )


def show_measured(reader: Reader, kind: readers.Kind, *, key: str) -> None:
    """Pointing, mass and areas over many canvases whose true boxes are known, on request."""
    st.markdown(
        "One picture proves little. The generator of canvases knows the true box of every digit, so it can be counted how often the peak of a "
        "map lies inside the box of the right digit (*pointing*), and how much of the map does (*inside*), beside maps that know nothing of the model."
    )
    with st.container(horizontal=True, vertical_alignment="bottom"):
        count = st.selectbox(
            "On", list(_COUNTS), format_func=_COUNTS.__getitem__, key=f"{key}-count", width=180
        )
        cluttered = st.toggle(
            "With clutter",
            key=f"{key}-cluttered",
            help="Every canvas has marks, boxes, rule lines, patterned paper and smudges: ink that belongs to no digit.",
        )
        asked = st.button("Measure", icon=":material/straighten:", key=f"{key}-measure")
    known = st.session_state.setdefault(f"{key}-known", {})
    choice = (_version(kind), count, cluttered, mnist.mnist().checksum)
    if asked and choice not in known:
        with st.spinner("Asking every digit …"):
            bar = st.progress(0.0)
            known[choice] = measure(
                reader,
                mnist.mnist().split("validation"),
                count,
                _SEED,
                cluttered=cluttered,
                curves_of=4,
                progress=lambda done: bar.progress(done),
            )
            bar.empty()
    if choice not in known:
        st.caption(
            "Nothing measured yet with this model. A hundred canvases take some ten seconds, a thousand a minute."
        )
        return
    rows = known[choice]
    st.dataframe(
        _table(rows),
        hide_index=True,
        key=f"{key}-table",
        column_config={
            "pointing": st.column_config.ProgressColumn(
                format="percent", help="Peak inside the true box of the right digit."
            ),
            "inside": st.column_config.ProgressColumn(
                format="percent", help="Share of the map's mass inside that box."
            ),
            "deletion": st.column_config.NumberColumn(
                format="%.3f", help="Area while erasing: lower is better."
            ),
            "insertion": st.column_config.NumberColumn(
                format="%.3f", help="Area while putting back: higher is better."
            ),
        },
    )
    st.caption(
        f"{rows[0].digits:,} digits of MNIST's validation split on {count:,} camera-like canvases{', each cluttered' if cluttered else ''}; areas on the "
        "first four of them. Every step was given the true digits before it. "
        + " ".join(f"*{_NAMES[name]}*: {what}." for name, what in BASELINES.items())
    )


def _version(kind: readers.Kind) -> Version:
    """Which weights these are."""
    path = readers.checkpoint_path(kind)
    return str(path), path.stat().st_mtime


def _table(rows: list[Faithfulness]) -> list[dict[str, Any]]:
    return [
        {
            "map": _NAMES[row.name],
            "pointing": row.pointing,
            "inside": row.inside,
            "deletion": row.deletion,
            "insertion": row.insertion,
        }
        for row in rows
    ]


# What is cached here is shared by all visitors at once: nobody changes it.
@st.cache_resource(show_spinner=False, max_entries=64)
def _curves(
    _reader: Reader, _reading: Reading, digit: int, version: Version, strip: bytes
) -> tuple[list[str], Curves]:
    return reading_curves(_reader, _reading, digit)
