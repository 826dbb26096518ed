"""Synthetic camera frames, with and without a number."""
