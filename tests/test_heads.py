"""Maps and entropies of heads are those of the weights: spread, sharp, from and to a patch, step by step."""

import numpy as np
import pytest

from core.reading import Reader
from core.reading.reading import Attention
from core.understanding.attention.heads import (
    digits_look_at,
    entropy,
    looked_at_by,
    looks_at,
    matrix_picture,
    mosaic,
    of_step,
    received,
)
from core.understanding.attention.what_if import Patch
from tests.drawings import draw


def attention(encoder: np.ndarray, *, grid: tuple[int, int] = (2, 4)) -> Attention:
    """Two digits; as many decoder steps, and one more."""
    cross = np.full((1, 1, 2, 8), 1 / 8, np.float32)
    cross[0, 0, 1] = np.eye(8)[3]
    decoder = np.tril(np.ones((3, 3), np.float32))
    decoder /= decoder.sum(-1, keepdims=True)
    return Attention(grid, cross, encoder.astype(np.float32)[None, None], decoder[None, None])


EVEN = attention(np.full((8, 8), 1 / 8))
SHARP = attention(np.roll(np.eye(8), 1, axis=1))  # each looks at the one behind it


def test_attention_that_is_spread_evenly_has_all_bits_and_a_look_at_one_place_has_none() -> None:
    assert entropy(EVEN, "encoder").bits == pytest.approx(3) and entropy(
        EVEN, "encoder"
    ).most == pytest.approx(3)
    assert entropy(EVEN, "encoder").share == pytest.approx(1)
    assert entropy(SHARP, "encoder").bits == pytest.approx(0, abs=1e-6)


def test_each_step_has_its_own_entropy_and_the_decoder_can_look_back_only() -> None:
    assert entropy(EVEN, "cross", 0).bits == pytest.approx(3)
    assert entropy(EVEN, "cross", 1).bits == pytest.approx(0, abs=1e-6)
    assert entropy(EVEN, "cross").bits == pytest.approx(1.5)
    back = entropy(EVEN, "decoder")
    assert back.most == pytest.approx(np.log2([1, 2, 3]).mean()) and back.share == pytest.approx(1)


def test_masked_tokens_neither_count_as_lookers_nor_as_what_could_be_seen() -> None:
    weights = np.full((8, 8), 1 / 4)
    weights[:, 4:] = weights[4:] = 0
    half = entropy(attention(weights), "encoder")
    assert half.bits == pytest.approx(2) and half.most == pytest.approx(2)
    assert received(attention(weights)).ravel() == pytest.approx([0.25] * 4 + [0] * 4)


def test_what_a_patch_looks_at_is_looked_at_by_it() -> None:
    patch, behind = Patch(0, 1), Patch(0, 2)
    assert looks_at(SHARP, patch)[0, 0, 0, 2] == 1 and looks_at(SHARP, patch).sum() == 1
    assert looked_at_by(SHARP, behind)[0, 0, 0, 1] == 1 and looked_at_by(SHARP, behind).sum() == 1
    assert received(SHARP) == pytest.approx(1 / 8)


def test_a_step_and_a_patch_tell_the_same_of_each_other() -> None:
    assert of_step(EVEN, 1)[0, 0, 0, 3] == 1
    assert digits_look_at(EVEN, Patch(0, 3))[0, 0].tolist() == pytest.approx([1 / 8, 1])


def test_the_summary_token_of_the_digit_model_is_no_patch(digit_reader: Reader) -> None:
    found = digit_reader.read(draw("8", size=(110, 420)).gray).attention
    assert found is not None and found.encoder.shape[-1] == 17
    assert looks_at(found, Patch(0, 0)).shape == (2, 4, 4, 4)
    assert np.array_equal(looks_at(found, Patch(1, 2))[0, 0].ravel(), found.encoder[0, 0, 7, 1:])
    assert np.array_equal(of_step(found, 0)[1, 3].ravel(), found.encoder[1, 3, 0, 1:])


def test_a_patch_that_does_not_exist_is_refused() -> None:
    with pytest.raises(ValueError, match=r"row 2, column 0\) does not exist; choose rows 0 to 1"):
        looks_at(EVEN, Patch(2, 0))


def test_a_matrix_is_white_where_nothing_is_and_coloured_where_it_is_highest() -> None:
    picture = matrix_picture(np.array([[0.0, 1.0]]), (10, 20, 30), smallest=20)
    assert picture.shape == (10, 20, 3)
    assert picture[0, 0].tolist() == [255] * 3 and picture[0, -1].tolist() == [10, 20, 30]


def test_a_sheet_of_maps_has_a_row_for_each_layer_and_words_below_each_map() -> None:
    one = np.full((20, 100, 3), 200, np.uint8)
    sheet = mosaic([[one, one, one], [one, one, one]], [["1 bit"] * 3] * 2)
    assert (sheet == 200).all(-1).sum() == 6 * 20 * 100
    assert (sheet < 100).any()
