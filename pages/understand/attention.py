"""Attention: every layer and head of a reading, and what it would be under other conditions."""

from pages.common import look

look.header("understand/attention")
