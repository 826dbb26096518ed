"""Scores against examples worked by hand."""

import math

import pytest
import torch
from torch import Tensor

from core.config import CanvasSettings, ModelSettings, RunSettings
from core.data.canvases.tiles import Tiles
from core.data.mnist import Digits, Mnist
from core.model.checkpoint import build
from core.model.digit_vit import DigitViT
from core.model.output import Output
from core.training.metrics import (
    Readings,
    edit_distance,
    expected_calibration_error,
    fit_calibration,
    read_canvases,
    read_digits,
    score,
)
from core.vocab import Vocabulary

VOCABULARY = Vocabulary()


def readings(pairs: list[tuple[str, str]], probability: float = 0.9) -> Readings:
    """(read, true) strings, each token read with this probability and the rest spread over the others."""
    longest = max(len(text) for text, _ in pairs) + 1
    tokens = torch.full((len(pairs), longest), VOCABULARY.pad)
    for row, (text, _) in enumerate(pairs):
        tokens[row, : len(text) + 1] = torch.tensor([*map(int, text), VOCABULARY.eos])
    shares = torch.full(
        (len(pairs), longest, VOCABULARY.outputs), (1 - probability) / (VOCABULARY.outputs - 1)
    )
    shares.scatter_(2, tokens.clamp(max=VOCABULARY.eos)[..., None], probability)
    return Readings(
        VOCABULARY, [text for text, _ in pairs], [true for _, true in pairs], shares.log(), tokens
    )


@pytest.mark.parametrize(
    ("first", "second", "distance"),
    [
        ("", "", 0),
        ("407", "407", 0),
        ("", "407", 3),
        ("407", "", 3),
        ("407", "417", 1),
        ("407", "47", 1),
        ("407", "4107", 1),
        ("1234", "2341", 2),
        ("12345", "54321", 4),
        ("99", "99999", 3),
    ],
)
def test_edit_distance_counts_insertions_deletions_and_substitutions(
    first: str, second: str, distance: int
) -> None:
    assert edit_distance(first, second) == edit_distance(second, first) == distance


def test_scores_of_an_example_worked_by_hand() -> None:
    scores = score(
        readings([("407", "407"), ("47", "407"), ("12", "12"), ("13", "12"), ("5", ""), ("", ""), ("8", "8")])
    )
    assert scores.count == 7
    assert scores.exact_match == pytest.approx(4 / 7)
    assert scores.by_length == {0: 0.5, 1: 1.0, 2: 0.5, 3: 0.5}
    # 407 (3), 47 against 407 (the 4 alone stands at its place), 12 (2), 13 (1), 8 (1): 8 of 11 digits
    assert scores.digit_accuracy == pytest.approx(8 / 11)
    # a missing 0, a 3 for a 2, a 5 where nothing was
    assert scores.character_error_rate == pytest.approx(3 / 11)


def test_where_there_are_no_digits_shares_of_them_are_not_made_up() -> None:
    scores = score(readings([("", ""), ("57", ""), ("", "")]))
    assert scores.exact_match == pytest.approx(2 / 3)
    assert scores.digit_accuracy is None and scores.character_error_rate is None


def test_the_probability_of_a_string_is_that_of_all_its_tokens_and_no_padding() -> None:
    probabilities = readings([("407", ""), ("", "")], 0.9).probabilities()
    assert probabilities.tolist() == pytest.approx([0.9**4, 0.9])


def test_calibration_divides_the_logits() -> None:
    found = readings([("4", "4")], 0.9)
    other = math.log(0.1 / 10)
    expected = (math.exp(math.log(0.9) / 2) / (math.exp(math.log(0.9) / 2) + 10 * math.exp(other / 2))) ** 2
    assert found.probabilities(2.0).item() == pytest.approx(expected)
    assert score(found, 2.0).calibration_error == pytest.approx(1 - expected)


def test_calibration_error_of_an_example_worked_by_hand() -> None:
    # Bins of a fifteenth: two at 0.95 (one right), two at 0.62 and 0.65 (both right), one at 1.0 (right).
    probabilities = torch.tensor([0.95, 0.95, 0.62, 0.65, 1.0])
    right = torch.tensor([True, False, True, True, True])
    # 0.95, 0.95 and 1.0 share the last bin: |2.9 - 2| = 0.9; the others share theirs: |1.27 - 2| = 0.73
    assert expected_calibration_error(probabilities, right) == pytest.approx((0.9 + 0.73) / 5)


def test_gaps_of_different_bins_do_not_cancel_and_those_of_one_bin_do() -> None:
    right = torch.tensor([True, False])
    assert expected_calibration_error(torch.tensor([0.5, 0.5]), right) == pytest.approx(0)
    assert expected_calibration_error(torch.tensor([0.9, 0.1]), right) == pytest.approx(0.1)
    assert expected_calibration_error(torch.tensor([0.1, 0.9]), right) == pytest.approx(0.9)


def over_confident(sharpness: float) -> Readings:
    """Strings of one digit, whose logits are `sharpness` times those that would be true."""
    generator = torch.Generator().manual_seed(0)
    count = 3000
    honest = torch.randn(count, 2, VOCABULARY.outputs, generator=generator) * 1.5
    honest[:, 1] = -20
    honest[:, 1, VOCABULARY.eos] = 20
    honest[:, 0, VOCABULARY.eos] = -20
    truths = torch.multinomial(honest[:, 0].softmax(-1), 1, generator=generator)[:, 0]
    read = honest[:, 0].argmax(-1)
    tokens = torch.stack([read, torch.full_like(read, VOCABULARY.eos)], 1)

    def texts(digits: Tensor) -> list[str]:
        return [str(digit) for digit in digits.tolist()]

    return Readings(VOCABULARY, texts(read), texts(truths), sharpness * honest, tokens)


@pytest.mark.parametrize("sharpness", [3.0, 0.5])
def test_calibration_makes_claims_come_true(sharpness: float) -> None:
    found = over_confident(sharpness)
    calibration = fit_calibration(found)
    assert calibration == pytest.approx(sharpness, rel=0.1)
    before, after = score(found).calibration_error, score(found, calibration).calibration_error
    assert before > 0.1 and after < 0.03
    assert score(found, calibration).exact_match == score(found).exact_match


def test_honest_logits_are_left_alone() -> None:
    assert fit_calibration(over_confident(1.0)) == pytest.approx(1.0, abs=0.1)


CANVAS = CanvasSettings(height=32, width=48, max_digits=1)
RUN = RunSettings(canvas=CANVAS, model=ModelSettings(dim=16, heads=2, encoder_layers=1, stem_width=4))


def test_canvases_are_read_in_evaluation_mode_and_the_model_is_left_as_it_was(tiles: Tiles) -> None:
    torch.manual_seed(0)
    model = build(RUN).train()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    first = read_canvases(model, tiles, CANVAS, 260, seed=3)  # more than one batch
    again = read_canvases(model, tiles, CANVAS, 260, seed=3)
    assert model.training
    assert all(torch.equal(before[name], tensor) for name, tensor in model.state_dict().items())
    assert len(first.texts) == len(first.truths) == len(first.logits) == len(first.tokens) == 260
    assert first.texts == again.texts and torch.equal(first.tokens, again.tokens)
    assert first.texts == [VOCABULARY.decode(row) for row in first.tokens.tolist()]
    assert {len(truth) for truth in first.truths} == {0, 1}
    assert len(set(first.truths[:250])) == 11
    assert first.truths != read_canvases(model, tiles, CANVAS, 260, seed=4).truths


def test_plain_digits_are_read_from_the_middle_of_a_strip(
    sample: Mnist, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch.manual_seed(0)
    model, seen = build(RUN), []
    read = model.read

    def watched(strips: Tensor, *, with_weights: bool = False) -> Output:
        seen.append(strips)
        return read(strips, with_weights=with_weights)

    monkeypatch.setattr(model, "read", watched)
    digits = Digits(sample.test.images[:6], sample.test.labels[:6])
    found = read_digits(model, digits, CANVAS)
    assert found.truths == [str(label) for label in digits.labels]
    strips = seen[0]
    assert strips.shape == (6, 1, 32, 48)
    assert (strips[..., :10].amax() < 0.1) and (strips[..., 38:].amax() < 0.1)
    likeness = torch.corrcoef(
        torch.stack(
            [strips[0, 0, 2:30, 10:38].flatten(), torch.from_numpy(digits.images[0]).flatten().float()]
        )
    )
    assert likeness[0, 1] > 0.98


def test_digits_are_scaled_and_not_cropped_on_a_strip_smaller_than_they_are(sample: Mnist) -> None:
    seen: list[Tensor] = []

    class Watching(DigitViT):
        def read(self, strip: Tensor, *, with_weights: bool = False) -> Output:
            seen.append(strip)
            return super().read(strip, with_weights=with_weights)

    model = ModelSettings(kind="digit", dim=16, heads=2, encoder_layers=1)
    for side in (16, 32):
        canvas = CanvasSettings(height=side, width=side, max_digits=1)
        read_digits(Watching(model, canvas), sample.split("validation"), canvas)
    small, large = (strips.mean((0, 1)) for strips in seen)
    shares = [picture.sum(0).cumsum(0) / picture.sum() for picture in (small, large)]
    spans = [
        float((share > 0.95).int().argmax() - (share > 0.05).int().argmax()) / len(share) for share in shares
    ]
    assert abs(spans[0] - spans[1] * 32 / 28) < 0.1
