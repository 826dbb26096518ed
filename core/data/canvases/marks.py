"""Draws what hands and forms put around digits: dots, commas, dashes, underlines; boxes and walls."""

from __future__ import annotations

from functools import partial

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from core.data.canvases.draws import evenly


def write_marks(
    ink: Float[Tensor, "b h w"],
    boxes: Float[Tensor, "b n 4"],
    filled: Bool[Tensor, "b n"],
    separated: Bool[Tensor, "b n"],
    generator: torch.Generator,
) -> Float[Tensor, "b h w"]:
    """The ink with the signs of amounts, by the same pen; a reader is to pass over them.

    `boxes` are those of the digits (left, top, right, bottom in pixels); before each `separated` digit stands a dot or a
    comma. Behind the number may follow a dot and dashes, under it a line.
    """
    count = len(ink)
    first_left, top, last_right, bottom = _around(boxes, filled, ink.shape)
    tall = bottom - top
    uniform = partial(evenly, generator, count)
    radius = (tall * uniform(0.02, 0.09)).clamp(min=0.4)
    segments: list[
        tuple[Tensor, Tensor, Tensor, Tensor, Tensor]
    ] = []  # where from, where to, and whether at all
    middle = (boxes[..., 2].roll(1, 1) + boxes[..., 0]) / 2
    x = torch.where(separated, middle, 0).amax(
        1
    )  # the last separator; a second one is drawn for long numbers
    other = torch.where(separated & (middle < x[:, None]), middle, 0).amax(1)
    drop = tall * uniform(0.0, 0.3) * (uniform(0.0, 1.0) < 0.5)
    lean = drop * uniform(0.0, 0.6)
    base = bottom - radius + tall * uniform(-0.08, 0.05)
    for place in (x, other):
        segments.append((place + lean / 2, base, place - lean / 2, base + drop, place > 0))

    # Behind the number: a dot, then one or two strokes.
    gap = tall * uniform(0.12, 0.4)
    dotted = uniform(0.0, 1.0) < 0.4
    segments.append((last_right + gap, base, last_right + gap, base, dotted))
    start = last_right + gap + tall * uniform(0.15, 0.4)
    length, rise = tall * uniform(0.2, 0.9), tall * uniform(-0.12, 0.12)
    level = top + tall * uniform(0.35, 1.0)
    dashed = uniform(0.0, 1.0) < 0.5
    segments.append((start, level, start + length, level + rise, dashed))
    doubled = dashed & (uniform(0.0, 1.0) < 0.4)
    lower = level + tall * uniform(0.15, 0.3)
    segments.append((start + tall * uniform(-0.1, 0.1), lower, start + length, lower + rise, doubled))

    # Under it, or before it.
    under = bottom + tall * uniform(0.08, 0.3)
    lined = uniform(0.0, 1.0) < 0.2
    reach = tall * uniform(-0.2, 0.5)
    segments.append((first_left - reach, under, last_right + reach, under + rise, lined))
    before = uniform(0.0, 1.0) < 0.15
    near = first_left - tall * uniform(0.2, 0.5)
    segments.append((near - 0.5 * length, level, near, level + rise, before))

    for from_x, from_y, to_x, to_y, shown in segments:
        chosen = shown.nonzero()[:, 0]
        if len(chosen):
            ends = torch.stack([from_x, from_y, to_x, to_y, radius], 1)[chosen]
            ink[chosen] = torch.maximum(ink[chosen], _segment(ends, ink.shape[1], ink.shape[2]))
    return ink


def print_boxes(
    ink: Float[Tensor, "b h w"],
    boxes: Float[Tensor, "b n 4"],
    filled: Bool[Tensor, "b n"],
    strength: Float[Tensor, " b"],
    generator: torch.Generator,
) -> Float[Tensor, "b h w"]:
    """The ink on a form: a frame around the number, or what is left of one, and walls between digits."""
    count, height, width = ink.shape
    uniform = partial(evenly, generator, count)
    left, top, right, bottom = _around(boxes, filled, ink.shape)
    tall = bottom - top
    darkness = strength * uniform(0.35, 1.0)
    half = uniform(0.3, 1.1)
    sides = torch.stack(
        [
            left - tall * uniform(-0.02, 0.4),
            right + tall * uniform(-0.02, 0.4),
            top - tall * uniform(-0.05, 0.3),
            bottom + tall * uniform(-0.05, 0.3),
        ],
        1,
    )
    sides = torch.where(uniform(0.0, 1.0, 4) < 0.7, sides, -99.0)
    walls = torch.where(
        filled
        & filled.roll(1, 1)
        & (torch.arange(filled.shape[1], device=generator.device) > 0)
        & (uniform(0.0, 1.0) < 0.35)[:, None],
        (boxes[..., 2].roll(1, 1) + boxes[..., 0]) / 2,
        -99.0,
    )
    lean = uniform(-0.03, 0.03)[:, None, None]
    columns, rows = _pixels(height, width, ink.device)
    x = columns + lean * rows
    drawn = torch.zeros_like(ink)
    for place in (sides[:, 0], sides[:, 1], *walls.unbind(1)):
        if (place > -50).any():
            drawn = torch.maximum(drawn, half[:, None, None] + 0.5 - (x - place[:, None, None]).abs())
    y = rows - lean * columns
    for place in (sides[:, 2], sides[:, 3]):
        drawn = torch.maximum(drawn, half[:, None, None] + 0.5 - (y - place[:, None, None]).abs())
    return torch.maximum(ink, drawn.clamp_(0, 1) * darkness[:, None, None])


def build_walls(
    ink: Float[Tensor, "b h w"],
    boxes: Float[Tensor, "b n 4"],
    filled: Bool[Tensor, "b n"],
    generator: torch.Generator,
) -> Float[Tensor, "b h w"]:
    """The ink in cells: walls up to 5 pixels thick around and between the digits, any of them missing."""
    count, height, width = ink.shape
    uniform = partial(evenly, generator, count)
    left, top, right, bottom = _around(boxes, filled, ink.shape)
    tall = bottom - top
    half = (0.3 + 2.2 * uniform(0.0, 1.0).square())[:, None, None]
    distance = tall[:, None] * uniform(0.03, 0.4, 4) + half[:, :, 0]  # from the ink to the middle of a wall
    outwards = torch.tensor([-1.0, 1.0], device=ink.device)
    outer = torch.stack([left, right], 1) + distance[:, :2] * outwards
    level = torch.stack([top, bottom], 1) + distance[:, 2:] * outwards
    between = (boxes[..., 2].roll(1, 1) + boxes[..., 0]) / 2
    is_between = filled & filled.roll(1, 1) & (torch.arange(filled.shape[1], device=ink.device) > 0)
    upright = torch.cat([outer, torch.where(is_between, between, -99.0)], 1)
    kept = uniform(0.3, 1.2, 1)
    upright = torch.where(uniform(0.0, 1.0, upright.shape[1]) < kept, upright, -99.0)
    lean = uniform(-0.03, 0.03)[:, None, None]
    columns, rows = _pixels(height, width, ink.device)
    x, y = columns + lean * rows, rows - lean * columns

    def inside(place: Tensor, ends: Tensor, beyond: Tensor) -> Tensor:
        first, last = (end[:, None, None] for end in ends.unbind(1))
        return beyond[:, None, None] | ((place >= first - half) & (place <= last + half))

    crossing = inside(y, level, uniform(0.0, 1.0) < 0.5)  # half of the grids go on above and below
    running = inside(x, outer, uniform(0.0, 1.0) < 0.5)
    drawn = torch.zeros_like(ink)
    for place in upright.unbind(1):
        if (place > -50).any():
            wall = half + 0.5 - (x - place[:, None, None]).abs()
            drawn = torch.maximum(drawn, wall.clamp(0, 1) * crossing)
    level = torch.where(uniform(0.0, 1.0, 2) < kept, level, -99.0)
    for place in level.unbind(1):
        wall = half + 0.5 - (y - place[:, None, None]).abs()
        drawn = torch.maximum(drawn, wall.clamp(0, 1) * running)
    return torch.maximum(ink, drawn * uniform(0.3, 1.0)[:, None, None])


def _around(
    boxes: Float[Tensor, "b n 4"], filled: Bool[Tensor, "b n"], shape: torch.Size
) -> tuple[Float[Tensor, " b"], Float[Tensor, " b"], Float[Tensor, " b"], Float[Tensor, " b"]]:
    """Left, top, right and bottom of each whole number; of the middle of a canvas without one."""
    _, height, width = shape
    usual = torch.tensor([0.3 * width, 0.2 * height, 0.7 * width, 0.8 * height], device=boxes.device)
    low = torch.where(filled[..., None], boxes[..., :2], torch.inf).amin(1)
    high = torch.where(filled[..., None], boxes[..., 2:], -torch.inf).amax(1)
    around = torch.where(filled.any(1)[:, None], torch.cat([low, high], 1), usual)
    left, top, right, bottom = around.unbind(1)
    return left, top, right, bottom


def _pixels(
    height: int, width: int, device: torch.device
) -> tuple[Float[Tensor, " w"], Float[Tensor, "h 1"]]:
    """Column and row of the middle of each pixel."""
    columns, rows = (torch.arange(side, device=device) + 0.5 for side in (width, height))
    return columns, rows[:, None]


def _segment(ends: Float[Tensor, "m 5"], height: int, width: int) -> Float[Tensor, "m h w"]:
    """One straight stroke on each picture: from (x, y) to (x, y), and half its width."""
    from_x, from_y, to_x, to_y, radius = ends[:, :, None, None].unbind(1)
    columns, rows = _pixels(height, width, ends.device)
    along_x, along_y = to_x - from_x, to_y - from_y
    share = ((columns - from_x) * along_x + (rows - from_y) * along_y) / (
        along_x * along_x + along_y * along_y
    ).clamp(min=1e-3)
    share = share.clamp(0, 1)
    distance = torch.hypot(columns - from_x - share * along_x, rows - from_y - share * along_y)
    return (radius + 0.5 - distance).clamp(0, 1)
