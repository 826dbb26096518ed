"""The training loop: learns batch by batch, and yields a record of each step and each epoch. Whoever iterates prints, logs or draws."""

from __future__ import annotations

import copy
import json
import math
import time
from collections.abc import Generator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Generic

import torch
from jaxtyping import Float
from torch import Tensor, nn

from core.config import RunSettings, TrainingSettings, validated
from core.errors import PlainError
from core.model.checkpoint import CheckpointError, read_tensors, save_model, write_tensors
from core.model.device import chosen
from core.training.lab import STATE
from core.training.optimizer_state import optimizer_tensors, restore_optimizers
from core.training.task import M, Task
from core.training.watch import Sighted, Watched

BEST = "best.safetensors"
"""In a run's folder: the checkpoint that validated best so far."""


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
    """Rows of `core.training.scores`; `score` is what is kept by."""
    is_best: bool
    seconds: float
    """Length of the training so far, earlier sittings included."""
    watched: Watched | Sighted
    """A few pictures, the same in every epoch, as the model sees them now."""


def fit(task: Task[M], folder: Path, *, resume: bool = False) -> Generator[Step | Epoch, None, None]:
    """Train, and yield a record for each step and epoch. `folder` receives `STATE` and `BEST`.

    Every batch follows from the seed and its step alone, so a training that was cut off anywhere goes on from its last
    saved state to the same bits. Closing the iterator saves the state at the step that was reached; an error in the
    middle of a step does not, or half a step would be taken for a whole one.
    Raises `CheckpointError` where there is nothing to resume, where there is something and `resume` is false, and where
    what is there was trained with other settings or on other data, and `TrainingDiverged`.
    """
    settings = task.settings
    choices = settings.training
    check_folder(folder, resume=resume)
    folder.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(choices.threads)
    torch.manual_seed(choices.seed)
    learner = _Learner(task, task.build().train().to(chosen(choices.device)))
    progress = _Progress()
    header = {"settings": settings.model_dump_json(), "data": str(task.source["data"])}
    if resume:
        progress = _load_state(folder / STATE, header, learner)
    started = time.perf_counter() - progress.seconds

    try:
        while progress.epoch < choices.epochs:
            epochs, rest = divmod(progress.step, choices.steps_per_epoch)
            if not rest and progress.epoch < epochs:
                epoch = _validate(task, learner.shown, progress)
                progress.epoch = epoch.epoch
                if epoch.is_best:
                    progress.best = epoch.scores["score"]
                    about = {"epoch": epoch.epoch, "step": epoch.step, "validation": epoch.scores}
                    about |= {name: epoch.scores[name] for name in ("calibration",) if name in epoch.scores}
                    about |= {"seconds": round(epoch.seconds), **task.source}
                    save_model(folder / BEST, learner.shown, settings, about)
                yield epoch
                continue
            begun = time.perf_counter()
            torch.manual_seed(_seed(progress.step, choices))  # what dropout draws
            rate = _schedule(progress.step, choices)
            loss, parts = _learn(task, learner, progress.step, rate)
            if not math.isfinite(loss):
                raise TrainingDiverged(
                    f"the loss is {loss} at step {progress.step + 1}; train with a lower learning_rate "
                    f"({choices.learning_rate}) or muon_learning_rate ({choices.muon_learning_rate})"
                )
            progress.step += 1
            progress.seconds = time.perf_counter() - started
            if progress.step % choices.save_every == 0:
                _save_state(folder / STATE, header, learner, progress)
            yield Step(progress.step, loss, parts, rate, time.perf_counter() - begun)
    except GeneratorExit:
        _save_state(folder / STATE, header, learner, progress)
        raise
    _save_state(folder / STATE, header, learner, progress)


def check_folder(folder: Path, *, resume: bool) -> None:
    """Raises `CheckpointError` where there is a training that one does not want to resume, or none that one does."""
    there = (folder / STATE).exists()
    if there and not resume:
        raise CheckpointError(
            f"{folder} already holds a training; pass --resume to go on with it, or choose another folder"
        )


@dataclass
class _Progress:
    """How far a training has come."""

    step: int = 0
    epoch: int = 0
    """The last epoch that was validated; a training can be cut off between an epoch's last step and its validation."""
    best: float = -1.0
    seconds: float = 0.0


class _Learner(Generic[M]):
    """A model, what moves its weights, and the mean of its weights so far, if one is kept."""

    def __init__(self, task: Task[M], model: M) -> None:
        choices = task.settings.training
        self.model = model
        self.optimizers, self._matrices = _optimizers(task, model)
        self._clip, self._average = choices.gradient_clip, choices.average
        self.mean = copy.deepcopy(model) if choices.average else None

    @property
    def shown(self) -> M:
        """What is judged and kept."""
        return self.model if self.mean is None else self.mean

    def parts(self) -> dict[str, M]:
        """By name what has weights to be saved."""
        return {"model": self.model} | ({} if self.mean is None else {"mean": self.mean})

    def move(self, loss: Float[Tensor, ""], step: int, rate: float) -> None:
        """Take a step down, at that share of the peak rates."""
        self.model.zero_grad(set_to_none=True)
        for optimizer in self.optimizers:
            for group in optimizer.param_groups:
                group["lr"] = group["peak"] * rate
        torch.autograd.backward(loss)
        nn.utils.clip_grad_norm_(self.model.parameters(), self._clip)
        for matrix, weight in self._matrices:
            matrix.grad = None if weight.grad is None else _as_matrix(weight.grad)
        for optimizer in self.optimizers:
            optimizer.step()
        if self.mean is not None:
            _follow(self.mean, self.model, min(self._average, (step + 1) / (step + 50)))


def _learn(task: Task[M], learner: _Learner[M], step: int, rate: float) -> tuple[float, dict[str, float]]:
    """One batch: made, answered, compared, learned from."""
    terms = task.losses(learner.model, _seed(step, task.settings.training))
    first, *others = (task.weights.get(name, 1.0) * term for name, term in terms.items())
    loss = sum(others, first)
    learner.move(loss, step, rate)
    total, *parts = torch.stack([loss.detach(), *(term.detach() for term in terms.values())]).tolist()
    return total, dict(zip(terms, parts, strict=True))


def _optimizers(
    task: Task[M], model: M
) -> tuple[list[torch.optim.Optimizer], list[tuple[nn.Parameter, nn.Parameter]]]:
    """Muon (Jordan et al. 2024) for the weights inside the model, AdamW (arXiv:1711.05101) for all the rest.

    Muon moves matrices; beside the optimisers stand those that are views of convolutions, each with its convolution.
    """
    choices = task.settings.training
    inner = [
        parameter
        for name, parameter in model.named_parameters()
        if choices.optimizer == "muon" and parameter.ndim >= 2 and task.is_inner(name)
    ]
    known = {id(parameter) for parameter in inner}
    others = [parameter for parameter in model.parameters() if id(parameter) not in known]
    matrices = {id(weight): nn.Parameter(_as_matrix(weight.data)) for weight in inner if weight.ndim > 2}
    decay = choices.weight_decay
    groups = [
        {"params": [parameter for parameter in others if parameter.ndim >= 2], "weight_decay": decay},
        {"params": [parameter for parameter in others if parameter.ndim < 2], "weight_decay": 0.0},
    ]
    optimizers: list[torch.optim.Optimizer] = [
        torch.optim.AdamW(groups, lr=choices.learning_rate, betas=(0.9, 0.98))
    ]
    if inner:
        optimizers.append(
            torch.optim.Muon(
                [matrices.get(id(weight), weight) for weight in inner],
                lr=choices.muon_learning_rate,
                momentum=0.95,
                nesterov=True,
                weight_decay=decay,
            )
        )
    for optimizer in optimizers:
        for group in optimizer.param_groups:
            group["peak"] = group["lr"]
    return optimizers, [(matrices[id(weight)], weight) for weight in inner if weight.ndim > 2]


def _as_matrix(weight: Float[Tensor, "out into h w"]) -> Float[Tensor, "out all"]:
    """A view of a convolution's weights, whose channels come last in memory."""
    return weight.permute(0, 2, 3, 1).view(len(weight), -1)


def _follow(mean: nn.Module, model: nn.Module, share: float) -> None:
    """Let the mean keep that share of itself, and take the rest from the model."""
    with torch.no_grad():
        for slow, fast in zip(mean.state_dict().values(), model.state_dict().values(), strict=True):
            if slow.is_floating_point():
                slow.lerp_(fast, 1 - share)
            else:
                slow.copy_(fast)


def _seed(step: int, choices: TrainingSettings) -> int:
    """Of all that is random in a step. torch's generators look at 32 bits of a seed, so it must differ in those."""
    return (choices.seed * 1_000_003 + step) % 2**32


def _schedule(step: int, choices: TrainingSettings) -> float:
    """Learning rate as a share of its peak: a rise, a plateau, a straight fall to zero."""
    warmup = min(choices.warmup_steps, choices.steps // 10)
    rise = (step + 1) / (warmup + 1)
    fall = (choices.steps - step) / max(choices.decay_share * choices.steps, 1)
    return min(rise, 1.0, fall)


def _validate(task: Task[M], model: M, progress: _Progress) -> Epoch:
    judged = task.judge(model)
    epoch = progress.step // task.settings.training.steps_per_epoch
    is_best = judged.scores["score"] > progress.best
    return Epoch(epoch, progress.step, judged.scores, is_best, progress.seconds, judged.watched)


def _save_state(path: Path, header: Mapping[str, str], learner: _Learner[M], progress: _Progress) -> None:
    """Weights and what the optimisers remember, as tensors; settings, data and how far it came, as the header."""
    tensors = {
        f"{part}.{name}": tensor
        for part, model in learner.parts().items()
        for name, tensor in model.state_dict().items()
    }
    tensors |= optimizer_tensors(learner.optimizers)
    write_tensors(path, tensors, {**header, "progress": json.dumps(asdict(progress))})


def _load_state(path: Path, expected: Mapping[str, str], learner: _Learner[M]) -> _Progress:
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
            f"{path} was trained on other digits or scenes; resume with the same (all of MNIST, or its sample with --sample)"
        )
    for part, model in learner.parts().items():
        own = {
            name.removeprefix(f"{part}."): tensor
            for name, tensor in tensors.items()
            if name.startswith(f"{part}.")
        }
        model.load_state_dict(own)  # copied, not replaced: Muon's matrices share the memory of the weights
    restore_optimizers(learner.optimizers, tensors)
    return progress
