"""python -m benchmarks.pages: how long every page of the app takes to stand whole in a browser, at first and once it is warm.

It needs a Chromium and the packages of requirements-dev.txt. Runs and sweeps are looked for where `NUMBERS_LAB` says.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
import time
from pathlib import Path

from playwright.sync_api import Browser, expect, sync_playwright

from pages.common import sitemap
from tests.browser.conftest import FLAGS, NAMES, run_app
from tests.browser.hands import settle
from tests.conftest import ROOT

_PATIENCE = 120_000  # ms
_TURNS = 3


def main() -> int:
    """Print the table."""
    expect.set_options(timeout=_PATIENCE)
    chromium = next(
        (found for name in (os.environ.get("CHROMIUM", ""), *NAMES) if (found := shutil.which(name))), None
    )
    if chromium is None:
        print("no Chromium found: install it, or set CHROMIUM to its path", file=sys.stderr)
        return 1
    with (
        tempfile.TemporaryDirectory() as folder,
        run_app(ROOT / "streamlit_app.py", Path(folder) / "log") as server,
        sync_playwright() as playwright,
    ):
        browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        print(f"{'page':<16}{'first visit':>13}{'warm':>9}")
        for screen in sitemap.screens():
            address = "" if screen is sitemap.HOME else screen.path.rpartition("/")[2]
            first = _visit(browser, f"{server.url}/{address}")
            warm = min(_visit(browser, f"{server.url}/{address}") for _ in range(_TURNS))
            print(f"{screen.title:<16}{first:>11.2f} s{warm:>7.2f} s", flush=True)
        browser.close()
    return 0


def _visit(browser: Browser, url: str) -> float:
    """Seconds until a new visitor's page has its heading and its script has come to an end."""
    page = browser.new_page()
    started = time.perf_counter()
    page.goto(url)
    settle(page)
    seconds = time.perf_counter() - started
    page.close()
    return seconds


if __name__ == "__main__":
    sys.exit(main())
