"""Doubtful labels: what the digit model says against them, and the published errors of MNIST's test set."""

import csv
import gzip
import hashlib
import io
from pathlib import Path

import numpy as np
import pytest

from core.data.mnist import Digits, Mnist
from core.reading import Reader
from core.training.metrics import read_digits
from core.understanding.digits import labels
from core.understanding.digits.embedding import embedded
from core.understanding.digits.labels import PUBLISHED


@pytest.fixture
def true_labels() -> np.ndarray:
    """MNIST's own 10,000 test labels, in its order: the one part of it that the sample cannot stand for."""
    raw = gzip.decompress(Path(__file__).with_name("t10k-labels-idx1-ubyte.gz").read_bytes())
    assert hashlib.md5(raw).hexdigest() == "27ae3e4e09519cfbb04c329615203637"  # as published with MNIST
    return np.frombuffer(raw[8:], np.uint8)


@pytest.fixture
def like_mnist() -> Digits:
    """Ten thousand blank digits that bear the labels of the published errors at their places, and 1 elsewhere."""
    given = np.ones(10_000, np.uint8)
    for error in PUBLISHED:
        given[error.place] = error.given
    return Digits(np.zeros((10_000, 28, 28), np.uint8), given)


def sure_of(*answers: tuple[int, float]) -> np.ndarray:
    """(n, 11) probabilities: so much for the answer, the rest for the others alike."""
    rows = np.stack([np.full(11, (1 - sure) / 10) for _, sure in answers]).astype(np.float32)
    for row, (answer, sure) in zip(rows, answers, strict=True):
        row[answer] = sure
    return rows


def test_the_published_places_are_those_of_mnists_own_order(true_labels: np.ndarray) -> None:
    assert [int(true_labels[error.place]) for error in PUBLISHED] == [error.given for error in PUBLISHED]
    labels.corrected_labels(Digits(np.zeros((10_000, 28, 28), np.uint8), true_labels))


def test_every_published_error_was_judged_by_five_of_whom_fewer_than_three_confirm_it() -> None:
    assert len(PUBLISHED) == 15 and sorted(PUBLISHED) == list(PUBLISHED)
    for error in PUBLISHED:
        assert error.for_given + error.for_guess + error.for_neither == 5 and error.for_given < 3
        assert error.given != error.guessed


def test_labels_are_corrected_where_three_of_five_agree_and_left_out_where_they_do_not(
    like_mnist: Digits,
) -> None:
    corrected, agreed = labels.corrected_labels(like_mnist)
    assert np.flatnonzero(~agreed).tolist() == [2130, 2654, 3520, 8527, 9679]
    changed = np.flatnonzero(corrected != like_mnist.labels)
    assert changed.tolist() == [947, 1621, 1901, 2462, 2597, 3558, 5937, 6651, 6783, 9729]
    assert corrected[changed].tolist() == [9, 6, 4, 0, 3, 0, 3, 6, 6, 6]
    assert like_mnist.labels[947] == 8, "the labels that were given are not changed"


def test_accuracy_on_corrected_labels_credits_whoever_contradicts_a_wrong_one(like_mnist: Digits) -> None:
    answers = like_mnist.labels.astype(np.int64)
    assert labels.agreement(answers, like_mnist.labels) == (10_000, 10_000)
    assert labels.agreement_corrected(answers, like_mnist) == (9_985, 9_995)
    answers[947] = 9
    assert labels.agreement_corrected(answers, like_mnist) == (9_986, 9_995)
    assert labels.agreement(answers, like_mnist.labels).accuracy == 0.9999


def test_other_digits_than_mnists_test_set_are_not_corrected(sample: Mnist, like_mnist: Digits) -> None:
    with pytest.raises(ValueError, match="fetch all of MNIST"):
        labels.corrected_labels(sample.test)
    like_mnist.labels[1621] = 6
    with pytest.raises(ValueError, match="own order"):
        labels.corrected_labels(like_mnist)


def test_opinions_are_the_models_own_calibrated_probabilities(sample: Mnist, digit_reader: Reader) -> None:
    some, canvas = Digits(sample.test.images[:200], sample.test.labels[:200]), digit_reader.settings.canvas
    vectors = np.concatenate(list(embedded(digit_reader.model, some, canvas)))
    sure = labels.opinions(digit_reader, vectors)
    read = read_digits(digit_reader.model, some, canvas)
    assert np.allclose(sure.sum(1), 1, atol=1e-5)
    assert np.allclose(sure.max(1), read.probabilities(digit_reader.calibration).numpy(), atol=1e-4)
    assert [labels.name(answer) for answer in sure.argmax(1).tolist()] == [
        text or "no digit" for text in read.texts
    ]
    assert labels.agreement(sure.argmax(1), some.labels).accuracy > 0.98


def test_opinions_are_not_asked_of_a_number_model(number_reader: Reader) -> None:
    with pytest.raises(ValueError, match=r"kind \(number\) must be digit"):
        labels.opinions(number_reader, np.zeros((1, 96), np.float32))


def test_contradictions_come_surest_first_and_only_where_the_model_is_sure_enough() -> None:
    sure = sure_of((3, 0.9), (5, 0.99), (7, 0.6), (8, 0.95))
    given = np.array([4, 6, 1, 8], np.uint8)
    assert labels.against(sure, given, 0.5).tolist() == [1, 0, 2]
    assert labels.against(sure, given, 0.8).tolist() == [1, 0]


def test_the_hardest_are_those_of_which_the_model_is_least_sure() -> None:
    assert labels.hardest(sure_of((3, 0.9), (5, 0.4), (7, 0.6)), 2).tolist() == [1, 2]


def test_the_table_says_what_was_read_how_surely_and_what_the_study_proposed(like_mnist: Digits) -> None:
    sure = np.tile(sure_of((1, 0.9)), (10_000, 1))
    sure[947] = sure_of((9, 0.8))
    places = np.array([5, 947])
    rows = list(csv.DictReader(io.StringIO(labels.as_csv(places, like_mnist.labels, sure, published=True))))
    assert [row["place"] for row in rows] == ["5", "947"]
    assert (rows[1]["label"], rows[1]["read"], rows[1]["published_guess"]) == ("8", "9", "9")
    assert float(rows[1]["probability"]) == pytest.approx(0.8) and rows[0]["published_guess"] == ""
    assert "947,8,9,0.800000,0.020000,\n" in labels.as_csv(places, like_mnist.labels, sure, published=False)
