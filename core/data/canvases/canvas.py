"""Makes batches of canvases, synthetic pictures of numbers with the true box of every digit. Same seed, same canvases."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from functools import partial
from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor

from core.config import DIGITS, CanvasSettings
from core.data.canvases.draws import evenly, rand, randint, randn
from core.data.canvases.effects import draw_strengths, on_paper, photograph, place_of, stretching
from core.data.canvases.marks import build_walls, print_boxes, write_marks
from core.data.canvases.tiles import SIDE, Tiles
from core.vocab import Vocabulary

_BORDER = 1  # pixels between the outermost ink and the canvas's edge
_OVERLAP = 0.4  # of the narrower of two neighbours, at most
_BENDS = (7, 5)  # places across and down a tile's frame that are moved when its strokes are bent
_MARKS = ".,-"  # what the effect of that name writes around digits
_PHOTOGRAPHED = 0.5  # of an effect's strength befalls what a camera has taken already
_VISIBLE = 0.25  # ink at least this strong counts for a digit's box


@dataclass(frozen=True)
class Canvases:
    """A batch of synthetic pictures and everything that is known of them."""

    pictures: Float[Tensor, "b 1 h w"]
    """Gray, 0 to 1, either polarity."""
    extents: Float[Tensor, "b 2"]
    """First column of each picture that shows something, and the first behind it that does not."""
    labels: Int[Tensor, "b n"]
    """The tokens of the digits from left to right; 0 beyond a number's length."""
    lengths: Int[Tensor, " b"]
    """How many digits each canvas shows; 0 where the answer is "nothing"."""
    boxes: Float[Tensor, "b n 4"]
    """Left, top, right and bottom of each digit's ink in pixels; 0 beyond a number's length, and where they are not known."""
    strengths: Float[Tensor, "b k"]
    """Strength, 0 to 1, of each of `effects.EFFECTS`."""
    vocabulary: Vocabulary
    """What the labels stand for."""

    @property
    def texts(self) -> list[str]:
        """What is written on each; "" where the answer is "nothing"."""
        rows = zip(self.labels.tolist(), self.lengths.tolist(), strict=True)
        return [self.vocabulary.decode(row[:length]) for row, length in rows]

    def first(self, count: int) -> Canvases:
        """Only so many of them."""
        cut: dict[str, Any] = {name: getattr(self, name)[:count] for name in _TENSORS}
        return replace(self, **cut)

    @staticmethod
    def together(parts: Sequence[Canvases]) -> Canvases:
        """Several batches of the same settings as one."""
        joined: dict[str, Any] = {
            name: torch.cat([getattr(part, name) for part in parts]) for name in _TENSORS
        }
        return replace(parts[0], **joined)


_TENSORS = [one.name for one in fields(Canvases) if one.name != "vocabulary"]


def make_canvases(
    tiles: Tiles,
    settings: CanvasSettings,
    count: int,
    seed: int,
    *,
    strengths: Float[Tensor, "b k"] | None = None,
) -> Canvases:
    """`count` canvases: lengths uniform between the settings' bounds, and a share of empty ones.

    They are made where the tiles are; a seed gives the same ones on any processor, and others on a GPU.
    `strengths` sets each of `effects.EFFECTS` by hand; without it they are drawn up to the settings' difficulty.
    """
    generator = torch.Generator(tiles.images.device).manual_seed(seed)
    height, width, longest = settings.height, settings.width, settings.max_digits
    if strengths is None:
        strengths = draw_strengths(count, settings.difficulty, generator)
        if set(settings.symbols) & set(_MARKS):  # what is to be read must not be passed over
            strengths[:, place_of("marks")] = 0

    slots = randint(generator, settings.min_digits, longest + 1, count)
    empty = rand(generator, count) < settings.empty_share
    # An empty canvas is blank, or shows a doodle, or letters and scribbles in the places of digits.
    kind = rand(generator, count)
    doodled = empty & (kind > 0.6) & (settings.width >= 3 * settings.height)
    slots = torch.where(empty & (kind < 0.2) | doodled, 0, slots)
    filled: Bool[Tensor, "b n"] = torch.arange(longest, device=generator.device) < slots[:, None]

    chosen = _choose(tiles, settings, empty, generator)
    plain = rand(generator, count) < settings.plain_share
    walled = torch.zeros(count, dtype=torch.bool, device=generator.device)
    if settings.walled_share:
        walled = rand(generator, count) < settings.walled_share
    layout = _lay_out(tiles.boxes[chosen], filled, plain, walled, strengths, settings, generator)
    canvas_of, slot_of = filled.nonzero(as_tuple=True)
    pen = (settings.variation * ~plain * _pen(count, generator))[canvas_of]
    bends = None
    if settings.bend:
        bends = settings.bend * randn(generator, len(pen), 2, *_BENDS)
        bends *= ~plain[canvas_of, None, None, None]
    warped, spans, rows = _warp(
        _change_pen(tiles.images[chosen[filled]], pen),
        layout,
        filled,
        tiles.boxes[chosen[filled]],
        height,
        bends,
    )

    lefts = _place(spans, layout.gaps, filled, width, generator)
    ink = _paste(warped, spans, lefts, filled, height, width)
    boxes = torch.zeros(count, longest, 4, device=generator.device)
    left = lefts[filled]
    boxes[canvas_of, slot_of] = torch.stack(
        [left, rows[:, 0], left + spans[:, 1] - spans[:, 0], rows[:, 1]], 1
    ).float()
    strength = {effect: strengths[:, place_of(effect)] for effect in ("marks", "boxes")}
    for marked in _where(strength["marks"]):
        part = ink[marked], boxes[marked], filled[marked], layout.separated[marked]
        ink[marked] = write_marks(*part, generator)
    for boxed in _where(strength["boxes"]):
        part = ink[boxed], boxes[boxed], filled[boxed], strength["boxes"][boxed]
        ink[boxed] = print_boxes(*part, generator)
    for celled in _where(walled & filled.any(1)):
        ink[celled] = build_walls(ink[celled], boxes[celled], filled[celled], generator)
    boxes = boxes * ~empty[:, None, None]

    none = ~filled.any(1)
    number = (
        torch.where(filled, lefts, width).amin(1).masked_fill(none, 0),
        _rights(lefts, spans, filled).amax(1).masked_fill(none, width),
    )
    shown = torch.stack(number, 1)
    doodles = _doodle(tiles.doodles, int(doodled.sum()), height, width, generator)
    ink[doodled] = torch.maximum(ink[doodled], doodles)
    shown[doodled] = _first_and_last(ink[doodled].amax(1))
    labels = tiles.labels[chosen] * (filled & ~empty[:, None])
    lengths = torch.where(empty, 0, slots)
    wide = width >= 3 * height
    if tiles.hands is not None and settings.whole_share and wide and len(tiles.hands.number_lengths):
        whole = ~empty & (rand(generator, count) < settings.whole_share)
        fitting = (tiles.hands.number_lengths <= longest).nonzero()[:, 0]
        some = fitting[randint(generator, 0, len(fitting), int(whole.sum()))]
        ink[whole] = _resized(tiles.hands.numbers[some], height, width)
        shown[whole] = _first_and_last(ink[whole].amax(1))
        labels[whole] = _cut_or_padded(tiles.hands.number_labels[some], longest)
        lengths[whole] = tiles.hands.number_lengths[some]
        boxes[whole] = 0
    pictures = on_paper(ink, strengths, generator)
    cut: list[tuple[Tensor, Tensor]] = []
    if tiles.hands is not None and settings.rows_share and wide and len(tiles.hands.rows.lengths):
        in_cells = rand(generator, count) < settings.rows_share
        rows_shown = tiles.hands.rows
        fitting = (rows_shown.lengths <= longest).nonzero()[:, 0]
        some = fitting[randint(generator, 0, len(fitting), int(in_cells.sum()))]
        pictures[in_cells] = _resized(rows_shown.pictures[some], height, width)
        strengths[in_cells] *= _PHOTOGRAPHED
        cut.append((in_cells, rows_shown.extents[some] * (width / rows_shown.pictures.shape[2])))
        labels[in_cells] = _cut_or_padded(rows_shown.labels[some], longest)
        lengths[in_cells] = rows_shown.lengths[some]
        boxes[in_cells] = 0
    if tiles.finds is not None and settings.found_share:
        found = rand(generator, count) < settings.found_share
        some = tiles.finds.draw(int(found.sum()), generator)
        pictures[found] = tiles.finds.pictures[some]
        strengths[found] *= _PHOTOGRAPHED
        cut.append((found, tiles.finds.extents[some]))
        labels[found] = F.pad(tiles.finds.labels[some], (0, longest - tiles.finds.labels.shape[1]))
        lengths[found] = tiles.finds.lengths[some]
        boxes[found] = 0
    pictures, extents = photograph(pictures, strengths, shown.float(), generator)
    for which, own in cut:
        extents[which] = own
    return Canvases(pictures, extents, labels, lengths, boxes, strengths, Vocabulary(settings.symbols))


def _choose(
    tiles: Tiles, settings: CanvasSettings, empty: Bool[Tensor, " b"], generator: torch.Generator
) -> Int[Tensor, "b n"]:
    """The tile of each place on each canvas, by the settings' shares; on empty ones, what is nothing to be read."""
    count, longest = len(empty), settings.max_digits
    chosen = randint(generator, 0, tiles.digit_count, count, longest)
    behind = int((tiles.labels >= 0).sum())
    if settings.penned_share:
        whole, single = (rand(generator, count, n) for n in (1, longest))
        in_pen = torch.minimum(whole, single) < settings.penned_share / 2
        first = tiles.digit_count
        last = first + tiles.penned_count
        penned = randint(generator, first, last, count, longest)
        chosen = torch.where(in_pen, penned, chosen)
    if tiles.hands is not None and settings.hands_share + settings.faces_share:
        in_face, in_hand = settings.faces_share, settings.hands_share if tiles.hands.pens else 0.0
        manner = rand(generator, count)
        is_face = manner < in_face
        labels = randint(generator, 0, 10, count, longest)
        handed = tiles.hands.draw(labels, is_face, generator)
        in_one = is_face | (manner < in_face + in_hand)
        chosen = torch.where(in_one[:, None], handed, chosen)
    if tiles.symbol_count:  # each symbol as often as each digit
        sign = randint(generator, behind - tiles.symbol_count, behind, count, longest)
        is_sign = rand(generator, count, longest) >= len(DIGITS) / len(settings.symbols)
        chosen = torch.where(is_sign, sign, chosen)
    if settings.empty_share:
        letters = tiles.hands.letters if tiles.hands is not None else 0
        other = randint(generator, behind, len(tiles.labels) - letters, count, longest)
        if letters:
            theirs = len(tiles.labels) - randint(generator, 1, letters + 1, count, longest)
            lettered = rand(generator, count) < 0.5
            other = torch.where(lettered[:, None], theirs, other)
        chosen = torch.where(empty[:, None], other, chosen)
    return chosen


@dataclass(frozen=True)
class _Layout:
    """Geometry of each digit before it is placed from left to right."""

    matrices: Float[Tensor, "b n 2 2"]  # from a tile's pixels to the canvas's, about the digit's centre
    middles: Float[Tensor, "b n"]  # row of the digit's centre
    gaps: Float[Tensor, "b n"]  # pixels between a digit's ink and the one before it; below 0 they overlap
    separated: Bool[Tensor, "b n"]  # whether a dot or a comma stands before it


def _lay_out(
    boxes: Tensor,
    filled: Tensor,
    plain: Tensor,
    walled: Tensor,
    strengths: Tensor,
    settings: CanvasSettings,
    generator: torch.Generator,
) -> _Layout:
    """Size, slant, spacing and line of the digits, such that every number fits the canvas."""
    height, width, variation = settings.height, settings.width, settings.variation
    count, longest = filled.shape
    uniform = partial(_uniform, generator, count, longest)
    normal = partial(randn, generator, count, longest)
    bent = ~plain[:, None]
    rotation, perspective, slant = (
        bent * strengths[:, place_of(effect), None] * uniform(-1.0, 1.0)
        for effect in ("rotation", "perspective", "slant")
    )
    slope = 0.14 * rotation

    unruly = uniform(0.0, 1.0) < 0.15  # some hands write digits of very different sizes
    spread = torch.where(unruly, uniform(0.55, 1.1, each=True), uniform(0.88, 1.1, each=True))
    varied = partial(_varied, variation)
    size = height / SIDE * varied(uniform(0.7, 1.15), 0.9) * varied(spread, 1.0)
    size = torch.where(bent, size, 1.0)
    stretch = torch.where(bent, varied(uniform(0.8, 1.2) * uniform(0.93, 1.07, each=True), 1.0), 1.0)
    angle = bent * varied(0.07 * normal(), 0.0) + slope
    shear = bent * varied(uniform(-0.3, 0.3) + 0.06 * normal(), 0.0) - 0.35 * (slant + 0.3 * slant.abs())

    ink_width, ink_height = boxes[..., 2] - boxes[..., 0], boxes[..., 3] - boxes[..., 1]
    tight, usual, wide = uniform(-0.3, 0.02), uniform(0.0, 0.35), uniform(0.3, 1.1)
    mode = uniform(0.0, 1.0)
    gap = torch.where(mode < 0.3, tight, torch.where(mode < 0.85, usual, wide)) + 0.06 * normal()
    separated = _separators(filled, strengths[:, place_of("marks")], generator)
    gap = gap + separated * uniform(0.05, 0.4)
    if settings.walled_share:  # a wall needs its room
        gap = torch.where(walled[:, None], gap.clamp(min=0) + uniform(0.15, 0.6), gap)

    cos, sin = torch.cos(angle), torch.sin(angle)
    across = torch.stack([cos * stretch, cos * shear - sin], -1)
    down = torch.stack([sin * stretch, sin * shear + cos], -1)
    shape = torch.stack([across, down], -2)
    extent = partial(_extent, ink_width, ink_height)

    size = size.expand(count, longest).clone()
    widths, heights = extent(size[..., None, None] * shape)
    size *= ((height - 2 * _BORDER - 1) / heights).clamp(max=1)
    widths, _ = extent(size[..., None, None] * shape)
    gaps = gap * height * 0.7
    needed = (torch.where(filled, widths + gaps.clamp(min=0) + 2, 0)).sum(1, keepdim=True)
    shrink = ((width - 2 * _BORDER) / needed.clamp(min=1)).clamp(max=1)
    size, gaps = size * shrink, gaps * shrink

    number = filled.sum(1, keepdim=True).clamp(min=1)
    mean_size = torch.where(filled, size, 0).sum(1, keepdim=True) / number
    along = (torch.arange(longest, device=generator.device) - number / 2 + 0.5) * mean_size * 18
    size = size * (1 - 0.25 * perspective.abs() + 0.25 * perspective * (along / (width / 2)).clamp(-1, 1))
    matrices = size[..., None, None] * shape
    _, heights = extent(matrices)
    free = ((height - heights) / 2 - _BORDER).clamp(min=0)
    line = uniform(-1.0, 1.0) * 0.6 * torch.where(filled, free, height).amin(1, keepdim=True)
    middles = height / 2 + (line + slope * along + 0.04 * normal() * height).clamp(-free, free)
    middles = torch.where(bent, middles, middles.floor())  # whole pixels, so that nothing is resampled
    return _Layout(matrices, middles, gaps, separated)


def _uniform(
    generator: torch.Generator, count: int, longest: int, low: float, high: float, *, each: bool = False
) -> Tensor:
    """From low to high, one value for a whole number or one for each digit."""
    return evenly(generator, count, low, high, longest if each else 1)


def _varied(variation: float, value: Tensor, usual: float) -> Tensor:
    """The value at full variation, the usual one at none."""
    return usual + variation * (value - usual)


def _extent(width: Tensor, height: Tensor, matrices: Tensor) -> tuple[Tensor, Tensor]:
    """Width and height on the canvas of ink that is so wide and high in its tile."""
    reach = matrices.abs()
    return (
        reach[..., 0, 0] * width + reach[..., 0, 1] * height,
        reach[..., 1, 0] * width + reach[..., 1, 1] * height,
    )


def _separators(filled: Tensor, marks: Tensor, generator: torch.Generator) -> Bool[Tensor, "b n"]:
    """Before which digits of the marked numbers a dot or a comma stands: as between thousands, or anywhere."""
    count, longest = filled.shape
    place = torch.arange(longest, device=generator.device)
    thousands = (filled.sum(1, keepdim=True) - place) % 3 == 0
    anywhere = randint(generator, 1, longest + 1, count, 1) == place
    kind = rand(generator, count, 1)
    chosen = torch.where(kind < 0.45, thousands, anywhere & (kind < 0.65))
    return chosen & filled & (place > 0) & (marks > 0)[:, None]


def _where(strength: Tensor) -> list[Int[Tensor, " m"]]:
    """The canvases that meet an effect, as the only entry of a list; an empty list where none does."""
    chosen = strength.nonzero()[:, 0]
    return [chosen] if len(chosen) else []


def _pen(count: int, generator: torch.Generator) -> Float[Tensor, " b"]:
    """Change of stroke thickness, -1 (thinned) to 1 (thickened); a third of the hands keep MNIST's own."""
    change = 2 * rand(generator, count) - 1
    return torch.where(rand(generator, count) < 0.33, 0.0, change)


def _change_pen(images: Float[Tensor, "m 28 28"], pen: Float[Tensor, " m"]) -> Float[Tensor, "m 28 28"]:
    """Thicken or thin each stroke by up to about a pixel: a mixture with its dilation or erosion."""
    # A digit that is bold already is thickened less, or its loops would close.
    lightness = ((0.24 - images.mean((1, 2))) / 0.12).clamp(0, 1)
    weight = torch.where(pen > 0, pen * lightness, pen)[:, None, None]
    signed = images * torch.where(weight < 0, -1.0, 1.0)  # the minimum of ink is the maximum of its negative
    spread = signed.clone()
    spread[:, 1:] = torch.maximum(spread[:, 1:], signed[:, :-1])
    spread[:, :-1] = torch.maximum(spread[:, :-1], signed[:, 1:])
    sideways = spread.clone()
    spread[:, :, 1:] = torch.maximum(spread[:, :, 1:], sideways[:, :, :-1])
    spread[:, :, :-1] = torch.maximum(spread[:, :, :-1], sideways[:, :, 1:])
    # Thinning goes half as far, or the finest strokes of MNIST would vanish.
    return torch.lerp(images, spread.abs(), torch.where(weight < 0, -0.5 * weight, 0.7 * weight))


def _warp(
    images: Tensor,
    layout: _Layout,
    filled: Tensor,
    boxes: Tensor,
    height: int,
    bends: Float[Tensor, "m 2 c r"] | None,
) -> tuple[Float[Tensor, "m t h"], Int[Tensor, "m 2"], Int[Tensor, "m 2"]]:
    """Every digit in its shape and line, transposed (columns first) for `_paste`, and the columns and rows of its ink.

    One `grid_sample` for all digits of all canvases. `bends` moves some places of each, in MNIST pixels, and what lies
    between them along (elastic distortion, Simard et al. 2003).
    """
    matrices, middles = layout.matrices[filled], layout.middles[filled]
    span = 2 * (3 * height // 4)
    device = images.device
    x = torch.arange(span, device=device) + 0.5 - span / 2
    y = torch.arange(height, device=device) + 0.5
    inverse = torch.linalg.inv(matrices) * (2 / SIDE)  # grid_sample counts a tile from -1 to 1
    centre = ((boxes[:, :2] + boxes[:, 2:]) / 2).floor() * (2 / SIDE) - 1
    along = inverse[:, :, 0, None] * x
    across = inverse[:, :, 1, None] * (y - middles[:, None])[:, None] + centre[:, :, None]
    # Complex numbers are pairs of x and y to torch, and adding them is many times faster than stacking two planes.
    grid = (
        torch.complex(along[:, 0], along[:, 1])[:, :, None]
        + torch.complex(across[:, 0], across[:, 1])[:, None]
    )
    if bends is not None:
        moved = (
            stretching(_BENDS[0], span, device)
            @ (bends @ stretching(_BENDS[1], height, device).T)
            * (2 / SIDE)
        )
        grid = grid + torch.complex(moved[:, 0], moved[:, 1])
    warped = F.grid_sample(images[:, None], torch.view_as_real(grid), align_corners=False)[:, 0]
    return warped, _first_and_last(warped.amax(2)), _first_and_last(warped.amax(1))


def _first_and_last(profile: Float[Tensor, "m p"]) -> Int[Tensor, "m 2"]:
    """First visible place of each profile, and the first behind the last visible one."""
    visible = (profile > _VISIBLE).int()
    return torch.stack([visible.argmax(1), profile.shape[1] - visible.flip(1).argmax(1)], 1)


def _place(
    spans: Tensor, gaps: Tensor, filled: Tensor, width: int, generator: torch.Generator
) -> Int[Tensor, "b n"]:
    """Column at which the ink of each digit begins: gaps are measured between ink and ink, the whole lies anywhere that fits."""
    widths = torch.zeros(filled.shape, device=filled.device)
    widths[filled] = (spans[:, 1] - spans[:, 0]).float()
    # Measured on the ink itself: more overlap than that, and nobody could read what is written.
    gaps = torch.maximum(gaps, -_OVERLAP * torch.minimum(widths, widths.roll(1, 1)))
    advance = widths + gaps.roll(-1, 1)
    starts = torch.cat([widths.new_zeros(len(widths), 1), advance.cumsum(1)[:, :-1]], 1)
    end = torch.where(filled, starts + widths, 0).amax(1, keepdim=True)
    free = (width - 2 * _BORDER - end).clamp(min=0)
    lefts = (_BORDER + starts + free * rand(generator, len(widths), 1)).round()
    return torch.minimum(lefts, width - _BORDER - widths).clamp(min=0).long()


def _doodle(
    doodles: Tensor, count: int, height: int, width: int, generator: torch.Generator
) -> Float[Tensor, "m h w"]:
    """So many of the doodles, at the canvas's size."""
    if not count:
        return doodles.new_zeros(0, height, width)
    return _resized(doodles[randint(generator, 0, len(doodles), count)], height, width)


def _resized(pictures: Float[Tensor, "m y x"], height: int, width: int) -> Float[Tensor, "m h w"]:
    """Pictures at the canvas's size."""
    if not len(pictures) or pictures.shape[1:] == (height, width):
        return pictures.reshape(-1, height, width)
    return F.interpolate(pictures[:, None], size=(height, width), mode="bilinear", antialias=True)[:, 0]


def _cut_or_padded(labels: Int[Tensor, "m d"], longest: int) -> Int[Tensor, "m n"]:
    """Labels of numbers that are no longer than `longest`, in so many columns."""
    return F.pad(labels, (0, max(longest - labels.shape[1], 0)))[:, :longest]


def _rights(lefts: Tensor, spans: Tensor, filled: Tensor) -> Int[Tensor, "b n"]:
    rights = torch.zeros_like(lefts)
    rights[filled] = lefts[filled] + spans[:, 1] - spans[:, 0]
    return rights


def _paste(
    warped: Tensor, spans: Tensor, lefts: Tensor, filled: Tensor, height: int, width: int
) -> Float[Tensor, "b h w"]:
    """All digits on their canvases; where two overlap, the darker ink stays.

    The canvas lies with its columns first, so that a digit is a run of whole rows: one indexed maximum for each
    position in the number, whatever the size of the batch.
    """
    count, longest = filled.shape
    span = warped.shape[1]
    padded = width + 2 * span  # a tile's empty sides may hang over the edge
    canvas = warped.new_zeros(count * padded, height)
    canvas_of, slot_of = filled.nonzero(as_tuple=True)
    inked = warped.amax(2) > 0
    tile, column = inked.nonzero(as_tuple=True)
    place = (canvas_of * padded + span + lefts[filled] - spans[:, 0])[tile] + column
    columns, slot = warped[inked], slot_of[tile]
    for number in range(longest):
        chosen = (slot == number).nonzero()[:, 0]
        where = place[chosen]
        canvas.index_copy_(0, where, torch.maximum(canvas[where], columns[chosen]))
    return canvas.reshape(count, padded, height)[:, span : span + width].transpose(1, 2).contiguous()
