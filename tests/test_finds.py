"""What the finder cuts out of scenes, numbers and others: gathered, kept with a training, shown to the model."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from core.config import CanvasSettings, ModelSettings, TrainingSettings
from core.data.canvases.canvas import make_canvases
from core.data.canvases.effects import EFFECTS, place_of
from core.data.canvases.tiles import Finds, Tiles
from core.data.mnist import Mnist
from core.data.scenes.scene import HEIGHT, WIDTH, Scene
from core.model.number_transformer import NumberTransformer
from core.reading.find.crops import _text_at, gather, load_finds, save_finds
from core.reading.find.place import Place
from core.training.reading_task import losses

CANVAS = CanvasSettings(found_share=0.5, difficulty=0)


@pytest.fixture(scope="module")
def finds(sample: Mnist) -> Finds:
    *_, (searched, found) = gather(sample.split("train"), CANVAS, scenes=40)
    assert searched == 40
    return found


def test_scenes_hold_numbers_and_things_that_look_like_them(finds: Finds) -> None:
    assert (finds.lengths > 0).sum() >= 6 and (finds.lengths == 0).sum() >= 2
    assert finds.pictures.shape[1:] == (CANVAS.height, CANVAS.width)
    assert finds.pictures.min() >= 0 and finds.pictures.max() <= 1
    assert (finds.extents[:, 0] < finds.extents[:, 1]).all()
    beyond = torch.arange(finds.labels.shape[1]) >= finds.lengths[:, None]
    assert (finds.labels[beyond] == 0).all() and finds.labels.max() <= 9


def test_the_same_scenes_give_the_same_finds(finds: Finds, sample: Mnist) -> None:
    *_, (_, again) = gather(sample.split("train"), CANVAS, scenes=40)
    assert torch.equal(again.pictures, finds.pictures) and torch.equal(again.labels, finds.labels)


def test_a_place_is_a_number_or_none_or_only_a_part_of_one() -> None:
    outline = np.array([[20.0, 20.0], [80.0, 20.0], [80.0, 50.0], [20.0, 50.0]])
    scene = Scene(np.zeros((HEIGHT, WIDTH), np.uint8), ["4.07"], [outline], [outline + 100])
    assert _text_at(Place((20.0, 20.0, 80.0, 50.0)), scene) == "407"
    assert _text_at(Place((20.0, 20.0, 35.0, 50.0)), scene) is None
    assert _text_at(Place((120.0, 120.0, 180.0, 150.0)), scene) is None  # nobody can say what is there
    assert _text_at(Place((220.0, 20.0, 280.0, 50.0)), scene) == ""


def test_finds_survive_their_file(finds: Finds, tmp_path: Path) -> None:
    save_finds(tmp_path / "finds.npz", finds)
    kept = load_finds(tmp_path / "finds.npz")
    assert torch.allclose(kept.pictures, finds.pictures, atol=1 / 255)
    for name in ("extents", "labels", "lengths"):
        assert torch.equal(getattr(kept, name), getattr(finds, name))
    assert [path.name for path in tmp_path.iterdir()] == ["finds.npz"]


@pytest.fixture
def marked(tiles: Tiles) -> Tiles:
    """A stock whose only find is a gray strip that says 47."""
    gray, extents = torch.full((1, 32, 160), 0.123), torch.tensor([[10.0, 90.0]])
    return replace(tiles, finds=Finds(gray, extents, torch.tensor([[4, 7]]), torch.tensor([2])))


def test_a_share_of_canvases_shows_finds_with_their_labels(marked: Tiles) -> None:
    made = make_canvases(marked, CANVAS, 300, 1)
    shown = (made.pictures == 0.123).all(dim=(1, 2, 3))
    assert 0.4 < shown.float().mean() < 0.6
    assert (made.extents[shown] == torch.tensor([10.0, 90.0])).all() and (made.lengths[shown] == 2).all()
    assert (made.labels[shown] == torch.tensor([4, 7, 0, 0, 0])).all() and (made.boxes[shown] == 0).all()
    plain = CANVAS.model_copy(update={"found_share": 0.0})
    assert not (make_canvases(marked, plain, 100, 1).pictures == 0.123).any()


def test_what_a_camera_does_befalls_finds_too_though_only_half_as_much(marked: Tiles) -> None:
    strengths = torch.zeros(40, len(EFFECTS))
    strengths[:, place_of("noise")] = 1.0
    made = make_canvases(marked, CANVAS, 40, 1, strengths=strengths)
    found = made.extents[:, 0] == 10
    assert (made.strengths[found, place_of("noise")] == 0.5).all()
    assert (made.strengths[~found, place_of("noise")] == 1.0).all()
    assert (made.pictures[found].std(dim=(1, 2, 3)) > 0.005).all()
    assert (made.extents[found] == torch.tensor([10.0, 90.0])).all()


def test_where_no_boxes_are_known_only_the_reading_is_learned(marked: Tiles) -> None:
    only_finds = CANVAS.model_copy(update={"found_share": 1.0})
    model = NumberTransformer(
        ModelSettings(dim=8, heads=2, encoder_layers=1, stem_width=4, stem_depth=1), CANVAS
    )
    terms = losses(model, make_canvases(marked, only_finds, 4, 1), TrainingSettings())
    assert set(terms) == {"reading"} and terms["reading"] > 0


def test_numbers_and_others_are_drawn_equally_often_however_many_there_are() -> None:
    lengths = torch.tensor([0] * 9 + [3])
    uneven = Finds(torch.zeros(10, 4, 4), torch.zeros(10, 2), torch.zeros(10, 3, dtype=torch.int64), lengths)
    drawn = uneven.draw(1000, torch.Generator().manual_seed(0))
    assert 0.45 < (drawn == 9).float().mean() < 0.55
    assert len(uneven.draw(0, torch.Generator())) == 0
