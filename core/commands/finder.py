"""python -m core finder: trains the model that sees where numbers stand."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import torch
from tqdm import tqdm
from tyro.conf import Positional, arg

from core.commands.arguments import parse
from core.data.scenes.store import Shelf
from core.model.finder import Finder as Model
from core.model.finder import save_finder
from core.training.finder import fit_finder
from core.training.lab import STATE


@dataclass(frozen=True)
class Finder:
    """Trains the finder on scenes that `python -m core scenes` made, into a folder with its weights.

    Ctrl-C keeps what was learned so far; the same call goes on from there.
    """

    scenes: Positional[tuple[Path, ...]]
    """folders of scenes"""
    out: Path = Path("runs/finder")
    """the folder of this training"""
    steps: Annotated[int, arg(metavar="N")] = 16_000
    """steps in all"""
    batch: Annotated[int, arg(metavar="N")] = 12
    """windows of scenes a step"""
    seed: Annotated[int, arg(metavar="N")] = 0
    """of the first weights, and of the order of the scenes"""

    def __call__(self) -> int:
        """Train with a bar."""
        self.out.mkdir(parents=True, exist_ok=True)
        torch.manual_seed(self.seed)
        model = Model()
        shelves = [Shelf(folder) for folder in self.scenes]
        training = fit_finder(
            model, shelves, steps=self.steps, batch=self.batch, seed=self.seed, state=self.out / STATE
        )
        with tqdm(total=self.steps, unit="step", dynamic_ncols=True) as bar:
            for record in training:
                bar.update(record.step - bar.n)
                bar.set_postfix(
                    band=f"{record.band:.3f}", dice=f"{record.dice:.3f}", measures=f"{record.measures:.3f}"
                )
        save_finder(self.out / "finder.safetensors", model, f"{self.steps} steps of {self.batch} windows")
        return 0


def main(argv: list[str]) -> int:
    """Run the command."""
    return parse(Finder, argv)()
