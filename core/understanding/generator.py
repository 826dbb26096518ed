"""Samples and statistics of the canvas generator: pictures, their truth, their distributions, its speed."""

from __future__ import annotations

import io
import json
import time
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import cv2
import numpy as np
import torch
from jaxtyping import Bool, Float, Int, UInt8
from torch import Tensor

from core.config import CanvasSettings
from core.data.canvases.canvas import Canvases, make_canvases
from core.data.canvases.effects import EFFECTS
from core.data.canvases.tiles import Tiles
from core.data.strip import strip
from core.reading.overlay import png
from core.reading.palette import position_rgb

_TOGETHER: Final = 24  # made at once, so that the first ones of a seed are the same however many follow
_TRAINING_BATCH: Final = 64
_SEEDS: Final = 2**31


def canvases(tiles: Tiles, settings: CanvasSettings, count: int, seed: int) -> Canvases:
    """`count` canvases; the first of them are the same for any larger count. Raises `ValueError` as `batches`."""
    return Canvases.together(list(batches(tiles, settings, count, seed)))


def batches(tiles: Tiles, settings: CanvasSettings, count: int, seed: int) -> Iterator[Canvases]:
    """The same, some at a time. Raises `ValueError` for a `found_share` where no frames were searched."""
    if settings.found_share and tiles.finds is None:
        raise ValueError(
            f"found_share ({settings.found_share}) needs frames to be searched first; set it to 0"
        )
    for number, first in enumerate(range(0, count, _TOGETHER)):
        made = make_canvases(tiles, settings, _TOGETHER, _seed(seed, number))
        yield made.first(min(_TOGETHER, count - first))


def _seed(seed: int, number: int) -> int:
    """Of one batch of many, such that no two of neighbouring seeds are alike."""
    return (seed * 65_537 + number) % _SEEDS


def pictures(made: Canvases) -> UInt8[np.ndarray, "b h w"]:
    """Gray, as the camera saw them."""
    return (made.pictures[:, 0] * 255).round().to(torch.uint8).numpy()


def strips(made: Canvases) -> UInt8[np.ndarray, "b h w"]:
    """What the model sees of each: ink, here dark, on nothing."""
    ink = strip(made.pictures, made.extents)[:, 0]
    return (255 * (1 - ink)).round().to(torch.uint8).numpy()


def met(made: Canvases, index: int) -> dict[str, float]:
    """The effects that this canvas meets and their strengths, 0 to 1, in the order in which they happen."""
    strengths = made.strengths[index].tolist()
    return {effect: strength for effect, strength in zip(EFFECTS, strengths, strict=True) if strength > 0}


def boxed(made: Canvases, index: int, *, scale: int = 6) -> UInt8[np.ndarray, "H W 3"]:
    """RGB: a canvas `scale` times as large, with the true box of each digit in the colour of its position.

    What lies outside of the columns that the picture shows is hatched.
    """
    picture = cv2.cvtColor(_hatched(pictures(made)[index], made.extents[index], scale), cv2.COLOR_GRAY2RGB)
    thickness = max(scale // 3, 1)
    for position in range(int(made.lengths[index])):
        left, top, right, bottom = (scale * made.boxes[index, position]).round().int().tolist()
        cv2.rectangle(picture, (left, top), (right - 1, bottom - 1), position_rgb(position), thickness)
    return picture


def _hatched(
    picture: UInt8[np.ndarray, "h w"], extents: Float[Tensor, " 2"], scale: int
) -> UInt8[np.ndarray, "H W"]:
    height, width = picture.shape
    large = cv2.resize(picture, (width * scale, height * scale), interpolation=cv2.INTER_NEAREST)
    column = np.arange(width * scale)[None]
    first, behind = (scale * extents).tolist()
    outside = (column < first) | (column >= behind)
    lines = (column + np.arange(height * scale)[:, None]) % (4 * scale) < scale
    hatching = np.where(lines, 168, 216).astype(np.uint8)
    return np.where(outside, hatching, large)


@dataclass(frozen=True)
class Effect:
    """One canvas under one effect alone."""

    name: str
    """Of `EFFECTS`; "none" for the clean canvas."""
    picture: UInt8[np.ndarray, "H W"]
    """As the camera saw it, larger; hatched where it shows nothing."""
    strip: UInt8[np.ndarray, "H W"]
    """As the model sees it, as large."""


def one_by_one(
    tiles: Tiles, settings: CanvasSettings, seed: int, strength: float, *, scale: int = 2
) -> list[Effect]:
    """The same canvas clean and under each effect alone, at that strength (0 to 1).

    It has a number on it, and moved digits (`plain_share` and `empty_share` are 0 here), or some effects had nothing to act on.
    """
    shown = settings.model_copy(update={"empty_share": 0.0, "plain_share": 0.0, "found_share": 0.0})
    effects = []
    for number, name in enumerate(("none", *EFFECTS)):
        strengths = torch.zeros(1, len(EFFECTS))
        if number:
            strengths[0, number - 1] = strength
        made = make_canvases(tiles, shown, 1, seed, strengths=strengths)
        sharp = strips(made)[0].repeat(scale, 0).repeat(scale, 1)
        effects.append(Effect(name, _hatched(pictures(made)[0], made.extents[0], scale), sharp))
    return effects


@dataclass(frozen=True)
class Produced:
    """What a good number of canvases turned out to be."""

    count: int
    lengths: Int[np.ndarray, " n"]
    """How many canvases have so many digits, from 0 (nothing there) on."""
    gaps: Float[np.ndarray, " m"]
    """Pixels between the ink of each two neighbouring digits; below 0 their boxes overlap."""
    widths: Float[np.ndarray, " k"]
    """Of each digit's ink, in pixels."""
    heights: Float[np.ndarray, " k"]
    """Likewise."""
    shares: dict[str, float]
    """Of each effect: on which share of the canvases it acts, 0 to 1."""
    strengths: dict[str, float]
    """Of each effect: its mean strength where it acts; 0 where it never does."""
    per_second: float
    """Canvases a second, in batches as training makes them, on as many threads as torch uses at this moment.

    On one thread it is the processor's time that counts, whatever else the machine has to do.
    """
    threads: int

    @property
    def touching(self) -> float:
        """Share of the gaps that are 0 or less."""
        return float((self.gaps <= 0).mean()) if len(self.gaps) else 0.0


def enough(settings: CanvasSettings) -> int:
    """How many canvases of this size tell enough and still take no more than a few seconds: 2,000 small ones, fewer large ones."""
    return max(min(2_000, 2_000 * 32 * 320 // (settings.height * settings.width)), 256)


def produced(tiles: Tiles, settings: CanvasSettings, count: int, seed: int) -> Produced:
    """Make `count` canvases, and count and time them."""
    sizes = [_TRAINING_BATCH] * (count // _TRAINING_BATCH)
    sizes += [count % _TRAINING_BATCH] if count % _TRAINING_BATCH else []
    make_canvases(tiles, settings, sizes[0], seed)  # what is made only once is not timed
    clock = time.thread_time if torch.get_num_threads() == 1 else time.perf_counter
    lengths, gaps, sides, strengths, seconds = [], [], [], [], 0.0
    for number, size in enumerate(sizes):
        started = clock()
        made = make_canvases(tiles, settings, size, _seed(seed, number))
        seconds += clock() - started
        there = _there(made)
        pairs = there[:, 1:]
        gaps.append((made.boxes[:, 1:, 0] - made.boxes[:, :-1, 2])[pairs])
        sides.append((made.boxes[..., 2:] - made.boxes[..., :2])[there])
        lengths.append(made.lengths)
        strengths.append(made.strengths)
    every = torch.cat(strengths)
    on = every > 0
    means = (every.sum(0) / on.sum(0).clamp(min=1)).tolist()
    widths, heights = torch.cat(sides).T.numpy()
    return Produced(
        count=count,
        lengths=np.bincount(torch.cat(lengths).numpy(), minlength=settings.max_digits + 1),
        gaps=torch.cat(gaps).numpy(),
        widths=widths,
        heights=heights,
        shares=dict(zip(EFFECTS, on.float().mean(0).tolist(), strict=True)),
        strengths=dict(zip(EFFECTS, means, strict=True)),
        per_second=count / seconds,
        threads=torch.get_num_threads(),
    )


def _there(made: Canvases) -> Bool[Tensor, "b n"]:
    """Which places of each number hold a digit whose box is known."""
    return torch.arange(made.boxes.shape[1]) < made.lengths[:, None]


def as_zip(tiles: Tiles, settings: CanvasSettings, count: int, seed: int, source: str) -> bytes:
    """A ZIP file with a PNG of each of `canvases` and one labels.json; `source` says which digits they are made of.

    In labels.json, `boxes` hold left, top, right and bottom of each digit's ink in pixels, right and bottom being the first
    behind it; `shown` is the first column that shows something and the first behind it that does not; `effects` are strengths.
    """
    file = io.BytesIO()
    truths: list[dict[str, Any]] = []
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:  # a PNG is packed already
        for made in batches(tiles, settings, count, seed):
            for index, (picture, text) in enumerate(zip(pictures(made), made.texts, strict=True)):
                name = f"{len(truths):05d}.png"
                archive.writestr(name, png(picture))
                boxes = made.boxes[index, : len(text)].int().tolist()
                shown = made.extents[index].tolist()
                truths.append(
                    {"file": name, "text": text, "boxes": boxes, "shown": shown, "effects": met(made, index)}
                )
        labels = {"seed": seed, "digits": source, "settings": settings.model_dump(), "canvases": truths}
        archive.writestr("labels.json", json.dumps(labels, indent=1))
    return file.getvalue()
