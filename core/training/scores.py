"""The table of what a training is measured by, from which log, run table, curves, sweeps and command line take it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal, get_args

from core.config import Kind

_READERS: Final[tuple[Kind, ...]] = ("number", "digit")


@dataclass(frozen=True)
class Score:
    """One of the values that a training notes."""

    label: str
    """What it is, as a heading says it."""
    of: str = ""
    """Of what, where several have the same label."""
    higher_is_better: bool | None = None
    """None: neither is."""
    is_share: bool = False
    """Whether it lies between 0 and 1, and is told in percent."""
    colour: str = ""
    """Of its curve among those of the same label; empty where it is none of those that are looked at first."""
    each: Literal["step", "epoch"] = "epoch"
    """When it is noted: in training, or when an epoch is validated."""
    kinds: tuple[Kind, ...] = get_args(Kind)
    """The models that have it."""

    @property
    def title(self) -> str:
        """Its label, and of what it is."""
        return f"{self.label}, {self.of}" if self.of else self.label

    def text(self, value: float, places: int = 2) -> str:
        """A value for people: in percent, or with two digits more than the places."""
        return f"{value:.{places}%}" if self.is_share else f"{value:.{places + 2}g}"

    def better(self, first: float, second: float) -> float:
        """The better one of two values; the later one where neither is better."""
        if self.higher_is_better is None:
            return second
        return max(first, second) if self.higher_is_better else min(first, second)


SCORES: Final = {
    "loss": Score("Loss", higher_is_better=False, each="step"),
    "clean": Score("Exact match", "clean canvases", True, is_share=True, colour="#129390", kinds=_READERS),
    "camera": Score(
        "Exact match", "camera-like canvases", True, is_share=True, colour="#d46b01", kinds=_READERS
    ),
    "mnist": Score("Exact match", "MNIST digits", True, is_share=True, colour="#6359d2", kinds=("digit",)),
    "recall": Score("Finding", "recall", True, is_share=True, colour="#129390", kinds=("finder",)),
    "precision": Score("Finding", "precision", True, is_share=True, colour="#d46b01", kinds=("finder",)),
    "f1": Score("Finding", "both (F1)", True, is_share=True, colour="#6359d2", kinds=("finder",)),
    "claimed": Score("Finding", "a number claimed where none is", False, is_share=True, kinds=("finder",)),
    "score": Score("Score", "what the best checkpoint is kept by", True, is_share=True),
    "learning_rate": Score("Learning rate", each="step"),
    "images_per_second": Score("Pictures a second", each="step"),
    "calibration": Score("Temperature of the probabilities", kinds=_READERS),
}
"""Each of them by its name in logs and stores. The engine works out those of an epoch, recording those of a step."""

VALIDATED: Final = {name: score for name, score in SCORES.items() if score.each == "epoch"}
"""Those that every epoch has."""
SHOWN_FIRST: Final = {name: score for name, score in SCORES.items() if score.colour}
"""Those that a training is judged by before anything else."""


def score_of(name: str) -> Score:
    """A row of `SCORES`, or what can be said of a value that is not ours: its name."""
    return SCORES.get(name) or Score(name)
