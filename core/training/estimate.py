"""Estimates what a training would take: parameters, memory and time, measured on this machine in a few small steps."""

from __future__ import annotations

import time
from dataclasses import dataclass

import torch
from torch import Tensor

from core.config import RunSettings
from core.data.canvases.canvas import make_canvases
from core.data.canvases.tiles import digit_tiles, on_device
from core.data.mnist import Mnist
from core.model.checkpoint import build, parameter_count
from core.model.device import chosen
from core.training.reading_task import losses

_AT_REST = 830 * 2**20  # bytes of the process before its first step: PyTorch, all of MNIST, the tiles
_FINDS = 420 * 2**20  # bytes of what was found in camera frames
_TRIED = 16  # canvases in a step that is timed
_VALIDATED = 0.3  # of the time to learn from a canvas: to read one


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
    plain = settings.canvas.of_mnist_alone().model_copy(update={"empty_share": 0.0})
    tiles = digit_tiles(mnist.split("validation"))
    size = min(_TRIED, choices.batch_size)
    threads = torch.get_num_threads()
    random = torch.get_rng_state()
    torch.set_num_threads(choices.threads)
    device = chosen(choices.device)
    tiles = on_device(tiles, device)
    alone = choices.threads == 1 and device.type == "cpu"
    clock = time.thread_time if alone else time.perf_counter
    try:
        model = build(settings).train().to(device)
        kept = _Kept()
        times = []
        for number in range(3):
            begun = clock()
            batch = make_canvases(tiles, plain, size, number)
            with torch.autograd.graph.saved_tensors_hooks(kept.add if number == 0 else _same, _same):
                loss = sum(losses(model, batch, choices).values(), torch.zeros((), device=device))
            loss.backward()
            loss.item()  # a GPU is waited for
            times.append(clock() - begun)
    finally:
        torch.set_num_threads(threads)
        torch.set_rng_state(random)
    parameters = parameter_count(model)
    per_step = min(times) * choices.batch_size / size
    validation = choices.epochs * choices.validation_canvases * _VALIDATED * per_step / choices.batch_size
    memory = _AT_REST + 16 * parameters + 2 * kept.bytes * choices.batch_size // size
    memory += _FINDS if settings.canvas.found_share else 0
    return Estimate(parameters, memory, per_step, choices.steps * per_step + validation)


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
