"""Models trained, compared and tuned: the parts of these pages."""
