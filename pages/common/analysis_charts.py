"""Charts, confusions and worst mistakes of an analysis."""

from __future__ import annotations

from typing import Final

import plotly.graph_objects as go
import streamlit as st

from core.model.checkpoint import Checkpoint
from core.understanding.reports import charts, sentences
from core.understanding.reports.analysis import VIEWS, Analysis, attention_pictures
from core.understanding.reports.chart_layout import LAYOUT
from core.understanding.reports.contact_sheet import contact_sheet
from core.understanding.reports.latency import Profile
from core.understanding.reports.templating import style
from pages.common.charts import show_chart, tools

_A_PAGE: Final = 12


def show_overview(analysis: Analysis) -> None:
    """The figures, and exact match of each kind of canvas."""
    with st.container(horizontal=True, key="analysis-figures"):
        for figure in sentences.figures(analysis):
            st.metric(figure.label, figure.value, help=figure.meaning, width=150)
    left, right = st.columns([1.25, 1], gap="large")
    with left:
        show_chart(charts.by_part(analysis), key="analysis-parts", height=330, save_as="by-kind")
        st.caption(f"{sentences.ABOUT_PARTS} {sentences.HOW_TO_READ}")
    with right:
        st.subheader("What stands out", anchor=False)
        found = sentences.findings(analysis)
        st.markdown("\n".join(f"- {one}" for one in found) or sentences.NO_FINDINGS)
        st.caption(sentences.ABOUT_FINDINGS)


def show_failures(analysis: Analysis) -> None:
    """Each way of parting what was read, then the effects."""
    shown = [name for name in VIEWS if len(analysis.by[name]) > 1]
    for first in range(0, len(shown), 2):
        both = st.columns(2, gap="large")
        for column, name in zip(both, shown[first : first + 2], strict=False):
            with column:
                drawn = charts.by_view(analysis, name)
                show_chart(drawn, key=f"analysis-by-{name}", height=310, save_as=f"by-{name}")
                st.caption(VIEWS[name].note)
    with both[1] if len(shown) % 2 else st.container():
        st.markdown(sentences.HOW_TO_READ)
    effects = charts.by_effect(analysis)
    show_chart(effects, key="analysis-effects", height=effects.layout.height, save_as="by-effect")
    st.caption(sentences.ABOUT_EFFECTS)


def show_confusions(analysis: Analysis) -> None:
    """The confusion matrix; a cell opens its canvases."""
    cells = sentences.cells(analysis)
    left, right = st.columns([1, 1], gap="large")
    with left:
        show_matrix(charts.confusion_matrix(analysis.confusion), key="analysis-matrix", into="analysis-cell")
        st.caption(sentences.confusions(analysis))
    with right:
        if st.session_state.get("analysis-cell") not in cells:
            st.session_state["analysis-cell"] = cells[0]
        cell = st.selectbox(
            "Written and read",
            cells,
            key="analysis-cell",
            format_func=lambda cell: f"{sentences.cell(*cell)}: {len(analysis.confusion[cell]):,}",
        )
        places = list(dict.fromkeys(analysis.confusion[cell]))
        show_contact_sheet(contact_sheet(analysis.seen, places[:_A_PAGE]))
        if len(places) > _A_PAGE:
            st.caption(f"The first {_A_PAGE} of {len(places):,} canvases.")


def show_matrix(figure: go.Figure, *, key: str, into: str) -> None:
    """A confusion matrix; a click puts its cell into the session, under `into`."""

    def clicked() -> None:
        for point in st.session_state[key]["selection"]["points"]:
            st.session_state[into] = (point["customdata"][0], point["customdata"][1])

    shown = go.Figure(figure.data, layout=LAYOUT)
    shown.update_layout(figure.layout.to_plotly_json())
    st.plotly_chart(
        shown,
        key=key,
        width="stretch",
        theme="streamlit",
        on_select=clicked,
        selection_mode="points",
        config=tools("confusions"),
        alt="How often each written digit was read as each digit",
    )


def show_confidence(analysis: Analysis) -> None:
    """How well it knows how sure it may be."""
    left, right = st.columns(2, gap="large")
    with left:
        drawn = charts.reliability(analysis)
        show_chart(drawn, key="analysis-reliability", height=430, save_as="reliability")
        st.caption(sentences.reliability(analysis))
    with right:
        drawn = charts.risk_coverage(analysis)
        show_chart(drawn, key="analysis-risk", height=430, save_as="risk-coverage")
        st.caption(sentences.risk(analysis))


def show_worst(analysis: Analysis, checkpoint: Checkpoint) -> None:
    """The surest errors, with where the model looked."""
    st.caption(sentences.worst(analysis))
    pages = -(-len(analysis.worst) // _A_PAGE)
    page = 1
    if pages > 1:
        page = st.number_input(
            f"Page, of {pages}", 1, pages, 1, key=f"analysis-worst-page-{pages}", width=160
        )
    places = analysis.worst[(page - 1) * _A_PAGE : page * _A_PAGE]
    show_contact_sheet(
        contact_sheet(analysis.seen, places, attention_pictures(checkpoint, analysis.seen, places))
    )


def show_time(profile: Profile | None) -> None:
    """Where the time goes."""
    if profile is not None:
        show_chart(charts.latency(profile), key="analysis-time", height=330, save_as="time")
    st.caption(sentences.time(profile))


def show_contact_sheet(html: str) -> None:
    """A contact sheet."""
    st.html(f"<style>{style('contact_sheet')}</style>{html}")
