"""The visitor's camera: each frame goes to a function, and what that returns is shown. The one file that knows streamlit-webrtc.

Nothing beyond this machine is asked by default, which is enough for a browser on the same machine or network. A visitor
behind another router needs a STUN or TURN server: name it in `.streamlit/secrets.toml`

    [[ice_servers]]
    urls = "turn:turn.example.org:3478"
    username = "name"
    credential = "password"

or, as JSON, in the environment variable NUMBERS_ICE_SERVERS: [{"urls": "stun:stun.example.org:3478"}].
"""

import json
import os
from collections.abc import Callable
from typing import Any, Final, Literal

import aioice.ice
import av
import numpy as np
import streamlit as st
from streamlit_webrtc import WebRtcMode, webrtc_streamer
from streamlit_webrtc.component import generate_frontend_component_key
from streamlit_webrtc.config import Translations

from pages.common import assets

ICE_SERVERS: Final = "NUMBERS_ICE_SERVERS"

Facing = Literal["user", "environment", "left", "right", ""]
"""What a browser calls the way a camera looks: "user" is the front one."""

_WANTED: Final[dict[str, Any]] = {
    "video": {
        "width": {"ideal": 1280},
        "height": {"ideal": 720},
        "frameRate": {"ideal": 24, "max": 30},
        "facingMode": {
            "ideal": "environment"
        },  # what is written lies behind a phone; other machines have one camera
    },
    "audio": False,
}
_VIDEO: Final[dict[str, Any]] = {
    "autoPlay": True,
    "controls": False,
    "muted": True,
    "playsInline": True,
    "style": {"width": "100%"},
}
_WORDS: Final[Translations] = {
    "start": "Start",
    "stop": "Stop",
    "select_device": "Choose a camera",
    "media_api_not_available": "This browser gives no camera to this page.",
    "device_ask_permission": "Please allow the camera.",
    "device_not_available": "No camera was found.",
    "device_access_denied": "The camera was refused.",
}


def camera(show: Callable[[np.ndarray], np.ndarray], ended: Callable[[], None], *, key: str) -> bool:
    """Show the camera with its Start button; whether it is playing.

    `show` gets and returns HWC uint8 RGB frames, on WebRTC's thread; it must be quick. `ended` is called when the stream
    ends, however it does: on the server's event loop. Neither may use Streamlit.
    """
    _be_patient()
    state = st.session_state
    context = state.get(key)
    if context is not None:
        # The package drops a stream which it believes was not on the page for some runs, but it counts wrongly when
        # reruns follow each other fast. The value of its widget is gone exactly when the page was left.
        entered = generate_frontend_component_key(key) not in state
        context._last_rendered_run_count = -10 if entered else None
    context = webrtc_streamer(
        key=key,
        mode=WebRtcMode.SENDRECV,
        rtc_configuration={"iceServers": ice_servers()},
        media_stream_constraints=_WANTED,
        video_frame_callback=_on_video(show),
        on_video_ended=ended,
        # On a thread of its own: the event loop serves every visitor.
        async_processing=True,
        sendback_audio=False,
        media_toggle_controls=False,
        video_html_attrs=_VIDEO,
        translations=_WORDS,
    )
    return bool(context.state.playing)


def ice_servers() -> list[dict[str, Any]]:
    """The STUN and TURN servers that the environment or the secrets name; none by default. Raises `ValueError`."""
    if text := os.environ.get(ICE_SERVERS, ""):
        try:
            servers = json.loads(text)
        except ValueError as error:
            raise ValueError(
                f'{ICE_SERVERS} is not JSON ({error}); write it like [{{"urls": "stun:host:3478"}}]'
            ) from error
        where = ICE_SERVERS
    else:
        servers = list(st.secrets.get("ice_servers", [])) if st.secrets.load_if_toml_exists() else []
        where = "ice_servers in .streamlit/secrets.toml"
    if not isinstance(servers, list) or not all(hasattr(one, "keys") and "urls" in one for one in servers):
        raise ValueError(f'{where} must be a list of servers, each with its "urls"')
    return [dict(server) for server in servers]


def watch() -> Facing:
    """Look after the camera in the browser; which way it looks, as far as that is known. Changes rerun the fragment around this.

    No secure page, no camera, no permission: it says so at once, and what to do about it. A connection that is lost is
    started again.
    """
    result = st.components.v2.component(
        "camera_advice",
        html='<p role="alert" hidden></p>',
        css=assets.text("camera_advice.css"),
        js=assets.text("camera_advice.js"),
    )(key="camera-advice", default={"facing": ""}, on_facing_change=lambda: None)
    facing: Facing = result.facing or ""
    return facing


def _be_patient() -> None:
    """Give a busy machine time to say that it is still there.

    Every 5 seconds aioice asks the browser once, waits half a second, and ends the stream after six failures. Where the
    processor is fully taken each answer takes longer than that (0.4 to 1.2 seconds were measured, four of five too late),
    and the video stopped after half a minute. Asked again up to three times, the browser has 7.5 seconds; a closed tab
    is still noticed in about half a minute, after three failures.
    """
    aioice.ice.CONSENT_FAILURES = 3
    # The package has no setting for it.
    aioice.ice.StunProtocol.request = _ask_patiently  # type: ignore[method-assign,assignment]


_ASK_ONCE: Final = aioice.ice.StunProtocol.request


async def _ask_patiently(
    protocol: Any,
    message: Any,
    address: Any,
    integrity_key: bytes | None = None,
    retransmissions: int | None = None,
) -> Any:
    tries = 3 if retransmissions == 0 else retransmissions
    return await _ASK_ONCE(protocol, message, address, integrity_key, tries)


def _on_video(show: Callable[[np.ndarray], np.ndarray]) -> Callable[[av.VideoFrame], av.VideoFrame]:
    def on_frame(frame: av.VideoFrame) -> av.VideoFrame:
        # On a thread of streamlit-webrtc. An error here would end it without a word and freeze the picture.
        try:
            return av.VideoFrame.from_ndarray(show(frame.to_ndarray(format="rgb24")), format="rgb24")
        except Exception:
            return frame

    return on_frame
