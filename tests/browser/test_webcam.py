"""A camera, the whole way: a clip of numbers on paper in Chromium, over WebRTC to the model, and the drawn video back."""

import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
from playwright.sync_api import Browser, FrameLocator, Locator, Page, WebSocket, expect, sync_playwright
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg

from tests.browser import conftest
from tests.browser.conftest import FLAGS, PATIENCE, OpenTab, Server
from tests.browser.fake_camera import write_clip
from tests.browser.hands import assert_all_is_well, settle
from tests.conftest import ROOT

SCENES = [("407", 4.0), ("52", 4.0), ("", 4.0)]
# Connections that the browser has opened, and a way to lose one.
CONNECTIONS = """
const Peer = window.RTCPeerConnection;
window.connections = [];
window.RTCPeerConnection = class extends Peer {
  constructor(...all) { super(...all); window.connections.push(this); }
};
"""


@pytest.fixture(scope="module")
def browser(chromium_path: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """A Chromium whose camera plays the clip, and is granted to every page."""
    clip = write_clip(tmp_path_factory.mktemp("camera") / "numbers.y4m", SCENES)
    flags = [
        "--use-fake-ui-for-media-stream",
        "--use-fake-device-for-media-stream",
        f"--use-file-for-fake-video-capture={clip}",
        "--allow-loopback-in-peer-connection",
    ]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=chromium_path, headless=True, args=[*FLAGS, *flags]
        )
        try:
            yield browser
        finally:
            browser.close()


@pytest.fixture(scope="module")
def server(chromium_path: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The app with its WebRTC on this machine alone."""
    log = tmp_path_factory.mktemp("webcam") / "streamlit.log"
    starter = str(Path(__file__).parent / "loopback.py")
    with conftest.run_app(ROOT / "streamlit_app.py", log, starter=(starter,), OMP_NUM_THREADS="1") as server:
        yield server


def streamer(page: Page) -> FrameLocator:
    return page.frame_locator('iframe[title*="webrtc_streamer"]')


def enter(page: Page, server: Server) -> Page:
    """The webcam page, by way of the home page: a fresh server takes the first direct link for a page it does not know."""
    page.add_init_script(CONNECTIONS)
    page.goto(server.url)
    settle(page)
    page.get_by_test_id("stSidebarNavLink").filter(has_text="Webcam").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Webcam")
    expect(streamer(page).get_by_role("button", name="Start")).to_be_visible()
    settle(page)
    return page


def start(page: Page) -> None:
    streamer(page).get_by_role("button", name="Start").click()
    expect(figure(page, "frames")).to_have_text(re.compile(r"[1-9]"))


def stop(page: Page) -> None:
    streamer(page).get_by_role("button", name="Stop").click()
    expect(page.locator(".st-key-empty-webcam")).to_be_visible()


def figure(page: Page, name: str) -> Locator:
    return page.locator(".live-figures div").filter(has=page.locator(f"dt:text-is('{name}')")).locator("dd")


def number(page: Page, name: str) -> float:
    found = re.search(r"[\d.]+", figure(page, name).inner_text())
    return float(found[0]) if found else float("nan")


def reads(page: Page, text: str) -> None:
    """Wait until the page shows this number."""
    said = page.get_by_role("status", name=re.compile(rf"^read as {text}, "))
    soon(page, said.is_visible, f"{text} is not read", PATIENCE / 1000)


def connections(page: Page) -> int:
    """How often the browser has connected since the page was opened."""
    return int(streamer(page).locator("body").evaluate("window.connections.length"))


def coloured(page: Page) -> int:
    """Pixels of the video that came back which are violet, as the first position is; nothing in the clip is."""
    return int(
        streamer(page)
        .locator("body")
        .evaluate(
            """body => {
                const video = body.querySelector('video');
                if (!video) return 0;
                const canvas = document.createElement('canvas');
                canvas.width = video.videoWidth; canvas.height = video.videoHeight;
                if (!canvas.width) return 0;
                const pen = canvas.getContext('2d');
                pen.drawImage(video, 0, 0);
                const data = pen.getImageData(0, 0, canvas.width, canvas.height).data;
                let found = 0;
                for (let i = 0; i < data.length; i += 4)
                    found += data[i + 2] - data[i] > 40 && data[i + 2] - data[i + 1] > 40;
                return found;
            }"""
        )
    )


def soon(page: Page, true: Callable[[], bool], what: str, seconds: float = 30) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, what
        page.wait_for_timeout(100)


def count_page_runs(page: Page) -> list[str]:
    """A list that grows with each run of the whole page; call before the page is opened."""
    runs: list[str] = []

    def look(message: str | bytes) -> None:
        if isinstance(message, bytes):
            said = ForwardMsg.FromString(message)
            if said.WhichOneof("type") == "new_session" and not said.metadata.run.fragment_ids:
                runs.append(said.metadata.run.script_run_id)

    def listen(socket: WebSocket) -> None:
        socket.on("framereceived", look)

    page.on("websocket", listen)
    return runs


def threads(server: Server) -> int:
    return psutil.Process(server.process.pid).num_threads()


def test_the_reading_follows_the_camera_and_is_drawn_into_the_video(
    open_tab: OpenTab, server: Server, screenshots: Path
) -> None:
    page = open_tab("about:blank")
    runs = count_page_runs(page)
    enter(page, server)
    page.screenshot(path=screenshots / "webcam_before.png")
    start(page)
    reads(page, "407")
    soon(page, lambda: coloured(page) > 100, "nothing is drawn on the video")
    settle(page)
    page.screenshot(path=screenshots / "webcam_playing.png", full_page=True)
    # On a starved machine a connection may be lost, and another takes its place with a few runs of the page: look again then.
    for _ in range(5):
        before, connected, frames = len(runs), connections(page), number(page, "frames")
        reads(page, "52")
        expect(page.get_by_text("no number here")).to_be_visible()
        reads(page, "407")
        followed, reruns = number(page, "frames") - frames, len(runs) - before
        if connections(page) == connected:
            break
    else:
        pytest.fail("no connection lasted for one round of the clip")
    assert followed > 10 and reruns == 0, "following the video reran the page"
    expect(page.locator(".live-last li b")).to_contain_text(["407", "52", "407"])
    with page.expect_download() as saved:
        page.get_by_role("button", name="Numbers (CSV)").click()
    assert ",52," in saved.value.path().read_text()
    # The controls act at once, without a run of the page.
    before, connected = len(runs), connections(page)
    page.get_by_text("Overlay", exact=True).click()
    soon(page, lambda: coloured(page) == 0, "the overlay stayed")
    assert len(runs) == before or connections(page) > connected
    assert_all_is_well(page)
    stop(page)


def test_stop_ends_the_threads_and_another_start_works(open_tab: OpenTab, server: Server) -> None:
    page = enter(open_tab("about:blank"), server)
    start(page)
    reads(page, "407")
    playing = threads(server)
    stop(page)
    soon(page, lambda: threads(server) < playing, "no thread has ended")
    start(page)
    reads(page, "52")
    stop(page)


def test_leaving_the_page_ends_the_stream_and_coming_back_works(open_tab: OpenTab, server: Server) -> None:
    page = enter(open_tab("about:blank"), server)
    start(page)
    playing = threads(server)
    page.get_by_test_id("stSidebarNavLink").filter(has_text="Draw").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Draw")
    soon(page, lambda: threads(server) < playing, "the stream goes on")
    page.get_by_test_id("stSidebarNavLink").filter(has_text="Webcam").click()
    expect(page.locator(".st-key-empty-webcam")).to_be_visible()
    start(page)
    reads(page, "407")
    stop(page)


def test_a_lost_connection_is_told_of_and_started_again(open_tab: OpenTab, server: Server) -> None:
    page = enter(open_tab("about:blank"), server)
    start(page)
    reads(page, "407")
    page.locator("p[role=alert]").evaluate(  # the note may be gone again before it is looked for
        """note => {
            const notes = window.notes = [], root = note.getRootNode();
            new MutationObserver(() => notes.push(root.querySelector('p').textContent))
                .observe(root, {childList: true, subtree: true, characterData: true});
        }"""
    )
    streamer(page).locator("body").evaluate(
        """() => {
            const lost = window.connections.at(-1);
            lost.close();
            lost.dispatchEvent(new Event('connectionstatechange'));
        }"""
    )
    reads(page, "52")
    assert any("Connection lost, starting again" in note for note in page.evaluate("window.notes"))
    expect(page.get_by_role("alert").filter(has_text="Connection lost")).to_be_hidden()
    assert connections(page) == 2
    stop(page)
    page.wait_for_timeout(3000)
    expect(streamer(page).get_by_role("button", name="Start")).to_be_visible()  # stopped by hand it stays


def test_the_numbers_stand_between_the_video_and_the_controls_on_a_phone(
    open_tab: OpenTab, server: Server, screenshots: Path
) -> None:
    page = enter(open_tab("about:blank"), server)
    page.set_viewport_size(
        {"width": 400, "height": 850}
    )  # the way here is by the sidebar, which a phone hides
    start(page)
    reads(page, "407")
    said, video = (
        page.locator(".live-said").bounding_box(),
        page.locator('iframe[title*="webrtc_streamer"]').bounding_box(),
    )
    controls = page.get_by_role("button", name="Freeze").bounding_box()
    assert said is not None and video is not None and controls is not None
    assert video["y"] + video["height"] <= said["y"] and said["y"] + said["height"] <= controls["y"]
    assert (
        float(page.locator(".live-said b").first.evaluate("b => parseFloat(getComputedStyle(b).fontSize)"))
        > 44
    )
    page.screenshot(path=screenshots / "webcam_phone.png")
    stop(page)


def test_two_visitors_have_a_stream_each(open_tab: OpenTab, server: Server) -> None:
    first, second = (enter(open_tab("about:blank"), server) for _ in range(2))
    for page in (first, second):
        start(page)
    first.get_by_text("Overlay", exact=True).click()
    for page in (first, second):
        reads(page, "407")
    soon(second, lambda: coloured(second) > 100, "the second visitor lost the overlay")
    soon(first, lambda: coloured(first) == 0, "the first visitor's overlay stayed")
    stop(first)
    frames = number(second, "frames")
    soon(second, lambda: number(second, "frames") > frames + 5, "the second stream ended with the first")
    stop(second)


def test_a_frozen_frame_stays_and_can_be_saved(open_tab: OpenTab, server: Server) -> None:
    page = enter(open_tab("about:blank"), server)
    start(page)
    reads(page, "407")
    page.get_by_role("button", name="Freeze").click()
    expect(page.get_by_text("Frozen.")).to_be_visible()
    with page.expect_download() as saved:
        page.get_by_role("button", name="Frame (PNG)").click()
    assert saved.value.path().read_bytes().startswith(b"\x89PNG")
    page.wait_for_timeout(4000)
    reads(page, "407")  # the camera is at 52 or at nothing by now
    page.get_by_role("button", name="Go on").click()
    reads(page, "52")
    stop(page)


@pytest.mark.parametrize(
    ("flags", "advice"),
    [([], "No camera was found"), (["--use-fake-device-for-media-stream"], "The camera was refused")],
)
def test_without_a_camera_or_permission_the_page_says_what_to_do(
    flags: list[str], advice: str, browser: Browser, chromium_path: str, server: Server
) -> None:
    other = browser.browser_type.launch(executable_path=chromium_path, headless=True, args=[*FLAGS, *flags])
    try:
        page = enter(other.new_page(), server)
        streamer(page).get_by_role("button", name="Start").click()
        expect(page.get_by_role("alert").filter(has_text=advice)).to_be_visible()
        expect(streamer(page).get_by_text(re.compile("Error|denied|not found"))).to_be_hidden()
    finally:
        other.close()
