"""The tests; `tests.browser` needs a Chromium, everything else only the environment."""
