"""Errors of ours as one plain line on standard error, and the exit status that goes with them."""

from __future__ import annotations

import sys
from collections.abc import Callable

from core.config import SettingsError
from core.data.mnist import DataUnavailable
from core.model.checkpoint import CheckpointError
from core.training.engine import TrainingDiverged
from core.training.store.tracking import StoreError


def explained(command: Callable[[], int]) -> int:
    """Run a command; an error of ours is printed as what it says, without a traceback, and so is Ctrl-C."""
    try:
        return command()
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        return 130
    except (SettingsError, CheckpointError, DataUnavailable, TrainingDiverged, StoreError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
