"""Both models: cached reading equals the full pass, each setting matters, one batch can be learned by heart."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import pytest
import torch
from torch import Tensor

from core.config import PRESETS, READING_PRESETS, CanvasSettings, ModelSettings, RunSettings, TrainingSettings
from core.data.canvases.canvas import make_canvases
from core.data.canvases.tiles import Tiles
from core.data.strip import strip
from core.model.checkpoint import build, parameter_count
from core.model.digit_vit import DigitViT
from core.model.encoder import Encoder
from core.model.number_transformer import NumberTransformer
from core.training.reading_task import losses
from core.vocab import Vocabulary

VOCABULARY = Vocabulary()

CANVAS = CanvasSettings(height=16, width=32, max_digits=4)
MODEL = ModelSettings(dim=16, heads=2, encoder_layers=2, decoder_layers=2, stem_width=4, stem_depth=1)


def number_model(**settings: Any) -> NumberTransformer:
    torch.manual_seed(0)
    return NumberTransformer(MODEL.model_copy(update=settings), CANVAS).eval()


def digit_model(**settings: Any) -> DigitViT:
    torch.manual_seed(0)
    return DigitViT(MODEL.model_copy(update={"kind": "digit"} | settings), CANVAS).eval()


def strips(count: int = 5) -> Tensor:
    return torch.rand(count, 1, 16, 32, generator=torch.Generator().manual_seed(1))


def loud(model: NumberTransformer) -> NumberTransformer:
    """Large weights, for a fresh model hardly looks at its strip."""
    for parameter in model.parameters():
        if parameter.ndim > 1:
            parameter.data.mul_(4)
    return model


@pytest.fixture
def talkative() -> NumberTransformer:
    """A model that reads strings of several lengths, whatever its first weights are."""
    model = loud(number_model())
    for _ in range(400):
        lengths = {len(VOCABULARY.decode(row)) for row in model.read(strips(40)).tokens.tolist()}
        if len(lengths) >= 3:
            return model
        model.classify.bias.data[VOCABULARY.eos] += 0.05
    raise AssertionError("no bias towards the end gives several lengths")


@pytest.fixture(autouse=True)
def no_gradients(request: pytest.FixtureRequest) -> Iterator[None]:
    with torch.set_grad_enabled("learn" in request.node.name):
        yield


def test_reading_with_a_cache_equals_the_full_pass_over_what_was_read(talkative: NumberTransformer) -> None:
    pictures = strips(40)
    read = talkative.read(pictures, with_weights=True)
    full = talkative(pictures, VOCABULARY.decoder_inputs(read.tokens), with_weights=True)
    own = read.tokens != VOCABULARY.pad
    assert torch.allclose(read.logits[own], full.logits[own], atol=1e-4)
    assert read.boxes is not None and full.boxes is not None
    assert torch.allclose(read.boxes[own], full.boxes[own], atol=1e-5)
    for name in ("encoder", "decoder", "cross"):
        of_read, of_full = getattr(read.attentions, name), getattr(full.attentions, name)
        assert len(of_read) == len(of_full) == 2
        for one, two in zip(of_read, of_full, strict=True):
            assert one.shape == two.shape and torch.allclose(one, two, atol=1e-5)


def test_greedy_reading_takes_the_likeliest_token_at_each_step(talkative: NumberTransformer) -> None:
    read = talkative.read(strips(40))
    free = (read.tokens != VOCABULARY.pad) & (torch.arange(read.tokens.shape[1]) < 4)
    assert torch.equal(read.logits.argmax(-1)[free], read.tokens[free])


def test_the_encoder_runs_once_and_the_decoder_sees_one_token_at_a_time(
    talkative: NumberTransformer, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[tuple[str, int]] = []
    encode, decode = talkative.encoder.forward, talkative.decoder.forward

    def encoder(*args: Any, **options: Any) -> Any:
        calls.append(("encode", len(args[0])))
        return encode(*args, **options)

    def decoder(tokens: Tensor, *args: Any, **options: Any) -> Any:
        calls.append(("decode", tokens.shape[1]))
        return decode(tokens, *args, **options)

    monkeypatch.setattr(talkative.encoder, "forward", encoder)
    monkeypatch.setattr(talkative.decoder, "forward", decoder)
    read = talkative.read(strips())
    assert calls == [("encode", 5)] + [("decode", 1)] * read.tokens.shape[1]


def test_asking_for_attention_changes_nothing_else(talkative: NumberTransformer) -> None:
    plain, asked = talkative.read(strips()), talkative.read(strips(), with_weights=True)
    assert torch.equal(plain.tokens, asked.tokens)
    assert torch.allclose(plain.logits, asked.logits, atol=1e-4)
    assert not plain.attentions.encoder and not plain.attentions.decoder and not plain.attentions.cross
    digit = digit_model()
    assert torch.allclose(
        digit.read(strips()).logits, digit.read(strips(), with_weights=True).logits, atol=1e-5
    )


def test_a_batch_is_read_as_its_strips_would_be_alone(talkative: NumberTransformer) -> None:
    together = talkative.read(strips(12))
    for index in range(12):
        alone = talkative.read(strips(12)[index : index + 1])
        steps = alone.tokens.shape[1]
        assert alone.tokens[0].tolist() == together.tokens[index, :steps].tolist()
        assert (together.tokens[index, steps:] == VOCABULARY.pad).all()
        assert torch.allclose(alone.logits[0], together.logits[index, :steps], atol=1e-4)


def test_attention_of_every_layer_and_head_is_returned_with_its_own_shape(
    talkative: NumberTransformer,
) -> None:
    rows, columns = talkative.grid
    assert (rows, columns) == (2, 4)
    found = talkative.read(strips(), with_weights=True)
    steps = found.tokens.shape[1]
    assert [weights.shape for weights in found.attentions.encoder] == [(5, 2, 8, 8)] * 2
    assert [weights.shape for weights in found.attentions.decoder] == [(5, 2, steps, steps)] * 2
    assert [weights.shape for weights in found.attentions.cross] == [(5, 2, steps, 8)] * 2
    for weights in (*found.attentions.encoder, *found.attentions.decoder, *found.attentions.cross):
        assert torch.allclose(weights.sum(-1), torch.ones(weights.shape[:-1]), atol=1e-5)
    assert all((weights.triu(1) == 0).all() for weights in found.attentions.decoder)


def test_a_model_that_never_stops_is_stopped_with_an_honest_probability() -> None:
    model = number_model()
    model.classify.bias[VOCABULARY.eos] -= 20
    read = model.read(strips())
    assert read.tokens.shape == (5, 5) and (read.tokens[:, -1] == VOCABULARY.eos).all()
    assert (read.tokens[:, :-1] < VOCABULARY.eos).all()
    assert (read.logits.softmax(-1)[:, -1, VOCABULARY.eos] < 1e-5).all()


def test_a_model_that_sees_nothing_stops_at_once() -> None:
    model = number_model()
    model.classify.bias[VOCABULARY.eos] += 20
    assert model.read(strips()).tokens.tolist() == [[VOCABULARY.eos]] * 5


def test_a_token_depends_on_those_before_it_and_on_none_behind() -> None:
    model = loud(number_model())
    tokens = torch.tensor([[VOCABULARY.sos, 1, 2, 3]])
    first = model(strips(1), tokens).logits
    other = model(strips(1), torch.tensor([[VOCABULARY.sos, 1, 7, 3]])).logits
    assert torch.allclose(first[:, :2], other[:, :2], atol=1e-6)
    assert not torch.allclose(first[:, 2:], other[:, 2:], atol=1e-3)
    assert not torch.allclose(first, model(strips(2)[1:], tokens).logits, atol=1e-3)


def test_boxes_are_shares_with_left_before_right() -> None:
    boxes = number_model().read(strips()).boxes
    assert boxes is not None
    assert (boxes[..., 2] > boxes[..., 0]).all() and (boxes[..., 3] > boxes[..., 1]).all()
    assert boxes.min() >= -0.5 and boxes.max() <= 1.5


def test_the_digit_model_answers_in_one_step_and_shows_where_its_summary_looked() -> None:
    model = digit_model()
    output = model.read(strips(), with_weights=True)
    assert output.logits.shape == (5, 1, VOCABULARY.outputs) and output.boxes is None
    assert torch.equal(output.tokens, output.logits.argmax(-1))
    assert [weights.shape for weights in output.attentions.encoder] == [(5, 2, 9, 9)] * 2
    for cross, encoder in zip(output.attentions.cross, output.attentions.encoder, strict=True):
        assert torch.equal(cross, encoder[:, :, :1, 1:])


def test_the_digit_model_is_called_as_the_number_model_and_answers_the_same_whatever_is_fed() -> None:
    model = digit_model()
    fed = model(strips(), torch.tensor([[VOCABULARY.sos, 3]]).expand(5, 2), with_weights=True)
    read = model.read(strips(), with_weights=True)
    assert torch.equal(fed.logits, read.logits) and fed.tokens.tolist() == [[VOCABULARY.sos]] * 5
    assert torch.equal(fed.attentions.cross[0], read.attentions.cross[0])
    bare = model(strips(), fed.tokens, with_weights=True, encoder_weights=False)
    assert not bare.attentions.encoder and not bare.attentions.cross


BASE = {"stem": "patch", "patch_overlap": 0}
SETTINGS: dict[str, dict[str, Any]] = {
    "conv stem": {},
    "conv stem, smaller patches": {"patch_size": 4},
    "conv stem, wider": {"stem_width": 8},
    "conv stem, deeper": {"stem_depth": 3},
    "patch stem": BASE,
    "patch stem, smaller patches": BASE | {"patch_size": 4},
    "patch stem, overlap": {"stem": "patch", "patch_overlap": 4},
    "deeper encoder": {"encoder_layers": 3},
    "deeper decoder": {"decoder_layers": 3},
    "heads": {"heads": 4},
    "width": {"dim": 24},
    "ffn ratio": {"ffn_ratio": 0.5},
    "relu": {"activation": "relu"},
    "silu": {"activation": "silu"},
    "learned positions": {"positions": "learned"},
    "temperature": {"temperature": 2.0},
}


def outcome(kind: str, changes: dict[str, Any]) -> tuple[Tensor, int]:
    """Logits and parameters of a fresh model."""
    settings = ModelSettings(**(MODEL.model_dump() | {"kind": kind} | changes))
    torch.manual_seed(0)
    model = build(RunSettings(canvas=CANVAS.model_copy(update={"max_digits": 1}), model=settings)).eval()
    output = model.read(strips(2), with_weights=True)
    grid = settings.grid(16, 32)
    assert model.grid == grid and output.attentions.cross[0].shape[-1] == grid[0] * grid[1]
    assert len(output.attentions.encoder) == settings.encoder_layers
    assert len(output.attentions.decoder) == (settings.decoder_layers if kind == "number" else 0)
    assert output.logits.isfinite().all()
    return output.logits[:, 0], parameter_count(model)


@pytest.mark.parametrize("kind", ["number", "digit"])
def test_every_setting_of_the_architecture_works_and_changes_the_model(kind: str) -> None:
    names = [name for name in SETTINGS if kind == "number" or name != "deeper decoder"]
    outcomes = {name: outcome(kind, SETTINGS[name]) for name in names}
    for index, one in enumerate(names):
        for other in names[:index]:
            assert not torch.allclose(outcomes[one][0], outcomes[other][0], atol=1e-5), (one, other)


def test_depth_width_and_ratio_cost_what_they_should() -> None:
    plain = outcome("number", {})[1]
    assert outcome("number", {"heads": 4})[1] == outcome("number", {"temperature": 2.0})[1] == plain
    assert outcome("number", {"ffn_ratio": 1.0})[1] < plain < outcome("number", {"encoder_layers": 3})[1]
    assert (
        outcome("number", {"positions": "learned"})[1] == plain + (8 + 2) * 16
    )  # patches, SOS and one digit


def test_dropout_acts_in_training_only() -> None:
    tokens = torch.full((2, 1), VOCABULARY.sos)
    model = number_model(dropout=0.4)
    assert torch.equal(model(strips(2), tokens).logits, model(strips(2), tokens).logits)
    model.train()
    assert not torch.allclose(model(strips(2), tokens).logits, model(strips(2), tokens).logits, atol=1e-3)


def test_two_dimensional_positions_tell_equal_patches_in_different_places_apart() -> None:
    model = number_model(stem="patch")
    memory, _ = model.encoder(torch.zeros(1, 1, 16, 32))
    assert len(memory[0].mul(1e4).round().unique(dim=0)) == 8


@pytest.mark.parametrize("name", READING_PRESETS)
def test_presets_are_models_of_their_kind_and_size(name: str) -> None:
    model = build(PRESETS[name])
    assert isinstance(model, DigitViT if PRESETS[name].model.kind == "digit" else NumberTransformer)
    if name != "number":  # the default is chosen for its accuracy
        assert parameter_count(model) <= 90_000


def test_a_small_preset_of_each_kind_is_offered() -> None:
    kinds = {PRESETS[name].model.kind for name in PRESETS if name not in ("number", "finder")}
    assert kinds == {"number", "digit", "finder"}


@pytest.mark.parametrize("kind", ["number", "digit"])
def test_a_model_can_learn_one_batch_by_heart(kind: str, tiles: Tiles) -> None:
    canvas = CanvasSettings(height=16, width=32, max_digits=2 if kind == "number" else 1, difficulty=0.3)
    batch = make_canvases(tiles, canvas, 10, seed=1)
    settings = MODEL.model_copy(update={"kind": kind, "dim": 32, "encoder_layers": 1, "decoder_layers": 1})
    torch.manual_seed(0)
    model = build(RunSettings(canvas=canvas, model=settings)).train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=5e-3)
    for _ in range(60):
        loss = losses(model, batch, TrainingSettings(label_smoothing=0.0))["reading"]
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert loss < 0.05
    with torch.inference_mode():
        read = model.eval().read(strip(batch.pictures, batch.extents)).tokens
    truths = [
        "".join(map(str, row[:length]))
        for row, length in zip(batch.labels.tolist(), batch.lengths, strict=True)
    ]
    assert [VOCABULARY.decode(row) for row in read.tolist()] == truths


def test_nothing_is_borrowed_from_torchs_own_transformers(root: Path) -> None:
    borrowed = re.compile(r"nn\.Transformer|MultiheadAttention|multi_head_attention_forward")
    found = [file.name for file in (root / "core").rglob("*.py") if borrowed.search(file.read_text())]
    assert found == []


@pytest.mark.parametrize("stem", ["conv", "patch"])
def test_folding_the_norms_changes_no_answer(stem: Literal["conv", "patch"]) -> None:
    torch.manual_seed(0)
    settings = ModelSettings(dim=16, heads=2, encoder_layers=1, stem_width=8, stem=stem)
    encoder = Encoder(settings, 32, 64)
    for _ in range(3):
        encoder(torch.rand(8, 1, 32, 64))  # so that the norms have something to fold
    encoder.eval()
    strips = torch.rand(2, 1, 32, 64)
    before, _ = encoder(strips)
    encoder.fold_norms()
    after, _ = encoder(strips)
    assert torch.allclose(before, after, atol=1e-5)
    assert not any(isinstance(part, torch.nn.BatchNorm2d) for part in encoder.modules())


def test_in_mixed_precision_the_answers_and_the_attention_keep_their_full_precision() -> None:
    model = number_model()
    strips, tokens = torch.rand(2, 1, 16, 32), torch.full((2, 1), VOCABULARY.sos)
    with torch.autocast("cpu", torch.bfloat16):
        mixed = model(strips, tokens, with_weights=True)
    full = model(strips, tokens, with_weights=True)
    for name in ("logits", "boxes"):
        one, other = getattr(mixed, name), getattr(full, name)
        assert (
            one.dtype == torch.float32
            and torch.allclose(one, other, atol=0.05)
            and not torch.equal(one, other)
        )
    assert all(
        weights.dtype == torch.float32 for weights in mixed.attentions.cross + mixed.attentions.encoder
    )
