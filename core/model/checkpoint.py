"""Keeps a model and its settings in one safetensors file. Loading a file can never run code.

The settings and what is known of the training are JSON in the file's header, so weights and settings cannot part.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, get_args

import safetensors
import torch
from safetensors.torch import save
from torch import Tensor

from core.config import Kind, RunSettings, SettingsError, validated
from core.errors import PlainError
from core.files import whole
from core.model.digit_vit import DigitViT
from core.model.number_transformer import NumberTransformer

FORMAT = "handwritten-numbers/1"
BUNDLED = Path(__file__).resolve().parents[2] / "checkpoints"
"""The folder of the checkpoints that come with the repository."""

Model = NumberTransformer | DigitViT


class CheckpointError(PlainError):
    """A checkpoint that cannot be read or written; the message names the file and the mend."""


@dataclass(frozen=True)
class Checkpoint:
    """A model ready for use, and where it comes from."""

    model: Model
    """In evaluation mode."""
    settings: RunSettings
    about: dict[str, Any] = field(default_factory=dict)
    """What the training noted: step, scores, `calibration`, and the like."""

    @property
    def calibration(self) -> float:
        """The temperature of the probabilities; 1 where the training noted none."""
        return float(self.about.get("calibration", 1.0))


def build(settings: RunSettings) -> Model:
    """A fresh model that reads, of these settings; its weights follow torch's random state."""
    kind = NumberTransformer if settings.model.kind == "number" else DigitViT
    return kind(settings.model, settings.canvas)


def save_checkpoint(path: Path, checkpoint: Checkpoint) -> None:
    """Write the file whole or not at all. Raises `CheckpointError`; what was there before then survives."""
    save_model(path, checkpoint.model, checkpoint.settings, checkpoint.about)


def save_model(path: Path, model: torch.nn.Module, settings: RunSettings, about: Mapping[str, Any]) -> None:
    """The same for a model that may be of any kind."""
    header = {"settings": settings.model_dump_json(), "about": json.dumps(about)}
    write_tensors(path, model.state_dict(), header)


def load_checkpoint(path: Path) -> Checkpoint:
    """A model that reads from its file. Raises `CheckpointError` where it is missing, truncated, not ours, or a finder's."""
    tensors, header = read_tensors(path)
    if _kind(header) == "finder":
        raise CheckpointError(
            f"{path} holds a finder, which sees where numbers stand and reads none; choose the checkpoint of a model that reads"
        )
    try:
        settings = validated(RunSettings, json.loads(header["settings"]), source=str(path))
        about = json.loads(header["about"])
    except (KeyError, ValueError, SettingsError) as error:
        raise CheckpointError(
            f"{path} holds no settings of ours ({error}); choose a checkpoint that this project saved"
        ) from error
    model = build(settings)
    try:
        model.load_state_dict(tensors)
    except RuntimeError as error:
        raise CheckpointError(
            f"the weights in {path} do not fit its settings; train it anew or take another copy"
        ) from error
    return Checkpoint(model.eval(), settings, about)


def kind_of(path: Path) -> Kind:
    """Which model a file holds. Raises `CheckpointError` where it is none of ours."""
    _, header = read_tensors(path)
    for kind in get_args(Kind):
        if kind == _kind(header):
            return kind
    raise CheckpointError(
        f"{path} does not say which model it holds; choose a checkpoint that this project saved"
    )


def _kind(header: Mapping[str, str]) -> object:
    """As the settings say; finders of before they had any say it themselves."""
    try:
        return header.get("kind") or json.loads(header["settings"])["model"]["kind"]
    except (KeyError, ValueError, TypeError):
        return None


def write_tensors(path: Path, tensors: dict[str, Tensor], header: dict[str, str]) -> None:
    """A safetensors file with a JSON header, written beside its place and moved there when it is complete."""
    data = save(
        {name: tensor.detach().contiguous() for name, tensor in tensors.items()}, {"format": FORMAT, **header}
    )
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with whole(path) as file:
            file.write(data)
    except OSError as error:
        raise CheckpointError(
            f"could not save {path}: {error.strerror or error}; free some space or choose another folder "
            "(what was saved there before is unharmed)"
        ) from error


def read_tensors(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """The tensors and the header of one of our files. Raises `CheckpointError`."""
    if not path.is_file():
        raise CheckpointError(
            f"there is no checkpoint at {path}; check the path, or train one with `python -m core train`"
        )
    try:
        with safetensors.safe_open(path, framework="pt") as file:
            header = file.metadata() or {}
            names = file.keys()
            tensors = {name: file.get_tensor(name) for name in names}
    except (safetensors.SafetensorError, OSError) as error:
        raise CheckpointError(
            f"{path} is not a whole safetensors file ({error}); it may be truncated or of another kind: take a fresh copy"
        ) from error
    if header.get("format") != FORMAT:
        raise CheckpointError(
            f"{path} is not a checkpoint of this project (format {header.get('format')!r}, expected {FORMAT!r}); "
            "choose one that this project saved"
        )
    return tensors, header


def parameter_count(model: torch.nn.Module) -> int:
    """How many numbers training sets."""
    return sum(parameter.numel() for parameter in model.parameters())
