"""The encoder-only Vision Transformer that classifies one digit."""

from __future__ import annotations

from dataclasses import replace

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from core.config import CanvasSettings, ModelSettings
from core.model.decoder import DecoderLayer
from core.model.encoder import Encoder
from core.model.output import Attentions, Output
from core.vocab import Vocabulary


class DigitViT(nn.Module):
    """Classifies one digit, or says that there is none, from a summary token that attends to all patches.

    Dosovitskiy et al. 2021 (arXiv:2010.11929), with a convolutional stem if the settings say so.
    """

    def __init__(self, settings: ModelSettings, canvas: CanvasSettings) -> None:
        super().__init__()
        self.vocabulary = Vocabulary(canvas.symbols)
        self.steps = 1
        """How many tokens it reads."""
        self.encoder = Encoder(settings, canvas.height, canvas.width, summary=True)
        self.classify = nn.Linear(settings.dim, self.vocabulary.outputs)

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
        """None: the encoder answers."""
        return []

    def forward(
        self,
        strip: Float[Tensor, "b 1 h w"],
        tokens: Int[Tensor, "b q"],
        *,
        with_weights: bool = False,
        encoder_weights: bool = True,
    ) -> Output:
        """What follows the first of the given tokens (SOS), as `NumberTransformer.forward`: there is one answer, whatever was fed.

        All attention is the encoder's, so that without `encoder_weights` there is none.
        """
        return replace(self.read(strip, with_weights=with_weights and encoder_weights), tokens=tokens[:, :1])

    def read(self, strip: Float[Tensor, "b 1 h w"], *, with_weights: bool = False) -> Output:
        """The likeliest digit, or EOS where there is none; as `NumberTransformer.read`."""
        x, attention = self.encoder(strip, with_weights=with_weights)
        logits = self.classify(x[:, :1])
        cross = [weights[:, :, :1, 1:] for weights in attention]
        return Output(logits, None, Attentions(attention, [], cross), logits.argmax(dim=-1))
