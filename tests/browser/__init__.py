"""Tests that open the real app in a headless Chromium."""
