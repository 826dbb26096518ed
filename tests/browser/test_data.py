"""The Digits page in a browser: what is drawn around on the map is shown, a class leads to its digits, keys walk the grid."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import OpenTab, Server, run_app
from tests.browser.hands import assert_all_is_well, settle
from tests.conftest import ROOT


@pytest.fixture(scope="module")
def own_app(chromium_path: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """With the bundled sample, also where all of MNIST is there."""
    log, nothing = tmp_path_factory.mktemp("app") / "streamlit.log", tmp_path_factory.mktemp("mnist")
    with run_app(ROOT / "streamlit_app.py", log, NUMBERS_DATA=str(nothing)) as server:
        yield server


def view(page: Page, name: str) -> None:
    page.get_by_role("radio", name=name, exact=True).click()
    settle(page)


def test_digits_are_chosen_by_hand_from_grid_class_and_map(
    open_tab: OpenTab, own_app: Server, screenshots: Path
) -> None:
    page = open_tab(f"{own_app.url}/data", height=1400)
    settle(page)
    page.keyboard.press("Escape")  # see test_sweeps
    grid = page.get_by_role("group", name="Digits, each of which can be chosen")
    expect(grid.get_by_role("button")).to_have_count(150)
    third = grid.get_by_role("button").nth(2)
    grid.get_by_role("button").first.focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    expect(third).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_text("Test digit 2, labelled")).to_be_visible()
    expect(third).to_have_attribute("aria-pressed", "true")

    view(page, "Classes")
    page.get_by_role("group", name="Mean of each class").get_by_role("button", name="Mean of 7").click()
    expect(page.get_by_text("100 of 100 digits with these labels")).to_be_visible()

    view(page, "Map")
    surface = page.locator(".js-plotly-plot .nsewdrag").first
    expect(page.get_by_text("Draw around some points")).to_be_visible()
    box = surface.bounding_box()
    assert box is not None
    corners = [(0.03, 0.03), (0.97, 0.03), (0.97, 0.97), (0.03, 0.97), (0.03, 0.04)]
    around = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in corners]
    page.mouse.move(*around[0])
    page.mouse.down()
    for x, y in around:
        page.mouse.move(x, y, steps=8)
    page.mouse.up()
    chosen = page.get_by_role("group", name="The digits that were chosen on the map")
    expect(chosen.get_by_role("button")).to_have_count(300)
    expect(page.get_by_text("300 of them, evenly drawn")).to_be_visible()
    chosen.get_by_role("button").last.click()
    expect(chosen.get_by_role("button").last).to_have_attribute("aria-pressed", "true")
    expect(chosen.get_by_role("button")).to_have_count(300)  # what was drawn around stays
    assert_all_is_well(page)
    page.screenshot(path=screenshots / "digits-map.png")

    phone = open_tab(f"{own_app.url}/data", width=390, scheme="dark")
    for name in ("Browse", "Classes", "Map", "Doubtful"):
        view(phone, name)
        assert_all_is_well(phone)
