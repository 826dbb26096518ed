"""The Digits page: MNIST by label, split and place, as maps, and by how hard each digit is."""

from __future__ import annotations

from typing import Final, Literal

import numpy as np
import streamlit as st

from core.data.mnist import Split
from core.reading import Reader
from core.reading.overlay import png
from core.understanding.digits import embedding, labels
from core.understanding.digits.classes import (
    CLASSES,
    contact_sheet,
    on_paper,
    places_of,
)
from pages.common import layout, sitemap
from pages.common import mnist as digits
from pages.common.charts import show_chart
from pages.common.readers import reader_or_advice
from pages.understand.digit_charts import balance, choose_on, map_chart
from pages.understand.digit_grid import SPLITS, choose_split, grid, show_chosen
from pages.understand.digit_stock import classes, drawn_map, test_pixels, vectors
from pages.understand.thumbnails import thumbnails

_VIEWS: Final = ("Browse", "Classes", "Map", "Doubtful")
_SHEET: Final = 150  # digits on a screen
_DOUBTS: Final = 24  # of each kind
_MOST: Final = 300  # of a selection
_FROM: Final = "digits-from"
_STUDY: Final = (
    "[Northcutt, Athalye & Mueller 2021](https://arxiv.org/abs/2103.14749), “Pervasive Label Errors in Test Sets Destabilize "
    "Machine Learning Benchmarks”"
)

Space = Literal["pixels", "digit", "number"]
_SPACES: Final[dict[Space, str]] = {"pixels": "Pixels", "digit": "Digit model", "number": "Number model"}


def browse(judge: Reader | None) -> None:
    """A screenful of digits, from any place on."""
    with st.container(horizontal=True, gap="medium", vertical_alignment="bottom"):
        split = choose_split("digits-split")
        wanted = st.pills(
            "Label",
            range(CLASSES),
            selection_mode="multi",
            key="digits-labels",
            persist_state="session",
            help="None chosen: all ten.",
        )
    some = digits.mnist().split(split)
    places = places_of(some, wanted)
    st.session_state[_FROM] = min(st.session_state.get(_FROM, 0), len(some) - 1)
    first = int(np.searchsorted(places, st.session_state[_FROM]))
    shown = places[first : first + _SHEET]
    before, behind = places[max(first - _SHEET, 0) : first], places[first + _SHEET :]

    def turn(to: np.ndarray) -> None:
        st.session_state[_FROM] = int(to[0])

    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.number_input("From place", 0, len(some) - 1, key=_FROM, width=140, persist_state="session")
        st.button(
            "Back", icon=":material/chevron_left:", on_click=turn, args=[before], disabled=not len(before)
        )
        st.button(
            "On", icon=":material/chevron_right:", on_click=turn, args=[behind], disabled=not len(behind)
        )
    left, right = st.columns([3, 2], gap="large")
    with left:
        if len(shown):
            grid(split, shown, key="digits-browse", label="Digits, each of which can be chosen")
            st.caption(
                f"Places {shown[0]:,} to {shown[-1]:,} of the {SPLITS[split].lower()} split: {len(shown)} of "
                f"{len(places):,} digits{' with these labels' if wanted else ''}."
            )
            st.download_button(
                "These digits (PNG)",
                png(contact_sheet(on_paper(some.images[shown]), 15)),
                f"digits-{split}-{shown[0]}.png",
                "image/png",
                icon=":material/download:",
                on_click="ignore",
            )
        else:
            st.caption(
                "No digit with these labels from this place on: press **Back**, or start from place 0."
            )
    st.markdown(
        "Places count from 0, in MNIST’s own order. No writer of a training digit wrote a test digit "
        "([LeCun et al. 1998](http://yann.lecun.com/exdb/publis/pdf/lecun-98.pdf)). The two halves of the test set come from NIST’s two collections: "
        "one written by census employees (SD-3), one by high-school students (SD-1). MNIST’s makers called the first half, places 0 to 4,999, the cleaner "
        "and easier one (SD-3); the digit model finds it the harder one (see **Doubtful**, with all of MNIST). MNIST does not tell who wrote which digit "
        "([Yadav & Bottou 2019](https://arxiv.org/abs/1905.10498) traced it), so the validation split, the last 5,000 training digits, may share writers "
        "with training."
    )
    if digits.mnist().is_sample:
        st.caption("In the bundled sample, places count within the sample: they are not MNIST’s.")
    with right:  # last, for it may have to wait for the model
        show_chosen(judge)


def by_class() -> None:
    """How many there are of each class, and what they have in common."""
    checksum = digits.mnist().checksum
    every = {split: classes(checksum, split) for split in SPLITS}
    show_chart(
        balance({SPLITS[split]: one.counts for split, one in every.items()}),
        key="digits-balance",
        save_as="class-balance",
    )
    st.caption("The dotted line is a tenth. Point at a bar for the number of digits.")
    split = choose_split("digits-class-split")
    one = every[split]
    names = [f"{label}: {count:,}" for label, count in enumerate(one.counts)]
    st.subheader("Mean of each class", anchor=False)
    st.caption(
        "The darker a pixel, the more of the digits have ink there: sharp where writers agree. Click a class to browse it."
    )
    thumbnails(
        on_paper(one.mean),
        [f"Mean of {name} digits" for name in names],
        key="digits-mean",
        label="Mean of each class",
        captions=names,
        wide=96,
        on_pick=lambda label: browse_class(split, label),
    )
    most = float(one.variance.max())
    st.subheader("Variance within each class", anchor=False)
    st.caption(
        f"The darker a pixel, the more its ink differs from digit to digit: white is 0, black {most:.3f} (ink goes from 0 to 1)."
    )
    thumbnails(
        on_paper(one.variance / max(most, 1e-9)),
        [f"Variance of {name} digits" for name in names],
        key="digits-variance",
        label="Variance of each class",
        captions=[f"{label}: up to {one.variance[label].max():.3f}" for label in range(CLASSES)],
        wide=96,
        on_pick=lambda label: browse_class(split, label),
    )


def browse_class(split: Split, label: int) -> None:
    """Go to the digits of one class; in a callback."""
    st.session_state["digits-view"] = "Browse"
    st.session_state["digits-split"] = split
    st.session_state["digits-labels"] = [label]
    st.session_state[_FROM] = 0


def mapped(judge: Reader | None) -> None:
    """All test digits in the plane, of which some can be taken out."""
    test, checksum = digits.mnist().test, digits.mnist().checksum
    with st.container(horizontal=True, gap="medium", vertical_alignment="bottom"):
        space = st.segmented_control(
            "Space",
            list(_SPACES),
            format_func=lambda one: _SPACES[one],
            default="digit",
            required=True,
            key="digits-space",
            persist_state="session",
        )
        method = "PCA"
        if embedding.has_umap():
            method = st.segmented_control(
                "Map",
                ["PCA", "UMAP"],
                default="PCA",
                required=True,
                key="digits-method",
                persist_state="session",
            )
        rings = st.toggle("Ring what the digit model misreads", key="digits-rings", persist_state="session")
    if space == "pixels":
        every, what = test_pixels(checksum), "pixels"
    else:
        reader = reader_or_advice("number") if space == "number" else judge
        if reader is None:
            return
        every, what = vectors(reader, "test"), embedding.fingerprint(reader.model)
    misread = None
    if rings and judge:
        answers = labels.opinions(judge, vectors(judge, "test")).argmax(1)
        misread = np.flatnonzero(answers != test.labels)
    with st.spinner(
        "Drawing the map …" if method == "PCA" else "Drawing the map; UMAP takes a minute or two …"
    ):
        found = drawn_map(what, checksum, method, every)
    st.caption(described(space, every.shape[1], method))
    picked = choose_on(
        map_chart(found, test.labels, misread),
        key=f"digits-map-{space}-{method}",
        label=f"Map of {len(test):,} test digits",
    )
    left, right = st.columns([3, 2], gap="large")
    with left:
        if not picked:
            layout.empty_state(
                "Draw around some points",
                "Hold the mouse button down and draw a loop on the map, or choose the box above it: the digits inside appear here. "
                "Look where two colours meet.",
                key="digits-lasso",
                icon=":material/lasso_select:",
            )
        else:
            shown = (
                picked if len(picked) <= _MOST else [picked[len(picked) * n // _MOST] for n in range(_MOST)]
            )
            counts = np.bincount(test.labels[picked], minlength=CLASSES)
            st.markdown(
                f"**{len(picked):,} digits**: {', '.join(f'{counts[label]:,} × {label}' for label in np.argsort(-counts) if counts[label])}."
            )
            if len(shown) < len(picked):
                st.caption(f"{len(shown)} of them, evenly drawn:")
            grid("test", shown, key="digits-picked", label="The digits that were chosen on the map")
            st.download_button(
                "These digits (PNG)",
                png(contact_sheet(on_paper(test.images[shown]), 20)),
                "digits-chosen.png",
                "image/png",
                icon=":material/download:",
                on_click="ignore",
            )
    with right:
        show_chosen(judge)


def described(space: Space, length: int, method: str) -> str:
    """What is on the map."""
    vector = {
        "pixels": f"its {length} pixels",
        "digit": f"the {length} numbers of the digit model’s summary token, from which the digit is told",
        "number": f"{length} numbers, the mean of the number model’s tokens after its encoder",
    }[space]
    how = (
        "UMAP ([McInnes et al. 2018](https://arxiv.org/abs/1802.03426)) keeps neighbours together; distances across the map mean little."
        if method == "UMAP"
        else "The two directions are those in which the digits differ most (principal components)."
    )
    missing = "" if embedding.has_umap() else " With `pip install umap-learn`, a UMAP map can be chosen too."
    return f"Each test digit is a point; its vector is {vector}. {how}{missing}"


def doubtful(judge: Reader | None) -> None:
    """What the digit model is unsure of, or sure of against the label; and the published errors."""
    if judge is None:
        return
    mnist = digits.mnist()
    test = mnist.test
    sure = labels.opinions(judge, vectors(judge, "test"))
    answers = sure.argmax(1)
    shares = {"Labels as given": labels.agreement(answers, test.labels)}
    if not mnist.is_sample:
        shares["Corrected labels"] = labels.agreement_corrected(answers, test)
        for half_name, half in labels.HALVES.items():
            shares[half_name.capitalize()] = labels.agreement(answers[half], test.labels[half])
    with st.container(horizontal=True, gap="medium"):
        for what, share in shares.items():
            st.metric(f"{what}: {share.right:,} of {share.of:,}", f"{share.accuracy:.2%}", width="content")
    st.caption(
        "Accuracy of the digit model on MNIST’s test digits, and on each half of them, which other people wrote. "
        "Nothing was tuned on what is shown here."
        if not mnist.is_sample
        else "Accuracy of the digit model on the sample’s test digits. Nothing was tuned on what is shown here."
    )
    left, right = st.columns([3, 2], gap="large")
    with left:
        show_published(sure)
        show_doubts(judge)
    with right:
        show_chosen(judge)


def show_published(sure: np.ndarray) -> None:
    """The published label errors beside what the digit model says; `sure` holds its opinions of all test digits."""
    st.header("Published errors in the test labels", anchor=False)
    if digits.mnist().is_sample:
        st.markdown(
            f"{_STUDY}, found {len(labels.PUBLISHED)} wrong labels among MNIST’s 10,000 test digits. They are named by their places in the "
            "whole test set, so the list needs all of MNIST: fetch it above."
        )
        return
    settled = sum(error.corrected is not None for error in labels.PUBLISHED)
    st.markdown(
        f"{_STUDY}, had suspicious labels judged by five people each. Of MNIST’s test labels, {len(labels.PUBLISHED)} were not confirmed: "
        f"fewer than three of the five chose them. For {settled} at least three chose the proposed label, which is the corrected one; "
        f"the other {len(labels.PUBLISHED) - settled} have none and are left out of the corrected accuracy. Data: "
        "[label-errors](https://github.com/cleanlab/label-errors)."
    )
    grid(
        "test",
        [error.place for error in labels.PUBLISHED],
        key="digits-published",
        label="Published label errors",
        captions=[
            f"given {error.given}, people: {'?' if error.corrected is None else error.corrected}\n"
            + answer_of(sure[error.place])
            for error in labels.PUBLISHED
        ],
        wide=104,
    )


def answer_of(sure: np.ndarray) -> str:
    """What the model answers, in a few letters."""
    return f"model: {labels.name(int(sure.argmax()))}, {layout.percent(float(sure.max()))}"


def show_doubts(judge: Reader) -> None:
    """Where the model contradicts the label, and where it hesitates."""
    st.header("Probably mislabelled", anchor=False)
    split = choose_split("digits-doubt-split")
    at_least = st.slider(
        "At least this sure",
        50,
        99,
        90,
        format="%d%%",
        key="digits-sure",
        persist_state="session",
        help="How sure the digit model must be of something else than the label.",
    )
    some, mnist = digits.mnist().split(split), digits.mnist()
    sure = labels.opinions(judge, vectors(judge, split))
    against = labels.against(sure, some.labels, at_least / 100)
    listed = {error.place for error in labels.PUBLISHED} if split == "test" and not mnist.is_sample else set()
    learned = (
        " It has learned from these digits and their labels, so it contradicts few."
        if split == "train"
        else ""
    )
    both = (
        f"; {len(listed.intersection(against.tolist()))} of them are on the published list (★)"
        if listed
        else ""
    )
    st.markdown(
        f"The digit model is at least {at_least}% sure of something else than the label on **{len(against)}** of {len(some):,} digits{both}. "
        f"Either the label is wrong or the model is: look for yourself.{learned}"
    )
    grid(
        split,
        against[:_DOUBTS],
        key="digits-against",
        label="Digits whose label the model contradicts",
        captions=[
            f"label {some.labels[place]}{' ★' if place in listed else ''}\n" + answer_of(sure[place])
            for place in against[:_DOUBTS]
        ],
        wide=104,
    )
    st.header("Hardest", anchor=False)
    st.markdown(
        "Of these the digit model is least sure, whatever their label: it wavers between two answers or more."
    )
    hard = labels.hardest(sure, _DOUBTS)
    grid(
        split,
        hard,
        key="digits-hard",
        label="Digits of which the model is least sure",
        captions=[f"label {some.labels[place]}\n" + answer_of(sure[place]) for place in hard],
        wide=104,
    )
    st.download_button(
        "Both lists (CSV)",
        labels.as_csv(np.unique(np.concatenate([against, hard])), some.labels, sure, published=bool(listed)),
        f"doubtful-{split}.csv",
        "text/csv",
        icon=":material/download:",
        on_click="ignore",
    )


layout.header(sitemap.DATA)
digits.offer_all()
judge = reader_or_advice("digit")
st.session_state.setdefault("digits-view", _VIEWS[0])
view = st.segmented_control(
    "View", _VIEWS, required=True, key="digits-view", label_visibility="collapsed", persist_state="session"
)
if view == "Classes":
    by_class()
elif view == "Map":
    mapped(judge)
elif view == "Doubtful":
    doubtful(judge)
else:
    browse(judge)
