"""Makes strips of gray pictures of one number: the one normalised input of the models, in training and in use.

A strip is ink on nothing: paper is 0 and the pen about 1, whatever the light, the paper and the polarity were.
`fit` brings a picture to the strip's size (training canvases are made at that size); `strip` takes the light off.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

INK_SHARE = 0.66
"""Share of the strip's height that the ink of a number fills after `fit`."""

FAINTEST_INK = 0.06
"""Ink that differs from its paper by less than this share of the full range is left as faint as it is."""


@dataclass(frozen=True)
class Placement:
    """Where a strip came from: its pixel (x, y) lies at (left, top) + scale * (x, y) turned by `angle` in the picture."""

    left: float
    top: float
    scale: float
    angle: float = 0.0
    """Radians, clockwise as seen: how far the number's line falls to the right."""

    def to_picture(self) -> np.ndarray:
        """(2, 3) float64 matrix from strip coordinates to those of the picture; both count from corners of pixels."""
        cos, sin = self.scale * np.cos(self.angle), self.scale * np.sin(self.angle)
        return np.array([[cos, -sin, self.left], [sin, cos, self.top]])

    def outline(self, box: tuple[float, float, float, float]) -> np.ndarray:
        """(4, 2) corners, clockwise from the upper left, in the picture, of a box (left, top, right, bottom) on the strip."""
        left, top, right, bottom = box
        corners = np.array([[left, top, 1], [right, top, 1], [right, bottom, 1], [left, bottom, 1]])
        return corners @ self.to_picture().T


def strip(
    pictures: Float[Tensor, "b 1 h w"], extents: Float[Tensor, "b 2"] | None = None
) -> Float[Tensor, "b 1 h w"]:
    """Ink on nothing, 0 to 1, of gray pictures, 0 to 1, of either polarity and under uneven light.

    `extents` gives the first column of each picture that shows something and the first behind it that does not;
    what is outside is 0. The paper is a smooth surface fitted to the pixels that agree with it (iteratively reweighted
    least squares), the ink is what stands out from it, on the side to which the picture is skewed.
    """
    batch, _, height, width = pictures.shape
    pixels = pictures.reshape(batch, height * width)
    column = torch.arange(width, dtype=pictures.dtype, device=pictures.device)
    seen = (
        pictures.new_ones(batch, width)
        if extents is None
        else ((column >= extents[:, :1]) & (column < extents[:, 1:])).float()
    )
    seen = seen[:, None, :].expand(batch, height, width).reshape(batch, height * width)

    residual = pixels - paper(pixels, seen, height, width)
    residual = residual * seen
    squares = residual * residual
    sign = torch.where((squares * residual).sum(1, keepdim=True) < 0, -1.0, 1.0)
    ink = (residual * sign).clamp(min=0)
    # The mean of the ink weighted by its own square: the pen's level, and no sorting needed to find it.
    squares = ink * ink
    level = (squares * ink).sum(1, keepdim=True) / (squares.sum(1, keepdim=True) + 1e-6)
    return (ink / level.clamp(min=FAINTEST_INK)).clamp(max=1.0).reshape(batch, 1, height, width)


def fit(
    gray: np.ndarray, box: tuple[float, float, float, float], height: int, width: int, angle: float = 0.0
) -> tuple[np.ndarray, tuple[float, float], Placement]:
    """The part of a picture around the ink in `box`, at the strip's size, ready for `strip`.

    `gray` is HW uint8; `box` is left, top, right, bottom of the ink in its pixels, a rectangle that is turned about its
    own middle by `angle` (radians, clockwise as seen). Returns the (height, width) float32 picture in 0 to 1, the columns
    in which it shows something (`extents` of `strip`), and its placement. The ink is centred; it fills `INK_SHARE` of the
    height, or the width if it is too long for that. Where the strip reaches beyond the picture, the paper goes on.
    """
    left, top, right, bottom = box
    margin = (1 - INK_SHARE) / 2 * height
    scale = max((bottom - top) / (height * INK_SHARE), (right - left) / (width - 2 * margin), 1e-6)
    turned = Placement(0.0, 0.0, scale, angle).to_picture() @ (width / 2, height / 2, 0)
    placement = Placement((left + right) / 2 - turned[0], (top + bottom) / 2 - turned[1], scale, angle)
    shown = (right - left) / scale + 2 * margin
    extents = max((width - shown) / 2, 0.0), min((width + shown) / 2, float(width))
    picture = _sample(gray, placement, height, width).astype(np.float32) / 255
    return _beyond_edges(picture, gray.shape, placement, extents), extents, placement


def _sample(gray: np.ndarray, placement: Placement, height: int, width: int) -> np.ndarray:
    """The placed window of the picture; each strip pixel is the mean of the picture pixels that it covers."""
    reduction = max(int(placement.scale), 1)
    corners = placement.outline((0.0, 0.0, float(width), float(height)))
    (first_x, first_y), (last_x, last_y) = corners.min(0).astype(int), corners.max(0).astype(int)
    rows = slice(max(first_y - reduction, 0), max(last_y + reduction + 1, 1))
    columns = slice(max(first_x - reduction, 0), max(last_x + reduction + 1, 1))
    window = gray[rows, columns]
    if reduction > 1:  # average first, or thin lines would fall between the samples
        size = max(round(window.shape[1] / reduction), 1), max(round(window.shape[0] / reduction), 1)
        window_small = cv2.resize(window, size, interpolation=cv2.INTER_AREA)
    else:
        window_small = window
    step = np.array([window.shape[1] / window_small.shape[1], window.shape[0] / window_small.shape[0]])
    to_window = placement.to_picture()
    # cv2 counts from the middles of pixels.
    to_window[:, 2] += to_window[:, :2] @ (0.5, 0.5) - (columns.start, rows.start)
    to_window /= step[:, None]
    to_window[:, 2] -= 0.5
    return cv2.warpAffine(
        window_small,
        to_window,
        (width, height),
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REPLICATE,
    )


def _beyond_edges(
    picture: np.ndarray, size: tuple[int, int], placement: Placement, extents: tuple[float, float]
) -> np.ndarray:
    """The strip's picture with paper where it lies outside the frame, whose height and width are `size`.

    The paper there is what the frame's border shows, but not where a stroke touches it: it would go on to the strip's edge.
    """
    height, width = picture.shape
    corners = placement.outline((0.5, 0.5, width - 0.5, height - 0.5))
    if (corners >= 0).all() and (corners <= (size[1], size[0])).all():
        return picture
    (a, b, left), (c, d, top) = placement.to_picture()
    columns, rows = np.arange(width) + 0.5, np.arange(height)[:, None] + 0.5
    x, y = a * columns + b * rows + left, c * columns + d * rows + top
    inside = (x >= 0) & (x <= size[1]) & (y >= 0) & (y <= size[0])
    shown = (columns > extents[0]) & (columns < extents[1] + 0.5)
    beyond = ~inside & shown
    if not beyond.any() or not (inside & shown).any():
        return picture
    level = np.median(picture[beyond])
    distance = np.abs(picture - level)
    is_ink = (distance > 0.35 * distance[inside & shown].max()).astype(np.uint8)
    is_ink = cv2.dilate(is_ink, np.ones((3, 3), np.uint8)) > 0  # with its soft sides
    return np.where(inside | ~is_ink, picture, level).astype(np.float32)


def paper(
    pixels: Float[Tensor, "b p"], seen: Float[Tensor, "b p"], height: int, width: int
) -> Float[Tensor, "b p"]:
    """The smooth (quadratic) surface on which most of each picture's seen pixels lie; pixels row by row."""
    down, across = (torch.linspace(-1, 1, side, device=pixels.device) for side in (height, width))
    y, x = torch.meshgrid(down, across, indexing="ij")
    surface = torch.stack([torch.ones_like(x), x, y, x * x, x * y, y * y]).reshape(6, -1)

    def few(each: Float[Tensor, "b p"]) -> Float[Tensor, "b q"]:
        """A quarter of the pixels tells as much about a surface this smooth."""
        return each.reshape(-1, height, width)[:, ::2, ::2].reshape(len(each), -1)

    some, weights, basis = few(pixels), few(seen), few(surface)
    products = (basis[:, None] * basis[None]).reshape(36, -1)
    ridge = 1e-4 * torch.eye(6, device=pixels.device)
    trusted = weights
    for _ in range(4):
        normal = (trusted @ products.T).reshape(-1, 6, 6) / basis.shape[1] + ridge
        moments = (trusted * some) @ basis.T / basis.shape[1]
        coefficients = torch.linalg.solve(normal, moments)
        distance = (some - coefficients @ basis).abs()
        spread = (distance * weights).sum(1, keepdim=True) / weights.sum(1, keepdim=True).clamp(min=1) + 0.004
        trusted = weights / (1 + (distance / spread) ** 4)
    return coefficients @ surface
