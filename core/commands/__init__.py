"""Arguments in, printed lines and an exit code out: one module for each command of `python -m core`."""
