"""Draws random numbers where a generator is: on the processor or on a GPU."""

from __future__ import annotations

import torch
from torch import Tensor


def rand(generator: torch.Generator, *shape: int) -> Tensor:
    """Uniform from 0 to 1."""
    return torch.rand(shape, generator=generator, device=generator.device)


def evenly(generator: torch.Generator, count: int, low: float, high: float, *rest: int) -> Tensor:
    """Uniform from low to high, for each of so many canvases."""
    return low + (high - low) * rand(generator, count, *rest)


def randn(generator: torch.Generator, *shape: int) -> Tensor:
    """Normal, with mean 0 and standard deviation 1."""
    return torch.randn(shape, generator=generator, device=generator.device)


def randint(generator: torch.Generator, low: int, high: int, *shape: int) -> Tensor:
    """Whole, from low to high, which is not among them."""
    return torch.randint(low, high, shape, generator=generator, device=generator.device)
