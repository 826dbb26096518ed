"""Digits: MNIST by label, split and place, as maps and by how hard each digit is."""

from pages.common import look

look.header("understand/data")
