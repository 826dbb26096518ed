"""What both models return: tokens, logits, boxes and attention."""

from __future__ import annotations

from dataclasses import dataclass, field, fields

from jaxtyping import Float, Int
from torch import Tensor


@dataclass(frozen=True)
class Attentions:
    """All attention of one pass; each list has an entry for each layer, and is empty where nothing was asked for."""

    encoder: list[Float[Tensor, "b heads t t"]] = field(default_factory=list)
    """From token to token of the encoder (the patches; of the digit model, the summary before them)."""
    decoder: list[Float[Tensor, "b heads q q"]] = field(default_factory=list)
    """From each token to those before it; 0 for those behind it."""
    cross: list[Float[Tensor, "b heads q p"]] = field(default_factory=list)
    """From each token to the patches; of the digit model, from its summary token."""


@dataclass(frozen=True)
class Output:
    """What the model says for each position of each string."""

    logits: Float[Tensor, "b q classes"]
    boxes: Float[Tensor, "b q 4"] | None
    """Left, top, right and bottom of each digit as shares of the strip's width and height; None from the digit model."""
    attentions: Attentions
    tokens: Int[Tensor, "b q"]
    """What was fed (`forward`) or read (`read`)."""

    def cpu(self) -> Output:
        """The same in the processor's memory, where it is counted and drawn."""
        attentions = Attentions(
            *([weights.cpu() for weights in getattr(self.attentions, one.name)] for one in fields(Attentions))
        )
        boxes = None if self.boxes is None else self.boxes.cpu()
        return Output(self.logits.cpu(), boxes, attentions, self.tokens.cpu())
