"""Digits and Canvases in a browser: what is drawn around on the map is shown, keys walk a grid, a setting is live, files come down."""

import json
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import PATIENCE, OpenTab, Server, run_app
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


def test_a_canvas_is_chosen_a_setting_is_live_and_the_files_come_down(
    open_tab: OpenTab, own_app: Server, screenshots: Path, tmp_path: Path
) -> None:
    page = open_tab(f"{own_app.url}/canvases", height=1400)
    sheet = page.get_by_role("group", name="Canvases of these settings")
    expect(sheet.get_by_role("button")).to_have_count(24)
    settle(page)
    page.keyboard.press("Escape")  # see test_sweeps
    page.get_by_role("spinbutton", name="Max digits").fill("2")
    page.get_by_role("spinbutton", name="Max digits").press("Enter")
    for _ in range(PATIENCE // 250):  # until the sheet has come anew
        titles = sheet.get_by_role("button").evaluate_all("all => all.map(button => button.title)")
        written = [title.split(": ")[1] for title in titles]
        if all(len(text) <= 2 or text == "no number" for text in written):
            break
        page.wait_for_timeout(250)
    assert {len(text) for text in written if text != "no number"} == {1, 2}
    place = next(place for place, text in enumerate(written) if len(text) == 2)
    sheet.get_by_role("button").nth(place).click()
    expect(sheet.get_by_role("button").nth(place)).to_have_attribute("aria-pressed", "true")
    expect(page.get_by_role("img", name=f"Canvas {place}, with the true box")).to_be_visible()
    settle(page)

    with page.expect_download() as coming:
        page.get_by_role("button", name="PNG + labels (ZIP)").click()
    coming.value.save_as(tmp_path / "canvases.zip")
    with zipfile.ZipFile(tmp_path / "canvases.zip") as archive:
        labels = json.loads(archive.read("labels.json"))
        assert [one["text"] or "no number" for one in labels["canvases"]] == written
        assert len([name for name in archive.namelist() if name.endswith(".png")]) == 24
    assert_all_is_well(page)
    page.screenshot(path=screenshots / "canvases.png")
    phone = open_tab(f"{own_app.url}/canvases", width=390, scheme="dark")
    settle(phone)
    expect(phone.get_by_role("button", name="PNG + labels (ZIP)")).to_be_visible()
    assert_all_is_well(phone)
