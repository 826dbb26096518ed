"""Canvases and what was read on them in, a contact sheet out: HTML with the pictures inside it, for the page and the report."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Sequence
from typing import Final

import numpy as np

from core.reading.overlay import png
from core.reading.palette import position_colour
from core.understanding.reports.analysis import Seen

STYLE: Final = """
.sheet { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(15rem, 100%), 1fr)); gap: 1.3rem 1.5rem; padding: .5rem 0; }
.sheet.narrow { grid-template-columns: repeat(auto-fill, minmax(min(12rem, 100%), 1fr)); }
.sheet.small { grid-template-columns: repeat(auto-fill, minmax(8.5rem, 1fr)); }
.sheet figure { margin: 0; min-width: 0; }
.sheet img { display: block; width: 100%; image-rendering: pixelated; border-radius: 6px; margin-bottom: .3rem;
  border: 1px solid color-mix(in srgb, currentColor 16%, transparent); }
.sheet figcaption { font-size: .95rem; line-height: 1.45; font-variant-numeric: tabular-nums; }
.sheet figcaption b { font-weight: 650; }
.sheet figcaption .read { letter-spacing: .04em; }
.sheet figcaption .wrong { text-decoration: underline wavy #d46b01 1.5px; text-underline-offset: .22em; }
.sheet figcaption small { display: block; font-size: .85rem; opacity: .8; }
"""
"""Of the sheet; it takes its colours from where it stands."""


def sheet(seen: Seen, places: Sequence[int], strips: Sequence[np.ndarray] = ()) -> str:
    """A card for each place: the canvas as the camera saw it, the strip if one is given, what is written, read and claimed.

    `strips` are HWC uint8 RGB, of `attention_pictures`; then the digits that were read have the colours of their tints.
    """
    cards = []
    for number, place in enumerate(places):
        truth, text = seen.truths[place], seen.texts[place]
        pictures = _picture(seen.pictures[place][..., None].repeat(3, 2), f"A canvas with {_called(truth)}")
        if len(strips):
            pictures += _picture(
                strips[number], f"The strip that the model saw, tinted where it looked for {_called(text)}"
            )
        wrong = "" if text == truth else " wrong"
        cards.append(
            f"<figure>{pictures}<figcaption>written <b>{_called(truth)}</b>, read "
            f'<b class="read{wrong}">{_digits(text, coloured=bool(len(strips)))}</b>'
            f"<small>{_sure(float(seen.calibrated[place]))} sure, {seen.effect(place)}</small></figcaption></figure>"
        )
    wide = seen.pictures.shape[2] >= 2 * seen.pictures.shape[1]
    kind = "small" if not wide else "" if len(strips) else "narrow"
    return f'<div class="sheet {kind}">{"".join(cards)}</div>'


def data_uri(rgb: np.ndarray) -> str:
    """An HWC uint8 RGB picture as an address that holds it."""
    return f"data:image/png;base64,{b64encode(png(rgb)).decode()}"


def _picture(rgb: np.ndarray, alt: str) -> str:
    return f'<img alt="{alt}" src="{data_uri(rgb)}">'


def _called(text: str) -> str:
    return text or "nothing"


def _digits(text: str, *, coloured: bool) -> str:
    if not text or not coloured:
        return _called(text)
    return "".join(
        f'<span style="color:{position_colour(place)}">{sign}</span>' for place, sign in enumerate(text)
    )


def _sure(probability: float) -> str:
    """Never 100 % by rounding."""
    return f"{probability:.1%}" if probability < 0.9995 else ">99.9%"
