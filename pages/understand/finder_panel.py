"""How well the finder sees numbers: its scores on scenes whose numbers are known, and its heat map of each."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Final

import plotly.graph_objects as go
import streamlit as st

from core.data.mnist import Split
from core.model.finder import Finder
from core.reading.find.search import band, find
from core.reading.overlay import png, sighted
from core.training.sightings import FindingScores, Sighting, scenes_of, sighting, tally
from pages.common import mnist, readers
from pages.common.charts import show_chart

_SIZES: Final = {60: "quick", 200: "usual", 600: "thorough"}
_A_PAGE: Final = 8
_WHICH: Final = ("Missed or mistaken first", "As they come", "Without a number")


@st.cache_resource(show_spinner="Making scenes, and looking for their numbers …", max_entries=6)
def _sightings(
    finder: tuple[Path, float], digits: str, split: Split, count: int, _finder: Finder
) -> list[Sighting]:
    return [sighting(scene, find(scene.picture, _finder)) for scene in scenes_of(mnist.mnist(), split, count)]


def choose_size() -> int:
    """How many scenes."""
    size: int = st.segmented_control(
        "Scenes",
        list(_SIZES),
        default=next(iter(_SIZES)),
        required=True,
        key="analysis-scenes",
        persist_state="session",
        format_func=lambda size: f"{size:,} ({_SIZES[size]})",
    )
    return size


def show_finder(count: int, split: Split) -> None:
    """Everything of the finder that this visitor uses."""
    finder = readers.finder_or_advice()
    if finder is None:
        return
    path = readers.checkpoint_path("finder")
    seen = _sightings((path, path.stat().st_mtime), mnist.mnist().checksum, split, count, finder)
    found = tally(seen)
    _show_figures(found)
    left, right = st.columns([1, 1.3], gap="large", vertical_alignment="center")
    with left:
        st.markdown(
            "It looks at a picture at two sizes and says of each cell of 4 × 4 pixels how likely it lies in the middle band of a number, how "
            "high that number is, and in which direction it is read. Cells that hang together become a turned box: one number, which "
            "the model that reads is then shown. What it sees wrongly, that model may still call *no number*."
        )
        st.caption(
            f"{count:,} scenes of {split} digits that no training shows. A number counts as found where a box has half of its area in common with it."
        )
        st.download_button(
            "Figures (JSON)",
            json.dumps({**asdict(found), "f1": found.f1}, indent=2),
            "finder.json",
            "application/json",
            icon=":material/download:",
            on_click="ignore",
            key="analysis-finder-json",
        )
    with right:
        show_chart(_by_height(found), key="analysis-finder-heights", height=300, save_as="found-by-height")
    _show_scenes(seen, finder)


def _show_figures(found: FindingScores) -> None:
    figures = {
        "Numbers found": (found.recall, f"Recall: of {found.numbers:,} numbers."),
        "Precision": (found.precision, "Of all places that it takes for a number, those that are one."),
        "Both (F1)": (found.f1, "The harmonic mean of the two: the best epoch of a training is kept by it."),
        "Overlap": (found.overlap, "Of a place and its number: intersection over union, the median."),
        "Claimed wrongly": (
            found.claimed,
            f"Of {found.empty:,} scenes without a number, those in which something is seen.",
        ),
    }
    with st.container(horizontal=True, key="analysis-finder-figures"):
        for label, (share, meaning) in figures.items():
            st.metric(label, f"{share:.1%}", help=meaning, width=150)


def _by_height(found: FindingScores) -> go.Figure:
    figure = go.Figure()
    figure.add_bar(
        x=[f"{low}–{high}" for low, high, _, _ in found.by_height],
        y=[share for *_, share in found.by_height],
        customdata=[count for _, _, count, _ in found.by_height],
        marker={"color": "#129390"},
        hovertemplate="%{x} pixels: %{y:.1%} of %{customdata}<extra></extra>",
    )
    figure.update_layout(
        title_text="Found, by height",
        xaxis={"type": "category", "title": {"text": "height of the number, pixels of a scene of 384 × 288"}},
        yaxis={"tickformat": ".0%", "range": [0, 1]},
        bargap=0.3,
    )
    return figure


def _show_scenes(seen: list[Sighting], finder: Finder) -> None:
    st.subheader("Where it sees a number", anchor=False)
    which = st.segmented_control(
        "Which scenes", _WHICH, default=_WHICH[0], required=True, key="analysis-finder-which"
    )
    shown = seen
    if which == _WHICH[0]:
        shown = sorted(seen, key=lambda one: one.overlaps.count(0.0) + one.false, reverse=True)
    elif which == _WHICH[2]:
        shown = [one for one in seen if not one.scene.numbers]
    pages = max(-(-len(shown) // _A_PAGE), 1)
    page = st.number_input(f"Page, of {pages}", 1, pages, 1, key=f"analysis-finder-page-{pages}", width=160)
    st.caption(
        "The redder, the likelier the middle of a number. Around what it takes for a number stands a teal frame, around one that it missed a violet one."
    )
    columns = st.columns(4, gap="small")
    for place, one in enumerate(shown[(page - 1) * _A_PAGE : page * _A_PAGE]):
        with columns[place % 4]:
            _show_scene(one, finder)


def _show_scene(one: Sighting, finder: Finder) -> None:
    gray = one.scene.picture
    missed = [outline for outline, share in zip(one.scene.numbers, one.overlaps, strict=True) if not share]
    picture = sighted(gray, band(gray, finder), [place.outline for place in one.places], missed)
    numbers = len(one.scene.numbers)
    said = f"{numbers - len(missed)} of {numbers} found" if numbers else "no number"
    said += f", {one.false} mistaken" if one.false else ""
    texts = ", ".join(one.scene.texts)
    st.image(
        png(picture), alt=f"A scene with {texts or 'no number'}: {said}.", caption=said, output_format="PNG"
    )
