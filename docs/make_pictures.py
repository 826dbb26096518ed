"""The pictures of the documents, made from the running app: one of every page, and a short moving one of drawing and camera.

    python -m docs.make_pictures [NAME ...]

It needs a Chromium and the packages of requirements-dev.txt. The lab that is shown holds the bundled study.
"""

from __future__ import annotations

import io
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import cv2
import numpy as np
from PIL import Image
from playwright.sync_api import FilePayload, Page, expect, sync_playwright

from core.data.mnist import load_sample
from core.training.store.tracking import Store
from core.training.sweeps.bundle import BUNDLED, unpack
from pages.common import sitemap
from tests.browser.conftest import FLAGS, NAMES, run_app
from tests.browser.fake_camera import write_clip
from tests.browser.hands import DIGITS, draw, settle, write
from tests.conftest import ROOT

PICTURES = ROOT / "docs" / "pictures"
MOVING = "drawing_and_camera"
WIDTH, HEIGHT = 1280, 860
_PATIENCE = 120_000  # ms; a busy machine makes beautiful pictures, too
_MOST = 200_000  # bytes of a page's picture
_SMALL = (800, 538)  # of the moving picture


def main(names: list[str]) -> int:
    """Make those that are named, or all."""
    expect.set_options(timeout=_PATIENCE)
    PICTURES.mkdir(exist_ok=True)
    with _visitor(with_study=not names or not {"runs", "sweeps"}.isdisjoint(names)) as (page, url):
        for screen in sitemap.screens():
            name = screen.path.rpartition("/")[2]
            if not names or name in names:
                page.goto(f"{url}/{screen.address}")
                settle(page)
                _SHOWN.get(name, settle)(page)
                _at_rest(page)
                _keep(name, page)
        if not names or MOVING in names:
            _keep_moving([*_drawing(page, url), *_camera(page, url)])
    return 0


@contextmanager
def _visitor(*, with_study: bool) -> Iterator[tuple[Page, str]]:
    """A visitor's page whose camera shows a number on paper, and the address of an app whose lab holds the bundled study, or nothing."""
    chromium = next(
        found for name in (os.environ.get("CHROMIUM", ""), *NAMES) if (found := shutil.which(name))
    )
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        os.environ["NUMBERS_LAB"] = folder
        if with_study:
            for _ in unpack(BUNDLED, Store()):
                pass
        clip = write_clip(Path(folder) / "camera.y4m", [("407", 4.0), ("52", 4.0)])
        flags = [
            "--use-fake-ui-for-media-stream",
            "--use-fake-device-for-media-stream",
            f"--use-file-for-fake-video-capture={clip}",
            "--allow-loopback-in-peer-connection",
        ]
        starter = str(ROOT / "tests/browser/loopback.py")
        with run_app(ROOT / "streamlit_app.py", Path(folder) / "log", starter=(starter,)) as server:
            browser = playwright.chromium.launch(executable_path=chromium, args=[*FLAGS, *flags])
            visitor = browser.new_context(viewport={"width": WIDTH, "height": HEIGHT}, color_scheme="light")
            page = visitor.new_page()
            page.set_default_timeout(_PATIENCE)
            yield page, server.url
            browser.close()


def _at_rest(page: Page) -> None:
    """Nothing is still to come: no placeholder, no picture, no chart that moves."""
    page.mouse.move(WIDTH - 2, HEIGHT - 2)
    page.wait_for_timeout(1500)
    expect(page.get_by_test_id("stSkeleton")).to_have_count(0)
    page.wait_for_function("[...document.images].every(image => image.complete)")


def _drawn(page: Page) -> None:
    write(page, "407")
    expect(page.get_by_role("status", name="read as 407")).to_be_visible()
    settle(page)


def _seen_by_the_camera(page: Page, number: str = "407") -> None:
    """The number is read. A browser on a busy machine gives its camera up now and then, and is started again."""
    start = page.frame_locator('iframe[title*="webrtc_streamer"]').get_by_role("button", name="Start")
    reading = page.get_by_role("status", name=f"read as {number}")
    for _ in range(_PATIENCE // 500):
        if start.is_visible():
            start.click()
        if reading.is_visible():
            return
        page.wait_for_timeout(500)
    raise TimeoutError(f"{number} is not read; try again when the machine has less to do")


def _brought(page: Page) -> None:
    data = io.BytesIO()
    Image.fromarray(_sheet(["407", "1998", "52", "86310"])).save(data, "PNG")
    sheet = FilePayload(name="sheet.png", mimeType="image/png", buffer=data.getvalue())
    page.locator("input[type=file]").first.set_input_files([sheet])
    expect(page.locator(".st-key-photo-marked img")).to_be_visible()
    settle(page)


def _analysed(page: Page) -> None:
    page.get_by_role("radio", name="Single digit").click()
    page.get_by_role("radio", name="500 (quick)").click()
    page.get_by_role("button", name="Analyse 500 canvases").click()
    page.get_by_role("radio", name="Confusions").click()
    expect(page.locator(".js-plotly-plot .point").first).to_be_visible()
    expect(page.locator(".sheet figure").first).to_be_visible()
    settle(page)


def _walked(page: Page) -> None:
    page.keyboard.press("n")
    expect(page.locator(".st-key-walk-patches .main-svg").first).to_be_visible()
    settle(page)


_SHOWN: dict[str, Callable[[Page], None]] = {
    "draw": _drawn,
    "webcam": _seen_by_the_camera,
    "photo": _brought,
    "analysis": _analysed,
    "walk": _walked,
}
"""What is done on a page before its picture is taken."""


def _drawing(page: Page, url: str) -> Iterator[tuple[Image.Image, int]]:
    """Frames and their milliseconds: 407 as it is written, stroke by stroke, and as it is read."""
    page.goto(f"{url}/{sitemap.DRAW.address}")
    settle(page)
    yield _seen(page), 700
    for place, digit in enumerate("407"):
        for stroke in DIGITS[digit]:
            draw(page, [[(190 + 95 * place + 62 * x, 68 + 62 * y) for x, y in stroke]])
            settle(page)
            _at_rest(page)
            yield _seen(page), 600
    expect(page.get_by_role("status", name="read as 407")).to_be_visible()
    _at_rest(page)
    yield _seen(page), 2500


def _camera(page: Page, url: str) -> Iterator[tuple[Image.Image, int]]:
    """Frames and their milliseconds: two numbers on paper, held up to the camera."""
    page.goto(f"{url}/{sitemap.WEBCAM.address}")
    settle(page)
    for number in ("407", "52"):
        _seen_by_the_camera(page, number)
        for _ in range(6):
            yield _seen(page), 400
            page.wait_for_timeout(300)


def _seen(page: Page) -> Image.Image:
    return Image.open(io.BytesIO(page.screenshot())).convert("RGB")


def _keep(name: str, page: Page) -> None:
    """As good as fits into the size that a page's picture may have."""
    picture = _seen(page)
    path = PICTURES / f"{name}.webp"
    for quality in (90, 80, 65, 50):
        picture.save(path, quality=quality, method=6)
        if path.stat().st_size < _MOST:
            break
    print(f"{path.relative_to(ROOT)}: {path.stat().st_size / 1000:.0f} kB", flush=True)


def _keep_moving(frames: list[tuple[Image.Image, int]]) -> None:
    path = PICTURES / f"{MOVING}.webp"
    first, *rest = (frame.resize(_SMALL, Image.Resampling.LANCZOS) for frame, _ in frames)
    lengths = [length for _, length in frames]
    first.save(path, save_all=True, append_images=rest, duration=lengths, loop=0, quality=70, method=6)
    print(f"{path.relative_to(ROOT)}: {path.stat().st_size / 1000:.0f} kB, {len(frames)} frames", flush=True)


def _sheet(numbers: list[str]) -> np.ndarray:
    """HW uint8: a sheet of paper with a number of MNIST's digits in each quarter."""
    digits = load_sample().split("validation")
    sheet = np.full((640, 900), 236, np.uint8)
    for place, number in enumerate(numbers):
        left, top = 60 + 430 * (place % 2), 90 + 290 * (place // 2)
        for value in map(int, number):
            digit = digits.images[np.flatnonzero(digits.labels == value)[5 + place]]
            ink = cv2.resize(digit, (100, 100), interpolation=cv2.INTER_CUBIC).astype(np.float32) / 255
            part = sheet[top : top + 100, left : left + 100]
            part[:] = np.minimum(part, 236 - 190 * ink).astype(np.uint8)
            left += 72
    return sheet


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
