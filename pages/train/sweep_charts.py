"""Charts of sweeps: what accuracy costs, what a setting does over its seeds, and Optuna's figures in the app's layout."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Literal

import plotly.graph_objects as go
import streamlit as st
from plotly.colors import sample_colorscale

from core.reading.palette import POSITION_COLOURS
from core.training.scores import score_of
from core.training.sweeps.figures import FIGURES, Group, front
from core.training.sweeps.study import Trial
from pages.common.charts import LAYOUT

Cost = Literal["parameters", "latency", "seconds"]

COSTS: Final[dict[Cost, str]] = {
    "parameters": "parameters of the model",
    "latency": "milliseconds to read a strip",
    "seconds": "seconds of training",
}
"""What accuracy is paid with."""

_GRAY: Final = "#8a8794"  # is read on paper and on slate
_SCALE: Final = [[0, "#b9d9d6"], [0.5, "#8b83de"], [1, "#6d38c9"]]  # both ends are seen on paper and on slate


def trade_off(trials: dict[str, Sequence[Trial]], cost: Cost, metric: str, *, maximize: bool) -> go.Figure:
    """Every finished trial by what it costs and how good it is, sweep by sweep; a line joins those that nothing betters."""
    chart = go.Figure()
    for (name, some), colour in zip(trials.items(), _colours(len(trials)), strict=True):
        known = [one for one in some if one.state == "finished" and getattr(one, cost) is not None]
        best = front(known, cost, maximize=maximize)
        chart.add_scatter(
            x=[getattr(one, cost) for one in known],
            y=[one.value for one in known],
            customdata=[_mark(one, metric) for one in known],
            mode="markers",
            name=plain(name),
            marker={"color": colour, "size": 11, "opacity": [1.0 if one in best else 0.45 for one in known]},
            hovertemplate="%{customdata[2]}<extra></extra>",
        )
        chart.add_scatter(
            x=[getattr(one, cost) for one in best],
            y=[one.value for one in best],
            mode="lines",
            line={"color": colour, "width": 1.5, "dash": "dot", "shape": "hv"},
            showlegend=False,
            hoverinfo="skip",
        )
    chart.update_layout(
        title_text="What accuracy costs",
        xaxis_title_text=COSTS[cost],
        yaxis={"title": {"text": metric}, "tickformat": written(metric, 1)},
        showlegend=len(trials) > 1,
    )
    return chart


def groups(found: dict[str, Sequence[Group]], setting: str, metric: str) -> go.Figure:
    """For each value of a setting the mean over its trials, whiskers of one standard deviation, and the trials themselves."""
    chart = go.Figure()
    for (name, some), colour in zip(found.items(), _colours(len(found)), strict=True):
        single = [(str(group.setting), trial) for group in some for trial in group.trials]
        chart.add_scatter(
            x=[place for place, _ in single],
            y=[trial.value for _, trial in single],
            customdata=[_mark(trial, metric) for _, trial in single],
            mode="markers",
            marker={"color": colour, "size": 8, "opacity": 0.45},
            showlegend=False,
            hovertemplate="%{customdata[2]}<extra></extra>",
        )
        chart.add_scatter(
            x=[str(group.setting) for group in some],
            y=[group.mean for group in some],
            error_y={"type": "data", "array": [group.spread for group in some], "thickness": 2, "width": 7},
            mode="lines+markers",
            name=plain(name),
            line={"color": colour, "width": 1.5},
            marker={"color": colour, "size": 12, "symbol": "diamond"},
            customdata=[["", 0, group.spread, len(group.trials)] for group in some],
            hovertemplate="%{x}: %{y:"
            + written(metric, 1)
            + "} ± %{customdata[2]:"
            + written(metric, 1)
            + "}, "
            "%{customdata[3]} runs<extra></extra>",
        )
    chart.update_layout(
        title_text=f"By {plain(setting)}",
        xaxis={"title": {"text": plain(setting)}, "type": "category"},
        yaxis={"title": {"text": metric}, "tickformat": written(metric, 1)},
        showlegend=len(found) > 1,
    )
    return chart


def restyled(drawn: go.Figure, kind: str, metric: str, names: Sequence[str] = ()) -> go.Figure:
    """Optuna's figure with our words and colours, on a ground that light and dark show through."""
    layout = drawn.layout.to_plotly_json()
    layout = {name: value for name, value in layout.items() if name not in ("template", "plot_bgcolor")}
    # Optuna adds a trace for constraints that were broken; we have none.
    data = [trace for trace in drawn.data if trace.name != "Infeasible Trial"]
    chart = go.Figure(data, layout={**layout, "title": {"text": FIGURES[kind].title}})
    chart.update_annotations(font_color=_GRAY)
    if kind in _LOOKS:
        _LOOKS[kind](chart, metric, names)
    return chart


def _history(chart: go.Figure, metric: str, names: Sequence[str]) -> None:
    chart.update_yaxes(tickformat=written(metric, 1))
    for number, trace in enumerate(chart.data):  # of each sweep its trials, then the best so far
        name, colour = names[number // 2], _colours(len(names))[number // 2]
        if number % 2:
            trace.update(line={"color": colour, "width": 1.5}, name=f"best so far, {plain(name)}")
        else:
            marks = [[name, trial] for trial in trace.x]
            trace.update(marker={"color": colour, "size": 9}, name=plain(name), customdata=marks)
    chart.update_layout(xaxis_title_text="run")


def _intermediate_values(chart: go.Figure, metric: str, names: Sequence[str]) -> None:
    chart.update_yaxes(tickformat=written(metric, 1))
    for trace in chart.data:
        number = int(trace.name.removeprefix("Trial"))
        trace.update(line={"width": 1.5}, marker={"size": 6}, customdata=[[names[0], number]] * len(trace.x))
        trace.hovertemplate = f"run {number}, epoch %{{x}}: %{{y:{written(metric, 1)}}}<extra></extra>"
    chart.update_layout(xaxis={"title": {"text": "epoch"}, "dtick": 1}, yaxis_title_text=metric)


def _importance(chart: go.Figure, metric: str, names: Sequence[str]) -> None:
    chart.update_traces(marker_color=POSITION_COLOURS[0])
    chart.update_layout(xaxis_title_text="share of what makes runs differ", yaxis_title_text="")


def _slice(chart: go.Figure, metric: str, names: Sequence[str]) -> None:
    chart.update_yaxes(tickformat=written(metric, 1))
    chart.update_traces(marker={"colorscale": _SCALE, "size": 9, "line": {"width": 0}, "showscale": False})
    chart.update_xaxes(tickangle=0, nticks=6)
    chart.update_layout(title_text=f"By {plain(chart.layout.xaxis.title.text)}", xaxis_title_text="")


def _parallel_coordinates(chart: go.Figure, metric: str, names: Sequence[str]) -> None:
    for trace in chart.data:
        if trace.line.color:  # its first point stands on the axis of what came of it
            trace.update(line={"color": sample_colorscale(_SCALE, [trace.y[0]])[0], "width": 1.8})
        else:
            trace.update(marker={"colorscale": _SCALE, "reversescale": False, "colorbar": {"thickness": 14}})


def _contour(chart: go.Figure, metric: str, names: Sequence[str]) -> None:
    bar = {"thickness": 14}
    chart.update_traces(colorscale=_SCALE, reversescale=False, colorbar=bar, selector={"type": "contour"})


def _timeline(chart: go.Figure, metric: str, names: Sequence[str]) -> None:
    for trace in chart.data:
        state = trace.name
        trace.update(marker={"color": _STATES.get(state, _GRAY)}, name=_SAID.get(state, state.lower()))
    chart.update_layout(xaxis_title_text="", yaxis_title_text="run")


_LOOKS: Final = {
    "history": _history,
    "importance": _importance,
    "parallel coordinates": _parallel_coordinates,
    "slice": _slice,
    "contour": _contour,
    "intermediate values": _intermediate_values,
    "timeline": _timeline,
}
_STATES: Final = {
    "COMPLETE": POSITION_COLOURS[2],
    "PRUNED": POSITION_COLOURS[1],
    "RUNNING": POSITION_COLOURS[0],
    "FAIL": POSITION_COLOURS[5],
    "WAITING": _GRAY,
}
_SAID: Final = {"COMPLETE": "finished", "FAIL": "failed or interrupted"}


def show_clickable(chart: go.Figure, *, key: str, label: str, into: str, height: int = 380) -> None:
    """Show a chart. A click on a trial's point puts the sweep's name and the trial's number into the session, under `into`."""

    def clicked() -> None:
        for point in st.session_state[key]["selection"]["points"]:
            name, number = point["customdata"][:2]
            if name:
                st.session_state[into] = (name, number)

    shown = go.Figure(chart.data, layout=LAYOUT)
    shown.update_layout(height=height)
    shown.update_layout(chart.layout.to_plotly_json())
    st.plotly_chart(
        shown,
        key=key,
        width="stretch",
        theme="streamlit",
        on_select=clicked,
        selection_mode="points",
        config={"displayModeBar": False},
        alt=label,
    )


def _mark(trial: Trial, metric: str) -> list[object]:
    """What a point says of the trial it stands for."""
    return [trial.sweep, trial.number, told(trial, metric)]


def told(trial: Trial, metric: str) -> str:
    """A trial in a few lines, for the mouse."""
    lines = [f"<b>run {trial.number}</b> of {plain(trial.sweep)}"]
    lines += [f"{plain(name)}: {plain(short(value))}" for name, value in trial.params.items()]
    if trial.value is not None:
        lines.append(score_of(metric).text(trial.value))
    if trial.parameters is not None:
        lines.append(f"{trial.parameters:,} parameters")
    return "<br>".join(lines)


def short(value: object) -> str:
    """A value of a setting, with no more digits than one reads."""
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def written(metric: str, places: int = 2) -> str:
    """How Plotly writes values of a metric: in percent, or with two digits more than the places."""
    return f".{places}%" if score_of(metric).is_share else f".{places + 2}~g"


def plain(text: str) -> str:
    """A text that somebody typed, not to be taken for Plotly's markup."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _colours(count: int) -> list[str]:
    return [POSITION_COLOURS[number % len(POSITION_COLOURS)] for number in range(count)]
