"""Commands that measure, a module for each: `python -m benchmarks` lists them; with `--write` they write their figures into docs/."""
