"""The real app in a subprocess, and a headless Chromium to look at it with; everything stays on this machine."""

import contextlib
import functools
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from tests.conftest import ROOT

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--no-first-run",
]
NAMES = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome")
PATIENCE = 120_000  # ms; an idle machine shows a page in one second and begins a training in ten, a starved one takes ten times that

expect.set_options(timeout=PATIENCE)

OpenTab = Callable[..., Page]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.browser)


@dataclass
class Server:
    """A running app: where it is, and what it has said so far."""

    url: str
    process: subprocess.Popen[bytes]
    log: Path

    def said(self) -> str:
        return self.log.read_text(errors="replace")


@contextlib.contextmanager
def run_app(
    script: Path, log: Path, *, starter: Sequence[str] = ("-m", "streamlit"), **environment: str
) -> Iterator[Server]:
    """`streamlit run script` on a free port, once it is healthy; stopped at the end whatever happens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, *starter, "run", str(script), f"--server.port={port}"]
    command += ["--server.address=127.0.0.1", "--server.headless=true", "--server.fileWatcherType=none"]
    variables = {**os.environ, "PYTHONPATH": str(ROOT), **environment}
    with log.open("wb") as out:
        process = subprocess.Popen(command, cwd=ROOT, stdout=out, stderr=subprocess.STDOUT, env=variables)
    server = Server(f"http://127.0.0.1:{port}", process, log)
    try:
        deadline = time.monotonic() + 90
        while not _healthy(server.url):
            if process.poll() is not None:
                pytest.fail(f"the app ended with exit code {process.returncode}:\n{server.said()}")
            if time.monotonic() > deadline:
                pytest.fail(f"the app was not up after 90 seconds:\n{server.said()}")
            time.sleep(0.1)
        yield server
    finally:
        process.terminate()
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _healthy(url: str) -> bool:
    with (
        contextlib.suppress(urllib.error.URLError, OSError),
        urllib.request.urlopen(f"{url}/_stcore/health", timeout=2) as reply,
    ):
        return bool(reply.read() == b"ok")
    return False


@pytest.fixture(scope="session")
def chromium_path() -> str:
    """A Chromium of this system; without one the test is skipped, or fails where REQUIRE_BROWSER=1."""
    for name in (os.environ.get("CHROMIUM", ""), *NAMES):
        if name and (found := shutil.which(name)):
            return found
    message = "no Chromium found: install it from the system's packages, or set CHROMIUM to its path"
    if os.environ.get("REQUIRE_BROWSER") == "1":
        pytest.fail(message)
    pytest.skip(message)


@pytest.fixture(scope="module")
def browser(chromium_path: str) -> Iterator[Browser]:
    # Not for the whole session: Playwright keeps an event loop running, which other tests may not expect.
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium_path, headless=True, args=FLAGS)
        try:
            yield browser
        finally:
            browser.close()


@pytest.fixture(scope="session")
def app(chromium_path: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The app itself, one server for all browser tests."""
    with run_app(ROOT / "streamlit_app.py", tmp_path_factory.mktemp("app") / "streamlit.log") as server:
        yield server


@pytest.fixture(scope="module")
def visitor(browser: Browser) -> Iterator[Callable[[bool], BrowserContext]]:
    """visitor(touch): the one visitor with fingers, or the one with a mouse, of a file of tests.

    A browser reads, compiles and forgets the frontend anew for each visitor, which takes it two seconds.
    """
    with contextlib.ExitStack() as all_of_them:

        @functools.cache
        def enter(touch: bool) -> BrowserContext:
            return all_of_them.enter_context(browser.new_context(has_touch=touch))

        yield enter


@pytest.fixture
def open_tab(visitor: Callable[[bool], BrowserContext]) -> Iterator[OpenTab]:
    """open_tab(url, width=, height=, scheme=, touch=): a tab of a visitor who was never here, in which nothing may go wrong."""
    tabs: list[Page] = []
    errors: list[str] = []

    def visit(
        url: str, *, width: int = 1280, height: int = 900, scheme: str = "light", touch: bool = False
    ) -> Page:
        assert scheme in ("light", "dark")
        page = visitor(touch).new_page()
        tabs.append(page)
        page.set_viewport_size({"width": width, "height": height})
        page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
        page.set_default_timeout(PATIENCE)
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.goto(url)
        return page

    yield visit
    for page in tabs:
        if page.url.startswith("http"):
            page.evaluate("localStorage.clear()")
        page.context.clear_cookies()
        page.close()
    assert not errors, f"scripts failed in the browser: {errors}"


@pytest.fixture(scope="session")
def screenshots(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where pictures go: SCREENSHOT_DIR, or a folder that pytest clears away."""
    folder = Path(os.environ.get("SCREENSHOT_DIR") or tmp_path_factory.mktemp("screenshots"))
    folder.mkdir(parents=True, exist_ok=True)
    return folder
