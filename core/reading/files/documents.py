"""Opens photos, scans of several pages and PDF documents, and gives the picture of each page."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from typing import Final, NamedTuple

import numpy as np

from core.reading.files.heic import is_heic, open_heic
from core.reading.files.pdf import is_pdf, pdf_pages
from core.reading.files.picture import as_rgb, open_bytes, page_count
from core.reading.files.sandbox import pages_elsewhere

SUFFIXES: Final = (
    ".png",
    ".jpg",
    ".jpeg",
    ".webp",
    ".heic",
    ".heif",
    ".tif",
    ".tiff",
    ".pdf",
    ".bmp",
    ".gif",
)
"""Of the files that can be read."""

MOST_PAGES: Final = 50
"""Of one file; those behind are left out, and `Page.of` tells it."""


class Page(NamedTuple):
    """One picture of a file."""

    number: int
    """Counted from 1."""
    of: int
    """How many the file has; more than `MOST_PAGES` of them are not read."""
    picture: np.ndarray
    """HWC uint8 RGB, upright."""


def pages_from(data: bytes) -> Generator[Page, None, None]:
    """The pages of a file, one after the other, so that only one is in memory.

    The kind is told by what the file holds, not by its name. It is opened in a process with limits on time and memory.
    Raises `PictureError`, at the first page or at a later one, where it is empty, damaged, too large (before it is
    decoded), takes too long, or is something else than a picture.
    """
    return (Page(*page) for page in pages_elsewhere(data, MOST_PAGES))


def open_pages(data: bytes, most: int) -> Iterator[Page]:
    """As `pages_from`, but in this process and without limits, and no more than `most` pages."""
    if is_pdf(data):
        count, pictures = pdf_pages(data, most)
        for number, picture in enumerate(pictures, start=1):
            yield Page(number, count, picture)
    elif is_heic(data):
        yield Page(1, 1, as_rgb(open_heic(data)))
    else:
        image = open_bytes(data)
        count = page_count(image)
        for index in range(min(count, most)):
            yield Page(index + 1, count, as_rgb(image, index))
