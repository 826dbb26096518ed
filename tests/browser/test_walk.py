"""The walk in a real browser: write a number, go on by keyboard and buttons, and scrub through the steps of the decoder."""

import contextlib
import re
from pathlib import Path

from playwright.sync_api import Page, expect

from tests.browser.conftest import PATIENCE, OpenTab, Server
from tests.browser.hands import assert_all_is_well, settle, write


def write_407(page: Page) -> None:
    """Strokes made while the pad still loads are lost, and this page loads charts beside it; the same over it again does no harm."""
    reading = page.get_by_role("status", name=re.compile(r"^read as 407, "))
    for patience in (15_000, 30_000, PATIENCE):
        write(page, "407")
        with contextlib.suppress(AssertionError):
            expect(reading).to_be_visible(timeout=patience)
            return
    expect(reading).to_be_visible()


def stage(page: Page, number: int, name: str) -> None:
    """The page shows this stage."""
    expect(page.get_by_role("heading", level=3)).to_have_text(f"{number} {name}")
    expect(page.get_by_role("radio", name=f"{number} {name}", exact=True)).to_be_checked()
    settle(page)


def test_a_drawing_is_followed_by_keyboard_and_buttons(
    open_tab: OpenTab, app: Server, screenshots: Path
) -> None:
    page = open_tab(f"{app.url}/walk", width=1400)
    expect(page.get_by_text("An example, until you draw")).to_be_visible()
    stage(page, 1, "Pixels")
    write_407(page)
    expect(page.get_by_text("An example, until you draw")).to_have_count(0)
    page.wait_for_timeout(1500)  # a stroke that is still on its way would bring the stage before it back
    settle(page)
    page.keyboard.press("n")
    stage(page, 2, "Patches")
    page.get_by_role("button", name=re.compile("^Next")).click()
    stage(page, 3, "Embedding")
    page.keyboard.press("b")
    stage(page, 2, "Patches")
    expect(page.locator(".st-key-walk-patches .main-svg").first).to_be_visible()
    assert_all_is_well(page)
    page.screenshot(path=screenshots / "walk_patches.png")


def test_the_decoder_is_scrubbed_with_the_arrow_keys(
    open_tab: OpenTab, app: Server, screenshots: Path
) -> None:
    page = open_tab(f"{app.url}/walk", width=1400)
    write_407(page)
    settle(page)
    page.get_by_role("radio", name="8 Decoder", exact=True).click()
    stage(page, 8, "Decoder")
    line = page.locator(".walk-line")
    for written, following in (("nothing", "4"), ("4", "0"), ("40", "7"), ("407", "end")):
        expect(line).to_have_text(re.compile(rf"so far:\s*{written}\s*→\s*next:\s*{following}\s.*%"))
        settle(page)
        page.get_by_role("slider", name="Step of the decoder").focus()
        page.keyboard.press("ArrowRight")
    expect(page.locator(".st-key-walk-classes .bartext").first).to_be_visible()
    assert_all_is_well(page)
    page.screenshot(path=screenshots / "walk_decoder.png")


def test_on_a_phone_nothing_runs_over_the_edge(open_tab: OpenTab, app: Server, screenshots: Path) -> None:
    page = open_tab(f"{app.url}/walk", width=390, scheme="dark")
    stage(page, 1, "Pixels")
    for number, name in ((4, "Positions"), (6, "Attention"), (9, "Probabilities")):
        page.get_by_role("radio", name=f"{number} {name}", exact=True).click()
        stage(page, number, name)
        assert_all_is_well(page)
    page.screenshot(path=screenshots / "walk_phone.png", full_page=True)
