"""What each class of digits looks like, and digits as pictures."""

import numpy as np

from core.data.mnist import Digits, Mnist
from core.understanding.digits.classes import class_images, contact_sheet, on_paper, places_of


def test_mean_and_variance_are_those_of_the_digits_of_each_class(sample: Mnist) -> None:
    found = class_images(sample.test)
    assert found.counts.tolist() == [100] * 10
    sevens = sample.test.images[sample.test.labels == 7] / 255
    assert np.allclose(found.mean[7], sevens.mean(0), atol=1e-5)
    assert np.allclose(found.variance[7], sevens.var(0), atol=1e-5)
    assert found.variance.max() <= 0.25


def test_a_class_without_digits_is_blank() -> None:
    found = class_images(Digits(np.full((2, 28, 28), 255, np.uint8), np.array([3, 3], np.uint8)))
    assert found.counts.tolist() == [0, 0, 0, 2, 0, 0, 0, 0, 0, 0]
    assert found.mean[3].min() == 1 and found.mean[4].max() == 0 and found.variance.max() == 0


def test_places_are_those_of_the_labels_that_are_wanted(sample: Mnist) -> None:
    places = places_of(sample.test, [4, 9])
    assert set(sample.test.labels[places]) == {4, 9} and len(places) == 200
    assert (np.diff(places) > 0).all()
    assert len(places_of(sample.test, [])) == 1000


def test_ink_becomes_dark_on_light() -> None:
    assert on_paper(np.array([[[0, 255]]], np.uint8)).tolist() == [[[255, 0]]]
    assert on_paper(np.array([[[0.0, 1.0]]], np.float32)).tolist() == [[[255, 0]]]


def test_a_contact_sheet_holds_every_picture_at_its_place_and_white_behind_them() -> None:
    pictures = np.arange(5, dtype=np.uint8)[:, None, None].repeat(2, 1).repeat(3, 2)
    sheet = contact_sheet(pictures, 2)
    assert sheet.shape == (6, 6)
    assert sheet[0, 0] == 0 and sheet[1, 5] == 1 and sheet[2, 0] == 2 and sheet[5, 2] == 4
    assert (sheet[4:, 3:] == 255).all()
