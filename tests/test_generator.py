"""What the generator of canvases shows of itself: pictures, truth, effects, distributions and files."""

import io
import json
import zipfile

import numpy as np
import pytest
import torch
from PIL import Image

from core.config import PRESETS, CanvasSettings
from core.data.canvases.canvas import Canvases
from core.data.canvases.effects import EFFECTS, place_of
from core.data.canvases.tiles import Tiles
from core.data.strip import strip
from core.reading.palette import position_rgb
from core.understanding import generator

SETTINGS = CanvasSettings(max_digits=4, empty_share=0.25)


@pytest.fixture(scope="module")
def made(tiles: Tiles) -> Canvases:
    return generator.canvases(tiles, SETTINGS, 30, 5)


def test_the_first_canvases_of_a_seed_are_the_same_however_many_follow(tiles: Tiles, made: Canvases) -> None:
    few, other = generator.canvases(tiles, SETTINGS, 7, 5), generator.canvases(tiles, SETTINGS, 7, 6)
    assert made.pictures.shape == (30, 1, 32, 160) and len(few.pictures) == 7
    assert torch.equal(few.pictures, made.pictures[:7]) and torch.equal(few.boxes, made.boxes[:7])
    assert not torch.equal(other.pictures, few.pictures)


def test_canvases_that_need_searched_frames_are_refused(tiles: Tiles) -> None:
    with pytest.raises(ValueError, match=r"found_share \(0.16\).*set it to 0"):
        generator.canvases(tiles, PRESETS["number"].canvas, 1, 0)


def test_texts_and_effects_are_those_of_the_canvas(made: Canvases) -> None:
    written = made.texts
    assert [len(text) for text in written] == made.lengths.tolist() and "" in written
    effects = generator.met(made, 3)
    assert effects and all(made.strengths[3, place_of(name)] == value for name, value in effects.items())
    assert len(effects) == int((made.strengths[3] > 0).sum())


def test_the_strip_is_what_a_model_is_given(made: Canvases) -> None:
    ink = strip(made.pictures, made.extents)[:, 0].numpy()
    assert np.abs((1 - ink) - generator.strips(made) / 255).max() < 0.003


def test_true_boxes_are_drawn_in_the_colour_of_their_position_around_the_ink(made: Canvases) -> None:
    index = int(made.lengths.argmax())
    picture = generator.boxed(made, index, scale=6)
    assert picture.shape == (32 * 6, 160 * 6, 3)
    for position in range(int(made.lengths[index])):
        left, top, _, _ = (6 * made.boxes[index, position]).int().tolist()
        is_colour = (picture == position_rgb(position)).all(-1)
        rows, columns = np.nonzero(is_colour)
        assert abs(columns.min() - left) <= 1 and abs(rows.min() - top) <= 1


def test_what_the_picture_does_not_show_is_hatched(made: Canvases) -> None:
    index = int((made.extents[:, 0] > 20).nonzero()[0])
    first = int(made.extents[index, 0])
    outside = generator.boxed(made, index, scale=6)[:, : 6 * (first - 1)]
    assert set(np.unique(outside)) == {168, 216}


def test_every_effect_is_shown_alone_on_the_same_canvas_and_explained(tiles: Tiles) -> None:
    clean, *shown = generator.one_by_one(tiles, SETTINGS, 2, 0.9)
    assert clean.name == "none" and [effect.name for effect in shown] == list(EFFECTS)
    for effect in shown:
        assert not np.array_equal(effect.picture, clean.picture), f"{effect.name} shows nothing"
    for effect in generator.one_by_one(tiles, SETTINGS, 2, 0.0)[1:]:
        assert np.array_equal(effect.picture, clean.picture), f"{effect.name} acts at strength 0"
    ink = clean.picture < 128
    for name in ("light", "noise", "blur"):  # the digits stay where they are
        other = next(effect for effect in shown if effect.name == name)
        assert np.median(other.picture[ink]) < np.median(other.picture[~ink])


def test_distributions_are_those_of_the_canvases_that_were_made(tiles: Tiles) -> None:
    found = generator.produced(tiles, SETTINGS, 600, 1)
    assert found.count == found.lengths.sum() == 600 and len(found.lengths) == 5
    assert found.lengths[0] / 600 == pytest.approx(0.25, abs=0.06)
    assert found.lengths[1:] / 450 == pytest.approx([0.25] * 4, abs=0.07)
    digits = (found.lengths * np.arange(5)).sum()
    assert len(found.widths) == len(found.heights) == digits
    assert len(found.gaps) == digits - found.lengths[1:].sum()
    assert 0.1 < found.touching < 0.6 and found.touching == (found.gaps <= 0).mean()
    assert found.shares["edge"] == pytest.approx(0.7, abs=0.07)
    assert 0 < found.strengths["blur"] < 1 and found.per_second > 10


def test_without_difficulty_nothing_is_met_and_single_digits_have_no_gaps(tiles: Tiles) -> None:
    plain = CanvasSettings(width=32, max_digits=1, difficulty=0.0, empty_share=0.0)
    found = generator.produced(tiles, plain, 70, 1)
    assert set(found.shares.values()) == set(found.strengths.values()) == {0.0}
    assert not len(found.gaps) and found.touching == 0.0 and found.lengths.tolist() == [0, 70]


def test_large_canvases_are_measured_on_fewer() -> None:
    assert generator.enough(CanvasSettings()) == 2000
    assert generator.enough(CanvasSettings(height=128, width=1024)) == 256


def test_the_file_holds_every_picture_and_its_truth(tiles: Tiles, made: Canvases) -> None:
    with zipfile.ZipFile(io.BytesIO(generator.as_zip(tiles, SETTINGS, 30, 5, "MNIST"))) as archive:
        labels = json.loads(archive.read("labels.json"))
        assert len(archive.namelist()) == 31
        assert CanvasSettings.model_validate(labels["settings"]) == SETTINGS
        assert (labels["seed"], labels["digits"]) == (5, "MNIST")
        for index, one in enumerate(labels["canvases"]):
            picture = np.asarray(Image.open(io.BytesIO(archive.read(one["file"]))))
            assert np.array_equal(picture, generator.pictures(made)[index])
            assert one["text"] == made.texts[index]
            assert one["boxes"] == made.boxes[index, : len(one["text"])].int().tolist()
            assert one["effects"] == generator.met(made, index)
