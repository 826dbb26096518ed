"""The app in a browser: its start, every page at first and once it is warm, and its memory after reading."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil
from playwright.sync_api import Browser, Page, expect, sync_playwright

from benchmarks.bench import Benchmark, BenchmarkError, value
from pages.common import sitemap
from tests.browser.conftest import FLAGS, NAMES, run_app
from tests.browser.hands import settle, write
from tests.conftest import ROOT

_PATIENCE = 120_000  # ms
_TURNS = 3


@dataclass(frozen=True)
class App(Benchmark):
    """How long the app takes to start, and every page to stand whole for a new visitor; and its memory after reading.

    It needs a Chromium and the packages of requirements-dev.txt. Runs and sweeps are looked for where NUMBERS_LAB says.
    """

    def rows(self) -> Iterator[str]:
        expect.set_options(timeout=_PATIENCE)
        chromium = _chromium()
        started = time.perf_counter()
        with (
            tempfile.TemporaryDirectory() as folder,
            run_app(ROOT / "streamlit_app.py", Path(folder) / "log") as server,
            sync_playwright() as playwright,
        ):
            yield value("streamlit run to the server's answer", time.perf_counter() - started, "s")
            browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
            for screen in sitemap.screens():
                first = _visit(browser, f"{server.url}/{screen.address}")
                warm = min(_visit(browser, f"{server.url}/{screen.address}") for _ in range(_TURNS))
                yield f"{value(screen.title + ', first visit', first, 's')}   once it is warm {warm:5.2f} s"
            _read(browser.new_page(), f"{server.url}/draw")
            browser.close()
            memory = psutil.Process(server.process.pid).memory_info().rss
            yield value("memory of the app after reading", memory / 1e6, "MB")


def _chromium() -> str:
    for name in (os.environ.get("CHROMIUM", ""), *NAMES):
        if found := shutil.which(name):
            return found
    raise BenchmarkError("no Chromium found: install it, or set CHROMIUM to its path")


def _visit(browser: Browser, url: str) -> float:
    """Seconds until a new visitor's page has its heading and its script has come to an end."""
    page = browser.new_page()
    started = time.perf_counter()
    page.goto(url)
    settle(page)
    seconds = time.perf_counter() - started
    page.close()
    return seconds


def _read(page: Page, url: str) -> None:
    """Write a number, and look at its attention."""
    page.goto(url)
    settle(page)
    write(page, "407")
    expect(page.get_by_role("status", name="read as")).to_be_visible()
    settle(page)
    page.get_by_role("radio", name="Gradient-weighted").click()
    settle(page)


if __name__ == "__main__":
    sys.exit(App.main())
