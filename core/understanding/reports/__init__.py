"""Reports on a checkpoint: its figures, sentences, charts, contact sheets and time."""
