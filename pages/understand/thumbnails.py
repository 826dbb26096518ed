"""Many small pictures in, one fast grid of them out, each a button: all of them travel as a single picture."""

from __future__ import annotations

import base64
from collections.abc import Callable, Sequence
from typing import Final

import numpy as np
import streamlit as st

from core.reading.overlay import png
from core.understanding.digits.classes import contact_sheet

_COLUMNS: Final = 25  # of the picture that travels; the grid has as many as fit

_STYLE: Final = """
.grid { display: grid; align-items: start; gap: 5px; margin: 0; grid-template-columns: repeat(auto-fill, minmax(var(--wide), 1fr)); }
.grid:not(.full) { grid-template-columns: repeat(auto-fill, var(--wide)); }
button {
  all: unset; box-sizing: border-box; cursor: pointer; display: block; min-width: 0; border-radius: 4px;
  font: 400 .8rem/1.25 var(--st-font); color: var(--st-text-color); text-align: center;
  font-variant-numeric: tabular-nums;
}
button i {
  display: block; width: 100%; aspect-ratio: var(--ratio); border-radius: 4px; background-color: #fff;
  background-repeat: no-repeat; box-shadow: 0 0 0 1px color-mix(in srgb, var(--st-text-color) 16%, transparent);
}
button:hover i { box-shadow: 0 0 0 2px color-mix(in srgb, var(--st-primary-color) 55%, transparent); }
button[aria-pressed=true] i, button:focus-visible i { box-shadow: 0 0 0 3px var(--st-primary-color); }
button span { display: block; white-space: pre-line; padding: .15rem 0 .3rem; overflow-wrap: anywhere; }
"""
# One button at a time can be reached with Tab; arrows go from one to the next, as in any grid.
_SCRIPT: Final = """
export default ({ data, parentElement, setTriggerValue }) => {
  const grid = parentElement.querySelector('.grid');
  const { sheet, columns, rows, notes, captions, chosen } = data;
  grid.setAttribute('aria-label', data.label);
  grid.classList.toggle('full', data.full);
  grid.style.setProperty('--wide', `min(${data.wide}px, 100%)`);
  grid.style.setProperty('--ratio', data.ratio);
  if (grid.sheet !== sheet || grid.notes !== String(notes) + captions) {
    grid.sheet = sheet;
    grid.notes = String(notes) + captions;
    grid.replaceChildren(...notes.map((note, place) => {
      const button = document.createElement('button');
      button.type = 'button';
      button.title = note;
      button.setAttribute('aria-label', note);
      const picture = document.createElement('i');
      const across = 100 * (place % columns) / Math.max(columns - 1, 1);
      const down = 100 * Math.floor(place / columns) / Math.max(rows - 1, 1);
      picture.style.background = `#fff url(${sheet}) ${across}% ${down}% / ${100 * columns}% ${100 * rows}%`;
      picture.style.imageRendering = data.sharp ? 'pixelated' : 'auto';
      button.append(picture);
      if (captions[place]) {
        const words = document.createElement('span');
        words.textContent = captions[place];
        button.append(words);
      }
      return button;
    }));
  }
  const buttons = [...grid.children];
  const first = chosen === null ? 0 : chosen;
  buttons.forEach((button, place) => {
    button.setAttribute('aria-pressed', place === chosen);
    button.tabIndex = place === first ? 0 : -1;
    button.onclick = () => setTriggerValue('picked', place);
  });
  grid.onkeydown = (event) => {
    const now = buttons.indexOf(grid.getRootNode().activeElement);
    const across = buttons.filter((button) => button.offsetTop === buttons[0].offsetTop).length;
    const step = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -across, ArrowDown: across }[event.key];
    const next = { Home: 0, End: buttons.length - 1 }[event.key] ?? now + step;
    if (now < 0 || !buttons[next]) return;
    event.preventDefault();
    buttons[now].tabIndex = -1;
    buttons[next].tabIndex = 0;
    buttons[next].focus();
  };
};
"""


def thumbnails(
    pictures: np.ndarray,
    notes: Sequence[str],
    *,
    key: str,
    label: str,
    on_pick: Callable[[int], None],
    captions: Sequence[str] = (),
    chosen: int | None = None,
    wide: int = 44,
    full: bool = True,
    sharp: bool = False,
) -> None:
    """Show (n, h, w) uint8 pictures, each at least `wide` CSS pixels wide; `on_pick` gets the place of one that is clicked.

    `notes` says of each what it is, for the mouse and for those who cannot see it; `captions` is written below it.
    `label` names the whole. `full` lets them grow to fill the page's width; `sharp` shows pixels as squares.
    """

    def picked() -> None:
        place = st.session_state[key]["picked"]
        if place is not None:
            on_pick(int(place))

    count, height, width = pictures.shape
    columns = min(_COLUMNS, max(count, 1))
    sheet = base64.b64encode(png(contact_sheet(pictures, columns))).decode() if count else ""
    grid = st.components.v2.component(
        "thumbnails", html='<div class="grid" role="group"></div>', css=_STYLE, js=_SCRIPT
    )
    grid(
        data={
            "sheet": f"data:image/png;base64,{sheet}", "columns": columns, "rows": -(-count // columns),
            "ratio": f"{width} / {height}", "notes": list(notes), "captions": list(captions), "chosen": chosen,
            "label": label, "wide": wide, "full": full, "sharp": sharp,
        },
        key=key,
        height="content",
        on_picked_change=picked,
    )  # fmt: skip
