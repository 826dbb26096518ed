"""Estimates what a training would take: parameters, memory and time, measured on this machine in a few small steps."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.utils.memory_format import convert_conv2d_weight_memory_format

from core.config import RunSettings
from core.data.canvases.canvas import make_canvases
from core.data.canvases.tiles import digit_tiles, on_device
from core.data.mnist import Mnist
from core.data.scenes.targets import CELL, MAPS
from core.model.checkpoint import build, parameter_count
from core.model.device import autocast, chosen
from core.model.finder import Finder
from core.training import finding_task, reading_task

_Losses = Callable[[int], dict[str, Tensor]]  # of the batch of a seed

_AT_REST = 830 * 2**20  # bytes of the process before its first step: PyTorch, all of MNIST, the tiles
_FINDS = 420 * 2**20  # bytes of what was found in camera frames
_TRIED = 16  # canvases in a step that is timed
_VALIDATED = 0.3  # of the time to learn from a canvas: to read one
_JUDGED = 1.2  # of the time to learn from a window: to find what is in a whole scene


@dataclass(frozen=True)
class Estimate:
    """What a training would take; an estimate, not a promise."""

    parameters: int
    memory: int
    """Bytes of the whole process."""
    seconds_per_step: float
    seconds: float
    """Of the whole training, validation included."""


def estimate(settings: RunSettings, mnist: Mnist) -> Estimate:
    """Take three small steps and count; digits of the sample will do. With one thread, other work on the machine does not count."""
    choices = settings.training
    size = min(_TRIED, choices.batch_size)
    threads = torch.get_num_threads()
    random = torch.get_rng_state()
    torch.set_num_threads(choices.threads)
    device = chosen(choices.device)
    alone = choices.threads == 1 and device.type == "cpu"
    clock = time.thread_time if alone else time.perf_counter
    try:
        model, losses = (
            _finding(settings, size) if settings.model.kind == "finder" else _reading(settings, mnist, size)
        )
        model.train().to(device)
        kept = _Kept()
        times = []
        for number in range(3):
            begun = clock()
            with torch.autograd.graph.saved_tensors_hooks(kept.add if number == 0 else _same, _same):
                loss = sum(losses(number).values(), torch.zeros((), device=device))
            loss.backward()
            loss.item()  # a GPU is waited for
            times.append(clock() - begun)
    finally:
        torch.set_num_threads(threads)
        torch.set_rng_state(random)
    parameters = parameter_count(model)
    per_step = min(times) * choices.batch_size / size
    judged = _JUDGED if settings.model.kind == "finder" else _VALIDATED
    validation = choices.epochs * choices.validation_canvases * judged * per_step / choices.batch_size
    memory = _AT_REST + 16 * parameters + 2 * kept.bytes * choices.batch_size // size
    memory += _FINDS if settings.canvas.found_share else 0
    return Estimate(parameters, memory, per_step, choices.steps * per_step + validation)


def _reading(settings: RunSettings, mnist: Mnist, size: int) -> tuple[nn.Module, _Losses]:
    """A model that reads, and what a batch of plain canvases teaches it."""
    plain = settings.canvas.of_mnist_alone().model_copy(update={"empty_share": 0.0})
    tiles = on_device(digit_tiles(mnist.split("validation")), chosen(settings.training.device))
    model = build(settings)
    return model, lambda seed: reading_task.losses(
        model, make_canvases(tiles, plain, size, seed), settings.training
    )


def _finding(settings: RunSettings, size: int) -> tuple[nn.Module, _Losses]:
    """A finder, and what windows without anything teach it; it takes no longer with something."""
    choices, device = settings.training, chosen(settings.training.device)
    height, width = finding_task.WINDOW
    finder = Finder()
    convert_conv2d_weight_memory_format(finder, torch.channels_last)
    targets = torch.zeros(size, MAPS, height // CELL, width // CELL, dtype=torch.uint8, device=device)

    def losses(seed: int) -> dict[str, Tensor]:
        with autocast(device, choices.precision):
            maps = finder(torch.rand(size, 1, height, width, device=device))
        return finding_task.losses(maps.float(), targets)

    return finder, losses


class _Kept:
    """How much memory the tensors take that wait for the way back, each counted once."""

    def __init__(self) -> None:
        self._sizes: dict[int, int] = {}

    @property
    def bytes(self) -> int:
        return sum(self._sizes.values())

    def add(self, tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        self._sizes[storage.data_ptr()] = storage.nbytes()
        return tensor


def _same(tensor: Tensor) -> Tensor:
    return tensor
