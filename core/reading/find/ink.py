"""Tells what stands out from the paper of a picture: dark ink, bright ink, and the light evened out."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

_LONG_SIDE = 640  # pixels to work at, unless the picture is so wide that its digits would become too small
_HEIGHT = 420  # pixels that are kept of a wide picture's height; a digit of 3 % of it is 12 pixels high
_MOST_PIXELS = 900_000  # whatever the picture's shape
_REDUCED = 4  # times: where strokes need not be seen sharply
_WIDEST = 15  # reduced pixels, odd: a wider thing is no stroke but part of the paper, a table, a hand
_SCALES = (15, 31)  # reduced pixels: around small digits and around large ones
_AROUND = 31  # reduced pixels: as far as polarity and grain are the same
_SKEW = 0.5  # of -1 to 1: a picture that is skewed less may hold ink of either polarity
_FAINTEST = 6  # of 255: what differs by less from its paper is none
_GRAINY = 2  # gray levels by which half of the pixels differ from those around them: a picture that is averaged first
_AVERAGED = 1.6  # pixels: standard deviation of what is averaged then
_NOISE = 4.5  # times the middle deviation of the paper around
_PEN = 0.4  # of the darkest ink nearby
_STEP = 0.6  # of the ink's strength: where the paper changes more, an edge is seen and no stroke
_FULL = 0.4  # of the picture: more ink than that is a texture


@dataclass(frozen=True)
class Ink:
    """What stands out from the paper towards one side, dark or bright."""

    strength: np.ndarray
    """HW uint8: how far a pixel stands out, in gray levels."""
    mask: np.ndarray
    """HW uint8: 1 where that is enough for ink, lines and dirt included."""
    gradient: np.ndarray
    """HW uint8: how much gray levels change within a pixel's neighbours."""
    light: np.ndarray
    """HW uint8: the level of the paper under dark ink, of bright ink itself: what there is of light."""


@dataclass(frozen=True)
class Evened:
    """A picture at its working resolution (picture pixels times `scale`)."""

    corrected: np.ndarray
    """HW float32, 0 to 1: the picture with the paper's level the same everywhere."""
    inks: list[Ink]
    """Dark ink and bright ink, the one of which there is more first; one of them where the other cannot be."""
    scale: float
    """Working pixels per picture pixel, at most 1."""


def even(gray: np.ndarray, shrink: float = 1.0) -> Evened:
    """The ink of a HW uint8 picture, dark on light or light on dark, each region judged for itself.

    `shrink` makes the working resolution so much lower than it would be.
    """
    picture, scale = _at_working_size(gray, shrink)
    height, width = picture.shape
    smooth = cv2.GaussianBlur(picture, (3, 3), 0)
    small = _reduced(smooth)
    skew = _skew(small)
    grain = np.median(cv2.absdiff(picture[::4, ::4], smooth[::4, ::4]))
    gradient = cv2.morphologyEx(smooth, cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8))
    if grain > _GRAINY and max(height, width) > _LONG_SIDE // 2:  # in less, strokes are as fine as the grain
        smooth = cv2.GaussianBlur(smooth, (9, 9), _AVERAGED)
    square = np.ones((_WIDEST, _WIDEST), np.uint8)
    # What is too wide for a stroke keeps its own level up to its very edge, and so do gradients and shadows.
    papers = cv2.morphologyEx(small, cv2.MORPH_CLOSE, square), cv2.morphologyEx(small, cv2.MORPH_OPEN, square)
    inks = []
    for paper, allowed in zip(papers, (skew.mean() < _SKEW, skew.mean() > -_SKEW), strict=True):
        if allowed:
            full = cv2.resize(paper, (width, height), interpolation=cv2.INTER_LINEAR)
            strength = cv2.subtract(full, smooth) if paper is papers[0] else cv2.subtract(smooth, full)
            mask = cv2.compare(strength, _threshold(strength, paper), cv2.CMP_GT) // 255
            if 0 < cv2.countNonZero(mask) < _FULL * height * width:
                inks.append(Ink(strength, mask, gradient, cv2.max(full, smooth)))
    inks.sort(key=lambda ink: -cv2.countNonZero(ink.mask))
    paper = np.where(skew > 0, papers[1], papers[0])
    full = cv2.resize(cv2.blur(paper, (5, 5)), (width, height), interpolation=cv2.INTER_LINEAR)
    level = float(np.median(paper))
    corrected = cv2.addWeighted(picture, 1 / 255, full, -1 / 255, level / 255, dtype=cv2.CV_32F)
    return Evened(np.clip(corrected, 0, 1, out=corrected), inks, scale)


def _at_working_size(gray: np.ndarray, shrink: float) -> tuple[np.ndarray, float]:
    height, width = gray.shape
    scale = max(_LONG_SIDE / max(height, width), _HEIGHT / height)
    scale = min(scale, (_MOST_PIXELS / (height * width)) ** 0.5, 1.0) * shrink
    if scale == 1.0:
        return gray, scale
    size = max(round(width * scale), 1), max(round(height * scale), 1)
    return cv2.resize(gray, size, interpolation=cv2.INTER_AREA), scale


def _reduced(picture: np.ndarray) -> np.ndarray:
    height, width = picture.shape
    size = max(round(width / _REDUCED), 1), max(round(height / _REDUCED), 1)
    return cv2.resize(picture, size, interpolation=cv2.INTER_AREA)


def _skew(small: np.ndarray) -> np.ndarray:
    """-1 where all that stands out is dark, 1 where it is bright. Ink is the smaller part of a surface.

    An edge between two surfaces counts for nothing: as much lies above the mean as below it.
    """
    levels = small.astype(np.float32)
    signed, whole = np.zeros_like(levels), np.zeros_like(levels)
    for scale in _SCALES:
        deviation = levels - cv2.blur(levels, (scale, scale))
        cubes = deviation * deviation * deviation
        signed += cubes
        whole += np.abs(cubes)
    window = (_AROUND, _AROUND)
    return cv2.blur(signed, window) / (cv2.blur(whole, window) + np.float32(1.0))


def _threshold(strength: np.ndarray, paper: np.ndarray) -> np.ndarray:
    """HW uint8: how far ink must stand out here: from the grain of the paper, as a pen nearby does, more than paper edges."""
    height, width = strength.shape
    size = max(paper.shape[1] // 2, 1), max(paper.shape[0] // 2, 1)
    # In quarters of a gray level, because fine paper deviates by less than one.
    few = cv2.convertScaleAbs(cv2.resize(strength, size, interpolation=cv2.INTER_NEAREST), alpha=4)
    usual = cv2.medianBlur(few, _AROUND // 2 + 2)
    spread = cv2.medianBlur(cv2.absdiff(few, usual), _AROUND // 2 + 2)
    grain, spread = (
        cv2.resize(of.astype(np.float32) / 4, (paper.shape[1], paper.shape[0])) for of in (usual, spread)
    )
    pen = cv2.dilate(_reduced(strength), np.ones((9, 9), np.uint8)).astype(np.float32)
    least = np.maximum(grain + _NOISE * spread + 2, grain + _PEN * (pen - grain)).clip(_FAINTEST, 255)
    step = cv2.morphologyEx(paper, cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8))
    least = np.maximum(least, step.astype(np.float32) / _STEP)
    return cv2.resize(least.clip(0, 255).astype(np.uint8), (width, height), interpolation=cv2.INTER_LINEAR)
