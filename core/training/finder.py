"""Trains the finder on scenes that lie on disk; a training that was stopped goes on where it was."""

from __future__ import annotations

import copy
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor, nn
from torch.nn import functional

from core.data.scenes.store import Shelf
from core.data.scenes.targets import CELL, unpacked
from core.model.checkpoint import read_tensors, write_tensors
from core.model.finder import Finder
from core.training.optimizer_state import optimizer_tensors, restore_optimizers

_HARD, _FEWEST = 3, 2000  # negatives that count for each positive, and at least so many in a batch
_WARM_UP = 100
_WINDOW = (192, 224)  # pixels: what of a scene is learned from at once; most of it is far from any number
_AT_NUMBER = 0.75  # of the windows show a part of one, if there is any
_SAVE_EVERY = 500  # steps, so that a killed training loses a minute
_AVERAGED = 0.998  # of the weights so far stay in the mean at each step
_MUON, _ADAM, _DECAY = 0.02, 3e-3, 0.01


@dataclass(frozen=True)
class Step:
    """A step of the training, and the parts of its loss."""

    step: int
    band: float
    dice: float
    measures: float


def loss(
    maps: Float[Tensor, "b 5 rows columns"], targets: UInt8[Tensor, "b 5 rows columns"]
) -> tuple[Tensor, Tensor, Tensor]:
    """Of the band binary cross-entropy, on all positives and the hardest negatives, and dice; of the measures a robust distance."""
    band, wanted = maps[:, 0], targets[:, 0]
    yes, no = wanted == 1, wanted == 0
    measures = unpacked(targets)
    entropy = functional.binary_cross_entropy_with_logits(band, yes.float(), reduction="none")
    weight = torch.where(
        yes, (-0.5 * measures[:, 0]).exp2().clamp(0.5, 2.5), 0.0
    )  # small numbers have few cells
    against = entropy[no]
    hardest = against.topk(min(max(_HARD * int(yes.sum()), _FEWEST), len(against))).values
    entropy_mean = (entropy * weight).sum() / weight.sum().clamp(min=1) + hardest.mean()
    seen = torch.sigmoid(band) * (yes | no)
    total = (seen * torch.where(yes, weight, 1.0)).sum() + weight.sum()
    dice = 1 - 2 * (seen * weight).sum() / (total + 1)
    measured = targets[:, 1] > 0
    distance = functional.smooth_l1_loss(maps[:, 1:], measures, reduction="none", beta=0.2).sum(1)
    return entropy_mean, dice, (distance * measured).sum() / measured.sum().clamp(min=1)


def fit_finder(
    model: Finder, shelves: list[Shelf], *, steps: int, batch: int, seed: int, state: Path
) -> Generator[Step]:
    """Train in place, a record for each step. At the end, and wherever the caller stops, all is kept in `state`, from which the same
    call goes on; the model then has the mean of its late weights.

    The rate falls to nothing over the second half of the steps. Windows are drawn by `seed` and step, so scenes may still be added.
    """
    model.train().to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    optimizers, flat = _optimizers(model)
    mean = copy.deepcopy(model)
    done = _load_state(state, model, mean, optimizers) if state.exists() else 0
    try:
        for step in range(done, steps):
            rate = min((step + 1) / _WARM_UP, 1.0, 2 * (1 - step / steps))
            for optimizer, peak in zip(optimizers, (_MUON, _ADAM), strict=True):
                optimizer.param_groups[0]["lr"] = peak * rate
            pictures, targets = draw(shelves, batch, np.random.default_rng([seed, step]))
            with torch.autocast("cpu", torch.bfloat16):
                maps = model(pictures)
            parts = loss(maps.float(), targets)
            torch.stack(parts).sum().backward()  # type: ignore[no-untyped-call]
            nn.utils.clip_grad_norm_(model.parameters(), 2.0)
            for matrix, weight in flat:
                assert weight.grad is not None
                matrix.grad = _as_matrix(weight.grad)
            for optimizer in optimizers:
                optimizer.step()
            model.zero_grad()
            _follow(mean, model, min(_AVERAGED, (step + 1) / (step + 50)))
            done = step + 1
            if done % _SAVE_EVERY == 0:
                _save_state(state, model, mean, optimizers, done)
            yield Step(done, *(part.item() for part in parts))
    finally:
        _save_state(state, model, mean, optimizers, done)
    model.load_state_dict(mean.state_dict())


def draw(
    shelves: list[Shelf], batch: int, random: np.random.Generator
) -> tuple[Float[Tensor, "b 1 h w"], UInt8[Tensor, "b 5 rows columns"]]:
    """Windows of scenes, 0 to 1, and their answers."""
    ends = np.cumsum([len(shelf) for shelf in shelves])
    height, width = _WINDOW
    rows, columns = height // CELL, width // CELL
    pictures, targets = [], []
    for index in random.integers(ends[-1], size=batch).tolist():
        place = int(np.searchsorted(ends, index, side="right"))
        shelf, own = shelves[place], index - int(ends[place]) + len(shelves[place])
        answer = shelf.maps[own]
        last = np.array([answer.shape[1] - rows, answer.shape[2] - columns])
        corner = random.integers(0, last + 1)
        cells = np.argwhere(answer[0] == 1)
        if len(cells) and random.random() < _AT_NUMBER:
            corner = (random.choice(cells) - random.integers(8, (rows - 8, columns - 8))).clip(0, last)
        top, left = corner.tolist()
        targets.append(answer[:, top : top + rows, left : left + columns])
        top, left = CELL * top, CELL * left
        pictures.append(shelf.pictures[own, top : top + height, left : left + width])
    gray = torch.from_numpy(np.stack(pictures))[:, None].float() / 255
    return gray, torch.from_numpy(np.stack(targets))


def _optimizers(model: Finder) -> tuple[list[torch.optim.Optimizer], list[tuple[nn.Parameter, nn.Parameter]]]:
    """Muon (Jordan et al. 2024) for the convolutions between the first and the last, as matrices that share their memory; AdamW for the rest."""
    inner = [
        weight
        for name, weight in model.named_parameters()
        if weight.ndim == 4 and not name.startswith(("stem", "head.1"))
    ]
    chosen = {id(weight) for weight in inner}
    flat = [(nn.Parameter(_as_matrix(weight.data)), weight) for weight in inner]
    others = [weight for weight in model.parameters() if id(weight) not in chosen]
    return [
        torch.optim.Muon([matrix for matrix, _ in flat], lr=_MUON, momentum=0.95, weight_decay=_DECAY),
        torch.optim.AdamW(others, lr=_ADAM, betas=(0.9, 0.98), weight_decay=_DECAY),
    ], flat


def _as_matrix(weight: Float[Tensor, "out into h w"]) -> Float[Tensor, "out all"]:
    """A view of a weight whose channels come last in memory."""
    return weight.permute(0, 2, 3, 1).flatten(1)


def _follow(mean: Finder, model: Finder, share: float) -> None:
    with torch.no_grad():
        for slow, fast in zip(mean.state_dict().values(), model.state_dict().values(), strict=True):
            if slow.is_floating_point():
                slow.lerp_(fast, 1 - share)
            else:
                slow.copy_(fast)


def _save_state(
    state: Path, model: Finder, mean: Finder, optimizers: list[torch.optim.Optimizer], step: int
) -> None:
    tensors = {f"model.{name}": tensor for name, tensor in model.state_dict().items()}
    tensors |= {f"mean.{name}": tensor for name, tensor in mean.state_dict().items()}
    write_tensors(state, tensors | optimizer_tensors(optimizers), {"step": str(step)})


def _load_state(state: Path, model: Finder, mean: Finder, optimizers: list[torch.optim.Optimizer]) -> int:
    tensors, header = read_tensors(state)
    with torch.no_grad():  # copied, not replaced: Muon's matrices share the memory of the weights
        for of, name in ((model, "model"), (mean, "mean")):
            for key, value in of.state_dict().items():
                value.copy_(tensors[f"{name}.{key}"])
    restore_optimizers(optimizers, tensors)
    return int(header["step"])
