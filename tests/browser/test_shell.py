"""The app as a visitor sees it, in light and dark, on a phone and on a wide screen."""

import pytest
from playwright.sync_api import expect

from pages.common import sitemap
from tests.browser.conftest import OpenTab, Server
from tests.browser.hands import assert_all_is_well, settle

LOOKS = [(scheme, width) for scheme in ("light", "dark") for width in (400, 1600)]


@pytest.mark.parametrize(("scheme", "width"), LOOKS)
def test_home_says_what_this_is_in_light_and_dark_and_at_any_width(
    scheme: str, width: int, open_tab: OpenTab, app: Server, screenshots
) -> None:
    page = open_tab(app.url, width=width, height=900, scheme=scheme)
    settle(page)
    expect(page.get_by_role("heading", level=1)).to_have_text("A transformer that reads handwritten numbers")
    expect(page.get_by_role("button", name="Another one")).to_be_in_viewport()
    expect(page.get_by_test_id("stMain").get_by_role("link", name="Draw")).to_be_in_viewport()
    if width > 1000:  # all of it fits one screen, to the last step
        expect(page.get_by_text("Or: no number here")).to_be_in_viewport()
    assert_all_is_well(page)
    ground = page.get_by_test_id("stApp").evaluate("app => getComputedStyle(app).backgroundColor")
    assert ground == {"light": "rgb(253, 252, 249)", "dark": "rgb(21, 21, 27)"}[scheme]
    for drawing in page.locator(".way img").all():
        assert drawing.evaluate("image => image.naturalWidth > 0"), "a drawing of the way did not load"
    page.screenshot(path=screenshots / f"home_{scheme}_{width}.png")


def test_streamlits_own_clutter_is_gone_but_the_theme_can_be_switched(open_tab: OpenTab, app: Server) -> None:
    page = open_tab(app.url, scheme="light")
    settle(page)
    expect(page.get_by_test_id("stAppDeployButton")).to_be_hidden()
    page.get_by_test_id("stMainMenuButton").click()
    expect(page.get_by_text("Clear cache")).to_be_hidden()
    page.get_by_test_id("stMainMenuItem-theme-Dark").click()
    expect(page.get_by_test_id("stApp")).to_have_css("background-color", "rgb(21, 21, 27)")


@pytest.mark.parametrize("width", [400, 1280])
def test_every_page_is_reached_through_the_navigation(
    width: int, open_tab: OpenTab, app: Server, screenshots
) -> None:
    page = open_tab(app.url, width=width)
    settle(page)
    others = [screen for screen in sitemap.screens() if screen is not sitemap.HOME]
    for screen in [*others, sitemap.HOME] if others else []:
        opener = page.get_by_test_id("stExpandSidebarButton")
        if opener.is_visible():
            opener.click()
        page.get_by_test_id("stSidebarNavLink").filter(has_text=screen.title).click()
        title = "A transformer that reads" if screen is sitemap.HOME else screen.title
        expect(page.get_by_role("heading", level=1)).to_contain_text(title)
        if (
            screen is sitemap.WEBCAM
        ):  # its player runs the page once more when it has loaded: a link pressed just then is lost
            player = page.frame_locator('iframe[title*="webrtc_streamer"]')
            expect(player.get_by_role("button", name="Start")).to_be_visible()
        settle(page)
        assert_all_is_well(page)
        page.screenshot(path=screenshots / f"{screen.path.replace('/', '_')}_{width}.png")


def test_every_page_opens_from_its_own_link_and_from_home(open_tab: OpenTab, app: Server) -> None:
    for screen in sitemap.screens():
        if screen is sitemap.HOME:
            continue
        page = open_tab(f"{app.url}/{screen.path.split('/')[-1]}")
        expect(page.get_by_role("heading", level=1)).to_have_text(screen.title)
        page = open_tab(app.url)
        page.get_by_test_id("stMain").get_by_role("link").get_by_text(screen.title, exact=True).click()
        expect(page.get_by_role("heading", level=1)).to_have_text(screen.title)
