"""python -m core pack: sweeps and their runs in one small file, without the checkpoints."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tyro.conf import Positional

from core.commands.arguments import parse
from core.training.store.tracking import Store
from core.training.sweeps.bundle import pack
from core.training.sweeps.study import SweepError, sweeps


@dataclass(frozen=True)
class Pack:
    """Packs sweeps and their runs into one file, which the Runs and Sweeps pages can open: studies/ablation.zip is such a file."""

    file: Positional[Path]
    """the file to write"""
    sweep: tuple[str, ...] = ()
    """which sweeps of the lab, by name (default: all)"""

    def __call__(self) -> int:
        """Write the file."""
        known = {one.name: one for one in sweeps()}
        missing = [name for name in self.sweep if name not in known]
        if missing or not known:
            raise SweepError(
                f"there is no sweep {', '.join(missing)} in the lab; it has {', '.join(known) or 'none'}"
            )
        chosen = [known[name] for name in self.sweep or sorted(known)]
        count = pack(chosen, Store(), self.file)
        print(f"written: {count} runs of {len(chosen)} sweeps, {self.file}")
        return 0


def main(argv: list[str]) -> int:
    """Run the command."""
    return parse(Pack, argv)()
