"""Reads a strip again after a change of the strip or of the model.

What-if is another strip or another model: patches are erased or a digit moved on a copy of the strip; heads are switched off,
attention warmed or patches masked in a copy of the model, whose forward pass is the same. The copy shares all weights that do not change.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, Final, Literal, NamedTuple, cast, get_args

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from core.config import ModelSettings
from core.model.attention import Attention, KeysValues
from core.model.encoder import EncoderLayer
from core.reading.overlay import box_on_strip
from core.reading.reader import Reader
from core.reading.reading import Reading

Part = Literal["encoder", "decoder", "cross"]
PARTS: Final[tuple[Part, ...]] = get_args(Part)

COLDEST: Final = 0.05
HOTTEST: Final = 20.0
"""Factors of the attention temperature between which a model still computes something."""


class Patch(NamedTuple):
    """A patch of the strip, counted from 0."""

    row: int
    column: int


class Head(NamedTuple):
    """An attention head; layer and head are counted from 0."""

    part: Part
    layer: int
    head: int


class Move(NamedTuple):
    """One digit of the reading, counted from 0, put down elsewhere; `dx` to the right and `dy` down, in pixels of the strip."""

    digit: int
    dx: int
    dy: int


@dataclass(frozen=True)
class Change:
    """What is asked to be otherwise. The default is: nothing."""

    erased: frozenset[Patch] = frozenset()
    """Patches whose pixels become paper."""
    masked: frozenset[Patch] = frozenset()
    """Patches whose tokens are left out of the sequence, as MAE leaves them out (He et al. 2021, arXiv:2111.06377)."""
    off: frozenset[Head] = frozenset()
    """Heads whose answer counts as zero."""
    temperature: float = 1.0
    """All attention scores are divided by this: above 1 attention spreads out, below 1 it sharpens."""
    move: Move | None = None
    """A digit's pixels are taken out of its box and put down elsewhere, where the darker ink stays; erasing comes after."""


@dataclass(frozen=True)
class Answer:
    """What would have been read."""

    reader: Reader
    """With the changed model: `explain` works on it and the reading as on any other."""
    reading: Reading
    """Of the changed strip, with attention. Of masked patches it is 0 throughout: they neither look nor are looked at."""
    kept: tuple[float, ...]
    """For each digit of the earlier reading the calibrated probability, 0 to 1, that it has now, given those before it."""
    milliseconds: float
    """What it took."""


def what_if(reader: Reader, reading: Reading, change: Change) -> Answer:
    """What `reader` would have read under `change` in the picture of which `reading` is.

    Without any change the reading is the same, to the bit. Raises `ValueError` where the reading has no attention or the
    change names what does not exist.
    """
    started = time.perf_counter()
    _check(reader, reading, change)
    changed = _changed_reader(reader, change)
    answer = changed.read_strip(_changed_strip(reader.settings.model, reading, change), reading)
    if change.masked and answer.attention is not None:
        hidden = _hidden(reader, change).cpu().numpy()
        encoder = answer.attention.encoder.copy()
        encoder[:, :, hidden] = 0
        answer = replace(answer, attention=replace(answer.attention, encoder=encoder))
    kept = _kept(changed, answer, reading)
    return Answer(changed, answer, kept, 1e3 * (time.perf_counter() - started))


def heads_of(reader: Reader) -> list[Head]:
    """Every head of the model that can be switched off: the encoder's, then the decoder's own, then those that look across."""
    return [
        Head(part, layer, head)
        for part in PARTS
        for layer in range(len(_attentions(reader, part)))
        for head in range(reader.settings.model.heads)
    ]


def patches_of_digit(reader: Reader, reading: Reading, digit: int) -> frozenset[Patch]:
    """The patches that the box of a digit of the reading touches. Raises `ValueError` where there is no such digit."""
    _check_digit(reading, digit)
    left, top, right, bottom = _pixels_of_digit(reading, digit)
    model = reader.settings.model
    rows, columns = model.grid(*reading.strip.shape)
    return frozenset(
        Patch(row, column)
        for row, column in np.ndindex(rows, columns)
        if row * model.stride < bottom
        and row * model.stride + model.patch_size > top
        and column * model.stride < right
        and column * model.stride + model.patch_size > left
    )


class _Blinkered(Attention):
    """Attention in which nobody sees the hidden tokens: as if they were not in the sequence."""

    def __init__(self, settings: ModelSettings, seeing: Attention, hidden: Bool[Tensor, " t"]) -> None:
        super().__init__(settings)
        self.scale = seeing.scale
        self.query, self.key_value, self.output = seeing.query, seeing.key_value, seeing.output
        # One more channel of the keys, which every query asks for: so low a score that no weight is left of it.
        self.hiding = torch.where(hidden, -1e30, 0.0)

    def _mix(
        self, queries: Float[Tensor, "b heads q c"], looked_at: KeysValues, **how: bool
    ) -> tuple[Float[Tensor, "b heads q c"], Float[Tensor, "b heads q t"] | None]:
        keys, values = looked_at
        hiding = self.hiding[:, None].expand(*keys.shape[:-1], 1)
        widened = KeysValues(torch.cat([keys, hiding], -1), nn.functional.pad(values, (0, 1)))
        mixed, weights = super()._mix(nn.functional.pad(queries, (0, 1), value=1.0), widened, **how)
        return mixed[..., :-1], weights


def _changed_reader(reader: Reader, change: Change) -> Reader:
    changed = copy.copy(reader)
    if not change.masked and not change.off and change.temperature == 1:
        return changed
    shared: dict[int, Any] = {
        id(tensor): tensor for tensor in (*reader.model.parameters(), *reader.model.buffers())
    }
    changed.model = copy.deepcopy(reader.model, shared)
    for name, layer, attention in _all_attentions(changed):
        attention.scale /= change.temperature
        off = [head.head for head in change.off if (head.part, head.layer) == (name, layer)]
        if off:
            attention.output.weight = nn.Parameter(_without(attention.output.weight, off, attention.heads))
    if change.masked:
        hidden = _hidden(reader, change)
        settings = reader.settings.model
        for encoding in cast(list[EncoderLayer], changed.model.encoder.layers):
            encoding.attention = _Blinkered(settings, encoding.attention, hidden).eval()
        for decoding in changed.model.decoder_layers:
            decoding.cross_attention = _Blinkered(settings, decoding.cross_attention, hidden).eval()
    return changed


def _without(weight: Float[Tensor, "d d"], off: list[int], heads: int) -> Float[Tensor, "d d"]:
    """The output projection deaf to some heads."""
    by_head = weight.detach().unflatten(1, (heads, -1)).clone()
    by_head[:, off] = 0
    return by_head.flatten(1)


def _attentions(reader: Reader, part: Part) -> list[Attention]:
    model = reader.model
    if part == "encoder":
        return [layer.attention for layer in cast(list[EncoderLayer], model.encoder.layers)]
    name = "self_attention" if part == "decoder" else "cross_attention"
    return [getattr(layer, name) for layer in model.decoder_layers]


def _all_attentions(reader: Reader) -> Iterator[tuple[Part, int, Attention]]:
    for part in PARTS:
        for layer, attention in enumerate(_attentions(reader, part)):
            yield part, layer, attention


def _hidden(reader: Reader, change: Change) -> Bool[Tensor, " t"]:
    """Which of the encoder's tokens are masked; a summary token is none of them."""
    rows, columns = reader.model.grid
    patches = torch.zeros(rows, columns, dtype=torch.bool)
    for row, column in change.masked:
        patches[row, column] = True
    front = reader.model.encoder.summary is not None
    return nn.functional.pad(patches.flatten(), (int(front), 0)).to(reader.model.device)


def _changed_strip(model: ModelSettings, reading: Reading, change: Change) -> np.ndarray:
    strip = reading.strip.copy()
    if change.move is not None:
        digit, dx, dy = change.move
        left, top, right, bottom = _pixels_of_digit(reading, digit)
        lifted = np.zeros_like(strip)
        lifted[top:bottom, left:right] = strip[top:bottom, left:right]
        strip[top:bottom, left:right] = 0
        strip = np.maximum(strip, _shifted(lifted, dx, dy))
    for row, column in change.erased:
        y, x = row * model.stride, column * model.stride
        strip[y : y + model.patch_size, x : x + model.patch_size] = 0
    return strip


def _shifted(strip: np.ndarray, dx: int, dy: int) -> np.ndarray:
    """The pixels dx further right and dy further down; what leaves the strip is gone."""
    height, width = strip.shape
    shifted = np.zeros_like(strip)
    shifted[max(dy, 0) : height + min(dy, 0), max(dx, 0) : width + min(dx, 0)] = strip[
        max(-dy, 0) : height - max(dy, 0), max(-dx, 0) : width - max(dx, 0)
    ]
    return shifted


def _pixels_of_digit(reading: Reading, digit: int) -> tuple[int, int, int, int]:
    """The digit's box on the strip in whole pixels: left, top, right and bottom."""
    height, width = reading.strip.shape
    left, top, right, bottom = box_on_strip(reading.digits[digit].box, reading)
    first = max(int(np.floor(left)), 0), max(int(np.floor(top)), 0)
    return *first, min(int(np.ceil(right)), width), min(int(np.ceil(bottom)), height)


def _kept(changed: Reader, answer: Reading, before: Reading) -> tuple[float, ...]:
    """The probabilities of the digits that were read before; where others are read now, by feeding those in."""
    if answer.text == before.text:
        return tuple(digit.probability for digit in answer.digits)
    values = [digit.value for digit in before.digits]
    model = changed.model
    seen = torch.from_numpy(answer.strip)[None, None].to(model.device)
    with torch.inference_mode():
        output = model(seen, torch.tensor([[model.vocabulary.sos, *values]], device=model.device))
        probabilities = (output.logits[0] / changed.calibration).softmax(-1)
    return tuple(probabilities[step, value].item() for step, value in enumerate(values))


def _check(reader: Reader, reading: Reading, change: Change) -> None:
    if reading.attention is None:
        raise ValueError(
            "the reading has no attention: read a picture with ink on it, and with_attention=True"
        )
    rows, columns = reader.model.grid
    for name in ("erased", "masked"):
        for row, column in getattr(change, name):
            if not (0 <= row < rows and 0 <= column < columns):
                raise ValueError(
                    f"{name} patch (row {row}, column {column}) does not exist; choose rows 0 to {rows - 1} and "
                    f"columns 0 to {columns - 1}"
                )
    if len(change.masked) == rows * columns:
        raise ValueError(f"masked holds all {rows * columns} patches; leave the model one to look at")
    known = heads_of(reader)
    for head in change.off:
        if head not in known:
            parts = {part: len(_attentions(reader, part)) for part in PARTS if _attentions(reader, part)}
            raise ValueError(
                f"off names {head.part} layer {head.layer}, head {head.head}, which does not exist; this model has "
                f"{reader.settings.model.heads} heads in each of "
                + ", ".join(f"{count} layers ({part})" for part, count in parts.items())
                + ", counted from 0"
            )
    if not COLDEST <= change.temperature <= HOTTEST:
        raise ValueError(f"temperature ({change.temperature}) must lie between {COLDEST} and {HOTTEST}")
    if change.move is not None:
        _check_digit(reading, change.move.digit)
        height, width = reading.strip.shape
        if abs(change.move.dx) > width or abs(change.move.dy) > height:
            raise ValueError(
                f"move by ({change.move.dx}, {change.move.dy}) leads off the strip; keep dx within {width} and dy within {height}"
            )


def _check_digit(reading: Reading, digit: int) -> None:
    if not 0 <= digit < len(reading.digits):
        last = len(reading.digits) - 1
        raise ValueError(
            f"digit ({digit}) does not exist; choose one from 0 to {last}"
            if reading.digits
            else f"digit ({digit}) does not exist: no digit was read"
        )
