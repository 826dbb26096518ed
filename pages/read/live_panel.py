"""What is told of the running video: the numbers, large, under it; strips, figures and the last numbers beside it."""

from base64 import b64encode
from dataclasses import replace
from html import escape
from math import isnan
from typing import Final

import streamlit as st

from core.reading.live import LiveStatistics, Shown
from core.reading.overlay import png, strip_picture
from pages.common import assets, layout

_SILENT: Final = 3.0  # seconds without a frame before it is told
_LISTED: Final = 30  # of the last numbers; all are in the CSV


def show_said(now: LiveStatistics) -> None:
    """The numbers that are agreed on, large; or why there are none."""
    st.html(said_html(now))


def show_live(method: str, now: LiveStatistics) -> None:
    """While the camera runs: the strips with their attention, how fast it goes."""
    st.html(live_html(method, now))


def show_last(now: LiveStatistics) -> None:
    """The last numbers, the newest first, with the time of each."""
    rows = "".join(
        f"<li><b>{known.text}</b><span>{layout.percent(known.probability)}</span><time>{known.first:%H:%M:%S}</time></li>"
        for known in now.last[:_LISTED]
    )
    if rows:
        title = '<h3 class="live-title">Last numbers</h3>'
        st.html(
            f'{assets.style("live_panel.css")}<div class="live">{title}<ol class="live-last">{rows}</ol></div>'
        )


def tell_of_new_numbers(now: LiveStatistics, *, sound: bool, vibration: bool) -> None:
    """In the browser, by ear or hand, once another number is shown."""
    newest = f"{now.last[0].text} {now.last[0].first.isoformat()}" if now.last else ""
    st.components.v2.component("new_number", html="<i hidden></i>", js=assets.text("new_number.js"))(
        key="new-number", data={"number": newest, "sound": sound, "vibration": vibration}
    )


def said_html(now: LiveStatistics) -> str:
    """What show_said puts on the page."""
    if now.silent > _SILENT and not now.frozen:
        said = _note(
            "No frames arrive. Is the camera covered, or used by another program? If this lasts, press Stop and Start."
            if now.frames
            else "Waiting for the first frame …"
        )
    elif now.shown:
        said = "".join(
            layout.reading_html(replace(one.reading, probability=one.probability)) for one in now.shown
        )
    else:
        state = "no number here" if now.readings_per_second else "looking …"
        said = f'<div class="reading" role="status"><div class="reading-none">{state}</div></div>'
    return f'{assets.style("live_panel.css")}<div class="live live-said">{said}</div>'


def live_html(method: str, now: LiveStatistics) -> str:
    """What show_live puts on the page: one piece, so that nothing flickers."""
    figures = (
        ("frames/s", f"{now.frames_per_second:.0f}"),
        ("model", _ms(now.model_ms)),
        ("end to end", _ms(now.end_to_end_ms)),
        ("readings/s", f"{now.readings_per_second:.0f}"),
        ("frames", f"{now.frames}"),
        ("dropped", f"{now.dropped}"),
    )
    notes = []
    if now.frozen:
        notes.append("Frozen. Press Go on to see the camera again.")
    if now.behind:
        notes.append(
            f"Running behind: the model reads {now.readings_per_second:.0f} of {now.frames_per_second:.0f} frames a second. "
            "The video does not wait for it."
        )
    if now.error:
        notes.append(f"Reading failed ({now.error}). It goes on with the next frame; {now.errors} so far.")
    strips = "".join(_strip(one, method) for one in now.shown[:3])
    return (
        f'{assets.style("live_panel.css")}<div class="live">'
        + "".join(_note(line) for line in notes)
        + (f'<div class="live-strips">{strips}</div>' if strips else "")
        + '<dl class="live-figures">'
        + "".join(f"<div><dt>{name}</dt><dd>{value}</dd></div>" for name, value in figures)
        + "</dl></div>"
    )


def _note(line: str) -> str:
    return f'<p class="live-note" role="status">{escape(line)}</p>'


def _strip(one: Shown, method: str) -> str:
    picture = strip_picture(one.reading, one.reader.settings.model, one.weights.get(method), scale=4)
    # In the page itself: Streamlit would keep every picture of a fragment that runs twice a second.
    data = b64encode(png(picture)).decode()
    return f'<img alt="The strip that the model saw, cut into patches." src="data:image/png;base64,{data}">'


def _ms(milliseconds: float) -> str:
    return "–" if isnan(milliseconds) else f"{milliseconds:.0f} ms"
