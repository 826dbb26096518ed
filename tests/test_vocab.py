"""Digit strings to tokens and back."""

import pytest
import torch

from core import vocab
from core.vocab import EOS, PAD, SOS


def test_targets_close_each_string_with_eos_and_fill_it_with_pad() -> None:
    labels = torch.tensor([[4, 0, 7], [9, 8, 8], [5, 5, 5]])
    tokens = vocab.targets(labels, torch.tensor([3, 1, 0]))
    assert tokens.tolist() == [[4, 0, 7, EOS], [9, EOS, PAD, PAD], [EOS, PAD, PAD, PAD]]


def test_the_decoder_is_fed_the_targets_one_step_late_behind_sos() -> None:
    tokens = torch.tensor([[4, 0, 7, EOS], [9, EOS, PAD, PAD]])
    assert vocab.decoder_inputs(tokens).tolist() == [[SOS, 4, 0, 7], [SOS, 9, EOS, PAD]]


@pytest.mark.parametrize(
    ("tokens", "text"),
    [([4, 0, 7, EOS], "407"), ([EOS], ""), ([0, 0, EOS, 3, PAD], "00"), ([1, 2], "12"), ([], "")],
)
def test_a_reading_is_the_digits_before_the_first_eos(tokens: list[int], text: str) -> None:
    assert vocab.text(tokens) == text


def test_every_string_survives_the_way_to_tokens_and_back() -> None:
    for text in ("", "0", "407", "99999"):
        labels = torch.tensor([[*map(int, text), *[0] * (5 - len(text))]])
        assert vocab.text(vocab.targets(labels, torch.tensor([len(text)]))[0].tolist()) == text


def test_the_probability_of_a_string_is_the_product_of_its_own_tokens() -> None:
    logs = torch.tensor([[0.5, 0.5, 0.1], [0.9, 0.3, 0.2]]).log()
    tokens = torch.tensor([[1, EOS, PAD], [1, 2, EOS]])
    assert vocab.sequence_probability(logs, tokens).tolist() == pytest.approx([0.25, 0.054])


def test_special_tokens_are_distinct_and_only_eos_can_be_answered() -> None:
    assert len({*range(10), EOS, SOS, PAD}) == vocab.INPUTS
    assert max(*range(10), EOS) < vocab.OUTPUTS <= min(SOS, PAD)
    assert len(vocab.NAMES) == vocab.OUTPUTS
