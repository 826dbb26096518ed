"""The overlay tints the picture in the colour of each digit's position, and only where its map says so."""

import io
from dataclasses import replace

import cv2
import numpy as np
import pytest
from PIL import Image

from core.config import ModelSettings
from core.data.strip import Placement
from core.reading import DigitReading, Reading
from core.reading.overlay import Found, draw_found, overlay, png, strip_picture
from core.reading.palette import position_rgb

RGB = np.full((60, 90, 3), 200, np.uint8)
BOXES = ((5.0, 10.0, 25.0, 50.0), (40.0, 10.0, 70.0, 50.0))


def reading() -> Reading:
    digits = tuple(
        DigitReading(value, str(value), 0.9, (), box) for value, box in zip((4, 7), BOXES, strict=True)
    )
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


def tilted(angle: float = 0.2) -> Reading:
    """47 on a strip that lies turned in a picture of 640 x 480; digit boxes are upright around the turned ones."""
    placement = Placement(200.0, 150.0, 4.0, angle)
    strip = np.zeros((16, 32), np.float32)
    strip[4:12, 2:30] = 1
    outlines = [placement.outline(box) for box in ON_STRIP]
    boxes = [(*outline.min(0).tolist(), *outline.max(0).tolist()) for outline in outlines]
    digits = tuple(
        DigitReading(value, str(value), 0.9, (), box) for value, box in zip((4, 7), boxes, strict=True)
    )
    around = (boxes[0][0], boxes[0][1], boxes[1][2], boxes[1][3])
    return Reading("47", 0.8, digits, strip, placement, around, (640, 480), None, {})


ON_STRIP = ((3.0, 4.0, 13.0, 12.0), (18.0, 4.0, 29.0, 12.0))
FRAME = np.full((480, 640, 3), 200, np.uint8)


def looks() -> np.ndarray:
    """The first digit was looked for on the left of the strip, the second on the right."""
    weights = np.zeros((2, 2, 4), np.float32)
    weights[0, :, 0] = weights[1, :, 3] = 0.5
    return weights


def distance(picture: np.ndarray, position: int) -> np.ndarray:
    return np.abs(picture.astype(int) - position_rgb(position)).max(axis=2)


@pytest.mark.parametrize("angle", [-0.25, 0.0, 0.25])
def test_a_number_in_a_frame_is_outlined_along_its_tilt_and_tinted_inside(angle: float) -> None:
    number = tilted(angle)
    picture = draw_found(FRAME, [Found(number, 0.8, looks())], strength=1.0)
    assert (FRAME == 200).all()
    outline = number.placement.outline((2.0, 3.0, 30.0, 13.0)).round().astype(np.int32)
    inside = cv2.fillPoly(np.zeros((480, 640), np.uint8), [outline], 1)
    changed = (picture != 200).any(axis=2)
    label = int(outline[:, 1].min()) - 2
    outside = changed[label:] & (cv2.dilate(inside, np.ones((7, 7)))[label:] == 0)
    assert not outside.any() and changed[:label].any()  # nothing but the label is outside
    for position, box in enumerate(ON_STRIP):
        for corner in number.placement.outline(box).round().astype(int):
            around = distance(picture, position)[corner[1] - 2 : corner[1] + 3, corner[0] - 2 : corner[0] + 3]
            assert around.min() < 40
    left = number.placement.outline((3.0, 4.0, 6.0, 12.0)).mean(0).round().astype(int)
    assert distance(picture, 0)[left[1], left[0]] < 40
    plain = draw_found(FRAME, [Found(number, 0.8, looks())], strength=0.0)
    assert (plain[left[1], left[0]] == 200).all()


def test_a_mirrored_frame_has_mirrored_boxes_and_a_label_that_can_be_read() -> None:
    found = [Found(tilted(), 0.8, looks())]
    straight, mirrored = draw_found(FRAME, found), draw_found(FRAME, found, mirror=True)
    changed = (straight != 200).any(axis=2)
    rows = changed.any(axis=1).nonzero()[0]
    label = slice(rows[0], rows[0] + 20)
    assert np.array_equal(straight[rows[0] + 60 :], mirrored[rows[0] + 60 :, ::-1])

    def written(picture: np.ndarray) -> np.ndarray:
        columns = (picture[label] != 200).any(axis=(0, 2)).nonzero()[0]
        return picture[label, columns[0] : columns[-1] + 1]

    assert np.array_equal(written(straight), written(mirrored))


def test_numbers_at_every_edge_of_a_frame_are_drawn() -> None:
    one = tilted(0.1)
    for left, top in ((-60.0, -30.0), (600.0, 460.0), (-60.0, 460.0), (620.0, -30.0), (900.0, 900.0)):
        number = replace(one, placement=replace(one.placement, left=left, top=top))
        assert draw_found(FRAME, [Found(number, 0.999, looks())]).shape == FRAME.shape
    assert np.array_equal(draw_found(FRAME, []), FRAME)
    assert np.array_equal(draw_found(FRAME, [], mirror=True), FRAME[:, ::-1])
