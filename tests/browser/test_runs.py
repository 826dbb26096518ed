"""Runs are found, ticked and compared in a browser, a zoom stays while a run grows, and the address brings the same view back."""

import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from core.config import ModelSettings, RunSettings
from core.model.checkpoint import BUNDLED
from core.training.store.tracking import Metric, Store
from tests.browser.conftest import OpenTab, Server, run_app
from tests.conftest import ROOT

NAME = "<b>eight</b> **heads** ../x 😀"


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory, store_in: Callable[[Path], Store]) -> Store:
    """Two runs that ended, with checkpoints, and one that still runs."""
    lab = tmp_path_factory.mktemp("lab")
    store = store_in(lab)
    checkpoint = lab / "best.safetensors"
    checkpoint.write_bytes((BUNDLED / "number.safetensors").read_bytes())
    for name, heads in (("four heads", 4), (NAME, 8), ("still running", 2)):
        run = store.begin(name, RunSettings(model=ModelSettings(heads=heads)), {"parameters": "1000"})
        store.log(run, [Metric("loss", 3 / step, step, float(step)) for step in range(1, 40)])
        scores = [Metric(name, heads / 10, 500, 1.0) for name in ("clean", "best.clean")]
        store.log(run, scores)
        if heads > 2:
            store.keep(run, checkpoint)
            store.end(run, "finished")
    return store


@pytest.fixture(scope="module")
def own_app(chromium_path: str, store: Store, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    log = tmp_path_factory.mktemp("app") / "streamlit.log"
    lab = str(Path(store.uri.removeprefix("sqlite:///")).parent)
    with run_app(ROOT / "streamlit_app.py", log, NUMBERS_LAB=lab) as server:
        yield server


def open_runs(open_tab: OpenTab, address: str, **look: object) -> Page:
    page = open_tab(address, **look)
    expect(page.get_by_text(re.compile(r"\d of \d runs"))).to_be_visible()
    page.keyboard.press("Escape")
    return page


def test_runs_are_compared_a_zoom_stays_and_the_address_brings_the_view_back(
    own_app: Server, store: Store, open_tab: OpenTab, screenshots: Path
) -> None:
    page = open_runs(open_tab, f"{own_app.url}/runs")
    expect(page.locator(".live-chart .main-svg").first).to_be_visible()
    page.evaluate("Plotly.relayout(document.querySelector('.live-chart'), {'xaxis.range': [2, 9]})")
    running = next(run for run in store.runs() if run.status == "running")
    store.log(running.id, [Metric("loss", 0.01, 60, time.time())])
    page.wait_for_function("document.querySelector('.live-chart').data.some((line) => line.x.includes(60))")
    assert page.evaluate("document.querySelector('.live-chart').layout.xaxis.range") == [2, 9]

    page.get_by_role("searchbox", name="Filter").fill("heads>=4")
    page.get_by_role("searchbox", name="Filter").press("Enter")
    expect(page.get_by_text("2 of 3 runs")).to_be_visible()
    page.get_by_role("radio", name="Settings").click()
    expect(page.get_by_text("What is the same, too")).to_be_visible()
    page.wait_for_function("location.search.includes('view=Settings') && location.search.includes('filter=')")
    again = open_runs(open_tab, page.url)
    expect(again.get_by_text("2 of 3 runs")).to_be_visible()
    expect(again.get_by_text("What is the same, too")).to_be_visible()


def test_the_same_canvases_are_seen_and_a_checkpoint_is_drawn_with(
    own_app: Server, store: Store, open_tab: OpenTab, screenshots: Path
) -> None:
    chosen = [run.id for run in store.runs() if run.status == "finished"]
    address = f"{own_app.url}/runs?view=Same+canvases&run={chosen[0]}&run={chosen[1]}"
    page = open_runs(open_tab, address, width=390, height=844)
    expect(page.locator(".same figure").first).to_be_visible()
    expect(page.locator(".same figure").first.locator("li")).to_have_count(2)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.screenshot(path=screenshots / "runs-same.png")
    page = open_runs(open_tab, f"{own_app.url}/runs?run={chosen[0]}")
    page.get_by_role("button", name="Use this checkpoint").click()
    expect(page.get_by_text("The other pages now read numbers with")).to_be_visible()
    page.get_by_role("link", name="Draw a number").click()
    expect(page.get_by_text("Reading with the checkpoint of the run")).to_be_visible()
    expect(page.get_by_text(NAME)).to_be_visible()


def test_a_deleted_run_is_back_after_undo(own_app: Server, store: Store, open_tab: OpenTab) -> None:
    run = store.runs()[-1]
    page = open_runs(open_tab, f"{own_app.url}/runs?run={run.id}")
    page.get_by_role("button", name="Delete 1").click()
    expect(page.get_by_text("2 of 2 runs")).to_be_visible()
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_text("3 of 3 runs")).to_be_visible()
