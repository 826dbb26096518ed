"""Maps of the attention of each layer and head with their entropy, one of them large, and that of one patch."""

from __future__ import annotations

import csv
import io
import json
from base64 import b64encode
from collections.abc import Callable
from html import escape
from typing import Final, Literal, NamedTuple

import numpy as np
import plotly.graph_objects as go
import streamlit as st

from core.reading import Reader, Reading
from core.reading.overlay import patches_picture, png
from core.reading.palette import position_colour
from core.reading.reading import Attention
from core.understanding.attention.heads import (
    digits_look_at,
    entropy,
    looked_at_by,
    looks_at,
    matrix_picture,
    mosaic,
    of_step,
    received,
    weights_of,
)
from core.understanding.attention.what_if import PARTS, Part, Patch
from pages.common import assets
from pages.common.charts import show_chart
from pages.common.layout import percent
from pages.understand.patch_board import patch_board

PART_NAMES: Final[dict[Part, str]] = {"encoder": "Encoder", "decoder": "Decoder", "cross": "Cross-attention"}
_SAID: Final[dict[Part, str]] = {
    "encoder": "Here patches look at patches, to learn what is around them. Green belongs to no digit.",
    "decoder": "While it writes, each step looks back at what was written before it. Rows are steps, columns what they look at.",
    "cross": "To write a digit, a step looks at the patches: in the colour of the digit's place.",
}
_SUMMARY: Final = (
    "The summary token looks at the patches and names the digit; what it keeps for itself is left out."
)
_VIEWS: Final = {
    "received": "How much each patch is looked at",
    "patch": "Where the patch chosen below looks",
    "tokens": "Every token (row) to every token (column)",
}
_GREEN: Final = (38, 138, 62)  # no position has it
_SMALL, _LARGE = 320, 960  # pixels that a map of a strip is wide, about; lines between patches are one pixel
_MEAN: Final = "Mean"


class _Seen(NamedTuple):
    """Which attention is looked at, and how."""

    part: Part
    view: str
    patch: Patch
    step: int | None


def show_heads(reader: Reader, reading: Reading, *, key: str, patch: Patch | None = None) -> None:
    """The grid of one part of the model, the choice of layer, head and step, and that map large.

    Without `patch` no map of one patch is offered.
    """
    attention = _attention(reading)
    seen = _choose_part(reader, reading, patch, key)
    if seen.part == "cross" and not reading.digits:
        st.caption("No digit was read, and so none was looked for.")
        return
    layers, heads = weights_of(attention, seen.part).shape[:2]
    with st.container(horizontal=True, gap="medium"):
        layer = scrub("Layer", layers, key=f"{key}-layer-{seen.part}", last=True)
        head = scrub("Head", heads, key=f"{key}-head", mean=True)
        if seen.part == "cross" and len(reading.digits) > 1:
            seen = seen._replace(step=_scrub_steps(reading, key))
    drawn = [
        [_drawn(reader, reading, seen, one, other, _SMALL) for other in range(heads)] for one in range(layers)
    ]
    spread = entropy(attention, seen.part, seen.step)
    captions = [
        [(f"{bits:.2f} bits", f"{share:.0%}") for bits, share in zip(*both, strict=True)]
        for both in zip(spread.bits, spread.share, strict=True)
    ]
    st.html(_grid_html(drawn, captions, layer, head), width="stretch")
    st.caption(
        f"Below each map its entropy: 0 bits is a look at one place alone; {spread.most:.2f} bits, 100%, is a look at "
        "everything alike. Each map is darkest where it is highest."
    )
    _show_large(reader, reading, seen, layer, head, key)
    _save(reading, seen.part, drawn, captions, spread.bits, key)


def choose_patch(reader: Reader, reading: Reading, *, key: str) -> Patch:
    """The patch that was chosen last; at first, or where it does not exist, the one that is looked at most."""
    rows, columns = reader.model.grid
    kept: Patch | None = st.session_state.get(f"{key}-patch")
    if kept is None or not (kept.row < rows and kept.column < columns):
        received_by = received(_attention(reading)).mean((0, 1))
        kept = Patch(*(int(place) for place in np.unravel_index(received_by.argmax(), received_by.shape)))
        st.session_state[f"{key}-patch"] = kept
    return kept


def show_patch(reader: Reader, reading: Reading, patch: Patch, *, key: str) -> None:
    """A board to choose a patch on, and what it attends to and what attends to it in one layer and head of the encoder."""
    attention, model = _attention(reading), reader.settings.model
    rows, columns = attention.grid

    def pick(patch: Patch) -> None:
        st.session_state[f"{key}-patch"] = patch

    patch_board(
        patches_picture(reading.strip, model, {}, scale=scale_of(reading, 640)),
        (reading.strip.shape[0], reading.strip.shape[1]),
        model,
        {patch: "chosen"},
        key=f"{key}-board",
        label="Choose a patch: arrow keys move, Enter chooses",
        on_pick=pick,
    )
    with st.container(horizontal=True, gap="medium"):
        places = {"row": (patch.row, rows), "column": (patch.column, columns)}
        for name, (now, count) in places.items():
            st.session_state[f"{key}-{name}"] = now + 1
            st.number_input(
                name.capitalize(),
                1,
                count,
                key=f"{key}-{name}",
                width=130,
                on_change=lambda: pick(
                    Patch(st.session_state[f"{key}-row"] - 1, st.session_state[f"{key}-column"] - 1)
                ),
            )
        layer = scrub("Encoder layer", attention.encoder.shape[0], key=f"{key}-patch-layer", last=True)
        head = scrub("Encoder head", attention.encoder.shape[1], key=f"{key}-patch-head", mean=True)
    titles = {"What it attends to": looks_at, "What attends to it": looked_at_by}
    for column, (title, maps) in zip(st.columns(2, gap="large"), titles.items(), strict=True):
        weights = _of_head(maps(attention, patch), layer, head)
        highest = Patch(*(int(place) for place in np.unravel_index(weights.argmax(), weights.shape)))
        with column.container(key=f"{key}-{'from' if maps is looks_at else 'to'}"):
            st.markdown(f"**{title}**")
            st.image(
                patches_picture(
                    reading.strip, model, {0: weights}, scale=scale_of(reading, 800), colour=_GREEN
                ),
                alt=f"{title}, the patch in row {patch.row + 1}, column {patch.column + 1}",
                width=_shown(reading),
                output_format="PNG",
            )
            st.caption(
                f"Most: row {highest.row + 1}, column {highest.column + 1}, with {percent(float(weights.max()))}."
            )
    if reading.digits:
        shares = digits_look_at(attention, patch)[-1].mean(0)
        percents = " &ensp; ".join(
            f'<b style="color:{position_colour(place)}">{escape(digit.symbol)}</b> {percent(float(share))}'
            for place, (digit, share) in enumerate(zip(reading.digits, shares, strict=True))
        )
        st.html(f"Share of each digit's look that went to this patch, in the last layer: {percents}")


def scrub(label: str, count: int, *, key: str, mean: bool = False, last: bool = False) -> int | None:
    """A slider over layers or heads, which arrow keys move; counted from 0, None is the mean. Of one thing there is no choice."""
    if count == 1:
        return 0
    options = [*([_MEAN] if mean else []), *map(str, range(1, count + 1))]
    chosen = st.select_slider(
        label, options, options[-1 if last else 0], key=f"{key}-{count}", persist_state="session", width=230
    )
    return None if chosen == _MEAN else int(chosen) - 1


def scale_of(reading: Reading, wide: int) -> int:
    """Pixels of a picture for a pixel of the strip, if it is to be about `wide` pixels wide; a small strip stays small."""
    return min(max(wide // reading.strip.shape[1], 1), 10)


def _shown(reading: Reading) -> int | Literal["stretch"]:
    """How wide a map is on the page: a long one fills its place, a square one would be too high."""
    return "stretch" if reading.strip.shape[1] > reading.strip.shape[0] else 320


def _attention(reading: Reading) -> Attention:
    assert reading.attention is not None  # pages ask before
    return reading.attention


def _choose_part(reader: Reader, reading: Reading, patch: Patch | None, key: str) -> _Seen:
    is_number = reader.settings.model.kind == "number"
    parts = [part for part in PARTS if is_number or part != "decoder"]
    with st.container(horizontal=True, gap="medium", vertical_alignment="bottom"):
        part = st.segmented_control(
            "Part of the model",
            parts,
            default="encoder",
            format_func=lambda part: PART_NAMES[part] if is_number or part == "encoder" else "Summary token",
            key=f"{key}-part-{len(parts)}",
            required=True,
            persist_state="session",
        )
        view = "received"
        if part == "encoder":
            views = [view for view in _VIEWS if patch is not None or view != "patch"]
            view = st.selectbox(
                "Each map shows",
                views,
                format_func=_VIEWS.__getitem__,
                key=f"{key}-view",
                persist_state="session",
                width=330,
            )
    st.caption(_SAID[part] if is_number or part == "encoder" else _SUMMARY)
    return _Seen(part, view, patch or Patch(0, 0), 0 if part == "cross" else None)


def _scrub_steps(reading: Reading, key: str) -> int:
    steps = range(len(reading.digits))
    name = f"{key}-step-{len(steps)}"
    return st.select_slider(
        "Step of decoding",
        steps,
        format_func=lambda step: f"{step + 1}: writes {reading.text[step]}",
        key=name,
        persist_state="session",
        width=230,
    )


def _maps(reading: Reading, seen: _Seen) -> np.ndarray:
    """(layers, heads, rows, columns), or of tokens (layers, heads, queries, keys)."""
    attention = _attention(reading)
    if seen.step is not None:
        return of_step(attention, seen.step)
    if seen.part == "decoder" or seen.view == "tokens":
        return weights_of(attention, seen.part)
    return looks_at(attention, seen.patch) if seen.view == "patch" else received(attention)


def _of_head(maps: np.ndarray, layer: int | None, head: int | None) -> np.ndarray:
    return maps[layer or 0].mean(0) if head is None else maps[layer or 0, head]


def _drawn(
    reader: Reader, reading: Reading, seen: _Seen, layer: int | None, head: int | None, wide: int
) -> np.ndarray:
    """HWC uint8 RGB of one map."""
    weights = _of_head(_maps(reading, seen), layer, head)
    if seen.part == "decoder" or seen.view == "tokens":
        return matrix_picture(weights, _GREEN)
    return patches_picture(
        reading.strip,
        reader.settings.model,
        {seen.step or 0: weights},
        scale=scale_of(reading, wide),
        colour=_GREEN if seen.step is None else None,
    )


def _grid_html(
    drawn: list[list[np.ndarray]], captions: list[list[tuple[str, str]]], layer: int | None, head: int | None
) -> str:
    height, width = drawn[0][0].shape[:2]
    cells = []
    for one, (pictures, row) in enumerate(zip(drawn, captions, strict=True)):
        cells.append(f"<h4>Layer {one + 1}</h4>")
        for other, (picture, (bits, share)) in enumerate(zip(pictures, row, strict=True)):
            chosen = ' class="chosen"' if one == layer and head in (None, other) else ""
            data = b64encode(png(picture)).decode()
            cells.append(
                f'<figure{chosen}><img alt="Layer {one + 1}, head {other + 1}" src="data:image/png;base64,{data}">'
                f"<figcaption>Head {other + 1} <span><b>{bits}</b>, {share}</span></figcaption></figure>"
            )
    shape = "heads" if width > height else "heads square"
    return f'<div class="{shape}" style="--heads:{len(drawn[0])}">{"".join(cells)}</div>{assets.style("head_maps.css")}'


def _show_large(
    reader: Reader, reading: Reading, seen: _Seen, layer: int | None, head: int | None, key: str
) -> None:
    which = f"Layer {(layer or 0) + 1}, " + ("mean of all heads" if head is None else f"head {head + 1}")
    if seen.part == "decoder":
        weights = _of_head(_maps(reading, seen), layer, head)
        show_chart(_steps_chart(reading, weights, which), key=f"{key}-steps", height=90 + 44 * len(weights))
        return
    picture = _drawn(reader, reading, seen, layer, head, _LARGE)
    st.markdown(f"**{which}**")
    st.image(
        picture,
        alt=f"Attention of {which.lower()}",
        width=640 if picture.shape[1] > picture.shape[0] else 320,
        output_format="PNG",
    )


def _steps_chart(reading: Reading, weights: np.ndarray, title: str) -> go.Figure:
    """Who looks back at what, in words, with the shares written in."""
    fed = ["start", *(f"{place + 1}: {digit}" for place, digit in enumerate(reading.text))][: len(weights)]
    written = [*(f"writes {digit}" for digit in reading.text), "writes end"][: len(weights)]
    seen = np.tril(np.ones_like(weights)) > 0
    chart = go.Heatmap(
        z=np.where(seen, weights, np.nan),
        text=[
            [percent(min(float(one), 1.0)) if shown else "" for one, shown in zip(*row, strict=True)]
            for row in zip(weights, seen, strict=True)
        ],
        texttemplate="%{text}",
        hovertemplate="%{y}, looks at %{x}: %{text}<extra></extra>",
        colorscale=[[0, "#ffffff"], [1, f"rgb{_GREEN}"]],
        zmin=0,
        zmax=1,
        xgap=2,
        ygap=2,
        showscale=False,
    )
    places = list(range(len(weights)))
    return go.Figure(
        chart,
        layout={
            "title": {"text": title},
            "xaxis": {
                "tickvals": places,
                "ticktext": fed,
                "side": "bottom",
                "showgrid": False,
                "fixedrange": True,
            },
            "yaxis": {
                "tickvals": places,
                "ticktext": written,
                "autorange": "reversed",
                "showgrid": False,
                "zeroline": False,
                "fixedrange": True,
            },
        },
    )


def _save(
    reading: Reading,
    part: Part,
    drawn: list[list[np.ndarray]],
    captions: list[list[tuple[str, str]]],
    bits: np.ndarray,
    key: str,
) -> None:
    attention = _attention(reading)
    name = f"{part}-{reading.text or 'nothing'}"

    def weights() -> str:
        exported = {
            "part": part,
            "text": reading.text,
            "grid": attention.grid,
            "axes": ["layer", "head", "looks", "looked at"],
            "weights": np.round(weights_of(attention, part).astype(float), 6).tolist(),
        }
        return json.dumps(exported)

    def entropies() -> str:
        table = io.StringIO()
        rows = csv.writer(table, lineterminator="\n")
        rows.writerow(["layer", "head", "entropy_bits"])
        rows.writerows((one + 1, other + 1, f"{value:.4f}") for (one, other), value in np.ndenumerate(bits))
        return table.getvalue()

    files: dict[str, tuple[Callable[[], str | bytes], str, str]] = {
        "Maps (PNG)": (
            lambda: png(mosaic(drawn, [[", ".join(cell) for cell in row] for row in captions])),
            f"{name}.png",
            "image/png",
        ),
        "Weights (JSON)": (weights, f"{name}.json", "application/json"),
        "Entropy (CSV)": (entropies, f"{name}-entropy.csv", "text/csv"),
    }
    with st.container(horizontal=True):
        for label, (data, file, kind) in files.items():
            st.download_button(
                label,
                data,
                file,
                kind,
                icon=":material/download:",
                key=f"{key}-save-{kind}",
                on_click="ignore",
            )
