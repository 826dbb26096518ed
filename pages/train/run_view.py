"""The view of a run while it learns: how far it is, its curves, and the same few canvases or scenes as they were seen epoch by epoch."""

from __future__ import annotations

from datetime import timedelta
from math import isfinite
from pathlib import Path

import numpy as np
import plotly.graph_objects as go
import streamlit as st

from core.config import RunSettings
from core.reading.overlay import patches_picture, png, sighted
from core.reading.palette import position_colour
from core.training.scores import SHOWN_FIRST, score_of
from core.training.store.progress import Progress, progress
from core.training.store.recording import WATCHED
from core.training.watch import Sighted, Watched, load_watched, watched_epochs
from pages.common import layout
from pages.train.live_chart import live_chart


def show_run(folder: Path, *, key: str, alive: bool) -> None:
    """Everything of one run, as its files say it at this moment; time is left to one that is `alive`."""
    now = progress(folder)
    if now.settings is None or not now.step:
        finder = now.settings is not None and now.settings.model.kind == "finder"
        st.caption(
            "It is getting ready: scenes are made if they are not there yet, once for all trainings that name them."
            if finder
            else "It is getting ready: the digits are loaded, and simulated camera frames searched if the settings ask for them."
        )
        return
    _figures(now, alive=alive)
    st.progress(min(now.step / now.total, 1.0), text=f"step {now.step:,} of {now.total:,}")
    left, right = st.columns(2, gap="medium")
    with left:
        live_chart(_loss(now), key=f"{key}-loss", label="Loss by step")
    with right:
        if now.epochs:
            live_chart(_scores(now), key=f"{key}-scores", label=f"{_judged_by(now)} by step")
        else:
            st.caption("How good it is follows after the first epoch, when it is validated.")
    show_watched(folder, now.settings, key=key)


def show_watched(folder: Path, settings: RunSettings, *, key: str) -> None:
    """The same validation canvases or scenes after each epoch, with a slider through the epochs."""
    epochs = watched_epochs(folder / WATCHED)
    if not epochs:
        return
    finder = settings.model.kind == "finder"
    st.subheader("Where it sees a number" if finder else "What it reads, and where it looks", anchor=False)
    chosen = epochs[-1]
    if len(epochs) > 1:
        newest = st.toggle("Follow the newest epoch", value=True, key=f"{key}-newest")
        if not newest:
            chosen = st.select_slider("Epoch", epochs, value=epochs[-1], key=f"{key}-epoch")
    try:
        watched = load_watched(folder / WATCHED, chosen)
    except (OSError, ValueError, KeyError):
        st.caption(f"Epoch {chosen} is not kept whole; choose another one.")
        return
    if isinstance(watched, Sighted):
        _show_sighted(watched, chosen)
        return
    right = sum(text == truth for text, truth in zip(watched.texts, watched.truths, strict=True))
    st.caption(
        f"After epoch {chosen}: {right} of {len(watched.texts)} of these validation canvases are right. The upper half is clean ink, "
        "the lower as a camera sees it. Colours show where the last layer looked for each digit."
    )
    columns = st.columns(2, gap="medium")
    for row in range(len(watched.texts)):
        with columns[row % 2]:
            _one(watched, row, settings)


def _show_sighted(watched: Sighted, epoch: int) -> None:
    """The scenes with their heat maps."""
    st.caption(
        f"After epoch {epoch}: {watched.seen.sum()} of the {watched.numbers.sum()} numbers in these validation scenes are found. The redder, "
        "the likelier the middle of a number; a frame stands around each place that it takes for one. The last scenes have no number."
    )
    columns = st.columns(4, gap="small")
    for row, gray in enumerate(watched.pictures):
        own = watched.outlines[watched.scenes == row]
        numbers, seen = int(watched.numbers[row]), int(watched.seen[row])
        false = len(own) - seen
        said = f"{seen} of {numbers} found" if numbers else "no number"
        said += f", {false} more place{'s' * (false > 1)} seen" if false else ""
        with columns[row % 4]:
            picture = sighted(gray, watched.heat[row].astype(np.float32) / 255, own)
            st.image(
                png(picture),
                alt=f"A scene with {numbers} numbers, and where the finder sees one.",
                output_format="PNG",
                caption=said,
            )


def _one(watched: Watched, row: int, settings: RunSettings) -> None:
    text, truth = watched.texts[row], watched.truths[row]
    weights = {index: watched.attention[row, index].astype(np.float32) for index in range(len(text))}
    strip = watched.strips[row].astype(np.float32) / 255
    scale = 4 if strip.shape[1] >= 64 else 8
    picture = patches_picture(strip, settings.model, weights, scale=scale)
    st.image(png(picture), alt=f"A canvas with {truth or 'no number'}, and where the model looked.")
    digits = "".join(
        f'<b style="color:{position_colour(index)}">{digit}</b>' for index, digit in enumerate(text)
    )
    shown = digits or "<i>no number</i>"
    verdict = "right" if text == truth else f"wrong: it is {truth or 'no number'}"
    st.html(
        f'<p class="watched">{shown} <small>{layout.percent(float(watched.probabilities[row]))} sure, {verdict}</small></p>'
    )


def _figures(now: Progress, *, alive: bool) -> None:
    figures = {"Loss": f"{now.smoothed[-1]:.3f}" if now.smoothed else "–"}
    for name, values in now.scores.items():
        if name in SHOWN_FIRST and isfinite(values[-1]):
            figures[score_of(name).title] = score_of(name).text(values[-1], 1)
    figures["Images a second"] = f"{now.images_per_second:,.0f}" if now.images_per_second else "–"
    if alive:
        figures["Time left"] = _spoken(now.seconds_left)
    with st.container(horizontal=True, gap="large"):
        for name, value in figures.items():
            st.metric(name, value, width="content")


def _loss(now: Progress) -> go.Figure:
    figure = go.Figure()
    for name, values, line, axis in (
        ("each step", now.losses, {"color": "rgba(99, 89, 210, 0.3)", "width": 1}, "y"),
        ("smoothed", now.smoothed, {"color": "#6359d2", "width": 2.5}, "y"),
        ("learning rate", now.rates, {"color": "#7a6813", "width": 1.5, "dash": "dot"}, "y2"),
    ):
        figure.add_scatter(
            x=now.steps,
            y=values,
            name=name,
            yaxis=axis,
            line=line,
            hovertemplate="step %{x:,}: %{y:.3g}<extra>" + name + "</extra>",
        )
    figure.update_layout(
        title_text="Loss",
        xaxis_title_text="step",
        yaxis={"type": "log"},
        yaxis2={
            "overlaying": "y",
            "side": "right",
            "showgrid": False,
            "rangemode": "tozero",
            "tickformat": "~e",
            "automargin": True,
            "nticks": 4,
            "tickmode": "auto",  # not at the places of the loss, which are uneven
        },
    )
    return figure


def _scores(now: Progress) -> go.Figure:
    figure = go.Figure()
    for name, score in SHOWN_FIRST.items():
        if name in now.scores:
            figure.add_scatter(
                x=now.epoch_steps,
                y=now.scores[name],
                name=score.of,
                mode="lines+markers",
                line={"color": score.colour, "width": 2.5},
                hovertemplate="step %{x:,}: %{y:.2%}<extra>" + score.of + "</extra>",
            )
    if now.best is not None:
        place = now.epoch_steps[now.epochs.index(now.best)]
        figure.add_vline(
            x=place, line={"dash": "dot", "width": 1, "color": "#7a6813"}, annotation_text="kept"
        )
    figure.update_layout(title_text=_judged_by(now), xaxis_title_text="step", yaxis_tickformat=".0%")
    return figure


def _judged_by(now: Progress) -> str:
    """What its scores are of: exact match, or finding."""
    return next(score.label for name, score in SHOWN_FIRST.items() if name in now.scores)


def _spoken(seconds: float) -> str:
    """A duration for people.

    >>> [_spoken(seconds) for seconds in (4, 75, 4000)]
    ['4 s', '1 min 15 s', '1 h 06 min']
    """
    whole = int(timedelta(seconds=seconds).total_seconds())
    hours, minutes = whole // 3600, whole % 3600 // 60
    if hours:
        return f"{hours} h {minutes:02d} min"
    return f"{minutes} min {whole % 60:02d} s" if minutes else f"{whole} s"
