"""Every page of every kind of file is the picture that was put in, or the file is refused in words that name the mend."""

import io
import struct
import zlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pillow_heif
import pytest
from PIL import Image

from core.reading.files import documents
from core.reading.files.documents import MOST_PAGES, pages_from
from core.reading.files.picture import PictureError, as_gray
from tests.drawings import draw

FIRST = Image.fromarray(draw("407").gray).convert("RGB")
SECOND = Image.fromarray(draw("25", size=(120, 300), at=(60, 20)).gray).convert("RGB")
TURNED = Image.Exif()
TURNED[0x0112] = 6  # as a phone saves it: lying on its side, with a note to turn it


def saved(image: Image.Image, kind: str, **options: Any) -> bytes:
    file = io.BytesIO()
    image.copy().save(file, kind, **options)
    return file.getvalue()


def heic(image: Image.Image, **options: Any) -> bytes:
    file = io.BytesIO()
    pillow_heif.from_pillow(image).save(file, quality=90, **options)
    return file.getvalue()


def pdf(size: str, drawing: bytes = b"", image: bytes = b"") -> bytes:
    """A document of one page, written by hand: `size` in points, such as `200 100`."""
    parts = [
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 %s]/Contents 4 0 R/Resources<</XObject<</I 5 0 R>>>>>>"
        % size.encode(),
        b"<</Length %d>>stream\n%s\nendstream" % (len(drawing), drawing),
        image or b"null",
    ]
    file = b"%PDF-1.4\n" + b"".join(b"%d 0 obj%s endobj\n" % part for part in enumerate(parts, start=1))
    return file + b"trailer<</Root 1 0 R/Size 6>>"


ON_ITS_SIDE = FIRST.transpose(Image.Transpose.ROTATE_90)
ONE_PAGE: dict[str, Callable[[], bytes]] = {
    "PNG": lambda: saved(FIRST, "PNG"),
    "JPEG": lambda: saved(FIRST, "JPEG", quality=95),
    "WEBP": lambda: saved(FIRST, "WEBP", quality=95),
    "TIFF": lambda: saved(FIRST, "TIFF", compression="tiff_lzw"),
    "HEIC": lambda: heic(FIRST),
    "PDF": lambda: saved(FIRST, "PDF", resolution=200),
    "JPEG on its side": lambda: saved(ON_ITS_SIDE, "JPEG", quality=95, exif=TURNED),
    "WEBP on its side": lambda: saved(ON_ITS_SIDE, "WEBP", quality=95, exif=TURNED),
    "TIFF on its side": lambda: saved(ON_ITS_SIDE, "TIFF", exif=TURNED),
    "HEIC on its side": lambda: heic(ON_ITS_SIDE, exif=TURNED.tobytes()),
    "GIF that moves": lambda: saved(FIRST, "GIF", save_all=True, append_images=[SECOND.copy()]),
}


@pytest.mark.parametrize("kind", ONE_PAGE)
def test_a_picture_of_any_kind_is_one_page_and_shows_the_same(kind: str) -> None:
    (page,) = pages_from(ONE_PAGE[kind]())
    assert (page.number, page.of) == (1, 1)
    assert page.picture.shape == (FIRST.height, FIRST.width, 3) and page.picture.dtype == np.uint8
    assert np.abs(page.picture.astype(int) - np.asarray(FIRST)).mean() < 3


@pytest.mark.parametrize("kind", ["TIFF", "PDF"])
def test_every_page_of_a_document_comes_in_order(kind: str) -> None:
    options = {"resolution": 200} if kind == "PDF" else {}
    pages = list(pages_from(saved(FIRST, kind, save_all=True, append_images=[SECOND.copy()], **options)))
    assert [(page.number, page.of) for page in pages] == [(1, 2), (2, 2)]
    for page, image in zip(pages, (FIRST, SECOND), strict=True):
        assert (
            abs(page.picture.shape[0] - image.height) <= 1 and abs(page.picture.shape[1] - image.width) <= 1
        )
        as_drawn = np.asarray(image.resize(page.picture.shape[1::-1])).astype(int)
        assert np.abs(page.picture - as_drawn).mean() < 4


@pytest.mark.parametrize("kind", ["TIFF", "PDF"])
def test_a_long_document_is_read_up_to_the_limit_and_says_how_many_pages_it_has(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(documents, "MOST_PAGES", 2)
    pages = list(pages_from(saved(FIRST, kind, save_all=True, append_images=[SECOND.copy()] * 4)))
    assert [(page.number, page.of) for page in pages] == [(1, 5), (2, 5)] and MOST_PAGES >= 20


def test_what_is_drawn_in_a_pdf_is_seen_at_a_resolution_at_which_a_pen_is_legible() -> None:
    (page,) = pages_from(pdf("216 144", b"100 50 20 60 re f"))  # a bar, in points from the lower left
    assert page.picture.shape == (400, 600, 3)
    gray = as_gray(page.picture)
    rows, columns = np.nonzero(gray < 128)
    assert abs(columns.min() - 100 / 0.36) < 2 and abs(columns.max() - 120 / 0.36) < 2
    assert abs(rows.min() - (144 - 110) / 0.36) < 2 and gray[0, 0] == 255


@pytest.mark.parametrize("size", ["14400 14400", "1000000 700000"])
def test_a_huge_page_is_drawn_small(size: str) -> None:
    (page,) = pages_from(pdf(size))
    assert max(page.picture.shape) <= 3000


def bomb(kind: str) -> bytes:
    """A small file that would unpack to a picture of 225 megapixels."""
    if kind == "PNG":
        data = bytearray(saved(Image.new("1", (8, 8)), "PNG"))
        data[16:24] = struct.pack(">II", 15_000, 15_000)  # what the header promises
        data[29:33] = struct.pack(">I", zlib.crc32(data[12:29]))
        return bytes(data)
    if kind == "HEIC":
        data = bytearray(heic(FIRST))
        place = data.index(b"ispe") + 8  # the size of the picture
        data[place : place + 8] = struct.pack(">II", 15_000, 15_000)
        return bytes(data)
    packed = zlib.compress(bytes(1000))
    head = b"<</Type/XObject/Subtype/Image/Width 15000/Height 15000/ColorSpace/DeviceGray/BitsPerComponent 8"
    image = head + b"/Filter/FlateDecode/Length %d>>stream\n%s\nendstream" % (len(packed), packed)
    return pdf("200 200", b"q 200 0 0 200 0 0 cm /I Do Q", image)


@pytest.mark.parametrize("kind", ["PNG", "HEIC", "PDF"])
def test_a_picture_of_too_many_pixels_is_refused_before_it_is_decoded(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = bomb(kind)
    monkeypatch.setattr(Image.Image, "load", lambda self: pytest.fail("decoded"))
    monkeypatch.setattr(pillow_heif.HeifImage, "to_pillow", lambda self: pytest.fail("decoded"))
    with pytest.raises(PictureError, match=r"at most .*64 megapixels"):
        list(pages_from(data))


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "the file is empty; save or send it again"),
        (b"407, 25 and 3", "not an image.*but text; save the picture"),
        ("Zahl: 407 ✓".encode(), "not an image.*but text"),
        (b"\xff\xd8\xff\xe0 cut", "not an image that can be decoded, or it is cut off"),
        (b"<!DOCTYPE html><html>", "not an image.*but a web page"),
        (b"PK\x03\x04\x14\x00", "not an image.*but a ZIP archive"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "not an image.*but a PostScript drawing"),
        (b"\0\0\0\x18ftypmp42\0\0", "not an image.*but a video"),
        (bytes(range(256)) * 4, "not an image that can be decoded"),
        (b"%PDF-1.7\nnothing", r"the PDF cannot be opened.*fresh copy"),
        (heic(FIRST)[:300], r"the HEIC picture cannot be decoded.*fresh copy"),
        (saved(FIRST, "TIFF")[:2000], "cut off"),
        (pdf("3000 0.01"), r"page 1 of the PDF is 41.7 x 0.000139 inches, which cannot be drawn; crop it"),
    ],
)
def test_what_is_no_picture_whatever_its_name_says_is_refused_with_the_mend(
    data: bytes, message: str
) -> None:
    with pytest.raises(PictureError, match=message):
        list(pages_from(data))


def test_a_pdf_with_a_password_asks_for_one_without() -> None:
    locked = b"<</Filter/Standard/V 1/R 2/Length 40/P -4/O<" + b"41" * 32 + b">/U<" + b"42" * 32 + b">>>"
    document = pdf("200 200", image=locked).replace(b"trailer<<", b"trailer<</Encrypt 5 0 R/ID[<00><00>]")
    with pytest.raises(PictureError, match="locked with a password; save it without one"):
        list(pages_from(document))


def test_pages_before_a_broken_one_are_read() -> None:
    data = saved(FIRST, "TIFF", save_all=True, append_images=[SECOND.copy()])
    pages = pages_from(data[: len(data) - SECOND.width * SECOND.height * 2])
    assert next(pages).number == 1
    with pytest.raises(PictureError, match="cut off"):
        next(pages)


def test_documents_can_be_read_by_several_visitors_at_once() -> None:
    data = saved(FIRST, "PDF", resolution=200, save_all=True, append_images=[SECOND.copy()] * 3)
    with ThreadPoolExecutor(4) as visitors:
        seen = list(visitors.map(lambda _: [page.picture.sum() for page in pages_from(data)], range(8)))
    assert all(sums == seen[0] for sums in seen) and len(seen[0]) == 4
