"""Strips in, logits, boxes and attention out: the two transformers and the files that keep them."""
