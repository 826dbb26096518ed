"""The atlas of typefaces: 230 faces of free licences, handwriting and print, 77 characters each.

`faces.txt` names them with their licences; `faces.npz` holds their pictures.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from jaxtyping import UInt8

ATLAS = Path(__file__).with_name("faces.npz")
SIDE = 32
"""Side of a character's picture in pixels; its longer side fills 28 of them."""


@dataclass(frozen=True)
class Faces:
    """Every character of every face, as large as its picture allows."""

    pictures: UInt8[np.ndarray, "f c 32 32"]
    """Ink bright; a picture without ink is a character that the face lacks."""
    characters: str
    names: list[str]
    is_handwriting: list[bool]

    def character(self, character: str) -> UInt8[np.ndarray, "f 32 32"]:
        """One character in all faces."""
        return self.pictures[:, self.characters.index(character)]


@cache
def load_faces() -> Faces:
    """The atlas beside this file."""
    with np.load(ATLAS, allow_pickle=False) as arrays:
        packed = arrays["pictures"]  # two pixels of 16 levels in a byte: the file is half as large
        pixels = np.stack([packed >> 4, packed & 15], -1).reshape(*packed.shape[:-1], SIDE)
        return Faces(
            pixels * np.uint8(17),
            "".join(arrays["characters"].tolist()),
            arrays["names"].tolist(),
            arrays["is_handwriting"].tolist(),
        )
