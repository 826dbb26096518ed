"""What optimisers remember, as named tensors for a safetensors file, and back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor


def optimizer_tensors(optimizers: Sequence[torch.optim.Optimizer]) -> dict[str, Tensor]:
    """Each memory of each parameter as `optimizer.NUMBER.PARAMETER.NAME`. The settings are not among them: whoever goes on knows them."""
    return {
        f"optimizer.{number}.{index}.{name}": value
        for number, optimizer in enumerate(optimizers)
        for index, memory in optimizer.state_dict()["state"].items()
        for name, value in memory.items()
    }


def restore_optimizers(optimizers: Sequence[torch.optim.Optimizer], tensors: Mapping[str, Tensor]) -> None:
    """Put back what `optimizer_tensors` took out; other tensors are passed over."""
    for number, optimizer in enumerate(optimizers):
        memory: dict[int, dict[str, Tensor]] = {}
        for name, tensor in tensors.items():
            if name.startswith(f"optimizer.{number}."):
                _, _, index, slot = name.split(".")
                memory.setdefault(int(index), {})[slot] = tensor
        optimizer.load_state_dict({"state": memory, "param_groups": optimizer.state_dict()["param_groups"]})
