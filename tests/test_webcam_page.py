"""The webcam page without a browser: which servers it asks, what a frame goes through, how patient it is."""

import asyncio
import json
from pathlib import Path
from typing import Any

import aioice.ice
import aioice.stun
import av
import numpy as np
import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from core.reading.live import HEAT, LiveReader, LiveSettings
from pages.common import sitemap
from pages.read import camera
from tests.test_pages import app, words

__all__ = ["app"]


@pytest.fixture
def page(app: AppTest) -> AppTest:
    return app.switch_page(sitemap.WEBCAM.file).run()


def test_no_server_beyond_this_machine_is_asked_by_default(
    monkeypatch: pytest.MonkeyPatch, page: AppTest
) -> None:
    monkeypatch.delenv(camera.ICE_SERVERS, raising=False)
    assert camera.ice_servers() == []


def test_servers_come_from_the_environment_or_the_secrets(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    turn = {"urls": "turn:turn.example.org:3478", "username": "name", "credential": "password"}
    monkeypatch.delenv(camera.ICE_SERVERS, raising=False)
    monkeypatch.setattr(type(st.secrets), "load_if_toml_exists", lambda self: True)
    monkeypatch.setattr(type(st.secrets), "get", lambda self, key, default: {"ice_servers": [turn]}[key])
    assert camera.ice_servers() == [turn]
    stun = [{"urls": "stun:stun.example.org:3478"}]
    monkeypatch.setenv(camera.ICE_SERVERS, json.dumps(stun))
    assert camera.ice_servers() == stun


@pytest.mark.parametrize(
    "text", ["stun:example.org", '[{"url": "stun:example.org"}]', '{"urls": "x"}', "[1]"]
)
def test_servers_that_cannot_be_understood_are_refused_on_the_page(
    text: str, app: AppTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(camera.ICE_SERVERS, text)
    with pytest.raises(ValueError, match=camera.ICE_SERVERS):
        camera.ice_servers()
    page = app.switch_page(sitemap.WEBCAM.file).run()
    assert not page.exception
    assert "The camera cannot be reached" in words(page) and camera.ICE_SERVERS in words(page)


@pytest.mark.parametrize("form", ["rgb24", "bgr24", "yuv420p", "gray"])
@pytest.mark.parametrize(("height", "width"), [(480, 640), (96, 130)])
def test_a_frame_of_any_kind_and_size_reaches_the_reader_as_rgb(form: str, height: int, width: int) -> None:
    red = np.zeros((height, width, 3), np.uint8)
    red[..., 0] = 200
    seen: list[np.ndarray] = []

    def show(frame: np.ndarray) -> np.ndarray:
        seen.append(frame)
        return frame[:, ::-1].copy()

    frame = av.VideoFrame.from_ndarray(red, format="rgb24").reformat(format=form)
    back = camera._on_video(show)(frame)
    assert seen[0].shape == red.shape and seen[0].dtype == np.uint8
    assert (back.width, back.height, back.format.name) == (width, height, "rgb24")
    middle = seen[0][height // 2, width // 2].astype(int)
    assert form == "gray" or (abs(middle[0] - 200) < 12 and middle[1:].max() < 12)


def test_a_frame_that_fails_comes_back_as_it_was() -> None:
    def fail(frame: np.ndarray) -> np.ndarray:
        raise RuntimeError("no")

    frame = av.VideoFrame.from_ndarray(np.zeros((48, 64, 3), np.uint8), format="rgb24")
    assert camera._on_video(fail)(frame) is frame


def test_a_browser_that_answers_late_is_still_there(page: AppTest) -> None:
    """The page has made aioice patient: an answer after half a second and more counts, an answer that never comes does not."""

    class Late(aioice.ice.StunProtocol):
        def __init__(self, seconds: float) -> None:
            self.transactions: dict[bytes, Any] = {}
            self.seconds, self.asked = seconds, 0

        def send_stun(self, message: aioice.stun.Message, addr: tuple[str, int]) -> None:
            self.asked += 1
            if self.asked == 1:
                answer = aioice.stun.Message(
                    aioice.stun.Method.BINDING, aioice.stun.Class.RESPONSE, message.transaction_id
                )
                asyncio.get_running_loop().call_later(self.seconds, self.answer, answer, addr)

        def answer(self, message: aioice.stun.Message, addr: tuple[str, int]) -> None:
            if message.transaction_id in self.transactions:
                self.transactions[message.transaction_id].response_received(message, addr)

    async def ask() -> int:
        late = Late(0.7)
        message = aioice.stun.Message(aioice.stun.Method.BINDING, aioice.stun.Class.REQUEST)
        await late.request(message, ("127.0.0.1", 1), retransmissions=0)
        return late.asked

    assert asyncio.run(ask()) == 2
    assert aioice.ice.CONSENT_FAILURES == 3


def test_the_controls_act_on_the_visitors_own_reader(page: AppTest) -> None:
    live: LiveReader = page.session_state["webcam-live"]
    assert live.settings == LiveSettings()
    page.toggle(key="webcam-mirror").set_value(True)
    page.slider(key="webcam-threshold").set_value(0.8).run()
    assert not page.exception and page.session_state["webcam-live"] is live
    assert live.settings == LiveSettings(mirror=True, threshold=0.8)
    number = live.reader
    page.segmented_control(key="webcam-kind").set_value("digit").run()
    assert live.reader is not number and live.reader.settings.model.kind == "digit"


def test_before_the_start_the_page_teaches(page: AppTest) -> None:
    assert "Hold a number up to the camera" in words(page) and "press **start**" in words(page).lower()
    assert all(button.disabled for button in page.button if button.key == "webcam-freeze")


def test_the_heat_map_can_be_laid_over_the_video_instead_of_attention(page: AppTest) -> None:
    (choice,) = (one for one in page.segmented_control if one.key == "webcam-method")
    assert choice.options[-1] == "Heat map"
    choice.select(HEAT).run()
    assert not page.exception and page.session_state["webcam-live"].settings.method == HEAT
