"""Draws readings over their picture: the attention and the box of each digit; and the strip with its patches."""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

import cv2
import numpy as np
from PIL import Image

from core.config import ModelSettings
from core.reading.find.place import Box
from core.reading.palette import position_rgb
from core.reading.reading import Reading

_GRID: Final = (176, 172, 188)  # of the patches, between ink and paper
_LABEL: Final = (
    21,
    21,
    27,
)  # under the label of a number in a frame: all colours of positions stand out from it
_SURE: Final = (236, 234, 242)  # the probability on the label
_HEAT: Final = (229, 57, 53)  # where a number is seen; no digit's position has it
_FOUND: Final = (18, 110, 130)  # of what is found: seen on paper, on a blackboard and under the heat
_MISSED: Final = (130, 80, 223)
_OUTLINE: Final = (129, 126, 140)  # of a number: seen on paper and on a blackboard
_FONT: Final = cv2.FONT_HERSHEY_SIMPLEX


class Found(NamedTuple):
    """A number to be drawn on a frame."""

    reading: Reading
    probability: float
    """That is written beside it, 0 to 1."""
    weights: np.ndarray
    """(digits, rows, columns) of `explain.patch_weights`."""


def overlay(
    rgb: np.ndarray,
    reading: Reading,
    maps: np.ndarray,
    *,
    digit: int | None = None,
    strength: float = 0.75,
    boxes: bool = True,
) -> np.ndarray:
    """HWC uint8 RGB: every digit's map, (digits, h, w) in 0 to 1, blended in the colour of its position; or only one digit's.

    `strength` is the opacity where a map is highest, 0 to 1.
    """
    blended = rgb.astype(np.float32)
    chosen = range(len(reading.digits)) if digit is None else [digit]
    for index in chosen:
        opacity = (strength * maps[index])[..., None]
        blended = blended * (1 - opacity) + np.array(position_rgb(index), np.float32) * opacity
    image = blended.round().astype(np.uint8)
    if boxes:
        thickness = max(round(min(rgb.shape[:2]) / 150), 1)
        for index in chosen:
            left, top, right, bottom = (round(side) for side in reading.digits[index].box)
            cv2.rectangle(image, (left, top), (right - 1, bottom - 1), position_rgb(index), thickness)
    return image


def heated(rgb: np.ndarray, heat: np.ndarray, strength: float = 0.75) -> np.ndarray:
    """HWC uint8 RGB: a picture with a map of it, HW from 0 to 1, blended over it in one colour."""
    opacity = (strength * heat).astype(np.float32)
    return cv2.blendLinear(rgb, np.full_like(rgb, _HEAT), 1 - opacity, opacity)


def sighted(
    gray: np.ndarray, heat: np.ndarray, found: Iterable[np.ndarray], missed: Iterable[np.ndarray] = ()
) -> np.ndarray:
    """HWC uint8 RGB: a gray picture (HW uint8) under its heat map (0 to 1, of any size), with outlines, (4, 2) each, of what was found and missed."""
    size = gray.shape[1], gray.shape[0]
    large = cv2.resize(heat, size, interpolation=cv2.INTER_LINEAR)
    picture = heated(np.repeat(gray[..., None], 3, axis=2), large)
    for outlines, colour in ((missed, _MISSED), (found, _FOUND)):
        for outline in outlines:
            _trace(picture, outline, colour, max(round(min(size) / 240), 1))
    return picture


def draw_found(
    rgb: np.ndarray, found: Sequence[Found], *, strength: float = 0.6, mirror: bool = False
) -> np.ndarray:
    """A new HWC uint8 RGB frame with every number's attention, outline, digit boxes, text and probability.

    Attention is blended inside the number's own outline only, `strength` (0 to 1) being the opacity where it is highest.
    The readings are of a frame of this size. With `mirror` the picture is mirrored, but the text is not. Fast enough
    for video: what is worked on is as large as the number.
    """
    picture = rgb.copy()
    width = picture.shape[1]
    line = max(round(min(picture.shape[:2]) / 240), 1)
    outlines = []
    for reading, _, weights in found:
        boxes = [box_on_strip(digit.box, reading) for digit in reading.digits]
        left, top, right, bottom = np.add(boxes, (-1, -1, 1, 1)).T
        around = (float(left.min()), float(top.min()), float(right.max()), float(bottom.max()))
        if strength > 0:
            _blend(picture, reading, weights, around, strength)
        outlines.append(reading.placement.outline(around))
        _trace(picture, outlines[-1], _OUTLINE, line)
        for position, box in enumerate(boxes):
            _trace(picture, reading.placement.outline(box), position_rgb(position), line)
    if mirror:
        picture = cv2.flip(picture, 1)
    for outline, (reading, probability, _) in zip(outlines, found, strict=True):
        left = float(outline[:, 0].min() if not mirror else width - outline[:, 0].max())
        _label(picture, reading.text, probability, left, outline[:, 1])
    return picture


def strip_picture(
    reading: Reading,
    model: ModelSettings,
    weights: np.ndarray | None = None,
    *,
    digit: int | None = None,
    scale: int = 8,
) -> np.ndarray:
    """HWC uint8 RGB: the strip that the model saw, dark on light and `scale` times as large, cut into its patches.

    With `weights`, (digits, rows, columns) of `explain.patch_weights`, each patch is tinted by how much it counted:
    in the colour of the digit that it counted for, of all digits or of one.
    """
    chosen = range(len(reading.digits)) if digit is None else [digit]
    tinted = {} if weights is None or not len(weights) else {index: weights[index] for index in chosen}
    return patches_picture(reading.strip, model, tinted, scale=scale)


def patches_picture(
    strip: np.ndarray,
    model: ModelSettings,
    weights: dict[int, np.ndarray],
    *,
    scale: int,
    colour: tuple[int, int, int] | None = None,
) -> np.ndarray:
    """As `strip_picture`, of an (h, w) float32 strip and for some positions of digits the (rows, columns) weights.

    `colour`, red, green and blue, is for attention that belongs to no position.
    """
    height, width = strip.shape
    paper = np.full((height * scale, width * scale, 3), 255, np.float32)
    size, stride = model.patch_size * scale, model.stride * scale
    rows, columns = model.grid(height, width)
    for index, weight in weights.items():
        ink_of = np.array(colour or position_rgb(index), np.float32)
        opacities = 0.75 * weight / max(float(weight.max()), 1e-9)
        for row, column in np.ndindex(rows, columns):
            patch = paper[row * stride : row * stride + size, column * stride : column * stride + size]
            patch += (ink_of - patch) * opacities[row, column]
    ink = cv2.resize(strip, (width * scale, height * scale), interpolation=cv2.INTER_NEAREST)[..., None]
    image = (paper * (1 - 0.9 * ink)).round().astype(np.uint8)
    for row, column in np.ndindex(rows, columns):
        corner = column * stride, row * stride
        cv2.rectangle(image, corner, (corner[0] + size - 1, corner[1] + size - 1), _GRID, 1)
    return image


def png(rgb: np.ndarray) -> bytes:
    """HWC uint8 RGB as the bytes of a PNG file."""
    file = io.BytesIO()
    Image.fromarray(rgb).save(file, "PNG")
    return file.getvalue()


def box_on_strip(box: Box, reading: Reading) -> Box:
    """The box on the strip of which `box` is the upright one around it in the picture."""
    placement = reading.placement
    left, top, right, bottom = box
    back = cv2.invertAffineTransform(placement.to_picture())
    x, y = back @ ((left + right) / 2, (top + bottom) / 2, 1)
    wide, tall = (right - left) / placement.scale, (bottom - top) / placement.scale
    cos, sin = abs(np.cos(placement.angle)), abs(np.sin(placement.angle))
    # Upright, w x h turned by an angle is (w cos + h sin) x (w sin + h cos); near 45 degrees that cannot be undone.
    if (turned := cos * cos - sin * sin) > 0.3:
        wide, tall = (
            max((wide * cos - tall * sin) / turned, 1.0),
            max((tall * cos - wide * sin) / turned, 1.0),
        )
    return float(x - wide / 2), float(y - tall / 2), float(x + wide / 2), float(y + tall / 2)


def _blend(picture: np.ndarray, reading: Reading, weights: np.ndarray, around: Box, strength: float) -> None:
    """Tints the part of the HWC uint8 RGB picture that lies inside `around` on the strip, in place."""
    strip_height, strip_width = reading.strip.shape
    # All digits are mixed on the strip, which is small: what colour is added, and how much of the picture shows through.
    mixed = np.zeros((strip_height, strip_width, 4), np.float32)
    mixed[..., 3] = 1
    for position, weight in enumerate(weights):
        seen = cv2.resize(weight, (strip_width, strip_height), interpolation=cv2.INTER_CUBIC).clip(min=0)
        opacity = seen[..., None] * (strength / max(float(seen.max()), 1e-12))
        mixed *= 1 - opacity
        mixed[..., :3] += opacity * (np.array(position_rgb(position), np.float32) / 255)
    left, top, right, bottom = (max(round(side), 0) for side in around)
    tint = np.ascontiguousarray((mixed[top:bottom, left:right] * 255).round().astype(np.uint8))
    if not tint.size:
        return
    to_picture = reading.placement.to_picture()
    middle = left + 0.5, top + 0.5  # cv2 counts from the middles of pixels
    to_picture[:, 2] += to_picture[:, :2] @ middle - 0.5
    tall, wide = tint.shape[:2]
    corners = reading.placement.outline((float(left), float(top), float(left + wide), float(top + tall)))
    x, y = corners.min(0).astype(int).clip(0, None)
    beyond_x, beyond_y = np.ceil(corners.max(0)).astype(int)
    part = picture[y:beyond_y, x:beyond_x]
    if not part.size:
        return
    to_picture[:, 2] -= x, y
    warped = cv2.warpAffine(
        tint, to_picture, (part.shape[1], part.shape[0]), flags=cv2.INTER_LINEAR, borderValue=(0, 0, 0, 255)
    )
    through = cv2.cvtColor(warped[..., 3], cv2.COLOR_GRAY2RGB)
    cv2.add(cv2.multiply(part, through, scale=1 / 255), cv2.cvtColor(warped, cv2.COLOR_RGBA2RGB), dst=part)


def _trace(picture: np.ndarray, outline: np.ndarray, colour: tuple[int, int, int], thickness: int) -> None:
    cv2.polylines(picture, [outline.round().astype(np.int32)], True, colour, thickness, cv2.LINE_AA)


def _label(picture: np.ndarray, text: str, probability: float, left: float, heights: np.ndarray) -> None:
    """Writes the text, each digit in its colour, and the probability above the outline, or below where there is no room."""
    height, width = picture.shape[:2]
    size = min(height, width) / 370
    pen = max(round(2 * size), 1)
    (advance, tall), _ = cv2.getTextSize("0", _FONT, size, pen)
    sure = f"{probability:.0%}" if probability < 0.995 else ">99%"
    (sure_wide, _), _ = cv2.getTextSize(sure, _FONT, 0.6 * size, max(pen - 1, 1))
    pad = round(6 * size)
    wide, high = len(text) * advance + sure_wide + 3 * pad, tall + 2 * pad
    above, below = round(float(heights.min())) - high - pad, round(float(heights.max())) + pad
    y = above if above >= 0 else min(below, height - high)
    x = max(min(round(left), width - wide), 0)
    cv2.rectangle(picture, (x, y), (x + wide, y + high), _LABEL, -1)
    base = y + pad + tall
    for position, digit in enumerate(text):
        where = (x + pad + position * advance, base)
        cv2.putText(picture, digit, where, _FONT, size, position_rgb(position), pen, cv2.LINE_AA)
    where = (x + 2 * pad + len(text) * advance, base)
    cv2.putText(picture, sure, where, _FONT, 0.6 * size, _SURE, max(pen - 1, 1), cv2.LINE_AA)
