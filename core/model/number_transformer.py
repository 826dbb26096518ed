"""The encoder-decoder model that reads a number off a strip token by token."""

from __future__ import annotations

from typing import cast

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from core.config import CanvasSettings, ModelSettings
from core.model.decoder import Decoder, DecoderLayer
from core.model.encoder import Encoder
from core.model.output import Attentions, Output
from core.vocab import Vocabulary


class NumberTransformer(nn.Module):
    """Reads 0 to N digits off a strip, from left to right, and says where each one stands.

    The decoder follows Vaswani et al. 2017 (arXiv:1706.03762); reading text this way goes back to SATRN
    (Lee et al. 2020, arXiv:1910.04396).
    """

    def __init__(self, settings: ModelSettings, canvas: CanvasSettings) -> None:
        super().__init__()
        self.vocabulary = Vocabulary(canvas.symbols)
        self.longest = canvas.max_digits
        self.steps = self.longest + 1
        """How many tokens it reads at most, the end included."""
        self.encoder = Encoder(settings, canvas.height, canvas.width)
        self.decoder = Decoder(settings, self.longest, self.vocabulary.inputs)
        self.classify = nn.Linear(settings.dim, self.vocabulary.outputs)
        self.locate = nn.Linear(settings.dim, 4)

    @property
    def grid(self) -> tuple[int, int]:
        """Rows and columns of patches."""
        return self.encoder.grid

    @property
    def device(self) -> torch.device:
        """Where it computes; its inputs must be there."""
        return self.classify.weight.device

    @property
    def decoder_layers(self) -> list[DecoderLayer]:
        """The layers that answer step by step."""
        return [cast(DecoderLayer, layer) for layer in self.decoder.layers]

    def forward(
        self,
        strip: Float[Tensor, "b 1 h w"],
        tokens: Int[Tensor, "b q"],
        *,
        with_weights: bool = False,
        encoder_weights: bool = True,
    ) -> Output:
        """Teacher-forced pass: what follows each of the given tokens (SOS first).

        Training asks for weights without the encoder's: it aligns the cross-attention only.
        """
        memory, encoder = self.encoder(strip, with_weights=with_weights and encoder_weights)
        x, _, decoder, cross = self.decoder(tokens, self.decoder.look_at(memory), with_weights=with_weights)
        with torch.autocast(x.device.type, enabled=False):  # the answers keep their full precision
            return Output(self.classify(x), self._boxes(x), Attentions(encoder, decoder, cross), tokens)

    def read(self, strip: Float[Tensor, "b 1 h w"], *, with_weights: bool = False) -> Output:
        """Greedy decoding: the likeliest token at each step, until every string has ended.

        The encoder runs once, the cache keeps what the decoder has looked at. After a string's EOS its tokens are PAD.
        A string as long as the model can read ends there: its EOS is the model's own last step.
        """
        memory, encoder = self.encoder(strip, with_weights=with_weights)
        patches = self.decoder.look_at(memory)
        token = torch.full((len(strip), 1), self.vocabulary.sos, device=strip.device)
        ended = torch.zeros_like(token, dtype=torch.bool)
        cache = None
        states, tokens, self_rows, cross_rows = [], [], [], []
        for step in range(self.longest + 1):
            x, cache, decoder, cross = self.decoder(token, patches, cache, with_weights=with_weights)
            logits = self.classify(x)
            token = (
                logits.argmax(dim=-1) if step < self.longest else torch.full_like(token, self.vocabulary.eos)
            )
            token = token.masked_fill(ended, self.vocabulary.pad)
            ended = ended | (token == self.vocabulary.eos)
            states.append((x, logits))
            tokens.append(token)
            self_rows.append(decoder)
            cross_rows.append(cross)
            if bool(ended.all()):
                break
        x, logits = (torch.cat(parts, dim=1) for parts in zip(*states, strict=True))
        attentions = Attentions()
        if with_weights:
            attentions = Attentions(encoder, _lower_triangle(self_rows), _stack_rows(cross_rows))
        return Output(logits, self._boxes(x), attentions, torch.cat(tokens, dim=1))

    def _boxes(self, x: Float[Tensor, "b q d"]) -> Float[Tensor, "b q 4"]:
        centre_x, centre_y, width, height = self.locate(x).sigmoid().unbind(-1)
        return torch.stack(
            [centre_x - width / 2, centre_y - height / 2, centre_x + width / 2, centre_y + height / 2], dim=-1
        )


def _stack_rows(steps: list[list[Tensor]]) -> list[Tensor]:
    """One tensor for each layer, from one row for each layer at each step."""
    return [torch.cat(rows, dim=2) for rows in zip(*steps, strict=True)]


def _lower_triangle(steps: list[list[Tensor]]) -> list[Tensor]:
    """As `_stack_rows`, for rows that grow by one each step."""
    return _stack_rows(
        [[nn.functional.pad(row, (0, len(steps) - row.shape[-1])) for row in layers] for layers in steps]
    )
