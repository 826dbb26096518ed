"""The photos that a visitor brings, read, with the visitor's corrections, for the length of the visit."""

from __future__ import annotations

from collections.abc import Callable
from hashlib import sha256
from secrets import randbelow
from typing import Any, Final, NamedTuple

import streamlit as st

from core.reading import PictureError, Reader
from core.reading.files.documents import MOST_PAGES, SUFFIXES, Page, pages_from
from core.reading.files.picture import as_rgb
from core.reading.overlay import png
from core.reading.photo import Photo, read_photo
from pages.common import readers

_WAYS: Final = {
    "upload": ":material/upload_file: Files",
    "paste": ":material/content_paste: Paste",
    "camera": ":material/photo_camera: Camera",
}
_TYPES: Final = [suffix.removeprefix(".") for suffix in SUFFIXES]


class Brought(NamedTuple):
    """One file, read."""

    name: str
    key: str
    photos: tuple[Photo, ...]
    """Of its pages; those before the trouble, where there was any."""
    trouble: str
    """Why it, or the rest of it, could not be read, and the mend; or empty."""


def bring() -> None:
    """The ways in: files, the clipboard, the camera. What was brought last is what the page shows."""
    way = st.segmented_control(
        "How to bring a photo",
        list(_WAYS),
        default="upload",
        format_func=_WAYS.__getitem__,
        key="photo-way",
        required=True,
        persist_state="session",
        label_visibility="collapsed",
    )
    if way == "upload":
        st.file_uploader(
            "Photos, scans and documents: PNG, JPEG, WEBP, HEIC, TIFF and PDF, of one page or many",
            type=_TYPES,
            accept_multiple_files=True,
            key="photo-upload",
            on_change=lambda: _take(st.session_state["photo-upload"]),
        )
    elif way == "paste":
        st.caption(
            "Copy a picture anywhere, click into the line below, press Ctrl-V (⌘-V on a Mac), then Enter."
        )
        with st.container():  # a line of the page, not one that stays at the window's foot
            st.chat_input(
                "Click here and paste a picture",
                accept_file="multiple",
                file_type=_TYPES,
                key="photo-paste",
                on_submit=lambda: _take(st.session_state["photo-paste"].files),
            )
    else:
        st.camera_input(
            "Hold the paper so that it fills the picture. Cameras work over https and on this machine itself.",
            key="photo-camera",
            on_change=lambda: _take([st.session_state["photo-camera"]]),
        )


def bring_example() -> None:
    """A sheet of our own that was not there before this visit."""
    example = readers.fresh_sheet(randbelow(1_000_000))
    st.session_state["photo-brought"] = [("example.png", png(as_rgb(example.picture)))]


def read_brought(reader: Reader) -> list[Brought]:
    """What is to be shown: what was brought last, read now if it is new, with a bar where it takes a while."""
    known: list[Brought] = st.session_state.get("photo-read", [])
    waiting: list[tuple[str, bytes]] | None = st.session_state.get("photo-brought")
    if waiting is None:
        return known
    by_key = {file.key: file for file in known}
    place = st.empty()
    files = []
    with st.spinner("Reading …"):
        for index, (name, data) in enumerate(waiting):
            key = sha256(name.encode() + b"\0" + data).hexdigest()[:16]

            def show(page: Page, index: int = index, name: str = name) -> None:
                pages = min(page.of, MOST_PAGES)
                if len(waiting) * pages > 1:
                    which = f", page {page.number} of {pages}" if pages > 1 else ""
                    share = (index + (page.number - 1) / pages) / len(waiting)
                    place.progress(share, f"Reading {name}{which} …")

            files.append(by_key.get(key) or _read(reader, name, data, key, show))
    place.empty()
    # Only now: a click while it was read starts the run anew, and what is not done is still waiting.
    st.session_state["photo-read"] = files
    del st.session_state["photo-brought"]
    return files


def corrections() -> dict[str, str | None]:
    """What this visitor says that a number is, by the number's key; it outlasts reruns and a change of page."""
    kept: dict[str, str | None] = st.session_state.setdefault("photo-corrections", {})
    return kept


def _take(files: list[Any]) -> None:
    st.session_state["photo-brought"] = [(file.name, file.getvalue()) for file in files if file is not None]


def _read(reader: Reader, name: str, data: bytes, key: str, show: Callable[[Page], None]) -> Brought:
    photos = []
    trouble = ""
    try:
        for page in pages_from(data):
            show(page)
            photos.append(read_photo(reader, name, page, f"{key}-{page.number}"))
    except PictureError as error:
        trouble = str(error)
    else:
        if photos[-1].of > MOST_PAGES:
            trouble = f"only the first {MOST_PAGES} of its {photos[-1].of} pages were read; split it into several files"
    return Brought(name, key, tuple(photos), trouble)
