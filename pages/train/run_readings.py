"""How the best checkpoints of some runs read the same validation canvases: where they disagree, and what they mix up."""

from __future__ import annotations

import csv
import io
from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Final

import numpy as np
import plotly.graph_objects as go
import streamlit as st

from core.config import CanvasSettings
from core.model.checkpoint import Checkpoint, CheckpointError, load_checkpoint
from core.reading.overlay import png
from core.training.same_canvases import (
    CAMERA,
    KINDS,
    Answers,
    SameCanvases,
    confusions,
    joined,
    lengths_for,
    most_disputed,
    read_same,
    same_canvases,
    shares,
)
from core.training.store.tracking import Run, StoreError
from core.understanding.reports.charts import confusion_matrix
from pages.common import assets, layout, mnist
from pages.common.analysis_charts import show_matrix
from pages.common.charts import show_chart
from pages.train import run_table as runs
from pages.train.sweep_charts import plain

_SIZES: Final = {300: "quick", 1000: "usual", 4000: "thorough"}
_TOGETHER: Final = 50  # canvases between two steps of the progress bar
_A_PAGE: Final = 12
_NOTHING: Final = "nothing"


@dataclass(frozen=True)
class Compared:
    """Runs that kept a checkpoint, and what each read."""

    runs: list[Run]
    canvases: SameCanvases
    answers: list[Answers]


@st.cache_resource(show_spinner=False, max_entries=24)
def _checkpoint(path: Path, last_changed: float) -> Checkpoint:
    return load_checkpoint(path)


@st.cache_resource(show_spinner="Making canvases …", max_entries=4)
def _canvases(checksum: str, settings: str, lengths: tuple[int, int], size: int) -> SameCanvases:
    canvas = CanvasSettings.model_validate_json(settings)
    each = max(size // 3 // (len(KINDS) - 2), 1)
    return same_canvases(mnist.mnist().split("validation"), canvas, lengths, count=size // 3, each=each)


@st.cache_data(show_spinner=False, max_entries=4000)
def _answers(path: Path, last_changed: float, made: object, first: int, _canvases: SameCanvases) -> Answers:
    part = _canvases.part(slice(first, first + _TOGETHER))
    return read_same(_checkpoint(path, last_changed), part)


def compared(some: Sequence[Run]) -> Compared | None:
    """What the runs' best checkpoints read; None, and the page says why, where none has one. Only the first time takes long."""
    size = st.segmented_control(
        "How many canvases",
        list(_SIZES),
        default=next(iter(_SIZES)),
        required=True,
        key="canvases",
        bind="query-params",
        format_func=lambda size: f"{size:,} ({_SIZES[size]})",
        help="Of validation digits. The differences between runs that a few hundred canvases show are often chance.",
    )
    able: list[tuple[Run, Path, float, Checkpoint]] = []
    for run in some:
        try:
            path = runs.checkpoint(run)
            if path is None:
                st.caption(
                    f"**{layout.escape_markdown(run.name)}** kept no checkpoint, and is left out here."
                )
                continue
            changed = path.stat().st_mtime
            able.append((run, path, changed, _checkpoint(path, changed)))
        except (StoreError, CheckpointError, OSError) as error:
            st.warning(
                f"**{layout.escape_markdown(run.name)}** is left out: {layout.escape_markdown(str(error))}"
            )
    if not able:
        st.caption(
            "Nothing can be read without a checkpoint. A run keeps one after its first epoch of training."
        )
        return None
    settings = [checkpoint.settings for *_, checkpoint in able]
    lengths = lengths_for(settings)
    made = (mnist.mnist().checksum, settings[0].canvas.model_dump_json(), lengths, size)
    canvases = _canvases(*made)
    total = len(canvases.truths)
    bar = st.progress(0.0)
    answers = []
    for number, (run, path, changed, _) in enumerate(able):
        parts = []
        for first in range(0, total, _TOGETHER):
            done = (number + first / total) / len(able)
            bar.progress(done, f"{layout.escape_markdown(run.name)} reads {total:,} canvases …")
            parts.append(_answers(path, changed, made, first, canvases))
        answers.append(joined(parts))
    bar.empty()
    span = f"{lengths[0]}" if lengths[0] == lengths[1] else f"{lengths[0]} to {lengths[1]}"
    st.caption(
        f"{total:,} canvases of MNIST's validation digits, {span} digit{'s' * (lengths[1] > 1)} long (what all of these runs learned to read), "
        "the same for every run."
        + (" The bundled sample of MNIST is in use." if mnist.mnist().is_sample else "")
        + (
            " Where strips differ in size, the number is scaled to each model's own."
            if len({(one.canvas.height, one.canvas.width) for one in settings}) > 1
            else ""
        )
    )
    return Compared([run for run, *_ in able], canvases, answers)


def show_same(some: Sequence[Run]) -> None:
    """The same canvases, read by each run: where they disagree first; then exact match by length and by what was done to the picture."""
    result = compared(some)
    if result is None:
        return
    truths = result.canvases.truths
    left, right = st.columns([1, 1.6], gap="medium")
    with left:
        lengths = [str(len(truth)) for truth in truths]
        show_chart(
            _bars(result, lengths, sorted(set(lengths), key=int), "Exact match by length", "digits"),
            key="runs-by-length",
            save_as="exact-match-by-length",
            height=330,
        )
    with right:
        show_chart(
            _bars(result, result.canvases.kinds, KINDS, "Exact match by what the camera did", ""),
            key="runs-by-kind",
            save_as="exact-match-by-kind",
            height=330,
        )
    each = result.canvases.kinds.count(KINDS[-1])
    st.caption(
        f"**{CAMERA}** is a camera's effects by chance, the others one effect alone at full strength: {each} canvases each"
        + (", too few to tell small differences apart; take more canvases above." if each < 100 else ".")
    )
    st.download_button(
        "These readings (CSV)",
        lambda: readings_csv(result),
        "readings.csv",
        "text/csv",
        icon=":material/download:",
        on_click="ignore",
    )
    st.subheader("Where they disagree" if len(result.runs) > 1 else "Where it errs", anchor=False)
    kinds = st.multiselect(
        "Only", KINDS, key="kinds", bind="query-params", placeholder="All kinds of canvases"
    )
    order = [
        place
        for place in most_disputed(truths, result.answers)
        if not kinds or result.canvases.kinds[place] in kinds
    ]
    disputed = sum(
        len({answer.texts[place] == truths[place] for answer in result.answers}) > 1 for place in order
    )
    if len(result.runs) > 1:
        st.caption(
            f"On {disputed} of {len(order)} some are right and others wrong: those come first, then those that all misread."
        )
    _show_canvases(result, order, key="runs-same")


def readings_csv(result: Compared) -> str:
    """A line for each canvas: what was written, what was done to it, and for each run what it read and how sure it was."""
    file = io.StringIO()
    writer = csv.writer(file)
    names = [runs.labels(result.runs)[run.id] for run in result.runs]
    writer.writerow(
        ["written", "kind", *[f"{name}{what}" for name in names for what in ("", ", probability")]]
    )
    for place, (truth, kind) in enumerate(zip(result.canvases.truths, result.canvases.kinds, strict=True)):
        read = [
            value
            for answers in result.answers
            for value in (answers.texts[place], f"{answers.probabilities[place]:.4f}")
        ]
        writer.writerow([truth, kind, *read])
    return file.getvalue()


def show_errors(some: Sequence[Run]) -> None:
    """What one of the runs takes for what; a cell opens the canvases on which it happened."""
    result = compared(some)
    if result is None:
        return
    names = runs.labels(result.runs)
    place = 0
    if len(result.runs) > 1:
        place = st.segmented_control(
            "Run",
            range(len(result.runs)),
            default=0,
            required=True,
            key="runs-errors-of",
            format_func=lambda index: layout.escape_markdown(names[result.runs[index].id]),
        )
    found = confusions(result.canvases.truths, result.answers[place])
    left, right = st.columns([1, 1], gap="large")
    with left:
        cell = f"runs-cell-{result.runs[place].id}"
        show_matrix(confusion_matrix(found), key=f"runs-matrix-{result.runs[place].id}", into=cell)
        pair = st.session_state.get(cell)
        st.caption(
            "Rows are what was written, columns what was read; what is right is faint. Click a cell to see its canvases."
        )
    with right:
        wrong = {cell: spots for cell, spots in found.items() if cell[0] != cell[1]}
        if not wrong:
            st.caption("It read every digit of these canvases.")
            return
        if pair not in found:
            pair = max(wrong, key=lambda cell: len(wrong[cell]))
        true, read = pair
        st.subheader(
            f"{true or _NOTHING} read as {read or _NOTHING}: {len(found[pair])} canvases", anchor=False
        )
        one = Compared([result.runs[place]], result.canvases, [result.answers[place]])
        _show_canvases(one, found[pair], key=f"runs-errors-{true}-{read}", narrow=True)


def _bars(
    result: Compared, groups: Sequence[str], order: Sequence[str], title: str, across: str
) -> go.Figure:
    names, inks = runs.labels(result.runs), runs.colours(result.runs)
    figure = go.Figure()
    for run, answers in zip(result.runs, result.answers, strict=True):
        found = shares(result.canvases.truths, answers, groups)
        shown = [group for group in order if group in found]
        figure.add_bar(
            x=shown,
            y=[found[group] for group in shown],
            name=plain(names[run.id]),
            marker={"color": inks[run.id], "line": {"width": 0}},
            hovertemplate="%{x}: %{y:.1%}<extra>" + plain(names[run.id]) + "</extra>",
        )
    figure.update_layout(
        title_text=title,
        yaxis={"tickformat": ".0%", "range": [0, 1]},
        xaxis={"type": "category", "title": {"text": across}},
        showlegend=len(result.runs) > 1,
        bargap=0.3,
    )
    return figure


def _show_canvases(result: Compared, order: Sequence[int], *, key: str, narrow: bool = False) -> None:
    """A page of these canvases, each with what every run read on it."""
    pages = max((len(order) + _A_PAGE - 1) // _A_PAGE, 1)
    page = 1
    if pages > 1:
        page = st.number_input(
            f"Page, of {pages}", 1, pages, 1, key=f"{key}-page", bind="query-params", width=160
        )
    names, inks = runs.labels(result.runs), runs.colours(result.runs)
    cards = []
    for place in order[(page - 1) * _A_PAGE : page * _A_PAGE]:
        truth = result.canvases.truths[place]
        lines = []
        for run, answers in zip(result.runs, result.answers, strict=True):
            text = answers.texts[place]
            right = text == truth
            lines.append(
                f'<li class="{"right" if right else "wrong"}"><i style="background:{inks[run.id]}"></i>'
                f"<b>{text or 'no number'}</b><small>{layout.percent(min(answers.probabilities[place], 1.0))}"
                f"{'' if right else ', wrong'}</small><span>{escape(names[run.id])}</span></li>"
            )
        kind = result.canvases.kinds[place]
        picture = b64encode(png(_enlarged(result.canvases.pictures[place]))).decode()
        cards.append(
            f'<figure><img alt="A canvas with {truth}" src="data:image/png;base64,{picture}">'
            f"<figcaption>written <b>{truth}</b>, {kind}</figcaption><ul>{''.join(lines)}</ul></figure>"
        )
    st.html(
        f'{assets.style("same_canvases.css")}<div class="same{" narrow" if narrow else ""}">{"".join(cards)}</div>'
    )


def _enlarged(gray: np.ndarray) -> np.ndarray:
    """HWC uint8 RGB, so large that pixels stay sharp."""
    return np.repeat(np.repeat(np.repeat(gray[..., None], 3, 2), 3, 0), 3, 1)
