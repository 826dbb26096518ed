"""A visitor's file is opened elsewhere, within limits: a bad one harms neither the server nor the next visitor."""

import io
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import psutil
import pytest
from PIL import Image

from core.reading.files import sandbox
from core.reading.files.documents import pages_from
from core.reading.files.picture import PictureError, as_rgb
from tests.drawings import draw

NUMBER = Image.fromarray(draw("407").gray)


def saved(image: Image.Image, kind: str, **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def nested_forms(levels: int, calls: int) -> bytes:
    """A PDF of one page that draws `calls ** levels` rectangles: a small file that takes for ever."""
    parts = [
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 200 200]/Contents 4 0 R/Resources<</XObject<</F 5 0 R>>>>>>",
        b"<</Length 5>>stream\n/F Do\nendstream",
    ]
    for level in range(levels):
        last = level == levels - 1
        drawing = b"0 0 9 9 re f " * calls if last else b"/F Do " * calls
        resources = b"" if last else b"/Resources<</XObject<</F %d 0 R>>>>" % (level + 6)
        head = b"<</Type/XObject/Subtype/Form/BBox[0 0 200 200]%s/Length %d>>" % (resources, len(drawing))
        parts.append(head + b"stream\n" + drawing + b"\nendstream")
    file = b"%PDF-1.4\n" + b"".join(b"%d 0 obj%s endobj\n" % part for part in enumerate(parts, start=1))
    return file + b"trailer<</Root 1 0 R/Size %d>>" % (len(parts) + 1)


def openers() -> list[psutil.Process]:
    return [
        child
        for child in psutil.Process().children()
        if child.is_running() and "core.reading.files.opener" in " ".join(child.cmdline())
    ]


def test_a_document_that_never_ends_is_given_up_and_its_process_is_gone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sandbox, "PATIENCE", 1.0)
    begun = time.perf_counter()
    with pytest.raises(PictureError, match="too much time or memory"):
        list(pages_from(nested_forms(levels=12, calls=20)))
    assert time.perf_counter() - begun < 4
    assert openers() == []


def test_a_bad_file_does_not_hold_up_the_next_visitor(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sandbox, "PATIENCE", 3.0)
    list(pages_from(saved(NUMBER, "PNG")))  # a warm process
    with ThreadPoolExecutor() as visitors:
        bad = visitors.submit(lambda: list(pages_from(nested_forms(levels=12, calls=20))))
        time.sleep(0.2)
        (page,) = pages_from(saved(NUMBER, "PDF", resolution=200))
        assert not bad.done() and page.picture.shape[2] == 3
        with pytest.raises(PictureError):
            bad.result()


def test_a_process_is_used_again_and_only_one_stays() -> None:
    list(pages_from(saved(NUMBER, "PNG")))
    first = openers()
    with ThreadPoolExecutor(3) as visitors:
        list(visitors.map(lambda _: list(pages_from(saved(NUMBER, "PNG"))), range(6)))
    assert len(first) == 1 and len(openers()) == 1


def test_pages_that_nobody_waits_for_end_their_process() -> None:
    pages = pages_from(saved(NUMBER, "TIFF", save_all=True, append_images=[NUMBER.copy()] * 3))
    next(pages)
    (process,) = openers()
    pages.close()
    assert not process.is_running()


def test_so_many_files_at_once_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sandbox, "QUEUE", 0.3)
    open_ones = []
    try:
        for _ in range(sandbox.AT_ONCE):
            pages = pages_from(saved(NUMBER, "TIFF", save_all=True, append_images=[NUMBER.copy()]))
            next(pages)
            open_ones.append(pages)
        with pytest.raises(PictureError, match="other files are being opened; try again"):
            next(pages_from(saved(NUMBER, "PNG")))
    finally:
        for pages in open_ones:
            pages.close()
    assert len(list(pages_from(saved(NUMBER, "PNG")))) == 1


def test_the_largest_transparent_picture_is_opened_within_the_limit_of_memory() -> None:
    picture = Image.new("RGBA", (8000, 8000))
    picture.paste((0, 0, 0, 255), (100, 100, 400, 900))
    (page,) = pages_from(saved(picture, "PNG", compress_level=1))
    assert page.picture.shape == (8000, 8000, 3)
    assert page.picture[500, 200, 0] == 0 and page.picture[5000, 5000, 0] == 255


@pytest.mark.parametrize(("low", "high"), [(0.0, 1.0), (0.0, 1.2), (0.0, 2.0), (-0.4, 2.8), (0.0, 255.0)])
def test_a_float_tiff_of_any_range_shows_the_same(low: float, high: float) -> None:
    gray = np.asarray(NUMBER, np.float32) / 255
    (page,) = pages_from(saved(Image.fromarray(low + (high - low) * gray), "TIFF"))
    assert np.abs(page.picture[..., 0].astype(int) - np.asarray(NUMBER)).max() <= 8


def test_a_premultiplied_gray_picture_is_opened() -> None:
    picture = NUMBER.convert("LA").convert("La")
    assert np.abs(as_rgb(picture)[..., 0].astype(int) - np.asarray(NUMBER)).max() <= 2


def test_a_kind_that_is_not_offered_is_refused_at_once() -> None:
    graymap = b"P5\n3000 3000\n100\n" + b"\x40" * 9_000_000
    begun = time.perf_counter()
    with pytest.raises(PictureError, match="not an image"):
        list(pages_from(graymap))
    assert time.perf_counter() - begun < 2
