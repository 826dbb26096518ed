"""Numbers with more digits than the model reads at once: that one was cut short is noticed, and it is read in parts."""

import numpy as np
import pytest

from core.reading import Reader
from core.reading.explain import attention_maps
from core.reading.long import is_cut, parting
from tests.drawings import draw, overlap

BOXES = np.array([[10.0, 6.0, 22.0, 26.0], [26.0, 6.0, 38.0, 26.0], [58.0, 6.0, 70.0, 26.0]])


def strip_with(*pieces: tuple[int, int, int, int]) -> np.ndarray:
    """Ink in all three boxes, and in these: left, top, right, bottom."""
    strip = np.zeros((32, 160), np.float32)
    for left, top, right, bottom in (*BOXES.astype(int).tolist(), *pieces):
        strip[top:bottom, left:right] = 1.0
    return strip


def test_ink_as_tall_as_a_digit_in_no_box_tells_that_digits_were_left_out() -> None:
    assert not is_cut(strip_with(), BOXES)
    assert is_cut(strip_with((43, 7, 53, 25)), BOXES)
    assert is_cut(strip_with((80, 7, 90, 25)), BOXES)


@pytest.mark.parametrize(
    "piece",
    [(43, 22, 46, 26), (42, 0, 44, 32), (5, 28, 80, 30), (43, 0, 53, 5)],
    ids=["point", "wall", "underline", "line above"],
)
def test_points_walls_and_lines_are_no_digits_left_out(piece: tuple[int, int, int, int]) -> None:
    assert not is_cut(strip_with(piece), BOXES)


def test_a_number_is_parted_in_a_gap_near_its_middle() -> None:
    assert 38 < parting(strip_with()) < 58


@pytest.mark.parametrize("text", ["407812365", "20417359648", "359640781204"])
def test_a_number_longer_than_the_model_reads_is_read_in_parts(text: str, number_reader: Reader) -> None:
    drawing = draw(text, size=(110, 80 * len(text)), at=(40, 20), height=60)
    reading = number_reader.read(drawing.gray)
    assert reading.text == text and not reading.is_cut and len(reading.digits) == len(text)
    assert np.mean([overlap(d.box, b) for d, b in zip(reading.digits, drawing.boxes, strict=True)]) > 0.6
    assert reading.probability <= min(digit.probability for digit in reading.digits)
    assert reading.attention is None
    assert attention_maps(number_reader, reading).max() == 0


def test_where_the_parts_make_no_longer_number_the_part_is_told_to_be_one(number_reader: Reader) -> None:
    drawing = draw("8" * 30, size=(110, 1500), at=(40, 20), height=60, gap=-0.25)
    reading = number_reader.read(drawing.gray)
    assert reading.is_cut or len(reading.text) != 8
    assert reading.to_dict()["is_cut"] is reading.is_cut
