"""python -m core scenes: synthetic pictures with numbers in them, on which the finder is trained."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from tqdm import tqdm
from tyro.conf import Positional, arg

from core.commands.arguments import OptionalPath, parse
from core.data.hands.folder import hands_folder, missing
from core.data.scenes.store import write_scenes


@dataclass(frozen=True)
class Scenes:
    """Makes scenes and their answers and keeps them in a folder, 145 kB each, where `python -m core finder` reads them.

    A call that was stopped goes on where it was. NUMBERS_HANDS names the folder of real hands.
    """

    folder: Positional[Path]
    """where they are kept"""
    count: Annotated[int, arg(metavar="N")] = 12_000
    """how many"""
    first_seed: Annotated[int, arg(metavar="N")] = 0
    """the seed of the first; the others follow it"""
    photographs: OptionalPath = None
    """a folder of photographs without digits, to stand behind the sheets"""
    processes: Annotated[int, arg(metavar="N")] = 1
    """how many processes make them"""

    def __call__(self) -> int:
        """Make them with a bar."""
        gaps = missing(hands_folder())
        if gaps:
            print(f"MNIST and typefaces write alone: {hands_folder()} lacks {', '.join(gaps)}")
        with tqdm(total=self.count, unit="scene", dynamic_ncols=True) as bar:
            for done in write_scenes(
                self.folder,
                self.count,
                first_seed=self.first_seed,
                hands=hands_folder(),
                photographs=self.photographs,
                processes=self.processes,
            ):
                bar.update(done - bar.n)
        return 0


def main(argv: list[str]) -> int:
    """Run the command."""
    return parse(Scenes, argv)()
