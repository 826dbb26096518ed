"""Every number of a photo has its place, its close-up and its stages, and goes into the files as it was read or corrected."""

import csv
import io
import json
from dataclasses import replace

import cv2
import numpy as np
import pytest

from core.reading import Reader
from core.reading.files.documents import Page
from core.reading.overlay import png
from core.reading.palette import position_rgb
from core.reading.photo import Number, Photo, as_csv, as_json, marked, read_photo, said, stages
from tests.drawings import around, draw, overlap

DRAWING = draw("407", size=(480, 640), height=70, at=(300, 200), paper=210, ink=40)


def page(gray: np.ndarray = DRAWING.gray) -> Page:
    return Page(1, 1, np.repeat(gray[..., None], 3, axis=2))


@pytest.fixture(scope="module")
def photo(number_reader: Reader) -> Photo:
    return read_photo(number_reader, "sheet.png", page(), "sheet-1")


@pytest.fixture
def number(photo: Photo) -> Number:
    (number,) = photo.numbers
    return number


def bounds(corners: np.ndarray) -> tuple[float, float, float, float]:
    (left, top), (right, bottom) = corners.min(0).tolist(), corners.max(0).tolist()
    return left, top, right, bottom


def test_a_number_is_outlined_where_it_stands(number: Number) -> None:
    assert number.reading.text == "407"
    assert (
        overlap(bounds(number.outline), around(DRAWING.boxes)) > 0.75
    )  # a strip's pixel of paper around it, and it may be turned


def test_the_close_up_shows_the_number_and_its_digits_lie_where_they_are_on_it(number: Number) -> None:
    gray = number.close_up[..., 0]
    height, width = gray.shape
    assert number.close_reading.size == (width, height) and max(width, height) >= 300
    for digit in number.close_reading.digits:
        left, top, right, bottom = (round(side) for side in digit.box)
        inside = gray[max(top, 0) : bottom, max(left, 0) : right]
        assert inside.min() < 90 and (inside < 120).mean() > 0.05
    ink = cv2.boundingRect((gray < 120).astype(np.uint8))
    box = (float(ink[0]), float(ink[1]), float(ink[0] + ink[2]), float(ink[1] + ink[3]))
    assert number.close_reading.box is not None and overlap(number.close_reading.box, box) > 0.8


def test_a_large_photo_is_kept_as_small_as_it_is_shown_and_its_boxes_stay_in_its_own_pixels(
    number_reader: Reader,
) -> None:
    large = cv2.resize(DRAWING.gray, (4032, 3024), interpolation=cv2.INTER_LINEAR)
    photo = read_photo(number_reader, "large.jpg", page(large), "large-1")
    (number,) = photo.numbers
    assert photo.size == (4032, 3024) and max(photo.picture.shape) == 1600
    assert number.reading.text == "407" and number.reading.box is not None
    there = tuple(side * 6.3 for side in around(DRAWING.boxes))
    assert overlap(number.reading.box, (there[0], there[1], there[2], there[3])) > 0.8
    assert photo.picture.base is None and max(number.close_up.shape) <= 560  # nothing keeps the photo alive
    bytes_kept = sum(part.nbytes for part in (photo.picture, number.close_up, number.heat))
    assert bytes_kept < 8_000_000


def test_every_stage_shows_what_its_name_says(number: Number, number_reader: Reader) -> None:
    seen, patches = np.zeros_like(number.close_up), np.zeros((256, 1280, 3), np.uint8)
    way = {stage.name: stage.picture for stage in stages(number, seen, patches)}
    assert list(way) == ["Photo", "Gray", "Heat map", "Boxes", "Strip", "Patches", "Attention"]
    assert all(picture.dtype == np.uint8 and picture.shape[2] == 3 for picture in way.values())
    red = way["Heat map"].astype(int)
    y, x = np.nonzero(red[..., 0] - red[..., 1] > 60)
    ink_y, ink_x = np.nonzero(number.close_up[..., 0] < 120)
    assert abs(y.mean() - ink_y.mean()) < 0.15 * np.ptp(ink_y) and np.ptp(y) < 0.8 * np.ptp(ink_y)
    assert abs(x.mean() - ink_x.mean()) < 0.15 * np.ptp(ink_x)
    assert (way["Boxes"] == position_rgb(2)).all(axis=2).any()  # the third digit's
    assert np.abs(way["Strip"][4::8, 4::8, 0] / 255 - (1 - number.reading.strip)).max() < 0.01
    assert way["Patches"] is patches and way["Attention"] is seen


def test_marks_are_in_the_colour_of_the_number_and_follow_corrections(photo: Photo, number: Number) -> None:
    image = marked(photo)
    assert (image == position_rgb(0)).all(axis=2).sum() > 500
    assert not np.array_equal(marked(photo, {number.key: "401"}), image)
    nothing = marked(photo, {number.key: None})
    assert not (nothing == position_rgb(0)).all(axis=2).any()


def test_a_label_stays_on_the_picture_at_any_edge(photo: Photo, number: Number) -> None:
    for corner in ([0.0, 0.0], [600.0, 0.0], [0.0, 450.0], [610.0, 470.0]):
        outline = np.array([[0.0, 0.0], [30.0, 0.0], [30.0, 10.0], [0.0, 10.0]]) + corner
        moved = replace(photo, numbers=(replace(number, outline=outline),))
        colour = (marked(moved) == position_rgb(0)).all(axis=2)
        assert colour.sum() > 1000  # the label's ground, most of it


def test_the_table_says_what_was_read_and_what_was_corrected(photo: Photo, number: Number) -> None:
    (row,) = csv.DictReader(io.StringIO(as_csv([photo], {})))
    said = {"file": "sheet.png", "page": "1", "place": "1", "number": "407", "read_as": "407"}
    assert {name: row[name] for name in said} == said
    assert abs(float(row["probability"]) - number.reading.probability) < 1e-3
    box = (float(row["left"]), float(row["top"]), float(row["right"]), float(row["bottom"]))
    assert overlap(box, around(DRAWING.boxes)) > 0.8
    (row,) = csv.DictReader(io.StringIO(as_csv([photo], {number.key: "401"})))
    assert (row["number"], row["read_as"]) == ("401", "407")
    assert not list(csv.DictReader(io.StringIO(as_csv([photo], {number.key: None}))))


def test_json_says_the_same_with_every_digit(photo: Photo, number: Number) -> None:
    (plain,) = json.loads(as_json([photo], {}))
    assert (plain["file"], plain["page"], plain["size"]) == ("sheet.png", 1, [640, 480])
    (found,) = plain["readings"]
    assert found["text"] == "407" and "read_as" not in found
    assert [digit["value"] for digit in found["digits"]] == [4, 0, 7]
    assert all(
        overlap(tuple(one["box"]), box) > 0.5 for one, box in zip(found["digits"], DRAWING.boxes, strict=True)
    )
    (corrected,) = json.loads(as_json([photo], {number.key: "401"}))
    assert (corrected["readings"][0]["text"], corrected["readings"][0]["read_as"]) == ("401", "407")
    assert json.loads(as_json([photo], {number.key: None}))[0]["readings"] == []
    assert said(number, {number.key: "401"}) == "401" and said(number, {"another": "1"}) == "407"


def test_a_blank_page_has_no_numbers_and_is_kept_all_the_same(number_reader: Reader) -> None:
    blank = read_photo(number_reader, "blank.png", page(np.full((480, 640), 250, np.uint8)), "blank-1")
    assert blank.numbers == () and marked(blank).shape[2] == 3 and png(marked(blank)).startswith(b"\x89PNG")
    assert json.loads(as_json([blank], {}))[0]["readings"] == []
