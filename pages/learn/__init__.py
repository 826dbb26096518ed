"""The model explained, step by step: the parts of these pages."""
