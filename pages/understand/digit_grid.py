"""Grids of MNIST's digits in which each can be chosen, and the chosen one in full."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
import streamlit as st

from core.data.mnist import Split
from core.reading import Reader
from core.reading.overlay import png
from core.understanding.digits import embedding, labels
from core.understanding.digits.classes import on_paper
from pages.common import layout, mnist
from pages.understand.digit_stock import part, test_pixels, vectors
from pages.understand.thumbnails import thumbnails

SPLITS: Final[dict[Split, str]] = {"test": "Test", "validation": "Validation", "train": "Training"}
_FIRST: Final[tuple[Split, int]] = "test", 0
_WIDE: Final = 42  # CSS pixels of a digit in a grid
_CHOSEN: Final = "digits-chosen"


def choose(split: Split, place: int) -> None:
    """From now on this digit is shown in full."""
    st.session_state[_CHOSEN] = split, place


def grid(
    split: Split,
    places: Sequence[int] | np.ndarray,
    *,
    key: str,
    label: str,
    captions: Sequence[str] = (),
    wide: int = _WIDE,
) -> None:
    """These digits, each a button that chooses it."""
    some = mnist.mnist().split(split)
    listed = [int(place) for place in places]
    chosen_split, chosen = st.session_state.get(_CHOSEN, _FIRST)
    thumbnails(
        on_paper(some.images[listed]),
        [f"{some.labels[place]}, place {place}" for place in listed],
        key=key,
        label=label,
        on_pick=lambda number: choose(split, listed[number]),
        captions=captions,
        chosen=listed.index(chosen) if chosen_split == split and chosen in listed else None,
        wide=wide,
        full=wide == _WIDE,
    )


def choose_split(key: str) -> Split:
    """The choice of one of MNIST's splits."""
    # No default: other parts of the page choose a split, too.
    st.session_state.setdefault(key, "test")
    split = st.segmented_control(
        "Split",
        list(SPLITS),
        format_func=lambda one: SPLITS[one],
        required=True,
        key=key,
        persist_state="session",
    )
    return split or "test"


def show_chosen(judge: Reader | None) -> None:
    """The digit that was chosen: large, what is read of it, and what lies near it; it stays in sight beside a long list."""
    with st.container(key="digits-chosen"):
        _chosen(judge)


def _chosen(judge: Reader | None) -> None:
    split, place = st.session_state.get(_CHOSEN, _FIRST)
    some = mnist.mnist().split(split)
    if place >= len(some):  # chosen in all of MNIST, and now there is the sample
        split, place = "test", 0
        some = mnist.mnist().test
    one = part(some, slice(place, place + 1))
    label = int(one.labels[0])
    st.markdown(f"**{SPLITS[split]} digit {place:,}, labelled {label}**")
    picture, description = st.columns([2, 3], vertical_alignment="center")
    with picture:
        st.image(
            png(on_paper(one.images)[0].repeat(10, 0).repeat(10, 1)),
            alt=f"The digit, labelled {label}.",
            width=180,
        )
    if judge is None:
        return
    vector = np.concatenate(list(embedding.embedded(judge.model, one, judge.settings.canvas)))
    sure = labels.opinions(judge, vector)[0]
    with description:
        ranked = np.argsort(-sure)[:3]
        answer = int(ranked[0])
        verdict = "as its label says" if answer == label else f"against its label, {label}"
        st.markdown(
            f"Read as **{labels.name(answer)}**, {layout.percent(float(sure[answer]))} sure, {verdict}. "
            f"Next: {', '.join(f'{labels.name(int(other))} {layout.percent(float(sure[other]))}' for other in ranked[1:])}."
        )
        st.caption(f"Digit model{_split_note(split)}; calibrated probabilities.")
    if split == "test" and not mnist.mnist().is_sample:
        for error in labels.PUBLISHED:
            if error.place == place:
                st.markdown(f":material/report: On the published list of label errors: {told(error)}.")
    checksum = mnist.mnist().checksum
    itself = place if split == "test" else None
    for space, every, of in (
        ("pixels", test_pixels(checksum), embedding.pixels(one)[0]),
        ("model", vectors(judge, "test"), vector[0]),
    ):
        near, _ = embedding.nearest(every, of, 12, leave_out=itself)
        found = mnist.mnist().test.labels[near]
        same = int((found == label).sum())
        st.markdown(
            f"Nearest test digits {'in pixels' if space == 'pixels' else 'as the digit model sees them'}: {same} of {len(near)} bear the same label."
        )
        grid(
            "test",
            near,
            key=f"digits-near-{space}",
            label=f"Nearest digits, {space}",
            captions=[str(one) for one in found],
        )


def _split_note(split: Split) -> str:
    return ", which has learned from this digit" if split == "train" else ""


def told(error: labels.LabelError) -> str:
    """What the five people said of it."""
    return (
        f"given {error.given}, proposed {error.guessed}; of five people {error.for_given} chose {error.given}, "
        f"{error.for_guess} chose {error.guessed}, {error.for_neither} neither"
    )
