"""Lays canvases out as a contact sheet, with what was written and read on each: HTML for the page and for the report."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Sequence

import numpy as np
from markupsafe import Markup

from core.reading.overlay import png
from core.reading.palette import position_colour
from core.understanding.reports.analysis import Seen
from core.understanding.reports.templating import render


def contact_sheet(seen: Seen, places: Sequence[int], strips: Sequence[np.ndarray] = ()) -> Markup:
    """A card for each place: the canvas as the camera saw it, the strip if one is given, what is written, read and claimed.

    `strips` are HWC uint8 RGB, of `attention_pictures`; then the digits that were read have the colours of their tints.
    """
    cards = [
        {
            "truth": seen.truths[place],
            "text": seen.texts[place],
            "canvas": _data_uri(seen.pictures[place][..., None].repeat(3, 2)),
            "strip": _data_uri(strips[number]) if len(strips) else "",
            "sure": _percent(float(seen.calibrated[place])),
            "effect": seen.effect(place),
        }
        for number, place in enumerate(places)
    ]
    wide = seen.pictures.shape[2] >= 2 * seen.pictures.shape[1]
    shape = "small" if not wide else "" if len(strips) else "narrow"
    return render("contact_sheet", cards=cards, shape=shape, colour=position_colour)


def _data_uri(rgb: np.ndarray) -> str:
    """An HWC uint8 RGB picture as an address that holds it."""
    return f"data:image/png;base64,{b64encode(png(rgb)).decode()}"


def _percent(probability: float) -> str:
    """Never 100 % by rounding."""
    return f"{probability:.1%}" if probability < 0.9995 else ">99.9%"
