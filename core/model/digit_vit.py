"""Strips of one digit in, its class out: the encoder-only Vision Transformer."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor, nn

from core.config import CanvasSettings, ModelSettings
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
        self.encoder = Encoder(settings, canvas.height, canvas.width, summary=True)
        self.classify = nn.Linear(settings.dim, self.vocabulary.outputs)

    @property
    def grid(self) -> tuple[int, int]:
        """Rows and columns of patches."""
        return self.encoder.grid

    def forward(self, strip: Float[Tensor, "b 1 h w"], *, with_weights: bool = False) -> Output:
        """Logits of the ten digits and of "no digit" at one position, and each layer's attention if asked."""
        x, attention = self.encoder(strip, with_weights=with_weights)
        logits = self.classify(x[:, :1])
        cross = [weights[:, :, :1, 1:] for weights in attention]
        return Output(logits, None, Attentions(attention, [], cross), logits.argmax(dim=-1))

    def read(self, strip: Float[Tensor, "b 1 h w"], *, with_weights: bool = False) -> Output:
        """The likeliest digit, or EOS where there is none; as `NumberTransformer.read`."""
        return self(strip, with_weights=with_weights)
