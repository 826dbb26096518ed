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

SCENES = [("407", 3.0), ("52", 3.0), ("", 3.0)]


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
    """Wait until the panel shows this reading."""
    said = page.get_by_role("status", name=re.compile(rf"^read as {text}, "))
    again = streamer(page).get_by_role("button", name="Start")

    def seen() -> bool:
        if again.is_visible():
            start(
                page
            )  # where nobody answers it for some seconds, on a starved machine, the browser gives up
        return said.is_visible()

    soon(page, seen, f"{text} is not read", PATIENCE / 1000)


def coloured(page: Page) -> int:
    """Pixels of the video that came back which are violet, as the first position is; nothing in the clip is."""
    return int(
        streamer(page)
        .locator("video")
        .evaluate(
            """video => {
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
    before = len(runs)
    frames = number(page, "frames")
    reads(page, "52")
    expect(page.get_by_text("no number here")).to_be_visible()
    reads(page, "407")
    assert number(page, "frames") > frames + 10
    expect(page.locator(".live-last li b")).to_contain_text(["407", "52", "407"])
    assert len(runs) == before, "following the video reran the page"
    # The controls act at once, without a run of the page.
    page.get_by_text("Overlay", exact=True).click()
    soon(page, lambda: coloured(page) == 0, "the overlay stayed")
    assert len(runs) == before
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
    finally:
        other.close()
