"""A change under question acts as it says: on the strip, in the heads, on what is seen, and only there."""

import re
from typing import Any, cast

import numpy as np
import pytest
import torch

from core.model.encoder import EncoderLayer
from core.reading import Reader, Reading
from core.reading.explain import METHODS, patch_weights
from core.reading.overlay import box_on_strip
from core.understanding.attention.heads import entropy
from core.understanding.attention.what_if import (
    Change,
    Head,
    Move,
    Patch,
    heads_of,
    patches_of_digit,
    what_if,
)
from tests.drawings import draw


@pytest.fixture(scope="module")
def number(number_reader: Reader) -> tuple[Reader, Reading]:
    reading = number_reader.read(draw("407", size=(110, 420), at=(20, 20)).gray)
    assert reading.text == "407"
    return number_reader, reading


@pytest.fixture(scope="module")
def digit(digit_reader: Reader) -> tuple[Reader, Reading]:
    reading = digit_reader.read(draw("8", size=(110, 420)).gray)
    assert reading.text == "8"
    return digit_reader, reading


@pytest.fixture(params=["number", "digit"])
def read(request: pytest.FixtureRequest) -> tuple[Reader, Reading]:
    """Each model and what it read."""
    return request.getfixturevalue(request.param)


def said(reading: Reading) -> tuple[Any, ...]:
    return reading.text, reading.probability, reading.digits


def test_no_change_is_the_same_reading_to_the_bit(read: tuple[Reader, Reading]) -> None:
    answer = what_if(*read, Change())
    assert said(answer.reading) == said(read[1])
    assert answer.kept == tuple(one.probability for one in read[1].digits)
    for name in ("cross", "encoder", "decoder"):
        assert np.array_equal(getattr(answer.reading.attention, name), getattr(read[1].attention, name))


CHANGES = [
    Change(erased=frozenset({Patch(1, 1)})),
    Change(masked=frozenset({Patch(1, 1), Patch(0, 0)})),
    Change(off=frozenset({Head("encoder", 0, 1)})),
    Change(temperature=2.0),
    Change(move=Move(0, 3, -1)),
]


@pytest.mark.parametrize("change", CHANGES)
def test_asking_leaves_no_trace_in_the_reader_or_the_reading(
    change: Change, read: tuple[Reader, Reading]
) -> None:
    reader, reading = read
    before = {name: tensor.clone() for name, tensor in reader.model.state_dict().items()}
    strip = reading.strip.copy()
    what_if(reader, reading, change)
    assert all(torch.equal(tensor, before[name]) for name, tensor in reader.model.state_dict().items())
    assert np.array_equal(reading.strip, strip)
    assert said(what_if(reader, reading, Change()).reading) == said(reading)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("change", CHANGES)
def test_an_answer_can_be_explained_like_any_reading(
    change: Change, method: Any, read: tuple[Reader, Reading]
) -> None:
    answer = what_if(*read, change)
    weights = patch_weights(answer.reader, answer.reading, method)
    assert weights.shape == (len(answer.reading.digits), *read[0].model.grid) and np.isfinite(weights).all()
    for row, column in change.masked:
        assert (weights[:, row, column] == 0).all()


def test_a_layer_whose_heads_are_all_off_is_a_layer_without_attention(read: tuple[Reader, Reading]) -> None:
    reader, reading = read
    heads = reader.settings.model.heads
    change = Change(off=frozenset(Head("encoder", 0, head) for head in range(heads)))
    changed = cast(EncoderLayer, what_if(reader, reading, change).reader.model.encoder.layers[0])
    layer = cast(EncoderLayer, reader.model.encoder.layers[0])
    torch.manual_seed(0)
    x = torch.randn(1, 7, reader.settings.model.dim)
    with torch.inference_mode():
        alone = x + layer.attention.output.bias  # what no head says: a constant
        without = alone + layer.ffn(layer.ffn_norm(alone))
        assert torch.allclose(changed(x)[0], without, atol=1e-6)
        assert not torch.allclose(layer(x)[0], without, atol=1e-2)


@pytest.mark.parametrize("part", ["encoder", "decoder", "cross"])
def test_one_head_off_is_felt_and_the_others_attend_as_before_in_its_layer(
    part: Any, number: tuple[Reader, Reading]
) -> None:
    answer = what_if(*number, Change(off=frozenset({Head(part, 0, 0)})))
    assert answer.reading.probability != number[1].probability
    before, after = number[1].attention, answer.reading.attention
    assert before is not None and after is not None
    assert np.array_equal(before.encoder[0], after.encoder[0])
    assert np.array_equal(before.encoder, after.encoder) == (part != "encoder")


def test_the_heads_of_a_model_are_those_that_it_has(number_reader: Reader, digit_reader: Reader) -> None:
    assert len(heads_of(number_reader)) == (4 + 1 + 1) * 4
    assert {head.part for head in heads_of(digit_reader)} == {"encoder"}


def test_a_high_temperature_spreads_attention_and_a_low_one_sharpens_it(read: tuple[Reader, Reading]) -> None:
    bits = []
    for temperature in (0.25, 1.0, 4.0):
        attention = what_if(*read, Change(temperature=temperature)).reading.attention
        assert attention is not None
        bits.append(entropy(attention, "encoder").bits[0])
    assert (bits[0] < bits[1]).all() and (bits[1] < bits[2]).all()


def test_erasing_a_digit_takes_it_from_the_strip_and_from_the_reading(number: tuple[Reader, Reading]) -> None:
    reader, reading = number
    erased = patches_of_digit(reader, reading, 1)
    answer = what_if(reader, reading, Change(erased=erased))
    side = reader.settings.model.patch_size
    for row, column in erased:
        y, x = row * side, column * side
        assert (answer.reading.strip[y : y + side, x : x + side] == 0).all()
    assert answer.reading.strip.sum() < reading.strip.sum()
    assert answer.kept[1] < 0.1 < 0.9 < reading.digits[1].probability
    assert answer.kept[0] > 0.5


def test_erasing_blank_paper_changes_nothing(number: tuple[Reader, Reading]) -> None:
    corner = frozenset({Patch(0, 0)})
    assert (number[1].strip[:8, :8] == 0).all()
    assert said(what_if(*number, Change(erased=corner)).reading) == said(number[1])


def test_masking_is_the_same_as_leaving_the_tokens_out_of_the_sequence(
    read: tuple[Reader, Reading],
) -> None:
    reader, reading = read
    masked = frozenset({Patch(1, 1), Patch(2, 2), Patch(3, 0)})
    changed = what_if(reader, reading, Change(masked=masked)).reader
    encoder = reader.model.encoder
    columns = encoder.grid[1]
    front = int(encoder.summary is not None)
    gone = {front + row * columns + column for row, column in masked}
    strip = torch.from_numpy(reading.strip)[None, None]
    with torch.inference_mode():
        x = encoder.stem(strip).flatten(2).transpose(1, 2) + encoder.positions
        if encoder.summary is not None:
            x = torch.cat([encoder.summary, x], dim=1)
        left = [token for token in range(x.shape[1]) if token not in gone]
        x = x[:, left]
        for layer in encoder.layers:
            x, _ = layer(x)
        shorter = encoder.norm(x)
        whole, _ = changed.model.encoder(strip, with_weights=True)
        fused, _ = changed.model.encoder(strip)
        assert torch.allclose(whole[:, left], shorter, atol=1e-4)
        assert torch.allclose(fused[:, left], shorter, atol=1e-4)
        assert not torch.allclose(encoder(strip)[0][:, left], shorter, atol=1e-2)


def test_masked_patches_neither_look_nor_are_looked_at(read: tuple[Reader, Reading]) -> None:
    reader, reading = read
    masked = frozenset({Patch(1, 1), Patch(2, 3)})
    attention = what_if(reader, reading, Change(masked=masked)).reading.attention
    assert attention is not None
    columns, front = attention.grid[1], int(reader.model.encoder.summary is not None)
    places = [row * columns + column for row, column in masked]
    tokens = [front + place for place in places]
    assert (attention.cross[..., places] == 0).all()
    assert (attention.encoder[..., tokens] == 0).all() and (attention.encoder[:, :, tokens] == 0).all()
    others = np.delete(attention.encoder, tokens, axis=2)
    assert np.allclose(others.sum(-1), 1, atol=1e-5)


def test_masking_a_digit_hides_it_although_its_ink_is_still_there(number: tuple[Reader, Reading]) -> None:
    reader, reading = number
    answer = what_if(reader, reading, Change(masked=patches_of_digit(reader, reading, 2)))
    assert np.array_equal(answer.reading.strip, reading.strip)
    assert answer.kept[2] < 0.5 < reading.digits[2].probability


def test_a_digit_that_is_moved_far_takes_its_box_along(number: tuple[Reader, Reading]) -> None:
    reader, reading = number
    answer = what_if(reader, reading, Change(move=Move(2, 20, 0)))
    assert answer.reading.text == "407"
    for place, by in ((0, 0.0), (1, 0.0), (2, 20.0)):
        before = box_on_strip(reading.digits[place].box, reading)
        after = box_on_strip(answer.reading.digits[place].box, answer.reading)
        assert after[0] - before[0] == pytest.approx(by, abs=3)
    assert answer.reading.strip.sum() == pytest.approx(reading.strip.sum(), rel=0.02)


def test_a_digit_moved_off_the_strip_is_gone_and_darker_ink_stays(number: tuple[Reader, Reading]) -> None:
    reader, reading = number
    gone = what_if(reader, reading, Change(move=Move(0, -160, 0)))
    assert gone.reading.text == "07"
    upon = what_if(reader, reading, Change(move=Move(0, 24, 0))).reading.strip
    assert (upon[:, 70:] >= reading.strip[:, 70:] - 1e-6).all()


def test_what_was_read_is_asked_again_where_another_number_is_read_now(
    number: tuple[Reader, Reading],
) -> None:
    reader, reading = number
    answer = what_if(reader, reading, Change(erased=patches_of_digit(reader, reading, 0)))
    assert answer.reading.text != "407" and len(answer.kept) == 3
    assert answer.kept[0] < 0.1 and all(0 <= one <= 1 for one in answer.kept)


def test_of_a_picture_on_which_nothing_is_read_one_may_still_ask(number_reader: Reader) -> None:
    scribble = np.full((110, 420), 255, np.uint8)
    scribble[50:56, 40:380:3] = 0
    reading = number_reader.read(scribble)
    assert reading.text == "" and reading.attention is not None
    answer = what_if(number_reader, reading, Change(temperature=0.5))
    assert answer.kept == () and answer.reading.attention is not None


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            Change(erased=frozenset({Patch(4, 0)})),
            r"erased patch \(row 4, column 0\) does not exist; choose rows 0 to 3",
        ),
        (Change(masked=frozenset({Patch(0, -1)})), r"masked patch \(row 0, column -1\) does not exist"),
        (
            Change(masked=frozenset(Patch(r, c) for r in range(4) for c in range(20))),
            "masked holds all 80 patches; leave",
        ),
        (
            Change(off=frozenset({Head("decoder", 1, 0)})),
            "decoder layer 1, head 0, which does not exist; this model has 4",
        ),
        (Change(temperature=0.0), r"temperature \(0.0\) must lie between 0.05 and 20"),
        (Change(temperature=float("nan")), "temperature"),
        (Change(move=Move(3, 1, 0)), r"digit \(3\) does not exist; choose one from 0 to 2"),
        (Change(move=Move(0, 161, 0)), r"move by \(161, 0\) leads off the strip; keep dx within 160"),
    ],
)
def test_what_does_not_exist_is_refused_with_the_mend(
    change: Change, said: str, number: tuple[Reader, Reading]
) -> None:
    with pytest.raises(ValueError, match=said):
        what_if(*number, change)


def test_the_digit_model_has_no_decoder_whose_heads_could_be_switched_off(
    digit: tuple[Reader, Reading],
) -> None:
    with pytest.raises(ValueError, match=re.escape("4 heads in each of 2 layers (encoder), counted from 0")):
        what_if(*digit, Change(off=frozenset({Head("cross", 0, 0)})))


def test_a_reading_without_attention_or_ink_is_refused(number_reader: Reader) -> None:
    blank = number_reader.read(np.full((50, 90), 255, np.uint8))
    with pytest.raises(ValueError, match="no attention: read a picture with ink on it"):
        what_if(number_reader, blank, Change())
    with pytest.raises(ValueError, match="without ink"):
        number_reader.read_strip(blank.strip, blank)


def test_a_strip_of_another_size_is_refused(number: tuple[Reader, Reading]) -> None:
    with pytest.raises(ValueError, match=r"bring it to \(32, 160\)"):
        number[0].read_strip(np.zeros((32, 32), np.float32), number[1])
