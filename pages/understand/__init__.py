"""Data, attention and mistakes under the glass: the parts of these pages."""
