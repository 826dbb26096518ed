"""Analysis: what a checkpoint gets right and wrong, and how well it knows it."""

from pages.common import look

look.header("understand/analysis")
