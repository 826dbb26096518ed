"""The overlay tints the picture in the colour of each digit's position, and only where its map says so."""

import io

import numpy as np
import pytest
from PIL import Image

from core.config import ModelSettings
from core.data.strip import Placement
from core.reading import DigitReading, Reading
from core.reading.overlay import overlay, png, strip_picture
from core.reading.palette import position_rgb

RGB = np.full((60, 90, 3), 200, np.uint8)
BOXES = ((5.0, 10.0, 25.0, 50.0), (40.0, 10.0, 70.0, 50.0))


def reading() -> Reading:
    digits = tuple(DigitReading(value, 0.9, (), box) for value, box in zip((4, 7), BOXES, strict=True))
    strip = np.zeros((16, 32), np.float32)
    strip[4:8, 4:8] = 1
    return Reading("47", 0.8, digits, strip, Placement(0.0, 0.0, 1.0), None, (90, 60), None, {})


def maps() -> np.ndarray:
    """The first digit's map is 1 in the middle of its box, the second's likewise; 0 elsewhere."""
    found = np.zeros((2, 60, 90), np.float32)
    found[0, 28:32, 14:16] = found[1, 28:32, 54:56] = 1
    return found


def test_each_map_is_tinted_in_the_colour_of_its_position() -> None:
    image = overlay(RGB, reading(), maps(), strength=1.0, boxes=False)
    assert tuple(image[30, 15]) == position_rgb(0) and tuple(image[30, 55]) == position_rgb(1)
    assert (image[maps().max(axis=0) == 0] == 200).all()


def test_strength_is_the_opacity() -> None:
    half = overlay(RGB, reading(), maps(), strength=0.5, boxes=False)[30, 15]
    assert np.abs(half - (np.array(position_rgb(0)) + 200) / 2).max() <= 1


def test_at_no_strength_the_picture_is_as_it_was_and_stays_so() -> None:
    before = RGB.copy()
    assert np.array_equal(overlay(RGB, reading(), maps(), strength=0.0, boxes=False), RGB)
    overlay(RGB, reading(), maps())
    assert np.array_equal(RGB, before)


def test_only_the_chosen_digit_is_shown() -> None:
    image = overlay(RGB, reading(), maps(), digit=1, strength=1.0)
    assert (image[:, :35] == 200).all()
    assert tuple(image[30, 55]) == position_rgb(1) and tuple(image[10, 55]) == position_rgb(1)


def test_boxes_are_drawn_inside_their_edges_in_the_same_colours() -> None:
    image = overlay(RGB, reading(), maps(), strength=0.0)
    for index, (left, top, right, bottom) in enumerate(BOXES):
        for x, y in ((left, top), (right - 1, top), (left, bottom - 1), (right - 1, bottom - 1)):
            assert tuple(image[int(y), int(x)]) == position_rgb(index)
        assert (image[int(bottom), int(left) : int(right)] == 200).all()
    assert np.array_equal(overlay(RGB, reading(), maps(), strength=0.0, boxes=False), RGB)


def test_a_reading_of_nothing_leaves_the_picture_alone() -> None:
    nothing = Reading(
        "", 1.0, (), np.zeros((16, 32), np.float32), Placement(0.0, 0.0, 1.0), None, (90, 60), None, {}
    )
    assert np.array_equal(overlay(RGB, nothing, np.zeros((0, 60, 90), np.float32)), RGB)


@pytest.mark.parametrize("digit", [None, 1])
def test_the_strip_is_shown_with_its_patches_tinted_by_their_weight(digit: int | None) -> None:
    model = ModelSettings(patch_size=8)
    weights = np.zeros((2, 2, 4), np.float32)
    weights[0, 1, 1] = weights[1, 1, 2] = 0.2
    plain = strip_picture(reading(), model)
    tinted = strip_picture(reading(), model, weights, digit=digit)
    assert plain.shape == tinted.shape == (128, 256, 3)
    assert (plain[40:56, 40:56] < 60).all()  # the ink
    changed = (plain != tinted).any(axis=2)
    first, second = changed[64:128, 64:128].mean(), changed[64:128, 128:192].mean()
    assert second > 0.9 and (first > 0.9) == (digit is None)
    assert changed[:64].sum() == 0


def test_a_png_holds_the_same_picture() -> None:
    picture = np.random.default_rng(0).integers(0, 255, (5, 7, 3), dtype=np.uint8)
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(png(picture)))), picture)
