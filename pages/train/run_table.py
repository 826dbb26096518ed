"""Runs as the Runs page shows them: the table, the curves, the settings side by side, files to take along."""

from __future__ import annotations

import csv
import io
import json
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

import plotly.graph_objects as go
import streamlit as st
from plotly.subplots import make_subplots

from core.reading.palette import POSITION_COLOURS
from core.training.scores import SCORES, SHOWN_FIRST, score_of
from core.training.store.compare import Axis, differing, facts, places, smoothed
from core.training.store.tracking import Metric, Run, Store
from pages.common.charts import LAYOUT
from pages.train.sweep_charts import plain, short, written

AXES: Final[dict[Axis, str]] = {
    "step": "step",
    "epoch": "epoch",
    "samples": "canvases seen",
    "minutes": "minutes since it began",
}
_MOST_SETTINGS: Final = 6  # columns that the table shows unasked
_MOST_POINTS: Final = 1000  # of a curve


@st.cache_resource(show_spinner=False)
def _store(uri: str) -> Store:
    return Store(uri)


def store() -> Store:
    """The run store that is meant now."""
    return _store(Store().uri)


@st.cache_data(show_spinner="Looking into the run store …", max_entries=8)
def _runs(uri: str, deleted: bool, stamp: object) -> list[Run]:
    return _store(uri).runs(deleted=deleted)


def all_runs(*, deleted: bool = False) -> list[Run]:
    """All runs, newest first, as they are now (on a server: two seconds ago at most). Raises `StoreError`."""
    return _runs(store().uri, deleted, _stamp())


def changed() -> None:
    """What was known of the runs is known no more."""
    _runs.clear()


def _stamp() -> object:
    return store().stamp() or time.time() // 2


@st.cache_data(show_spinner=False, max_entries=2000)
def _history(uri: str, run_id: str, metric: str, stamp: object) -> list[Metric]:
    return _store(uri).history(run_id, metric)


def history(run: Run, metric: str) -> list[Metric]:
    """All values of a metric, as fresh as `all_runs`; those of a run that is over are asked for once. Raises `StoreError`."""
    return _history(store().uri, run.id, metric, _stamp() if run.status == "running" else run.seconds)


def status(run: Run) -> str:
    """As the store says, but a run whose process is gone without a word has died."""
    return "died" if run.died else run.status


def labels(runs: Sequence[Run]) -> dict[str, str]:
    """A name for each run, by its id; those that share one are told apart by the beginning of their ids."""
    names = [run.name for run in runs]
    return {run.id: run.name if names.count(run.name) == 1 else f"{run.name} ({run.id[:6]})" for run in runs}


def colours(runs: Sequence[Run]) -> dict[str, str]:
    """A colour for each run, by its id."""
    return {run.id: POSITION_COLOURS[place % len(POSITION_COLOURS)] for place, run in enumerate(runs)}


# --- The table ------------------------------------------------------------------------------------------------------


def columns_of(runs: Sequence[Run]) -> list[str]:
    """Everything that can be a column, what most runs are judged by first."""
    known = dict.fromkeys(name for run in runs for name in facts(run))
    first = ["name", "status", "started", "seconds", "parameters"]
    scores = [f"{which}.{metric}" for metric in SCORES for which in ("best", "last")]
    rest = [*[name for name in scores if name in known], *known]
    return list(dict.fromkeys([*first, *rest, "note", "tags"]))


def usual_columns(runs: Sequence[Run]) -> list[str]:
    """The columns that are shown where nobody chose any: scores, and the settings that differ."""
    known = {name for run in runs for name in facts(run)}
    scores = [f"{which}.{metric}" for metric in SHOWN_FIRST for which in ("best", "last")]
    varied = [name for name in differing(runs) if name != "training.threads"][:_MOST_SETTINGS]
    noted = [
        *(["tags"] if any(own_tags(run) for run in runs) else []),
        *(["note"] if any(run.note for run in runs) else []),
    ]
    first = ["name", "status", "started", "seconds", "parameters"]
    return [*first, *[name for name in scores if name in known], *varied, *noted]


def own_tags(run: Run) -> dict[str, str]:
    """Those that a person gave."""
    return {key: value for key, value in run.tags.items() if not key.startswith("about.")}


def rows(runs: Sequence[Run], columns: Sequence[str], baseline: Run | None) -> list[dict[str, Any]]:
    """The table, row by row; with a baseline, how far each best score is above its, in points of percent."""
    base = facts(baseline) if baseline else {}
    table = []
    for run in runs:
        known = facts(run)
        row: dict[str, Any] = {}
        for name in columns:
            if name == "started":
                row[name] = run.started
            elif name == "status":
                row[name] = ("📌 " if run == baseline else "") + status(run)
            elif name == "note":
                row[name] = run.note
            elif name == "tags":
                row[name] = [f"{key}: {value}" if value else key for key, value in own_tags(run).items()]
            else:
                row[name] = known.get(name)
            if baseline and is_score(name) and name.startswith("best."):
                ours, theirs = known.get(name), base.get(name)
                row[f"Δ {name}"] = (
                    100 * (ours - theirs) if isinstance(ours, float) and isinstance(theirs, float) else None
                )
        table.append(row)
    return table


def is_score(column: str) -> bool:
    """Whether a column holds shares."""
    which, _, metric = column.partition(".")
    return which in ("best", "last") and score_of(metric).is_share


def column_config(table: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """How each column is headed and written."""
    looks: dict[str, Any] = {}
    for name in table[0] if table else {}:
        group, _, rest = name.rpartition(".")
        label = f"{group} {rest}" if group in ("best", "last") else rest
        if name.startswith("Δ "):
            looks[name] = st.column_config.NumberColumn(
                f"Δ {rest}", format="%+.2f", help="Points of percent above the pinned baseline's best."
            )
        elif is_score(name):
            looks[name] = st.column_config.NumberColumn(label, format="percent")
        elif name == "started":
            looks[name] = st.column_config.DatetimeColumn("started (UTC)", format="D MMM, HH:mm")
        elif name == "seconds":
            looks[name] = st.column_config.NumberColumn("took (s)", format="%.0f")
        elif name == "parameters":
            looks[name] = st.column_config.NumberColumn(name, format="localized")
        elif name == "tags":
            looks[name] = st.column_config.ListColumn(name)
        elif name == "name":
            looks[name] = st.column_config.TextColumn(name, pinned=True, width="medium")
        else:
            looks[name] = st.column_config.Column(label, help=name)
    return looks


# --- Curves ---------------------------------------------------------------------------------------------------------


def curves(
    runs: Sequence[Run], metrics: Sequence[str], axis: Axis, *, weight: float, log_x: bool, log_y: bool
) -> go.Figure:
    """One plot for each metric, all with the same x: what was measured, faint, and smoothed by `weight`, strong."""
    figure = make_subplots(
        len(metrics),
        1,
        shared_xaxes=True,
        vertical_spacing=min(0.12, 0.5 / len(metrics)),
        subplot_titles=[plain(score_of(metric).title) for metric in metrics],
    )
    names, inks = labels(runs), colours(runs)
    for number, run in enumerate(runs):
        style = {"color": inks[run.id], "dash": "dot" if number // len(POSITION_COLOURS) % 2 else "solid"}
        for row, metric in enumerate(metrics, 1):
            values = history(run, metric)
            if not values:
                continue
            x, y = places(run, values, axis), [value.value for value in values]
            keep = slice(None, None, max(len(x) // _MOST_POINTS, 1))
            name = plain(names[run.id])
            common = {"legendgroup": run.id, "name": name, "mode": "lines" if len(x) > 1 else "markers"}
            hover = f"%{{x:.4~g}}: %{{y:{written(metric)}}}<extra>{name}</extra>"
            if weight:
                figure.add_scatter(
                    x=x[keep],
                    y=y[keep],
                    line={**style, "width": 1},
                    opacity=0.45,
                    showlegend=False,
                    hoverinfo="skip",
                    row=row,
                    col=1,
                    **common,
                )
            figure.add_scatter(
                x=x[keep],
                y=smoothed(y, places(run, values, "step"), weight)[keep],
                line={**style, "width": 2.5},
                marker={"color": inks[run.id]},
                showlegend=row == 1
                or not any(trace.legendgroup == run.id and trace.showlegend for trace in figure.data),
                hovertemplate=hover,
                row=row,
                col=1,
                **common,
            )
    for row, metric in enumerate(metrics, 1):
        figure.update_yaxes(
            **LAYOUT["yaxis"],
            tickformat=".0%" if score_of(metric).is_share else "~g",
            type="log" if log_y else "linear",
            row=row,
            col=1,
        )
    figure.update_xaxes(**LAYOUT["xaxis"], type="log" if log_x else "linear")
    figure.update_xaxes(title_text=AXES[axis], row=len(metrics), col=1)
    figure.update_annotations(
        x=0, xanchor="left", yshift=4, font={"family": '"Source Serif", serif', "size": 16}
    )
    figure.update_layout(legend={**LAYOUT["legend"], "tracegroupgap": 0}, hovermode="closest")
    return figure


# --- Settings side by side ------------------------------------------------------------------------------------------


def settings_table(runs: Sequence[Run], names: Sequence[str]) -> list[dict[str, str]]:
    """A row for each of these facts, a column for each run."""
    known = [facts(run) for run in runs]
    headings = labels(runs)
    return [
        {
            "what": name,
            **{headings[run.id]: _written(of.get(name)) for run, of in zip(runs, known, strict=True)},
        }
        for name in names
    ]


def _written(value: object) -> str:
    return "–" if value is None else f"{value:,}" if type(value) is int else short(value)


# --- Files to take along --------------------------------------------------------------------------------------------


def table_csv(table: Sequence[dict[str, Any]]) -> str:
    """The table as it is shown."""
    file = io.StringIO()
    writer = csv.DictWriter(file, list(table[0]) if table else [])
    writer.writeheader()
    for row in table:
        writer.writerow({name: "; ".join(v) if isinstance(v, list) else v for name, v in row.items()})
    return file.getvalue()


def runs_json(runs: Sequence[Run]) -> str:
    """Everything of these runs, each value of each metric included."""
    from_store = store()
    return json.dumps(
        [
            {
                **asdict(run),
                "started": run.started.isoformat(),
                "metrics": {
                    name: [
                        [value.step, value.time, value.value] for value in from_store.history(run.id, name)
                    ]
                    for name in sorted(run.last)
                },
            }
            for run in runs
        ],
        indent=1,
        ensure_ascii=False,
    )


def curves_csv(runs: Sequence[Run], metrics: Sequence[str]) -> str:
    """Each value of these metrics: a line for each."""
    file = io.StringIO()
    writer = csv.writer(file)
    writer.writerow(["run", "name", "metric", "step", "time", "value"])
    for run in runs:
        for metric in metrics:
            writer.writerows(
                [run.id, run.name, metric, value.step, value.time, value.value]
                for value in store().history(run.id, metric)
            )
    return file.getvalue()


def checkpoint(run: Run) -> Path | None:
    """The run's best checkpoint, if it kept one. Raises `StoreError`."""
    return store().artifact(run.id, "best.safetensors")
