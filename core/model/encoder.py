"""The Vision Transformer's encoder: a vector for each patch of a strip (Dosovitskiy et al. 2021, arXiv:2010.11929)."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from itertools import pairwise
from typing import cast

import torch
from einops import rearrange
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval
from torch.nn.utils.memory_format import convert_conv2d_weight_memory_format

from core.config import ModelSettings
from core.model.attention import ACTIVATIONS, Attention, FeedForward, sincos_positions


class Stem(nn.Module, ABC):
    """How pixels become a vector for each patch."""

    @abstractmethod
    def forward(self, strip: Float[Tensor, "b 1 h w"]) -> Float[Tensor, "b d rows columns"]:
        """A vector for each patch."""

    def fold_norms(self) -> None:
        """Make it faster for reading alone; where there are no norms there is nothing to do."""


class PatchStem(Stem):
    """One linear map of each patch, as in the first ViT; patches may overlap."""

    def __init__(self, settings: ModelSettings) -> None:
        super().__init__()
        self.project = nn.Conv2d(1, settings.dim, settings.patch_size, settings.stride)

    def forward(self, strip: Float[Tensor, "b 1 h w"]) -> Float[Tensor, "b d rows columns"]:
        """A vector for each patch."""
        return self.project(strip)


class ConvStem(Stem):
    """A few strided 3x3 convolutions, which train faster and better than one linear map (Xiao et al. 2021, arXiv:2106.14881)."""

    def __init__(self, settings: ModelSettings) -> None:
        super().__init__()
        halvings = settings.patch_size.bit_length() - 1
        stages = [min(settings.stem_width << stage, settings.dim) for stage in range(halvings - 1)]
        widths, strides = [1], []
        for width in stages:
            widths += [width] * settings.stem_depth
            strides += [2] + [1] * (settings.stem_depth - 1)
        widths, strides = [*widths, settings.dim], [*strides, 2]
        self.activation = ACTIVATIONS[settings.activation]
        self.convolutions = nn.ModuleList(
            nn.Conv2d(before, after, 3, stride=stride, padding=1, bias=False)
            for (before, after), stride in zip(pairwise(widths), strides, strict=True)
        )
        self.norms = nn.ModuleList(nn.BatchNorm2d(width) for width in widths[1:])
        self.project = nn.Conv2d(settings.dim, settings.dim, 1)

    def forward(self, strip: Float[Tensor, "b 1 h w"]) -> Float[Tensor, "b d rows columns"]:
        """A vector for each patch."""
        x = strip
        for convolution, norm in zip(self.convolutions, self.norms, strict=True):
            x = self.activation(norm(convolution(x)))
        return self.project(x)

    def fold_norms(self) -> None:
        """Work each norm into the convolution before it: the same answers, sooner, but nothing more can be learned.

        With channels last in memory one strip takes the stem a quarter less time.
        """
        self.convolutions = nn.ModuleList(
            fuse_conv_bn_eval(cast(nn.Conv2d, convolution), cast(nn.BatchNorm2d, norm))
            for convolution, norm in zip(self.convolutions, self.norms, strict=True)
        )
        self.norms = nn.ModuleList(nn.Identity() for _ in self.norms)
        convert_conv2d_weight_memory_format(self, torch.channels_last)


STEMS: dict[str, Callable[[ModelSettings], Stem]] = {"conv": ConvStem, "patch": PatchStem}
"""By the names of the setting `stem`."""


class EncoderLayer(nn.Module):
    """Self-attention and feed-forward, each behind a norm and around a residual (pre-norm)."""

    def __init__(self, settings: ModelSettings) -> None:
        super().__init__()
        self.attention_norm = nn.LayerNorm(settings.dim)
        self.attention = Attention(settings)
        self.ffn_norm = nn.LayerNorm(settings.dim)
        self.ffn = FeedForward(settings)
        self.dropout = nn.Dropout(settings.dropout)

    def forward(
        self, x: Float[Tensor, "b t d"], *, with_weights: bool = False
    ) -> tuple[Float[Tensor, "b t d"], Float[Tensor, "b heads t t"] | None]:
        """The tokens after the layer, and its attention if asked."""
        normed = self.attention_norm(x)
        change, weights = self.attention(
            normed, self.attention.keys_values(normed), with_weights=with_weights
        )
        x = x + self.dropout(change)
        return x + self.dropout(self.ffn(self.ffn_norm(x))), weights


class Encoder(nn.Module):
    """Patches, positions and layers; `summary` puts one learned token in front that belongs to no patch."""

    def __init__(self, settings: ModelSettings, height: int, width: int, *, summary: bool = False) -> None:
        super().__init__()
        self.grid = settings.grid(height, width)
        self.stem = STEMS[settings.stem](settings)
        self.summary = nn.Parameter(0.02 * torch.randn(1, 1, settings.dim)) if summary else None
        rows, columns = self.grid
        if settings.positions == "learned":
            self.positions = nn.Parameter(0.02 * torch.randn(rows * columns, settings.dim))
        else:
            half = settings.dim // 2
            row = sincos_positions(rows, half).repeat_interleave(columns, dim=0)
            column = sincos_positions(columns, half).repeat(rows, 1)
            self.register_buffer("positions", torch.cat([row, column], dim=1), persistent=False)
        self.dropout = nn.Dropout(settings.dropout)
        self.layers = nn.ModuleList(EncoderLayer(settings) for _ in range(settings.encoder_layers))
        self.norm = nn.LayerNorm(settings.dim)

    def forward(
        self, strip: Float[Tensor, "b 1 h w"], *, with_weights: bool = False
    ) -> tuple[Float[Tensor, "b t d"], list[Float[Tensor, "b heads t t"]]]:
        """A vector for each token (the summary first, if there is one; then patches, row by row), and each layer's attention if asked."""
        x = rearrange(self.stem(strip), "b d rows columns -> b (rows columns) d") + self.positions
        if self.summary is not None:
            x = torch.cat([self.summary.expand(len(x), -1, -1), x], dim=1)
        x = self.dropout(x)
        attention = []
        for layer in self.layers:
            x, weights = layer(x, with_weights=with_weights)
            if weights is not None:
                attention.append(weights)
        return self.norm(x), attention

    def fold_norms(self) -> None:
        """Make the stem faster for reading alone."""
        self.stem.fold_norms()
