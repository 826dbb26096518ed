"""Opens the app on the page that was asked for: its navigation, its look, then the page itself."""

import streamlit as st

from pages.common import sitemap


def run() -> None:
    """Run the app once, as Streamlit does for each visit and each thing that a visitor changes."""
    st.set_page_config(page_title=sitemap.APP_NAME, page_icon=":material/draw:", layout="wide")
    # Before anything that takes long to import: until here the first visitor of a fresh server, who comes by way of a
    # file in pages/, has the menu that Streamlit makes of those files.
    sections = {
        section: [_page(screen) for screen in screens] for section, screens in sitemap.SECTIONS.items()
    }
    # Home has the address of the app itself; who asks for it by name is led there.
    sections["Start"].append(
        st.Page(_go_home, title=sitemap.HOME.title, url_path="home", visibility="hidden")
    )
    page = st.navigation(sections)
    # Streamlit and Plotly import pandas late, each in its own script thread, and one can meet it half-imported.
    import pandas  # noqa: F401

    from pages.common import layout

    layout.show_frame()
    page.run()


def _page(screen: sitemap.Screen) -> st.Page:
    home = screen is sitemap.HOME
    return st.Page(screen.file, title=screen.title, icon=screen.icon, url_path=screen.address, default=home)


def _go_home() -> None:
    st.switch_page(sitemap.HOME.file)
