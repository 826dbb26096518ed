"""Brings anything that may be a picture into plain gray and RGB arrays, or says what to do."""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, ImageOps

from core.errors import PlainError

SMALLEST_SIDE = 4
LARGEST_SIDE = 16_384
LARGEST_AREA = 64_000_000
# Those that are offered. Others would start programs of this machine (PostScript), or are decoded in Python, a second a megabyte (PPM).
_FORMATS = ("PNG", "JPEG", "WEBP", "TIFF", "GIF", "BMP")
_OTHERS = (
    (b"%PDF", "a PDF document"),
    (b"PK\x03\x04", "a ZIP archive or an office document"),
    (b"%!PS", "a PostScript drawing"),
    (b"<svg", "an SVG drawing"),
    (b"<!doctype html", "a web page"),
    (b"<html", "a web page"),
    (b"\x1a\x45\xdf\xa3", "a video"),
)
_FULL_RANGES = (1.0, 255.0, 4095.0, 65535.0)  # of floats, bytes, and 12 and 16 bits
_SLACK = 0.05  # by which resampling leaves a range of floats
_SMALLEST_COUNTED = 16  # floats up to here are not counted from 0 to 255
_ORIENTATION = 0x0112  # of EXIF
_BAND = 512  # rows

Picture = np.ndarray | Image.Image
"""HW or HWC (1, 3 or 4 channels, RGB order) uint8 array, 0 to 255, or a PIL image of any mode."""


class PictureError(PlainError, ValueError):
    """Something that cannot be read as a picture; the message names what is wrong and the mend."""


def open_picture(path: Path) -> Image.Image:
    """The picture in a file, not yet decoded. Raises `PictureError`."""
    return open_bytes(file_bytes(path))


def file_bytes(path: Path) -> bytes:
    """What a file holds. Raises `PictureError`."""
    try:
        return path.read_bytes()
    except FileNotFoundError as error:
        raise PictureError("there is no such file; check the path") from error
    except OSError as error:
        raise PictureError(f"it cannot be opened ({error.strerror}); check the path") from error


def open_bytes(data: bytes) -> Image.Image:
    """The picture in a file's bytes, not yet decoded. What its name says does not count. Raises `PictureError`."""
    if not data:
        raise PictureError("the file is empty; save or send it again")
    try:
        with warnings.catch_warnings():  # `as_rgb` refuses what is too large, and before decoding it
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            return Image.open(io.BytesIO(data), formats=_FORMATS)
    except Image.DecompressionBombError as error:
        raise PictureError(f"it is too large to decode; scale it to at most {_limit()}") from error
    except Exception as error:  # decoders raise what they like on a broken file
        what = _other_kind(data)
        raise PictureError(
            f"it is not an image, whatever its name says, but {what}; save the picture itself as PNG or JPEG"
            if what
            else "it is not an image that can be decoded, or it is cut off; save it as PNG or JPEG"
        ) from error


def page_count(picture: Image.Image) -> int:
    """How many pages a picture has: those of a TIFF. The frames of an animation are not pages. Raises `PictureError`."""
    try:
        return int(getattr(picture, "n_frames", 1)) if picture.format == "TIFF" else 1
    except Exception as error:  # decoders raise what they like on a broken file
        raise PictureError(
            f"its pages cannot be found ({error}); it may be cut off: take a fresh copy"
        ) from error


_FEW = 192  # pixels along a side tell in which colours a picture changes
_NEAR = 31  # of those pixels: within that a stroke stands on its paper
_LUMINANCE = np.array([0.299, 0.587, 0.114])
_EQUALLY_BRIGHT = (
    0.12  # of the change along the main colour: less of it in the luminance, and the luminance shows no ink
)


def as_rgb(picture: Picture | object, page: int = 0) -> np.ndarray:
    """The picture as HWC uint8 RGB; of a PIL image with several pages that one, counted from 0.

    Of an animation the first frame is taken, EXIF orientation is honoured, 16-bit and float modes are brought from their
    own range to 0-255, and what is transparent becomes paper: white, black under light ink, or what paper there is.
    The result may be the array itself. Raises `PictureError` where the picture is empty, too small, too large, of
    another type, or cannot be decoded.
    """
    if isinstance(picture, Image.Image):
        return _from_pil(picture, page)
    if not isinstance(picture, np.ndarray):
        raise PictureError(
            f"cannot read a {type(picture).__name__} as a picture; pass a uint8 array (height x width, or with 1, 3 or 4 "
            "channels) or a PIL image (Image.open(path))"
        )
    if picture.ndim not in (2, 3) or (picture.ndim == 3 and picture.shape[2] not in (1, 3, 4)):
        raise PictureError(
            f"an array of shape {picture.shape} is not one picture; it must be height x width, or with 1, 3 or 4 channels"
        )
    check_size(picture.shape[1], picture.shape[0])
    if picture.dtype == bool:
        picture = picture.astype(np.uint8) * 255
    if picture.dtype.kind == "u" and picture.dtype.itemsize == 2:
        picture = _to_uint8(picture)
    if picture.dtype != np.uint8:
        raise PictureError(
            f"an array of {picture.dtype} has no known range; scale it to 0-255 and pass .astype(np.uint8)"
        )
    if picture.ndim == 2 or picture.shape[2] == 1:
        return cv2.cvtColor(np.ascontiguousarray(picture), cv2.COLOR_GRAY2RGB)
    return _on_paper(Image.fromarray(picture)) if picture.shape[2] == 4 else np.ascontiguousarray(picture)


def as_gray(rgb: np.ndarray) -> np.ndarray:
    """HW uint8 luminance of HWC uint8 RGB; where ink and paper are equally bright, how far each pixel lies along the colour in
    which the picture changes most (principal component analysis)."""
    height, width = rgb.shape[:2]
    scale = min(_FEW / max(height, width), 1.0)
    size = max(round(width * scale), 1), max(round(height * scale), 1)
    few = cv2.resize(rgb, size, interpolation=cv2.INTER_AREA).astype(np.float32)
    change = (few - cv2.blur(few, (_NEAR, _NEAR))).reshape(-1, 3)
    covariance = change.T @ change / len(change)
    spread, axes = np.linalg.eigh(covariance)
    if _LUMINANCE @ covariance @ _LUMINANCE >= _EQUALLY_BRIGHT * spread[2] / 3:
        return cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY)
    axis = axes[:, 2].astype(np.float32)
    middle = 128 - float(few.reshape(-1, 3).mean(0) @ axis)
    return cv2.transform(rgb, np.append(axis, middle)[None]).reshape(height, width)


def check_size(width: int, height: int) -> None:
    """Raises `PictureError` where a picture of so many pixels is too small or too large to be read."""
    if width == 0 or height == 0:
        raise PictureError(f"the picture is empty ({width} x {height} pixels); pass one that shows something")
    if min(width, height) < SMALLEST_SIDE:
        raise PictureError(
            f"the picture is only {width} x {height} pixels; a number needs at least {SMALLEST_SIDE} on each side: "
            "take a larger picture"
        )
    if max(width, height) > LARGEST_SIDE or width * height > LARGEST_AREA:
        raise PictureError(
            f"the picture is {width} x {height} pixels; crop it to the number or scale it to at most {_limit()}"
        )


def _other_kind(data: bytes) -> str:
    """What a file that is no picture is instead, or "" where that is not known."""
    start = data[:512].lstrip().lower()
    for signature, kind in _OTHERS:
        if start.startswith(signature.lower()):
            return kind
    if data[4:8] == b"ftyp":
        return "a video, or a picture of a kind that is not known here"
    letters = (
        data[:512].decode("utf-8", errors="replace").rstrip("\ufffd")
    )  # a letter may be cut in the middle
    readable = all(letter.isspace() or (letter.isprintable() and letter != "\ufffd") for letter in letters)
    return "text" if readable else ""


def _limit() -> str:
    return f"{LARGEST_SIDE} pixels a side and {LARGEST_AREA // 1_000_000} megapixels"


def _from_pil(picture: Image.Image, page: int) -> np.ndarray:
    try:
        picture.seek(page)
        check_size(picture.width, picture.height)  # from its header alone, before anything is decoded
        if picture.getexif().get(_ORIENTATION, 1) != 1:
            picture = ImageOps.exif_transpose(picture)
        if picture.mode in ("I", "F") or picture.mode.startswith("I;16"):
            return cv2.cvtColor(_to_uint8(np.asarray(picture)), cv2.COLOR_GRAY2RGB)
        if picture.mode == "La":  # which Pillow turns into LA alone
            picture = picture.convert("LA")
        if not picture.has_transparency_data:
            return _assembled(picture, lambda band: band.convert("RGB"))
        return _on_paper(picture)
    except (PictureError, MemoryError):
        raise
    except Exception as error:  # decoders raise what they like on a broken file
        raise PictureError(
            f"the picture cannot be decoded ({error}); it may be cut off: take a fresh copy"
        ) from error


def _to_uint8(values: np.ndarray) -> np.ndarray:
    """A wider range brought to 0-255: the narrowest usual one that holds the picture, so that a blank one stays blank.

    Floats that no usual range fits (standardised, or 0 to 2) are brought from their own.
    """
    is_float = values.dtype.kind == "f"
    values = np.nan_to_num(values.astype(np.float32), posinf=0, neginf=0)
    low, high = float(values.min()), float(values.max())
    if is_float and (low < -_SLACK or 1 + _SLACK < high < _SMALLEST_COUNTED):
        full = max(high, low + 1e-6)
    else:
        low = min(low, 0.0) if not is_float else 0.0
        full = next((full for full in _FULL_RANGES if high <= full * (1 + _SLACK * is_float)), high)
    return ((values - low) * (255 / (full - low))).clip(0, 255).astype(np.uint8)


def _assembled(picture: Image.Image, change: Callable[[Image.Image], Image.Image]) -> np.ndarray:
    """HWC uint8 RGB, made of one band of rows after the other, so that a large picture is not held several times."""
    rgb = np.empty((picture.height, picture.width, 3), np.uint8)
    for top in range(0, picture.height, _BAND):
        box = (0, top, picture.width, min(top + _BAND, picture.height))
        rgb[top : top + _BAND] = np.asarray(change(picture.crop(box)))
    return rgb


def _on_paper(picture: Image.Image) -> np.ndarray:
    """A picture with paper where it is transparent."""
    step = max(min(picture.size) // 256, 1)
    few = picture.resize(
        (-(-picture.width // step), -(-picture.height // step)), Image.Resampling.NEAREST
    ).convert("RGBA")
    level = _paper_under(np.asarray(few))

    def laid_on_paper(band: Image.Image) -> Image.Image:
        rgba = band.convert("RGBA")
        paper = Image.new("RGB", band.size, (level,) * 3)
        paper.paste(rgba, mask=rgba.getchannel("A"))
        return paper

    return _assembled(picture, laid_on_paper)


def _paper_under(rgba: np.ndarray) -> int:
    """The gray level of the paper that belongs under an HWC uint8 RGBA picture."""
    drawn = rgba[..., :3].mean(axis=2)[rgba[..., 3] > 127]
    if not drawn.size:
        return 255
    usual = float(np.median(drawn))
    if (np.abs(drawn - usual) > 64).mean() > 0.01:  # ink and its own paper
        return round(usual)
    return 0 if usual > 127 else 255  # ink alone
