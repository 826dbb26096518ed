"""An analysis of a checkpoint in; on the page: its charts, its mix-ups and its worst mistakes."""

from __future__ import annotations

from typing import Final

import plotly.graph_objects as go
import streamlit as st

from core.model.checkpoint import Checkpoint
from core.understanding import charts
from core.understanding.analysis import FEW, NOTHING, VIEWS, Analysis, attention_pictures
from core.understanding.latency import Profile
from core.understanding.looks import LAYOUT
from core.understanding.sheet import STYLE, sheet
from pages.common.charts import show_chart

_WORST: Final = 12  # a page
_OPENED: Final = 12
_FIGURES: Final = ("length", "digit", "position", "height", "gap", "tilt", "together")


_HOW_TO_READ: Final = (
    "The small figures are how many there are. Whiskers are 95 % intervals (Wilson 1927): where they overlap, the difference may be chance. "
    f"Groups of fewer than {FEW} are gray."
)


def show_overview(analysis: Analysis) -> None:
    """The figures, and exact match of each kind of canvas."""
    numbers, nothing = analysis.numbers, next(part for part in analysis.parts if part.name == NOTHING)
    coverage, _ = analysis.selective.at(0.01)
    error = analysis.character_error_rate
    figures = (
        ("Numbers read whole", f"{numbers.share:.1%}", "Exact match: every digit right, none too many, none missed."),
        ("Digits read right", f"{analysis.digits.share:.2%}", "The reading is laid along the number with the fewest errors."),
        ("Errors per digit", "–" if error is None else f"{error:.2%}", "Character error rate: edit distance over the digits written (Levenshtein 1966)."),
        ("Nothing there", f"{nothing.share:.1%}", "How many canvases with letters, scribbles, stains or blank paper were read as nothing."),
        ("Calibration error", f"{analysis.calibration_error['after']:.1%}", "By how much its probabilities are off, on average (ECE), after calibration."),
        ("Coverage at 99 %", f"{coverage:.0%}", "How many pictures it could answer if no more than one answer in a hundred may be wrong."),
    )  # fmt: skip
    with st.container(horizontal=True, key="analysis-figures"):
        for label, value, meaning in figures:
            st.metric(label, value, help=meaning, width=150)
    show_chart(charts.by_part(analysis), key="analysis-parts", height=330, save_as="by-kind")
    st.caption(
        "**clean**: ink as it was written. **camera-like**: light, blur, noise and other effects by chance. **one effect**: one of "
        "them alone. **nothing there**: no number. " + _HOW_TO_READ
    )


def show_failures(analysis: Analysis) -> None:
    """Each way of parting what was read, then the effects."""
    shown = [name for name in _FIGURES if len(analysis.by[name]) > 1]
    for first in range(0, len(shown), 2):
        both = st.columns(2, gap="large")
        for column, name in zip(both, shown[first : first + 2], strict=False):
            with column:
                show_chart(
                    charts.by_view(analysis, name),
                    key=f"analysis-by-{name}",
                    height=310,
                    save_as=f"by-{name}",
                )
                if VIEWS[name].note:
                    st.caption(VIEWS[name].note)
    with both[1] if len(shown) % 2 else st.container():
        st.markdown(_HOW_TO_READ)
    show_chart(
        charts.by_effect(analysis),
        key="analysis-effects",
        height=90 + 30 * len(analysis.effects),
        save_as="by-effect",
    )
    st.caption(
        "Each canvas has one effect alone, so that what it costs is its own: **weak** is up to half of the strongest that training shows, "
        "**strong** above. Marks, inversion and edge are there or not. The dotted line is what clean canvases reach, the band its 95 % interval: "
        "where a whisker and the band overlap, the difference may be chance."
    )


def show_confusions(analysis: Analysis) -> None:
    """The confusion matrix; a cell opens its canvases."""
    wrong = sorted(
        (cell for cell in analysis.confusion if cell[0] != cell[1]),
        key=lambda cell: (-len(analysis.confusion[cell]), cell),
    )
    cells = wrong + sorted(cell for cell in analysis.confusion if cell[0] == cell[1])
    left, right = st.columns([1, 1], gap="large")
    with right:
        if st.session_state.get("analysis-cell") not in cells:
            st.session_state["analysis-cell"] = cells[0]
        cell = st.selectbox(
            "Written and read", cells, key="analysis-cell",
            format_func=lambda cell: f"{in_words(cell)}: {len(analysis.confusion[cell]):,}",
        )  # fmt: skip
        places = list(dict.fromkeys(analysis.confusion[cell]))
        show_sheet(sheet(analysis.seen, places[:_OPENED]))
        if len(places) > _OPENED:
            st.caption(f"The first {_OPENED} of {len(places):,} canvases.")
    with left:
        show_matrix(charts.confusion_matrix(analysis.confusion), key="analysis-matrix", into="analysis-cell")
        substituted, inserted, missed = (
            sum(len(analysis.confusion[cell]) for cell in wrong if test(cell))
            for test in (
                lambda cell: cell[0] and cell[1],
                lambda cell: not cell[0],
                lambda cell: not cell[1],
            )
        )
        st.caption(
            f"Rows are what was written, columns what was read; what is right is faint. {substituted:,} digits were taken for others, {missed:,} were "
            f"missed, and {inserted:,} were read where none is (on canvases without a number, too). Click a square to see its canvases."
        )


def in_words(cell: tuple[str, str]) -> str:
    """What happened in a cell of the matrix."""
    true, read = cell
    if not true:
        return f"{read} read where nothing is"
    if not read:
        return f"{true} missed"
    return f"{true} read as {read}" if true != read else f"{true} read right"


def show_matrix(figure: go.Figure, *, key: str, into: str) -> None:
    """A confusion matrix; a click puts its cell into the session, under `into`."""

    def clicked() -> None:
        for point in st.session_state[key]["selection"]["points"]:
            st.session_state[into] = (point["customdata"][0], point["customdata"][1])

    shown = go.Figure(figure.data, layout=LAYOUT)
    shown.update_layout(figure.layout.to_plotly_json())
    st.plotly_chart(
        shown, key=key, width="stretch", theme="streamlit", on_select=clicked, selection_mode="points",
        config={"displayModeBar": False}, alt="How often each written digit was read as each digit",
    )  # fmt: skip


def show_confidence(analysis: Analysis) -> None:
    """How well it knows how sure it may be."""
    left, right = st.columns(2, gap="large")
    with left:
        show_chart(
            charts.reliability(analysis), key="analysis-reliability", height=430, save_as="reliability"
        )
        st.caption(
            f"A model is calibrated where of all readings that claim 80 %, 80 % are right: on the dotted line. Its logits are divided by "
            f"{analysis.calibration:.2f}, a temperature that its training fitted to validation digits "
            "([Guo et al. 2017](https://arxiv.org/abs/1706.04599)). ECE is the mean distance from the line, weighted by the bars below. "
            "It was fitted to the canvases of training, clean and camera-like; these here are another mixture."
        )
    with right:
        show_chart(charts.risk_coverage(analysis), key="analysis-risk", height=430, save_as="risk-coverage")
        coverage, probability = analysis.selective.at(0.01)
        said = (
            f"If it answers only where it is at least {probability:.1%} sure, it answers {coverage:.0%} of these pictures, and 99 % of the answers are right. "
            if coverage
            else "No threshold makes 99 % of its answers right. "
        )
        st.caption(
            said + "The lower the curve, the better it knows its errors; its mean height (AURC) is "
            f"{analysis.selective.area:.2%}. [Geifman & El-Yaniv 2017](https://arxiv.org/abs/1705.08500)."
        )


def show_worst(analysis: Analysis, checkpoint: Checkpoint) -> None:
    """The surest errors, with where the model looked."""
    if not analysis.worst:
        st.caption("It read all of these canvases without an error. Take more of them to find some.")
        return
    pages = -(-len(analysis.worst) // _WORST)
    page = 1
    if pages > 1:
        page = st.number_input(f"Page, of {pages}", 1, pages, 1, key="analysis-worst-page", width=160)
    st.caption(
        f"{len(analysis.worst):,} readings are wrong; those of which it was surest come first. Above, the canvas as the camera saw it; below, the strip "
        "that the model saw, each patch tinted in the colour of the digit that looked at it (raw attention of the last layer). "
        "Digits have the colours of their places."
    )
    places = analysis.worst[(page - 1) * _WORST : page * _WORST]
    show_sheet(sheet(analysis.seen, places, attention_pictures(checkpoint, analysis.seen, places)))


def show_time(profile: Profile | None) -> None:
    """Where the time goes."""
    if profile is None:
        st.caption("It finds and reads hardly any number in clean frames, so there is nothing to time.")
        return
    show_chart(charts.latency(profile), key="analysis-time", height=330, save_as="time")
    digits = f"a number of {profile.length} digits" if profile.length > 1 else "one digit"
    st.caption(
        f"Measured now on this machine ({profile.machine}): {profile.total.median:.1f} ms for a frame with {digits}, "
        f"{profile.total.low:.1f} to {profile.total.high:.1f} ms (5th to 95th percentile of {profile.frames} frames, {profile.runs} times each). "
        "What else the machine is doing counts, too. Attention is returned on the way; without it the model is a little faster."
    )


def show_sheet(html: str) -> None:
    """A contact sheet."""
    st.html(f"<style>{STYLE}</style>{html}")
