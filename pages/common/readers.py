"""The models, loaded once for all visitors, and what the home page's examples are made of."""

from typing import Literal

import streamlit as st

from core.data.tiles import Tiles
from core.model.checkpoint import BUNDLED
from core.reading import CheckpointError, Reader, limit_threads
from core.reading.example import Example, example, example_sheet, example_tiles
from pages.common import digits, look

Kind = Literal["number", "digit"]


def reader_or_advice(kind: Kind) -> Reader | None:
    """The reader of that kind; or None, and the page says why there is none and what to do."""
    try:
        return _reader(kind)
    except CheckpointError as error:
        with look.empty_state(
            "There is no model to read with", str(error), key="checkpoint", icon=":material/model_training:"
        ):
            st.code(
                f"python -m core train --preset {kind} --out runs/{kind}\n"
                f"cp runs/{kind}/best.safetensors checkpoints/{kind}.safetensors",
                language="bash",
                wrap_lines=True,
            )
        return None


def fresh_example(seed: int) -> Example:
    """A picture made now, and what is written on it."""
    return example(_tiles(digits.mnist().checksum), seed)


def fresh_sheet(seed: int) -> Example:
    """A picture of a sheet with several numbers made now, and what is written on it."""
    return example_sheet(_tiles(digits.mnist().checksum), seed)


def _reader(kind: Kind) -> Reader:
    """A checkpoint that was replaced is loaded anew."""
    path = BUNDLED / f"{kind}.safetensors"
    return _loaded(kind, path.stat().st_mtime if path.exists() else 0.0)


# What is cached here is shared by all visitors at once: nobody changes it.
@st.cache_resource(show_spinner="Loading the model …", max_entries=4)
def _loaded(kind: Kind, last_changed: float) -> Reader:
    limit_threads(1)
    return Reader.from_checkpoint(kind=kind)


@st.cache_resource(show_spinner=False)
def _tiles(checksum: str) -> Tiles:
    return example_tiles(digits.mnist())
