"""The study that comes with the repository, offered where there is no run yet."""

from __future__ import annotations

import streamlit as st

from core.training.store.tracking import Store, StoreError
from core.training.sweeps.bundle import BUNDLED, unpack


def offer_study(key: str) -> None:
    """A button that puts the bundled runs and sweeps among one's own; nothing where none came with the code."""
    if not BUNDLED.exists():
        return
    if not st.button("Open the bundled study", icon=":material/inventory_2:", key=key):
        return
    bar = st.progress(0.0, "Unpacking …")
    try:
        for done, total in unpack(BUNDLED, Store()):
            bar.progress(done / total, f"{done} of {total} runs")
    except (StoreError, OSError) as error:
        st.error(f"The study could not be opened: {error}")
        return
    st.cache_data.clear()
    st.rerun()
