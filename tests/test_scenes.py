"""Scenes to train the finder on: whatever is drawn, the outline of every number is known, and what is no number has none."""

from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest
import torch

from core.data.scenes import store
from core.data.scenes.scene import HEIGHT, MOST_TALL, WIDTH, make_scene
from core.data.scenes.sheets import make_sheet
from core.data.scenes.targets import BAND, CELL, UNIT, maps, unpacked
from core.data.scenes.writing import TALL, Writers

if TYPE_CHECKING:
    from core.data.mnist import Mnist


@pytest.fixture(scope="module")
def writers(sample: "Mnist") -> Writers:
    return Writers(sample.split("train"))


def outline(x: float, y: float, wide: float, tall: float, degrees: float = 0.0) -> np.ndarray:
    """Corners around a middle, clockwise from the upper left, turned clockwise as seen."""
    corners = np.array([[-wide, -tall], [wide, -tall], [wide, tall], [-wide, tall]]) / 2
    cos, sin = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    return corners @ np.array([[cos, sin], [-sin, cos]]) + (x, y)


def test_a_seed_gives_the_same_scene_again_and_another_seed_another(writers: Writers) -> None:
    for seed in range(4):
        scene, again, other = (make_scene(writers, [], number) for number in (seed, seed, seed + 100))
        assert scene.picture.shape == (HEIGHT, WIDTH) and scene.picture.dtype == np.uint8
        assert (scene.picture == again.picture).all() and (scene.picture != other.picture).any()
        assert all((one == two).all() for one, two in zip(scene.numbers, again.numbers, strict=True))


def test_scenes_with_numbers_and_without_have_outlines_that_are_clockwise_and_in_the_picture(
    writers: Writers,
) -> None:
    counts = []
    for seed in range(60):
        scene = make_scene(writers, [], seed)
        counts.append(len(scene.numbers))
        for corners in scene.numbers:
            assert cv2.contourArea(corners.astype(np.float32), oriented=True) > 0
            assert (corners.mean(0) > 0).all() and (corners.mean(0) < (WIDTH, HEIGHT)).all()
            assert np.linalg.norm(corners[3] + corners[2] - corners[0] - corners[1]) / 2 <= MOST_TALL
    assert 0 in counts and 1 in counts and max(counts) > 5


def test_photographs_stand_behind_sheets(writers: Writers) -> None:
    stripes = np.tile(np.array([0, 255], np.uint8).repeat(40), (400, 8))
    scenes = [(make_scene(writers, [stripes], seed), make_scene(writers, [], seed)) for seed in range(12)]
    assert any((with_one.picture != without.picture).any() for with_one, without in scenes)


def test_a_line_s_box_is_that_of_its_digits_ink_and_signs_beside_it_lie_outside(writers: Writers) -> None:
    for seed in range(30):
        line = writers.line(["(", "4807", ")"], np.random.default_rng(seed), gap=0.4)
        ((text, (left, top, right, bottom)),) = line.numbers
        assert text == "4807"
        inside = line.ink[:, round(left) : round(right)]
        rows = np.flatnonzero(inside.max(1) > 100)
        assert abs(rows[0] - top) < 0.15 * TALL and abs(rows[-1] + 1 - bottom) < 0.15 * TALL
        beside = np.flatnonzero(line.ink.max(0) > 100)
        assert beside[0] < left - 0.1 * TALL and beside[-1] > right + 0.1 * TALL


def test_a_point_within_a_number_does_not_part_it_and_a_gap_does(writers: Writers) -> None:
    random = np.random.default_rng(3)
    assert [text for text, _ in writers.line(["3.75"], random).numbers] == ["3.75"]
    line = writers.line(["12", "/", "5"], random, gap=0.5)
    (_, first), (_, second) = line.numbers
    assert second[0] - first[2] > TALL


def test_a_pitch_puts_digits_into_the_middles_of_boxes(writers: Writers) -> None:
    for seed in range(10):
        line = writers.line(["71034"], np.random.default_rng(seed), pitch=1.5)
        ((_, (left, _, right, _)),) = line.numbers
        assert 4 * 1.5 * TALL < right - left < 5 * 1.5 * TALL


def test_words_are_no_numbers_and_sheets_without_numbers_have_none(writers: Writers) -> None:
    random = np.random.default_rng(5)
    for _ in range(20):
        word = writers.word(random)
        assert not word.numbers and word.ink.any()
        assert not make_sheet(writers, random, 200, 150, numbers=False).numbers


def test_rows_close_together_and_numbers_beside_each_other_have_bands_of_their_own() -> None:
    tall = 12.0
    rows = [outline(150, 60 + 1.15 * tall * row, 60, tall) for row in range(6)]
    beside = [outline(60 + column * (30 + 0.8 * tall), 200, 30, tall) for column in range(4)]
    found = maps(rows + beside, [], WIDTH, HEIGHT)
    assert cv2.connectedComponents((found[0] == 1).astype(np.uint8), connectivity=4)[0] - 1 == 10


@pytest.mark.parametrize("degrees", [0, 7, -30, 90, 180, -90])
def test_maps_tell_height_middle_line_and_direction(degrees: float) -> None:
    true = outline(190, 140, 90, 28, degrees)
    found = maps([true], [], WIDTH, HEIGHT)
    measures = unpacked(torch.from_numpy(found)[None])[0].numpy()
    rows, columns = np.nonzero(found[0] == 1)
    height, offset, x, y = measures[:, rows, columns]
    np.testing.assert_allclose(UNIT * 2**height, 28, rtol=0.02)
    np.testing.assert_allclose(x, np.cos(np.radians(degrees)), atol=0.01)
    np.testing.assert_allclose(y, np.sin(np.radians(degrees)), atol=0.01)
    down = np.array([-np.sin(np.radians(degrees)), np.cos(np.radians(degrees))])
    middles = np.stack([columns + 0.5, rows + 0.5], 1) * CELL + offset[:, None] * 28 * down
    np.testing.assert_allclose(middles @ down, true.mean(0) @ down, atol=0.4)
    assert np.ptp(np.stack([columns, rows], 1) @ down) * CELL < (BAND + 0.3) * 28


def test_what_is_cut_by_the_edge_counts_neither_way() -> None:
    found = maps([outline(200, 100, 60, 20)], [outline(0, 200, 60, 20)], WIDTH, HEIGHT)[0]
    assert found[200 // CELL, 2] == 255 and found[100 // CELL, 200 // CELL] == 1 and found[10, 10] == 0


def test_scenes_on_disk_are_those_of_their_seeds_and_a_stopped_call_goes_on(
    writers: Writers, sample: "Mnist", tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "load_mnist", lambda: sample)
    monkeypatch.setattr(store, "_CHUNK", 2)
    store._sources.cache_clear()
    stopped = store.write_scenes(tmp_path, 5, first_seed=40)
    assert next(stopped) == 2
    stopped.close()
    shelf = store.Shelf(tmp_path)
    assert len(shelf) == 2
    marked = (tmp_path / "0.done").stat().st_mtime_ns
    assert list(store.write_scenes(tmp_path, 5, first_seed=40)) == [4, 5]
    assert (tmp_path / "0.done").stat().st_mtime_ns == marked and len(shelf) == 5
    store._sources.cache_clear()
    for index in (0, 4):
        scene = make_scene(writers, [], 40 + index)
        assert (shelf.pictures[index] == scene.picture).all()
        assert (shelf.maps[index] == maps(scene.numbers, scene.unclear, WIDTH, HEIGHT)).all()
