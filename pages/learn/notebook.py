"""The Notebook page: the guided tour of the model in code, to read here or to take along."""

from pathlib import Path

import streamlit as st

from core.understanding.notebook import GUIDE, Code, NotebookError, Text, read_notebook
from pages.common import assets, layout, sitemap


@st.cache_data(show_spinner=False, max_entries=2)
def cells(path: Path, last_changed: float) -> list[Text | Code]:
    """A notebook that was run again is read again."""
    return read_notebook(path)


def show_text(text: Text) -> None:
    """Words, under their heading if they have one."""
    if text.heading is not None:
        st.header(text.heading, anchor=text.anchor)
    st.markdown(text.body)


def show_code(code: Code, place: int) -> None:
    """Lines, and below them what they printed and drew."""
    with st.container(key=f"notebook-cell-{place}"):
        st.code(code.source, language="python")
        for output in code.outputs:
            if isinstance(output, bytes):
                st.image(output, alt=f"What the lines above draw (cell {code.number}).", width="content")
            else:
                st.code(output.rstrip(), language=None)


layout.header(sitemap.NOTEBOOK)
st.html(assets.style("notebook.css"))
try:
    parts = cells(GUIDE, GUIDE.stat().st_mtime if GUIDE.exists() else 0.0)
except NotebookError as error:
    layout.empty_state("The notebook is not here", str(error), key="notebook", icon=":material/menu_book:")
    st.stop()

contents, story = st.columns([1, 3.9], gap="large")
with contents.container(key="notebook-contents"):
    st.download_button(
        "Download (.ipynb)",
        GUIDE.read_bytes(),
        GUIDE.name,
        "application/x-ipynb+json",
        icon=":material/download:",
        key="notebook-download",
        on_click="ignore",
    )
    titled = [part for part in parts if isinstance(part, Text) and part.heading is not None]
    st.markdown(
        "  \n".join(f"[{layout.escape_markdown(part.heading or '')}](#{part.anchor})" for part in titled)
    )
with story:
    st.markdown(
        "This is the notebook as it was last run, with its outputs. It is made of the very modules that read numbers in this app."
    )
    for place, part in enumerate(parts):
        if isinstance(part, Text):
            show_text(part)
        else:
            show_code(part, place)
