"""The drawing pad in a real browser: what is drawn comes out as ink, in place, and stays until it is taken back."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import OpenTab, Server, run_app
from tests.browser.hands import assert_all_is_well, draw, pad_of, settle
from tests.conftest import ROOT

BAR = [[(100, 60), (100, 200)]]
FAR_BAR = [[(500, 60), (500, 200)]]


@pytest.fixture(scope="module")
def pad_app(chromium_path: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with run_app(
        ROOT / "tests/browser/pad_app.py", tmp_path_factory.mktemp("pad") / "streamlit.log"
    ) as server:
        yield server


def ink_from(page: Page) -> tuple[int, ...]:
    """Leftmost, rightmost, top and bottom pixel of the ink that Python got."""
    found = re.search(r"x (\d+) to (\d+), y (\d+) to (\d+)", page.get_by_test_id("stText").inner_text())
    assert found is not None
    return tuple(int(number) for number in found.groups())


def go_to(page: Page, title: str) -> None:
    page.get_by_test_id("stSidebarNavLink").filter(has_text=title).click()
    expect(page.get_by_role("heading", name=title, level=1)).to_be_visible()


@pytest.mark.parametrize(("width", "scheme"), [(400, "dark"), (700, "light"), (1600, "dark")])
def test_ink_lands_where_it_was_drawn_however_small_the_pad_is_shown(
    width: int, scheme: str, open_tab: OpenTab, pad_app: Server, screenshots
) -> None:
    page = open_tab(pad_app.url, width=width, scheme=scheme)
    expect(page.get_by_text("blank")).to_be_visible()
    draw(page, BAR)
    expect(page.get_by_text(re.compile(r"ink \d+ in .* \(260, 640\) uint8"))).to_be_visible()
    left, right, top, bottom = ink_from(page)
    brush = 14
    for measured, drawn in zip(
        (left, right, top, bottom),
        (100 - brush / 2, 100 + brush / 2, 60 - brush / 2, 200 + brush / 2),
        strict=True,
    ):
        assert measured == pytest.approx(drawn, abs=4), f"ink at {(left, right, top, bottom)}"
    settle(page)
    assert_all_is_well(page)
    page.screenshot(path=screenshots / f"pad_{scheme}_{width}.png")


def test_undo_takes_back_one_stroke_and_clear_all(open_tab: OpenTab, pad_app: Server) -> None:
    page = open_tab(pad_app.url)
    expect(page.get_by_role("button", name="Undo")).to_be_disabled()
    draw(page, BAR + FAR_BAR)
    expect(page.get_by_text(re.compile(r"x 9\d to 50\d"))).to_be_visible()
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_text(re.compile(r"x 9\d to 10\d"))).to_be_visible()
    draw(page, FAR_BAR)
    expect(page.get_by_text(re.compile(r"x 9\d to 50\d"))).to_be_visible()
    page.get_by_role("button", name="Clear").click()
    expect(page.get_by_text("blank")).to_be_visible()
    draw(page, FAR_BAR)
    expect(page.get_by_text(re.compile(r"x 49\d to 50\d"))).to_be_visible()


def test_the_drawing_and_the_brush_outlast_a_visit_to_another_page(
    open_tab: OpenTab, pad_app: Server
) -> None:
    page = open_tab(pad_app.url)
    draw(page, BAR)
    expect(page.get_by_text(re.compile(r"x 9\d to 10\d"))).to_be_visible()
    page.get_by_role("slider").focus()
    page.keyboard.press("ArrowRight")
    expect(page.get_by_text("16 px")).to_be_visible()
    before = ink_from(page)

    for _ in range(2):  # the second time, what is on the canvas came from Python and not from the hand
        go_to(page, "Elsewhere")
        go_to(page, "Pad")
        expect(page.get_by_text(re.compile(r"x 9\d to 10\d"))).to_be_visible()
        assert ink_from(page) == before
        expect(page.get_by_text("16 px")).to_be_visible()

    draw(page, FAR_BAR)  # added to what was there, in Python and on the screen
    expect(page.get_by_text(re.compile(r"x 9\d to 50\d"))).to_be_visible()
    page.get_by_role("button", name="Clear").click()
    expect(page.get_by_text("blank")).to_be_visible()


def test_a_brush_chosen_while_the_page_is_at_work_is_kept_though_the_page_is_left_at_once(
    open_tab: OpenTab, pad_app: Server
) -> None:
    page = open_tab(f"{pad_app.url}?seconds=1")
    draw(page, BAR)
    expect(page.get_by_text(re.compile(r"x 9\d to 10\d"))).to_be_visible()
    settle(page)
    page.get_by_role("slider").press("ArrowRight")
    go_to(page, "Elsewhere")
    go_to(page, "Pad")
    expect(page.get_by_role("slider")).to_have_value("16")


def test_fast_strokes_all_arrive(open_tab: OpenTab, pad_app: Server) -> None:
    page = open_tab(pad_app.url)
    draw(page, [[(60 + 50 * number, 60), (60 + 50 * number, 200)] for number in range(10)])
    expect(page.get_by_text(re.compile(r"x 5\d to 51\d"))).to_be_visible()


def test_a_finger_can_draw_in_the_corner_where_the_canvas_hides_its_tools(
    open_tab: OpenTab, pad_app: Server
) -> None:
    page = open_tab(pad_app.url, width=400, touch=True)
    expect(page.locator(".st-key-pad-canvas .dc-toolbar")).to_be_hidden()
    box = pad_of(page).bounding_box()
    assert box is not None
    finger = page.context.new_cdp_session(page)
    x, top = box["x"] + box["width"] - 30, box["y"] + 6
    for kind, moved in [("touchStart", 0), ("touchMove", 20), ("touchMove", 60)]:
        finger.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": [{"x": x, "y": top + moved}]})
    finger.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    expect(page.get_by_text(re.compile(r"x 5\d\d to 5\d\d, y \d to 1\d\d"))).to_be_visible()
