"""Notebook: the guided walk through the model in code, to read here or to take along."""

from pages.common import look

look.header("learn/notebook")
