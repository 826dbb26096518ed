"""The training loop: learns batch by batch, and yields a record of each step and each epoch. Whoever iterates prints, logs or draws."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Generator
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from core.config import CanvasSettings, RunSettings, TrainingSettings, validated
from core.data.canvases.canvas import Canvases, make_canvases
from core.data.canvases.tiles import Finds, Tiles, on_device, tiles_for
from core.data.hands.folder import hands_folder
from core.data.hands.stock import Hands, load_hands
from core.data.mnist import Mnist, Split
from core.data.strip import strip
from core.errors import PlainError
from core.model.checkpoint import (
    Checkpoint,
    CheckpointError,
    Model,
    build,
    read_tensors,
    save_checkpoint,
    write_tensors,
)
from core.model.device import autocast, chosen
from core.model.output import Output
from core.training.lab import STATE
from core.training.metrics import fit_calibration, joined, read_canvases, read_digits, score
from core.training.optimizer_state import optimizer_tensors, restore_optimizers
from core.training.watch import Watched, watch

BEST = "best.safetensors"
"""In a run's folder: the checkpoint that validated best so far."""

_VALIDATION_SEED = 1 << 31  # training takes its seeds from below


class TrainingDiverged(PlainError):
    """The loss is no longer a number; what was kept as the best so far is unharmed."""


@dataclass(frozen=True)
class Step:
    """One batch was learned."""

    step: int
    loss: float
    parts: dict[str, float]
    """The loss by its terms, before their weights."""
    rate: float
    """The learning rate as a share of its peak."""
    seconds: float
    """How long the step took, generation included."""


@dataclass(frozen=True)
class Epoch:
    """One epoch is over and was validated."""

    epoch: int
    step: int
    scores: dict[str, float]
    """clean and camera exact match (0 to 1), and for the digit model its MNIST accuracy; `score` is what is kept by."""
    is_best: bool
    seconds: float
    """Length of the training so far, earlier sittings included."""
    watched: Watched
    """A few canvases, the same in every epoch, as they are read now."""


def fit(
    settings: RunSettings,
    mnist: Mnist,
    folder: Path,
    *,
    start: Checkpoint | None = None,
    resume: bool = False,
    finds: Finds | None = None,
) -> Generator[Step | Epoch, None, None]:
    """Train, and yield a record for each step and epoch. `folder` receives `STATE` and `BEST`.

    `finds` are shown on the settings' `found_share` of canvases.
    With `start` the model begins with the weights of a checkpoint of the same model settings, not with random ones.

    Every batch follows from the seed and its step alone, so a training that was cut off anywhere goes on from its last
    saved state to the same bits. Closing the iterator saves the state at the step that was reached; an error in the
    middle of a step does not, or half a step would be taken for a whole one.
    Raises `CheckpointError` where there is nothing to resume, where there is something and `resume` is false, and where
    what is there was trained with other settings or on other digits, and `TrainingDiverged`.
    """
    choices = settings.training
    check_folder(folder, resume=resume)
    folder.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(choices.threads)
    torch.manual_seed(choices.seed)
    device = chosen(choices.device)
    model = build(settings).train().to(device)
    optimizers = _optimizers(model, choices)
    progress = _Progress()
    header = {"settings": settings.model_dump_json(), "data": mnist.checksum}
    if resume:
        progress = _load_state(folder / STATE, header, model, optimizers)
    elif start is not None:
        _begin_with(model, settings, start)
    canvas = settings.canvas
    learn = tiles_for(canvas, mnist.split("train"), hands_of(canvas, "train"))
    check = tiles_for(canvas, mnist.split("validation"), hands_of(canvas, "validation"))
    learn, check = on_device(replace(learn, finds=finds), device), on_device(check, device)
    started = time.perf_counter() - progress.seconds

    try:
        while progress.epoch < choices.epochs:
            epochs, rest = divmod(progress.step, choices.steps_per_epoch)
            if not rest and progress.epoch < epochs:
                epoch = _validate(model, settings, check, mnist, progress)
                progress.epoch = epoch.epoch
                if epoch.is_best:
                    progress.best = epoch.scores["score"]
                    about = {"epoch": epoch.epoch, "step": epoch.step, "validation": epoch.scores}
                    about |= {"calibration": epoch.scores["calibration"], "seconds": round(epoch.seconds)}
                    about |= {"data": mnist.checksum, "sample": mnist.is_sample}
                    save_checkpoint(folder / BEST, Checkpoint(model, settings, about))
                yield epoch
                continue
            begun = time.perf_counter()
            torch.manual_seed(_seed(progress.step, choices))  # what dropout draws
            rate = _schedule(progress.step, choices)
            loss, parts = _learn(model, optimizers, learn, settings, progress.step, rate)
            if not math.isfinite(loss):
                raise TrainingDiverged(
                    f"the loss is {loss} at step {progress.step + 1}; train with a lower learning_rate "
                    f"({choices.learning_rate}) or muon_learning_rate ({choices.muon_learning_rate})"
                )
            progress.step += 1
            progress.seconds = time.perf_counter() - started
            if progress.step % choices.save_every == 0:
                _save_state(folder / STATE, header, model, optimizers, progress)
            yield Step(progress.step, loss, parts, rate, time.perf_counter() - begun)
    except GeneratorExit:
        _save_state(folder / STATE, header, model, optimizers, progress)
        raise
    _save_state(folder / STATE, header, model, optimizers, progress)


def hands_of(canvas: CanvasSettings, split: Split) -> Hands | None:
    """The hands that these canvases ask for; None where they ask for none."""
    return load_hands(hands_folder(), split) if canvas.wants_hands else None


def check_folder(folder: Path, *, resume: bool) -> None:
    """Raises `CheckpointError` where there is a training that one does not want to resume, or none that one does."""
    there = (folder / STATE).exists()
    if there and not resume:
        raise CheckpointError(
            f"{folder} already holds a training; pass --resume to go on with it, or choose another folder"
        )


def _begin_with(model: Model, settings: RunSettings, start: Checkpoint) -> None:
    """Give the model the weights of a checkpoint. Raises `CheckpointError` where they do not fit."""
    try:
        if start.settings.model != settings.model:
            raise ValueError("its model settings differ")
        model.load_state_dict(start.model.state_dict())
    except (ValueError, RuntimeError) as error:  # learned positions also depend on the canvas
        raise CheckpointError(
            "the checkpoint to start from does not fit these settings; train with the same model settings, or without it"
        ) from error


@dataclass
class _Progress:
    """How far a training has come."""

    step: int = 0
    epoch: int = 0
    """The last epoch that was validated; a training can be cut off between an epoch's last step and its validation."""
    best: float = -1.0
    seconds: float = 0.0


def _learn(
    model: Model,
    optimizers: list[torch.optim.Optimizer],
    tiles: Tiles,
    settings: RunSettings,
    step: int,
    rate: float,
) -> tuple[float, dict[str, float]]:
    """One batch: made, read, compared, learned from."""
    choices = settings.training
    batch = make_canvases(tiles, settings.canvas, choices.batch_size, seed=_seed(step, choices))
    terms = losses(model, batch, choices)
    weights = {"reading": 1.0, "alignment": choices.alignment_weight, "boxes": choices.box_weight}
    loss = sum((weights[name] * term for name, term in terms.items()), torch.zeros((), device=model.device))
    for optimizer in optimizers:
        optimizer.zero_grad(set_to_none=True)
        for group in optimizer.param_groups:
            group["lr"] = group["peak"] * rate
    loss.backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), choices.gradient_clip)
    for optimizer in optimizers:
        optimizer.step()
    total, *parts = torch.stack([loss.detach(), *(term.detach() for term in terms.values())]).tolist()
    return total, dict(zip(terms, parts, strict=True))


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


def _optimizers(model: Model, choices: TrainingSettings) -> list[torch.optim.Optimizer]:
    """Muon (Jordan et al. 2024) for the matrices inside the layers, AdamW (arXiv:1711.05101) for all the rest."""
    inner = {
        name
        for name, parameter in model.named_parameters()
        if choices.optimizer == "muon" and parameter.ndim == 2 and ".layers." in name
    }
    matrices = [parameter for name, parameter in model.named_parameters() if name in inner]
    others = [parameter for name, parameter in model.named_parameters() if name not in inner]
    decay = choices.weight_decay
    groups = [
        {"params": [parameter for parameter in others if parameter.ndim >= 2], "weight_decay": decay},
        {"params": [parameter for parameter in others if parameter.ndim < 2], "weight_decay": 0.0},
    ]
    optimizers: list[torch.optim.Optimizer] = [
        torch.optim.AdamW(groups, lr=choices.learning_rate, betas=(0.9, 0.98))
    ]
    if matrices:
        optimizers.append(
            torch.optim.Muon(
                matrices, lr=choices.muon_learning_rate, momentum=0.95, nesterov=True, weight_decay=decay
            )
        )
    for optimizer in optimizers:
        for group in optimizer.param_groups:
            group["peak"] = group["lr"]
    return optimizers


def _seed(step: int, choices: TrainingSettings) -> int:
    """Of all that is random in a step. torch's generators look at 32 bits of a seed, so it must differ in those."""
    return (choices.seed * 1_000_003 + step) % 2**32


def _schedule(step: int, choices: TrainingSettings) -> float:
    """Learning rate as a share of its peak: a rise, a plateau, a straight fall to zero."""
    warmup = min(choices.warmup_steps, choices.steps // 10)
    rise = (step + 1) / (warmup + 1)
    fall = (choices.steps - step) / max(choices.decay_share * choices.steps, 1)
    return min(rise, 1.0, fall)


def _validate(model: Model, settings: RunSettings, tiles: Tiles, mnist: Mnist, progress: _Progress) -> Epoch:
    """Greedy reading of canvases that are the same every time, half of them clean and half as hard as in training."""
    half = settings.training.validation_canvases // 2
    readings = {
        name: read_canvases(model, tiles, at_difficulty(settings.canvas, difficulty), half, _VALIDATION_SEED)
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
        digits = read_digits(model, mnist.split("validation"), settings.canvas)
        scores["mnist"] = score(digits).exact_match
        scores["score"] = (scores["mnist"] + scores["camera"] / 10) / 1.1
    scores["calibration"] = fit_calibration(joined(list(readings.values())))
    epoch = progress.step // settings.training.steps_per_epoch
    watched = watch(model, tiles, settings.canvas)
    return Epoch(epoch, progress.step, scores, scores["score"] > progress.best, progress.seconds, watched)


def at_difficulty(canvas: CanvasSettings, difficulty: float) -> CanvasSettings:
    """The same canvases at another difficulty, to measure on: MNIST's digits alone."""
    return canvas.of_mnist_alone().model_copy(update={"difficulty": difficulty})


def _save_state(
    path: Path,
    header: dict[str, str],
    model: Model,
    optimizers: list[torch.optim.Optimizer],
    progress: _Progress,
) -> None:
    """Weights and what the optimisers remember, as tensors; settings, data and how far it came, as the header."""
    tensors = {f"model.{name}": tensor for name, tensor in model.state_dict().items()}
    tensors |= optimizer_tensors(optimizers)
    write_tensors(path, tensors, {**header, "progress": json.dumps(asdict(progress))})


def _load_state(
    path: Path, expected: dict[str, str], model: Model, optimizers: list[torch.optim.Optimizer]
) -> _Progress:
    """Put everything back as `_save_state` found it. Raises `CheckpointError`."""
    tensors, header = read_tensors(path)
    try:
        progress = _Progress(**json.loads(header["progress"]))
        before = validated(RunSettings, json.loads(header["settings"]), source=str(path)).model_dump()
    except (KeyError, ValueError, TypeError) as error:
        raise CheckpointError(f"{path} holds no training of ours ({error}); choose another folder") from error
    now = json.loads(expected["settings"])
    changed = [
        f"{group}.{name} was {before[group][name]}, is {value}"
        for group, values in now.items()
        for name, value in values.items()
        if before[group][name] != value
    ]
    if changed:
        raise CheckpointError(
            f"{path} was trained with other settings ({'; '.join(changed)}); resume with those, or choose another folder"
        )
    if header.get("data", expected["data"]) != expected["data"]:
        raise CheckpointError(
            f"{path} was trained on other digits; resume with the same (all of MNIST, or its sample with --sample)"
        )
    model.load_state_dict(
        {name.removeprefix("model."): tensor for name, tensor in tensors.items() if name.startswith("model.")}
    )
    restore_optimizers(optimizers, tensors)
    return progress
