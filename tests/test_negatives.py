"""What is no digit: letters, scribbles and doodles of many shapes, some of them kept for tests alone."""

import numpy as np
import pytest

from core.data.canvases import negatives


@pytest.mark.parametrize("unseen", [False, True])
def test_every_drawing_shows_something_and_no_two_are_the_same(unseen: bool) -> None:
    for drawings in (negatives.small(28, unseen=unseen), negatives.doodles(unseen=unseen)):
        assert drawings.dtype == np.uint8 and (drawings.max(axis=(1, 2)) > 100).all()
        assert len({drawing.tobytes() for drawing in drawings}) == len(drawings)


def test_no_letter_is_both_learned_and_kept_for_tests() -> None:
    assert not set(negatives.LETTERS) & set(negatives.HELD_OUT_LETTERS)
    assert not set(negatives.LETTERS + negatives.HELD_OUT_LETTERS) & set("0123456789OIlSsZzBoqgQD|")


def test_a_doodle_is_longer_than_a_digit() -> None:
    inked = (negatives.doodles() > 60).any(axis=1).sum(axis=1)
    assert np.median(inked) > 60 and np.quantile(inked, 0.02) > 14


def test_a_letter_fills_its_tile_as_mnists_digits_do() -> None:
    letters = negatives.small(28)[:500] > 0
    longest = np.maximum(letters.any(axis=1).sum(axis=1), letters.any(axis=2).sum(axis=1))
    assert np.median(longest) == 20 and np.quantile(np.abs(longest - 20), 0.95) <= 1


@pytest.mark.parametrize("kind", negatives.KINDS)
def test_a_drawing_of_any_kind_lies_whole_in_its_picture(kind: str) -> None:
    random = np.random.default_rng(0)
    for _ in range(5):
        picture = negatives.drawing(kind, random, 110, 320)
        assert picture.shape == (110, 320) and picture.max() > 200
        border = np.concatenate([picture[0], picture[-1], picture[:, 0], picture[:, -1]])
        assert border.max() == 0
