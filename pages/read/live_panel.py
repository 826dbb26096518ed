"""The panel beside the video: readings, strips, figures and the last readings, drawn anew twice a second."""

from base64 import b64encode
from html import escape
from math import isnan

import streamlit as st

from core.reading.agree import Shown
from core.reading.live import LiveStatistics
from core.reading.overlay import png, strip_picture
from pages.common import assets, layout


def show_live(method: str, now: LiveStatistics) -> None:
    """While the camera runs: the readings, the strips with their attention, how fast it goes, the last readings."""
    st.html(live_html(method, now))


def show_last(now: LiveStatistics) -> None:
    """While it does not: the last readings, if there are any."""
    if now.last:
        st.html(f'{assets.style("live_panel.css")}<div class="live">{_last(now)}</div>')


def live_html(method: str, now: LiveStatistics) -> str:
    """What show_live puts on the page: one piece, so that nothing flickers."""
    if not now.frames:
        return f'{assets.style("live_panel.css")}<div class="live"><p class="live-note" role="status">Waiting for the first frame …</p></div>'
    parts = [layout.reading_html(one.reading) for one in now.shown]
    state = "no number here" if now.readings_per_second else "looking …"
    nothing = f'<div class="reading" role="status"><div class="reading-none">{state}</div></div>'
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
        + ("".join(parts) or nothing)
        + "".join(f'<p class="live-note" role="status">{escape(line)}</p>' for line in notes)
        + (f'<div class="live-strips">{strips}</div>' if strips else "")
        + '<dl class="live-figures">'
        + "".join(f"<div><dt>{name}</dt><dd>{value}</dd></div>" for name, value in figures)
        + "</dl>"
        + _last(now)
        + "</div>"
    )


def _strip(one: Shown, method: str) -> str:
    picture = strip_picture(one.reading, one.reader.settings.model, one.weights[method], scale=4)
    # In the page itself: Streamlit would keep every picture of a fragment that runs twice a second.
    data = b64encode(png(picture)).decode()
    return f'<img alt="The strip that the model saw, cut into patches." src="data:image/png;base64,{data}">'


def _last(now: LiveStatistics) -> str:
    if not now.last:
        return ""
    rows = "".join(
        f"<li><b>{known.text}</b><span>{layout.percent(known.probability)}</span><time>{known.first:%H:%M:%S}</time></li>"
        for known in now.last[:6]
    )
    return f'<h3 class="live-title">Last readings</h3><ol class="live-last">{rows}</ol>'


def _ms(milliseconds: float) -> str:
    return "–" if isnan(milliseconds) else f"{milliseconds:.0f} ms"
