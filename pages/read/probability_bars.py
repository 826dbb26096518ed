"""Bars of the probability of the whole number and of each digit, with what else each could have been."""

from typing import Final

import plotly.graph_objects as go

from core.reading import DigitReading, Reading
from core.reading.palette import position_colour
from pages.common.charts import show_chart
from pages.common.layout import percent

_ROW: Final = 25  # pixels
_GAP: Final = 0.35  # rows, above each digit
_GREY: Final = "#817e8c"


def show_probabilities(reading: Reading, *, key: str, candidates: int | None = None) -> None:
    """Bars for the whole and, under each digit, its runners-up: `candidates` in all, fewer in a long number."""
    kept = candidates or (3 if len(reading.digits) <= 3 else 2)
    figure = probability_figure(reading, kept)
    lowest, highest = figure.layout.yaxis.range
    show_chart(figure, key=key, height=round(_ROW * (lowest - highest)) + 8)


def probability_figure(reading: Reading, candidates: int) -> go.Figure:
    """The bars, from the top: the whole number, then each digit and its runners-up in the colour of its position."""
    rows: list[tuple[float, str, float, str, float]] = []  # place, name, probability, colour, opacity
    place = 0.0
    if len(reading.digits) > 1:
        rows.append((place, f"<b>{reading.text}</b>", reading.probability, _GREY, 1.0))
        place += 1
    for position, digit in enumerate(reading.digits):
        colour = position_colour(position)
        place += _GAP if rows else 0
        for rank, (name, probability) in enumerate(_candidates(digit)[:candidates]):
            shown = name if rank else f'<span style="color:{colour}"><b>{name}</b></span>'
            rows.append((place, shown, probability, colour, 0.5 if rank else 1.0))
            place += 1
    places, names, shares, colours, opacities = zip(*rows, strict=True)
    percents = [percent(min(share, 1.0)) for share in shares]
    bars = go.Bar(
        x=shares,
        y=places,
        orientation="h",
        width=0.62,
        marker={"color": colours, "opacity": opacities, "line": {"width": 0}, "cornerradius": 3},
        text=percents,
        textposition="outside",
        textfont={"size": 13},
        cliponaxis=False,
        hovertemplate="%{text}<extra></extra>",
    )
    return go.Figure(
        bars,
        layout={
            "xaxis": {"range": [0, 1.16], "visible": False, "fixedrange": True},
            "yaxis": {
                "range": [places[-1] + 0.6, -0.6],
                "tickvals": places,
                "ticktext": names,
                "tickfont": {"size": 15},
                "showgrid": False,
                "zeroline": False,
                "fixedrange": True,
            },
            "margin": {"l": 4, "r": 4, "t": 4, "b": 4},
            "showlegend": False,
        },
    )


def _candidates(digit: DigitReading) -> list[tuple[str, float]]:
    """The digit itself, then the others, likeliest first."""
    return [(digit.symbol, digit.probability), *digit.runners_up]
