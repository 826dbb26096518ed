"""Reads every number on a page: each marked in the picture, with a close-up, and as a table for other programs."""

from __future__ import annotations

import csv
import io
import json
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final, NamedTuple

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from core.data.strip import Placement
from core.reading.files.documents import Page
from core.reading.files.picture import as_gray
from core.reading.find.place import Box
from core.reading.find.search import band
from core.reading.overlay import heated, overlay
from core.reading.palette import position_rgb
from core.reading.reader import Reader
from core.reading.reading import Reading

_SHOWN: Final = 1600  # pixels: what a screen shows of a photo; the photo itself is not kept
_MARKED: Final = 960  # pixels that a marked photo's longer side has at least
_CLOSE_UP: Final = (560, 320)
_MARGIN: Final = 0.7  # around a number, as a share of its height

_Window = tuple[int, int, int, int]  # left, top, right, bottom in pixels of the photo
Corrections = Mapping[str, str | None]
"""What a person says that a number (by its key) is; None: that it is none."""


@dataclass(frozen=True)
class Number:
    """One number of a photo, and how it was prepared for the model."""

    key: str
    """Names it among all numbers of a visit."""
    reading: Reading
    """In pixels of the photo."""
    outline: np.ndarray
    """(4, 2) corners around its ink in pixels of what is shown of the photo."""
    close_up: np.ndarray
    """HWC uint8 RGB: the photo around it."""
    close_reading: Reading
    """The reading in pixels of the close-up."""
    heat: np.ndarray
    """HW float32, 0 to 1, of the close-up: how likely each pixel lies in the middle band of a number."""


@dataclass(frozen=True)
class Photo:
    """One page that was read."""

    name: str
    page: int
    """Counted from 1."""
    of: int
    """How many pages the file has."""
    size: tuple[int, int]
    """Width and height of the photo."""
    picture: np.ndarray
    """HWC uint8 RGB: the photo as it is shown, at most 1600 pixels a side."""
    numbers: tuple[Number, ...]
    """In reading order."""
    milliseconds: float
    """What reading it took."""


def read_photo(reader: Reader, name: str, page: Page, key: str) -> Photo:
    """Every number of a page. `key` names the page among all of a visit. Raises `PictureError`."""
    rgb = page.picture
    height, width = rgb.shape[:2]
    started = time.perf_counter()
    readings = reader.read_all(rgb)
    elapsed = 1e3 * (time.perf_counter() - started)
    scale = min(_SHOWN / max(height, width), 1.0)
    heat = band(as_gray(rgb), reader.finder)
    numbers = []
    for place, reading in enumerate(readings):
        window, closer = _window(reading, (width, height))
        close_up = _cut(rgb, window, closer)
        numbers.append(
            Number(
                key=f"{key}-{place}",
                reading=reading,
                outline=_outline(reading) * scale,
                close_up=close_up,
                close_reading=_seen_through(reading, window, closer),
                heat=cv2.resize(
                    _cut(heat, window, 1.0), close_up.shape[1::-1], interpolation=cv2.INTER_LINEAR
                ),
            )
        )
    shown = _cut(rgb, (0, 0, width, height), scale)
    return Photo(name, page.number, page.of, (width, height), shown, tuple(numbers), elapsed)


def marked(photo: Photo, corrections: Corrections | None = None) -> np.ndarray:
    """HWC uint8 RGB: what is shown of the photo, each number outlined in a colour of its own, counted, and with what it says."""
    larger = max(_MARKED / max(photo.picture.shape), 1.0)  # a small picture's labels could not be read
    image = Image.fromarray(_cut(photo.picture, (0, 0, *photo.picture.shape[1::-1]), larger))
    pen = ImageDraw.Draw(image)
    side = max(image.size)
    thickness = round(side / 280)
    font = ImageFont.load_default(round(side / 30))
    for place, number in enumerate(photo.numbers):
        text = said(number, corrections)
        if text is None:
            continue
        colour = position_rgb(place)
        outline = number.outline * larger
        corners = [(float(x), float(y)) for x, y in outline]
        pen.line([*corners, corners[0]], fill=colour, width=thickness, joint="curve")
        label = f"{place + 1}: {text}"
        left, top, right, bottom = pen.textbbox((0, 0), label, font=font)
        pad = thickness + 1
        wide, tall = right - left + 2 * pad, bottom - top + 2 * pad
        x = min(max(outline[:, 0].min(), 0), max(image.width - wide, 0))
        above = outline[:, 1].min() - tall - thickness
        y = above if above >= 0 else min(outline[:, 1].max() + thickness, max(image.height - tall, 0))
        pen.rectangle((x, y, x + wide, y + tall), fill=colour)
        pen.text((x + pad - left, y + pad - top), label, fill=(255, 255, 255), font=font)
    return np.asarray(image)


class Stage(NamedTuple):
    """One step on the way from the photo to the reading."""

    name: str
    picture: np.ndarray
    """HWC uint8 RGB."""


def stages(number: Number, seen: np.ndarray, patches: np.ndarray) -> list[Stage]:
    """The way of one number, in order; `seen` is its close-up with the attention, `patches` its strip with it (HWC uint8 RGB)."""
    close_up, reading = number.close_up, number.close_reading
    boxes = overlay(close_up, reading, np.zeros((len(reading.digits), 1, 1), np.float32))
    outline = (_outline(reading) * 16).round().astype(np.int32)
    cv2.polylines(boxes, [outline], True, (35, 34, 43), 1, cv2.LINE_AA, 4)
    ink_on_paper = 255 - (255 * reading.strip).round().astype(np.uint8)
    height, width = patches.shape[:2]
    strip = cv2.resize(ink_on_paper, (width, height), interpolation=cv2.INTER_NEAREST)
    return [
        Stage("Photo", close_up),
        Stage("Gray", _as_rgb(as_gray(close_up))),
        Stage("Heat map", heated(_as_rgb(as_gray(close_up)), number.heat)),
        Stage("Boxes", boxes),
        Stage("Strip", _as_rgb(strip)),
        Stage("Patches", patches),
        Stage("Attention", seen),
    ]


def _as_rgb(gray: np.ndarray) -> np.ndarray:
    return np.repeat(gray[..., None], 3, axis=2)


def said(number: Number, corrections: Corrections | None) -> str | None:
    """What a number is: as a person says, else as it was read; None where a person says that it is no number."""
    return (corrections or {}).get(number.key, number.reading.text)


def record(name: str, page: int, readings: Iterable[Reading], size: tuple[int, int]) -> dict[str, Any]:
    """What was read on a page, ready for JSON: file, page, size and the readings, each with its box and digits."""
    return {"file": name, "page": page, "size": list(size), "readings": [_plain(one) for one in readings]}


def as_json(photos: Iterable[Photo], corrections: Corrections) -> str:
    """An array with a `record` of each page; where a person says otherwise, `text` is theirs and `read_as` the model's."""
    pages = []
    for photo in photos:
        numbers = [number for number in photo.numbers if said(number, corrections) is not None]
        page = record(photo.name, photo.page, (number.reading for number in numbers), photo.size)
        for number, found in zip(numbers, page["readings"], strict=True):
            if said(number, corrections) != found["text"]:
                found |= {"text": said(number, corrections), "read_as": found["text"]}
        pages.append(page)
    return json.dumps(pages, indent=2)


def as_csv(photos: Iterable[Photo], corrections: Corrections) -> str:
    """A line for each number, its box in pixels of the photo; `number` is as corrected, `read_as` what the model said."""
    file = io.StringIO()
    lines = csv.writer(file, lineterminator="\n")
    lines.writerow(
        (
            "file",
            "page",
            "place",
            "number",
            "read_as",
            "probability",
            "left",
            "top",
            "right",
            "bottom",
            "is_cut",
        )
    )
    for photo in photos:
        for place, number in enumerate(photo.numbers, start=1):
            text, reading = said(number, corrections), number.reading
            if text is not None:
                box = [f"{side:.1f}" for side in reading.box or (0, 0, *photo.size)]
                probability = f"{reading.probability:.4f}"
                lines.writerow(
                    (photo.name, photo.page, place, text, reading.text, probability, *box, reading.is_cut)
                )
    return file.getvalue()


def _plain(reading: Reading) -> dict[str, Any]:
    """What other programs want of a reading."""

    def rounded(box: Box | None) -> list[float] | None:
        return None if box is None else [round(side, 1) for side in box]

    return {
        "text": reading.text,
        "probability": round(reading.probability, 5),
        "is_cut": reading.is_cut,
        "box": rounded(reading.box),
        "digits": [
            {"value": digit.value, "probability": round(digit.probability, 5), "box": rounded(digit.box)}
            for digit in reading.digits
        ],
    }


def _outline(reading: Reading) -> np.ndarray:
    """(4, 2) corners in the picture around the ink on the strip, turned as the number is."""
    ink = cv2.boundingRect((reading.strip > 0.3).astype(np.uint8))
    left, top, width, height = ink if ink[2] else (0, 0, *reading.strip.shape[::-1])
    return reading.placement.outline((left - 1.0, top - 1.0, left + width + 1.0, top + height + 1.0))


def _window(reading: Reading, size: tuple[int, int]) -> tuple[_Window, float]:
    """What of a picture of that size is shown around a number (left, top, right, bottom), and how much larger."""
    left, top, right, bottom = reading.box or (0.0, 0.0, float(size[0]), float(size[1]))
    margin = _MARGIN * max(bottom - top, 8)
    window = (
        max(int(left - margin), 0),
        max(int(top - margin), 0),
        min(int(right + margin) + 1, size[0]),
        min(int(bottom + margin) + 1, size[1]),
    )
    return window, min(_CLOSE_UP[0] / (window[2] - window[0]), _CLOSE_UP[1] / (window[3] - window[1]))


def _cut(picture: np.ndarray, window: _Window, scale: float) -> np.ndarray:
    """That part of a picture, `scale` times as large; a copy, so that the picture itself can go."""
    left, top, right, bottom = window
    part = picture[top:bottom, left:right]
    if scale == 1:
        return np.array(part)
    size = max(round(part.shape[1] * scale), 1), max(round(part.shape[0] * scale), 1)
    return cv2.resize(part, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)


def _seen_through(reading: Reading, window: _Window, scale: float) -> Reading:
    """The reading in pixels of that part of its picture, `scale` times as large."""
    left, top, right, bottom = window

    def moved(box: Box) -> Box:
        return (
            (box[0] - left) * scale,
            (box[1] - top) * scale,
            (box[2] - left) * scale,
            (box[3] - top) * scale,
        )

    place = reading.placement
    return replace(
        reading,
        digits=tuple(replace(digit, box=moved(digit.box)) for digit in reading.digits),
        placement=Placement(
            (place.left - left) * scale, (place.top - top) * scale, place.scale * scale, place.angle
        ),
        box=None if reading.box is None else moved(reading.box),
        size=(max(round((right - left) * scale), 1), max(round((bottom - top) * scale), 1)),
    )
