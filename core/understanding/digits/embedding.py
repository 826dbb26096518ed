"""Vectors that a model has of digits, their map in two dimensions, and the nearest neighbours of a digit."""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int

from core.config import CanvasSettings
from core.data.mnist import Digits
from core.model.checkpoint import Model
from core.training.metrics import digit_strips

_SEED = 0


def pixels(digits: Digits) -> Float[np.ndarray, "n 784"]:
    """The digits as they are: each a vector of its pixels, 0 to 1, row by row."""
    return digits.images.reshape(len(digits), -1).astype(np.float32) / 255


def embedded(model: Model, digits: Digits, canvas: CanvasSettings) -> Iterator[Float[np.ndarray, "b d"]]:
    """The vector that a model has of each digit, batch by batch, so that whoever waits sees it go on.

    Of the digit model it is the summary token, from which the digit is told; of the number model, which has none, the
    mean of its encoder's tokens.
    """
    with torch.inference_mode():
        for strips, _ in digit_strips(digits, canvas):
            for some in strips.split(100):  # more at once does not fit the processor's cache, and is slower
                tokens, _ = model.encoder(some.to(model.device))
                whole = tokens[:, 0] if model.encoder.summary is not None else tokens.mean(1)
                yield whole.cpu().numpy()


def fingerprint(model: Model) -> str:
    """A checksum of all weights, so that what was computed with one model is not taken for another's."""
    digest = hashlib.sha256()
    for name, tensor in sorted(model.state_dict().items()):
        digest.update(name.encode())
        digest.update(tensor.contiguous().cpu().numpy().tobytes())
    return digest.hexdigest()


@dataclass(frozen=True)
class DigitMap:
    """Digits as points in the plane."""

    points: Float[np.ndarray, "n 2"]
    shares: tuple[float, ...]
    """Of all variance, what each of the two axes shows, 0 to 1; empty for a map that is no projection."""


def pca_map(vectors: Float[np.ndarray, "n d"]) -> DigitMap:
    """The two directions in which the vectors differ most (principal components, Pearson 1901).

    Signs are chosen such that each direction's largest entry is positive: the same vectors give the same map.
    """
    if len(vectors) < 2:
        raise ValueError(f"vectors ({len(vectors)}) are too few for a map; give at least 2")
    centred = torch.from_numpy(vectors - vectors.mean(0, dtype=np.float64).astype(np.float32))
    variances, directions = torch.linalg.eigh(centred.T @ centred / len(centred))
    two = directions[:, -2:].flip(1)
    largest = two.gather(0, two.abs().argmax(0, keepdim=True))
    shares = (variances[-2:].flip(0) / variances.sum().clamp(min=1e-12)).tolist()
    return DigitMap((centred @ (two * largest.sign())).numpy(), tuple(shares))


def has_umap() -> bool:
    """Whether the package `umap-learn` is installed."""
    return importlib.util.find_spec("umap") is not None


def umap_map(vectors: Float[np.ndarray, "n d"]) -> DigitMap:
    """A map that keeps neighbours together (UMAP; McInnes et al. 2018, arXiv:1802.03426), from a fixed seed.

    Raises `ModuleNotFoundError` where `has_umap` is False.
    """
    umap = importlib.import_module("umap")  # large, and only here if somebody wanted it
    points = umap.UMAP(random_state=_SEED, n_jobs=1).fit_transform(vectors)
    return DigitMap(np.asarray(points, np.float32), ())


def nearest(
    vectors: Float[np.ndarray, "n d"],
    of: Float[np.ndarray, " d"],
    count: int,
    *,
    leave_out: int | None = None,
) -> tuple[Int[np.ndarray, " k"], Float[np.ndarray, " k"]]:
    """Places of the `count` vectors nearest to one, nearest first, and their Euclidean distances.

    `leave_out` is the place of that one itself, where it is among them.
    """
    squares = ((vectors - of) ** 2).sum(1)
    if leave_out is not None:
        squares[leave_out] = np.inf
    count = min(count, len(vectors) - (leave_out is not None))
    found = np.argpartition(squares, count - 1)[:count]
    found = found[np.argsort(squares[found], kind="stable")]
    return found, np.sqrt(squares[found])
