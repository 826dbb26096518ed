"""Anything that may be a picture in, plain gray and RGB arrays out, or an error that says what to do."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

SMALLEST_SIDE = 4
LARGEST_SIDE = 16_384
LARGEST_AREA = 64_000_000

Picture = np.ndarray | Image.Image
"""HW or HWC (1, 3 or 4 channels, RGB order) uint8 array, 0 to 255, or a PIL image of any mode."""


class PictureError(ValueError):
    """Something that cannot be read as a picture; the message names what is wrong and the mend."""


def open_picture(path: Path) -> Image.Image:
    """The picture in a file, not yet decoded. Raises `PictureError`."""
    try:
        return Image.open(path)
    except FileNotFoundError as error:
        raise PictureError(f"there is no file {path}; check the path") from error
    except UnidentifiedImageError as error:
        raise PictureError(f"{path} is not an image that can be decoded; save it as PNG or JPEG") from error
    except (OSError, Image.DecompressionBombError) as error:
        raise PictureError(
            f"cannot open {path} ({error}); save it as a PNG or JPEG of at most {_limit()}"
        ) from error


def as_rgb(picture: Picture) -> np.ndarray:
    """The picture as HWC uint8 RGB.

    Of an animation the first frame is taken, EXIF orientation is honoured, 16-bit and float modes are brought from their
    own range to 0-255, and what is transparent lies on white, or on black where the ink itself is light.
    Raises `PictureError` where it is empty, too small, too large, of another type, or cannot be decoded.
    """
    if isinstance(picture, Image.Image):
        _check_size(picture.width, picture.height)
        return _from_pil(picture)
    if not isinstance(picture, np.ndarray):
        raise PictureError(
            f"cannot read a {type(picture).__name__} as a picture; pass a uint8 array (height x width, or with 1, 3 or 4 "
            "channels) or a PIL image"
        )
    if picture.ndim not in (2, 3) or (picture.ndim == 3 and picture.shape[2] not in (1, 3, 4)):
        raise PictureError(
            f"an array of shape {picture.shape} is not one picture; it must be height x width, or with 1, 3 or 4 channels"
        )
    _check_size(picture.shape[1], picture.shape[0])
    if picture.dtype == np.uint16:
        picture = _to_uint8(picture)
    if picture.dtype != np.uint8:
        raise PictureError(
            f"an array of {picture.dtype} has no known range; scale it to 0-255 and pass .astype(np.uint8)"
        )
    if picture.ndim == 2 or picture.shape[2] == 1:
        return cv2.cvtColor(np.ascontiguousarray(picture), cv2.COLOR_GRAY2RGB)
    return _on_paper(picture) if picture.shape[2] == 4 else np.ascontiguousarray(picture)


def as_gray(rgb: np.ndarray) -> np.ndarray:
    """HW uint8 luminance of HWC uint8 RGB."""
    return cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY)


def _check_size(width: int, height: int) -> None:
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


def _limit() -> str:
    return f"{LARGEST_SIDE} pixels a side and {LARGEST_AREA // 1_000_000} megapixels"


def _from_pil(picture: Image.Image) -> np.ndarray:
    try:
        picture.seek(0)
        picture = ImageOps.exif_transpose(picture)
        if picture.mode in ("I", "F") or picture.mode.startswith("I;16"):
            return cv2.cvtColor(_to_uint8(np.asarray(picture)), cv2.COLOR_GRAY2RGB)
        if picture.has_transparency_data:
            return _on_paper(np.asarray(picture.convert("RGBA")))
        return np.asarray(picture.convert("RGB"))
    except (OSError, ValueError, SyntaxError, EOFError, Image.DecompressionBombError) as error:
        raise PictureError(
            f"the picture cannot be decoded ({error}); it may be cut off: take a fresh copy"
        ) from error


def _to_uint8(values: np.ndarray) -> np.ndarray:
    """A wider range brought to 0-255: by its type where the picture fills it, else by its own darkest and brightest."""
    low, high = float(values.min()), float(values.max())
    if values.dtype == np.uint16 and high > 0x0FFF:
        low, high = 0.0, 65535.0
    return ((values.astype(np.float32) - low) * (255 / max(high - low, 1e-6))).clip(0, 255).astype(np.uint8)


def _on_paper(rgba: np.ndarray) -> np.ndarray:
    """RGBA laid on white paper, or on black where what is drawn is light."""
    alpha = rgba[..., 3:].astype(np.float32) / 255
    if alpha.min() == 1:
        return np.ascontiguousarray(rgba[..., :3])
    drawn = (rgba[..., :3] * alpha).sum() / max(3 * float(alpha.sum()), 1e-6)
    paper = 0.0 if drawn > 127 and alpha.any() else 255.0
    return (rgba[..., :3] * alpha + paper * (1 - alpha)).astype(np.uint8)
