"""Every tensor of a reading on its way from pixels to digits, stage by stage, made by the model's own modules."""

from __future__ import annotations

import inspect
import io
import textwrap
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from einops import rearrange
from jaxtyping import Float
from torch import Tensor, nn

from core.data.strip import strip
from core.model.attention import Attention
from core.model.encoder import Encoder, EncoderLayer
from core.reading.reader import Reader
from core.reading.reading import Reading


class Fit(NamedTuple):
    """How one token's query and another's key fit."""

    token: int
    """The other, which is looked at."""
    product: float
    """Query times key."""
    score: float
    """The product, scaled."""
    weight: float
    """exp(score) over the sum of that over the row, 0 to 1."""


@dataclass(frozen=True)
class AttentionStep:
    """Self-attention of one layer in its parts (Vaswani et al. 2017, arXiv:1706.03762): weights = softmax(scores)."""

    queries: Float[Tensor, "1 heads t c"]
    keys: Float[Tensor, "1 heads t c"]
    values: Float[Tensor, "1 heads t c"]
    scores: Float[Tensor, "1 heads t t"]
    """queries @ keys, times `scale`; any range."""
    weights: Float[Tensor, "1 heads t t"]
    """As the layer returns them: 0 to 1, each row sums to 1."""
    change: Float[Tensor, "1 t d"]
    """What attention adds to each token: the weighted values of all heads, mixed."""
    scale: float
    """1 / sqrt(c), over the attention temperature of the settings."""

    def best(self, head: int, token: int) -> Fit:
        """The token that `token` looks at most, with one head."""
        other = int(self.weights[0, head, token].argmax())
        return Fit(
            other,
            float(self.queries[0, head, token] @ self.keys[0, head, other]),
            float(self.scores[0, head, token, other]),
            float(self.weights[0, head, token, other]),
        )


@dataclass(frozen=True)
class LayerStep:
    """One layer of the encoder: after = before + attention.change + ffn_change."""

    before: Float[Tensor, "1 t d"]
    normed: Float[Tensor, "1 t d"]
    """`before` behind the first norm: what queries, keys and values are made of."""
    attention: AttentionStep
    ffn_change: Float[Tensor, "1 t d"]
    """What the feed-forward part adds to each token."""
    after: Float[Tensor, "1 t d"]
    """As the layer returns it."""

    @property
    def shares(self) -> tuple[float, float]:
        """How long what attention and what feed-forward add are, as shares of the tokens' length before; means over the tokens."""
        length = self.before.norm(dim=-1)
        added = (self.attention.change.norm(dim=-1) / length, self.ffn_change.norm(dim=-1) / length)
        return added[0].mean().item(), added[1].mean().item()


@dataclass(frozen=True)
class Answer:
    """One token that is read: a step of the decoder, or the one answer of the digit model."""

    so_far: tuple[str, ...]
    """What the decoder is fed, as a person reads it: "start", then the digits before."""
    self_attention: Float[Tensor, "layers heads q"] | None
    """From this step to what it is fed, each head's weights sum to 1; None from the digit model."""
    cross_attention: Float[Tensor, "layers heads patches"]
    """From this step to the patches. In the digit model, those of its summary token, which keeps a part to itself."""
    logits: Float[Tensor, " classes"]
    """One for each of `names`; any range."""
    probabilities: Float[Tensor, " classes"]
    """softmax(logits / calibration)."""
    names: tuple[str, ...]
    """What each class stands for: a symbol, or "end"."""
    token: int
    """What is read: a place in `names`."""
    box: Float[Tensor, " 4"] | None
    """Left, top, right and bottom as shares of the strip; None from the digit model and for the end."""
    forced: bool
    """Whether it is the end because the model reads no longer numbers, whatever the logits say."""

    @property
    def name(self) -> str:
        """The token as a person reads it: a digit or "end"."""
        return self.names[self.token]

    @property
    def is_end(self) -> bool:
        """Whether the reading ends here, with no symbol."""
        return self.token == len(self.names) - 1

    @property
    def probability(self) -> float:
        """Of the token, calibrated, 0 to 1."""
        return float(self.probabilities[self.token])

    @property
    def uncalibrated(self) -> float:
        """Of the token, by the softmax of the logits as they are."""
        return float(self.logits.softmax(-1)[self.token])


@dataclass(frozen=True)
class Walk:
    """A reading's way through the model. The 1 in front of the shapes is the batch, as in the code."""

    strip: Float[Tensor, "1 1 h w"]
    """Ink on nothing, 0 to 1."""
    patches: Float[Tensor, "rows columns side side"]
    """The strip, cut up; 0 to 1."""
    stem: Float[Tensor, "1 d rows columns"]
    """A vector for each patch."""
    embedded: Float[Tensor, "1 p d"]
    """The same, patches in a row: line by line, from the left."""
    positions: Float[Tensor, "p d"]
    """What is added to say where each patch stands."""
    entering: Float[Tensor, "1 t d"]
    """embedded + positions; of the digit model, behind its summary token."""
    layers: tuple[LayerStep, ...]
    memory: Float[Tensor, "1 t d"]
    """The tokens that leave the encoder, behind its last norm."""
    answers: tuple[Answer, ...]
    """The last is the end; the digit model gives one."""
    calibration: float
    """The temperature of the probabilities (Guo et al. 2017, arXiv:1706.04599)."""
    has_summary: bool
    """Whether token 0 is the digit model's summary, and patch n therefore token n + 1."""

    @property
    def text(self) -> str:
        """What is read."""
        return "".join(answer.name for answer in self.answers if not answer.is_end)

    def likeness(self, patch: int) -> Float[Tensor, "rows columns"]:
        """Cosine, -1 to 1, between the position vector of one patch and those of all."""
        rows, columns = self.patches.shape[:2]
        return torch.cosine_similarity(self.positions, self.positions[patch], dim=-1).reshape(rows, columns)

    @property
    def probability(self) -> float:
        """That the whole text is right: the product over the answers, the number model's end included."""
        product = 1.0
        for answer in self.answers:
            product *= answer.probability
        return product


class Source(NamedTuple):
    """Lines of our own code."""

    place: str
    """File and first line, such as `core/model/encoder.py, line 25`."""
    code: str


def walk(reader: Reader, reading: Reading) -> Walk:
    """Follow what `reader` has read once more, and keep everything. Raises `ValueError` where no ink was found."""
    if reading.box is None:
        raise ValueError(
            "the picture holds no ink, so the model was not asked; walk with a picture of a number"
        )
    reader = reader.on_processor()
    model = reader.model
    seen = torch.from_numpy(reading.strip)[None, None]
    size, stride = reader.settings.model.patch_size, reader.settings.model.stride
    with torch.inference_mode():
        stem = model.encoder.stem(seen)
        embedded = rearrange(stem, "b d rows columns -> b (rows columns) d")
        entering, layers, memory = _encode(model.encoder, embedded + model.encoder.positions)
        return Walk(
            strip=seen,
            patches=seen[0, 0].unfold(0, size, stride).unfold(1, size, stride),
            stem=stem,
            embedded=embedded,
            positions=model.encoder.positions.detach(),
            entering=entering,
            layers=layers,
            memory=memory,
            answers=_answers(reader, seen),
            calibration=reader.calibration,
            has_summary=model.encoder.summary is not None,
        )


def source(reader: Reader, stage: str) -> Source:
    """The very lines of ours that do a stage. Raises `ValueError` for an unknown one, and names those that there are."""
    model = reader.model
    places: dict[str, Callable[..., Any]] = {
        "strip": strip,
        "stem": type(model.encoder.stem).forward,
        "encoder": Encoder.forward,
        "keys and values": Attention.keys_values,
        "attention": Attention._mix,
        "layer": EncoderLayer.forward,
        "read": type(model).read,
        "probabilities": Reader._digits,
    }
    if stage not in places:
        raise ValueError(f"stage ({stage!r}) is unknown; choose one of: {', '.join(places)}")
    method = inspect.unwrap(places[stage])
    lines, first = inspect.getsourcelines(method)
    file = Path(inspect.getfile(method)).relative_to(Path(__file__).resolve().parents[2])
    return Source(f"{file.as_posix()}, line {first}", textwrap.dedent("".join(lines)).rstrip())


def stem_reach(reader: Reader) -> int:
    """The side, in pixels, of the square of the strip that one patch's vector is made from: a conv stem sees beyond the patch."""
    reach = step = 1
    for layer in reader.model.encoder.stem.modules():
        if isinstance(layer, nn.Conv2d):
            reach += (layer.kernel_size[0] - 1) * step
            step *= layer.stride[0]
    return reach


def as_npz(way: Walk) -> bytes:
    """Every tensor of a walk as a NumPy archive; `layer1_` and the like are the encoder's, `step1_` the answers'."""
    arrays = {
        name: getattr(way, name).numpy()
        for name in ("strip", "patches", "stem", "embedded", "positions", "entering", "memory")
    }
    for number, layer in enumerate(way.layers, start=1):
        arrays |= {
            f"layer{number}_{name}": getattr(layer, name).numpy()
            for name in ("before", "normed", "ffn_change", "after")
        }
        for name in ("queries", "keys", "values", "scores", "weights", "change"):
            arrays[f"layer{number}_attention_{name}"] = getattr(layer.attention, name).numpy()
    for number, answer in enumerate(way.answers, start=1):
        for name in ("self_attention", "cross_attention", "logits", "probabilities", "box"):
            if (value := getattr(answer, name)) is not None:
                arrays[f"step{number}_{name}"] = value.numpy()
    file = io.BytesIO()
    np.savez_compressed(file, allow_pickle=False, **arrays)
    return file.getvalue()


def _encode(
    encoder: Encoder, placed: Float[Tensor, "1 p d"]
) -> tuple[Float[Tensor, "1 t d"], tuple[LayerStep, ...], Float[Tensor, "1 t d"]]:
    """What enters the layers, each layer, and what leaves them."""
    x = entering = placed if encoder.summary is None else torch.cat([encoder.summary, placed], dim=1)
    layers = []
    for layer in encoder.layers:
        assert isinstance(layer, EncoderLayer)
        step = _layer(layer, x)
        layers.append(step)
        x = step.after
    return entering, tuple(layers), encoder.norm(x)


def _layer(layer: EncoderLayer, x: Float[Tensor, "1 t d"]) -> LayerStep:
    normed = layer.attention_norm(x)
    after, _ = layer(x)
    attention = attention_step(layer.attention, normed)
    return LayerStep(x, normed, attention, layer.ffn(layer.ffn_norm(x + attention.change)), after)


def attention_step(attention: Attention, x: Float[Tensor, "1 t d"]) -> AttentionStep:
    """Self-attention among the tokens x, in its parts: the scores are written out here, the weights are the module's own."""
    keys, values = looked_at = attention.keys_values(x)
    queries = rearrange(attention.query(x), "b t (heads c) -> b heads t c", heads=attention.heads)
    scores = queries @ keys.transpose(-2, -1) * attention.scale
    change, weights = attention(x, looked_at, with_weights=True)
    assert weights is not None
    return AttentionStep(queries, keys, values, scores, weights, change, attention.scale)


def _answers(reader: Reader, seen: Float[Tensor, "1 1 h w"]) -> tuple[Answer, ...]:
    """The model reads as it always does; what it returns is sorted by step."""
    model, vocabulary = reader.model, reader.model.vocabulary
    output = model.read(seen, with_weights=True)
    tokens = output.tokens[0].tolist()
    cross = torch.stack(output.attentions.cross)[:, 0]
    back = torch.stack(output.attentions.decoder)[:, 0] if output.attentions.decoder else None
    return tuple(
        Answer(
            so_far=("start", *vocabulary.decode(tokens[:step])) if back is not None else (),
            self_attention=back[:, :, step, : step + 1] if back is not None else None,
            cross_attention=cross[:, :, step],
            logits=output.logits[0, step],
            probabilities=(output.logits[0, step] / reader.calibration).softmax(-1),
            names=vocabulary.names,
            token=token,
            box=output.boxes[0, step] if output.boxes is not None and token < vocabulary.eos else None,
            forced=0 < step == model.steps - 1,
        )
        for step, token in enumerate(tokens)
    )
