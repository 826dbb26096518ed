"""Synthetic pictures of handwritten numbers, made on the fly, with the true box of every digit."""
