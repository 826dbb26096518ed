"""Vectors of digits, their map and their neighbours."""

import copy

import numpy as np
import pytest
import torch

from core.data.mnist import Digits, Mnist
from core.reading import Reader
from core.training.metrics import read_digits
from core.understanding.digits.embedding import (
    embedded,
    fingerprint,
    has_umap,
    nearest,
    pca_map,
    pixels,
    umap_map,
)


@pytest.fixture(scope="module")
def some(sample: Mnist) -> Digits:
    return Digits(sample.test.images[:120], sample.test.labels[:120])


def test_pixels_are_the_digits_themselves_from_0_to_1(some: Digits) -> None:
    vectors = pixels(some)
    assert vectors.shape == (120, 784) and vectors.max() == 1.0 and vectors.min() == 0.0
    assert np.array_equal((vectors[3] * 255).round().astype(np.uint8).reshape(28, 28), some.images[3])


def test_the_digit_model_tells_each_digit_from_its_vector_alone(some: Digits, digit_reader: Reader) -> None:
    vectors = np.concatenate(list(embedded(digit_reader.model, some, digit_reader.settings.canvas)))
    assert vectors.shape == (120, digit_reader.settings.model.dim)
    logits = digit_reader.model.classify(torch.from_numpy(vectors))
    read = read_digits(digit_reader.model, some, digit_reader.settings.canvas)
    assert torch.allclose(logits, read.logits[:, 0], atol=1e-4)


def test_the_number_models_vectors_bring_equal_digits_together(some: Digits, number_reader: Reader) -> None:
    vectors = np.concatenate(list(embedded(number_reader.model, some, number_reader.settings.canvas)))
    assert vectors.shape == (120, number_reader.settings.model.dim)
    closest = [nearest(vectors, vectors[place], 1, leave_out=place)[0][0] for place in range(120)]
    assert (some.labels[closest] == some.labels).mean() > 0.7  # a tenth by chance


def test_batches_come_one_after_the_other_and_are_the_same_as_one_by_one(
    sample: Mnist, digit_reader: Reader
) -> None:
    canvas = digit_reader.settings.canvas
    parts = list(
        embedded(digit_reader.model, Digits(sample.test.images[:250], sample.test.labels[:250]), canvas)
    )
    assert [len(part) for part in parts] == [100, 100, 50]
    alone = Digits(sample.test.images[180:181], sample.test.labels[180:181])
    assert np.allclose(next(embedded(digit_reader.model, alone, canvas))[0], parts[1][80], atol=1e-4)


def test_a_map_shows_the_directions_of_largest_variance_with_their_shares() -> None:
    chance = np.random.default_rng(0)
    directions = np.linalg.qr(chance.normal(size=(20, 20)))[0]
    scales = np.array([5.0, 3.0, *[0.1] * 18])
    vectors = ((chance.normal(size=(2000, 20)) * scales) @ directions.T + 7).astype(np.float32)
    found = pca_map(vectors)
    assert found.shares == pytest.approx((25 / 34.18, 9 / 34.18), abs=0.03)
    assert found.points.var(0) == pytest.approx([25, 9], rel=0.1)
    assert np.abs(found.points.mean(0)).max() < 1e-3
    assert np.array_equal(found.points, pca_map(vectors).points)


def test_a_map_of_one_digit_is_refused() -> None:
    with pytest.raises(ValueError, match=r"vectors \(1\) are too few"):
        pca_map(np.zeros((1, 5), np.float32))


def test_neighbours_come_nearest_first_with_their_distance_and_without_the_one_itself() -> None:
    vectors = np.array([[0, 0], [3, 4], [1, 0], [0, 2], [9, 9]], np.float32)
    places, distances = nearest(vectors, vectors[0], 3, leave_out=0)
    assert places.tolist() == [2, 3, 1] and distances.tolist() == [1, 2, 5]
    assert nearest(vectors, vectors[0], 1)[0].tolist() == [0]
    assert nearest(vectors, vectors[0], 99, leave_out=0)[0].tolist() == [2, 3, 1, 4]


def test_a_fingerprint_follows_the_weights(digit_reader: Reader, number_reader: Reader) -> None:
    other = copy.deepcopy(digit_reader.model)
    assert fingerprint(other) == fingerprint(digit_reader.model) != fingerprint(number_reader.model)
    with torch.no_grad():
        other.classify.bias[0] += 1e-3
    assert fingerprint(other) != fingerprint(digit_reader.model)


def test_umap_is_offered_only_where_its_package_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert not has_umap()


@pytest.mark.skipif(has_umap(), reason="umap-learn is installed here")
def test_without_umap_its_map_cannot_be_had() -> None:
    with pytest.raises(ModuleNotFoundError, match="umap"):
        umap_map(np.zeros((5, 5), np.float32))
