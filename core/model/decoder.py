"""An autoregressive decoder with a cache: a vector for each next token, from what was read so far and the encoded patches."""

from __future__ import annotations

from typing import cast

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from core.config import ModelSettings
from core.model.attention import Attention, FeedForward, KeysValues, sincos_positions


class DecoderLayer(nn.Module):
    """Causal self-attention, cross-attention to the patches, feed-forward; each behind a norm and around a residual."""

    def __init__(self, settings: ModelSettings) -> None:
        super().__init__()
        self.self_norm = nn.LayerNorm(settings.dim)
        self.self_attention = Attention(settings)
        self.cross_norm = nn.LayerNorm(settings.dim)
        self.cross_attention = Attention(settings)
        self.ffn_norm = nn.LayerNorm(settings.dim)
        self.ffn = FeedForward(settings)
        self.dropout = nn.Dropout(settings.dropout)

    def look_at(self, memory: Float[Tensor, "b t d"]) -> KeysValues:
        """Keys and values of the patches for this layer."""
        return self.cross_attention.keys_values(memory)

    def forward(
        self,
        x: Float[Tensor, "b q d"],
        patches: KeysValues,
        before: KeysValues | None = None,
        *,
        with_weights: bool = False,
    ) -> tuple[Float[Tensor, "b q d"], KeysValues, Tensor | None, Tensor | None]:
        """The tokens after the layer, what the next step may look back at, and self- and cross-attention if asked.

        With `before`, x is the one newest token and looks back at all that was kept; without, x is the whole string.
        """
        normed = self.self_norm(x)
        looked_at = self.self_attention.keys_values(normed)
        if before is not None:
            looked_at = KeysValues(*(torch.cat(pair, dim=2) for pair in zip(before, looked_at, strict=True)))
        change, self_weights = self.self_attention(
            normed, looked_at, causal=before is None and x.shape[1] > 1, with_weights=with_weights
        )
        x = x + self.dropout(change)
        change, cross_weights = self.cross_attention(self.cross_norm(x), patches, with_weights=with_weights)
        x = x + self.dropout(change)
        return x + self.dropout(self.ffn(self.ffn_norm(x))), looked_at, self_weights, cross_weights


class Decoder(nn.Module):
    """Token and position embeddings and layers."""

    def __init__(self, settings: ModelSettings, longest: int, tokens: int) -> None:
        super().__init__()
        self.tokens = nn.Embedding(tokens, settings.dim)
        if settings.positions == "learned":
            self.positions = nn.Parameter(0.02 * torch.randn(longest + 1, settings.dim))
        else:
            self.register_buffer("positions", sincos_positions(longest + 1, settings.dim), persistent=False)
        self.dropout = nn.Dropout(settings.dropout)
        self.layers = nn.ModuleList(DecoderLayer(settings) for _ in range(settings.decoder_layers))
        self.norm = nn.LayerNorm(settings.dim)

    def look_at(self, memory: Float[Tensor, "b t d"]) -> list[KeysValues]:
        """Keys and values of the patches for each layer: made once, used at every step."""
        return [cast(DecoderLayer, layer).look_at(memory) for layer in self.layers]

    def forward(
        self,
        tokens: Int[Tensor, "b q"],
        patches: list[KeysValues],
        cache: list[KeysValues] | None = None,
        *,
        with_weights: bool = False,
    ) -> tuple[Float[Tensor, "b q d"], list[KeysValues], list[Tensor], list[Tensor]]:
        """A vector for each token, the new cache, and each layer's self- and cross-attention if asked.

        Without `cache` the tokens are a whole string from SOS on; with it they are the one token behind what it holds.
        """
        start = cache[0].keys.shape[2] if cache else 0
        x = self.dropout(self.tokens(tokens) + self.positions[start : start + tokens.shape[1]])
        kept, self_attention, cross_attention = [], [], []
        for index, layer in enumerate(self.layers):
            x, looked_at, self_weights, cross_weights = layer(
                x, patches[index], cache[index] if cache else None, with_weights=with_weights
            )
            kept.append(looked_at)
            if with_weights:
                self_attention.append(self_weights)
                cross_attention.append(cross_weights)
        return self.norm(x), kept, self_attention, cross_attention
