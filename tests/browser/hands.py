"""A visitor's hands and eyes: write digits on the drawing pad, wait for the page, see whether all is well."""

from collections.abc import Sequence
from itertools import pairwise

from playwright.sync_api import Locator, Page, expect

Stroke = Sequence[tuple[float, float]]

# Each digit in a box 1 wide and 2 high, as one would write it with a pen.
DIGITS: dict[str, list[Stroke]] = {
    "0": [[(0.5, 0), (0.15, 0.3), (0, 1), (0.15, 1.7), (0.5, 2), (0.85, 1.7), (1, 1), (0.85, 0.3), (0.5, 0)]],
    "1": [[(0.2, 0.4), (0.55, 0), (0.55, 2)]],
    "2": [[(0.05, 0.45), (0.3, 0.05), (0.7, 0.05), (0.95, 0.5), (0.75, 1), (0, 2), (1, 2)]],
    "3": [
        [
            (0.05, 0.2),
            (0.5, 0),
            (0.9, 0.3),
            (0.8, 0.8),
            (0.4, 0.95),
            (0.85, 1.1),
            (1, 1.5),
            (0.6, 2),
            (0, 1.8),
        ]
    ],
    "4": [[(0.65, 0), (0, 1.3), (1, 1.3)], [(0.7, 0.7), (0.7, 2)]],
    "5": [[(0.9, 0), (0.2, 0), (0.1, 0.85), (0.6, 0.75), (0.95, 1.2), (0.85, 1.75), (0.4, 2), (0, 1.8)]],
    "6": [[(0.8, 0), (0.3, 0.6), (0.05, 1.3), (0.25, 1.9), (0.7, 1.95), (0.95, 1.5), (0.7, 1.1), (0.1, 1.3)]],
    "7": [[(0, 0.05), (1, 0.05), (0.4, 2)]],
    "8": [[(0.9, 0.3), (0.5, 0), (0.1, 0.4), (0.85, 1.4), (0.6, 2), (0.1, 1.7), (0.3, 1.1), (0.9, 0.3)]],
    "9": [[(0.9, 0.5), (0.5, 0), (0.1, 0.5), (0.4, 0.95), (0.9, 0.5), (0.85, 1.2), (0.6, 2)]],
}


def pad_of(page: Page, key: str = "pad") -> Locator:
    """The surface of the drawing pad that takes the strokes."""
    return page.locator(f".st-key-{key}-canvas canvas.upper-canvas")


def draw(page: Page, strokes: Sequence[Stroke], *, key: str = "pad") -> None:
    """Draw with the mouse; points are in the pad's own pixels (640 by 260), however large it is shown."""
    pad = pad_of(page, key)
    expect(pad).to_be_visible()
    pad.scroll_into_view_if_needed()
    box = pad.bounding_box()
    assert box is not None
    scale = box["width"] / 640
    for stroke in strokes:
        on_screen = [(box["x"] + scale * x, box["y"] + scale * y) for x, y in stroke]
        page.mouse.move(*on_screen[0])
        page.mouse.down()
        for (_, _), (x, y) in pairwise(on_screen):
            page.mouse.move(x, y, steps=6)
        page.mouse.up()


def write(page: Page, number: str, *, key: str = "pad") -> None:
    """Write a number across the middle of the pad, once the page is ready for it."""
    settle(page)  # a stroke made while the canvas is still loading is lost
    height = min(140.0, 2 * 560 / (1.5 * len(number)))
    pitch = 0.75 * height
    left, top = 320 - pitch * len(number) / 2 + 0.125 * height, 130 - height / 2
    for place, digit in enumerate(number):
        draw(
            page,
            [
                [(left + place * pitch + x * height / 2, top + y * height / 2) for x, y in stroke]
                for stroke in DIGITS[digit]
            ],
            key=key,
        )


def settle(page: Page) -> None:
    """Wait until the page has its title and Streamlit is no longer running the script."""
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    expect(page.get_by_test_id("stApp")).to_have_attribute("data-test-script-state", "notRunning")
    page.evaluate("document.fonts.ready.then(() => null)")


def assert_all_is_well(page: Page) -> None:
    """No exception is on the page, and nothing makes it scroll sideways."""
    expect(page.get_by_test_id("stException")).to_have_count(0)
    shown, wide = page.evaluate(
        """[window.innerWidth, Math.max(document.documentElement.scrollWidth,
            ...[...document.querySelectorAll('[data-testid=stMain], [data-testid=stMainBlockContainer]')]
                .map(part => part.getBoundingClientRect().left + part.scrollWidth))]"""
    )
    assert wide <= shown + 1, f"the page is {wide} px wide in a window of {shown} px"
