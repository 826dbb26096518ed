"""Trains the models, measures them, and keeps what every run made."""
