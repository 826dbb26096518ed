"""The run store: every training with its settings, curves and best checkpoint, kept with MLflow."""
