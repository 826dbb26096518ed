"""Runs Streamlit so that every visitor is the first: what a server learns of the app's pages is forgotten between them."""

import sys
from typing import Any

from streamlit.runtime.pages_manager import PagesManager
from streamlit.web import cli

learn = PagesManager.__init__


def forget(self: PagesManager, *arguments: Any, **named: Any) -> None:
    """In place of what happens as a visitor comes."""
    PagesManager.uses_pages_directory = None
    learn(self, *arguments, **named)


if __name__ == "__main__":
    PagesManager.__init__ = forget  # type: ignore[method-assign]
    sys.exit(cli.main())
