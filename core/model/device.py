"""Chooses where a model computes, and with which precision."""

from __future__ import annotations

from typing import Literal

import torch

from core.config import SettingsError

Device = Literal["auto", "cpu", "cuda"]
Precision = Literal["auto", "float32", "bfloat16"]


def chosen(device: Device) -> torch.device:
    """The device of a setting: `auto` is a GPU where torch sees one. Raises `SettingsError` where there is none."""
    there = torch.cuda.is_available()
    if device == "cuda" and not there:
        raise SettingsError("device (cuda) needs a GPU, and torch sees none; choose auto or cpu")
    if device == "cpu" or not there:
        return torch.device("cpu")
    return torch.device("cuda", torch.cuda.current_device())


def autocast(device: torch.device, precision: Precision) -> torch.autocast:
    """A context in which convolutions and matrices are multiplied with that precision; `auto` is bfloat16 on a GPU alone."""
    on_gpu = precision == "auto" and device.type == "cuda"
    return torch.autocast(device.type, torch.bfloat16, enabled=on_gpu or precision == "bfloat16")
