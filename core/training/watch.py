"""Keeps what a model makes of the same few pictures after every epoch: what it reads on canvases and where it looks, or what it sees in scenes."""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, Float16, Int, UInt8

from core.config import CanvasSettings
from core.data.canvases.canvas import make_canvases
from core.data.canvases.tiles import Tiles
from core.data.strip import strip
from core.files import whole
from core.model.checkpoint import Model
from core.training.metrics import read_strips

COUNT = 8
_SEED = (1 << 31) + 99


@dataclass(frozen=True)
class Watched:
    """The same canvases as in every epoch, as the model reads them after this one."""

    strips: UInt8[np.ndarray, "n h w"]
    """What the model sees; 0 is paper, 255 ink."""
    truths: list[str]
    texts: list[str]
    """What it reads; "" where it sees no number."""
    probabilities: Float[np.ndarray, " n"]
    """Of each whole reading, not calibrated."""
    attention: Float16[np.ndarray, "n d rows columns"]
    """Where it looks for each digit, the mean over the heads of the last layer; 0 behind a reading's end."""


@dataclass(frozen=True)
class Sighted:
    """The same scenes as in every epoch, as the finder sees them after this one."""

    pictures: UInt8[np.ndarray, "n h w"]
    """Gray."""
    heat: UInt8[np.ndarray, "n rows columns"]
    """How likely each cell lies in the middle band of a number; 255 is sure."""
    outlines: Float[np.ndarray, "m 4 2"]
    """Of each place that it sees."""
    scenes: Int[np.ndarray, " m"]
    """In which of the pictures that lies."""
    numbers: Int[np.ndarray, " n"]
    """How many there are in each picture."""
    seen: Int[np.ndarray, " n"]
    """And how many of those it sees."""


def watch(model: Model, tiles: Tiles, canvas: CanvasSettings) -> Watched:
    """Read `COUNT` canvases of these settings that are the same at every call, half of them clean."""
    halves = [
        make_canvases(tiles, canvas.model_copy(update={"difficulty": difficulty}), COUNT // 2, _SEED)
        for difficulty in (0.0, canvas.difficulty)
    ]
    strips = torch.cat([strip(half.pictures, half.extents) for half in halves])
    truths = [text for half in halves for text in half.texts]
    readings = read_strips(model, [(strips, truths)], with_attention=True)
    assert readings.attention is not None
    longest = max(map(len, readings.texts))
    return Watched(
        (strips[:, 0] * 255).round().to(torch.uint8).cpu().numpy(),
        truths,
        readings.texts,
        readings.probabilities().numpy(),
        readings.attention[:, :longest].numpy().astype(np.float16),
    )


def save_watched(folder: Path, epoch: int, watched: Watched | Sighted) -> None:
    """Keep it among the epochs in `folder`, whole or not at all."""
    folder.mkdir(parents=True, exist_ok=True)
    with whole(folder / f"{epoch:04d}.npz") as file:
        arrays = {name: np.asarray(value) for name, value in vars(watched).items()}
        np.savez_compressed(file, allow_pickle=False, **arrays)


def watched_epochs(folder: Path) -> list[int]:
    """Which epochs are kept in `folder`, in order."""
    return sorted(int(path.stem) for path in folder.glob("[0-9]*.npz"))


def load_watched(folder: Path, epoch: int) -> Watched | Sighted:
    """What `save_watched` kept. Raises OSError, ValueError or KeyError where there is no such epoch, or a broken one."""
    with np.load(folder / f"{epoch:04d}.npz", allow_pickle=False) as kept:
        if "heat" in kept:
            return Sighted(*(kept[each.name] for each in fields(Sighted)))
        return Watched(
            kept["strips"],
            kept["truths"].tolist(),
            kept["texts"].tolist(),
            kept["probabilities"],
            kept["attention"],
        )
