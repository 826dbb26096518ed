"""Maps of where on the picture the model looked for each digit of a reading."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from core.model.checkpoint import Model
from core.model.output import Attentions, Output
from core.reading.reader import Reader
from core.reading.reading import Reading, on_picture


class Seen(NamedTuple):
    """A batch of strips, what is written on them, and the attention of the model that read it."""

    model: Model
    strips: Float[Tensor, "b 1 h w"]
    tokens: Int[Tensor, "b q"]
    """What each step is to answer."""
    attentions: Attentions


class Paper(NamedTuple):
    """Where a method comes from."""

    title: str
    authors: str
    link: str


class Method(NamedTuple):
    """A way to tell where the model looked."""

    label: str
    meaning: str
    """In a sentence."""
    paper: Paper
    weights: Callable[[Seen, int, int | None], Float[Tensor, "b q p"]]
    """Of each patch for each step; the layer is counted from 0, and a head is the mean of all where it is None."""
    through_encoder: bool = True
    """Whether its layers are the encoder's, up to the one that is chosen, or those that answer, each by itself."""
    live: bool = True
    """Whether it is fast enough for video: what the model has seen is enough, and it need not be asked again."""


def attention_maps(
    reader: Reader, reading: Reading, method: str = "raw", *, layer: int = -1, head: int | None = None
) -> np.ndarray:
    """(digits, h, w) float32 maps over the picture, 0 to 1, each with 1 at its highest place.

    `METHODS` says what each method tells. Layer and head are the last one and the mean of all if not told; a negative
    `layer` counts from the last.
    Raises `ValueError` where there is no such layer or head, or where the reading holds no attention.
    """
    return on_picture(patch_weights(reader, reading, method, layer=layer, head=head), reading)


def patch_weights(
    reader: Reader, reading: Reading, method: str = "raw", *, layer: int = -1, head: int | None = None
) -> np.ndarray:
    """(digits, rows, columns) float32 weights of the patches, by one of `METHODS`; all 0 of a number that was read in parts.

    Raises `ValueError` as `attention_maps`.
    """
    if not reading.digits:
        return np.zeros((0, 1, 1), np.float32)
    if len(reading.digits) > reader.settings.canvas.max_digits:  # each part looked at a strip of its own
        return np.zeros((len(reading.digits), *reader.model.grid), np.float32)
    if reading.attention is None:
        raise ValueError("the reading holds no attention; read the picture with with_attention=True")
    layers = layer_count(reader, method)
    _check("layer", layer, -layers, layers)
    if head is not None:
        _check("head", head, 0, reader.settings.model.heads)
    layer %= layers
    encoder, cross = (
        list(torch.from_numpy(part)[:, None]) for part in (reading.attention.encoder, reading.attention.cross)
    )
    seen = Seen(
        reader.model,
        torch.from_numpy(reading.strip)[None, None],
        torch.tensor([[digit.value for digit in reading.digits]]),
        Attentions(encoder=encoder, cross=cross),
    )
    weights = METHODS[method].weights(seen, layer, head)
    return weights[0].reshape(len(reading.digits), *reading.attention.grid).numpy()


def rollout_weights(
    encoder: Sequence[Float[Tensor, "b heads t t"]],
    cross: Sequence[Float[Tensor, "b heads q p"]],
    layer: int,
    head: int | None = None,
) -> Float[Tensor, "b q p"]:
    """How much of each patch is in what each step looked at, half of every layer being the residual (Abnar & Zuidema 2020).

    `encoder` and `cross` are as in `Attentions`; `layer`, counted from 0, is the last that is followed.
    """
    tokens, patches = encoder[0].shape[-1], cross[-1].shape[-1]
    itself = torch.eye(tokens, device=encoder[0].device)
    rollout = itself.expand(len(encoder[0]), -1, -1)
    for weights in encoder[: layer + 1]:
        rollout = (0.5 * _heads(weights, head) + 0.5 * itself) @ rollout
    if (
        tokens == patches
    ):  # the number model looks through its cross-attention, the digit model through its summary token
        return cross[-1].mean(1) @ rollout
    return rollout[:, :1, 1:]


def gradient_weights(
    model: Model,
    strips: Float[Tensor, "b 1 h w"],
    digits: Int[Tensor, "b q"],
    layer: int,
    head: int | None = None,
) -> Float[Tensor, "b q p"]:
    """Relevance of the patches to the logit of each of the digits, following the gradient through attention alone.

    Chefer et al. 2021 (arXiv:2103.15679). `digits` holds what each step is to answer; `layer`, counted from 0, is the
    encoder's last that is followed.
    """
    strips, digits = strips.to(model.device), digits.to(model.device)
    looks_across = bool(
        model.decoder_layers
    )  # or else the summary token, which is among the encoder's, looks
    with torch.enable_grad():
        fed = model.vocabulary.decoder_inputs(digits)
        output: Output = model(strips.detach().requires_grad_(), fed, with_weights=True)
        watched = output.attentions.encoder + output.attentions.cross[-1:] * looks_across
        rows = []
        for step in range(digits.shape[1]):
            # The pictures of a batch know nothing of each other, so the gradient of the sum is the gradient of each.
            logits = output.logits[:, step].gather(1, digits[:, step, None]).sum()
            gradients = torch.autograd.grad(logits, watched, retain_graph=True)
            helpful = [
                _heads((gradient * weights).clamp(min=0), head)
                for gradient, weights in zip(gradients, watched, strict=True)
            ]
            tokens = helpful[0].shape[-1]
            relevance = torch.eye(tokens, device=model.device).expand(len(digits), -1, -1)
            for weights in helpful[: layer + 1]:
                relevance = relevance + weights @ relevance
            if looks_across:
                rows.append((helpful[-1][:, step, None] @ relevance)[:, 0])
            else:
                rows.append(relevance[:, 0, 1:])
    return torch.stack(rows, 1).detach().cpu()


def layer_count(reader: Reader, method: str) -> int:
    """How many layers of a method there are to choose from."""
    model = reader.settings.model
    alone = not METHODS[method].through_encoder and model.kind == "number"
    return model.decoder_layers if alone else model.encoder_layers


def _check(name: str, value: int, first: int, behind: int) -> None:
    if not first <= value < behind:
        raise ValueError(f"{name} ({value}) does not exist; choose one from {max(first, 0)} to {behind - 1}")


def _heads(weights: Float[Tensor, "b heads q t"], head: int | None) -> Float[Tensor, "b q t"]:
    return weights.mean(1) if head is None else weights[:, head]


METHODS: Final = {
    "raw": Method(
        "Raw",
        "How strongly each patch counted when the model wrote the digit: the weights of one layer, as they are.",
        Paper("Attention Is All You Need", "Vaswani et al. 2017", "https://arxiv.org/abs/1706.03762"),
        lambda seen, layer, head: _heads(seen.attentions.cross[layer], head),
        through_encoder=False,
    ),
    "rollout": Method(
        "Rollout",
        "Follows the attention back through the encoder, where patches exchange what they know, to the patches that the knowledge came from.",
        Paper(
            "Quantifying Attention Flow in Transformers",
            "Abnar & Zuidema 2020",
            "https://arxiv.org/abs/2005.00928",
        ),
        lambda seen, layer, head: rollout_weights(
            seen.attentions.encoder, seen.attentions.cross, layer, head
        ),
    ),
    "gradient": Method(
        "Gradient-weighted",
        "Counts only attention that raised the score of the digit: what was looked at but not used fades.",
        Paper(
            "Generic Attention-model Explainability", "Chefer et al. 2021", "https://arxiv.org/abs/2103.15679"
        ),
        lambda seen, layer, head: gradient_weights(seen.model, seen.strips, seen.tokens, layer, head),
        live=False,
    ),
}
"""Every page, command and measurement that shows ways to tell takes them from here."""
