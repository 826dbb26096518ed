"""A reading in, a map for each digit out: where on the picture the model looked for it."""

from __future__ import annotations

from typing import Literal, get_args

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from core import vocab
from core.model.number_transformer import NumberTransformer
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
    if method == "gradient":
        weights = _gradient(reader, reading, layer, head)
    else:
        cross, encoder = (
            torch.from_numpy(reading.attention.cross),
            torch.from_numpy(reading.attention.encoder),
        )
        if method == "raw":
            weights = _heads(cross[layer], head)
        elif isinstance(reader.model, NumberTransformer):
            weights = _heads(cross[-1], None) @ _rollout(encoder, layer, head)
        else:
            weights = _rollout(encoder, layer, head)[:1, 1:]
    return weights.reshape(len(reading.digits), *reading.attention.grid).numpy()


def layer_count(reader: Reader, method: Method) -> int:
    """How many layers there are to choose from: raw looks at those that answer, the others go through the encoder's."""
    model = reader.settings.model
    return model.decoder_layers if method == "raw" and model.kind == "number" else model.encoder_layers


def _check(name: str, value: int, first: int, behind: int) -> None:
    if not first <= value < behind:
        raise ValueError(f"{name} ({value}) does not exist; choose one from {max(first, 0)} to {behind - 1}")


def _heads(weights: Float[Tensor, "heads q t"], head: int | None) -> Float[Tensor, "q t"]:
    return weights.mean(0) if head is None else weights[head]


def _layers_up_to(count: int, layer: int) -> range:
    return range((layer if layer >= 0 else count + layer) + 1)


def _rollout(
    encoder: Float[Tensor, "layers heads t t"], layer: int, head: int | None
) -> Float[Tensor, "t t"]:
    """How much of each first token is in each last one, half of every layer being the residual."""
    rollout = torch.eye(encoder.shape[-1])
    for index in _layers_up_to(len(encoder), layer):
        rollout = (0.5 * _heads(encoder[index], head) + 0.5 * torch.eye(len(rollout))) @ rollout
    return rollout


def _gradient(reader: Reader, reading: Reading, layer: int, head: int | None) -> Float[Tensor, "digits t"]:
    """Relevance of the patches to each digit's logit, following the gradient through attention alone."""
    model = reader.model
    with torch.enable_grad():
        seen = torch.from_numpy(reading.strip)[None, None].requires_grad_()
        if isinstance(model, NumberTransformer):
            tokens = torch.tensor([[vocab.SOS, *(digit.value for digit in reading.digits)]])
            output: Output = model(seen, tokens, with_weights=True)
        else:
            output = model(seen, with_weights=True)
        encoder = output.attentions.encoder
        watched = [*encoder, *(output.attentions.cross[-1:] if isinstance(model, NumberTransformer) else [])]
        rows = []
        for step, digit in enumerate(reading.digits):
            logit = output.logits[0, step, digit.value]
            gradients = torch.autograd.grad(logit, watched, retain_graph=True)
            helpful = [
                _heads((gradient * weights).clamp(min=0)[0], head)
                for gradient, weights in zip(gradients, watched, strict=True)
            ]
            relevance = torch.eye(encoder[0].shape[-1])
            for index in _layers_up_to(len(encoder), layer):
                relevance = relevance + helpful[index] @ relevance
            # The number model looks through its cross-attention, the digit model through its summary token.
            rows.append(helpful[-1][step] @ relevance if len(helpful) > len(encoder) else relevance[0, 1:])
    return torch.stack(rows).detach()
