"""Digits: MNIST by label, split and place, as maps and by how hard each digit is."""

from __future__ import annotations

from collections.abc import Sequence
from time import perf_counter
from typing import Final, Literal

import numpy as np
import streamlit as st

from core.data.mnist import Digits, Split
from core.reading import Reader
from core.reading.overlay import png
from core.understanding import embedding, labels
from core.understanding.classes import (
    CLASSES,
    ClassImages,
    class_images,
    contact_sheet,
    on_paper,
    places_of,
)
from pages.common import digits, look
from pages.common.charts import show_chart
from pages.common.digit_charts import balance, choose_on, map_chart
from pages.common.readers import reader_or_advice
from pages.common.thumbnails import thumbnails

_SPLITS: Final[dict[Split, str]] = {"test": "Test", "validation": "Validation", "train": "Training"}
_FIRST: Final[tuple[Split, int]] = "test", 0
_VIEWS: Final = ("Browse", "Classes", "Map", "Doubtful")
_SHEET: Final = 150  # digits on a screen
_WIDE: Final = 42  # CSS pixels of a digit in a grid
_DOUBTS: Final = 24  # of each kind
_MOST: Final = 300  # of a selection
_TOGETHER: Final = 500  # digits that are embedded between two steps of the bar
_CHOSEN: Final = "digits-chosen"
_FROM: Final = "digits-from"
_STUDY: Final = (
    "[Northcutt, Athalye & Mueller 2021](https://arxiv.org/abs/2103.14749), “Pervasive Label Errors in Test Sets Destabilize "
    "Machine Learning Benchmarks”"
)

Space = Literal["pixels", "digit", "number"]
_SPACES: Final[dict[Space, str]] = {"pixels": "Pixels", "digit": "Digit model", "number": "Number model"}


# What is cached here is shared by all visitors: nobody changes it.
@st.cache_resource(show_spinner="Counting …", max_entries=6)
def classes(checksum: str, split: Split) -> ClassImages:
    return class_images(digits.mnist().split(split))


@st.cache_resource(show_spinner=False, max_entries=2)
def test_pixels(checksum: str) -> np.ndarray:
    return embedding.pixels(digits.mnist().test)


@st.cache_resource(show_spinner=False, max_entries=400)
def part_of_vectors(weights: str, checksum: str, split: Split, first: int, _reader: Reader) -> np.ndarray:
    some = part(digits.mnist().split(split), slice(first, first + _TOGETHER))
    return np.concatenate(list(embedding.embedded(_reader.model, some, _reader.settings.canvas)))


def part(some: Digits, which: slice | np.ndarray) -> Digits:
    return Digits(some.images[which], some.labels[which])


def vectors(reader: Reader, split: Split) -> np.ndarray:
    """What the model makes of all digits of a split; the first time with a bar."""
    weights, count = embedding.fingerprint(reader.model), len(digits.mnist().split(split))
    started, bar, parts = perf_counter(), st.empty(), []
    for first in range(0, count, _TOGETHER):
        parts.append(part_of_vectors(weights, digits.mnist().checksum, split, first, reader))
        if perf_counter() - started > 0.3:
            bar.progress(
                (first + len(parts[-1])) / count,
                f"The model looks at {count:,} digits, once: {first + len(parts[-1]):,} …",
            )
    bar.empty()
    return np.concatenate(parts)


@st.cache_resource(show_spinner=False, max_entries=12)
def drawn_map(what: str, checksum: str, method: str, _vectors: np.ndarray) -> embedding.DigitMap:
    return embedding.umap_map(_vectors) if method == "UMAP" else embedding.pca_map(_vectors)


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
    some = digits.mnist().split(split)
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
    # No default: other parts of the page choose a split, too.
    st.session_state.setdefault(key, "test")
    split = st.segmented_control(
        "Split",
        list(_SPLITS),
        format_func=lambda one: _SPLITS[one],
        required=True,
        key=key,
        persist_state="session",
    )
    return split or "test"


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
                f"Places {shown[0]:,} to {shown[-1]:,} of the {_SPLITS[split].lower()} split: {len(shown)} of "
                f"{len(places):,} digits{' with these labels' if wanted else ''}."
            )
            st.download_button(
                "These digits (PNG)", png(contact_sheet(on_paper(some.images[shown]), 15)), f"digits-{split}-{shown[0]}.png",
                "image/png", icon=":material/download:", on_click="ignore",
            )  # fmt: skip
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


def show_chosen(judge: Reader | None) -> None:
    """The digit that was chosen: large, what is read of it, and what lies near it; it stays in sight beside a long list."""
    with st.container(key="digits-chosen"):
        _chosen(judge)


def _chosen(judge: Reader | None) -> None:
    split, place = st.session_state.get(_CHOSEN, _FIRST)
    some = digits.mnist().split(split)
    if place >= len(some):  # chosen in all of MNIST, and now there is the sample
        split, place = "test", 0
        some = digits.mnist().test
    one = part(some, slice(place, place + 1))
    label = int(one.labels[0])
    st.markdown(f"**{_SPLITS[split]} digit {place:,}, labelled {label}**")
    picture, words = st.columns([2, 3], vertical_alignment="center")
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
    with words:
        ranked = np.argsort(-sure)[:3]
        answer = int(ranked[0])
        verdict = "as its label says" if answer == label else f"against its label, {label}"
        st.markdown(
            f"Read as **{labels.name(answer)}**, {look.percent(float(sure[answer]))} sure, {verdict}. "
            f"Next: {', '.join(f'{labels.name(int(other))} {look.percent(float(sure[other]))}' for other in ranked[1:])}."
        )
        st.caption(f"Digit model{split_note(split)}; calibrated probabilities.")
    if split == "test" and not digits.mnist().is_sample:
        for error in labels.PUBLISHED:
            if error.place == place:
                st.markdown(f":material/report: On the published list of label errors: {told(error)}.")
    checksum = digits.mnist().checksum
    itself = place if split == "test" else None
    for space, every, of in (
        ("pixels", test_pixels(checksum), embedding.pixels(one)[0]),
        ("model", vectors(judge, "test"), vector[0]),
    ):
        near, _ = embedding.nearest(every, of, 12, leave_out=itself)
        found = digits.mnist().test.labels[near]
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


def split_note(split: Split) -> str:
    return ", which has learned from this digit" if split == "train" else ""


def told(error: labels.LabelError) -> str:
    """What the five people said of it."""
    return (
        f"given {error.given}, proposed {error.guessed}; of five people {error.for_given} chose {error.given}, "
        f"{error.for_guess} chose {error.guessed}, {error.for_neither} neither"
    )


def by_class() -> None:
    """How many there are of each class, and what they have in common."""
    checksum = digits.mnist().checksum
    every = {split: classes(checksum, split) for split in _SPLITS}
    show_chart(
        balance({_SPLITS[split]: one.counts for split, one in every.items()}),
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
        on_paper(one.mean), [f"Mean of {name} digits" for name in names], key="digits-mean", label="Mean of each class",
        captions=names, wide=96, on_pick=lambda label: browse_class(split, label),
    )  # fmt: skip
    most = float(one.variance.max())
    st.subheader("Variance within each class", anchor=False)
    st.caption(
        f"The darker a pixel, the more its ink differs from digit to digit: white is 0, black {most:.3f} (ink goes from 0 to 1)."
    )
    thumbnails(
        on_paper(one.variance / max(most, 1e-9)), [f"Variance of {name} digits" for name in names], key="digits-variance",
        label="Variance of each class", captions=[f"{label}: up to {one.variance[label].max():.3f}" for label in range(CLASSES)],
        wide=96, on_pick=lambda label: browse_class(split, label),
    )  # fmt: skip


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
            "Space", list(_SPACES), format_func=lambda one: _SPACES[one], default="digit", required=True,
            key="digits-space", persist_state="session",
        )  # fmt: skip
        method = "PCA"
        if embedding.has_umap():
            method = st.segmented_control(
                "Map", ["PCA", "UMAP"], default="PCA", required=True, key="digits-method", persist_state="session"
            )  # fmt: skip
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
            look.empty_state(
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
                "These digits (PNG)", png(contact_sheet(on_paper(test.images[shown]), 20)), "digits-chosen.png", "image/png",
                icon=":material/download:", on_click="ignore",
            )  # fmt: skip
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
            + said(sure[error.place])
            for error in labels.PUBLISHED
        ],
        wide=104,
    )


def said(sure: np.ndarray) -> str:
    """What the model answers, in a few letters."""
    return f"model: {labels.name(int(sure.argmax()))}, {look.percent(float(sure.max()))}"


def show_doubts(judge: Reader) -> None:
    """Where the model contradicts the label, and where it hesitates."""
    st.header("Probably mislabelled", anchor=False)
    split = choose_split("digits-doubt-split")
    at_least = st.slider(
        "At least this sure", 50, 99, 90, format="%d%%", key="digits-sure", persist_state="session",
        help="How sure the digit model must be of something else than the label.",
    )  # fmt: skip
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
            f"label {some.labels[place]}{' ★' if place in listed else ''}\n" + said(sure[place])
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
        captions=[f"label {some.labels[place]}\n" + said(sure[place]) for place in hard],
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


look.header("understand/data")
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
