"""The tokens that a model is fed and answers with: one for each symbol that can be written, and three that are not written."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from core.config import DIGITS


@dataclass(frozen=True)
class Vocabulary:
    """Symbols and their tokens. A model has the vocabulary of the settings it was built from (`canvas.symbols`)."""

    symbols: str = DIGITS
    """A symbol's place is its token."""

    @property
    def eos(self) -> int:
        """End of sequence: the last token of every reading, and the only one of an empty picture."""
        return len(self.symbols)

    @property
    def sos(self) -> int:
        """Start of sequence: the decoder's first input, never an answer."""
        return len(self.symbols) + 1

    @property
    def pad(self) -> int:
        """Fills the targets behind EOS; the loss passes over it."""
        return len(self.symbols) + 2

    @property
    def outputs(self) -> int:
        """Classes that a model can answer: the symbols, and EOS (for the digit model: "no digit")."""
        return len(self.symbols) + 1

    @property
    def inputs(self) -> int:
        """Tokens that the decoder can be fed."""
        return len(self.symbols) + 3

    @property
    def names(self) -> tuple[str, ...]:
        """What a person reads for each output class."""
        return (*self.symbols, "end")

    def encode(self, text: str) -> list[int]:
        """The tokens of a text, without EOS. Raises `ValueError` for a symbol that is not in the vocabulary."""
        unknown = [symbol for symbol in text if symbol not in self.symbols]
        if unknown:
            raise ValueError(f"{unknown[0]!r} in {text!r} is none of the symbols {self.symbols!r}")
        return [self.symbols.index(symbol) for symbol in text]

    def decode(self, tokens: Sequence[int]) -> str:
        """The text before the first EOS."""
        written = tokens[: tokens.index(self.eos)] if self.eos in tokens else tokens
        return "".join(self.symbols[token] for token in written if token < self.eos)

    def targets(self, labels: Int[Tensor, "b n"], lengths: Int[Tensor, " b"]) -> Int[Tensor, "b n+1"]:
        """Tokens of each string, closed by EOS and filled with PAD. Labels beyond a string's length are ignored."""
        batch, longest = labels.shape
        position = torch.arange(longest + 1, device=labels.device)
        padded = torch.cat([labels, labels.new_zeros(batch, 1)], dim=1)
        tokens = torch.where(position < lengths[:, None], padded, self.pad)
        return torch.where(position == lengths[:, None], self.eos, tokens)

    def decoder_inputs(self, tokens: Int[Tensor, "b n"]) -> Int[Tensor, "b n"]:
        """The targets shifted one to the right behind SOS: what the decoder is fed while it is taught."""
        return torch.cat([torch.full_like(tokens[:, :1], self.sos), tokens[:, :-1]], dim=1)

    def sequence_probability(
        self, logits: Float[Tensor, "b n classes"], tokens: Int[Tensor, "b n"], calibration: float = 1.0
    ) -> Float[Tensor, " b"]:
        """Probability of each whole string, its EOS included: the product over its own tokens, the logits divided by `calibration`."""
        logs = (logits / calibration).log_softmax(-1)
        own = logs.gather(-1, tokens.clamp(max=self.eos)[..., None])[..., 0]
        return own.masked_fill(tokens == self.pad, 0.0).sum(dim=1).exp()
