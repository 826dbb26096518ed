"""Where the lab keeps what it makes: the run store, jobs, sweeps."""

from __future__ import annotations

import os
from pathlib import Path

STATE = "state.safetensors"
"""In a run's folder: everything from which its training goes on."""


def root() -> Path:
    """The folder: `NUMBERS_LAB` of the environment, else `runs` in the checkout. It need not exist yet."""
    return Path(os.environ.get("NUMBERS_LAB") or Path(__file__).resolve().parents[2] / "runs").absolute()
