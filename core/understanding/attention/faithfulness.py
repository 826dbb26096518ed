"""Measures how far each kind of attention map can be believed, beside maps that know nothing.

Two questions are asked of a map. Does it lie on the right digit: is its peak inside the digit's true box, which the canvas
knows (the pointing game of Zhang et al. 2018, arXiv:1608.00507), and what share of its mass is? And does the model depend
on what it marks: how fast does the digit's probability fall when patches are erased in the map's order, and rise when
they are put back on empty paper (deletion and insertion of Petsiuk et al. 2018, arXiv:1806.07421)?
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from einops import rearrange
from jaxtyping import Bool, Float, Int
from torch import Tensor

from core.config import CanvasSettings
from core.data.canvases.canvas import Canvases, make_canvases
from core.data.canvases.effects import draw_strengths, place_of
from core.data.canvases.tiles import Tiles, make_tiles
from core.data.mnist import Digits
from core.data.strip import strip
from core.model.checkpoint import Model, build
from core.model.output import Attentions, Output
from core.reading import Reader, Reading
from core.reading.explain import METHODS, Seen, patch_weights
from core.reading.reading import spread
from core.training.reading_task import at_difficulty, cover

CLUTTER = ("marks", "boxes", "rules", "texture", "smudge")
"""The effects that put ink on the paper which belongs to no digit."""

BASELINES = {
    "random": "a random number for each patch",
    "centre": "high in the middle of the strip, low at its sides",
    "ink": "the ink in each patch; the same map for every digit of a number",
    "ink in its place": "the ink in the digit's share of the number's width, told how many digits there are",
    "random weights": "raw attention of a model that has learned nothing (Adebayo et al. 2018, arXiv:1810.03292)",
}
"""Maps that know nothing of the model, and what each of them is."""

_BATCH = 100
_TOGETHER = 64  # strips that go through the model at once; more take longer each


@dataclass(frozen=True)
class Faithfulness:
    """How one kind of map did; all are 0 to 1."""

    name: str
    digits: int
    """How many digits it was asked about."""
    pointing: float
    """Share of the digits whose map has its peak, as it is drawn, inside the digit's true box."""
    inside: float
    """Share of the map's mass inside the true box; a patch half covered counts half."""
    deletion: float
    """Area under the digit's probability while the map's patches are erased, highest first: lower is better."""
    insertion: float
    """Area under it while they are put on empty paper: higher is better."""


@dataclass(frozen=True)
class Curves:
    """What erasing and putting back patches does to the probability of one digit."""

    shares: Float[Tensor, " k"]
    """Shares of all patches, 0 to 1, at which it was measured."""
    deletion: Float[Tensor, "m k"]
    """Of each map, the digit's probability with so many of its highest patches erased."""
    insertion: Float[Tensor, "m k"]
    """With only those on the paper."""

    def areas(self) -> tuple[Float[Tensor, " m"], Float[Tensor, " m"]]:
        """Area under each deletion and each insertion curve, 0 to 1."""
        return torch.trapezoid(self.deletion, self.shares), torch.trapezoid(self.insertion, self.shares)


def measure(
    reader: Reader,
    digits: Digits,
    count: int,
    seed: int,
    *,
    cluttered: bool = False,
    curves_of: int = 50,
    progress: Callable[[float], object] = lambda share: None,
) -> list[Faithfulness]:
    """The three methods and the baselines on `count` camera-like canvases of these digits; curves on the first `curves_of`.

    Every step is given the true digits before it, so that every digit of every canvas is asked about, misread or not.
    `cluttered` has every kind of foreign ink on every canvas, at no less than half of its full strength.
    """
    model, settings = reader.model, reader.settings
    canvas = at_difficulty(settings.canvas, 1.0).model_copy(update={"empty_share": 0.0, "found_share": 0.0})
    tiles = make_tiles(digits, symbols=canvas.symbols, unseen=True)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        ignorant = build(settings).eval()
    pointed: dict[str, list[Tensor]] = {}
    inside: dict[str, list[Tensor]] = {}
    areas: dict[str, list[Tensor]] = {}
    for first in range(0, count, _BATCH):
        batch = _canvases(tiles, canvas, min(_BATCH, count - first), seed + first // _BATCH, cluttered)
        strips = strip(batch.pictures, batch.extents)
        height, width = strips.shape[2:]
        is_digit = torch.arange(canvas.max_digits) < batch.lengths[:, None]
        boxes = batch.boxes[is_digit]
        covered = cover(boxes / torch.tensor([width, height, width, height]), model.grid)
        maps = _all_maps(model, ignorant, strips, batch)
        for name, weights in maps.items():
            of_digits = weights[is_digit]
            pointed.setdefault(name, []).append(points_at(of_digits, boxes, model.grid, (height, width)))
            mass = of_digits / of_digits.sum(1, keepdim=True).clamp(min=1e-12)
            inside.setdefault(name, []).append((mass * covered).sum(1))
        for place in range(min(len(strips), max(curves_of - first, 0))):
            answers = batch.labels[place, : batch.lengths[place]]
            for step in range(len(answers)):
                orders = torch.stack([weights[place, step] for weights in maps.values()])
                found = curves(model, strips[place], answers, step, orders, reader.calibration)
                for name, *area in zip(maps, *found.areas(), strict=True):
                    areas.setdefault(name, []).append(torch.stack(area))
            progress((first + place + 1) / count)
        progress(min((first + _BATCH) / count, 1.0))
    return [
        Faithfulness(
            name,
            sum(len(part) for part in pointed[name]),
            torch.cat(pointed[name]).float().mean().item(),
            torch.cat(inside[name]).mean().item(),
            *torch.stack(areas[name]).mean(0).tolist(),
        )
        for name in pointed
    ]


def curves(
    model: Model,
    seen: Float[Tensor, "1 h w"],
    answers: Int[Tensor, " q"],
    step: int,
    maps: Float[Tensor, "m p"],
    calibration: float = 1.0,
) -> Curves:
    """What becomes of the probability of the digit at `step` on this strip, when patches go or come in each map's order.

    `answers` are the digits of the whole string; the steps before are given theirs.
    """
    patches = maps.shape[1]
    counts = torch.tensor(sorted({round(patches * share) for share in _SHARES}))
    rank = maps.argsort(dim=1, descending=True, stable=True).argsort(dim=1)
    marked = rank[:, None, :] < counts[None, :, None]
    kept = torch.cat([~marked, marked])
    pixels = _as_pixels(kept.flatten(0, 1).float(), model.grid, (seen.shape[1], seen.shape[2]))
    probabilities = torch.cat(
        [
            _probability(model, (part * seen)[:, None], answers, step, calibration)
            for part in pixels.split(_TOGETHER)
        ]
    ).unflatten(0, (2, len(maps), len(counts)))
    return Curves(counts / patches, probabilities[0], probabilities[1])


_SHARES = (0, 0.0125, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.6, 1)
"""Most happens early: a digit covers a few patches only."""


def reading_curves(reader: Reader, reading: Reading, digit: int) -> tuple[list[str], Curves]:
    """The curves of one digit of a reading for each method and, to compare, for the mere ink: names, and rows in their order.

    Raises `ValueError` where the reading has no such digit or holds no attention.
    """
    if not 0 <= digit < len(reading.digits):
        raise ValueError(
            f"digit ({digit}) does not exist; this reading has digits 0 to {len(reading.digits) - 1}"
        )
    seen = torch.from_numpy(reading.strip)[None]
    maps = [torch.from_numpy(patch_weights(reader, reading, method)[digit]).flatten() for method in METHODS]
    maps.append(F.adaptive_avg_pool2d(seen, reader.model.grid).flatten())
    answers = torch.tensor([each.value for each in reading.digits])
    return [*METHODS, "ink"], curves(
        reader.model, seen, answers, digit, torch.stack(maps), reader.calibration
    )


def points_at(
    maps: Float[Tensor, "n p"], boxes: Float[Tensor, "n 4"], grid: tuple[int, int], size: tuple[int, int]
) -> Bool[Tensor, " n"]:
    """Whether the highest place of each map, spread over the strip of (height, width) as it is drawn, is inside its box."""
    hits = []
    for weights, (left, top, right, bottom) in zip(
        maps.reshape(-1, *grid).numpy(), boxes.tolist(), strict=True
    ):
        drawn = spread(weights, size)
        y, x = np.unravel_index(drawn.argmax(), drawn.shape)
        hits.append(left <= x + 0.5 <= right and top <= y + 0.5 <= bottom)
    return torch.tensor(hits)


def _canvases(tiles: Tiles, canvas: CanvasSettings, count: int, seed: int, cluttered: bool) -> Canvases:
    if not cluttered:
        return make_canvases(tiles, canvas, count, seed)
    generator = torch.Generator().manual_seed(seed)
    strengths = draw_strengths(count, canvas.difficulty, generator)
    chosen = [place_of(effect) for effect in CLUTTER]
    strengths[:, chosen] = 0.5 + 0.5 * torch.rand(count, len(chosen), generator=generator)
    return make_canvases(tiles, canvas, count, seed, strengths=strengths)


def _all_maps(
    model: Model, ignorant: Model, strips: Float[Tensor, "b 1 h w"], batch: Canvases
) -> dict[str, Float[Tensor, "b q p"]]:
    """Of every method and every baseline, the weights of the patches for each true digit."""
    attentions = _attentions(model, strips, batch.labels)
    ink = rearrange(F.adaptive_avg_pool2d(strips, model.grid), "b 1 rows columns -> b 1 (rows columns)")
    each = torch.ones(1, batch.labels.shape[1], 1)
    raw = attentions.cross[-1].mean(1)
    seen = Seen(model, strips, batch.labels, attentions)
    layers = {True: len(attentions.encoder), False: len(attentions.cross)}
    return {
        **{
            name: method.weights(seen, layers[method.through_encoder] - 1, None)
            for name, method in METHODS.items()
        },
        "random": torch.rand(raw.shape, generator=torch.Generator().manual_seed(0)),
        "centre": _centre(model.grid).expand_as(raw),
        "ink": ink * each,
        "ink in its place": ink * _stretches(ink, batch.lengths, batch.labels.shape[1], model.grid),
        "random weights": _attentions(ignorant, strips, batch.labels).cross[-1].mean(1),
    }


def _attentions(model: Model, strips: Tensor, labels: Tensor) -> Attentions:
    """Where the model looks for each digit when it is given the true ones before it."""
    with torch.inference_mode():
        return _forward(model, strips, labels, with_weights=True).attentions


def _forward(model: Model, strips: Tensor, labels: Tensor, *, with_weights: bool = False) -> Output:
    strips, fed = strips.to(model.device), model.vocabulary.decoder_inputs(labels).to(model.device)
    return model(strips, fed, with_weights=with_weights).cpu()


@torch.inference_mode()
def _probability(
    model: Model, strips: Tensor, answers: Tensor, step: int, calibration: float
) -> Float[Tensor, " n"]:
    output = _forward(model, strips, answers[None, : step + 1].expand(len(strips), -1))
    return (output.logits[:, step] / calibration).softmax(-1)[:, answers[step]]


def _as_pixels(
    patches: Float[Tensor, "n p"], grid: tuple[int, int], size: tuple[int, int]
) -> Float[Tensor, "n h w"]:
    """Each patch as the square of pixels that it was cut from."""
    return F.interpolate(patches.reshape(-1, 1, *grid), size=size, mode="nearest")[:, 0]


def _centre(grid: tuple[int, int]) -> Float[Tensor, " p"]:
    rows, columns = (torch.linspace(-1, 1, cells) if cells > 1 else torch.zeros(1) for cells in grid)
    return torch.exp(-(rows[:, None] ** 2 + columns**2)).flatten()


def _stretches(
    ink: Float[Tensor, "b 1 p"], lengths: Int[Tensor, " b"], longest: int, grid: tuple[int, int]
) -> Float[Tensor, "b q p"]:
    """1 for the patches in each digit's share of the inked width, were all digits equally wide."""
    rows, columns = grid
    inked = ink.reshape(-1, rows, columns).amax(1) > 0.05
    place = torch.arange(columns, dtype=torch.float32)
    left = torch.where(inked, place, columns).amin(1)[:, None, None]
    right = torch.where(inked, place + 1, 0).amax(1)[:, None, None]
    digit = torch.arange(longest)[None, :, None]
    share = (right - left) / lengths[:, None, None].clamp(min=1)
    middle = place + 0.5
    inside = (middle >= left + share * digit) & (middle < left + share * (digit + 1))
    return inside.float().repeat(1, 1, rows)
