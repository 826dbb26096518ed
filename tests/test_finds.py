"""What the finder takes for a number where none is: gathered from frames, kept with a training, shown as "nothing"."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from core.config import CanvasSettings
from core.data.canvas import make_canvases
from core.data.frame import CONDITIONS, make_frame
from core.data.mnist import Mnist
from core.data.tiles import Finds, Tiles
from core.reading.finds import _near_a_number, gather, load_finds, save_finds

CANVAS = CanvasSettings(empty_share=1.0, found_share=0.5, difficulty=0)


@pytest.fixture(scope="module")
def finds(sample: Mnist) -> Finds:
    *_, (searched, found) = gather(sample.split("train"), CANVAS, frames=12)
    assert searched == 12
    return found


def test_frames_hold_things_that_look_like_numbers(finds: Finds) -> None:
    assert len(finds.pictures) >= 3
    assert finds.pictures.shape[1:] == (CANVAS.height, CANVAS.width)
    assert finds.pictures.min() >= 0 and finds.pictures.max() <= 1
    assert (finds.extents[:, 0] < finds.extents[:, 1]).all()


def test_the_same_frames_give_the_same_finds(finds: Finds, sample: Mnist) -> None:
    *_, (_, again) = gather(sample.split("train"), CANVAS, frames=12)
    assert torch.equal(again.pictures, finds.pictures) and torch.equal(again.extents, finds.extents)


def test_a_number_and_its_parts_are_no_finds(sample: Mnist) -> None:
    frame = make_frame(sample.split("train"), CONDITIONS[0], 7)
    (_, outline), *_ = frame.numbers
    x, y = outline.mean(axis=0).tolist()
    assert _near_a_number((x - 3, y - 3, x + 3, y + 3), frame)
    left = float(outline[:, 0].min())
    assert not _near_a_number((left - 60, y, left - 30, y + 10), frame)


def test_finds_survive_their_file(finds: Finds, tmp_path: Path) -> None:
    save_finds(tmp_path / "finds.npz", finds)
    kept = load_finds(tmp_path / "finds.npz")
    assert torch.allclose(kept.pictures, finds.pictures, atol=1 / 255) and torch.equal(
        kept.extents, finds.extents
    )
    assert [path.name for path in tmp_path.iterdir()] == ["finds.npz"]


def test_a_share_of_empty_canvases_shows_finds(tiles: Tiles) -> None:
    marker = Finds.of(np.full((1, 32, 160), 0.123, np.float32), np.array([[10.0, 90.0]], np.float32))
    made = make_canvases(replace(tiles, finds=marker), CANVAS, 300, 1)
    shown = (made.pictures == 0.123).all(dim=(1, 2, 3))
    assert 0.4 < shown.float().mean() < 0.6 and (made.lengths == 0).all()
    assert (made.extents[shown] == torch.tensor([10.0, 90.0])).all()
    numbers = CANVAS.model_copy(update={"empty_share": 0.0})
    assert not (make_canvases(replace(tiles, finds=marker), numbers, 100, 1).pictures == 0.123).any()
