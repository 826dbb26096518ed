"""Makes of clean ink the pictures that a camera would take: each effect has a strength of its own, whole batches at once."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache
from itertools import groupby
from typing import Final, Literal, NamedTuple

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor

from core.data.canvases.draws import rand, randint

_USUAL_CHANCE = 0.35


class Effect(NamedTuple):
    """One thing that hands, papers and cameras do."""

    phrase: str
    """What it does, for people."""
    change: Callable[..., Tensor] | None = None
    """From pictures (b, h, w), their strengths (b, 1, 1) and randomness to changed pictures; effects in a row that share one are
    brought about together. None where it is done elsewhere: to the layout of the digits, around them, or at the picture's sides."""
    on: Literal["ink", "picture"] = "ink"
    """What is changed: ink on nothing (1 is ink), or the gray picture that a camera takes of it (1 is white)."""
    chance: float = _USUAL_CHANCE
    """Of meeting it."""


def draw_strengths(count: int, difficulty: float, generator: torch.Generator) -> Float[Tensor, "b k"]:
    """Strength of each effect on each of `count` pictures, 0 (off) to 1, in the order of `EFFECTS`.

    Every picture has a severity of its own, uniform up to `difficulty`; which effects it meets is drawn by chance.
    """
    chance = torch.tensor([effect.chance for effect in EFFECTS.values()], device=generator.device)
    severity = difficulty * rand(generator, count, 1)
    on = rand(generator, count, len(EFFECTS)) < chance
    return on * severity * (0.3 + 0.7 * rand(generator, count, len(EFFECTS)))


def on_paper(
    ink: Float[Tensor, "b h w"], strengths: Float[Tensor, "b k"], generator: torch.Generator
) -> Float[Tensor, "b h w"]:
    """Gray pictures, 0 to 1, of ink, 0 to 1, with what else is on the paper."""
    return 1 - _changed(ink, "ink", strengths, generator)


def photograph(
    papers: Float[Tensor, "b h w"],
    strengths: Float[Tensor, "b k"],
    spans: Float[Tensor, "b 2"],
    generator: torch.Generator,
) -> tuple[Float[Tensor, "b 1 h w"], Float[Tensor, "b 2"]]:
    """What a camera makes of gray pictures, 0 to 1, and the columns of each that show something (`extents` of `strip`).

    `spans` holds the first and last column of each number's ink: the edge of a picture never cuts a digit.
    """
    picture = _changed(papers, "picture", strengths, generator)
    edge = strengths[:, place_of("edge")]
    return picture.clamp_(0, 1)[:, None], _extents(edge, spans, papers.shape[2], generator)


def place_of(effect: str) -> int:
    """Which column of the strengths is that of an effect."""
    return list(EFFECTS).index(effect)


def _changed(
    picture: Float[Tensor, "b h w"], on: str, strengths: Float[Tensor, "b k"], generator: torch.Generator
) -> Float[Tensor, "b h w"]:
    """All effects on ink, or all on the picture, one after the other."""
    strength = {name: strengths[:, index] for index, name in enumerate(EFFECTS)}
    names = [name for name, effect in EFFECTS.items() if effect.on == on and effect.change is not None]
    for change, together in groupby(names, key=lambda name: EFFECTS[name].change):
        assert change is not None
        picture = _apply(picture, [strength[name] for name in together], change, generator)
    return picture


def _apply(
    picture: Float[Tensor, "b h w"],
    strengths: list[Float[Tensor, " b"]],
    change: Callable[..., Tensor],
    generator: torch.Generator,
) -> Float[Tensor, "b h w"]:
    """Only the pictures that meet an effect pay for it."""
    chosen = torch.stack(strengths).amax(0).nonzero()[:, 0]
    if not len(chosen):
        return picture
    shaped = [strength[chosen, None, None] for strength in strengths]
    if len(chosen) == len(picture):
        return change(picture, *shaped, generator)
    return picture.index_copy(0, chosen, change(picture[chosen], *shaped, generator))


def _uniform(count: int, low: float, high: float, generator: torch.Generator) -> Float[Tensor, "b 1 1"]:
    return low + (high - low) * rand(generator, count, 1, 1)


def _plane(picture: Tensor) -> tuple[Float[Tensor, "h 1"], Float[Tensor, "1 w"]]:
    """Row and column of each pixel, -1 to 1."""
    _, height, width = picture.shape
    rows, columns = (torch.linspace(-1, 1, side, device=picture.device) for side in (height, width))
    return rows[:, None], columns[None]


def _pixels(picture: Tensor) -> tuple[Int[Tensor, "h 1"], Int[Tensor, "1 w"]]:
    """Row and column of each pixel, counted from 0."""
    _, height, width = picture.shape
    rows, columns = (torch.arange(side, device=picture.device) for side in (height, width))
    return rows[:, None], columns[None]


@cache
def stretching(cells: int, length: int, device: torch.device) -> Float[Tensor, "n c"]:
    """The matrix that stretches so many values to that length, with straight lines between them."""
    place = torch.linspace(0, cells - 1, length, device=device)[:, None]
    return (1 - (place - torch.arange(cells, device=device)).abs()).clamp(min=0)


def _field(
    count: int, cells: tuple[int, int], shape: tuple[int, int], generator: torch.Generator
) -> Float[Tensor, "b h w"]:
    """A smooth random field, 0 to 1, that varies over about as many cells."""
    coarse = rand(generator, count, *cells)
    down, across = (stretching(few, many, generator.device) for few, many in zip(cells, shape, strict=True))
    return down @ (coarse @ across.T)


def _rules(ink: Tensor, strength: Tensor, generator: torch.Generator) -> Tensor:
    """Rule lines, and half of the time upright ones too: ruled paper, grid paper, the boxes of a form."""
    count, height, _ = ink.shape
    rows, columns = _pixels(ink)
    darkness = strength * _uniform(count, 0.4, 1.0, generator)
    slope = _uniform(count, -0.03, 0.03, generator)
    half_width = _uniform(count, 0.3, 0.9, generator)

    def lines(across: Tensor, along: Tensor, spacing: Tensor) -> Tensor:
        offset = rand(generator, count, 1, 1)
        place = across / spacing - offset + along / spacing  # in spacings, a line at every half
        distance = place.sub_(place.floor()).sub_(0.5).abs_()
        return distance.mul_(-spacing).add_(half_width + 0.5).clamp_(0, 1)

    drawn = lines(rows, slope * columns, _uniform(count, 0.35 * height, 1.2 * height, generator))
    upright = lines(columns, -slope * rows, _uniform(count, 0.4 * height, 2.0 * height, generator))
    shown = _uniform(count, 0.0, 1.0, generator) < 0.5
    return torch.maximum(ink, torch.maximum(drawn, upright.mul_(shown)).mul_(darkness))


def _texture(ink: Tensor, strength: Tensor, generator: torch.Generator) -> Tensor:
    """Patterned paper: the wavy lines of a banknote or a cheque, or the mesh of a cloth, fainter than the pen."""
    count = len(ink)
    rows, columns = _pixels(ink)

    def waves(least: float, most: float) -> Tensor:
        turn = _uniform(count, 0.0, math.pi, generator)
        pitch = 2 * math.pi / _uniform(count, least, most, generator)
        sway = _uniform(count, 0.0, 3.0, generator) * torch.sin(
            _uniform(count, 0.03, 0.15, generator) * columns + _uniform(count, 0.0, 6.3, generator)
        )
        return (pitch * (turn.cos() * columns + turn.sin() * rows) + sway).cos_()

    first, second = waves(2.5, 9.0), waves(2.5, 9.0)
    mesh = _uniform(count, 0.0, 1.0, generator) < 0.5
    pattern = torch.where(mesh, first * second, torch.maximum(first, 0.7 * second) - 0.4)
    return torch.maximum(ink, pattern.clamp_(0, 1) * (strength * _uniform(count, 0.15, 0.6, generator)))


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
    count = len(picture)
    rows, columns = _plane(picture)
    across, down = _uniform(count, -1.0, 1.0, generator), _uniform(count, -0.5, 0.5, generator)
    curve = _uniform(count, -0.5, 0.5, generator)
    darker = 0.35 * strength
    level = 1 - 0.3 * strength - darker * (across * columns + curve * columns * columns)
    return picture * (level - darker * down * rows)


def _shadow(picture: Tensor, strength: Tensor, generator: torch.Generator) -> Tensor:
    """The soft edge of a shadow somewhere across the paper."""
    count = len(picture)
    rows, columns = _plane(picture)
    tilt, where = _uniform(count, -0.3, 0.3, generator), _uniform(count, -0.9, 0.9, generator)
    side = torch.where(_uniform(count, -1.0, 1.0, generator) > 0, 1.0, -1.0)
    steepness = side * _uniform(count, 2.0, 20.0, generator)
    shade = (steepness * (columns - where) + steepness * tilt * rows).sigmoid_()
    return picture * shade.mul_(-0.5 * strength).add_(1)


@cache
def _cosines(length: int, device: torch.device) -> Float[Tensor, "n n"]:
    """The orthonormal discrete cosine transform, DCT-II (Ahmed et al. 1974): one wave in each row."""
    wave, place = torch.arange(length, device=device)[:, None], torch.arange(length, device=device) + 0.5
    waves = torch.cos(math.pi / length * wave * place) * math.sqrt(2 / length)
    waves[0] = 1 / math.sqrt(length)
    return waves


def _kept(length: int, share: Tensor, times: int) -> Float[Tensor, "b n"]:
    """What is left of each wave after every pixel was mixed with its two neighbours `times` times.

    `share` is what the two give together. At the edges a picture goes on as in a mirror.
    """
    lost = 1 - torch.cos(math.pi / length * torch.arange(length, device=share.device))
    return (1 - share[:, :, 0] * lost) ** times


def _softness(picture: Tensor, blur: Tensor, motion: Tensor, generator: torch.Generator) -> Tensor:
    """Out of focus, up to a standard deviation of about 1.4 pixels; and a hand that moved, along one axis.

    Both act on the waves of which a picture is made, which four small matrix products take apart and put together.
    """
    count, height, width = picture.shape
    across = _uniform(count, 0.0, 1.0, generator) < 0.6
    blur, motion = 0.65 * blur, 0.6 * motion
    down, along = _cosines(height, picture.device), _cosines(width, picture.device)
    waves = down @ (picture @ along.T)
    waves *= (_kept(height, blur, 3) * _kept(height, motion * ~across, 4))[:, :, None]
    waves *= (_kept(width, blur, 3) * _kept(width, motion * across, 4))[:, None]
    return down.T @ (waves @ along)


@cache
def _halving(length: int, device: torch.device) -> Float[Tensor, "n n"]:
    """The matrix that takes the means of pairs and stretches them to the old length again."""
    pairs = math.ceil(length / 2)
    all_of_them = torch.arange(length, device=device)
    means = F.one_hot(all_of_them // 2, pairs).float()
    place = ((all_of_them + 0.5) * pairs / length - 0.5).clamp(0, pairs - 1)[:, None]
    return (1 - (place - torch.arange(pairs, device=device)).abs()).clamp(min=0) @ (means / means.sum(0)).T


def _pixelation(picture: Tensor, strength: Tensor, generator: torch.Generator) -> Tensor:
    """A number that was small in the frame: half the resolution, mixed in by strength."""
    down, across = (_halving(side, picture.device) for side in picture.shape[1:])
    coarse = down @ (picture @ across.T)
    return torch.lerp(picture, coarse, strength)


@cache
def _noise_bank(device: torch.device, size: int = 1 << 20) -> Float[Tensor, " n"]:
    """Normal noise, made once, and the same on every device: taking a stretch of it is many times faster than drawing anew."""
    return torch.randn(size, generator=torch.Generator("cpu").manual_seed(7), device="cpu").to(device)


def _noise(picture: Tensor, strength: Tensor, generator: torch.Generator) -> Tensor:
    """The sensor's grain, and the coarser grain of the paper."""
    count, height, width = picture.shape
    bank = _noise_bank(picture.device)
    starts: Int[Tensor, " b"] = randint(generator, 0, len(bank) - height * width, count)
    grain = bank.unfold(0, height * width, 1)[starts].reshape(picture.shape)
    paper = _field(count, (height // 3, width // 3), (height, width), generator).sub_(0.5)
    grain *= 0.12 * strength * _uniform(count, 0.0, 1.0, generator)
    return paper.mul_(0.25 * strength * _uniform(count, 0.0, 1.0, generator)).add_(grain).add_(picture)


def _inversion(picture: Tensor, strength: Tensor, generator: torch.Generator) -> Tensor:
    """Light ink on dark paper."""
    return 1 - picture


def _extents(strength: Tensor, spans: Tensor, width: int, generator: torch.Generator) -> Float[Tensor, "b 2"]:
    """Where the picture begins and ends: somewhere outside the number when the effect is on, else at the canvas's sides."""
    margin = 2 + 28 * rand(generator, len(spans), 2)
    whole = torch.tensor([0.0, float(width)], device=generator.device)
    cut = torch.stack(
        [(spans[:, 0] - margin[:, 0]).clamp(min=0), (spans[:, 1] + margin[:, 1]).clamp(max=width)], 1
    )
    return torch.where(strength[:, None] > 0, cut, whole)


EFFECTS: Final = {
    "rotation": Effect("the line of writing rises or falls, and the digits with it"),
    "perspective": Effect("the paper is seen from a side: digits grow along the line"),
    "slant": Effect("the whole hand leans, mostly to the right"),
    "marks": Effect("dots, commas and dashes are written between and around the digits"),
    "boxes": Effect("a form’s printed boxes or its baseline stand around the digits", chance=0.2),
    "rules": Effect("ruled or grid paper", _rules),
    "texture": Effect("patterned paper: a banknote’s waves, the mesh of a cloth", _texture, chance=0.25),
    "smudge": Effect("blots and dirty patches, fainter than the pen", _smudge),
    "fading": Effect("a pale pen that presses unevenly", _fading),
    "light": Effect("light falls off across the paper", _light, "picture"),
    "shadow": Effect("the soft edge of a shadow lies across the paper", _shadow, "picture"),
    "blur": Effect("out of focus", _softness, "picture"),
    "motion": Effect("the hand moved while the picture was taken", _softness, "picture"),
    "pixelation": Effect("the number was small in the frame: half the resolution", _pixelation, "picture"),
    "noise": Effect("grain of the sensor, coarser grain of the paper", _noise, "picture", chance=0.6),
    "inversion": Effect("light ink on dark paper, at any strength", _inversion, "picture", chance=0.5),
    "edge": Effect(
        "the picture ends beside the number, at any strength; what is beyond (hatched) is nothing to the model",
        chance=0.7,
    ),
}
"""What hands, papers and cameras do, in the order in which it happens. The first three act on the layout of the digits,
marks and boxes are drawn around them (`core.data.canvases.marks`)."""
