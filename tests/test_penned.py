"""Digits drawn stroke by stroke: of MNIST's size, each class in several shapes, the European 1 and 7 among them."""

import numpy as np

from core.data.canvases.penned import penned


def test_penned_digits_fill_their_tiles_as_mnists_do() -> None:
    images, labels = penned(600, 28)
    inked = images > 60
    longest = np.maximum(inked.any(axis=1).sum(axis=1), inked.any(axis=2).sum(axis=1))
    assert images.shape == (600, 28, 28) and images.dtype == np.uint8 and labels.dtype == np.int64
    assert abs(np.median(longest) - 20) <= 1 and longest.max() <= 23
    assert len({image.tobytes() for image in images}) == 600


def test_every_digit_is_there_and_1_and_7_most_often() -> None:
    counts = np.bincount(penned(600, 28)[1], minlength=10)
    assert (counts > 20).all() and set(np.argsort(counts)[-2:]) == {1, 7}


def test_many_a_7_has_a_bar_across_its_stem_and_many_a_1_a_flag() -> None:
    images, labels = penned(600, 28)
    below = (images[labels == 7, 13:21] > 100).sum(axis=2).max(axis=1)  # the widest row under the roof
    above = (images[labels == 7, 21:24] > 100).sum(axis=2).min(axis=1)
    assert ((below > above + 3).mean()) > 0.4
    ones = images[labels == 1] > 60
    assert (ones.any(axis=1).sum(axis=1) > 8).mean() > 0.5


def test_pens_are_fine_and_bold() -> None:
    ink = penned(600, 28)[0].mean(axis=(1, 2)) / 255
    assert np.quantile(ink, 0.9) > 2 * np.quantile(ink, 0.1)
