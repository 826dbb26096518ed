"""A visitor with a photo: it is brought in, read, corrected and taken along; a broken file does not stop the page."""

import csv
import io
import json
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import FilePayload, Locator, Page, expect

from core.reading.palette import position_rgb
from tests.browser.conftest import OpenTab, Server
from tests.browser.hands import assert_all_is_well, settle
from tests.drawings import draw

FIRST = draw("407", size=(480, 640), height=70, at=(300, 200), paper=230, ink=30)
SECOND = draw("25", size=(480, 640), height=90, at=(100, 100), paper=230, ink=30)


def file(gray: np.ndarray, name: str, kind: str = "PNG") -> FilePayload:
    """As the browser's file chooser hands it over."""
    data = io.BytesIO()
    Image.fromarray(gray).save(data, kind)
    return FilePayload(name=name, mimeType=f"image/{kind.lower()}", buffer=data.getvalue())


def open_photo(open_tab: OpenTab, app: Server, **looks: object) -> Page:
    page = open_tab(app.url, **looks)
    settle(page)
    page.get_by_test_id("stMain").get_by_role("link", name="Photo").click()
    expect(page.get_by_text("No photo yet")).to_be_visible()
    settle(page)
    return page


def bring(page: Page, *files: FilePayload) -> None:
    page.locator("input[type=file]").first.set_input_files(list(files))


def marked(page: Page) -> Locator:
    return page.locator(".st-key-photo-marked img")


def has_colour(page: Page, colour: tuple[int, int, int]) -> bool:
    """Whether it is on the marked photo as the browser shows it, within what JPEG changes."""
    found: int = page.evaluate(
        """async (colour) => {
            const image = document.querySelector('.st-key-photo-marked img');
            await image.decode();
            const canvas = document.createElement('canvas');
            [canvas.width, canvas.height] = [image.naturalWidth, image.naturalHeight];
            const pen = canvas.getContext('2d');
            pen.drawImage(image, 0, 0);
            const data = pen.getImageData(0, 0, canvas.width, canvas.height).data;
            let count = 0;
            for (let i = 0; i < data.length; i += 4)
                count += colour.every((level, channel) => Math.abs(level - data[i + channel]) < 12);
            return count;
        }""",
        list(colour),
    )
    return found > 500


def saved(page: Page, label: str) -> bytes:
    settle(page)
    with page.expect_download() as download:
        page.get_by_role("button", name=label, exact=True).click()
    return download.value.path().read_bytes()


def rows(page: Page) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(saved(page, "CSV").decode())))


def overwrite(page: Page, row: int, text: str) -> None:
    """Go to the number in that row of the table and type another one."""
    table = page.get_by_test_id("stDataFrame").locator("canvas").first
    table.scroll_into_view_if_needed()
    box = table.bounding_box()
    assert box is not None
    # Before "Number" stand the column of the checkboxes, "#" and "Crop"; rows are 44 high below a header of 35.
    x, y = box["x"] + 33 + 40 + 90 + 40, box["y"] + 35 + 44 * row + 22
    page.mouse.move(x - 20, y - 5)
    page.mouse.move(x, y, steps=4)  # a hand arrives before it clicks, and the table relies on that
    page.mouse.click(x, y)
    expect(page.locator("[data-testid^=glide-cell-][aria-selected=true]")).to_have_count(1)
    page.keyboard.press("Enter")
    editor = page.locator("#portal textarea.gdg-input")
    editor.fill(text)
    editor.press("Enter")


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (400, "dark")])
def test_numbers_of_a_photo_are_marked_explained_corrected_and_taken_along(
    width: int, scheme: str, open_tab: OpenTab, app: Server, screenshots: Path
) -> None:
    page = open_photo(open_tab, app, width=width, scheme=scheme)
    page.screenshot(path=screenshots / f"photo_empty_{scheme}_{width}.png")
    bring(page, file(FIRST.gray, "sheet.png"))
    expect(marked(page)).to_have_attribute("alt", "The photo; marked on it: 407")
    expect(page.get_by_text(re.compile("7 Attention"))).to_be_visible()
    assert has_colour(page, position_rgb(0))
    settle(page)
    overwrite(page, 0, "401")
    expect(page.get_by_text("1 corrected by hand")).to_be_visible()
    (reading,) = json.loads(saved(page, "JSON"))[0]["readings"]
    assert (reading["text"], reading["read_as"]) == ("401", "407")
    assert saved(page, "Picture").startswith(b"\x89PNG")
    # A choice elsewhere on the page is a rerun: the correction stays.
    page.get_by_role("radiogroup", name="Method").get_by_role("radio", name="Rollout").click()
    expect(page.get_by_text("Abnar & Zuidema")).to_be_visible()
    expect(marked(page)).to_have_attribute("alt", "The photo; marked on it: 401")
    (row,) = rows(page)
    assert (row["file"], row["number"], row["read_as"]) == ("sheet.png", "401", "407")
    assert_all_is_well(page)
    page.screenshot(path=screenshots / f"photo_corrected_{scheme}_{width}.png")


def test_a_broken_file_is_named_and_the_page_goes_on(
    open_tab: OpenTab, app: Server, screenshots: Path
) -> None:
    page = open_photo(open_tab, app)
    bring(page, {"name": "broken.jpg", "mimeType": "image/jpeg", "buffer": b"\xff\xd8\xff\xe0 cut off"})
    expect(
        page.get_by_text(re.compile(r"broken\.jpg.*: it is not an image that can be decoded"))
    ).to_be_visible()
    settle(page)
    assert_all_is_well(page)
    page.screenshot(path=screenshots / "photo_broken.png")
    bring(page, file(SECOND.gray, "good.jpg", "JPEG"))
    expect(marked(page)).to_have_attribute("alt", "The photo; marked on it: 25")
    expect(
        page.get_by_text(re.compile(r"broken\.jpg.*: it is not an image that can be decoded"))
    ).to_be_visible()


def test_an_example_is_one_click_away_and_a_correction_outlasts_a_change_of_page(
    open_tab: OpenTab, app: Server
) -> None:
    page = open_photo(open_tab, app)
    page.get_by_role("button", name="Read an example").click()
    expect(marked(page)).to_be_visible()
    overwrite(page, 0, "9000")
    expect(page.get_by_text("1 corrected by hand")).to_be_visible()
    page.get_by_test_id("stSidebarNavLink").filter(has_text="Draw").click()
    expect(page.get_by_text("Nothing drawn yet")).to_be_visible()
    page.get_by_test_id("stSidebarNavLink").filter(has_text="Photo").click()
    expect(marked(page)).to_have_attribute("alt", re.compile("9000"))
    assert rows(page)[0]["number"] == "9000"


def test_a_picture_in_the_clipboard_can_be_pasted(open_tab: OpenTab, app: Server) -> None:
    page = open_photo(open_tab, app)
    page.get_by_role("radio", name="Paste").click()
    line = page.get_by_test_id("stChatInputTextArea")
    expect(line).to_be_visible()
    settle(page)
    data = list(bytes(file(FIRST.gray, "image.png")["buffer"]))
    line.evaluate(
        """(line, data) => {
            const clipboard = new DataTransfer();
            clipboard.items.add(new File([new Uint8Array(data)], 'image.png', {type: 'image/png'}));
            line.focus();
            line.dispatchEvent(new ClipboardEvent('paste', {clipboardData: clipboard, bubbles: true, cancelable: true}));
        }""",
        data,
    )
    send = page.get_by_test_id("stChatInputSubmitButton")
    expect(send).to_be_enabled()  # once the picture has arrived
    line.press("Enter")
    expect(marked(page)).to_have_attribute("alt", "The photo; marked on it: 407")
