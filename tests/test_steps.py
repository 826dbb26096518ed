"""The walk through the model tells the truth: its tensors are those of the reading, and lead from one stage to the next."""

import io
from typing import Any

import numpy as np
import pytest
import torch

from core.config import CanvasSettings, ModelSettings, RunSettings
from core.model.attention import Attention
from core.model.checkpoint import Checkpoint, build
from core.model.encoder import EncoderLayer
from core.model.number_transformer import NumberTransformer
from core.reading import Reader, Reading
from core.understanding.walkthrough import Walk, as_npz, attention_step, source, stem_reach, walk
from core.vocab import Vocabulary
from tests.conftest import ROOT
from tests.drawings import draw

VOCABULARY = Vocabulary()

Walked = tuple[Reader, Reading, Walk]


def walked(reader: Reader, text: str) -> Walked:
    reading = reader.read(draw(text, size=(110, 420), at=(20, 20)).gray)
    return reader, reading, walk(reader, reading)


@pytest.fixture(scope="module", params=["number", "digit"])
def either(request: pytest.FixtureRequest, number_reader: Reader, digit_reader: Reader) -> Walked:
    """A walk through each model."""
    return walked(number_reader, "407") if request.param == "number" else walked(digit_reader, "8")


@pytest.fixture(scope="module")
def number(number_reader: Reader) -> Walked:
    return walked(number_reader, "407")


def close(one: torch.Tensor, other: torch.Tensor, tolerance: float = 1e-6) -> bool:
    return one.shape == other.shape and (one - other).abs().max().item() <= tolerance


def test_it_ends_in_the_digits_and_probabilities_of_the_reading(either: Walked) -> None:
    _, reading, way = either
    assert way.text == reading.text != ""
    assert way.probability == pytest.approx(reading.probability, abs=1e-6)
    for answer, digit in zip(way.answers, reading.digits, strict=False):
        assert answer.token == digit.value
        assert answer.probability == pytest.approx(digit.probability, abs=1e-6)
        others = {name: float(answer.probabilities[place]) for place, name in enumerate(VOCABULARY.names)}
        assert {name: others[name] for name, _ in digit.runners_up} == pytest.approx(dict(digit.runners_up))


def test_the_shapes_are_those_of_the_code(number: Walked) -> None:
    _, _, way = number
    assert way.strip.shape == (1, 1, 32, 160) and way.patches.shape == (4, 20, 8, 8)
    assert way.stem.shape == (1, 96, 4, 20) and way.entering.shape == way.memory.shape == (1, 80, 96)
    assert way.layers[0].attention.queries.shape == (1, 4, 80, 24)
    assert way.layers[0].attention.weights.shape == (1, 4, 80, 80)
    assert [len(answer.so_far) for answer in way.answers] == [1, 2, 3, 4]
    assert way.answers[2].self_attention is not None and way.answers[2].self_attention.shape == (1, 4, 3)
    assert way.answers[2].cross_attention.shape == (1, 4, 80)


def test_patches_and_positions_are_in_the_order_of_the_tokens(either: Walked) -> None:
    reader, reading, way = either
    rows, columns = reader.model.grid
    side = reader.settings.model.patch_size
    assert np.array_equal(way.patches[1, 2], reading.strip[side : 2 * side, 2 * side : 3 * side])
    assert torch.equal(way.embedded[0, columns + 2], way.stem[0, :, 1, 2])
    patches = way.entering[:, 1:] if way.has_summary else way.entering
    assert patches.shape[1] == rows * columns
    assert close(patches, way.embedded + way.positions)


def test_scores_by_hand_give_the_weights_that_the_model_returns(either: Walked) -> None:
    reader, reading, way = either
    assert reading.attention is not None
    for number, layer in enumerate(way.layers):
        parts = layer.attention
        by_hand = parts.queries @ parts.keys.transpose(-2, -1) / parts.queries.shape[-1] ** 0.5
        assert close(parts.scores, by_hand, 1e-4)
        assert close(by_hand.softmax(-1), parts.weights, 1e-5)
        assert np.allclose(parts.weights[0], reading.attention.encoder[number], atol=1e-6)
        mixed = (parts.weights @ parts.values).transpose(1, 2).flatten(2)
        module = reader.model.encoder.layers[number]
        assert isinstance(module, EncoderLayer)
        assert close(module.attention.output(mixed), parts.change, 1e-4)


def test_one_weight_can_be_followed_with_pencil_and_paper(number: Walked) -> None:
    parts = number[2].layers[1].attention
    other, product, score, weight = parts.best(head=2, token=45)
    row = parts.scores[0, 2, 45]
    assert product == pytest.approx(
        (parts.queries[0, 2, 45] * parts.keys[0, 2, other]).sum().item(), abs=1e-4
    )
    assert score == pytest.approx(product * parts.scale, abs=1e-4) == row.max().item()
    assert weight == pytest.approx((row[other].exp() / row.exp().sum()).item(), abs=1e-5)


def test_the_temperature_of_the_settings_is_in_the_scale() -> None:
    torch.manual_seed(0)
    x = torch.randn(1, 5, 16)
    attention = Attention(ModelSettings(dim=16, heads=2, temperature=2.0))
    parts = attention_step(attention, x)
    assert parts.scale == pytest.approx(1 / (8**0.5 * 2))
    assert close(parts.scores.softmax(-1), parts.weights)


def test_each_layer_hands_its_tokens_to_the_next_and_only_adds_to_them(either: Walked) -> None:
    reader, _, way = either
    x = way.entering
    for layer in way.layers:
        assert torch.equal(layer.before, x)
        assert close(layer.before + layer.attention.change + layer.ffn_change, layer.after, 1e-4)
        x = layer.after
    with torch.inference_mode():
        memory, _ = reader.model.encoder(way.strip)
    assert close(way.memory, memory)


def test_the_memory_is_what_the_decoder_reads_the_digits_from(number: Walked) -> None:
    reader, _, way = number
    model = reader.model
    assert isinstance(model, NumberTransformer)
    fed = torch.tensor([[VOCABULARY.sos, *(answer.token for answer in way.answers[:-1])]])
    with torch.inference_mode():
        states, _, back, cross = model.decoder(fed, model.decoder.look_at(way.memory), with_weights=True)
        logits = model.classify(states)[0]
    for step, answer in enumerate(way.answers):
        assert close(logits[step], answer.logits, 1e-3)
        assert close(torch.stack(cross)[:, 0, :, step], answer.cross_attention, 1e-4)
        assert answer.self_attention is not None
        assert close(torch.stack(back)[:, 0, :, step, : step + 1], answer.self_attention, 1e-4)


def test_the_steps_say_what_they_were_fed_and_where_the_digits_stand(number: Walked) -> None:
    _, _, way = number
    fed = ("start", "4", "0", "7")
    assert [answer.so_far for answer in way.answers] == [fed[:count] for count in (1, 2, 3, 4)]
    assert [answer.name for answer in way.answers] == ["4", "0", "7", "end"]
    lefts = [float(answer.box[0]) for answer in way.answers if answer.box is not None]
    assert len(lefts) == 3 and lefts == sorted(lefts)


def test_a_number_as_long_as_the_model_reads_ends_because_it_must(number_reader: Reader) -> None:
    longest = number_reader.settings.canvas.max_digits
    picture = draw("12345678", size=(110, 700), at=(20, 20)).gray
    reading = number_reader.read(picture)
    way = walk(number_reader, reading)
    assert len(reading.text) == longest and way.answers[-1].forced
    assert [answer.forced for answer in way.answers] == [step == longest for step in range(len(way.answers))]
    assert way.probability == pytest.approx(reading.probability, abs=1e-6)


def test_ink_that_is_no_number_ends_at_the_first_step(number_reader: Reader) -> None:
    blots = np.full((120, 300), 255, np.uint8)
    blots[55:65, 20:280] = 0
    reading = number_reader.read(blots)
    assert reading.text == ""
    way = walk(number_reader, reading)
    assert way.text == "" and [answer.name for answer in way.answers] == ["end"]
    assert way.probability == pytest.approx(reading.probability, abs=1e-6)


def test_without_ink_there_is_nothing_to_walk_with(number_reader: Reader) -> None:
    blank = number_reader.read(np.full((100, 100), 255, np.uint8))
    with pytest.raises(ValueError, match="no ink"):
        walk(number_reader, blank)


def test_the_lines_that_are_shown_are_those_that_run(number_reader: Reader, digit_reader: Reader) -> None:
    assert "scores.softmax(dim=-1)" in source(number_reader, "attention").code
    assert "self.positions" in source(number_reader, "encoder").code
    assert "self.convolutions" in source(number_reader, "stem").code
    place, code = source(number_reader, "read")
    assert code.startswith("def read(")
    file, line = place.split(", line ")
    assert (ROOT / file).read_text().splitlines()[int(line) - 1].strip() == code.splitlines()[0]
    assert "self.classify(x[:, :1])" in source(digit_reader, "read").code
    with pytest.raises(ValueError, match="'magic'"):
        source(number_reader, "magic")


@pytest.mark.parametrize("stem", [{}, {"stem": "patch", "patch_size": 4}])
def test_a_patch_vector_is_made_from_as_many_pixels_as_is_said(stem: dict[str, Any]) -> None:
    model = ModelSettings(dim=8, heads=2, encoder_layers=1, activation="silu", **stem)
    settings = RunSettings(canvas=CanvasSettings(height=64, width=160), model=model)
    reader = Reader(Checkpoint(build(settings).eval(), settings))
    seen = torch.rand(1, 1, 64, 160, requires_grad=True)
    rows, columns = reader.model.grid
    reader.model.encoder.stem(seen)[0, :, rows // 2, columns // 2].sum().backward()
    assert seen.grad is not None
    touched = seen.grad[0, 0].abs().sum(0).nonzero()
    assert int(touched.max() - touched.min()) + 1 == stem_reach(reader)


def test_neighbouring_patches_have_the_most_alike_positions(number: Walked) -> None:
    likeness = number[2].likeness(45)
    assert likeness[2, 5] == pytest.approx(1, abs=1e-6) and likeness.argmax() == 45
    assert likeness[2, 6] > likeness[2, 9] and likeness[1, 5] > likeness[0, 5]


def test_shares_say_how_much_each_part_adds(number: Walked) -> None:
    for layer in number[2].layers:
        attention, ffn = layer.shares
        assert attention == pytest.approx(
            (layer.attention.change.norm(dim=-1) / layer.before.norm(dim=-1)).mean().item()
        )
        assert ffn > 0


def test_all_tensors_can_be_taken_along(either: Walked) -> None:
    _, _, way = either
    with np.load(io.BytesIO(as_npz(way))) as kept:
        assert np.array_equal(kept["memory"], way.memory)
        assert np.array_equal(kept["layer2_attention_weights"], way.layers[1].attention.weights)
        assert np.array_equal(kept["step1_logits"], way.answers[0].logits)
        assert ("step2_self_attention" in kept) == (not way.has_summary)
