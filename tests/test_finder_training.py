"""The finder's training: it learns one scene, goes on to the same bits, and asks nothing about what is unclear."""

from itertools import islice
from pathlib import Path

import numpy as np
import pytest
import torch

from core.data.scenes.store import Shelf
from core.data.scenes.targets import maps
from core.model.finder import Finder
from core.training.finder import fit_finder, loss


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    """Two scenes of dark bars, each of them with its outline."""
    pictures, answers = np.full((2, 288, 384), 200, np.uint8), []
    for picture, x in zip(pictures, (100, 200), strict=True):
        picture[120:150, x : x + 80 : 8] = 30
        true = np.array([[x, 120], [x + 80, 120], [x + 80, 150], [x, 150]], float)
        answers.append(maps([true], [], 384, 288))
    folder = tmp_path / "scenes"
    folder.mkdir()
    np.save(folder / "pictures.npy", pictures)
    np.save(folder / "maps.npy", np.stack(answers))
    (folder / "0.done").touch()
    return Shelf(folder)


def fresh() -> Finder:
    torch.manual_seed(1)
    return Finder()


def test_it_learns_where_the_bars_are(shelf: Shelf, tmp_path: Path) -> None:
    records = list(
        fit_finder(fresh(), [shelf], steps=40, batch=2, seed=0, state=tmp_path / "state.safetensors")
    )
    assert [record.step for record in records] == list(range(1, 41))
    first, last = (
        np.mean([record.dice + record.band for record in part]) for part in (records[:5], records[-5:])
    )
    assert last < 0.5 * first


def test_a_stopped_training_goes_on_to_the_same_weights(shelf: Shelf, tmp_path: Path) -> None:
    whole, parted = fresh(), fresh()
    list(fit_finder(whole, [shelf], steps=6, batch=2, seed=0, state=tmp_path / "whole.safetensors"))
    stopped = fit_finder(parted, [shelf], steps=6, batch=2, seed=0, state=tmp_path / "parted.safetensors")
    list(islice(stopped, 3))
    stopped.close()
    again = Finder()
    list(fit_finder(again, [shelf], steps=6, batch=2, seed=0, state=tmp_path / "parted.safetensors"))
    for one, other in zip(whole.state_dict().values(), again.state_dict().values(), strict=True):
        torch.testing.assert_close(one, other, atol=0, rtol=0)


def test_unclear_cells_change_no_loss() -> None:
    targets = torch.zeros(1, 5, 40, 40, dtype=torch.uint8)
    targets[:, 0, 10:14, 10:20] = 1
    targets[:, 1:, 10:14, 10:20] = 128
    targets[:, 0, 30:] = 255
    maps_seen = torch.randn(1, 5, 40, 40)
    before = loss(maps_seen, targets)
    maps_seen[:, 0, 30:] = 9.0
    torch.testing.assert_close(loss(maps_seen, targets), before)
    maps_seen[:, 0, 20:25] = 9.0
    assert sum(loss(maps_seen, targets)) > sum(before) + 1
