"""Teaches a model to read: canvases made on the fly, what there is to learn from them, and how well it reads those that it never learns from."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from core.config import CanvasSettings, RunSettings, TrainingSettings
from core.data.canvases.canvas import Canvases, make_canvases
from core.data.canvases.tiles import Finds, Tiles, on_device, tiles_for
from core.data.hands.folder import hands_folder
from core.data.hands.stock import Hands, load_hands
from core.data.mnist import Mnist, Split
from core.data.strip import strip
from core.model.checkpoint import Checkpoint, CheckpointError, Model, build
from core.model.device import autocast, chosen
from core.model.output import Output
from core.training.metrics import fit_calibration, joined, read_canvases, read_digits, score
from core.training.task import Judged
from core.training.watch import watch

_VALIDATION_SEED = 1 << 31  # training takes its seeds from below


@dataclass(frozen=True)
class ReadingTask:
    """A number or digit model learns to read. Nothing is made before it is needed."""

    settings: RunSettings
    mnist: Mnist
    finds: Finds | None = None
    """What the finder cut out, for the settings' `found_share` of canvases."""
    start: Checkpoint | None = None
    """Whose weights to begin with, instead of random ones; of the same model settings."""

    @property
    def source(self) -> dict[str, str | bool]:
        """The digits."""
        return {"data": self.mnist.checksum, "sample": self.mnist.is_sample}

    @property
    def weights(self) -> dict[str, float]:
        """Of where the model looks, and of where digits stand."""
        choices = self.settings.training
        return {"alignment": choices.alignment_weight, "boxes": choices.box_weight}

    def build(self) -> Model:
        """A fresh model, or one with the weights to start from. Raises `CheckpointError` where they do not fit."""
        model = build(self.settings)
        if self.start is not None:
            try:
                if self.start.settings.model != self.settings.model:
                    raise ValueError("its model settings differ")
                model.load_state_dict(self.start.model.state_dict())
            except (ValueError, RuntimeError) as error:  # learned positions also depend on the canvas
                raise CheckpointError(
                    "the checkpoint to start from does not fit these settings; train with the same model settings, or without it"
                ) from error
        return model

    def is_inner(self, name: str) -> bool:
        """Those of the layers of encoder and decoder."""
        return ".layers." in name

    def losses(self, model: Model, seed: int) -> dict[str, Float[Tensor, ""]]:
        """Of canvases of that seed."""
        choices = self.settings.training
        batch = make_canvases(self._learned, self.settings.canvas, choices.batch_size, seed=seed)
        return losses(model, batch, choices)

    def judge(self, model: Model) -> Judged:
        """Greedy reading of canvases that are the same every time, half of them clean and half as hard as in training."""
        settings, tiles = self.settings, self._judged
        half = settings.training.validation_canvases // 2
        readings = {
            name: read_canvases(
                model, tiles, at_difficulty(settings.canvas, difficulty), half, _VALIDATION_SEED
            )
            for name, difficulty in (("clean", 0.0), ("camera", settings.canvas.difficulty))
        }
        scores = {name: score(reading).exact_match for name, reading in readings.items()}
        if tiles.hands is not None and tiles.hands.pens and settings.canvas.hands_share:
            in_hands = at_difficulty(settings.canvas, settings.canvas.difficulty).model_copy(
                update={"hands_share": 1.0}
            )
            readings["hands"] = read_canvases(model, tiles, in_hands, half, _VALIDATION_SEED)
            scores["hands"] = score(readings["hands"]).exact_match
        scores["score"] = sum(scores.values()) / len(scores)
        if settings.model.kind == "digit":
            digits = read_digits(model, self.mnist.split("validation"), settings.canvas)
            scores["mnist"] = score(digits).exact_match
            scores["score"] = (scores["mnist"] + scores["camera"] / 10) / 1.1
        scores["calibration"] = fit_calibration(joined(list(readings.values())))
        return Judged(scores, watch(model, tiles, settings.canvas))

    @cached_property
    def _learned(self) -> Tiles:
        return on_device(replace(self._tiles("train"), finds=self.finds), self._device)

    @cached_property
    def _judged(self) -> Tiles:
        return on_device(self._tiles("validation"), self._device)

    def _tiles(self, split: Split) -> Tiles:
        canvas = self.settings.canvas
        return tiles_for(canvas, self.mnist.split(split), hands_of(canvas, split))

    @property
    def _device(self) -> torch.device:
        return chosen(self.settings.training.device)


def hands_of(canvas: CanvasSettings, split: Split) -> Hands | None:
    """The hands that these canvases ask for; None where they ask for none."""
    return load_hands(hands_folder(), split) if canvas.wants_hands else None


def losses(model: Model, batch: Canvases, choices: TrainingSettings) -> dict[str, Float[Tensor, ""]]:
    """What there is to learn from a batch: the reading, and for the number model where it looks and where digits stand."""
    strips = strip(batch.pictures, batch.extents)
    tokens = model.vocabulary.targets(batch.labels, batch.lengths)[:, : model.steps]
    fed = model.vocabulary.decoder_inputs(tokens)
    with autocast(model.device, choices.precision):
        output = model(strips, fed, with_weights=True, encoder_weights=False)
    reading = F.cross_entropy(
        output.logits.flatten(0, 1),
        tokens.flatten(),
        ignore_index=model.vocabulary.pad,
        label_smoothing=choices.label_smoothing,
    )
    if output.boxes is None:
        return {"reading": reading}
    size = torch.tensor([strips.shape[3], strips.shape[2]] * 2, dtype=torch.float32, device=strips.device)
    return {"reading": reading, **_placing(output, output.boxes, batch, size, model.grid)}


def _placing(
    output: Output, boxes: Float[Tensor, "b q 4"], batch: Canvases, size: Tensor, grid: tuple[int, int]
) -> dict[str, Tensor]:
    """How far the cross-attention strays from each digit's true box, and the predicted box from the true one."""
    longest = batch.labels.shape[1]
    is_digit = torch.arange(longest, device=batch.lengths.device) < batch.lengths[:, None]
    is_digit &= batch.boxes[..., 2] > 0  # of finds no boxes are known
    true = (batch.boxes / size)[is_digit]
    if not len(true):
        return {}
    inside = (2 * cover(true, grid)).clamp(max=1)  # a patch that a digit covers by half counts as inside
    mass = (output.attentions.cross[-1].mean(1)[:, :longest][is_digit] * inside).sum(1)
    return {
        "alignment": -(mass + 1e-3).log().mean(),
        "boxes": F.smooth_l1_loss(boxes[:, :longest][is_digit], true, beta=0.02),
    }


def cover(boxes: Float[Tensor, "m 4"], grid: tuple[int, int]) -> Float[Tensor, "m t"]:
    """Share of each patch, row by row, that each box covers; boxes are left, top, right, bottom as shares of the strip."""
    rows, columns = grid

    def overlap(low: Tensor, high: Tensor, cells: int) -> Tensor:
        edges = torch.arange(cells + 1, device=boxes.device) / cells
        return (torch.minimum(high[:, None], edges[1:]) - torch.maximum(low[:, None], edges[:-1])).clamp(
            min=0
        ) * cells

    across, down = overlap(boxes[:, 0], boxes[:, 2], columns), overlap(boxes[:, 1], boxes[:, 3], rows)
    return (down[:, :, None] * across[:, None, :]).flatten(1)


def at_difficulty(canvas: CanvasSettings, difficulty: float) -> CanvasSettings:
    """The same canvases at another difficulty, to measure on: MNIST's digits alone."""
    return canvas.of_mnist_alone().model_copy(update={"difficulty": difficulty})
