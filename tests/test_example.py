"""Examples are new pictures of test digits: the same for the same seed, and read by the bundled model."""

import numpy as np
import pytest

from core.data.canvases.tiles import Tiles
from core.data.mnist import Mnist
from core.reading import Reader
from core.reading.example import example, example_sheet, example_tiles


@pytest.fixture(scope="module")
def stock(sample: Mnist) -> Tiles:
    return example_tiles(sample)


def test_the_same_seed_gives_the_same_picture_and_another_another(stock: Tiles) -> None:
    first, again, other = example(stock, 1), example(stock, 1), example(stock, 2)
    assert first.text == again.text and np.array_equal(first.picture, again.picture)
    assert not np.array_equal(first.picture, other.picture)
    assert first.picture.shape == (160, 640) and first.picture.dtype == np.uint8


def test_examples_are_made_of_test_digits(stock: Tiles) -> None:
    assert stock.digit_count == 1000
    texts = {example(stock, seed).text for seed in range(40)}
    assert len(texts) > 30 and {len(text) for text in texts} == {3, 4}
    assert set("".join(texts)) == set("0123456789")


def test_an_example_has_as_many_digits_and_is_as_clean_as_told(stock: Tiles) -> None:
    clean = [example(stock, seed, digits=5, difficulty=0.0) for seed in range(5)]
    assert {len(one.text) for one in clean} == {5}
    assert not np.array_equal(clean[0].picture, example(stock, 0, digits=5, difficulty=1.0).picture)
    assert all(
        np.median(one.picture) == one.picture.max() for one in clean
    )  # nothing but even paper around the ink


def test_the_bundled_model_reads_most_of_them(stock: Tiles, number_reader: Reader) -> None:
    examples = [example(stock, seed) for seed in range(20)]
    right = [number_reader.read(one.picture, with_attention=False).text == one.text for one in examples]
    assert np.mean(right) >= 0.8


def test_a_sheet_holds_six_numbers_and_is_the_same_for_the_same_seed(stock: Tiles) -> None:
    first, again, other = example_sheet(stock, 1), example_sheet(stock, 1), example_sheet(stock, 2)
    assert first.text == again.text and np.array_equal(first.picture, again.picture)
    assert not np.array_equal(first.picture, other.picture)
    assert first.picture.shape == (720, 960) and first.picture.dtype == np.uint8
    assert len(first.text.split()) == 6 and {len(number) for number in first.text.split()} <= {2, 3, 4}
