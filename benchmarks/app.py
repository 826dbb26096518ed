"""python -m benchmarks.app: from `streamlit run` to the first page, a number drawn and read, and the memory that takes.

It needs a Chromium and the packages of requirements-dev.txt; without a Chromium it measures only how soon the server answers.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import psutil
from playwright.sync_api import expect, sync_playwright

from tests.browser.conftest import FLAGS, NAMES, run_app
from tests.browser.hands import settle, write
from tests.conftest import ROOT

_PATIENCE = 120_000  # ms


def main() -> None:
    """Print the table."""
    expect.set_options(timeout=_PATIENCE)
    chromium = next(
        (found for name in (os.environ.get("CHROMIUM", ""), *NAMES) if (found := shutil.which(name))), None
    )
    reference = _reference()
    print(_line("reference: 512 x 512 matrix product", reference, "ms"))
    with tempfile.TemporaryDirectory() as folder:
        started = time.perf_counter()
        with run_app(ROOT / "streamlit_app.py", Path(folder) / "log") as server:
            print(_line("streamlit run to the server's answer", time.perf_counter() - started, "s"))
            process = psutil.Process(server.process.pid)
            if chromium is None:
                print("no Chromium found: install it, or set CHROMIUM to its path, for the rest of the table")
                return
            with sync_playwright() as playwright:
                browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
                launched = time.perf_counter()
                page = browser.new_page()
                page.goto(server.url)
                expect(page.locator(".st-key-home-example img")).to_be_visible()
                home = time.perf_counter() - launched
                print(_line("first visit to Home, with its reading", home, "s"))
                settle(page)
                again = time.perf_counter()
                page.reload()
                expect(page.locator(".st-key-home-example img")).to_be_visible()
                print(_line("the same, second visit", time.perf_counter() - again, "s"))
                page.goto(f"{server.url}/draw")
                settle(page)
                write(page, "407")
                expect(page.get_by_role("status", name="read as")).to_be_visible()
                settle(page)
                page.get_by_role("radio", name="Gradient-weighted").click()
                settle(page)
                browser.close()
            print(_line("memory of the app after reading", process.memory_info().rss / 1e6, "MB"))


def _reference() -> float:
    """Median milliseconds of a fixed piece of arithmetic, to compare machines by."""
    matrix = np.random.default_rng(0).random((512, 512), np.float32)
    times = []
    for _ in range(20):
        started = time.perf_counter()
        matrix @ matrix
        times.append(1e3 * (time.perf_counter() - started))
    return float(np.median(times))


def _line(name: str, value: float, unit: str) -> str:
    return f"{name:<44}{value:9.2f} {unit}"


if __name__ == "__main__":
    sys.exit(main())
