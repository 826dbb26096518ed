"""Texts to tokens and back."""

import pytest
import torch

from core.config import DIGITS
from core.vocab import Vocabulary

DIGITS_ONLY = Vocabulary()
SIGNED = Vocabulary(DIGITS + "-A")
EOS, SOS, PAD = DIGITS_ONLY.eos, DIGITS_ONLY.sos, DIGITS_ONLY.pad


def test_targets_close_each_string_with_eos_and_fill_it_with_pad() -> None:
    labels = torch.tensor([[4, 0, 7], [9, 8, 8], [5, 5, 5]])
    tokens = DIGITS_ONLY.targets(labels, torch.tensor([3, 1, 0]))
    assert tokens.tolist() == [[4, 0, 7, EOS], [9, EOS, PAD, PAD], [EOS, PAD, PAD, PAD]]


def test_the_decoder_is_fed_the_targets_one_step_late_behind_sos() -> None:
    tokens = torch.tensor([[4, 0, 7, EOS], [9, EOS, PAD, PAD]])
    assert DIGITS_ONLY.decoder_inputs(tokens).tolist() == [[SOS, 4, 0, 7], [SOS, 9, EOS, PAD]]


@pytest.mark.parametrize(
    ("tokens", "text"),
    [([4, 0, 7, EOS], "407"), ([EOS], ""), ([0, 0, EOS, 3, PAD], "00"), ([1, 2], "12"), ([], "")],
)
def test_a_reading_is_the_digits_before_the_first_eos(tokens: list[int], text: str) -> None:
    assert DIGITS_ONLY.decode(tokens) == text


@pytest.mark.parametrize("text", ["", "0", "407", "-9", "A-A1", "AAAAA"])
def test_every_string_survives_the_way_to_tokens_and_back(text: str) -> None:
    labels = torch.tensor([SIGNED.encode(text) + [0] * (5 - len(text))])
    tokens = SIGNED.targets(labels, torch.tensor([len(text)]))[0].tolist()
    assert SIGNED.decode(tokens) == text


def test_a_symbol_that_is_not_in_the_vocabulary_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match=r"'-' in '4-2' is none of the symbols '0123456789'"):
        DIGITS_ONLY.encode("4-2")


def test_the_probability_of_a_string_is_the_product_of_its_own_tokens() -> None:
    shares = torch.full((2, 3, DIGITS_ONLY.outputs), 0.02)
    for row, step, token, share in (
        (0, 0, 1, 0.5),
        (0, 1, EOS, 0.5),
        (1, 0, 1, 0.9),
        (1, 1, 2, 0.3),
        (1, 2, EOS, 0.2),
    ):
        shares[row, step] = (1 - share) / (DIGITS_ONLY.outputs - 1)
        shares[row, step, token] = share
    tokens = torch.tensor([[1, EOS, PAD], [1, 2, EOS]])
    assert DIGITS_ONLY.sequence_probability(shares.log(), tokens).tolist() == pytest.approx([0.25, 0.054])


def test_calibration_divides_the_logits() -> None:
    logits, tokens = torch.randn(4, 1, DIGITS_ONLY.outputs), torch.full((4, 1), EOS)
    expected = (logits[:, 0] / 2).softmax(-1)[:, EOS]
    assert torch.allclose(DIGITS_ONLY.sequence_probability(logits, tokens, 2.0), expected)


@pytest.mark.parametrize("vocabulary", [DIGITS_ONLY, SIGNED])
def test_special_tokens_are_distinct_and_only_eos_can_be_answered(vocabulary: Vocabulary) -> None:
    written = set(range(len(vocabulary.symbols)))
    special = {vocabulary.eos, vocabulary.sos, vocabulary.pad}
    assert len(written | special) == vocabulary.inputs
    assert max(*written, vocabulary.eos) < vocabulary.outputs <= min(vocabulary.sos, vocabulary.pad)
    assert len(vocabulary.names) == vocabulary.outputs
