"""The models, loaded once for all visitors, and the examples that they read."""

from html import escape
from pathlib import Path
from typing import Final, Literal

import streamlit as st

from core import config
from core.data.canvases.tiles import Tiles
from core.model.checkpoint import BUNDLED
from core.model.finder import Finder, load_finder
from core.reading import CheckpointError, Reader, limit_threads
from core.reading.example import Example, example, example_sheet, example_tiles
from pages.common import layout, mnist

Kind = Literal["number", "digit"]
"""Of the models that read."""
_KINDS: Final[dict[Kind, str]] = {"number": "Number", "digit": "Single digit"}
_MODELS: Final[dict[config.Kind, str]] = {"number": "Number", "digit": "Single digit", "finder": "Finder"}


def choose_kind(*, key: str, label: str = "") -> Kind:
    """The control: which of the two models, kept for the whole visit; without a `label` only screen readers are told what it is."""
    kind: Kind = st.segmented_control(
        label or "What to read",
        list(_KINDS),
        default="number",
        format_func=_KINDS.__getitem__,
        key=key,
        required=True,
        persist_state="session",
        label_visibility="visible" if label else "collapsed",
    )
    return kind


def choose_model(*, key: str, label: str) -> config.Kind:
    """The same with the finder beside them."""
    kind: config.Kind = st.segmented_control(
        label,
        list(_MODELS),
        default="number",
        format_func=_MODELS.__getitem__,
        key=key,
        required=True,
        persist_state="session",
    )
    return kind


def reader_or_advice(kind: Kind) -> Reader | None:
    """The reader of that kind; or None, and the page says why there is none and what to do."""
    _say_whose(kind, "Reading")
    _say_whose("finder", "Finding")
    try:
        return _reader(kind)
    except CheckpointError as error:
        _advise("There is no model to read with", kind, error)
        return None


def finder_or_advice() -> Finder | None:
    """The same for the finder, ready for use."""
    _say_whose("finder", "Finding")
    try:
        path = checkpoint_path("finder")
        return _loaded_finder(path, path.stat().st_mtime if path.exists() else 0.0)
    except CheckpointError as error:
        _advise("There is no finder", "finder", error)
        return None


def _advise(title: str, kind: config.Kind, error: CheckpointError) -> None:
    with layout.empty_state(title, str(error), key="checkpoint", icon=":material/model_training:"):
        st.code(
            f"python -m core train --preset {kind} --out runs/{kind}\n"
            f"cp runs/{kind}/best.safetensors checkpoints/{kind}.safetensors",
            language="bash",
            wrap_lines=True,
        )


def _say_whose(kind: config.Kind, does: str) -> None:
    """Whose checkpoint it is that the visitor chose, and the way back to the bundled one."""
    name = used(kind)
    if name is None:
        return
    with st.container(horizontal=True, vertical_alignment="center", key=f"reader-{kind}-used"):
        st.html(
            f"<small>{does} with the checkpoint of the run <b>{escape(name)}</b>.</small>", width="content"
        )
        st.button(
            "Back to the bundled model",
            icon=":material/undo:",
            key=f"reader-{kind}-bundled",
            on_click=use_bundled,
            args=[kind],
        )


def use(kind: config.Kind, path: Path, name: str) -> None:
    """From now on this visitor reads, or finds, with the checkpoint at `path`; `name` says whose it is."""
    st.session_state[f"reader-{kind}"] = path, name


def use_bundled(kind: config.Kind) -> None:
    """Read with the checkpoint that comes with the repository again."""
    st.session_state.pop(f"reader-{kind}", None)


def used(kind: config.Kind) -> str | None:
    """The name of the run whose checkpoint this visitor chose to read with; None for the bundled one."""
    return st.session_state.get(f"reader-{kind}", (None, None))[1]


def checkpoint_path(kind: config.Kind) -> Path:
    """The file that this visitor reads with."""
    path: Path = st.session_state.get(f"reader-{kind}", (BUNDLED / f"{kind}.safetensors",))[0]
    return path


def fresh_example(seed: int, *, count: int | None = None, difficulty: float | None = None) -> Example:
    """A picture made now, of `count` digits if told, and what is written on it."""
    return example(_tiles(mnist.mnist().checksum), seed, digits=count, difficulty=difficulty)


def fresh_sheet(seed: int) -> Example:
    """A picture of a sheet with several numbers made now, and what is written on it."""
    return example_sheet(_tiles(mnist.mnist().checksum), seed)


def _reader(kind: Kind) -> Reader:
    """A checkpoint that was replaced is loaded anew."""
    path = checkpoint_path(kind)
    finder = checkpoint_path("finder") if used("finder") is not None else None
    return _loaded(path, path.stat().st_mtime if path.exists() else 0.0, finder)


# What is cached here is shared by all visitors at once: nobody changes it.
@st.cache_resource(show_spinner="Loading the model …", max_entries=4)
def _loaded(path: Path, last_changed: float, finder: Path | None) -> Reader:
    limit_threads(1)
    return Reader.from_checkpoint(path, finder=None if finder is None else load_finder(finder))


@st.cache_resource(show_spinner="Loading the finder …", max_entries=4)
def _loaded_finder(path: Path, last_changed: float) -> Finder:
    limit_threads(1)
    return load_finder(path)


@st.cache_resource(show_spinner=False)
def _tiles(checksum: str) -> Tiles:
    return example_tiles(mnist.mnist())
