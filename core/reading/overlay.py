"""A picture and its reading in, the picture with the attention and the boxes of each digit out; and the strip with its patches."""

from __future__ import annotations

import io
from typing import Final

import cv2
import numpy as np
from PIL import Image

from core.config import ModelSettings
from core.reading.palette import position_rgb
from core.reading.reading import Reading

_GRID: Final = (176, 172, 188)  # of the patches, between ink and paper


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
    height, width = reading.strip.shape
    paper = np.full((height * scale, width * scale, 3), 255, np.float32)
    size, stride = model.patch_size * scale, model.stride * scale
    rows, columns = model.grid(height, width)
    chosen = range(len(reading.digits)) if digit is None else [digit]
    if weights is not None and len(weights):
        for index in chosen:
            for row, column in np.ndindex(rows, columns):
                patch = paper[row * stride : row * stride + size, column * stride : column * stride + size]
                opacity = 0.75 * weights[index, row, column] / max(float(weights[index].max()), 1e-9)
                patch += (np.array(position_rgb(index), np.float32) - patch) * opacity
    ink = cv2.resize(reading.strip, (width * scale, height * scale), interpolation=cv2.INTER_NEAREST)[
        ..., None
    ]
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
