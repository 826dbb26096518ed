"""Commands that print the figures README quotes: each as a median, and as a ratio to a reference timed in the same run."""
