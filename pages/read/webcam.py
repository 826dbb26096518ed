"""The Webcam page: a number is held up to the camera; it is found, read and explained in the running video."""

from __future__ import annotations

import streamlit as st

from core.reading import Reader
from core.reading.explain import METHODS
from core.reading.live import HEAT, LIVE_METHODS, LiveReader, LiveSettings
from pages.common import layout, readers, sitemap
from pages.read import camera, live_panel


def visitors_reader(reader: Reader) -> LiveReader:
    """The visitor's own live reader, kept while other pages are visited."""
    if "webcam-live" not in st.session_state:
        st.session_state["webcam-live"] = LiveReader(reader)
    live: LiveReader = st.session_state["webcam-live"]
    live.reader = reader
    return live


def numbers(live: LiveReader, playing: bool) -> None:
    """The numbers under the video."""
    if not playing:
        return
    now = live.statistics()
    live_panel.show_said(now)
    state = st.session_state
    live_panel.tell_of_new_numbers(
        now, sound=state.get("webcam-sound", False), vibration=state.get("webcam-vibration", False)
    )


def figures(live: LiveReader, playing: bool) -> None:
    """Beside the video: what the model saw, how fast it goes, the last numbers; before the start, how to begin."""
    now = live.statistics()
    with st.container(key="webcam-panel"):
        if playing:
            live_panel.show_live(live.settings.method, now)
        else:
            layout.empty_state(
                "Hold a number up to the camera",
                "Write it large, with a thick pen, on plain paper. Press **Start** and allow the camera. "
                "Nothing is recorded, and no frame leaves the machine that runs this app.",
                key="webcam",
                icon=":material/videocam:",
            )
        if now.last:
            live_panel.show_last(now)


# Fragments: what changes in them reruns them alone, and the stream is left in peace.
@st.fragment
def controls(live: LiveReader, playing: bool) -> None:
    """What acts on the running video."""
    default = LiveSettings()
    facing = camera.watch()
    if facing != st.session_state.get(
        "webcam-facing", ""
    ):  # another camera; the visitor may switch afterwards
        st.session_state["webcam-facing"] = facing
        st.session_state["webcam-mirror"] = facing == "user"
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
        # Not beside the list: what is drawn anew twice a second takes its download away again.
        st.download_button(
            "Numbers (CSV)",
            live.table,
            "numbers.csv",
            "text/csv",
            icon=":material/download:",
            key="webcam-csv",
            help="All numbers that were agreed on, each with its time.",
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
        st.toggle(
            "Sound", key="webcam-sound", help="A short tone with each new number.", persist_state="session"
        )
        st.toggle(
            "Vibration",
            key="webcam-vibration",
            help="Where the device can, with each new number.",
            persist_state="session",
        )
    method = st.segmented_control(
        "Over the video",
        [*LIVE_METHODS, HEAT],
        default=default.method,
        persist_state="session",
        format_func=lambda method: METHODS[method].label if method in METHODS else "Heat map",
        key="webcam-method",
        required=True,
        help=" ".join(f"{METHODS[method].label}: {METHODS[method].meaning}" for method in LIVE_METHODS)
        + " Heat map: where the finder sees the middle of a number.",
    )
    left, right = st.columns(2, gap="medium")
    strength = left.slider(
        "Strength",
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
    st.fragment(numbers, run_every=0.4 if playing else None)(live, playing)
    controls(live, playing)
with beside:
    st.fragment(figures, run_every=0.8 if playing else None)(live, playing)

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
        "- **The video stopped by itself**: the machine was too busy to answer for a while. It is started again by itself; "
        "where that fails five times, press Start.\n"
        "- **A lone digit is not read**: move it a little. A room is full of rings and edges that look like one, but they "
        "stand still."
    )
