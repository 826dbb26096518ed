"""MNIST for the pages: the bundled sample until a visitor asks for all of it. Pages that use the sample say so."""

import streamlit as st

from core.data.mnist import DataUnavailable, Mnist, fetch_mnist, load_mnist


@st.cache_resource(show_spinner="Loading MNIST …")
def mnist() -> Mnist:
    """All of MNIST if it was fetched before, else the sample. Shared by all visitors: nobody changes it."""
    return load_mnist()


def offer_all() -> None:
    """Where the sample is in use: say so, and fetch the rest at a click."""
    if not mnist().is_sample:
        return
    count = len(mnist().train) + len(mnist().test)
    with st.container(horizontal=True, vertical_alignment="center", key="mnist"):
        st.caption(f"Made with the bundled sample of MNIST: {count:,} of its 70,000 digits.", width="content")
        asked = st.button("Get all of MNIST", icon=":material/download:", key="mnist-get")
    if asked:
        bar = st.progress(0.0, "Looking for MNIST …")

        def show(share: float, what: str) -> None:
            bar.progress(min(max(share, 0.0), 1.0), what)

        try:
            fetch_mnist(progress=show)
        except DataUnavailable as error:
            bar.empty()
            st.warning(f"The sample stays in use. {error}")
        else:
            mnist.clear()
            st.rerun()
