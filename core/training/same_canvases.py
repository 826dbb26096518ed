"""Compares the checkpoints of several runs on the same validation canvases: right or wrong, by length, by what the camera did."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from core.config import CanvasSettings, RunSettings
from core.data.canvases.canvas import Canvases, make_canvases
from core.data.canvases.effects import EFFECTS, place_of
from core.data.canvases.tiles import digit_tiles
from core.data.mnist import Digits
from core.data.strip import fit, strip
from core.model.checkpoint import Checkpoint
from core.training.metrics import read_strips

CLEAN, CAMERA = "clean", "camera"
KINDS = (CLEAN, CAMERA, *EFFECTS)
"""What was done to a canvas: nothing, what a camera does by chance, or one effect alone at full strength."""

_SEED = (1 << 31) + 4242
_TOGETHER = 250


@dataclass(frozen=True)
class SameCanvases:
    """Canvases that several models read."""

    pictures: UInt8[np.ndarray, "n h w"]
    """Gray, as the camera saw them."""
    extents: Float[np.ndarray, "n 2"]
    """First column that shows something, and the first behind it that does not."""
    boxes: Float[np.ndarray, "n 4"]
    """Left, top, right, bottom of the number's ink."""
    truths: list[str]
    kinds: list[str]
    """Of `KINDS`."""

    def part(self, some: slice) -> SameCanvases:
        """Some of them."""
        return SameCanvases(
            self.pictures[some], self.extents[some], self.boxes[some], self.truths[some], self.kinds[some]
        )


@dataclass(frozen=True)
class Answers:
    """What one model read on them."""

    texts: list[str]
    probabilities: list[float]
    """Of each whole reading, calibrated."""


def joined(parts: Sequence[Answers]) -> Answers:
    """Answers on parts of the canvases as answers on all of them."""
    return Answers(
        [text for part in parts for text in part.texts],
        [probability for part in parts for probability in part.probabilities],
    )


def lengths_for(settings: Sequence[RunSettings]) -> tuple[int, int]:
    """Fewest and most digits that all of these models learned to read; of models with nothing in common, most is the fewest."""
    fewest = max(one.canvas.min_digits for one in settings)
    return fewest, max(min(one.canvas.max_digits for one in settings), fewest)


def same_canvases(
    digits: Digits, settings: CanvasSettings, lengths: tuple[int, int], *, count: int, each: int
) -> SameCanvases:
    """`count` canvases clean and as many of a camera, and `each` of every effect alone; the same at every call.

    Give it validation digits: choices are made on what these canvases show.
    """
    shown = {"min_digits": lengths[0], "max_digits": lengths[1], "empty_share": 0.0, "difficulty": 1.0}
    plain = settings.of_mnist_alone().model_copy(update=shown)
    tiles = digit_tiles(digits)
    parts: list[Canvases] = []
    kinds: list[str] = []
    for number, kind in enumerate(KINDS):
        size = count if kind in (CLEAN, CAMERA) else each
        strengths = None
        if kind != CAMERA:
            strengths = torch.zeros(size, len(EFFECTS))
            if kind != CLEAN:
                strengths[:, place_of(kind)] = 1.0
        parts.append(make_canvases(tiles, plain, size, _SEED + number, strengths=strengths))
        kinds += [kind] * size
    pictures = torch.cat([part.pictures[:, 0] for part in parts])
    truths = [text for part in parts for text in part.texts]
    return SameCanvases(
        (pictures * 255).round().to(torch.uint8).numpy(),
        torch.cat([part.extents for part in parts]).numpy(),
        torch.cat([_around(part) for part in parts]).numpy(),
        truths,
        kinds,
    )


def read_same(checkpoint: Checkpoint, canvases: SameCanvases) -> Answers:
    """Greedy readings. A model with strips of another size is shown the ink scaled to its own, as in a photo."""
    size = checkpoint.settings.canvas.height, checkpoint.settings.canvas.width
    parts = (slice(first, first + _TOGETHER) for first in range(0, len(canvases.truths), _TOGETHER))
    batches = ((_strips(canvases, some, size), canvases.truths[some]) for some in parts)
    readings = read_strips(checkpoint.model, batches)
    return Answers(readings.texts, readings.probabilities(checkpoint.calibration).tolist())


def _strips(canvases: SameCanvases, some: slice, size: tuple[int, int]) -> Tensor:
    pictures, extents = canvases.pictures[some], canvases.extents[some]
    if pictures.shape[1:] == size:
        return strip(torch.from_numpy(pictures)[:, None].float() / 255, torch.from_numpy(extents))
    fitted = [
        fit(picture, tuple(box), *size)
        for picture, box in zip(pictures, canvases.boxes[some].tolist(), strict=True)
    ]
    return strip(
        torch.from_numpy(np.stack([picture for picture, _, _ in fitted]))[:, None],
        torch.tensor([shown for _, shown, _ in fitted]),
    )


def _around(canvases: Canvases) -> Float[Tensor, "n 4"]:
    """The box around all digits of each canvas."""
    there = canvases.boxes[..., 2:3] > 0
    low = canvases.boxes[..., :2].masked_fill(~there, float("inf")).amin(1)
    high = canvases.boxes[..., 2:].masked_fill(~there, 0).amax(1)
    return torch.cat([low, high], 1)


def most_disputed(truths: Sequence[str], answers: Sequence[Answers]) -> list[int]:
    """Places of all canvases: first those where some are right and some wrong, then where all are wrong, then where all are right.

    Within each part the most different answers come first, then the surest errors.
    """

    def order(place: int) -> tuple[int, int, float]:
        texts = [one.texts[place] for one in answers]
        right = sum(text == truths[place] for text in texts)
        group = 0 if 0 < right < len(texts) else 1 if not right else 2
        wrong = [one.probabilities[place] for one in answers if one.texts[place] != truths[place]]
        return group, -len(set(texts)), -max(wrong, default=0.0)

    return sorted(range(len(truths)), key=order)


def shares(truths: Sequence[str], answers: Answers, groups: Sequence[str]) -> dict[str, float]:
    """Exact match within each group, 0 to 1; `groups` says of each canvas which one it belongs to."""
    right: Counter[str] = Counter()
    for truth, text, group in zip(truths, answers.texts, groups, strict=True):
        right[group] += truth == text
    total = Counter(groups)
    return {group: right[group] / total[group] for group in dict.fromkeys(groups)}


def mix_ups(truth: str, text: str) -> list[tuple[str, str]]:
    """What was read for each digit, by the alignment with the fewest errors; "" stands for a digit too many, or left out.

    >>> mix_ups("407", "47"), mix_ups("12", "72")
    ([('4', '4'), ('0', ''), ('7', '7')], [('1', '7'), ('2', '2')])
    """
    rows, columns = len(truth) + 1, len(text) + 1
    cost = [[row + column for column in range(columns)] for row in range(rows)]
    for row in range(1, rows):
        for column in range(1, columns):
            cost[row][column] = min(
                cost[row - 1][column] + 1,
                cost[row][column - 1] + 1,
                cost[row - 1][column - 1] + (truth[row - 1] != text[column - 1]),
            )
    row, column = rows - 1, columns - 1
    pairs = []
    while row or column:
        if (
            row
            and column
            and cost[row][column] == cost[row - 1][column - 1] + (truth[row - 1] != text[column - 1])
        ):
            row, column = row - 1, column - 1
            pairs.append((truth[row], text[column]))
        elif row and cost[row][column] == cost[row - 1][column] + 1:
            row -= 1
            pairs.append((truth[row], ""))
        else:
            column -= 1
            pairs.append(("", text[column]))
    return pairs[::-1]


def confusions(truths: Sequence[str], answers: Answers) -> dict[tuple[str, str], list[int]]:
    """For each true digit and what was read for it ("" is nothing), the canvases on which that happened."""
    found: dict[tuple[str, str], list[int]] = {}
    for place, (truth, text) in enumerate(zip(truths, answers.texts, strict=True)):
        for pair in dict.fromkeys(mix_ups(truth, text)):
            found.setdefault(pair, []).append(place)
    return found
