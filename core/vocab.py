"""Digit strings in, token ids out, and back: the ten digits, EOS, SOS and PAD."""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor

EOS = 10
"""End of sequence: the last token of every reading, and the only one of an empty picture."""
SOS = 11
"""Start of sequence: the decoder's first input, never an output."""
PAD = 12
"""Fills the targets behind EOS; the loss passes over it."""

OUTPUTS = 11
"""Classes that a model can answer: the ten digits, and EOS (for the digit model: "no digit")."""
INPUTS = 13
"""Tokens that the decoder can be fed."""

NAMES = (*"0123456789", "end")
"""What a person reads for each output class."""


def targets(labels: Int[Tensor, "b n"], lengths: Int[Tensor, " b"]) -> Int[Tensor, "b n+1"]:
    """Token ids of each string, closed by EOS and filled with PAD. Labels beyond a string's length are ignored."""
    batch, longest = labels.shape
    position = torch.arange(longest + 1)
    padded = torch.cat([labels, labels.new_zeros(batch, 1)], dim=1)
    tokens = torch.where(position < lengths[:, None], padded, PAD)
    return torch.where(position == lengths[:, None], EOS, tokens)


def decoder_inputs(tokens: Int[Tensor, "b n"]) -> Int[Tensor, "b n"]:
    """The targets shifted one to the right behind SOS: what the decoder is fed while it is taught."""
    return torch.cat([torch.full_like(tokens[:, :1], SOS), tokens[:, :-1]], dim=1)


def text(tokens: list[int]) -> str:
    """The digits before the first EOS, as a string."""
    return "".join(
        str(token) for token in (tokens[: tokens.index(EOS)] if EOS in tokens else tokens) if token < EOS
    )


def sequence_probability(
    log_probabilities: Float[Tensor, "b n"], tokens: Int[Tensor, "b n"]
) -> Float[Tensor, " b"]:
    """Probability of each whole string, its EOS included: the product over its own tokens."""
    return log_probabilities.masked_fill(tokens == PAD, 0.0).sum(dim=1).exp()
