"""Controls that change the strip or the model, and what is read then, beside what was read."""

from __future__ import annotations

import json
from base64 import b64encode
from html import escape
from time import perf_counter
from typing import Final, Literal

import streamlit as st

from core.reading import Reader, Reading
from core.reading.explain import patch_weights
from core.reading.overlay import patches_picture, png, strip_picture
from core.reading.palette import position_colour
from core.understanding.attention.heads import entropy
from core.understanding.attention.what_if import (
    PARTS,
    Answer,
    Change,
    Head,
    Move,
    Patch,
    heads_of,
    patches_of_digit,
    what_if,
)
from pages.common import assets
from pages.common.layout import percent, reading_html
from pages.understand import head_maps
from pages.understand.patch_board import Mark, patch_board

Tool = Literal["erased", "masked"]
_TOOLS: Final[dict[Tool, str]] = {"erased": "Erase: paper", "masked": "Mask: no token"}
_TEMPERATURES: Final = [0.25, 0.35, 0.5, 0.7, 1.0, 1.4, 2.0, 2.8, 4.0]
_STILL: Final = -1
_PATCHES: Final = "what-if-patches"
_OF: Final = "what-if-of"


@st.fragment
def show(reader: Reader, reading: Reading) -> None:
    """The laboratory: what is asked, and the answer."""
    st.header("What if", anchor=False)
    _forget_patches_of_another(reader, reading)
    st.markdown(
        "Change the strip or the model, and it reads again at once. **Erase** a patch, and the model sees paper there. "
        "**Mask** it, and its token is left out of the sequence, as in "
        "[Masked Autoencoders](https://arxiv.org/abs/2111.06377), He et al. 2021: the model is not told what is there, not "
        "even that it is blank. Everything answers on a copy; nothing is saved."
    )
    board = st.container()
    asked, answered = st.columns([1, 1.15], gap="large")
    with asked:
        change = _asked(reader, reading)
    started = perf_counter()
    answer = what_if(reader, reading, change)
    with board:
        _board(reader, reading, answer)
    with answered:
        _show_answer(reader, reading, change, answer, started)
    if st.toggle("All layers and heads after the change", key="what-if-all", persist_state="session"):
        head_maps.show_heads(answer.reader, answer.reading, key="what-if-maps")


def _forget_patches_of_another(reader: Reader, reading: Reading) -> None:
    """Patches and a move belong to a strip; heads and temperature stay with their sliders."""
    of = (reader.settings.model, reading.strip.tobytes())
    if st.session_state.get(_OF) != of:
        st.session_state[_OF] = of
        st.session_state[_PATCHES] = {}
        st.session_state.pop("what-if-move", None)


def _patches() -> dict[Patch, Mark]:
    kept: dict[Patch, Mark] = st.session_state[_PATCHES]
    return kept


def _mark(patches: frozenset[Patch]) -> None:
    """Mark them with the tool in hand, or, where all of them are marked so already, take the marks off."""
    tool: Tool = st.session_state["what-if-tool"]
    kept = _patches()
    if all(kept.get(patch) == tool for patch in patches):
        for patch in patches:
            del kept[patch]
    else:
        kept.update(dict.fromkeys(patches, tool))


def _undo_all(reader: Reader) -> None:
    st.session_state[_PATCHES] = {}
    for part in PARTS:
        st.session_state[_heads_key(reader, part)] = []
    st.session_state["what-if-temperature"] = 1.0
    st.session_state["what-if-move"] = _STILL


def _board(reader: Reader, reading: Reading, answer: Answer) -> None:
    """The strip as it is now; a click on a patch marks it."""
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        st.segmented_control(
            "A click on a patch will",
            list(_TOOLS),
            default="erased",
            format_func=_TOOLS.__getitem__,
            key="what-if-tool",
            required=True,
            persist_state="session",
        )
        for place, digit in enumerate(reading.digits):
            st.button(
                f"The whole {digit.symbol}",
                key=f"what-if-digit-{place}",
                icon=":material/select_all:",
                on_click=_mark,
                args=[patches_of_digit(reader, reading, place)],
            )
        st.button(
            "Undo all",
            icon=":material/undo:",
            key="what-if-undo",
            type="tertiary",
            on_click=_undo_all,
            args=[reader],
        )
    model = reader.settings.model
    patch_board(
        patches_picture(answer.reading.strip, model, {}, scale=head_maps.scale_of(reading, 640)),
        (reading.strip.shape[0], reading.strip.shape[1]),
        model,
        _patches(),
        key="what-if-board",
        label="Erase or mask patches: arrow keys move, Enter marks",
        on_pick=lambda patch: _mark(frozenset([patch])),
    )


def _asked(reader: Reader, reading: Reading) -> Change:
    """The controls of model and digits, together with the marked patches."""
    temperature = st.select_slider(
        "Temperature of all attention",
        _TEMPERATURES,
        1.0,
        key="what-if-temperature",
        persist_state="session",
        format_func=lambda value: f"{value:g}",
        help="Scores are divided by it: above 1 attention spreads out, below 1 it sharpens.",
    )
    off = _heads_off(reader)
    marks = _patches()
    return Change(
        erased=frozenset(patch for patch, mark in marks.items() if mark == "erased"),
        masked=frozenset(patch for patch, mark in marks.items() if mark == "masked"),
        off=frozenset(off),
        temperature=temperature,
        move=_moved(reading),
    )


def _heads_key(reader: Reader, part: str) -> str:
    count = sum(head.part == part for head in heads_of(reader))
    return f"what-if-heads-{part}-{count}-{reader.settings.model.heads}"


def _heads_off(reader: Reader) -> list[Head]:
    st.markdown("**Heads** that are switched off (layer.head)")
    heads = heads_of(reader)
    off: list[Head] = []
    for part in PARTS:
        these = [head for head in heads if head.part == part]
        if these:
            off += st.pills(
                head_maps.PART_NAMES[part],
                these,
                selection_mode="multi",
                key=_heads_key(reader, part),
                format_func=lambda head: f"{head.layer + 1}.{head.head + 1}",
                wrap=True,
                persist_state="session",
            )
    return off


def _moved(reading: Reading) -> Move | None:
    if not reading.digits:
        return None
    height, width = reading.strip.shape
    if st.session_state.get("what-if-move") not in range(_STILL, len(reading.digits)):
        st.session_state["what-if-move"] = _STILL
    digit = st.segmented_control(
        "Move a digit",
        range(_STILL, len(reading.digits)),
        key="what-if-move",
        required=True,
        format_func=lambda place: "None" if place == _STILL else reading.text[place],
    )
    if digit is None or digit == _STILL:
        return None
    across, down = st.columns(2, gap="medium")
    dx = across.slider("To the right", -width, width, 0, key=f"what-if-dx-{width}", format="%d px")
    dy = down.slider("Down", -height, height, 0, key=f"what-if-dy-{height}", format="%d px")
    return Move(digit, dx, dy)


def _show_answer(reader: Reader, reading: Reading, change: Change, answer: Answer, started: float) -> None:
    """Before and after: the reading, each digit's probability, and where the model looked."""
    sides = _side("Before", reader, reading), _side("After", answer.reader, answer.reading)
    st.html(f'<div class="sides">{"".join(sides)}</div>{assets.style("what_if.css")}')
    if reading.digits:
        st.markdown("**How likely each digit of the first reading is**, given those before it")
        st.html(_odds(reading, answer))
    st.caption(
        f"Read again in {answer.milliseconds:.0f} ms, and shown after {1e3 * (perf_counter() - started):.0f} ms on the server. "
        "One processor thread."
    )
    st.download_button(
        "What if (JSON)",
        lambda: json.dumps(_as_dict(reading, change, answer), indent=2),
        f"what-if-{reading.text or 'nothing'}.json",
        "application/json",
        icon=":material/download:",
        key="what-if-json",
        on_click="ignore",
    )


def _side(title: str, reader: Reader, reading: Reading) -> str:
    """HTML of a reading and of where each of its digits was looked for: side by side with another, on a phone too."""
    weights = patch_weights(reader, reading) if reading.digits else None
    picture = b64encode(
        png(strip_picture(reading, reader.settings.model, weights, scale=head_maps.scale_of(reading, 640)))
    ).decode()
    spread = entropy(reading.attention, "encoder").bits.mean() if reading.attention else 0.0
    return (
        f'<section class="{title.lower()}"><h4>{title}</h4>{reading_html(reading)}'
        f'<img alt="{title}: where the model looked for each digit of {reading.text or "nothing"}" '
        f'src="data:image/png;base64,{picture}"><small>Encoder\'s attention: {spread:.2f} bits, the mean of all heads.</small></section>'
    )


def _odds(reading: Reading, answer: Answer) -> str:
    """HTML: for each digit that was read, how likely it was (pale) and is now. A chart of Plotly's takes ten times as long."""
    rows = []
    for place, (digit, now) in enumerate(zip(reading.digits, answer.kept, strict=True)):
        bars = "".join(
            f'<i class="{name}" style="width:{100 * share:.1f}%"></i><small>{percent(min(share, 1.0))} {name}</small>'
            for name, share in (("before", digit.probability), ("after", now))
        )
        rows.append(
            f'<b style="--ink:{position_colour(place)}">{escape(digit.symbol)}</b><div style="--ink:{position_colour(place)}">{bars}</div>'
        )
    return f'<div class="odds">{"".join(rows)}</div>{assets.style("what_if.css")}'


def _as_dict(reading: Reading, change: Change, answer: Answer) -> dict[str, object]:
    """What was asked and answered, ready for JSON; rows, columns, layers and heads are counted from 0."""
    return {
        "change": {
            "erased": sorted(change.erased),
            "masked": sorted(change.masked),
            "heads_off": sorted(change.off),
            "temperature": change.temperature,
            "move": change.move and change.move._asdict(),
        },
        "before": reading.to_dict(),
        "after": answer.reading.to_dict(),
        "probability_now_of_each_digit_read_before": list(answer.kept),
        "milliseconds": answer.milliseconds,
    }
