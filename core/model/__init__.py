"""The two transformers, which read strips, and the files that keep them."""
