"""The stock of tiles that canvases are made of: digits, other symbols that are to be read, and what is nothing to be read.

Letters and scribbles pass through the same geometry as digits, so a model meets them at the same size, slant and
pen and has to tell them by their shape.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any, TypeVar

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from core.config import DIGITS, CanvasSettings
from core.data.canvases import negatives, printed, surroundings
from core.data.canvases.draws import rand
from core.data.canvases.penned import penned
from core.data.hands.stock import Hands
from core.data.mnist import Digits

SIDE = 28
"""Side of a tile in pixels, MNIST's own; a digit's longer side is 20 of them."""

_PENNED = 4000
_INK = 48  # a pixel at least this bright belongs to the stroke, not to its blur


@dataclass(frozen=True)
class Finds:
    """What the finder of numbers cut out of camera frames, at the strip's size and ready for `strip`: numbers, and what is none."""

    pictures: Float[Tensor, "n h w"]
    """Gray, 0 to 1."""
    extents: Float[Tensor, "n 2"]
    """First column that shows something, and the first behind it that does not."""
    labels: Int[Tensor, "n d"]
    """The digits from left to right; 0 beyond a number's length."""
    lengths: Int[Tensor, " n"]
    """How many digits; 0 where it is no number."""

    def draw(self, count: int, generator: torch.Generator) -> Int[Tensor, " m"]:
        """Indices of so many finds, numbers and others equally often: there are more of the others, and one would learn to see none."""
        if not count:
            return torch.zeros(0, dtype=torch.int64, device=generator.device)
        is_number = self.lengths > 0
        weights = torch.where(is_number, 1 / is_number.sum(), 1 / (~is_number).sum())
        return torch.multinomial(weights, count, replacement=True, generator=generator)


@dataclass(frozen=True)
class HandTable:
    """Which tiles are whose: a number is written in one hand, that of a writer with one pen, or a typeface."""

    firsts: Int[Tensor, "h 10"]
    """Of each hand and digit the first tile."""
    counts: Int[Tensor, "h 10"]
    """How many tiles follow one another there."""
    pens: int
    """How many hands, from the first, are writers'; the rest are faces."""
    letters: int
    """How many tiles, the last of all, are letters and signs of these hands."""
    numbers: Float[Tensor, "n 32 160"]
    """Ink of whole numbers, as people wrote them."""
    number_labels: Int[Tensor, "n d"]
    """Their digits from left to right; 0 beyond a number's length."""
    number_lengths: Int[Tensor, " n"]
    rows: Finds
    """Rows of photographed cells."""

    def draw(
        self, labels: Int[Tensor, "b n"], is_face: Bool[Tensor, " b"], generator: torch.Generator
    ) -> Int[Tensor, "b n"]:
        """Tiles of these digits, each row in one hand. A digit that a hand lacks becomes another one."""
        count = len(labels)
        chance = rand(generator, count)
        faces = len(self.firsts) - self.pens
        hand = torch.where(is_face, self.pens + chance * faces, chance * self.pens).long()[:, None]
        first, some = self.firsts[hand, labels], self.counts[hand, labels]
        return first + (rand(generator, *labels.shape) * some).long()


@dataclass(frozen=True)
class Tiles:
    """A stock of tiles: MNIST's digits, those drawn by rule, those of other hands, other symbols that are to be read, and what is nothing to be read."""

    images: Float[Tensor, "n 28 28"]
    """Ink, 0 (none) to 1 (full)."""
    labels: Int[Tensor, " n"]
    """The token of what the tile shows, or -1 where that is nothing to be read."""
    boxes: Float[Tensor, "n 4"]
    """Left, top, right and bottom of the ink in the tile, in pixels; of signs and letters, top and bottom of their line."""
    doodles: Float[Tensor, "m 32 160"]
    """Ink of drawings as long as a line of writing that are no number."""

    penned_count: int = 0
    """How many digits, behind MNIST's, are of `core.data.canvases.penned`."""
    handed_count: int = 0
    """How many digits, behind those, are of `core.data.hands`."""
    symbol_count: int = 0
    """How many tiles, behind all digits, are signs and letters that are to be read."""
    hands: HandTable | None = None
    finds: Finds | None = None
    """None where no frames were searched."""

    @property
    def digit_count(self) -> int:
        """How many tiles, from the first, are MNIST's digits."""
        return int((self.labels >= 0).sum()) - self.penned_count - self.handed_count - self.symbol_count


Stock = TypeVar("Stock", bound="Tiles | HandTable | Finds")


def on_device(stock: Stock, device: torch.device) -> Stock:
    """The same stock on a device; canvases are made where their tiles are."""
    parts = {one.name: getattr(stock, one.name) for one in fields(stock)}
    moved: dict[str, Any] = {
        name: part.to(device) for name, part in parts.items() if isinstance(part, Tensor)
    }
    moved |= {
        name: on_device(part, device) for name, part in parts.items() if isinstance(part, HandTable | Finds)
    }
    return replace(stock, **moved)


def tiles_for(canvas: CanvasSettings, digits: Digits, hands: Hands | None = None) -> Tiles:
    """The stock that canvases of these settings are made of; at once where they show nothing but MNIST's digits."""
    more = canvas.penned_share + canvas.empty_share or canvas.symbols != DIGITS or hands is not None
    return make_tiles(digits, hands, symbols=canvas.symbols) if more else digit_tiles(digits)


def make_tiles(
    digits: Digits, hands: Hands | None = None, *, symbols: str = DIGITS, unseen: bool = False
) -> Tiles:
    """The stock made of these digits, with those of other hands, and letters, scribbles, doodles and surroundings.

    `symbols` are the settings': what is behind the ten digits is to be read, and comes in print.
    What is no digit is that of training, or with `unseen` what no model has met: other letters, other kinds of scribble.
    """
    drawn, drawn_labels = penned(_PENNED, SIDE)
    others = negatives.small(SIDE, unseen=unseen, read=symbols)
    signs, places = printed.symbols(symbols.removeprefix(DIGITS), SIDE)
    lines = [negatives.doodles(unseen=unseen), surroundings.pieces(unseen=unseen)]
    images, labels = [digits.images, drawn], [digits.labels.astype(np.int64), drawn_labels]
    if hands is not None:
        images += [hands.pens.images, hands.faces.images]
        labels += [hands.pens.labels, hands.faces.labels]
        lines.append(hands.words)
    images += [signs, others]
    labels.append(places + len(DIGITS))
    if hands is not None:
        images.append(hands.letters)
    labels.append(np.full(sum(map(len, images)) - sum(map(len, labels)), -1))
    stock = _stock(
        np.concatenate(images), np.concatenate(labels), np.concatenate(lines), len(drawn), len(signs)
    )
    is_sign = (stock.labels >= len(DIGITS)).nonzero()[:, 0, None]
    stock.boxes[is_sign, torch.tensor([1, 3])] = torch.tensor(printed.line(SIDE))
    if hands is None:
        return stock
    handed = len(hands.pens.labels) + len(hands.faces.labels)
    return replace(stock, handed_count=handed, hands=_table(hands, len(digits) + len(drawn)))


def digit_tiles(digits: Digits) -> Tiles:
    """The stock of these digits alone, made at once: for canvases without an empty or a penned share."""
    none = np.zeros((0, negatives.DOODLE_HEIGHT, negatives.DOODLE_WIDTH), np.uint8)
    return _stock(digits.images, digits.labels.astype(np.int64), none)


def _stock(
    images: np.ndarray, labels: np.ndarray, doodles: np.ndarray, penned_count: int = 0, symbol_count: int = 0
) -> Tiles:
    boxes = torch.from_numpy(_ink_boxes(images))
    tensors = _as_ink(images), torch.from_numpy(labels), boxes, _as_ink(doodles)
    return Tiles(*tensors, penned_count=penned_count, symbol_count=symbol_count)


def _table(hands: Hands, start: int) -> HandTable:
    """Where among the tiles each hand's digits are; the first of all hands is at `start`."""
    firsts, counts = [], []
    for part in (hands.pens, hands.faces):
        for hand in range(int(part.hands.max(initial=-1)) + 1):
            theirs = np.flatnonzero(part.hands == hand)
            found = [theirs[part.labels[theirs] == digit] for digit in range(10)]
            known = [digit for digit in range(10) if len(found[digit])]
            chosen = [
                found[digit] if digit in known else found[known[digit % len(known)]] for digit in range(10)
            ]
            firsts.append([start + int(some[0]) for some in chosen])
            counts.append([len(some) for some in chosen])
        start += len(part.labels)
    labels, lengths = as_labels(hands.numbers.texts)
    row_labels, row_lengths = as_labels(hands.rows.texts)
    extents = torch.from_numpy(hands.rows.extents)
    rows = Finds(_as_ink(hands.rows.pictures), extents, row_labels, row_lengths)
    pens = int(hands.pens.hands.max(initial=-1)) + 1
    return HandTable(
        torch.tensor(firsts),
        torch.tensor(counts),
        pens,
        len(hands.letters),
        _as_ink(hands.numbers.pictures),
        labels,
        lengths,
        rows,
    )


def as_labels(texts: list[str]) -> tuple[Int[Tensor, "n d"], Int[Tensor, " n"]]:
    """The digits of each number, 0 beyond its length; and its length."""
    lengths = torch.tensor([len(text) for text in texts], dtype=torch.int64)
    labels = torch.zeros(len(texts), max(map(len, texts), default=1), dtype=torch.int64)
    for row, text in enumerate(texts):
        labels[row, : len(text)] = torch.tensor([int(digit) for digit in text], dtype=torch.int64)
    return labels, lengths


def _as_ink(images: np.ndarray) -> Tensor:
    return torch.from_numpy(images.astype(np.float32) / 255)


def _ink_boxes(images: np.ndarray) -> np.ndarray:
    """Left, top, right and bottom of the ink in each (n, 28, 28) uint8 tile, as (n, 4) float32."""
    ink = images >= _INK
    columns, rows = np.any(ink, axis=1), np.any(ink, axis=2)
    last_column, last_row = SIDE - columns[:, ::-1].argmax(1), SIDE - rows[:, ::-1].argmax(1)
    return np.stack([columns.argmax(1), rows.argmax(1), last_column, last_row], 1).astype(np.float32)
