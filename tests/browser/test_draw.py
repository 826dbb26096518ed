"""The way in of every visitor: open the app, go to Draw, write 407 with the mouse, and see it read and explained."""

import json
import re
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from core.reading.palette import position_rgb
from tests.browser.conftest import OpenTab, Server
from tests.browser.hands import assert_all_is_well, settle, write


def reading(page: Page, text: str) -> Locator:
    """The reading on the page, once it is this one."""
    return page.get_by_role("status", name=re.compile(rf"^read as {text}, "))


def go_to(page: Page, title: str) -> None:
    page.get_by_test_id("stSidebarNavLink").filter(has_text=title).click()


def choose(page: Page, group: str, option: str) -> None:
    choice = page.get_by_role("radiogroup", name=group).get_by_role("radio", name=option, exact=True)
    choice.click()
    expect(choice).to_be_checked()


def overlay(page: Page) -> Locator:
    return page.locator(".st-key-draw-overlay img")


def tinted(page: Page) -> set[int]:
    """Positions whose colour is found on the overlay as the browser shows it."""
    settle(page)  # or the picture may be taken away while it is decoded
    pixels = page.evaluate(
        """async () => {
            const image = document.querySelector('.st-key-draw-overlay img');
            await image.decode();
            const canvas = document.createElement('canvas');
            [canvas.width, canvas.height] = [image.naturalWidth, image.naturalHeight];
            const pen = canvas.getContext('2d');
            pen.drawImage(image, 0, 0);
            const seen = new Set(), data = pen.getImageData(0, 0, canvas.width, canvas.height).data;
            for (let i = 0; i < data.length; i += 4) seen.add(`${data[i]},${data[i + 1]},${data[i + 2]}`);
            return [...seen];
        }"""
    )
    return {position for position in range(3) if ",".join(map(str, position_rgb(position))) in pixels}


def soon(true: Callable[[], bool], seconds: float = 10) -> bool:
    """Whether it comes true in time: a picture arrives a moment after the words beside it."""
    end = time.monotonic() + seconds
    while not true():
        if time.monotonic() > end:
            return False
        time.sleep(0.1)
    return True


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (400, "dark"), (1600, "dark")])
def test_a_number_written_with_the_mouse_is_read_and_explained(
    width: int, scheme: str, open_tab: OpenTab, app: Server, screenshots: Path
) -> None:
    page = open_tab(app.url, width=width, scheme=scheme)
    settle(page)
    page.get_by_test_id("stMain").get_by_role("link", name="Draw").click()
    expect(page.get_by_text("Nothing drawn yet")).to_be_visible()
    settle(page)
    page.screenshot(path=screenshots / f"draw_empty_{scheme}_{width}.png")
    write(page, "407")
    expect(reading(page, "407")).to_be_visible()
    expect(page.locator(".reading-digit")).to_have_count(3)
    expect(page.locator(".reading-digit small")).to_contain_text(["%", "%", "%"])
    expect(page.locator(".st-key-draw-certainty .bartext")).to_have_count(10)  # the whole, and three each
    expect(page.locator(".st-key-draw-strip-number img")).to_be_visible()
    expect(page.get_by_text(re.compile(r"Read in [\d.]+ ms"))).to_be_visible()
    assert soon(lambda: tinted(page) == {0, 1, 2})
    settle(page)
    assert_all_is_well(page)
    page.screenshot(path=screenshots / f"draw_407_{scheme}_{width}.png", full_page=True)


def test_another_digit_method_layer_or_head_is_another_overlay(open_tab: OpenTab, app: Server) -> None:
    page = open_tab(f"{app.url}/draw")
    write(page, "407")
    expect(reading(page, "407")).to_be_visible()
    choices = [
        ("Digit", "0"),
        ("Method", "Rollout"),
        ("Method", "Gradient-weighted"),
        ("Encoder, up to layer", "1"),
        ("Head", "2"),
    ]
    for group, option in choices:
        settle(page)
        before = overlay(page).get_attribute("src")
        assert before
        choose(page, group, option)
        expect(overlay(page)).not_to_have_attribute("src", before)
        expect(overlay(page)).to_have_attribute("alt", re.compile("the digit 0"))
        assert soon(lambda: tinted(page) == {1})
    expect(page.get_by_text("Chefer et al. 2021")).to_be_visible()


def test_a_choice_can_be_made_with_the_keyboard(open_tab: OpenTab, app: Server) -> None:
    page = open_tab(f"{app.url}/draw")
    write(page, "407")
    expect(reading(page, "407")).to_be_visible()
    settle(page)  # a page that is still being drawn takes the focus away
    digits = page.get_by_role("radiogroup", name="Digit")
    digits.get_by_role("radio", name="All").focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Space")
    expect(digits.get_by_role("radio", name="4")).to_be_checked()
    expect(overlay(page)).to_have_attribute("alt", re.compile("the digit 4"))


def test_undo_and_clear_lead_back_to_the_empty_pad(open_tab: OpenTab, app: Server) -> None:
    page = open_tab(f"{app.url}/draw")
    write(page, "40")
    expect(reading(page, "40")).to_be_visible()
    page.get_by_role("button", name="Undo").click()
    expect(reading(page, "4")).to_be_visible()
    page.get_by_role("button", name="Clear").click()
    expect(page.get_by_text("Nothing drawn yet")).to_be_visible()
    expect(page.locator(".reading")).to_have_count(0)
    expect(page.get_by_role("heading", name="Where it looked")).to_have_count(0)


def test_the_drawing_outlasts_a_change_of_mode_and_of_page(open_tab: OpenTab, app: Server) -> None:
    page = open_tab(f"{app.url}/draw")
    write(page, "4")
    expect(reading(page, "4")).to_be_visible()
    choose(page, "What to read", "Single digit")
    expect(page.locator(".st-key-draw-strip-digit img")).to_be_visible()
    expect(page.get_by_text("16 patches")).to_be_visible()
    expect(reading(page, "4")).to_be_visible()
    go_to(page, "Home")
    expect(page.get_by_role("heading", level=1)).to_contain_text("A transformer that reads")
    go_to(page, "Draw")
    expect(reading(page, "4")).to_be_visible()
    expect(page.get_by_role("radio", name="Single digit")).to_be_checked()
    choose(page, "What to read", "Number")
    expect(page.get_by_text("80 patches")).to_be_visible()
    expect(reading(page, "4")).to_be_visible()


def test_overlay_and_reading_can_be_saved(open_tab: OpenTab, app: Server) -> None:
    page = open_tab(f"{app.url}/draw")
    write(page, "407")
    expect(reading(page, "407")).to_be_visible()
    settle(page)
    with page.expect_download() as saved:
        page.get_by_role("button", name="Reading (JSON)").click()
    assert saved.value.suggested_filename == "reading-407.json"
    content = json.loads(saved.value.path().read_text())
    assert content["text"] == "407" and len(content["digits"]) == 3
    with page.expect_download() as saved:
        page.get_by_role("button", name="Overlay (PNG)").click()
    assert saved.value.path().read_bytes().startswith(b"\x89PNG")


def test_home_reads_a_number_as_it_opens_and_another_one_on_demand(open_tab: OpenTab, app: Server) -> None:
    page = open_tab(app.url)
    picture = page.locator(".st-key-home-example img")
    expect(picture).to_be_visible()
    expect(page.locator(".reading")).to_be_visible()
    expect(page.get_by_text(re.compile(r"Read and explained in \d+ ms"))).to_be_visible()
    first = picture.get_attribute("src")
    assert first
    page.get_by_role("button", name="Another one").click()
    expect(picture).not_to_have_attribute("src", first)
    assert_all_is_well(page)
