"""Renders the pages of a PDF document; the one file that knows pypdfium2."""

from __future__ import annotations

from collections.abc import Iterator
from threading import RLock
from typing import Any, Final

import numpy as np

from core.reading.files.picture import LARGEST_AREA, PictureError

_DOTS_PER_POINT: Final = 200 / 72  # a digit of 4 mm is then 32 pixels high
_LONGEST_SIDE: Final = 3000  # pixels: A3 at 180 dots per inch
_SHORTEST_SIDE: Final = 16
_ONE_AT_A_TIME: Final = RLock()  # PDFium may not be used by two threads at once


def is_pdf(data: bytes) -> bool:
    """Whether a file's bytes begin as those of a PDF document do."""
    return data[:1024].lstrip().startswith(b"%PDF-")


def pdf_pages(data: bytes, most: int) -> tuple[int, Iterator[np.ndarray]]:
    """How many pages a document has, and the first `most` of them as HWC uint8 RGB, drawn one by one.

    Raises `PictureError`, now or at the page, where the document is damaged or locked or a page is of a size that cannot be drawn.
    """
    import pypdfium2  # late: only those who bring such a file wait for it

    try:
        with _ONE_AT_A_TIME:
            document = pypdfium2.PdfDocument(data)
            count = len(document)
    except pypdfium2.PdfiumError as error:
        locked = "password" in str(error).lower()
        raise PictureError(
            "the PDF is locked with a password; save it without one"
            if locked
            else f"the PDF cannot be opened ({error}); it may be cut off: take a fresh copy"
        ) from error
    if not count:
        raise PictureError("the PDF has no pages; save it again")
    return count, _pages(document, min(count, most))


def _pages(document: Any, count: int) -> Iterator[np.ndarray]:
    try:
        for index in range(count):
            yield _drawn(document, index)
    finally:  # left to the garbage collector it might be closed while another thread draws
        with _ONE_AT_A_TIME:
            document.close()


def _drawn(document: Any, index: int) -> np.ndarray:
    from pypdfium2 import PdfiumError, raw

    try:
        with _ONE_AT_A_TIME:
            page = document[index]
            width, height = page.get_size()
            scale = min(_DOTS_PER_POINT, _LONGEST_SIDE / max(width, height, 1e-6))
            if min(width, height) * scale < _SHORTEST_SIDE:
                raise PictureError(
                    f"page {index + 1} of the PDF is {width / 72:.3g} x {height / 72:.3g} inches, which cannot be drawn; crop it"
                )
            # A scan that is small on paper may unpack to gigabytes.
            for image in page.get_objects(filter=[raw.FPDF_PAGEOBJ_IMAGE]):
                across, down = image.get_px_size()
                if across * down > LARGEST_AREA:
                    raise PictureError(
                        f"page {index + 1} of the PDF holds an image of {across} x {down} pixels; scale it to at most "
                        f"{LARGEST_AREA // 1_000_000} megapixels"
                    )
            bitmap = page.render(scale=scale, rev_byteorder=True, prefer_bgrx=False)
            picture = np.array(bitmap.to_numpy()[..., :3])
            bitmap.close()
            page.close()
    except PdfiumError as error:
        raise PictureError(
            f"page {index + 1} of the PDF cannot be drawn ({error}); it may be damaged: save it again"
        ) from error
    return np.ascontiguousarray(picture)
