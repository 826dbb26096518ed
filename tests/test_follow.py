"""Numbers are followed from frame to frame; what only looks like one and stands in the room claims nothing."""

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
import pytest

from core.reading import Reader, Reading
from core.reading.find.place import Place
from core.reading.follow import Follower, on_paper
from core.reading.reader import LEAST_SURE
from tests.drawings import draw


def frame(text: str, x: float = 50, y: float = 90) -> np.ndarray:
    """HWC uint8 RGB: a number on gray paper, at (x, y)."""
    gray = draw(text, size=(240, 320), height=60, at=(50, 90), paper=215, ink=40).gray
    shift = np.array([[1, 0, x - 50], [0, 1, y - 90]], float)
    moved = cv2.warpAffine(gray, shift, (320, 240), borderMode=cv2.BORDER_REPLICATE)
    return cv2.cvtColor(moved, cv2.COLOR_GRAY2RGB)


EMPTY = np.full((240, 320, 3), 215, np.uint8)


class Counting(Reader):
    """Counts how often it searches a whole picture."""

    def __init__(self, reader: Reader) -> None:
        self.__dict__ |= reader.__dict__
        self.searches = 0

    def find(self, image: Any) -> list[Place]:
        self.searches += 1
        return super().find(image)


class Unsure(Reader):
    """Reads well and doubts it."""

    def __init__(self, reader: Reader, probability: float) -> None:
        self.__dict__ |= reader.__dict__
        self.probability = probability

    def read_at(self, image: Any, places: Any, **options: Any) -> list[Reading]:
        found = super().read_at(image, places, **options)
        for reading in found:
            object.__setattr__(reading, "probability", self.probability)
        return found


def texts(reader: Reader, frames: Sequence[np.ndarray], at_least: float = LEAST_SURE) -> list[list[str]]:
    follower = Follower()
    return [[one.reading.text for one in follower.follow(each, reader, at_least)] for each in frames]


def test_a_number_that_is_held_up_is_read_on_the_third_frame(number_reader: Reader) -> None:
    assert texts(number_reader, [frame("407")] * 4) == [[], [], ["407"], ["407"]]


def test_a_number_is_followed_between_searches_where_it_moves(number_reader: Reader) -> None:
    counting = Counting(number_reader)
    moving = [frame("407", 50 + 3 * step, 90 - step) for step in range(30)]
    follower = Follower()
    for step, each in enumerate(moving):
        said = follower.follow(each, counting, LEAST_SURE)
        if step >= 2:
            (one,) = said
            assert one.reading.text == "407" and one.reading.box is not None
            assert abs(one.reading.box[0] - (50 + 3 * step)) < 15
    assert counting.searches < 15


def test_a_number_that_jumps_is_searched_for_and_one_that_is_gone_is_forgotten(number_reader: Reader) -> None:
    jumps = [frame("407")] * 6 + [frame("407", 120, 30)] * 6 + [EMPTY] * 7
    follower = Follower()
    said = [[one.reading.text for one in follower.follow(each, number_reader, 0.5)] for each in jumps]
    assert said[5] == said[11] == ["407"] and said[-1] == [] and follower.tracks == []
    assert max(map(len, said)) == 1  # never at both places


def test_a_lone_digit_is_claimed_once_it_moves(number_reader: Reader) -> None:
    still = [frame("7")] * 10
    assert texts(number_reader, still) == [[]] * 10
    held = [frame("7", 50 + step % 3, 90) for step in range(6)]
    assert texts(number_reader, [*still, *held])[-1] == ["7"]


def test_what_is_shown_is_at_least_as_sure_as_asked_and_of_1s_surer(number_reader: Reader) -> None:
    for probability, text, at_least, claimed in (
        (0.7, "407", 0.75, False),
        (0.8, "407", 0.75, True),
        (0.9, "11", 0.5, False),
        (0.96, "11", 0.5, True),
    ):
        said = texts(Unsure(number_reader, probability), [frame(text)] * 4, at_least)[-1]
        assert said == ([text] if claimed else []), (probability, text)


def test_a_1_has_paper_on_both_sides_and_an_edge_has_not() -> None:
    place = Place((150.0, 90.0, 162.0, 150.0))
    stroke = np.full((240, 320), 215, np.uint8)
    stroke[90:150, 150:162] = 40
    assert on_paper(stroke, place)
    assert on_paper(255 - stroke, place)
    shaded = (stroke * np.linspace(1.0, 0.85, 320)).astype(np.uint8)
    assert on_paper(shaded, place)
    edge = stroke.copy()
    edge[:, 162:] = 120
    assert not on_paper(edge, place)
    books = stroke.copy()
    for x in range(0, 320, 12):
        books[:, x : x + 12] = 40 + (x * 37) % 200
    books[90:150, 150:162] = 40
    assert not on_paper(books, place)


@pytest.mark.parametrize("angle", [-0.3, 0.4])
def test_paper_is_looked_for_along_a_leaning_1(angle: float) -> None:
    stroke = np.full((240, 320), 215, np.uint8)
    place = Place((150.0, 80.0, 162.0, 140.0), angle)
    cv2.fillConvexPoly(stroke, place.outline.round().astype(np.int32), 40)
    assert on_paper(stroke, place)
