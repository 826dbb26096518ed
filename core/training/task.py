"""What a training teaches, as a value: the engine takes the steps, and asks a task for everything that is of its own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol, TypeVar, runtime_checkable

from torch import Tensor, nn

from core.config import RunSettings
from core.training.watch import Sighted, Watched

M = TypeVar("M", bound=nn.Module)


@dataclass(frozen=True)
class Judged:
    """How good a model is after an epoch."""

    scores: dict[str, float]
    """Rows of `core.training.scores`; the best checkpoint is kept by `score`."""
    watched: Watched | Sighted
    """Of the same few pictures in every epoch, what the model makes of them now."""


@runtime_checkable
class Task(Protocol[M]):
    """A model, what it learns from, and how it is judged. Two tasks of the same settings and data teach the same bits."""

    @property
    def settings(self) -> RunSettings:
        """Of the whole training."""

    @property
    def source(self) -> dict[str, str | bool]:
        """What it learns from: `data`, a checksum without which no training goes on, and whether it is a `sample`."""

    @property
    def weights(self) -> Mapping[str, float]:
        """What each term of the loss counts; those that are not named count once."""

    def build(self) -> M:
        """The model as the training begins with it; what is random follows torch's random state."""

    def is_inner(self, name: str) -> bool:
        """Whether a weight of that name lies between the model's first layer and its last: Muon is for those."""

    def losses(self, model: M, seed: int) -> dict[str, Tensor]:
        """The terms of the loss on the batch of that seed."""

    def judge(self, model: M) -> Judged:
        """What the model can do by now; the model goes on as it was."""
