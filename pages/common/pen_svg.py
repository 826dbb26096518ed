"""Digits as pen strokes in SVG, for the app's mark and the small drawings on the home page."""

from base64 import b64encode
from typing import Final

from core.reading.palette import position_colour

# Each digit stands in a box 24 wide and 36 high.
_WRITTEN: Final = {
    "1": "M7 11 L14 4 L13 33",
    "3": "M4 7 C9 1 20 4 18 11 C17 16 12 17 9 17 C15 16 21 20 19 27 C17 34 8 35 3 30",
    "4": "M15 3 L4 23 L21 22 M16 13 L14 34",
}
_PRINTED: Final = {
    "1": "M5 9 L13 4 V33 M5 33 H21",
    "3": "M4 4 H19 L11 15 C23 15 23 33 11 33 C7 33 4 31 3 28",
    "4": "M17 33 V4 L3 24 H22",
}
# A picture in an <img> cannot know the theme (and st.html lets no inline SVG through): this reads well in both.
_INK: Final = "#817e8c"


def mark() -> str:
    """The app's mark as an SVG document: three handwritten digits in the colours of the first three positions."""
    return _document("-2 -1 76 38", _digits(_WRITTEN, coloured=True, width=4))


def step_drawing(step: str) -> str:
    """The drawing of one step on the way of the data (picture, find, strip, model, reading) as an <img>."""
    picture = b64encode(_document("0 0 120 72", _DRAWINGS[step]).encode()).decode()
    return f'<img alt="" src="data:image/svg+xml;base64,{picture}">'


def _document(box: str, content: str) -> str:
    _, _, width, height = box.split()
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="{box}" '
        f'fill="none" stroke="{_INK}" stroke-linecap="round" stroke-linejoin="round">{content}</svg>'
    )


def _digits(shapes: dict[str, str], *, coloured: bool, width: float) -> str:
    """The number 314 as strokes, 24 apart; in the colours of its positions or in grey."""
    return "".join(
        f'<path transform="translate({24 * position})" d="{shapes[digit]}" stroke-width="{width}" '
        f'stroke="{position_colour(position) if coloured else _INK}"/>'
        for position, digit in enumerate("314")
    )


def _placed(x: float, y: float, scale: float, drawing: str, *, tilt: float = 0) -> str:
    return f'<g transform="translate({x} {y}) rotate({tilt}) scale({scale})">{drawing}</g>'


def _patches() -> str:
    """Three tokens, each looking hardest at the patches of its own digit."""
    tokens = (29, 60, 91)
    patches = [(12 + 16 * column, 45) for column in range(6)]
    looks = "".join(
        f'<path d="M{x + 8} {y} L{token} 16" stroke="{position_colour(position)}" '
        f'stroke-width="{2 if column // 2 == position else 0.8}" '
        f'opacity="{1 if column // 2 == position else 0.4}"/>'
        for position, token in enumerate(tokens)
        for column, (x, y) in enumerate(patches)
    )
    dots = "".join(
        f'<circle cx="{token}" cy="12" r="6" stroke="none" fill="{position_colour(position)}"/>'
        for position, token in enumerate(tokens)
    )
    cells = "".join(
        f'<rect x="{x + 0.75}" y="{y}" width="14.5" height="23" rx="2" stroke-width="1" opacity="0.7"/>'
        for x, y in patches
    )
    return looks + dots + cells + _placed(21.6, 47, 0.52, _spread(32 / 0.52 / 24))


def _spread(pitch: float) -> str:
    return "".join(
        f'<path transform="translate({24 * pitch * position})" d="{_WRITTEN[digit]}" stroke-width="4"/>'
        for position, digit in enumerate("314")
    )


def _gauges() -> str:
    return "".join(
        f'<path d="M{x} 60 h24" stroke-width="3.4" opacity="0.3" stroke="{position_colour(position)}"/>'
        f'<path d="M{x} 60 h{filled}" stroke-width="3.4" stroke="{position_colour(position)}"/>'
        for position, (x, filled) in enumerate(((14, 23), (48, 19), (82, 22)))
    ) + "".join(
        f'<path transform="translate({x} 11) scale(1.08)" d="{_PRINTED[digit]}" stroke-width="3.6" '
        f'stroke="{position_colour(position)}"/>'
        for position, (x, digit) in enumerate(zip((13, 47, 81), "314", strict=True))
    )


_PAPER: Final = (
    f'<rect x="1" y="5" width="116" height="62" rx="3" fill="{_INK}" fill-opacity="0.12" stroke="none"/>'
    '<path d="M1 26 H117 M1 47 H117" opacity="0.3" stroke-width="1"/>'
)
_NUMBER: Final = _digits(_WRITTEN, coloured=False, width=3.4)
_DRAWINGS: Final = {
    "picture": _PAPER + _placed(36, 27, 0.72, _NUMBER, tilt=-8),
    "find": _PAPER
    + _placed(36, 27, 0.72, _NUMBER, tilt=-8)
    + f'<rect x="31" y="18" width="62" height="36" rx="2" stroke="{position_colour(0)}" stroke-width="2" '
    'stroke-dasharray="4.5 4" transform="rotate(-8 60 36)"/>',
    "strip": f'<rect x="1" y="19" width="117" height="34" rx="2" stroke-width="1.4" fill="{_INK}" fill-opacity="0.06"/>'
    + _placed(29, 21.4, 0.82, _NUMBER),
    "model": _placed(-11.5, 0, 1, _patches()),
    "reading": _placed(-11.5, 0, 1, _gauges()),
}
