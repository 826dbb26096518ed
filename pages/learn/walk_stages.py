"""The stages of the walk, each with a picture made from the tensors, a few sentences, a paper and our lines of code."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple

import numpy as np
import plotly.graph_objects as go
import streamlit as st

from core.reading import Reader
from core.reading.palette import position_colour
from core.understanding.walkthrough import Answer, Source, Walk, source, stem_reach
from pages.common.charts import show_chart
from pages.common.layout import percent
from pages.learn import walk_figures as figures


class Chosen(NamedTuple):
    """What the visitor follows; all counted from 0."""

    patch: int
    layer: int
    head: int


class Stage(NamedTuple):
    """One stop of the walk."""

    name: str
    show: Callable[[Reader, Walk, Chosen], None]
    code: str
    """What `steps.source` calls the lines that do it."""


_VIT: Final = "[An Image is Worth 16x16 Words](https://arxiv.org/abs/2010.11929), Dosovitskiy et al. 2021"
_STEM: Final = (
    "[Early Convolutions Help Transformers See Better](https://arxiv.org/abs/2106.14881), Xiao et al. 2021"
)
_ATTENTION: Final = "[Attention Is All You Need](https://arxiv.org/abs/1706.03762), Vaswani et al. 2017"
_RESIDUAL: Final = "[Deep Residual Learning](https://arxiv.org/abs/1512.03385), He et al. 2015"
_NORM: Final = "[Layer Normalization](https://arxiv.org/abs/1607.06450), Ba et al. 2016"
_PRE_NORM: Final = "[On Layer Normalization in the Transformer Architecture](https://arxiv.org/abs/2002.04745), Xiong et al. 2020"
_CALIBRATION: Final = (
    "[On Calibration of Modern Neural Networks](https://arxiv.org/abs/1706.04599), Guo et al. 2017"
)


def stages(reader: Reader) -> list[Stage]:
    """The stops on the way through this reader's model."""
    decoded = reader.settings.model.kind == "number"
    return [
        Stage("Pixels", _pixels, "strip"),
        Stage("Patches", _patches, "stem"),
        Stage("Embedding", _embedding, "stem"),
        Stage("Positions", _positions, "encoder"),
        Stage("Queries and keys", _queries, "keys and values"),
        Stage("Attention", _attention, "attention"),
        Stage("Layers", _layers, "layer"),
        Stage("Decoder", _decoder, "read") if decoded else Stage("Summary", _summary, "read"),
        Stage("Probabilities", _probabilities, "probabilities"),
    ]


def show_stage(reader: Reader, way: Walk, stage: Stage, number: int, chosen: Chosen) -> None:
    """One stop, with its number."""
    st.subheader(f"{number}  {stage.name}", anchor=False)
    stage.show(reader, way, chosen)
    _say_code(source(reader, stage.code))


def grid_of(reader: Reader) -> figures.Grid:
    """How patches lie on this reader's strips."""
    model = reader.settings.model
    return figures.Grid(*reader.model.grid, model.patch_size, model.stride)


def inkiest_patch(way: Walk) -> int:
    """The patch with the most ink: a good one to follow."""
    return int(way.patches.numpy().mean(axis=(2, 3)).argmax())


def _pixels(reader: Reader, way: Walk, chosen: Chosen) -> None:
    height, width = way.strip.shape[2:]
    st.markdown(
        f"The ink is cut out of your picture, made {height} pixels high and evened out: paper becomes 0, the pen about 1, "
        f"whatever the light and the colour were. Training canvases pass through the same function, so the model sees in use "
        f"what it saw in training. These {height * width:,} numbers are all that it will know of your picture."
    )
    grid = grid_of(reader)
    figure = figures.strip_figure(way.strip[0, 0].numpy(), grid, lines=False)
    _show(figure, key="walk-pixels", height=_strip_height(way))
    _say_tensor("strip", way.strip.numpy())


def _patches(reader: Reader, way: Walk, chosen: Chosen) -> None:
    grid = grid_of(reader)
    count = grid.rows * grid.columns
    reach = stem_reach(reader)
    st.markdown(
        f"A transformer works on a list of tokens, and a picture is none. So the strip is cut into {grid.rows} rows of "
        f"{grid.columns} patches of {grid.side} × {grid.side} pixels: {count} in all, read like lines of a text. "
        f"From {_VIT}."
    )
    _show(
        figures.cut_figure(way.patches.numpy(), chosen.patch),
        key="walk-patches",
        height=_strip_height(way) + 20,
    )
    picture, explanation = st.columns([1, 1.2], gap="medium", vertical_alignment="center")
    row, column = divmod(chosen.patch, grid.columns)
    with picture:
        _show(figures.numbers_figure(way.patches[row, column].numpy()), key="walk-numbers", height=260)
    with explanation:
        beyond = (
            f" The convolutions that come next look beyond it, at {reach} × {reach} pixels around its middle."
            if reach > grid.side
            else ""
        )
        st.markdown(
            f"**Patch {chosen.patch}** (row {row}, column {column}) as the model gets it: {grid.side**2} numbers. "
            f"Follow another one with the slider.{beyond}"
        )
    _say_tensor("patches", way.patches.numpy())


def _embedding(reader: Reader, way: Walk, chosen: Chosen) -> None:
    dim = way.embedded.shape[2]
    if reader.settings.model.stem == "conv":
        how = f"a few convolutions, which learn faster and better than one linear map: {_STEM}"
    else:
        how = f"one linear map, the same for all patches: {_VIT}"
    st.markdown(
        f"Each patch becomes a vector of {dim} numbers, by {how}. A column is a patch, a row one of the {dim} numbers. "
        "Empty patches all look alike here; where there is ink, columns differ."
    )
    _show(
        figures.heat_figure(
            way.embedded[0].numpy().T,
            title="A vector for each patch",
            x="patch",
            y="number",
            column=chosen.patch,
        ),
        key="walk-embedding",
        height=380,
    )
    _say_tensor("embedded", way.embedded.numpy())


def _positions(reader: Reader, way: Walk, chosen: Chosen) -> None:
    kind = reader.settings.model.positions
    made = (
        "sine and cosine waves of the row and the column" if kind == "sincos" else "learned, like all weights"
    )
    summary = (
        " In front comes one learned vector that belongs to no patch, the summary token, in which the answer will be gathered."
        if way.has_summary
        else ""
    )
    st.markdown(
        "Attention treats tokens as a set: shuffle them and nothing changes. So a vector that says *where* is added to each "
        f"vector that says *what*. Here they are {made}; neighbours get similar ones.{summary} From {_ATTENTION}, section 3.5."
    )
    grid = grid_of(reader)
    left, right = st.columns(2, gap="medium")
    with left:
        _show(
            figures.heat_figure(
                way.positions.numpy().T, title="Positions", x="patch", y="number", column=chosen.patch
            ),
            key="walk-positions",
            height=300,
        )
    with right:
        tokens = way.entering[0].numpy().T
        _show(
            figures.heat_figure(
                tokens,
                title="Embedded + positions",
                x="token",
                y="number",
                column=_token(way, chosen.patch),
            ),
            key="walk-entering",
            height=300,
        )
    likeness = figures.heat_figure(
        way.likeness(chosen.patch).numpy(),
        title=f"How alike the positions are to that of patch {chosen.patch} (cosine)",
        x="column",
        y="row",
    )
    likeness.update_traces(colorscale=figures.SHARE, zmin=float(likeness.data[0].z.min()), zmax=1)
    likeness.add_shape(figures.around(grid, chosen.patch))
    _show(likeness, key="walk-likeness", height=210)
    _say_tensor("entering", way.entering.numpy())


def _queries(reader: Reader, way: Walk, chosen: Chosen) -> None:
    attention = way.layers[chosen.layer].attention
    size = attention.queries.shape[-1]
    st.markdown(
        f"In layer {chosen.layer + 1}, each token is mapped to three vectors for each head, here of {size} numbers: a **query**, "
        "what it looks for; a **key**, what it can be found by; and a **value**, what it hands over to those who find it. "
        f"These maps are learned. From {_ATTENTION}, section 3.2."
    )
    token = _token(way, chosen.patch)
    for name in ("queries", "keys", "values"):
        matrix = getattr(attention, name)[0, chosen.head].numpy().T
        _show(
            figures.heat_figure(
                matrix,
                title=f"{name.capitalize()} of head {chosen.head + 1}",
                x="token",
                y="number",
                column=token,
            ),
            key=f"walk-{name}",
            height=210,
        )
    _say_tensor("queries", attention.queries.numpy())


def _attention(reader: Reader, way: Walk, chosen: Chosen) -> None:
    attention = way.layers[chosen.layer].attention
    size = attention.queries.shape[-1]
    temperature = reader.settings.model.temperature
    sharpened = "" if temperature == 1 else f" over this model's attention temperature, {temperature:g}"
    token = _token(way, chosen.patch)
    st.markdown(
        f"A token's query times another's key is a **score**: how well they fit. Scores are multiplied by {attention.scale:.3f} "
        f"(that is 1/√{size}{sharpened}, so that long vectors do not make them large) and go through a softmax: each row becomes "
        f"**weights** that sum to 1. Each token then takes the sum of all values, weighted so. From {_ATTENTION}."
    )
    left, right = st.columns(2, gap="medium")
    scores, weights = (part[0, chosen.head].numpy() for part in (attention.scores, attention.weights))
    with left:
        _show(
            figures.heat_figure(scores, title="Scores", x="is looked at", y="looks", row=token),
            key="walk-scores",
            height=350,
        )
    with right:
        _show(
            figures.heat_figure(
                weights,
                title="Weights: softmax of each row",
                x="is looked at",
                y="looks",
                signed=False,
                row=token,
            ),
            key="walk-weights",
            height=350,
        )
    fit = attention.best(chosen.head, token)
    other = fit.token - way.has_summary
    whom = f"patch {other}" if other >= 0 else "the summary token"
    st.markdown(
        f"By pencil, for **patch {chosen.patch}**: it looks most at **{whom}**. Its query times that key, {size} products summed, is "
        f"{fit.product:.2f}; times {attention.scale:.3f} that is a score of {fit.score:.2f}; and e to the {fit.score:.2f} is "
        f"**{fit.weight:.1%}** of the sum of such powers along the row.".replace("-", "−")
    )
    grid = grid_of(reader)
    row = weights[token, 1:] if way.has_summary else weights[token]
    st.markdown(
        f"The outlined row on the strip: where **patch {chosen.patch}** looks, with head {chosen.head + 1} of layer "
        f"{chosen.layer + 1}."
    )
    _show(
        figures.strip_figure(
            way.strip[0, 0].numpy(), grid, patch=chosen.patch, weights=row.reshape(grid.rows, grid.columns)
        ),
        key="walk-row",
        height=_strip_height(way),
    )
    _say_tensor("weights", attention.weights.numpy())


def _layers(reader: Reader, way: Walk, chosen: Chosen) -> None:
    heads = reader.settings.model.heads
    st.markdown(
        f"The {heads} heads' answers are mixed and **added** to the token, not put in its place: a residual connection "
        f"({_RESIDUAL}). Then two linear maps with a non-linearity between them, the feed-forward part, add what they make of "
        f"each token alone. Both see the token behind a norm, which evens out its size ({_NORM}); with the norm inside the "
        f"branch, deep stacks train calmly ({_PRE_NORM}). {len(way.layers)} such layers follow each other. The bars say how long "
        "what is added is, as a share of the token's own length."
    )
    left, right = st.columns([1, 1.35], gap="medium")
    with left:
        _show(figures.shares_figure(way), key="walk-shares", height=340)
    with right:
        after = way.layers[chosen.layer].after
        _show(
            figures.heat_figure(
                after[0].numpy().T,
                title=f"Tokens after layer {chosen.layer + 1}",
                x="token",
                y="number",
                column=_token(way, chosen.patch),
            ),
            key="walk-after",
            height=340,
        )
    _say_tensor(f"layers[{chosen.layer}].after", way.layers[chosen.layer].after.numpy())
    _say_tensor("memory", way.memory.numpy(), "behind the last norm: what leaves the encoder")


def _decoder(reader: Reader, way: Walk, chosen: Chosen) -> None:
    st.markdown(
        "The decoder writes one token at a time. It is fed what was written so far, looks back at it (self-attention), looks at "
        "the strip (cross-attention to the encoder's tokens), and gives a logit to each digit and to “end”. The likeliest "
        f"is written and fed back, until it is “end”. From {_ATTENTION}."
    )
    last = len(way.answers)
    step = 0
    if last > 1:
        if not 1 <= st.session_state.get("walk-step", 0) <= last:
            st.session_state["walk-step"] = 1
        step = st.slider("Step of the decoder", 1, last, key="walk-step", persist_state="session") - 1
    answer = way.answers[step]
    st.html(_so_far(answer, step))
    if answer.forced:
        st.caption("It has to end here: this model was trained on no longer numbers.")
    grid = grid_of(reader)
    weights = answer.cross_attention[-1].numpy().mean(axis=0).reshape(grid.rows, grid.columns)
    _show(
        figures.strip_figure(
            way.strip[0, 0].numpy(),
            grid,
            weights=weights,
            colour=position_colour(step) if answer.box is not None else figures.GREY,
            box=None if answer.box is None else answer.box.tolist(),
        ),
        key="walk-cross",
        height=_strip_height(way),
    )
    box = " The frame is the box that it gives the digit." if answer.box is not None else ""
    st.caption(f"Where it looks on the strip: cross-attention of the last layer, mean of the heads.{box}")
    left, right = st.columns([1.5, 1], gap="medium")
    with left:
        _show(figures.classes_figure(answer, step), key="walk-classes", height=260)
    with right:
        _show(figures.back_figure(answer, -1), key="walk-back", height=260)
    _say_tensor("cross_attention", answer.cross_attention.numpy(), "layers, heads, patches")
    _say_tensor("logits", answer.logits.numpy(), "ten digits and “end”")


def _summary(reader: Reader, way: Walk, chosen: Chosen) -> None:
    st.markdown(
        "This model reads a single digit, and needs no decoder. The summary token has looked at the patches in every layer and "
        "gathered what matters; one linear map turns it into a logit for each digit and for “no digit”. "
        f"From {_VIT}."
    )
    answer = way.answers[0]
    grid = grid_of(reader)
    weights = answer.cross_attention[-1].numpy().mean(axis=0).reshape(grid.rows, grid.columns)
    left, right = st.columns([1, 1.6], gap="medium")
    with left:
        _show(
            figures.strip_figure(way.strip[0, 0].numpy(), grid, weights=weights, colour=position_colour(0)),
            key="walk-cross",
            height=270,
        )
        st.caption("Where the summary token looks in the last layer, mean of the heads.")
    with right:
        _show(figures.classes_figure(answer, 0), key="walk-classes", height=270)
    _say_tensor("logits", answer.logits.numpy(), "ten digits and “end”, which means no digit")


def _probabilities(reader: Reader, way: Walk, chosen: Chosen) -> None:
    effect = "a little less sure" if way.calibration > 1 else "a little surer"
    st.markdown(
        f"Softmax makes probabilities of the logits. Networks are seldom as right as they are sure, so the logits are first "
        f"divided by a temperature, {way.calibration:.2f}, which was fitted on validation canvases: it makes the model {effect}, "
        f"and changes no digit. From {_CALIBRATION}."
    )
    _show(figures.calibration_figure(way), key="walk-calibration", height=280)
    factors = " × ".join(f"{answer.probability:.4f}" for answer in way.answers)
    what = f"That the whole is **{way.text}**" if way.text else "That there is **no number**"
    if len(way.answers) > 1:
        st.markdown(
            f"{what} is as likely as all its tokens together, “end” included: {factors} = **{way.probability:.4f}**."
        )
    else:
        st.markdown(f"{what}: **{way.probability:.4f}**.")
    st.caption(
        "The faint bar is the softmax of the logits as they are, the full one the calibrated probability. On pictures unlike "
        "the canvases of training it can still be far too sure."
    )


def _show(figure: go.Figure, *, key: str, height: int) -> None:
    """A figure; one with a title has room beside it for the button that saves it."""
    show_chart(figure, key=key, height=height, save_as=key if figure.layout.title.text else None)


def _so_far(answer: Answer, step: int) -> str:
    """The step in a line: what was written, and what comes next, likeliest first."""
    written = "".join(
        f'<b style="color:{position_colour(place)}">{name}</b>'
        for place, name in enumerate(answer.so_far[1:])
    )
    ranked = np.argsort(-answer.probabilities.numpy())[:3].tolist()
    if answer.forced:
        ranked = [answer.token]
    colour = position_colour(step) if not answer.is_end else "inherit"
    first, *others = (
        f"{answer.names[place]} {percent(min(float(answer.probabilities[place]), 1.0))}" for place in ranked
    )
    return (
        f'<p class="walk-line">so far: {written or "<i>nothing</i>"} <span>→</span> next: '
        f'<b style="color:{colour}">{first}</b>{"".join(f" <small>{other}</small>" for other in others)}</p>'
    )


def _token(way: Walk, patch: int) -> int:
    return patch + way.has_summary


def _strip_height(way: Walk) -> int:
    """Pixels on the page for a picture of the strip."""
    height, width = way.strip.shape[2:]
    return round(min(630 * height / width, 300)) + 8


def _say_tensor(name: str, array: np.ndarray, what: str = "") -> None:
    """A tensor's name, shape and range, as in the code."""
    shape = f"({', '.join(map(str, array.shape))})" if array.ndim > 1 else f"({array.shape[0]},)"
    meaning = f", {what}" if what else ""
    st.markdown(
        f":small[`{name}` · `{shape}` · values {array.min():.2f} to {array.max():.2f}{meaning}]".replace(
            "-", "−"
        )
    )


def _say_code(lines: Source) -> None:
    with st.expander(f"The lines that do it: {lines.place}", icon=":material/code:"):
        st.code(lines.code, language="python")
