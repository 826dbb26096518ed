"""The router: `streamlit run streamlit_app.py`."""

# Streamlit and Plotly import pandas late, each in its own script thread, and one can meet it half-imported.
import pandas  # noqa: F401
import streamlit as st

from pages.common import layout, sitemap

st.set_page_config(page_title=layout.APP_NAME, page_icon=":material/draw:", layout="wide")
layout.dress()

page = st.navigation(
    {
        section: [
            st.Page(screen.file, title=screen.title, icon=screen.icon, default=screen is sitemap.HOME)
            for screen in screens
        ]
        for section, screens in sitemap.SECTIONS.items()
    }
)
page.run()
