"""A strip and marks on its patches in, a board of buttons over the picture out: a patch is chosen by mouse, finger or arrow keys."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable, Mapping
from typing import Final, Literal

import numpy as np
import streamlit as st

from core.config import ModelSettings
from core.reading.overlay import png
from core.understanding.attention.what_if import Patch

Mark = Literal["chosen", "erased", "masked"]

_STYLE: Final = """
.board { position: relative; width: 100%; border-radius: 6px; overflow: hidden; background: #fff; touch-action: manipulation; }
.board img { position: absolute; inset: 0; width: 100%; height: 100%; image-rendering: pixelated; }
button { all: unset; position: absolute; box-sizing: border-box; cursor: pointer; }
button:hover { background: color-mix(in srgb, #5046b8 22%, transparent); }
button:focus-visible { box-shadow: inset 0 0 0 3px #5046b8; }
button.chosen { box-shadow: inset 0 0 0 3px #23222b, inset 0 0 0 5px #fff; }
button.erased { background: #fff linear-gradient(45deg, transparent 47%, #8a8794 47% 53%, transparent 53%);
  box-shadow: inset 0 0 0 1px #8a8794; }
button.masked { background: repeating-linear-gradient(45deg, #23222bcc 0 3px, #6b6878cc 3px 7px); }
"""
# One button at a time can be reached with Tab; arrows go from one to the next.
_SCRIPT: Final = """
export default ({ data, parentElement, setTriggerValue }) => {
  const board = parentElement.querySelector('.board');
  const { height, width, rows, columns, stride, side, marks } = data;
  board.setAttribute('aria-label', data.label);
  board.style.aspectRatio = `${width} / ${height}`;
  board.style.maxWidth = data.wide;
  board.querySelector('img').src = data.picture;
  let buttons = [...board.querySelectorAll('button')];
  if (buttons.length !== rows * columns) {
    buttons.forEach(button => button.remove());
    buttons = Array.from({ length: rows * columns }, () => {
      const button = document.createElement('button');
      button.type = 'button';
      return board.appendChild(button);
    });
  }
  const focused = buttons.indexOf(board.getRootNode().activeElement);
  const first = focused >= 0 ? focused : Math.max(marks.indexOf('chosen'), 0);
  buttons.forEach((button, place) => {
    const row = Math.floor(place / columns), column = place % columns;
    Object.assign(button.style, {
      left: `${100 * column * stride / width}%`, top: `${100 * row * stride / height}%`,
      width: `${100 * side / width}%`, height: `${100 * side / height}%`,
    });
    button.className = marks[place];
    button.title = `row ${row + 1}, column ${column + 1}` + (marks[place] ? `: ${marks[place]}` : '');
    button.setAttribute('aria-label', button.title);
    button.setAttribute('aria-pressed', Boolean(marks[place]));
    button.tabIndex = place === first ? 0 : -1;
    button.onclick = () => setTriggerValue('picked', [row, column]);
  });
  board.onkeydown = event => {
    const now = buttons.indexOf(board.getRootNode().activeElement);
    const step = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -columns, ArrowDown: columns }[event.key];
    const next = now + step;
    if (now < 0 || !buttons[next]) return;
    event.preventDefault();
    buttons[now].tabIndex = -1;
    buttons[next].tabIndex = 0;
    buttons[next].focus();
  };
};
"""


def patch_board(
    rgb: np.ndarray,
    strip_size: tuple[int, int],
    model: ModelSettings,
    marks: Mapping[Patch, Mark],
    *,
    key: str,
    label: str,
    on_pick: Callable[[Patch], None],
) -> None:
    """Show a picture of the strip, HWC uint8 RGB, whose patches can be clicked; `on_pick` gets the patch.

    `strip_size` is the strip's height and width in pixels; `label` says what a click does.
    """

    def picked() -> None:
        place = st.session_state[key]["picked"]
        if place is not None:
            on_pick(Patch(*map(int, place)))

    height, width = strip_size
    rows, columns = model.grid(height, width)
    board = st.components.v2.component(
        "patch_board", html='<div class="board" role="group"><img alt=""></div>', css=_STYLE, js=_SCRIPT
    )
    board(
        data={
            "picture": f"data:image/png;base64,{b64encode(png(rgb)).decode()}",
            "height": height, "width": width, "rows": rows, "columns": columns,
            "stride": model.stride, "side": model.patch_size,
            "marks": [marks.get(Patch(row, column), "") for row in range(rows) for column in range(columns)],
            "label": label, "wide": f"{min(8 * width, 1100)}px",
        },
        key=key,
        height="content",
        on_picked_change=picked,
    )  # fmt: skip
