"""Webcam: a number is held up to the camera; it is found, read and explained in the running video."""

from __future__ import annotations

from base64 import b64encode
from html import escape
from math import isnan
from typing import Final

import streamlit as st

from core.reading import Reader
from core.reading.live import LiveMethod, LiveReader, LiveSettings, LiveStatistics
from core.reading.overlay import png, strip_picture
from pages.common import camera, look, readers

_MODES: Final[dict[readers.Kind, str]] = {"number": "Number", "digit": "Single digit"}
_METHODS: Final[dict[LiveMethod, str]] = {"raw": "Each digit's own", "rollout": "Rollout"}


def visitors_reader(reader: Reader) -> LiveReader:
    """The visitor's own live reader, kept while other pages are visited."""
    live: LiveReader = st.session_state.setdefault("webcam-live", LiveReader(reader))
    live.reader = reader
    return live


def kept(key: str, default: object) -> None:
    """Widgets forget their values when their page is left; this one is to find it again."""
    if key not in st.session_state:
        st.session_state[key] = st.session_state.get(f"{key}-kept", default)
    st.session_state[f"{key}-kept"] = st.session_state[key]


# Fragments: what changes in them reruns them alone, and the stream is left in peace.
@st.fragment
def controls(live: LiveReader, playing: bool) -> None:
    """What acts on the running video."""
    defaults = live.settings
    for name, default in defaults:
        kept(f"webcam-{name}", default)
    with st.container(horizontal=True, vertical_alignment="center"):
        frozen = live.frozen
        if st.button(
            "Go on" if frozen else "Freeze",
            icon=":material/play_arrow:" if frozen else ":material/pause:",
            key="webcam-freeze",
            disabled=not playing,
        ):
            (live.resume if frozen else live.freeze)()
            st.rerun(scope="fragment")
        st.download_button(
            "Frame (PNG)",
            lambda: live.picture() or b"",
            "frame.png",
            "image/png",
            icon=":material/download:",
            key="webcam-png",
            disabled=not playing,
            on_click="ignore",
        )
        st.download_button(
            "Readings (JSON)",
            live.readings,
            "readings.json",
            "application/json",
            icon=":material/download:",
            key="webcam-json",
            disabled=not playing,
            on_click="ignore",
        )
    with st.container(horizontal=True, vertical_alignment="center", gap="medium"):
        overlay = st.toggle("Overlay", key="webcam-overlay")
        mirror = st.toggle("Mirror", key="webcam-mirror", help="You see a mirror; the model does not.")
    method = st.segmented_control(
        "Attention",
        list(_METHODS),
        format_func=_METHODS.__getitem__,
        key="webcam-method",
        required=True,
        help="Each digit's own: where the model looked when it wrote that digit. Rollout: followed back through the encoder.",
    )
    left, right = st.columns(2, gap="medium")
    strength = left.slider("Strength of the attention", 0.0, 1.0, step=0.05, key="webcam-strength")
    threshold = right.slider(
        "Claim nothing below", 0.0, 1.0, step=0.05, key="webcam-threshold", format="percent"
    )
    live.settings = LiveSettings(
        overlay=overlay, mirror=mirror, method=method, strength=strength, threshold=threshold
    )


def say_how_to_start() -> None:
    """Before the first frame."""
    look.empty_state(
        "Hold a number up to the camera",
        "Write it large, with a thick pen, on plain paper. Press **Start** and allow the camera. "
        "Nothing is recorded, and no frame leaves the machine that runs this app.",
        key="webcam",
        icon=":material/videocam:",
    )


def panel_html(live: LiveReader, now: LiveStatistics) -> str:
    """What the panel says, in one piece, so that it does not flicker."""
    if not now.frames:
        return '<div class="live"><p class="live-said" role="status">Waiting for the first frame …</p></div>'
    parts = [look.reading_html(one.reading) for one in now.shown]
    nothing = '<div class="reading" role="status"><div class="reading-none">no number here</div></div>'
    figures = (
        ("frames/s", f"{now.frames_per_second:.0f}"),
        ("model", _ms(now.model_ms)),
        ("end to end", _ms(now.end_to_end_ms)),
        ("readings/s", f"{now.readings_per_second:.0f}"),
        ("frames", f"{now.frames}"),
        ("dropped", f"{now.dropped}"),
    )
    said = []
    if now.frozen:
        said.append("Frozen. Press Go on to see the camera again.")
    if now.behind:
        said.append(
            f"Running behind: the model reads {now.readings_per_second:.0f} of {now.frames_per_second:.0f} frames a second. "
            "The video does not wait for it."
        )
    if now.error:
        said.append(f"Reading failed ({now.error}). It goes on with the next frame; {now.errors} so far.")
    strips = "".join(
        _strip(live.reader, one.reading, one.weights[live.settings.method]) for one in now.shown[:3]
    )
    return (
        '<div class="live">'
        + ("".join(parts) or nothing)
        + "".join(f'<p class="live-said" role="status">{escape(words)}</p>' for words in said)
        + (f'<div class="live-strips">{strips}</div>' if strips else "")
        + '<dl class="live-figures">'
        + "".join(f"<div><dt>{name}</dt><dd>{value}</dd></div>" for name, value in figures)
        + "</dl>"
        + _last(now)
        + "</div>"
    )


def _strip(reader: Reader, reading: object, weights: object) -> str:
    picture = strip_picture(reading, reader.settings.model, weights, scale=4)  # type: ignore[arg-type]
    # In the page itself: Streamlit would keep every picture of a fragment that runs twice a second.
    data = b64encode(png(picture)).decode()
    return f'<img alt="The strip that the model saw, cut into patches." src="data:image/png;base64,{data}">'


def _last(now: LiveStatistics) -> str:
    if not now.last:
        return ""
    rows = "".join(
        f"<li><b>{known.text}</b><span>{look.percent(known.probability)}</span><time>{known.first:%H:%M:%S}</time></li>"
        for known in now.last[:6]
    )
    return f'<h3 class="live-title">Last readings</h3><ol class="live-last">{rows}</ol>'


def _ms(milliseconds: float) -> str:
    return "–" if isnan(milliseconds) else f"{milliseconds:.0f} ms"


_STYLE: Final = """
.live .reading { padding-bottom: .25rem; }
.live .reading-digits { gap: .5rem; }
.live .reading-digit b { font-size: clamp(2.2rem, 13cqi, 4rem); }
.live-said { margin: .4rem 0; padding: .5rem .75rem; border-radius: 6px;
  background: color-mix(in srgb, currentColor 8%, transparent); }
.live-strips img { display: block; width: 100%; border-radius: 6px; margin: .5rem 0; image-rendering: pixelated; }
.live-figures { display: grid; grid-template-columns: repeat(3, 1fr); gap: .6rem .5rem; margin: .9rem 0 0; padding: 0; }
.live-figures div, .live-figures dt { margin: 0; padding: 0; }
.live-figures dt { font-size: .8rem; opacity: .75; }
.live-figures dd { margin: 0; padding: 0; font-size: 1.2rem; font-weight: 600; font-variant-numeric: tabular-nums; white-space: nowrap; }
.live-title { font-size: .95rem; margin: 1.1rem 0 .3rem; padding: 0; }
ol.live-last { list-style: none; margin: 0; padding: 0; }
ol.live-last li { display: grid; grid-template-columns: 1fr auto 5rem; gap: .75rem; margin: 0; padding: .2rem 0;
  border-top: 1px solid color-mix(in srgb, currentColor 12%, transparent); font-variant-numeric: tabular-nums; }
ol.live-last time { opacity: .7; text-align: right; }
"""

look.header("read/webcam")
st.html(f"<style>{_STYLE}</style>")
kept("webcam-kind", "number")
kind = st.segmented_control(
    "What to read",
    list(_MODES),
    format_func=_MODES.__getitem__,
    key="webcam-kind",
    required=True,
    label_visibility="collapsed",
)
reader = readers.reader_or_advice(kind or "number")
if reader is None:
    st.stop()
live = visitors_reader(reader)

video, beside = st.columns([1.5, 1], gap="large")
with video:
    playing = False
    try:
        playing = camera.camera(live.show, live.close, key="webcam")
    except ValueError as error:
        look.empty_state("The camera cannot be reached", str(error), key="ice", icon=":material/lan:")
    camera.say_what_is_missing()
    controls(live, playing)


@st.fragment(run_every=0.5 if playing else None)
def panel() -> None:
    """Follows the video without rerunning the page."""
    now = live.statistics()
    with st.container(key="webcam-panel"):
        if playing:
            st.html(panel_html(live, now))
        else:
            say_how_to_start()
            if now.last:
                st.html(f'<div class="live">{_last(now)}</div>')


with beside:
    panel()

with st.expander("It does not start?", icon=":material/help:"):
    st.markdown(
        "- **No camera, or refused**: allow it with the camera or lock sign beside the address, and close other programs "
        "that use it.\n"
        "- **The page is not on this machine**: browsers give cameras only to pages served over HTTPS or from "
        "`localhost`.\n"
        "- **It connects for long and gives up**: you and the app are behind different routers. Whoever runs the app can "
        "name a STUN or TURN server, in `.streamlit/secrets.toml` or in the environment variable "
        f"`{camera.ICE_SERVERS}`; by default none is asked, and nothing leaves your network."
    )
    st.code(
        '[[ice_servers]]\nurls = "turn:turn.example.org:3478"\nusername = "name"\ncredential = "password"',
        language="toml",
    )
    st.markdown(
        "- **The video stopped by itself**: the machine was too busy to answer for a while. Press Start again."
    )
