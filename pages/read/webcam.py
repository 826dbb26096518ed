"""The Webcam page: a number is held up to the camera; it is found, read and explained in the running video."""

from __future__ import annotations

import streamlit as st

from core.reading import Reader
from core.reading.explain import METHODS
from core.reading.live import LIVE_METHODS, LiveReader, LiveSettings
from pages.common import layout, readers, sitemap
from pages.read import camera, live_panel


def visitors_reader(reader: Reader) -> LiveReader:
    """The visitor's own live reader, kept while other pages are visited."""
    if "webcam-live" not in st.session_state:
        st.session_state["webcam-live"] = LiveReader(reader)
    live: LiveReader = st.session_state["webcam-live"]
    live.reader = reader
    return live


# Fragments: what changes in them reruns them alone, and the stream is left in peace.
@st.fragment
def controls(live: LiveReader, playing: bool) -> None:
    """What acts on the running video."""
    default = LiveSettings()
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
        overlay = st.toggle("Overlay", default.overlay, key="webcam-overlay", persist_state="session")
        mirror = st.toggle(
            "Mirror",
            default.mirror,
            key="webcam-mirror",
            help="You see a mirror; the model does not.",
            persist_state="session",
        )
    method = st.segmented_control(
        "Attention",
        list(LIVE_METHODS),
        default=default.method,
        persist_state="session",
        format_func=lambda method: METHODS[method].label,
        key="webcam-method",
        required=True,
        help=" ".join(f"{METHODS[method].label}: {METHODS[method].meaning}" for method in LIVE_METHODS),
    )
    left, right = st.columns(2, gap="medium")
    strength = left.slider(
        "Strength of the attention",
        0.0,
        1.0,
        default.strength,
        step=0.05,
        key="webcam-strength",
        persist_state="session",
    )
    threshold = right.slider(
        "Claim nothing below",
        0.0,
        1.0,
        default.threshold,
        step=0.05,
        key="webcam-threshold",
        format="percent",
        persist_state="session",
    )
    live.settings = LiveSettings(
        overlay=overlay, mirror=mirror, method=method, strength=strength, threshold=threshold
    )


def say_how_to_start() -> None:
    """Before the first frame."""
    layout.empty_state(
        "Hold a number up to the camera",
        "Write it large, with a thick pen, on plain paper. Press **Start** and allow the camera. "
        "Nothing is recorded, and no frame leaves the machine that runs this app.",
        key="webcam",
        icon=":material/videocam:",
    )


layout.header(sitemap.WEBCAM)
kind = readers.choose_kind(key="webcam-kind")
reader = readers.reader_or_advice(kind)
if reader is None:
    st.stop()
live = visitors_reader(reader)

video, beside = st.columns([1.5, 1], gap="large")
with video:
    playing = False
    try:
        playing = camera.camera(live.show, live.close, key="webcam")
    except ValueError as error:
        layout.empty_state("The camera cannot be reached", str(error), key="ice", icon=":material/lan:")
    camera.say_what_is_missing()
    controls(live, playing)


@st.fragment(run_every=0.5 if playing else None)
def panel() -> None:
    """Follows the video without rerunning the page."""
    now = live.statistics()
    with st.container(key="webcam-panel"):
        if playing:
            live_panel.show_live(live.settings.method, now)
        else:
            say_how_to_start()
            live_panel.show_last(now)


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
