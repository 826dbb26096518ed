"""Reads canvases with a model, and scores what was read: exact match, digit accuracy, character error rate, calibration."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int, UInt8
from torch import Tensor

from core.config import CanvasSettings
from core.data.canvases.canvas import make_canvases
from core.data.canvases.tiles import SIDE, Tiles
from core.data.mnist import Digits
from core.data.strip import strip
from core.model.checkpoint import Model
from core.vocab import Vocabulary

BINS = 15
"""Bins of the expected calibration error."""


@dataclass(frozen=True)
class Readings:
    """Strings that were read, beside the true ones."""

    vocabulary: Vocabulary
    """What the tokens stand for."""
    texts: list[str]
    truths: list[str]
    logits: Float[Tensor, "n q classes"]
    """Of each position up to the longest reading; undefined behind a reading's end."""
    tokens: Int[Tensor, "n q"]
    """What was read, PAD behind its end."""
    attention: Float[Tensor, "n q rows columns"] | None = None
    """Where the model looked for each digit, the mean over the heads of the last layer; 0 behind a reading's end. None where it was not asked for."""

    @property
    def right(self) -> Bool[Tensor, " n"]:
        """Which were read without any error."""
        pairs = zip(self.texts, self.truths, strict=True)
        return torch.tensor([text == truth for text, truth in pairs], dtype=torch.bool)

    def probabilities(self, calibration: float = 1.0) -> Float[Tensor, " n"]:
        """Probability of each whole string with its logits divided by `calibration`."""
        return self.vocabulary.sequence_probability(self.logits, self.tokens, calibration)


@dataclass(frozen=True)
class Scores:
    """How well strings were read; shares are 0 to 1."""

    count: int
    exact_match: float
    """Share of the strings that were read without any error."""
    by_length: dict[int, float]
    """Exact match for each true length; length 0 is "nothing there" answered with nothing."""
    digit_accuracy: float | None
    """Share of the true digits that were read at their place; None where there were none."""
    character_error_rate: float | None
    """Edit distance over the number of true digits (Levenshtein 1966); None where there were none."""
    calibration_error: float
    """Expected calibration error of the strings' probabilities, 15 equal bins (Guo et al. 2017, arXiv:1706.04599)."""


def read_canvases(model: Model, tiles: Tiles, settings: CanvasSettings, count: int, seed: int) -> Readings:
    """`count` canvases, made from these tiles, read greedily."""
    made = (make_canvases(tiles, settings, size, seed + index) for index, size in enumerate(_batches(count)))
    return read_strips(model, ((strip(batch.pictures, batch.extents), batch.texts) for batch in made))


def read_digits(model: Model, digits: Digits, settings: CanvasSettings) -> Readings:
    """MNIST digits as they are, read greedily."""
    strips = digit_strips(digits, settings)
    return read_strips(model, ((some, [str(label) for label in labels]) for some, labels in strips))


def digit_strips(
    digits: Digits, settings: CanvasSettings
) -> Iterator[tuple[Float[Tensor, "b 1 h w"], UInt8[np.ndarray, " b"]]]:
    """Batches of MNIST digits as they are, in the middle of a strip, and their labels.

    They are scaled down where the strip is smaller than they are.
    """
    images = torch.from_numpy(digits.images)
    side = min(SIDE, settings.height, settings.width)
    left, top = (settings.width - side) // 2, (settings.height - side) // 2
    margins = (left, settings.width - side - left, top, settings.height - side - top)
    for start in range(0, len(images), 500):
        pictures = images[start : start + 500, None].float() / 255
        if side < SIDE:
            pictures = F.interpolate(pictures, size=(side, side), mode="area")
        yield strip(F.pad(pictures, margins)), digits.labels[start : start + 500]


def read_strips(
    model: Model,
    batches: Iterable[tuple[Float[Tensor, "b 1 h w"], list[str]]],
    *,
    with_attention: bool = False,
) -> Readings:
    """Batches of strips and what is written on them, read greedily. All that is scored or shown of many readings passes here."""
    was_training = model.training
    model.eval()
    with torch.inference_mode():
        parts = [_read(model, strips, truths, with_attention) for strips, truths in batches]
    model.train(was_training)
    return joined(parts)


def _read(
    model: Model, strips: Float[Tensor, "b 1 h w"], truths: list[str], with_attention: bool
) -> Readings:
    output = model.read(strips.to(model.device), with_weights=with_attention).cpu()
    texts = [model.vocabulary.decode(row) for row in output.tokens.tolist()]
    attention = None
    if with_attention:
        weights = output.attentions.cross[-1].mean(1).unflatten(-1, model.grid)
        ends = torch.tensor([len(text) for text in texts])
        behind = torch.arange(weights.shape[1]) >= ends[:, None]
        attention = weights.masked_fill(behind[..., None, None], 0.0)
    return Readings(model.vocabulary, texts, truths, output.logits, output.tokens, attention)


def joined(parts: Sequence[Readings]) -> Readings:
    """Several readings as one; with the attention if all of them have it."""
    longest = max(part.tokens.shape[1] for part in parts)

    def together(tensors: list[Tensor], value: int = 0) -> Tensor:
        room = [[0, 0] * (one.ndim - 2) + [0, longest - one.shape[1]] for one in tensors]
        return torch.cat([F.pad(one, pad, value=value) for one, pad in zip(tensors, room, strict=True)])

    looked = [part.attention for part in parts if part.attention is not None]
    return Readings(
        parts[0].vocabulary,
        [text for part in parts for text in part.texts],
        [truth for part in parts for truth in part.truths],
        together([part.logits for part in parts]),
        together([part.tokens for part in parts], parts[0].vocabulary.pad),
        together(looked) if len(looked) == len(parts) else None,
    )


def score(readings: Readings, calibration: float = 1.0) -> Scores:
    """All scores of these readings, their probabilities calibrated by the temperature given."""
    right = readings.right
    lengths = torch.tensor([len(truth) for truth in readings.truths])
    pairs = list(zip(readings.texts, readings.truths, strict=True))
    digits = int(lengths.sum())
    in_place = sum(read == true for text, truth in pairs for read, true in zip(text, truth, strict=False))
    return Scores(
        count=len(pairs),
        exact_match=right.float().mean().item(),
        by_length={
            length: right[lengths == length].float().mean().item() for length in sorted(set(lengths.tolist()))
        },
        digit_accuracy=in_place / digits if digits else None,
        character_error_rate=sum(edit_distance(*pair) for pair in pairs) / digits if digits else None,
        calibration_error=expected_calibration_error(readings.probabilities(calibration), right),
    )


def edit_distance(first: str, second: str) -> int:
    """Fewest insertions, deletions and substitutions that turn one string into the other."""
    if first == second:
        return 0
    previous = list(range(len(second) + 1))
    for row, left in enumerate(first, 1):
        current = [row]
        for column, right in enumerate(second, 1):
            current.append(min(previous[column] + 1, current[-1] + 1, previous[column - 1] + (left != right)))
        previous = current
    return previous[-1]


def expected_calibration_error(probabilities: Float[Tensor, " n"], right: Tensor) -> float:
    """Mean distance between what was claimed and what came true, over equal bins weighted by their size."""
    bins = (probabilities * BINS).long().clamp(max=BINS - 1)
    gaps = torch.zeros(BINS).index_add(0, bins, probabilities - right.float())
    return gaps.abs().sum().item() / len(probabilities)


def fit_calibration(readings: Readings) -> float:
    """The temperature at which the strings' probabilities are likeliest to come true as claimed (Guo et al. 2017).

    Fitted to whole strings, right or wrong, by golden-section search over its logarithm.
    """
    right = readings.right.float()

    def surprise(log_temperature: float) -> float:
        claimed = readings.probabilities(math.exp(log_temperature)).clamp(1e-6, 1 - 1e-6)
        return F.binary_cross_entropy(claimed, right).item()

    low, high, ratio = math.log(0.2), math.log(5.0), (math.sqrt(5) - 1) / 2
    for _ in range(30):
        left, middle = high - ratio * (high - low), low + ratio * (high - low)
        if surprise(left) < surprise(middle):
            high = middle
        else:
            low = left
    return math.exp((low + high) / 2)


def _batches(count: int, size: int = 250) -> list[int]:
    return [size] * (count // size) + ([count % size] if count % size else [])
