"""Canvases: the generator of training pictures with every setting live."""

from pages.common import look

look.header("understand/canvases")
