"""Doubtful labels of digits, as a digit model sees them, and its accuracy with and without them.

Some labels of MNIST's test set are wrong. Northcutt, Athalye & Mueller 2021, "Pervasive Label Errors in Test Sets
Destabilize Machine Learning Benchmarks" (arXiv:2103.14749), had suspicious ones judged by five people each:
github.com/cleanlab/label-errors, mturk/mnist_mturk.json. `PUBLISHED` holds those for which fewer than three of the five
chose the given label.
"""

from __future__ import annotations

import csv
import io
from typing import Final, NamedTuple

import numpy as np
import torch
from jaxtyping import Bool, Float, Int, UInt8

from core.config import DIGITS
from core.data.mnist import Digits
from core.reading import Reader

NO_DIGIT: Final = len(DIGITS)
"""The answer behind the ten digits."""
_AGREED: Final = 3  # of five people


class LabelError(NamedTuple):
    """A label of MNIST's test set that most people do not confirm."""

    place: int
    """In the test set, counted from 0."""
    given: int
    """MNIST's label."""
    guessed: int
    """The label that the study proposed."""
    for_given: int
    """How many of five people chose the given label,"""
    for_guess: int
    """the proposed one,"""
    for_neither: int
    """or neither, or both."""

    @property
    def corrected(self) -> int | None:
        """The proposed label where at least three of the five chose it; None where no label is agreed on."""
        return self.guessed if self.for_guess >= _AGREED else None


PUBLISHED: Final = (
    LabelError(947, 8, 9, 0, 5, 0),
    LabelError(1621, 0, 6, 2, 3, 0),
    LabelError(1901, 9, 4, 2, 3, 0),
    LabelError(2130, 4, 9, 2, 2, 1),
    LabelError(2462, 2, 0, 0, 4, 1),
    LabelError(2597, 5, 3, 0, 4, 1),
    LabelError(2654, 6, 1, 0, 2, 3),
    LabelError(3520, 6, 4, 2, 0, 3),
    LabelError(3558, 5, 0, 1, 4, 0),
    LabelError(5937, 5, 3, 1, 3, 1),
    LabelError(6651, 0, 6, 0, 5, 0),
    LabelError(6783, 1, 6, 2, 3, 0),
    LabelError(8527, 4, 9, 2, 2, 1),
    LabelError(9679, 6, 3, 2, 0, 3),
    LabelError(9729, 5, 6, 2, 3, 0),
)

HALVES: Final = {"places 0 to 4,999": slice(0, 5_000), "places 5,000 to 9,999": slice(5_000, 10_000)}
"""MNIST's test digits by where they come from: one half from each of NIST's two collections, by other people."""


class Share(NamedTuple):
    """How many of how many."""

    right: int
    of: int

    @property
    def accuracy(self) -> float:
        """0 to 1."""
        return self.right / self.of if self.of else 0.0


def opinions(reader: Reader, vectors: Float[np.ndarray, "n d"]) -> Float[np.ndarray, "n 11"]:
    """Calibrated probability of the ten digits and of "no digit", any sign included, for each vector of `embedding.embedded`.

    Raises `ValueError` for a reader of numbers: it tells digits from strips, and not from one vector.
    """
    if reader.settings.model.kind != "digit":
        raise ValueError(f"kind ({reader.settings.model.kind}) must be digit; give a reader of single digits")
    with torch.inference_mode():
        logits = reader.model.classify(torch.from_numpy(vectors).to(reader.model.device)).cpu()
        shares = (logits / reader.calibration).softmax(-1).numpy()
    return np.concatenate([shares[:, :NO_DIGIT], shares[:, NO_DIGIT:].sum(1, keepdims=True)], 1)


def name(answer: int) -> str:
    """What a person reads for an answer."""
    return "no digit" if answer == NO_DIGIT else str(answer)


def hardest(probabilities: Float[np.ndarray, "n 11"], count: int) -> Int[np.ndarray, " k"]:
    """Places of the digits of which the model is least sure, whatever their label; the least sure first."""
    return np.argsort(probabilities.max(1), kind="stable")[:count]


def against(
    probabilities: Float[np.ndarray, "n 11"], labels: UInt8[np.ndarray, " n"], at_least: float
) -> Int[np.ndarray, " k"]:
    """Places where the model is at least so sure (0 to 1) of something else than the label; the surest first."""
    sure = probabilities.max(1)
    found = np.flatnonzero((probabilities.argmax(1) != labels) & (sure >= at_least))
    return found[np.argsort(-sure[found], kind="stable")]


def agreement(answers: Int[np.ndarray, " n"], labels: UInt8[np.ndarray, " n"]) -> Share:
    """How many answers are the label."""
    return Share(int((answers == labels).sum()), len(labels))


def agreement_corrected(answers: Int[np.ndarray, " n"], test: Digits) -> Share:
    """The same on MNIST's test set with the published corrections; digits without an agreed label are left out.

    Raises `ValueError` as `corrected_labels`.
    """
    labels, agreed = corrected_labels(test)
    return agreement(answers[agreed], labels[agreed])


def corrected_labels(test: Digits) -> tuple[UInt8[np.ndarray, " n"], Bool[np.ndarray, " n"]]:
    """MNIST's test labels with those of `PUBLISHED` corrected, and on which digits there is a label to agree with.

    Raises `ValueError` where these digits are not MNIST's test set in its own order.
    """
    if len(test) <= PUBLISHED[-1].place or any(test.labels[one.place] != one.given for one in PUBLISHED):
        raise ValueError(
            f"test ({len(test)} digits) is not MNIST's test set in its own order; fetch all of MNIST"
        )
    labels, agreed = test.labels.copy(), np.ones(len(test), bool)
    for one in PUBLISHED:
        if one.corrected is None:
            agreed[one.place] = False
        else:
            labels[one.place] = one.corrected
    return labels, agreed


def as_csv(
    places: Int[np.ndarray, " k"],
    labels: UInt8[np.ndarray, " n"],
    probabilities: Float[np.ndarray, "n 11"],
    *,
    published: bool,
) -> str:
    """A table of these digits for other programs; `published` says whether they are MNIST's test set, as `PUBLISHED` is."""
    listed = {one.place: one for one in PUBLISHED} if published else {}
    file = io.StringIO()
    table = csv.writer(file, lineterminator="\n")
    table.writerow(["place", "label", "read", "probability", "probability_of_label", "published_guess"])
    for place in places.tolist():
        sure = probabilities[place]
        answer, label = int(sure.argmax()), int(labels[place])
        guess = listed[place].guessed if place in listed else ""
        table.writerow([place, label, name(answer), f"{sure[answer]:.6f}", f"{sure[label]:.6f}", guess])
    return file.getvalue()
