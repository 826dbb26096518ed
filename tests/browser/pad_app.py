"""A small app for the test of the drawing pad: the pad, what it returned, and another page to go away to."""

import time

import streamlit as st

from pages.common import layout, pad


def drawing() -> None:
    st.title("Pad")
    time.sleep(float(st.query_params.get("seconds", 0)))
    ink = pad.drawing_pad()
    if ink is None:
        st.text("blank")
        return
    rows, columns = (ink < 128).nonzero()
    st.text(
        f"ink {len(rows)} in x {columns.min()} to {columns.max()}, y {rows.min()} to {rows.max()}; {ink.shape} {ink.dtype}"
    )


def elsewhere() -> None:
    st.title("Elsewhere")


st.set_page_config(layout="wide")
layout.show_frame()
st.navigation([st.Page(drawing, title="Pad", default=True), st.Page(elsewhere, title="Elsewhere")]).run()
