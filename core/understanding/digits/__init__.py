"""Digits under the glass: their classes, their neighbours, their doubtful labels."""
