"""Teaches the finder to see numbers: windows of scenes that lie on disk, what there is to learn from them, and how well it finds numbers in others."""

from __future__ import annotations

import copy
import hashlib
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor
from torch.nn import functional
from torch.nn.utils.memory_format import convert_conv2d_weight_memory_format

from core.config import RunSettings
from core.data.mnist import Mnist
from core.data.scenes.scene import Scene
from core.data.scenes.store import Shelf
from core.data.scenes.targets import CELL, unpacked
from core.model.device import autocast, chosen
from core.model.finder import Finder
from core.reading.find.search import band, find
from core.training.sightings import Sighting, scenes_of, sighting, tally
from core.training.task import Judged
from core.training.watch import Sighted

WINDOW = (192, 224)
"""Pixels, height and width: what of a scene is learned from at once; most of it is far from any number."""

_HARD, _FEWEST = 3, 2000  # negatives that count for each positive, and at least so many in a batch
_AT_NUMBER = 0.75  # of the windows show a part of one, if there is any
_WATCHED = 6, 2  # scenes with and without numbers


@dataclass(frozen=True)
class FindingTask:
    """The finder learns to see where numbers stand."""

    settings: RunSettings
    shelf: Shelf
    """The scenes to learn from; all of them are made."""
    mnist: Mnist
    """Whose validation digits write in the scenes that it is judged by."""
    start: Finder | None = None
    """Whose weights to begin with, instead of random ones; its norms not yet folded."""

    @property
    def source(self) -> dict[str, str | bool]:
        """The scenes, by how many they are and the first and the last of them."""
        digest = hashlib.sha256(str(len(self.shelf)).encode())
        for arrays in (self.shelf.pictures, self.shelf.maps):
            for place in (0, -1):
                digest.update(arrays[place].tobytes())
        return {"data": digest.hexdigest(), "sample": self.mnist.is_sample}

    @property
    def weights(self) -> dict[str, float]:
        """All terms count once."""
        return {}

    def build(self) -> Finder:
        """A fresh finder, or one with the weights to start from."""
        finder = Finder()
        if self.start is not None:
            finder.load_state_dict(self.start.state_dict())
        convert_conv2d_weight_memory_format(finder, torch.channels_last)
        return finder

    def is_inner(self, name: str) -> bool:
        """All but the first convolution and the last."""
        return not name.startswith(("stem", "head.1"))

    def losses(self, model: Finder, seed: int) -> dict[str, Float[Tensor, ""]]:
        """Of windows of that seed."""
        choices = self.settings.training
        device = chosen(choices.device)
        gray, targets = draw(self.shelf, choices.batch_size, np.random.default_rng(seed))
        with autocast(device, choices.precision):
            maps = model(gray.to(device, memory_format=torch.channels_last))
        return losses(maps.float(), targets.to(device))

    def judge(self, model: Finder) -> Judged:
        """Recall and precision on validation scenes, which are the same every time."""
        finder = copy.deepcopy(model).cpu().eval()
        finder.fold_norms()
        sightings = [sighting(scene, find(scene.picture, finder)) for scene in self._scenes]
        found = tally(sightings)
        scores = {"recall": found.recall, "precision": found.precision, "f1": found.f1}
        return Judged(scores | {"claimed": found.claimed, "score": found.f1}, _watched(sightings, finder))

    @cached_property
    def _scenes(self) -> list[Scene]:
        return scenes_of(self.mnist, "validation", self.settings.training.validation_canvases)


def draw(
    shelf: Shelf, batch: int, random: np.random.Generator
) -> tuple[Float[Tensor, "b 1 h w"], UInt8[Tensor, "b 5 rows columns"]]:
    """Windows of scenes, 0 to 1, and their answers."""
    height, width = WINDOW
    rows, columns = height // CELL, width // CELL
    pictures, targets = [], []
    for index in random.integers(len(shelf), size=batch).tolist():
        answer = shelf.maps[index]
        last = np.array([answer.shape[1] - rows, answer.shape[2] - columns])
        corner = random.integers(0, last + 1)
        cells = np.argwhere(answer[0] == 1)
        if len(cells) and random.random() < _AT_NUMBER:
            corner = (random.choice(cells) - random.integers(8, (rows - 8, columns - 8))).clip(0, last)
        top, left = corner.tolist()
        targets.append(answer[:, top : top + rows, left : left + columns])
        top, left = CELL * top, CELL * left
        pictures.append(shelf.pictures[index, top : top + height, left : left + width])
    gray = torch.from_numpy(np.stack(pictures))[:, None].float() / 255
    return gray, torch.from_numpy(np.stack(targets))


def losses(
    maps: Float[Tensor, "b 5 rows columns"], targets: UInt8[Tensor, "b 5 rows columns"]
) -> dict[str, Float[Tensor, ""]]:
    """Of the band binary cross-entropy, on all positives and the hardest negatives, and dice; of the measures a robust distance."""
    odds, wanted = maps[:, 0], targets[:, 0]
    yes, no = wanted == 1, wanted == 0
    measures = unpacked(targets)
    entropy = functional.binary_cross_entropy_with_logits(odds, yes.float(), reduction="none")
    weight = torch.where(
        yes, (-0.5 * measures[:, 0]).exp2().clamp(0.5, 2.5), 0.0
    )  # small numbers have few cells
    against = entropy[no]
    hardest = against.topk(min(max(_HARD * int(yes.sum()), _FEWEST), len(against))).values
    seen = torch.sigmoid(odds) * (yes | no)
    total = (seen * torch.where(yes, weight, 1.0)).sum() + weight.sum()
    measured = targets[:, 1] > 0
    distance = functional.smooth_l1_loss(maps[:, 1:], measures, reduction="none", beta=0.2).sum(1)
    return {
        "band": (entropy * weight).sum() / weight.sum().clamp(min=1) + hardest.mean(),
        "dice": 1 - 2 * (seen * weight).sum() / (total + 1),
        "measures": (distance * measured).sum() / measured.sum().clamp(min=1),
    }


def _watched(sightings: list[Sighting], finder: Finder) -> Sighted:
    """The first scenes with numbers, and the first without any."""
    filled = [one for one in sightings if one.scene.numbers][: _WATCHED[0]]
    empty = [one for one in sightings if not one.scene.numbers][: _WATCHED[1]]
    shown = filled + empty
    heat = [band(one.scene.picture, finder)[CELL // 2 :: CELL, CELL // 2 :: CELL] for one in shown]
    outlines = [place.outline for one in shown for place in one.places]
    return Sighted(
        pictures=np.stack([one.scene.picture for one in shown]),
        heat=(255 * np.stack(heat)).round().astype(np.uint8),
        outlines=np.array(outlines, np.float32).reshape(-1, 4, 2),
        scenes=np.repeat(np.arange(len(shown)), [len(one.places) for one in shown]),
        numbers=np.array([len(one.scene.numbers) for one in shown]),
        seen=np.array([sum(share > 0 for share in one.overlaps) for one in shown]),
    )
