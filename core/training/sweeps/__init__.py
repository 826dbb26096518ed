"""Sweeps: a file of what to try, the study that trains it, and the figures of what came out."""
