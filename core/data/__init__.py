"""Digits, the canvases and scenes made of them, and the strip, which is the one input of the reading models."""
