"""A sweep is started in a browser, followed to its end, and opened: a point leads to its run, and from there to Runs."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import OpenTab, Server, run_app
from tests.browser.hands import assert_all_is_well, settle
from tests.conftest import ROOT

TINY = """
method: grid
metric: {name: score, goal: maximize}
parameters:
  model.heads: {values: [1, 2]}
  model.dim: {values: [16, 24]}
  canvas.height: {value: 16}
  canvas.width: {value: 32}
  canvas.max_digits: {value: 2}
  canvas.empty_share: {value: 0}
  model.encoder_layers: {value: 1}
  model.stem_width: {value: 4}
  model.stem_depth: {value: 1}
  training.epochs: {value: 2}
  training.steps_per_epoch: {value: 3}
  training.batch_size: {value: 4}
  training.validation_canvases: {value: 20}
"""


@pytest.fixture(scope="module")
def own_app(chromium_path: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    log, lab = tmp_path_factory.mktemp("app") / "streamlit.log", tmp_path_factory.mktemp("lab")
    with run_app(ROOT / "streamlit_app.py", log, NUMBERS_LAB=str(lab)) as server:
        yield server


def view(page: Page, name: str) -> None:
    page.get_by_role("radio", name=name).click()
    expect(page.get_by_role("radio", name=name)).to_be_checked()
    settle(page)


def test_a_sweep_is_started_followed_and_opened(
    open_tab: OpenTab, own_app: Server, screenshots: Path
) -> None:
    page = open_tab(f"{own_app.url}/sweeps")
    expect(page.get_by_text("No sweep yet")).to_be_visible()
    page.keyboard.press(
        "Escape"
    )  # of a fresh server's first direct link, Streamlit says that there is no such page
    page.get_by_role("textbox", name="Sweep file").fill(TINY)
    page.get_by_role("textbox", name="Sweep file").press("Control+Enter")
    expect(page.get_by_text("4 runs", exact=True)).to_be_visible()
    page.locator(".st-key-sweeps-sample label").first.click()
    page.get_by_role("textbox", name="Name").fill("<i>four</i> heads")
    page.get_by_role("textbox", name="Name").press("Enter")
    page.get_by_role("button", name="Start the sweep").click()
    expect(page.get_by_text("4 of 4 runs: 4 finished")).to_be_visible()
    expect(page.locator("i", has_text="four")).to_have_count(0)

    view(page, "Cost")
    points = page.locator(".js-plotly-plot .point")
    expect(points).to_have_count(4)
    expect(page.get_by_role("heading", name="The best run")).to_be_visible()
    for point in points.all():  # the best of them changes nothing
        box = point.bounding_box()
        assert box is not None
        page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
        settle(page)
        if page.get_by_role("heading", name="The run that you chose").is_visible():
            break
    expect(page.get_by_role("heading", name="The run that you chose")).to_be_visible()

    for name in ("Settings", "Epochs", "Groups", "Runs"):
        view(page, name)
        assert_all_is_well(page)
    page.screenshot(path=screenshots / "sweeps.png", full_page=True)
    again = open_tab(page.url, width=400, scheme="dark")  # the link opens the same sweep
    expect(again.get_by_text("4 of 4 runs: 4 finished")).to_be_visible()
    settle(again)
    assert_all_is_well(again)

    page.get_by_test_id("stMain").get_by_role("link", name="In Runs").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Runs")
    expect(page).to_have_url(re.compile(r"/runs\?run=[0-9a-f]{32}"))
    expect(page.get_by_role("img", name="Curves of the ticked runs")).to_be_visible()
