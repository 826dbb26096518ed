"""Plotly charts of an analysis, for the page and for the report, on a ground that light and dark show through."""

from __future__ import annotations

import string
from collections.abc import Mapping, Sequence
from typing import Any, Final

import plotly.graph_objects as go

from core.reading.palette import position_colour
from core.understanding.reports.analysis import (
    CLEAN,
    FEW,
    LEVELS,
    VIEWS,
    Analysis,
    Group,
    thinned,
)
from core.understanding.reports.latency import STAGES, Profile

_INK: Final = "#6359d2"
_GRAY: Final = "#8a8794"  # is read on paper and on slate
_AMBER: Final = "#d46b01"
_RIGHT: Final = "#cfe6e4"
_SQUARE: Final = 27  # pixels
NONE_WRITTEN, NONE_READ = "nothing", "missed"
"""What the confusion matrix calls a digit that was read where none is, and one that was not read."""


def by_view(analysis: Analysis, name: str) -> go.Figure:
    """How many were right in each group of one of `VIEWS`, with 95 % intervals; groups of fewer than 30 are gray.

    Only places in a number have colours of their own, those that the places have everywhere.
    """
    view = VIEWS[name]
    groups = analysis.by[name]
    colours = [position_colour(number) if name == "position" else _INK for number in range(len(groups))]
    figure = go.Figure()
    _add_groups(figure, groups, [_named(group) for group in groups], colours)
    figure.update_layout(
        title_text=view.title,
        xaxis={"type": "category", "tickangle": 0, "title": {"text": view.across}},
        yaxis={"title": {"text": view.measure}, "tickformat": ".0%", "range": _span(groups)},
        showlegend=False,
    )
    return figure


def by_part(analysis: Analysis) -> go.Figure:
    """Exact match of each kind of canvas."""
    figure = go.Figure()
    parts = [part for part in analysis.parts if part.count]
    _add_groups(figure, parts, [_named(part) for part in parts], [_INK] * len(parts))
    figure.update_layout(
        title_text="Read without any error",
        xaxis={"type": "category", "tickangle": 0},
        yaxis={"title": {"text": "exact match"}, "tickformat": ".0%", "range": _span(parts)},
        showlegend=False,
    )
    return figure


def by_effect(analysis: Analysis) -> go.Figure:
    """Exact match under each effect alone, weak and strong, the most harmful first; the line is what clean canvases reach."""
    order = sorted(analysis.effects, key=lambda name: -analysis.effects[name][-1].share)
    figure = go.Figure()
    for number, level in enumerate((*LEVELS, "on")):
        found = [
            (place, group)
            for place, name in enumerate(order)
            for group in analysis.effects[name]
            if group.name == level
        ]
        if not found:
            continue
        aside = (0.17, -0.17, 0.0)[number]
        groups = [group for _, group in found]
        figure.add_scatter(
            x=[group.share for group in groups],
            y=[place + aside for place, _ in found],
            error_x=_whiskers(groups),
            mode="markers",
            name={"on": "there or not"}.get(level, level),
            marker={
                "color": [_coloured(group, _AMBER) for group in groups],
                "symbol": ("circle-open", "circle", "diamond")[number],
                "size": (9, 10, 10)[number],
                "line": {"width": (2, 0, 0)[number]},
            },
            customdata=[[order[place], *_hover_text(group)] for place, group in found],
            hovertemplate=f"%{{customdata[0]}}, {level}: %{{x:.1%}}<br>%{{customdata[1]}}<extra></extra>",
        )
    clean = next((part for part in analysis.parts if part.name == CLEAN), None)
    if clean is not None and clean.count:
        low, high = clean.interval
        figure.add_vrect(x0=low, x1=high, fillcolor=_GRAY, opacity=0.14, line_width=0)
        figure.add_vline(x=clean.share, line={"color": _GRAY, "width": 1.5, "dash": "dot"})
    every = [group for groups in analysis.effects.values() for group in groups]
    figure.update_layout(
        title_text="By camera effect and its strength",
        height=90 + 30 * len(order),
        xaxis={
            "title": {"text": "exact match"},
            "tickformat": ".0%",
            "range": _span(every),
            "zeroline": False,
        },
        yaxis={
            "tickvals": list(range(len(order))),
            "ticktext": order,
            "range": [-0.6, len(order) - 0.4],
            "zeroline": False,
        },
    )
    return figure


def confusion_matrix(found: Mapping[tuple[str, str], Sequence[object]]) -> go.Figure:
    """What was written by what was read, as squares; "" is no digit. A square's `customdata` is its cell."""
    signs = [*string.digits, ""]
    rows, columns = [*string.digits, NONE_WRITTEN], [*string.digits, NONE_READ]
    cells = [(true, read) for true in signs for read in signs if (true, read) in found]
    counts = [len(found[cell]) for cell in cells]
    most = max((len(spots) for (true, read), spots in found.items() if true != read), default=1)
    figure = go.Figure()
    figure.add_scatter(
        x=[columns[signs.index(read)] for _, read in cells],
        y=[rows[signs.index(true)] for true, _ in cells],
        text=[f"{count:,}" if count < 10_000 else f"{count / 1000:.0f}k" for count in counts],
        customdata=cells,
        mode="markers+text",
        marker={
            "symbol": "square",
            "size": _SQUARE,
            "line": {"width": 0},
            "color": [
                _RIGHT if true == read else _shade(count / most)
                for (true, read), count in zip(cells, counts, strict=True)
            ],
        },
        textfont={"size": 11, "color": "#23222b"},
        hovertemplate="%{y} read as %{x}: %{text}<extra></extra>",
        selected={"marker": {"opacity": 1}},
        unselected={"marker": {"opacity": 1}},
    )
    axis = {
        "type": "category",
        "categoryorder": "array",
        "showgrid": False,
        "zeroline": False,
        "fixedrange": True,
        "tickangle": 0,
    }
    figure.update_xaxes(**axis, categoryarray=columns, range=[-0.6, 10.6], side="top", title_text="read")
    figure.update_yaxes(**axis, categoryarray=rows[::-1], range=[-0.6, 10.6], title_text="written")
    figure.update_layout(height=440, margin={"t": 50}, showlegend=False)
    return figure


def reliability(analysis: Analysis) -> go.Figure:
    """What was claimed by what came true, before and after calibration, over how often it was claimed."""
    figure = go.Figure()
    figure.add_scatter(
        x=[0, 1],
        y=[0, 1],
        mode="lines",
        line={"color": _GRAY, "width": 1.5, "dash": "dot"},
        hoverinfo="skip",
        name="as claimed",
    )
    looks = {"before": (_AMBER, "circle-open"), "after": (_INK, "circle")}
    for name, (colour, symbol) in looks.items():
        bins = analysis.reliability[name]
        figure.add_scatter(
            x=[one.claimed for one in bins],
            y=[one.group.share for one in bins],
            mode="lines",
            line={"color": colour, "width": 1},
            opacity=0.35,
            hoverinfo="skip",
            showlegend=False,
        )
        for few in (True, False):
            some = [one for one in bins if (one.group.count < FEW) == few]
            groups = [one.group for one in some]
            figure.add_scatter(
                x=[one.claimed for one in some],
                y=[group.share for group in groups],
                error_y=None if few else {**_whiskers(groups), "color": colour},
                mode="markers",
                marker={"color": colour, "symbol": symbol, "size": 7 if few else 10},
                opacity=0.35 if few else 1.0,
                name=f"{name} calibration, ECE {analysis.calibration_error[name]:.1%}",
                legendgroup=name,
                showlegend=not few,
                customdata=[_hover_text(group) for group in groups],
                hovertemplate="claimed %{x:.1%}, came true %{y:.1%}<br>%{customdata[0]}<extra></extra>",
            )
        figure.add_bar(
            x=[one.claimed for one in bins],
            y=[one.group.count for one in bins],
            yaxis="y2",
            width=0.02,
            offset=-0.021 if name == "before" else 0.001,
            marker={"color": colour, "line": {"width": 0}},
            showlegend=False,
            hovertemplate="claimed %{x:.1%}: %{y:,} readings<extra></extra>",
        )
    figure.update_layout(
        title_text="Reliability",
        xaxis={"title": {"text": "claimed probability"}, "tickformat": ".0%", "range": [-0.02, 1.03]},
        yaxis={
            "title": {"text": "came true"},
            "tickformat": ".0%",
            "range": [-0.03, 1.03],
            "domain": [0.3, 1],
        },
        yaxis2={
            "title": {"text": "readings", "font": {"size": 14}},
            "type": "log",
            "domain": [0, 0.2],
            "automargin": True,
            "nticks": 3,
            "anchor": "x",
            "tickformat": "~s",
            "ticks": "",
        },
    )
    return figure


def risk_coverage(analysis: Analysis) -> go.Figure:
    """Share of wrong readings among the surest, by how many are taken; and the best that any order could do."""
    points = thinned(analysis.selective)
    coverage, probability = analysis.selective.at(0.01)
    right = 1 - float(analysis.selective.risk[-1])
    best = [(point, max(0.0, (point - right) / point)) for point, _, _ in points]
    figure = go.Figure()
    figure.add_scatter(
        x=[x for x, _ in best],
        y=[y for _, y in best],
        mode="lines",
        name="if it knew every error",
        line={"color": _GRAY, "width": 1.5, "dash": "dot"},
        hoverinfo="skip",
    )
    figure.add_scatter(
        x=[x for x, _, _ in points],
        y=[y for _, y, _ in points],
        customdata=[probability for _, _, probability in points],
        mode="lines",
        name="this model",
        line={"color": _INK, "width": 2.5},
        hovertemplate="of the surest %{x:.1%}, %{y:.2%} are wrong<br>all at least %{customdata:.1%} sure<extra></extra>",
    )
    if coverage:
        figure.add_scatter(
            x=[coverage],
            y=[0.01],
            mode="markers",
            name="99 % right",
            marker={"color": _AMBER, "size": 12, "symbol": "diamond"},
            hovertemplate=f"answering the surest {coverage:.1%} (from {probability:.1%} on), 99 % are right<extra></extra>",
        )
    most = max(float(analysis.selective.risk[len(analysis.selective.risk) // 20 :].max()), 0.012)
    figure.update_layout(
        title_text="Risk and coverage",
        xaxis={
            "title": {"text": "coverage: share answered"},
            "tickformat": ".0%",
            "range": [0, 1.01],
        },
        yaxis={
            "title": {"text": "risk: share wrong"},
            "tickformat": ".1%",
            "range": [-0.03 * most, 1.15 * most],
        },
    )
    return figure


def latency(profile: Profile) -> go.Figure:
    """Milliseconds of each stage of reading a frame: medians, whiskers from the 5th to the 95th percentile."""
    stages = profile.stages[::-1]
    figure = go.Figure()
    figure.add_bar(
        x=[stage.median for stage in stages],
        y=[f"{STAGES[stage.name]}, {stage.median:.2f} ms " for stage in stages],
        orientation="h",
        error_x={
            "type": "data",
            "symmetric": False,
            "thickness": 1.5,
            "width": 4,
            "color": _GRAY,
            "array": [stage.high - stage.median for stage in stages],
            "arrayminus": [stage.median - stage.low for stage in stages],
        },
        marker={"color": _INK, "line": {"width": 0}},
        hovertemplate="%{y}<extra></extra>",
    )
    figure.update_layout(
        title_text="One frame of 640 × 480 pixels",
        xaxis={"title": {"text": "milliseconds of one processor thread"}, "rangemode": "tozero"},
        showlegend=False,
        bargap=0.3,
    )
    return figure


def _add_groups(
    figure: go.Figure, groups: Sequence[Group], names: Sequence[str], colours: Sequence[str]
) -> None:
    """A point for each group with a whisker in its own colour: error bars of one trace share theirs."""
    for group, name, colour in zip(groups, names, colours, strict=True):
        shown = _coloured(group, colour)
        figure.add_scatter(
            x=[name],
            y=[group.share],
            error_y={**_whiskers([group]), "color": shown},
            mode="markers",
            marker={"color": shown, "size": 11},
            customdata=[_hover_text(group)],
            hovertemplate=f"{group.name}: %{{y:.1%}}<br>%{{customdata[0]}}<extra></extra>",
        )


def _named(group: Group) -> str:
    return f"{group.name}<br><span style='font-size: 11px'>{_short(group.count)}</span>"


def _short(count: int) -> str:
    return f"{count:,}" if count < 10_000 else f"{count / 1000:.0f}k"


def _coloured(group: Group, colour: str) -> str:
    return _GRAY if group.count < FEW else colour


def _whiskers(groups: Sequence[Group]) -> dict[str, Any]:
    sides = [group.interval for group in groups]
    return {
        "type": "data",
        "symmetric": False,
        "array": [high - group.share for group, (_, high) in zip(groups, sides, strict=True)],
        "arrayminus": [group.share - low for group, (low, _) in zip(groups, sides, strict=True)],
        "thickness": 1.5,
        "width": 4,
        "color": _GRAY,
    }


def _hover_text(group: Group) -> list[str]:
    low, high = group.interval
    few = ", too few to tell" if group.count < FEW else ""
    return [f"{group.right:,} of {group.count:,}{few}; 95 % interval {low:.1%} to {high:.1%}"]


def _span(groups: Sequence[Group]) -> list[float]:
    """The shares to be shown: not from 0 on, or the differences could not be seen; of small groups only the middle counts."""
    low = min(
        (group.interval[0] if group.count >= FEW else group.share for group in groups),
        default=0.0,
    )
    return [max(low - 0.04 * (1 - low) - 0.005, -0.03), 1 + 0.04 * max(1 - low, 0.1)]


def _shade(share: float) -> str:
    """From faint to strong amber, solid, so that dark figures can be read on it on paper and on slate."""
    faint, strong = (246, 214, 178), (222, 124, 26)
    return f"rgb({', '.join(str(round(low + share * (high - low))) for low, high in zip(faint, strong, strict=True))})"
