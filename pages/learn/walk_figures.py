"""Plotly figures of the walk's tensors: pictures of the strip, heat maps of what the model computes, bars of probabilities."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import numpy as np
import plotly.graph_objects as go

from core.reading.palette import position_colour
from core.understanding.walkthrough import Answer, Walk
from pages.common.layout import percent

GREY: Final = "#817e8c"
MARK: Final = "#f4428d"
"""Outlines the patch that is followed."""
INK: Final = [[0, "#ffffff"], [1, "#15151b"]]
SIGNED: Final = [[0, "#2f6cad"], [0.5, "#f3f1f6"], [1, "#b8432f"]]
SHARE: Final = [[0, "#f3f1f6"], [0.35, "#a9a2e8"], [1, "#3b2f9b"]]
_BAR: Final = {"thickness": 10, "outlinewidth": 0, "len": 0.9, "tickfont": {"size": 12}}


class Grid(NamedTuple):
    """How patches lie on the strip."""

    rows: int
    columns: int
    side: int
    stride: int

    def corner(self, patch: int) -> tuple[int, int]:
        """Left and top of a patch, in pixels of the strip."""
        row, column = divmod(patch, self.columns)
        return column * self.stride, row * self.stride


def strip_figure(
    strip: np.ndarray,
    grid: Grid,
    *,
    patch: int | None = None,
    weights: np.ndarray | None = None,
    colour: str = "#3b2f9b",
    box: Sequence[float] | None = None,
    lines: bool = True,
) -> go.Figure:
    """The strip, HW in 0 to 1; over it (rows, columns) weights as tint, patch lines, one patch outlined, a box in shares."""
    height, width = strip.shape
    figure = go.Figure(
        go.Heatmap(z=strip, colorscale=INK, zmin=0, zmax=1, showscale=False, hovertemplate=_PIXEL)
    )
    if weights is not None:
        tint = [[0, _clear(colour, 0.0)], [1, _clear(colour, 0.8)]]
        offset = (grid.side - 1) / 2
        figure.add_heatmap(
            z=weights,
            x=[offset + grid.stride * column for column in range(grid.columns)],
            y=[offset + grid.stride * row for row in range(grid.rows)],
            colorscale=tint,
            zmin=0,
            zmax=max(float(weights.max()), 1e-9),
            showscale=False,
            customdata=np.arange(weights.size).reshape(weights.shape),
            hovertemplate="patch %{customdata}: %{z:.1%}<extra></extra>",
        )
    if lines:
        figure.add_trace(_lines(grid, height, width))
    if patch is not None:
        left, top = grid.corner(patch)
        figure.add_shape(_rectangle(left, top, left + grid.side, top + grid.side, MARK))
    if box is not None:
        left, top, right, bottom = (
            share * side for share, side in zip(box, (width, height) * 2, strict=True)
        )
        figure.add_shape(_rectangle(left, top, right, bottom, colour))
    figure.update_layout(
        xaxis={"visible": False, "fixedrange": True, "constrain": "domain", "range": [-0.5, width - 0.5]},
        yaxis={
            "visible": False,
            "fixedrange": True,
            "scaleanchor": "x",
            "constrain": "domain",
            "range": [height - 0.5, -0.5],
        },
        margin={"l": 0, "r": 0, "t": 4, "b": 4},
    )
    return figure


def cut_figure(patches: np.ndarray, patch: int) -> go.Figure:
    """(rows, columns, side, side) patches in 0 to 1 moved apart; one outlined. Hover names each."""
    rows, columns, side, _ = patches.shape
    gap = 2
    apart = np.full((rows * (side + gap) - gap, columns * (side + gap) - gap), np.nan, np.float32)
    number = np.zeros_like(apart)
    for row, column in np.ndindex(rows, columns):
        place = np.s_[
            row * (side + gap) : row * (side + gap) + side,
            column * (side + gap) : column * (side + gap) + side,
        ]
        apart[place] = patches[row, column]
        number[place] = row * columns + column
    row, column = divmod(patch, columns)
    grid = Grid(rows, columns, side, side + gap)
    figure = strip_figure(np.nan_to_num(apart), grid, patch=patch, lines=False)
    figure.update_layout(plot_bgcolor="rgba(129, 126, 140, 0.3)")
    figure.data[0].update(
        z=apart,
        customdata=number,
        hoverongaps=False,
        hovertemplate="patch %{customdata:.0f}, ink %{z:.2f}<extra></extra>",
    )
    return figure


def numbers_figure(patch: np.ndarray) -> go.Figure:
    """One (side, side) patch with its values, 0 to 1, written in."""
    figure = go.Figure(
        go.Heatmap(
            z=patch,
            colorscale=INK,
            zmin=0,
            zmax=1,
            showscale=False,
            xgap=1,
            ygap=1,
            texttemplate="%{z:.1f}",
            hovertemplate=_PIXEL,
        )
    )
    figure.update_layout(
        xaxis={"visible": False, "fixedrange": True, "constrain": "domain"},
        yaxis={
            "visible": False,
            "fixedrange": True,
            "scaleanchor": "x",
            "autorange": "reversed",
            "constrain": "domain",
        },
        margin={"l": 0, "r": 0, "t": 4, "b": 4},
    )
    return figure


def heat_figure(
    matrix: np.ndarray,
    *,
    title: str,
    x: str,
    y: str,
    signed: bool = True,
    row: int | None = None,
    column: int | None = None,
) -> go.Figure:
    """A matrix as colours: blue below 0, red above, or from 0 up; one row or column outlined."""
    top = float(np.quantile(np.abs(matrix), 0.995)) or 1.0
    scale: dict[str, Any] = (
        {"colorscale": SIGNED, "zmin": -top, "zmax": top}
        if signed
        else {"colorscale": SHARE, "zmin": 0, "zmax": top}
    )
    value = "%{z:.2f}" if signed else "%{z:.1%}"
    hover = f"{y} %{{y}}, {x} %{{x}}: {value}<extra></extra>"
    figure = go.Figure(go.Heatmap(z=matrix, hovertemplate=hover, colorbar=_BAR, **scale))
    height, width = matrix.shape
    if row is not None:
        figure.add_shape(_rectangle(0, row, width, row + 1, MARK, thickness=1.5))
    if column is not None:
        figure.add_shape(_rectangle(column, 0, column + 1, height, MARK, thickness=1.5))
    figure.update_layout(
        title_text=title,
        xaxis={"title": {"text": x}, "showgrid": False, "zeroline": False, "fixedrange": True},
        yaxis={
            "title": {"text": y},
            "autorange": "reversed",
            "showgrid": False,
            "zeroline": False,
            "fixedrange": True,
        },
    )
    if not signed:
        figure.update_traces(colorbar_tickformat=".0%")
    return figure


def shares_figure(way: Walk) -> go.Figure:
    """How much attention and feed-forward add in each layer, as shares of the tokens' length."""
    figure = go.Figure()
    names = [f"layer {number}" for number in range(1, len(way.layers) + 1)]
    for index, (name, colour) in enumerate((("attention", "#6359d2"), ("feed-forward", GREY))):
        figure.add_bar(
            x=names,
            y=[layer.shares[index] for layer in way.layers],
            name=name,
            marker={"color": colour, "cornerradius": 3},
            hovertemplate="%{x}: adds %{y:.0%} of the token's length<extra>" + name + "</extra>",
        )
    figure.update_layout(
        title_text="What each part adds",
        yaxis={"tickformat": ".0%", "fixedrange": True},
        xaxis={"fixedrange": True},
    )
    return figure


def classes_figure(answer: Answer, position: int) -> go.Figure:
    """The probability of every class at one step; what is read, in the colour of its place in the number."""
    shares = answer.probabilities.numpy()
    chosen = position_colour(position) if not answer.is_end else GREY
    figure = go.Figure(
        go.Bar(
            x=list(answer.names),
            y=shares,
            marker={
                "color": [chosen if place == answer.token else GREY for place in range(len(shares))],
                "opacity": [1.0 if place == answer.token else 0.45 for place in range(len(shares))],
                "cornerradius": 3,
            },
            text=[percent(min(float(share), 1.0)) if share >= 0.0005 else "" for share in shares],
            textposition="outside",
            cliponaxis=False,
            customdata=answer.logits.numpy(),
            hovertemplate="%{x}: %{y:.3%}, logit %{customdata:.2f}<extra></extra>",
        )
    )
    figure.update_layout(
        title_text="What comes next",
        xaxis={"type": "category", "fixedrange": True},
        yaxis={"range": [0, 1.12], "visible": False, "fixedrange": True},
    )
    return figure


def back_figure(answer: Answer, layer: int) -> go.Figure:
    """How much one step looks back at what was fed before it: one row for each head of a decoder layer."""
    assert answer.self_attention is not None
    weights = answer.self_attention[layer].numpy()
    figure = heat_figure(weights, title="Looking back", x="token", y="head", signed=False)
    names = [f"{place}: {name}" if place else name for place, name in enumerate(answer.so_far)]
    figure.data[0].update(
        x=names,
        y=[f"head {head}" for head in range(1, len(weights) + 1)],
        zmax=1,
        texttemplate="%{z:.0%}",
        xgap=2,
        ygap=2,
        hovertemplate="%{y} looks at %{x}: %{z:.1%}<extra></extra>",
    )
    figure.update_layout(
        xaxis={"title": {"text": ""}, "type": "category"}, yaxis={"title": {"text": ""}, "type": "category"}
    )
    return figure


def calibration_figure(way: Walk) -> go.Figure:
    """Of each answer: the softmax of its logits, and the calibrated probability."""
    figure = go.Figure()
    names = [f"{place}. {answer.name}" for place, answer in enumerate(way.answers, start=1)]
    for name, shares, opacity in (
        ("softmax of the logits", [answer.uncalibrated for answer in way.answers], 0.4),
        (f"after division by {way.calibration:.2f}", [answer.probability for answer in way.answers], 1.0),
    ):
        colours = [
            position_colour(place) if not answer.is_end else GREY for place, answer in enumerate(way.answers)
        ]
        figure.add_bar(
            x=names,
            y=shares,
            name=name,
            marker={"color": colours, "opacity": opacity, "cornerradius": 3},
            text=[percent(min(share, 1.0)) for share in shares],
            textposition="outside",
            textangle=0,
            cliponaxis=False,
            hovertemplate="%{x}: %{y:.3%}<extra>" + name + "</extra>",
        )
    figure.update_layout(
        title_text="Each answer's probability",
        xaxis={"type": "category", "fixedrange": True},
        yaxis={"range": [0, 1.12], "visible": False, "fixedrange": True},
        showlegend=False,
    )
    return figure


def around(grid: Grid, patch: int) -> dict[str, Any]:
    """An outline of one patch on a heat map with a cell for each."""
    row, column = divmod(patch, grid.columns)
    return _rectangle(column, row, column + 1, row + 1, MARK)


_PIXEL: Final = "row %{y}, column %{x}: ink %{z:.2f}<extra></extra>"


def _lines(grid: Grid, height: int, width: int) -> go.Scatter:
    """Between the patches; one trace, because shapes are slow."""
    x: list[float | None] = []
    y: list[float | None] = []
    for place in range(grid.stride, width, grid.stride):
        x += [place - 0.5, place - 0.5, None]
        y += [-0.5, height - 0.5, None]
    for place in range(grid.stride, height, grid.stride):
        x += [-0.5, width - 0.5, None]
        y += [place - 0.5, place - 0.5, None]
    return go.Scatter(
        x=x, y=y, mode="lines", line={"color": "#b0acbc", "width": 1}, hoverinfo="skip", showlegend=False
    )


def _rectangle(
    left: float, top: float, right: float, bottom: float, colour: str, thickness: float = 2.5
) -> dict[str, Any]:
    """Around cells; those are counted from their middles, their edges lie half a cell before."""
    x0, y0, x1, y1 = left - 0.5, top - 0.5, right - 0.5, bottom - 0.5
    return {
        "type": "rect",
        "x0": x0,
        "y0": y0,
        "x1": x1,
        "y1": y1,
        "line": {"color": colour, "width": thickness},
    }


def _clear(colour: str, opacity: float) -> str:
    red, green, blue = bytes.fromhex(colour[1:])
    return f"rgba({red}, {green}, {blue}, {opacity})"
