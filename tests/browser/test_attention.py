"""The Attention page by hand: a patch is clicked, a step scrubbed, a head switched off, and the page answers."""

import re
from pathlib import Path
from typing import Any

from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import OpenTab, Server
from tests.browser.hands import assert_all_is_well, settle


def open_attention(open_tab: OpenTab, app: Server, **look: Any) -> Page:
    page = open_tab(f"{app.url}/attention", **look)
    expect(page.get_by_text(re.compile(r"Read again in \d+ ms"))).to_be_visible()
    page.keyboard.press("Escape")  # see test_sweeps
    settle(page)
    return page


def picture(page: Page, key: str) -> Locator:
    return page.locator(f".st-key-{key} img").first


def patches(page: Page, board: str) -> Locator:
    return page.locator(f".st-key-{board} .board button")


def source(image: Locator) -> str:
    expect(image).to_be_visible()
    return str(image.get_attribute("src"))


def now(page: Page, place: int) -> Locator:
    """How likely the digit of the first reading is after the change, in words."""
    return page.locator(".odds > div").nth(place).locator("small").nth(1)


def test_a_clicked_patch_has_its_maps_and_arrow_keys_lead_to_the_next(open_tab: OpenTab, app: Server) -> None:
    page = open_attention(open_tab, app)
    looks_at, looked_at = picture(page, "attention-from"), picture(page, "attention-to")
    before = source(looks_at), source(looked_at)
    patches(page, "attention-board").nth(28).click()
    expect(looks_at).to_have_attribute("alt", re.compile("row 2, column 9"))
    expect(looks_at).not_to_have_attribute("src", before[0])
    expect(looked_at).not_to_have_attribute("src", before[1])
    expect(patches(page, "attention-board").nth(28)).to_have_attribute("aria-pressed", "true")
    settle(page)
    patches(page, "attention-board").nth(28).focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    expect(looks_at).to_have_attribute("alt", re.compile("row 2, column 10"))
    expect(page.get_by_role("spinbutton", name="Column")).to_have_value("10")
    assert_all_is_well(page)


def test_the_step_is_scrubbed_with_the_keyboard_and_the_maps_follow(open_tab: OpenTab, app: Server) -> None:
    page = open_attention(open_tab, app)
    page.get_by_role("radio", name="Cross-attention").click()
    step = page.get_by_role("slider", name="Step of decoding")
    expect(step).to_be_visible()
    settle(page)
    first = page.locator(".heads img").first
    before = source(first)
    step.focus()
    page.keyboard.press("ArrowRight")
    expect(first).not_to_have_attribute("src", before)
    expect(page.get_by_text(re.compile(r"^2: writes \d$"))).to_be_visible()


def test_a_head_is_switched_off_and_the_reading_answers(
    open_tab: OpenTab, app: Server, screenshots: Path
) -> None:
    page = open_attention(open_tab, app)
    before = now(page, 0).text_content() or ""
    for place in range(4):
        page.locator(".st-key-what-if-heads-cross-4-4 button").nth(place).click()
        settle(page)
    expect(now(page, 0)).not_to_have_text(before)
    page.get_by_role("button", name="Undo all").click()
    expect(now(page, 0)).to_have_text(before)
    settle(page)
    assert_all_is_well(page)
    page.screenshot(path=screenshots / "attention_light_1280.png")


def test_patches_are_erased_on_a_phone_and_the_reading_answers(
    open_tab: OpenTab, app: Server, screenshots: Path
) -> None:
    page = open_attention(open_tab, app, width=390, scheme="dark")
    before = now(page, 0).text_content() or ""
    page.get_by_role("button", name="The whole").first.click()
    expect(page.locator(".st-key-what-if-board .board button.erased").first).to_be_visible()
    expect(now(page, 0)).not_to_have_text(before)
    settle(page)
    patches(page, "what-if-board").nth(0).click()
    expect(patches(page, "what-if-board").nth(0)).to_have_class("erased")
    settle(page)
    assert_all_is_well(page)
    page.screenshot(path=screenshots / "attention_dark_390.png")
