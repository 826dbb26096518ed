"""Opens the app on the page that was asked for: its navigation, its look, then the page itself."""

import streamlit as st

from pages.common import sitemap


def run() -> None:
    """Run the app once, as Streamlit does for each visit and each thing that a visitor changes."""
    st.set_page_config(page_title=sitemap.APP_NAME, page_icon=":material/draw:", layout="wide")
    # Before anything that takes long to import: until here the first visitor of a fresh server, who comes by way of a
    # file in pages/, has the menu that Streamlit makes of those files.
    page = st.navigation(
        {
            section: [
                st.Page(screen.file, title=screen.title, icon=screen.icon, default=screen is sitemap.HOME)
                for screen in screens
            ]
            for section, screens in sitemap.SECTIONS.items()
        }
    )
    # Streamlit and Plotly import pandas late, each in its own script thread, and one can meet it half-imported.
    import pandas  # noqa: F401

    from pages.common import layout

    layout.show_frame()
    page.run()
