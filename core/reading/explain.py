"""A reading in, a map for each digit out: where on the picture the model looked for it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, get_args

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from core.model.checkpoint import Model
from core.model.output import Output
from core.reading.reader import Reader
from core.reading.reading import Reading, on_picture

Method = Literal["raw", "rollout", "gradient"]
METHODS: tuple[Method, ...] = get_args(Method)


def attention_maps(
    reader: Reader, reading: Reading, method: Method = "raw", *, layer: int = -1, head: int | None = None
) -> np.ndarray:
    """(digits, h, w) float32 maps over the picture, 0 to 1, each with 1 at its highest place.

    raw: the attention of each digit's step to the patches, in one layer (the last if not told) and one head (their mean
    if not told). rollout: the same, followed back through the encoder's layers up to `layer` (Abnar & Zuidema 2020,
    arXiv:2005.00928). gradient: attention weighted by how much it raises the digit's score, in all layers up to `layer`
    (Chefer et al. 2021, arXiv:2103.15679). A negative `layer` counts from the last.
    Raises `ValueError` where there is no such layer or head, or where the reading holds no attention.
    """
    return on_picture(patch_weights(reader, reading, method, layer=layer, head=head), reading)


def patch_weights(
    reader: Reader, reading: Reading, method: Method = "raw", *, layer: int = -1, head: int | None = None
) -> np.ndarray:
    """(digits, rows, columns) float32 weights of the patches, by the methods of `attention_maps`."""
    if not reading.digits:
        return np.zeros((0, 1, 1), np.float32)
    if reading.attention is None:
        raise ValueError("the reading holds no attention; read the picture with with_attention=True")
    layers = layer_count(reader, method)
    _check("layer", layer, -layers, layers)
    if head is not None:
        _check("head", head, 0, reader.settings.model.heads)
    layer %= layers
    if method == "gradient":
        tokens = torch.tensor([[digit.value for digit in reading.digits]])
        weights = gradient_weights(
            reader.model, torch.from_numpy(reading.strip)[None, None], tokens, layer, head
        )
    else:
        cross = torch.from_numpy(reading.attention.cross)[:, None]
        encoder = torch.from_numpy(reading.attention.encoder)[:, None]
        if method == "raw":
            weights = _heads(cross[layer], head)
        else:
            weights = rollout_weights(list(encoder), list(cross), layer, head)
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


def layer_count(reader: Reader, method: Method) -> int:
    """How many layers there are to choose from: raw looks at those that answer, the others go through the encoder's."""
    model = reader.settings.model
    return model.decoder_layers if method == "raw" and model.kind == "number" else model.encoder_layers


def _check(name: str, value: int, first: int, behind: int) -> None:
    if not first <= value < behind:
        raise ValueError(f"{name} ({value}) does not exist; choose one from {max(first, 0)} to {behind - 1}")


def _heads(weights: Float[Tensor, "b heads q t"], head: int | None) -> Float[Tensor, "b q t"]:
    return weights.mean(1) if head is None else weights[:, head]
