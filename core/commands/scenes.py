"""python -m core scenes: synthetic pictures with numbers in them, on which the finder is trained."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from tyro.conf import Positional, arg

from core.commands.arguments import OptionalPath, parse
from core.commands.learning import make_scenes, photographs_folder


@dataclass(frozen=True)
class Scenes:
    """Makes scenes and their answers and keeps them in a folder, 145 kB each, from which the finder can learn.

    A training of the finder makes its scenes by itself; it takes these where they lie in the lab's folder `scenes` and the setting scenes.name
    names them. A call that was stopped goes on where it was. NUMBERS_HANDS names the folder of real hands.
    """

    folder: Positional[Path]
    """where they are kept"""
    count: Annotated[int, arg(metavar="N")] = 12_000
    """how many"""
    first_seed: Annotated[int, arg(metavar="N")] = 0
    """the seed of the first; the others follow it"""
    photographs: OptionalPath = None
    """a folder of photographs without digits, to stand behind the sheets; else the one that NUMBERS_PHOTOGRAPHS names, if any"""
    processes: Annotated[int, arg(metavar="N")] = 1
    """how many processes make them"""

    def __call__(self) -> int:
        """Make them with a bar."""
        make_scenes(
            self.folder,
            self.count,
            first_seed=self.first_seed,
            photographs=self.photographs or photographs_folder(),
            processes=self.processes,
            sample=False,
        )
        return 0


def main(argv: list[str]) -> int:
    """Run the command."""
    return parse(Scenes, argv)()
