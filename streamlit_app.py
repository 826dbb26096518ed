"""Runs the app: `streamlit run streamlit_app.py`."""

from pages.common import router

router.run()
