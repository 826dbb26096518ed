"""Attention and feed-forward layers; the attention between tokens is returned when asked for."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from core.config import ModelSettings

ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {"gelu": F.gelu, "relu": F.relu, "silu": F.silu}


class KeysValues(NamedTuple):
    """What attention looks up: keys and values of every token, for each head."""

    keys: Float[Tensor, "b heads t c"]
    values: Float[Tensor, "b heads t c"]


class Attention(nn.Module):
    """Multi-head scaled dot-product attention (Vaswani et al. 2017, arXiv:1706.03762), with a temperature.

    `keys_values` and `forward` are apart so that a decoder can keep what it has looked at (its cache).
    """

    def __init__(self, settings: ModelSettings) -> None:
        super().__init__()
        self.heads = settings.heads
        self.scale = 1 / (math.sqrt(settings.dim // settings.heads) * settings.temperature)
        self.dropout = settings.dropout
        self.query = nn.Linear(settings.dim, settings.dim)
        self.key_value = nn.Linear(settings.dim, 2 * settings.dim)
        self.output = nn.Linear(settings.dim, settings.dim)

    def keys_values(self, context: Float[Tensor, "b t d"]) -> KeysValues:
        """Keys and values of the tokens that are looked at."""
        keys, values = self.key_value(context).chunk(2, dim=-1)
        return KeysValues(self._by_head(keys), self._by_head(values))

    def forward(
        self,
        x: Float[Tensor, "b q d"],
        looked_at: KeysValues,
        *,
        causal: bool = False,
        with_weights: bool = False,
    ) -> tuple[Float[Tensor, "b q d"], Float[Tensor, "b heads q t"] | None]:
        """Each token's mixture of the values, and the weights of the mixture if asked (they sum to 1 over t).

        Without weights the fused kernel runs; with them the same sum is written out. `causal` hides what follows.
        """
        queries = self._by_head(self.query(x))
        # Mixed precision ends here: on a processor the float32 kernel of attention is many times the faster one.
        with torch.autocast(x.device.type, enabled=False):
            mixed, weights = self._mix(
                queries.float(),
                KeysValues(looked_at.keys.float(), looked_at.values.float()),
                causal=causal,
                with_weights=with_weights,
            )
        return self.output(mixed.transpose(1, 2).flatten(2)), weights

    def _mix(
        self,
        queries: Float[Tensor, "b heads q c"],
        looked_at: KeysValues,
        *,
        causal: bool,
        with_weights: bool,
    ) -> tuple[Float[Tensor, "b heads q c"], Float[Tensor, "b heads q t"] | None]:
        keys, values = looked_at
        dropout = self.dropout if self.training else 0.0
        if not with_weights:
            mixed = F.scaled_dot_product_attention(
                queries, keys, values, dropout_p=dropout, is_causal=causal, scale=self.scale
            )
            return mixed, None
        scores = queries @ keys.transpose(-2, -1) * self.scale
        if causal:
            later = torch.ones(scores.shape[-2:], dtype=torch.bool, device=scores.device).triu(1)
            scores = scores.masked_fill(later, -torch.inf)
        weights = scores.softmax(dim=-1)
        return F.dropout(weights, dropout, self.training) @ values, weights

    def _by_head(self, x: Float[Tensor, "b t d"]) -> Float[Tensor, "b heads t c"]:
        return x.unflatten(2, (self.heads, -1)).transpose(1, 2)


class FeedForward(nn.Module):
    """Two linear maps with a non-linearity between them, on each token alone."""

    def __init__(self, settings: ModelSettings) -> None:
        super().__init__()
        hidden = max(round(settings.dim * settings.ffn_ratio), 1)
        self.activation = ACTIVATIONS[settings.activation]
        self.expand = nn.Linear(settings.dim, hidden)
        self.contract = nn.Linear(hidden, settings.dim)

    def forward(self, x: Float[Tensor, "b t d"]) -> Float[Tensor, "b t d"]:
        """The change to each token."""
        return self.contract(self.activation(self.expand(x)))


def sincos_positions(length: int, dim: int) -> Float[Tensor, "n d"]:
    """Sine and cosine waves of `dim` / 2 wavelengths along one axis (Vaswani et al. 2017, section 3.5)."""
    frequency = 1000.0 ** (-torch.arange(dim // 2) / (dim // 2))
    phase = torch.arange(length)[:, None] * frequency
    return torch.cat([phase.sin(), phase.cos()], dim=1)
