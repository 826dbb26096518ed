"""What each layer and head attends to, as maps over the patches, and how spread out it is."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from core.reading.reading import Attention
from core.understanding.attention.what_if import Part, Patch


class Entropy(NamedTuple):
    """How spread out attention is, as the mean of -sum p log2 p over those that look."""

    bits: np.ndarray
    """(layers, heads) float: 0 where everyone looks at one token alone."""
    most: float
    """Bits of attention that is spread evenly over all that could be looked at."""

    @property
    def share(self) -> np.ndarray:
        """(layers, heads): of the most that is possible, 0 to 1."""
        return self.bits / max(self.most, 1e-12)


def weights_of(attention: Attention, part: Part) -> np.ndarray:
    """(layers, heads, queries, keys) float32 weights of one part of the model: who looks, and at whom."""
    weights: np.ndarray = getattr(attention, part)
    return weights


def entropy(attention: Attention, part: Part, step: int | None = None) -> Entropy:
    """Of each layer and head; of one step only if told. Masked tokens, which do not look, do not count."""
    weights = weights_of(attention, part)
    if step is not None:
        weights = weights[:, :, step : step + 1]
    total = weights.sum(-1, keepdims=True)
    shares = weights / np.maximum(total, 1e-12)  # the digit model's summary keeps a part to itself
    bits = -(shares * np.log2(np.maximum(shares, 1e-30))).sum(-1)
    looks = total[..., 0] > 0
    if part == "decoder":  # each step sees itself and those before it
        first = 0 if step is None else step
        seen = np.arange(first, first + weights.shape[2]) + 1.0
    else:
        seen = np.full(weights.shape[2], float((weights > 0).any((0, 1, 2)).sum()))
    most = np.log2(np.maximum(seen, 1))[looks[0, 0]].mean() if looks.any() else 0.0
    count = np.maximum(looks.sum(-1), 1)
    return Entropy((bits * looks).sum(-1) / count, float(most))


def received(attention: Attention) -> np.ndarray:
    """(layers, heads, rows, columns): how much each patch is attended to by the encoder's tokens, on average."""
    looking = weights_of(attention, "encoder").sum(-1).max((0, 1)) > 0
    mean = weights_of(attention, "encoder")[:, :, looking].mean(2)
    return _on_grid(mean, attention)


def looks_at(attention: Attention, patch: Patch) -> np.ndarray:
    """(layers, heads, rows, columns): what a patch attends to in the encoder. Raises `ValueError` where there is no such patch."""
    return _on_grid(weights_of(attention, "encoder")[:, :, _token(attention, patch)], attention)


def looked_at_by(attention: Attention, patch: Patch) -> np.ndarray:
    """(layers, heads, rows, columns): how strongly each patch attends to this one. Raises `ValueError` where there is no such patch."""
    return _on_grid(weights_of(attention, "encoder")[..., _token(attention, patch)], attention)


def digits_look_at(attention: Attention, patch: Patch) -> np.ndarray:
    """(layers, heads, digits): how strongly each digit attended to the patch when it was written."""
    place = _token(attention, patch) - _in_front(attention)
    return weights_of(attention, "cross")[..., place]


def of_step(attention: Attention, step: int) -> np.ndarray:
    """(layers, heads, rows, columns): what was attended to when the digit `step` was written."""
    return weights_of(attention, "cross")[:, :, step].reshape(*attention.cross.shape[:2], *attention.grid)


def _on_grid(weights: np.ndarray, attention: Attention) -> np.ndarray:
    """(…, tokens) as (…, rows, columns), without the summary token."""
    return weights[..., _in_front(attention) :].reshape(*weights.shape[:-1], *attention.grid)


def _in_front(attention: Attention) -> int:
    """How many of the encoder's tokens belong to no patch."""
    return attention.encoder.shape[-1] - attention.grid[0] * attention.grid[1]


def _token(attention: Attention, patch: Patch) -> int:
    rows, columns = attention.grid
    if not (0 <= patch.row < rows and 0 <= patch.column < columns):
        raise ValueError(
            f"patch (row {patch.row}, column {patch.column}) does not exist; choose rows 0 to {rows - 1} and columns 0 to {columns - 1}"
        )
    return _in_front(attention) + patch.row * columns + patch.column


def matrix_picture(weights: np.ndarray, colour: tuple[int, int, int], *, smallest: int = 160) -> np.ndarray:
    """HWC uint8 RGB, at least `smallest` pixels wide: (q, k) weights, each a square from white (0) to `colour` (the highest)."""
    share = (weights / max(float(weights.max()), 1e-12))[..., None]
    image = (255 + (np.array(colour) - 255) * share).round().astype(np.uint8)
    times = -(-smallest // weights.shape[1])
    return image.repeat(times, 0).repeat(times, 1)


def mosaic(pictures: list[list[np.ndarray]], captions: list[list[str]]) -> np.ndarray:
    """HWC uint8 RGB: a sheet of pictures, a row for each layer and a column for each head, each with its words below."""
    height, width = pictures[0][0].shape[:2]
    gap, line = 16, 22
    rows, columns = len(pictures), len(pictures[0])
    sheet = Image.new(
        "RGB", (columns * (width + gap) + gap, rows * (height + line + gap) + gap), (255, 255, 255)
    )
    pen = ImageDraw.Draw(sheet)
    for layer, head in np.ndindex(rows, columns):
        x, y = gap + head * (width + gap), gap + layer * (height + line + gap)
        sheet.paste(Image.fromarray(pictures[layer][head]), (x, y))
        title = f"layer {layer + 1}, head {head + 1}: {captions[layer][head]}"
        pen.text((x, y + height + 4), title, fill=(35, 34, 43), font=ImageFont.load_default(12))
    return np.asarray(sheet)
