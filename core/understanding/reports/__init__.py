"""Analysis of a checkpoint: its figures, sentences, contact sheet and report."""
