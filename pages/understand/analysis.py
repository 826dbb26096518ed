"""The Analysis page: what a checkpoint gets right and wrong, and how well it knows it."""

from __future__ import annotations

import json
from pathlib import Path
from time import perf_counter
from typing import Final

import streamlit as st

from core.data.canvases.tiles import Tiles
from core.model.checkpoint import Checkpoint, load_checkpoint
from core.reading import Reader
from core.understanding.reports import sentences
from core.understanding.reports.analysis import (
    Analysis,
    Piece,
    Seen,
    Split,
    joined,
    plan,
    read_piece,
    readings_csv,
    summarised,
    tiles_of,
)
from core.understanding.reports.latency import Profile, profile
from core.understanding.reports.report import Report, report_html, subject_of
from pages.common import analysis_charts, layout, mnist, readers, sitemap
from pages.understand import finder_panel

_SIZES: Final = {500: "quick", 2000: "usual", 10000: "thorough"}
_SPLITS: Final[dict[Split, str]] = {"validation": "Validation", "test": "Test"}
_VIEWS: Final = ("Overview", "Where it fails", "Confusions", "Confidence", "Worst mistakes", "Time")
_AT_ONCE: Final = 0.1  # seconds: what is there already needs no bar
_ASKED: Final = "analysis-asked"  # in the session: what was to be analysed so far


@st.cache_resource(show_spinner="Gathering digits …", max_entries=2)
def _tiles(checksum: str, split: Split, symbols: str) -> Tiles:
    return tiles_of(mnist.mnist(), split, symbols)


# Piece by piece, so that a visitor who leaves loses nothing, and the bar can move between them.
@st.cache_resource(show_spinner=False, max_entries=120)
def _read(
    checkpoint: tuple[str, float], piece: Piece, made_of: tuple[str, Split, str], _reader: Reader
) -> Seen:
    return read_piece(_as_checkpoint(_reader), _tiles(*made_of), piece)


@st.cache_resource(show_spinner=False, max_entries=4)
def _summarised(
    checkpoint: tuple[str, float],
    made: tuple[int, int],
    made_of: tuple[str, Split, str],
    _parts: list[Seen],
    _calibration: float,
) -> Analysis:
    return summarised(joined(_parts), _calibration)


@st.cache_data(show_spinner="Timing each stage …", max_entries=8)
def _profile(checkpoint: tuple[str, float], _reader: Reader) -> Profile | None:
    return profile(_reader, mnist.mnist().split("validation"))


def _as_checkpoint(reader: Reader) -> Checkpoint:
    return Checkpoint(reader.model, reader.settings, reader.about)


def analysed(reader: Reader, checkpoint: tuple[str, float], count: int, split: Split, seed: int) -> Analysis:
    """What this checkpoint does on so many canvases; only the first time takes long."""
    made_of = (mnist.mnist().checksum, split, reader.settings.canvas.symbols)
    pieces = plan(count, seed)
    bar, begun = st.empty(), perf_counter()
    _tiles(*made_of)  # here, where its spinner is seen
    parts = []
    for number, piece in enumerate(pieces):
        if perf_counter() - begun > _AT_ONCE:
            bar.progress(number / len(pieces), f"Reading {count:,} canvases …")
        parts.append(_read(checkpoint, piece, made_of, reader))
    result = _summarised(checkpoint, (count, seed), made_of, parts, reader.calibration)
    bar.empty()
    return result


def say_what_is_analysed(split: Split) -> None:
    """What the figures are of."""
    st.caption(sentences.PART_OF[split])
    mnist.offer_all()


def offer_downloads(
    analysis: Analysis, reader: Reader, path: Path, count: int, split: Split, seed: int
) -> None:
    """Everything, to be taken along."""

    def report() -> str:
        model = load_checkpoint(
            path
        )  # as it was saved: a reader has folded some of its parameters into others
        subject = subject_of(path, model, mnist.mnist(), count, split, seed)
        took = profile(reader, mnist.mnist().split("validation"))
        return report_html(Report(subject, analysis, took), model)

    with st.container(horizontal=True):
        st.download_button(
            "Report (HTML)",
            report,
            "report.html",
            "text/html",
            icon=":material/download:",
            on_click="ignore",
            key="analysis-report",
            help="All of this in one file that opens anywhere. It takes a few seconds.",
        )
        st.download_button(
            "Figures (JSON)",
            lambda: json.dumps(analysis.to_dict(), indent=2),
            "analysis.json",
            "application/json",
            icon=":material/download:",
            on_click="ignore",
            key="analysis-json",
        )
        st.download_button(
            "Readings (CSV)",
            lambda: readings_csv(analysis.seen),
            "readings.csv",
            "text/csv",
            icon=":material/download:",
            on_click="ignore",
            key="analysis-csv",
        )


layout.header(sitemap.ANALYSIS)
with st.container(horizontal=True, vertical_alignment="bottom", gap="medium", key="analysis-controls"):
    kind = readers.choose_model(key="analysis-kind", label="Model")
    if kind == "finder":
        count = finder_panel.choose_size()
    else:
        count = st.segmented_control(
            "Canvases",
            list(_SIZES),
            default=2000,
            required=True,
            key="analysis-count",
            persist_state="session",
            format_func=lambda size: f"{size:,} ({_SIZES[size]})",
        )
    split = st.segmented_control(
        "Digits",
        list(_SPLITS),
        default="validation",
        required=True,
        key="analysis-split",
        persist_state="session",
        format_func=_SPLITS.__getitem__,
    )
    seed = 0
    if kind != "finder":
        seed = st.number_input(
            "Seed",
            0,
            9999,
            0,
            key="analysis-seed",
            width=110,
            persist_state="session",
            help="Another seed makes other canvases: what changes between them is chance.",
        )
if kind == "finder":
    say_what_is_analysed(split)
    finder_panel.show_finder(count, split)
    st.stop()
reader = readers.reader_or_advice(kind)
if reader is None:
    st.stop()
path: Path = readers.checkpoint_path(kind)
checkpoint = (str(path), path.stat().st_mtime)
asked = st.session_state.setdefault(_ASKED, set())
choice = (*checkpoint, count, split, seed)
say_what_is_analysed(split)
if choice not in asked:
    with layout.empty_state(
        "Nothing analysed yet",
        f"The model reads {count:,} fresh pictures: clean ones, ones as of a camera, ones with a single effect, and ones without a number. "
        "Then you see what it gets wrong, when, and whether it knew.",
        key="analysis",
        icon=":material/troubleshoot:",
    ):
        st.button(
            f"Analyse {count:,} canvases",
            type="primary",
            icon=":material/play_arrow:",
            key="analysis-go",
            on_click=asked.add,
            args=[choice],
        )
    st.stop()
analysis = analysed(reader, checkpoint, count, split, seed)

view = st.segmented_control(
    "Look at",
    _VIEWS,
    default=_VIEWS[0],
    required=True,
    key="analysis-view",
    persist_state="session",
    label_visibility="collapsed",
)
if view == "Overview":
    analysis_charts.show_overview(analysis)
elif view == "Where it fails":
    analysis_charts.show_failures(analysis)
elif view == "Confusions":
    analysis_charts.show_confusions(analysis)
elif view == "Confidence":
    analysis_charts.show_confidence(analysis)
elif view == "Worst mistakes":
    analysis_charts.show_worst(analysis, _as_checkpoint(reader))
else:
    analysis_charts.show_time(_profile(checkpoint, reader))
offer_downloads(analysis, reader, path, count, split, seed)
