"""Clean ink in, pictures as a camera would take them out: each effect with a strength of its own, whole batches at once."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor

EFFECTS = (
    "rotation",
    "perspective",
    "rules",
    "smudge",
    "fading",
    "light",
    "shadow",
    "blur",
    "motion",
    "pixelation",
    "noise",
    "inversion",
    "edge",
)
"""What a camera and a paper do, in the order in which it happens. The first two act on the layout of the digits."""

_Change = Callable[[Tensor, Tensor, torch.Generator], Tensor]
"""From pictures (b, h, w), strengths (b, 1, 1) and randomness to changed pictures."""

_CHANCE = {"inversion": 0.5, "edge": 0.7, "noise": 0.6}
_USUAL_CHANCE = 0.35


def draw_strengths(count: int, difficulty: float, generator: torch.Generator) -> Float[Tensor, "b k"]:
    """Strength of each effect on each of `count` pictures, 0 (off) to 1, in the order of `EFFECTS`.

    Every picture has a severity of its own, uniform up to `difficulty`; which effects it meets is drawn by chance.
    """
    chance = torch.tensor([_CHANCE.get(effect, _USUAL_CHANCE) for effect in EFFECTS])
    severity = difficulty * torch.rand(count, 1, generator=generator)
    on = torch.rand(count, len(EFFECTS), generator=generator) < chance
    return on * severity * (0.3 + 0.7 * torch.rand(count, len(EFFECTS), generator=generator))


def photograph(
    ink: Float[Tensor, "b h w"],
    strengths: Float[Tensor, "b k"],
    spans: Float[Tensor, "b 2"],
    generator: torch.Generator,
) -> tuple[Float[Tensor, "b 1 h w"], Float[Tensor, "b 2"]]:
    """Gray pictures, 0 to 1, of ink, 0 to 1, and the columns of each that show something (`extents` of `strip`).

    `spans` holds the first and last column of each number's ink: the edge of a picture never cuts a digit.
    """
    strength = {effect: strengths[:, index] for index, effect in enumerate(EFFECTS)}

    def apply(picture: Tensor, effect: str, change: _Change) -> Tensor:
        chosen = strength[effect].nonzero()[:, 0]
        if len(chosen):  # only the pictures that meet the effect pay for it
            picture[chosen] = change(picture[chosen], strength[effect][chosen, None, None], generator)
        return picture

    picture = ink.clone()
    for effect, change in _ON_PAPER.items():
        picture = apply(picture, effect, change)
    picture = 1 - picture
    for effect, change in _IN_CAMERA.items():
        picture = apply(picture, effect, change)
    return picture.clamp(0, 1)[:, None], _extents(strength["edge"], spans, ink.shape[2], generator)


def _uniform(count: int, low: float, high: float, generator: torch.Generator) -> Float[Tensor, "b 1 1"]:
    return low + (high - low) * torch.rand(count, 1, 1, generator=generator)


def _plane(picture: Tensor) -> tuple[Float[Tensor, "h 1"], Float[Tensor, "1 w"]]:
    """Row and column of each pixel, -1 to 1."""
    _, height, width = picture.shape
    return torch.linspace(-1, 1, height)[:, None], torch.linspace(-1, 1, width)[None]


def _field(
    count: int, cells: tuple[int, int], shape: tuple[int, int], generator: torch.Generator
) -> Float[Tensor, "b h w"]:
    """A smooth random field, 0 to 1, that varies over about as many cells."""
    coarse = torch.rand(count, 1, *cells, generator=generator)
    return F.interpolate(coarse, size=shape, mode="bilinear", align_corners=True)[:, 0]


def _rules(ink: Tensor, strength: Tensor, generator: torch.Generator) -> Tensor:
    """Rule lines, and half of the time upright ones too: ruled paper, grid paper, the boxes of a form."""
    count, height, width = ink.shape
    rows, columns = torch.arange(height)[:, None], torch.arange(width)[None]
    darkness = strength * _uniform(count, 0.4, 1.0, generator)
    slope = _uniform(count, -0.03, 0.03, generator)
    half_width = _uniform(count, 0.3, 0.9, generator)

    def lines(along: Tensor, spacing: Tensor) -> Tensor:
        offset = spacing * torch.rand(count, 1, 1, generator=generator)
        distance = ((along - offset) % spacing - spacing / 2).abs()
        return (half_width - distance + 0.5).clamp(0, 1)

    drawn = lines(rows + slope * columns, _uniform(count, 0.35 * height, 1.2 * height, generator))
    upright = (_uniform(count, 0.0, 1.0, generator) < 0.5) * lines(
        columns - slope * rows, _uniform(count, 0.4 * height, 2.0 * height, generator)
    )
    return torch.maximum(ink, torch.maximum(drawn, upright) * darkness)


def _smudge(ink: Tensor, strength: Tensor, generator: torch.Generator) -> Tensor:
    """Blots and dirty patches, fainter than the pen."""
    field = _field(len(ink), (6, 24), (ink.shape[1], ink.shape[2]), generator)
    return torch.maximum(ink, (field * 5 - 3.8).clamp(0, 1) * (0.7 * strength))


def _fading(ink: Tensor, strength: Tensor, generator: torch.Generator) -> Tensor:
    """A pale pen that presses unevenly: down to an eighth of full ink."""
    level = 1 - 0.75 * strength
    return (
        ink
        * level
        * (1 - 0.5 * strength * _field(len(ink), (3, 10), (ink.shape[1], ink.shape[2]), generator))
    )


def _light(picture: Tensor, strength: Tensor, generator: torch.Generator) -> Tensor:
    """Light that falls off across the paper, in a line and in a curve."""
    rows, columns = _plane(picture)
    across, down = _uniform(len(picture), -1.0, 1.0, generator), _uniform(len(picture), -0.5, 0.5, generator)
    curve = _uniform(len(picture), -0.5, 0.5, generator)
    light = across * columns + down * rows + curve * columns * columns
    return picture * (1 - strength * (0.3 + 0.35 * light))


def _shadow(picture: Tensor, strength: Tensor, generator: torch.Generator) -> Tensor:
    """The soft edge of a shadow somewhere across the paper."""
    rows, columns = _plane(picture)
    tilt, where = _uniform(len(picture), -0.3, 0.3, generator), _uniform(len(picture), -0.9, 0.9, generator)
    side = torch.where(_uniform(len(picture), -1.0, 1.0, generator) > 0, 1.0, -1.0)
    sharpness = _uniform(len(picture), 2.0, 20.0, generator)
    return picture * (1 - 0.5 * strength * torch.sigmoid(side * sharpness * (columns + tilt * rows - where)))


def _smooth(picture: Tensor, share: Tensor, axis: int) -> Tensor:
    """Each pixel mixed with its two neighbours along an axis; `share` is what the two give together."""
    first, last = picture.narrow(axis, 0, 1), picture.narrow(axis, -1, 1)
    length = picture.shape[axis]
    padded = torch.cat([first, picture, last], dim=axis)
    neighbours = padded.narrow(axis, 0, length) + padded.narrow(axis, 2, length)
    return torch.lerp(picture, neighbours * 0.5, share)


def _blur(picture: Tensor, strength: Tensor, generator: torch.Generator) -> Tensor:
    """Out of focus: up to a standard deviation of about 1.4 pixels."""
    for _ in range(3):
        picture = _smooth(_smooth(picture, 0.65 * strength, 1), 0.65 * strength, 2)
    return picture


def _motion(picture: Tensor, strength: Tensor, generator: torch.Generator) -> Tensor:
    """A hand that moved, along one axis."""
    along = _uniform(len(picture), 0.0, 1.0, generator) < 0.6
    for _ in range(4):
        picture = _smooth(_smooth(picture, 0.6 * strength * along, 2), 0.6 * strength * ~along, 1)
    return picture


def _pixelation(picture: Tensor, strength: Tensor, generator: torch.Generator) -> Tensor:
    """A number that was small in the frame: half the resolution, mixed in by strength."""
    height, width = picture.shape[1:]
    coarse = F.avg_pool2d(picture[:, None], 2, ceil_mode=True)
    return torch.lerp(
        picture, F.interpolate(coarse, size=(height, width), mode="bilinear")[:, 0], strength.clamp(max=1)
    )


@cache
def _noise_bank(size: int = 1 << 20) -> Float[Tensor, " n"]:
    """Normal noise, made once: taking a stretch of it is many times faster than drawing anew."""
    return torch.randn(size, generator=torch.Generator().manual_seed(7))


def _noise(picture: Tensor, strength: Tensor, generator: torch.Generator) -> Tensor:
    """The sensor's grain, and the coarser grain of the paper."""
    count, height, width = picture.shape
    bank = _noise_bank()
    starts: Int[Tensor, " b"] = torch.randint(len(bank) - height * width, (count,), generator=generator)
    grain = bank.unfold(0, height * width, 1)[starts].reshape(picture.shape)
    paper = _field(count, (height // 3, width // 3), (height, width), generator) - 0.5
    return picture + strength * (
        0.12 * _uniform(count, 0.0, 1.0, generator) * grain
        + 0.25 * _uniform(count, 0.0, 1.0, generator) * paper
    )


def _inversion(picture: Tensor, strength: Tensor, generator: torch.Generator) -> Tensor:
    """Light ink on dark paper."""
    return 1 - picture


_ON_PAPER: dict[str, _Change] = {"rules": _rules, "smudge": _smudge, "fading": _fading}
_IN_CAMERA: dict[str, _Change] = {
    "light": _light,
    "shadow": _shadow,
    "blur": _blur,
    "motion": _motion,
    "pixelation": _pixelation,
    "noise": _noise,
    "inversion": _inversion,
}


def _extents(strength: Tensor, spans: Tensor, width: int, generator: torch.Generator) -> Float[Tensor, "b 2"]:
    """Where the picture begins and ends: somewhere outside the number when the effect is on, else at the canvas's sides."""
    margin = 2 + 28 * torch.rand(len(spans), 2, generator=generator)
    whole = torch.tensor([0.0, float(width)])
    cut = torch.stack(
        [(spans[:, 0] - margin[:, 0]).clamp(min=0), (spans[:, 1] + margin[:, 1]).clamp(max=width)], 1
    )
    return torch.where(strength[:, None] > 0, cut, whole)
