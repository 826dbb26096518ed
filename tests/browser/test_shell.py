"""The app as a visitor sees it, in light and dark, on a phone and on a wide screen."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from pages.common import sitemap
from tests.browser.conftest import OpenTab, Server, run_app
from tests.browser.hands import assert_all_is_well, settle
from tests.conftest import ROOT

HOME_TITLE = "A transformer that reads handwritten numbers"
LOOKS = [(scheme, width) for scheme in ("light", "dark") for width in (400, 1600)]


@pytest.mark.parametrize(("scheme", "width"), LOOKS)
def test_home_says_what_this_is_in_light_and_dark_and_at_any_width(
    scheme: str, width: int, open_tab: OpenTab, app: Server, screenshots
) -> None:
    page = open_tab(app.url, width=width, height=900, scheme=scheme)
    settle(page)
    expect(page.get_by_role("heading", level=1)).to_have_text(HOME_TITLE)
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


def arrive(page: Page, screen: sitemap.Screen) -> None:
    """Wait until that screen is there, and the next link that is pressed counts."""
    title = HOME_TITLE if screen is sitemap.HOME else screen.title
    expect(page.get_by_role("heading", level=1)).to_have_text(title)
    if screen is sitemap.WEBCAM:
        # Its player runs the page once more when it has loaded: a link pressed just then is lost.
        player = page.frame_locator('iframe[title*="webrtc_streamer"]')
        expect(player.get_by_role("button", name="Start")).to_be_visible()
    settle(page)


@pytest.mark.parametrize("width", [400, 1280])
def test_every_page_is_reached_through_the_navigation(
    width: int, open_tab: OpenTab, app: Server, screenshots
) -> None:
    page = open_tab(app.url, width=width)
    settle(page)
    others = [screen for screen in sitemap.screens() if screen is not sitemap.HOME]
    for screen in [*others, sitemap.HOME]:
        opener = page.get_by_test_id("stExpandSidebarButton")
        if opener.is_visible():
            opener.click()
        page.get_by_test_id("stSidebarNavLink").filter(has_text=screen.title).click()
        arrive(page, screen)
        assert_all_is_well(page)
        page.screenshot(path=screenshots / f"{screen.path.replace('/', '_')}_{width}.png")


def test_every_page_opens_from_home_and_back_leads_home_again(open_tab: OpenTab, app: Server) -> None:
    page = open_tab(app.url)
    for screen in sitemap.screens():
        if screen is sitemap.HOME:
            continue
        page.get_by_test_id("stMain").get_by_role("link").get_by_text(screen.title, exact=True).click()
        arrive(page, screen)
        page.go_back()
        arrive(page, sitemap.HOME)


def assert_is_whole(page: Page, screen: sitemap.Screen) -> None:
    """The page of that screen, in the app's frame, and nothing of Streamlit's own discovery of pages."""
    title = HOME_TITLE if screen is sitemap.HOME else screen.title
    expect(page.get_by_role("heading", level=1)).to_have_text(title)
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(page.get_by_text("Page not found")).to_have_count(0)
    expect(page).to_have_title(sitemap.APP_NAME)
    expect(page.get_by_test_id("stSidebarLogo")).to_be_visible()
    expect(page.get_by_test_id("stNavSectionHeader")).to_contain_text(list(sitemap.SECTIONS))
    links = page.get_by_test_id("stSidebarNavLink")
    expect(links).to_contain_text([one.title for one in sitemap.screens()])
    expect(links.and_(page.locator('[aria-current="page"]'))).to_contain_text(screen.title)
    # The style sheet may come a moment after the page's head.
    expect(page.get_by_test_id("stMainBlockContainer")).to_have_css("max-width", "1216px")
    assert_all_is_well(page)


@pytest.fixture(scope="module")
def forgetful_app(chromium_path: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server to which every visitor is the first."""
    log = tmp_path_factory.mktemp("forgetful") / "streamlit.log"
    starter = str(Path(__file__).parent / "forgetful.py")
    with run_app(ROOT / "streamlit_app.py", log, starter=(starter,)) as server:
        yield server


@pytest.mark.parametrize("screen", sitemap.screens(), ids=lambda screen: screen.path)
def test_every_link_may_be_the_first_to_open_on_a_server(
    screen: sitemap.Screen, open_tab: OpenTab, forgetful_app: Server
) -> None:
    assert_is_whole(open_tab(f"{forgetful_app.url}/{screen.address}"), screen)


def test_home_opens_by_its_name_too(open_tab: OpenTab, forgetful_app: Server) -> None:
    page = open_tab(f"{forgetful_app.url}/home")
    assert_is_whole(page, sitemap.HOME)
    expect(page).to_have_url(f"{forgetful_app.url}/")


def test_the_first_link_on_a_server_that_was_only_just_started_keeps_its_query(
    open_tab: OpenTab, tmp_path: Path
) -> None:
    with run_app(ROOT / "streamlit_app.py", tmp_path / "streamlit.log") as server:
        page = open_tab(f"{server.url}/{sitemap.RUNS.address}?run=none&filter=heads%3E%3D4")
        assert_is_whole(page, sitemap.RUNS)
        settle(page)
        assert page.url.endswith("/runs?run=none&filter=heads%3E%3D4")
        assert_is_whole(open_tab(server.url), sitemap.HOME)
