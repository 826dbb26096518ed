"""Sees where numbers stand: a small fully convolutional network over a gray picture of any size (after DBNet, arXiv:1911.08947, and EAST, arXiv:1704.03155)."""

from __future__ import annotations

from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.fusion import fuse_conv_bn_eval
from torch.nn.utils.memory_format import convert_conv2d_weight_memory_format

from core.model.checkpoint import BUNDLED, CheckpointError, kind_of, read_tensors

REDUCTION = 32
"""Height and width of what the finder sees are multiples of it."""

_WIDTHS = (16, 24, 32, 48, 56)
_NEAR = 9  # quarter pixels, odd: the neighbourhood whose contrast is made the same everywhere
_FAINT = 0.012  # of the full range: contrast below it is noise, and stays small


class _Block(nn.Module):
    """A 3x3 convolution, normed; around it a residual where the size stays."""

    def __init__(self, before: int, after: int, stride: int = 1) -> None:
        super().__init__()
        self.convolution: nn.Conv2d = nn.Conv2d(before, after, 3, stride, 1, bias=False)
        self.norm: nn.Module = nn.BatchNorm2d(after)
        self.residual = before == after and stride == 1

    def forward(self, x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b d rows columns"]:
        change = functional.relu(self.norm(self.convolution(x)))
        return x + change if self.residual else change


class Finder(nn.Module):
    """Five halvings, three merges back to a quarter of the size, and five maps."""

    def __init__(self) -> None:
        super().__init__()
        a, b, c, d, e = _WIDTHS
        self.stem = nn.Sequential(
            nn.Conv2d(2, a, 3, 2, 1), nn.ReLU()
        )  # a norm at half the size costs a fifth of the time
        self.quarter = _Block(a, b, 2)
        self.eighth = nn.Sequential(_Block(b, c, 2), _Block(c, c))
        self.sixteenth = nn.Sequential(_Block(c, d, 2), _Block(d, d))
        self.coarsest = nn.Sequential(_Block(d, e, 2), _Block(e, e))
        self.to_sixteenth = nn.Conv2d(e, d, 1)
        self.to_eighth = _Block(d, c)
        self.to_quarter = _Block(c, b)
        self.head = nn.Sequential(_Block(b, b), nn.Conv2d(b, 5, 1))
        with torch.no_grad():
            last = self.head[-1]
            assert isinstance(last, nn.Conv2d) and last.bias is not None
            last.bias.copy_(torch.tensor([-3.0, 0.0, 0.0, 1.0, 0.0]))

    def forward(self, gray: Float[Tensor, "b 1 h w"]) -> Float[Tensor, "b 5 rows columns"]:
        """Five maps of pictures, 0 to 1, a cell to four pixels: the log odds that a cell lies in the middle band of a number;
        of that number the height, the offset of its middle line and the direction, x and y, as `core.data.scenes.targets` means them.
        """
        quarter = self.quarter(self.stem(normalised(gray)))
        eighth = self.eighth(quarter)
        sixteenth = self.sixteenth(eighth)
        x = sixteenth + _doubled(self.to_sixteenth(self.coarsest(sixteenth)))
        x = eighth + _doubled(self.to_eighth(x))
        x = quarter + _doubled(self.to_quarter(x))
        return self.head(x)

    def fold_norms(self) -> None:
        """Work each norm into the convolution before it: the same answers, sooner, but nothing more can be learned."""
        for block in self.modules():
            if isinstance(block, _Block) and isinstance(block.norm, nn.BatchNorm2d):
                block.convolution = fuse_conv_bn_eval(block.convolution, block.norm)
                block.norm = nn.Identity()


def normalised(gray: Float[Tensor, "b 1 h w"]) -> Float[Tensor, "b 2 h w"]:
    """The picture with the contrast of the whole, and with that of each neighbourhood, the same."""
    mean = gray.mean((2, 3), keepdim=True)
    spread = (gray - mean).square().mean((2, 3), keepdim=True).sqrt()
    whole = (gray - mean) / (spread + _FAINT)
    small = functional.avg_pool2d(gray, 4)
    near = functional.avg_pool2d(small, _NEAR, 1, _NEAR // 2, count_include_pad=False)
    squares = functional.avg_pool2d(
        functional.avg_pool2d(gray.square(), 4), _NEAR, 1, _NEAR // 2, count_include_pad=False
    )
    deviation = (squares - near.square()).clamp(min=0).sqrt()
    size = gray.shape[2:]
    near, deviation = (functional.interpolate(each, size, mode="bilinear") for each in (near, deviation))
    return torch.cat([whole, (gray - near) / (deviation + _FAINT)], 1)


def _doubled(x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c rows columns"]:
    return functional.interpolate(x, scale_factor=2.0, mode="nearest")


def load_finder(path: Path = BUNDLED / "finder.safetensors", *, to_learn: bool = False) -> Finder:
    """The finder of a file, by default the bundled one: ready for use, or with its norms, to learn on. Raises `CheckpointError`."""
    kind = kind_of(path)
    if kind != "finder":
        raise CheckpointError(f"{path} holds no finder but a {kind} model; choose another file")
    tensors, _ = read_tensors(path)
    finder = Finder()
    try:
        finder.load_state_dict(tensors)
    except RuntimeError as error:
        raise CheckpointError(f"the weights in {path} do not fit the finder; train it anew") from error
    finder.eval()
    if not to_learn:
        finder.fold_norms()
    convert_conv2d_weight_memory_format(finder, torch.channels_last)
    return finder
