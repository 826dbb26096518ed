"""A picture and its reading in, the picture with the attention and the boxes of each digit out."""

from __future__ import annotations

import cv2
import numpy as np

from core.reading.palette import position_rgb
from core.reading.reading import Reading


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
            cv2.rectangle(
                image, (left, top), (right - 1, bottom - 1), position_rgb(index), thickness, cv2.LINE_AA
            )
    return image
