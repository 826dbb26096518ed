"""Scenes in, a .y4m clip for Chromium's fake camera out: numbers of MNIST digits on a sheet of paper on a desk."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import cv2
import numpy as np

from core.data.mnist import load_sample

WIDTH, HEIGHT = 640, 480
FPS = 10  # enough to see, and the machine has other things to do
_DESK = (105, 85, 60)


def frames(scenes: Sequence[tuple[str, float]]) -> Iterator[np.ndarray]:
    """HWC uint8 RGB frames of each number ("" is the desk alone) for so many seconds: moving, tilting, changing light."""
    noise = np.random.default_rng(0)
    for number, seconds in scenes:
        sheet = _sheet(number)
        count = round(seconds * FPS)
        for turn in range(count):
            phase = 2 * np.pi * turn / count
            tilt = cv2.getRotationMatrix2D((WIDTH / 2, HEIGHT / 2), 6 * np.sin(phase), 1.0)
            tilt[:, 2] += 14 * np.cos(phase), 9 * np.sin(2 * phase)
            seen = cv2.warpAffine(
                sheet, tilt, (WIDTH, HEIGHT), flags=cv2.INTER_LINEAR, borderValue=_DESK
            ).astype(np.float32)
            seen *= (0.9 + 0.1 * np.sin(phase)) * np.linspace(1.0, 0.82, WIDTH, dtype=np.float32)[
                None, :, None
            ]
            seen += noise.normal(0, 2, (HEIGHT, WIDTH, 1)).astype(np.float32)
            yield seen.clip(0, 255).astype(np.uint8)


def write_clip(path: Path, scenes: Sequence[tuple[str, float]]) -> Path:
    """The scenes as a clip that Chromium plays again and again: 4.6 MB a second."""
    with path.open("wb") as clip:
        clip.write(f"YUV4MPEG2 W{WIDTH} H{HEIGHT} F{FPS}:1 Ip A1:1 C420mpeg2\n".encode())
        for frame in frames(scenes):
            clip.write(b"FRAME\n" + cv2.cvtColor(frame, cv2.COLOR_RGB2YUV_I420).tobytes())
    return path


def _sheet(number: str) -> np.ndarray:
    """A sheet on the desk with the number in dark ink."""
    picture = np.full((HEIGHT, WIDTH, 3), _DESK, np.uint8)
    if not number:
        return picture
    picture[50:430, 60:580] = 232
    digits = load_sample().split("validation")
    left = WIDTH // 2 - 60 * len(number)
    for place, value in enumerate(number):
        digit = digits.images[np.flatnonzero(digits.labels == int(value))[3]]
        ink = cv2.resize(digit, (150, 150), interpolation=cv2.INTER_CUBIC).clip(0, 255)[..., None] / 255
        x = left - 15 + 120 * place
        part = picture[165:315, x : x + 150]
        part[:] = np.minimum(part, 232 - 190 * ink).astype(np.uint8)
    return picture
