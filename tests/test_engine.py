"""Training is deterministic, goes on to the same bits after any interruption, and teaches what it says it does."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from core import __main__ as command_line
from core.commands import evaluate as evaluate_command
from core.commands.train import train
from core.config import CanvasSettings, ModelSettings, RunSettings, TrainingSettings
from core.data.canvases.canvas import make_canvases
from core.data.canvases.tiles import Tiles
from core.data.mnist import Digits, Mnist
from core.data.strip import strip
from core.model.checkpoint import CheckpointError, build, load_checkpoint, read_tensors
from core.training import engine, reading_task
from core.training.engine import BEST, Epoch, Step, TrainingDiverged, fit
from core.training.lab import STATE
from core.training.metrics import read_canvases
from core.training.reading_task import ReadingTask, losses
from core.training.store.recording import LOG
from core.vocab import Vocabulary

VOCABULARY = Vocabulary()

RUN = RunSettings(
    canvas=CanvasSettings(height=16, width=32, max_digits=2, empty_share=0.0),
    model=ModelSettings(dim=16, heads=2, encoder_layers=1, stem_width=4, stem_depth=1, dropout=0.1),
    training=TrainingSettings(
        epochs=3, steps_per_epoch=3, batch_size=4, validation_canvases=20, save_every=2, warmup_steps=0
    ),
)
ROUND, STEPS = RUN.training.steps_per_epoch, RUN.training.steps


def changed(run: RunSettings, **groups: dict[str, Any]) -> RunSettings:
    return RunSettings.model_validate(
        {name: values | groups.get(name, {}) for name, values in run.model_dump().items()}
    )


@pytest.fixture(autouse=True)
def threads() -> Iterator[None]:
    """`fit` sets the number of threads."""
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


def scores_of(records: list[Step | Epoch]) -> list[dict[str, float]]:
    return [record.scores for record in records if isinstance(record, Epoch)]


def losses_of(records: list[Step | Epoch]) -> list[float]:
    return [record.loss for record in records if isinstance(record, Step)]


def progress_of(folder: Path) -> dict[str, Any]:
    return json.loads(read_tensors(folder / STATE)[1]["progress"])


def assert_same_bits(one: Path, other: Path) -> None:
    for name in (STATE, BEST):
        (tensors, header), (others, other_header) = read_tensors(one / name), read_tensors(other / name)
        assert tensors.keys() == others.keys()
        assert all(torch.equal(tensors[key], others[key]) for key in tensors), name
        assert header["settings"] == other_header["settings"]
        for part in ("progress", "about"):  # all but how long it took
            found, expected = (json.loads(each.get(part, "{}")) for each in (header, other_header))
            assert found | {"seconds": 0} == expected | {"seconds": 0}


@pytest.fixture(scope="module")
def uninterrupted(sample: Mnist, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Step | Epoch]]:
    folder = tmp_path_factory.mktemp("uninterrupted")
    return folder, list(fit(ReadingTask(RUN, sample), folder))


def test_a_training_yields_every_step_and_after_each_round_its_validation(
    uninterrupted: tuple[Path, list[Step | Epoch]],
) -> None:
    folder, records = uninterrupted
    kinds = [(type(record).__name__, record.step) for record in records]
    expected = []
    for step in range(1, STEPS + 1):
        expected.append(("Step", step))
        if step % ROUND == 0:
            expected.append(("Epoch", step))
    assert kinds == expected
    for record in records:
        if isinstance(record, Step):
            assert {"reading", "alignment", "boxes"} >= record.parts.keys() >= {"reading"}
            assert record.loss > 0 and 0 < record.rate <= 1 and record.seconds > 0
        else:
            assert record.scores["score"] == pytest.approx(
                (record.scores["clean"] + record.scores["camera"]) / 2
            )
    assert progress_of(folder)["step"] == STEPS


def test_the_best_round_is_the_one_that_is_kept(uninterrupted: tuple[Path, list[Step | Epoch]]) -> None:
    folder, records = uninterrupted
    epochs = [record for record in records if isinstance(record, Epoch)]
    best = max(epochs, key=lambda record: record.scores["score"])  # of equals the first
    kept = load_checkpoint(folder / BEST)
    assert kept.about["step"] == best.step and kept.about["validation"] == best.scores
    assert epochs[0].is_best
    assert kept.about["calibration"] == best.scores["calibration"] and kept.about["sample"] is True


def test_a_worse_round_never_replaces_a_better_one(
    sample: Mnist, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    results = iter([0.2, 0.6, 0.4])
    validate = engine._validate

    def scripted(*arguments: Any) -> Epoch:
        epoch = validate(*arguments)
        score = next(results)
        return replace(epoch, scores=epoch.scores | {"score": score}, is_best=score > arguments[-1].best)

    monkeypatch.setattr(engine, "_validate", scripted)
    epochs = [record for record in fit(ReadingTask(RUN, sample), tmp_path) if isinstance(record, Epoch)]
    assert [epoch.is_best for epoch in epochs] == [True, True, False]
    assert load_checkpoint(tmp_path / BEST).about["epoch"] == 2


def test_the_same_settings_train_to_the_same_bits(
    uninterrupted: tuple[Path, list[Step | Epoch]], sample: Mnist, tmp_path: Path
) -> None:
    folder, records = uninterrupted
    torch.rand(3)  # whatever else happened in this process
    again = list(fit(ReadingTask(RUN, sample), tmp_path))
    assert losses_of(again) == losses_of(records) and scores_of(again) == scores_of(records)
    assert_same_bits(folder, tmp_path)


def test_another_seed_means_other_weights_and_other_canvases(
    sample: Mnist, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    labels: list[Tensor] = []
    real = reading_task.losses

    def watched(model: Any, batch: Any, choices: TrainingSettings) -> Any:
        labels.append(batch.labels)
        return real(model, batch, choices)

    monkeypatch.setattr(reading_task, "losses", watched)
    first = {}
    for seed in (0, 1):
        run = changed(RUN, training={"seed": seed, "batch_size": 16})
        records = fit(ReadingTask(run, sample), tmp_path / str(seed))
        first[seed] = next(records), next(records)
        records.close()
    assert first[0][0] != first[1][0]
    assert not torch.equal(labels[0], labels[2]) and not torch.equal(labels[1], labels[3])
    assert not torch.equal(labels[0], labels[1]), "each step should have canvases of its own"


@pytest.mark.parametrize("records_before", [1, 3, 4, 7, 11, 12])  # also on both sides of a validation
def test_a_training_closed_after_any_record_resumes_to_the_same_bits(
    records_before: int, uninterrupted: tuple[Path, list[Step | Epoch]], sample: Mnist, tmp_path: Path
) -> None:
    folder, records = uninterrupted
    first = fit(ReadingTask(RUN, sample), tmp_path)
    before = [next(first) for _ in range(records_before)]
    first.close()
    assert progress_of(tmp_path)["step"] == before[-1].step
    after = list(fit(ReadingTask(RUN, sample), tmp_path, resume=True))
    assert losses_of(before + after) == losses_of(records)
    assert scores_of(before + after) == scores_of(records)
    assert_same_bits(folder, tmp_path)


def test_a_training_in_bfloat16_learns_other_bits_and_resumes_to_the_same_ones(
    uninterrupted: tuple[Path, list[Step | Epoch]], sample: Mnist, tmp_path: Path
) -> None:
    run = changed(RUN, training={"precision": "bfloat16"})
    whole = list(fit(ReadingTask(run, sample), tmp_path / "whole"))
    assert losses_of(whole) != losses_of(uninterrupted[1])
    assert losses_of(whole) == pytest.approx(losses_of(uninterrupted[1]), rel=0.05)
    first = fit(ReadingTask(run, sample), tmp_path / "parts")
    before = [next(first) for _ in range(5)]
    first.close()
    after = list(fit(ReadingTask(run, sample), tmp_path / "parts", resume=True))
    assert losses_of(before + after) == losses_of(whole)
    assert_same_bits(tmp_path / "whole", tmp_path / "parts")


@pytest.mark.parametrize("step", [1, 5])
def test_a_training_that_dies_within_a_step_resumes_from_the_last_whole_one(
    step: int,
    uninterrupted: tuple[Path, list[Step | Epoch]],
    sample: Mnist,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Dies between the two optimisers: half of the weights have moved, and none of that may be kept."""
    folder, records = uninterrupted
    moved = 0
    muon = torch.optim.Muon.step

    def die(*arguments: Any, **options: Any) -> Any:
        nonlocal moved
        moved += 1
        if moved == step + 1:
            raise SystemExit(130)
        return muon(*arguments, **options)

    with monkeypatch.context() as patch:
        patch.setattr(torch.optim.Muon, "step", die)
        with pytest.raises(SystemExit):
            list(fit(ReadingTask(RUN, sample), tmp_path))
    if step < RUN.training.save_every:
        assert not (tmp_path / STATE).exists()
        after = list(fit(ReadingTask(RUN, sample), tmp_path))
    else:
        assert progress_of(tmp_path)["step"] == step // 2 * 2
        after = list(fit(ReadingTask(RUN, sample), tmp_path, resume=True))
    assert losses_of(after) == losses_of(records)[-len(losses_of(after)) :]
    assert_same_bits(folder, tmp_path)


def test_a_training_that_dies_within_a_validation_repeats_it(
    uninterrupted: tuple[Path, list[Step | Epoch]],
    sample: Mnist,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    folder, records = uninterrupted
    run = changed(
        RUN, training={"save_every": ROUND}
    )  # saved at the round's last step, before its validation

    def die(*_: Any) -> Any:
        raise SystemExit(130)

    with monkeypatch.context() as patch:
        patch.setattr(engine, "_validate", die)
        with pytest.raises(SystemExit):
            list(fit(ReadingTask(run, sample), tmp_path))
    after = list(fit(ReadingTask(run, sample), tmp_path, resume=True))
    assert isinstance(after[0], Epoch) and after[0].step == ROUND
    assert scores_of(after) == scores_of(records)
    assert torch.equal(
        load_checkpoint(tmp_path / BEST).model.classify.weight,
        load_checkpoint(folder / BEST).model.classify.weight,
    )


def test_a_finished_training_has_nothing_left_to_resume(
    uninterrupted: tuple[Path, list[Step | Epoch]], sample: Mnist
) -> None:
    assert list(fit(ReadingTask(RUN, sample), uninterrupted[0], resume=True)) == []


def test_a_training_can_start_from_the_weights_of_a_checkpoint(
    sample: Mnist, uninterrupted: tuple[Path, list[Step | Epoch]], tmp_path: Path
) -> None:
    start = load_checkpoint(uninterrupted[0] / BEST)
    still = changed(RUN, training={"learning_rate": 1e-12, "muon_learning_rate": 1e-12, "epochs": 1})
    list(fit(ReadingTask(still, sample, start=start), tmp_path))
    for name, weights in load_checkpoint(tmp_path / BEST).model.named_parameters():
        assert torch.allclose(weights, start.model.get_parameter(name), atol=1e-6), name


def test_starting_from_another_kind_of_model_is_refused(
    sample: Mnist, uninterrupted: tuple[Path, list[Step | Epoch]], tmp_path: Path
) -> None:
    start = load_checkpoint(uninterrupted[0] / BEST)
    with pytest.raises(CheckpointError, match="does not fit these settings; train with the same model"):
        list(fit(ReadingTask(changed(RUN, model={"heads": 4}), sample, start=start), tmp_path))


def test_there_must_be_something_to_resume(sample: Mnist, tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=STATE):
        next(fit(ReadingTask(RUN, sample), tmp_path, resume=True))


def test_a_folder_that_holds_a_training_is_not_overwritten(
    uninterrupted: tuple[Path, list[Step | Epoch]], sample: Mnist
) -> None:
    before = (uninterrupted[0] / STATE).read_bytes()
    with pytest.raises(CheckpointError, match="already holds a training; pass --resume"):
        next(fit(ReadingTask(RUN, sample), uninterrupted[0]))
    assert (uninterrupted[0] / STATE).read_bytes() == before


def test_resuming_with_other_settings_is_refused_and_says_which(
    uninterrupted: tuple[Path, list[Step | Epoch]], sample: Mnist
) -> None:
    other = changed(RUN, training={"batch_size": 8}, canvas={"difficulty": 0.5})
    with pytest.raises(CheckpointError) as caught:
        next(fit(ReadingTask(other, sample), uninterrupted[0], resume=True))
    message = str(caught.value)
    assert "training.batch_size was 4, is 8" in message and "canvas.difficulty was 1.0, is 0.5" in message
    assert "training.epochs" not in message


def test_resuming_on_other_digits_is_refused(
    uninterrupted: tuple[Path, list[Step | Epoch]], sample: Mnist
) -> None:
    with pytest.raises(CheckpointError, match="other digits"):
        next(fit(ReadingTask(RUN, replace(sample, checksum="0" * 64)), uninterrupted[0], resume=True))


def test_a_checkpoint_is_not_taken_for_a_training(
    uninterrupted: tuple[Path, list[Step | Epoch]], sample: Mnist, tmp_path: Path
) -> None:
    (tmp_path / STATE).write_bytes((uninterrupted[0] / BEST).read_bytes())
    with pytest.raises(CheckpointError, match="holds no training of ours"):
        next(fit(ReadingTask(RUN, sample), tmp_path, resume=True))


def tell_apart(sample: Mnist) -> Mnist:
    """Every training digit is called 1, every validation digit 2, every test digit 3."""
    edge = len(sample.train) - sample.validation_size
    labels = np.where(np.arange(len(sample.train)) < edge, 1, 2).astype(np.uint8)
    return replace(
        sample,
        train=Digits(sample.train.images, labels),
        test=Digits(sample.test.images, np.full(len(sample.test), 3, np.uint8)),
    )


def test_learning_validating_and_testing_each_use_their_own_digits(
    sample: Mnist, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    used: dict[str, set[str]] = {"learned": set(), "validated": set(), "tested": set()}
    real_losses, real_read = reading_task.losses, read_canvases

    def learn(model: Any, batch: Any, choices: TrainingSettings) -> Any:
        present = torch.arange(batch.labels.shape[1]) < batch.lengths[:, None]
        used["learned"] |= {str(label) for label in batch.labels[present].tolist()}
        return real_losses(model, batch, choices)

    def reading(kind: str) -> Any:
        def read(*arguments: Any) -> Any:
            found = real_read(*arguments)
            used[kind] |= set("".join(found.truths))
            return found

        return read

    monkeypatch.setattr(reading_task, "losses", learn)
    monkeypatch.setattr(reading_task, "read_canvases", reading("validated"))
    monkeypatch.setattr(evaluate_command, "read_canvases", reading("tested"))
    mnist = tell_apart(sample)
    list(fit(ReadingTask(changed(RUN, training={"epochs": 1}), mnist), tmp_path))
    evaluate_command.evaluate(load_checkpoint(tmp_path / BEST), mnist, 20)
    assert used == {"learned": {"1"}, "validated": {"2"}, "tested": {"3"}}


def test_validation_is_half_clean_and_half_as_hard_as_training(
    sample: Mnist, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[float, int, int]] = []
    real = read_canvases

    def read(model: Any, tiles: Tiles, canvas: CanvasSettings, count: int, seed: int) -> Any:
        asked.append((canvas.difficulty, count, seed))
        return real(model, tiles, canvas, count, seed)

    monkeypatch.setattr(reading_task, "read_canvases", read)
    list(fit(ReadingTask(changed(RUN, training={"epochs": 2}, canvas={"difficulty": 0.7}), sample), tmp_path))
    assert [difficulty for difficulty, _, _ in asked] == [0.0, 0.7] * 2
    assert {count for _, count, _ in asked} == {10} and len({seed for _, _, seed in asked}) == 1


def test_the_loss_falls(sample: Mnist, tmp_path: Path) -> None:
    run = changed(
        RUN,
        canvas={"difficulty": 0.0, "max_digits": 1, "empty_share": 0.0, "width": 16},
        model={"dropout": 0.0, "dim": 32},
        training={"epochs": 1, "steps_per_epoch": 30, "save_every": 1000},
    )
    found = losses_of(list(fit(ReadingTask(run, sample), tmp_path)))
    assert sum(found[-10:]) < 0.85 * sum(found[:10])


@pytest.mark.parametrize("optimizer", ["muon", "adamw"])
def test_each_optimizer_moves_every_weight_and_adamw_needs_no_muon(optimizer: str, sample: Mnist) -> None:
    run = changed(RUN, training={"optimizer": optimizer, "weight_decay": 0.0})
    model = build(run)
    optimizers, _ = engine._optimizers(ReadingTask(run, sample), model)
    held = [
        id(parameter) for each in optimizers for group in each.param_groups for parameter in group["params"]
    ]
    assert sorted(held) == sorted(id(parameter) for parameter in model.parameters())
    assert [type(each).__name__ for each in optimizers] == ["AdamW", "Muon"][: 1 + (optimizer == "muon")]
    if optimizer == "muon":
        inside = {id(p) for name, p in model.named_parameters() if ".layers." in name}
        assert {id(p) for group in optimizers[1].param_groups for p in group["params"]} <= inside


@pytest.mark.parametrize("optimizer", ["muon", "adamw"])
@pytest.mark.parametrize("kind", ["number", "digit"])
def test_weights_decay_and_vectors_do_not(optimizer: str, kind: str, sample: Mnist) -> None:
    """Norms and biases have no direction to prefer: drawn to 0, they would only be wrong."""
    run = changed(
        RUN,
        model={"kind": kind},
        canvas={"max_digits": 1},
        training={"optimizer": optimizer, "weight_decay": 0.3},
    )
    model = build(run)
    optimizers, _ = engine._optimizers(ReadingTask(run, sample), model)
    groups = [group for one in optimizers for group in one.param_groups]
    decay = {id(weights): group["weight_decay"] for group in groups for weights in group["params"]}
    assert len(decay) == len(list(model.parameters()))
    for name, weights in model.named_parameters():
        assert decay[id(weights)] == (0.3 if weights.ndim >= 2 else 0.0), name


def test_no_batch_moves_the_model_further_than_the_clip_allows(sample: Mnist) -> None:
    norms = []
    for clip in (1e-3, 1e3):
        run = changed(RUN, training={"gradient_clip": clip})
        torch.manual_seed(0)
        model = build(run).train()
        task = ReadingTask(run, sample)
        engine._learn(task, engine._Learner(task, model), 0, 1.0)
        gradients = [weights.grad.flatten() for weights in model.parameters() if weights.grad is not None]
        norms.append(float(torch.cat(gradients).norm()))
    assert norms[0] == pytest.approx(1e-3, rel=1e-3) and 1e-2 < norms[1] < 1e3


@pytest.mark.parametrize("kind", ["number", "digit"])
def test_label_smoothing_asks_for_a_share_of_every_answer(kind: str, tiles: Tiles) -> None:
    """(1 - e) of the truth's surprise, and e of the mean over all answers (arXiv:1512.00567)."""
    run = changed(RUN, model={"kind": kind, "dropout": 0.0}, canvas={"max_digits": 1, "empty_share": 0.0})
    torch.manual_seed(0)
    model = build(run)
    batch = make_canvases(tiles, run.canvas, 6, seed=0)
    strips = strip(batch.pictures, batch.extents)
    tokens = VOCABULARY.targets(batch.labels, batch.lengths)[:, : model.steps]
    logits = model(strips, VOCABULARY.decoder_inputs(tokens)).logits
    surprise = -logits.log_softmax(-1)
    truth, every = surprise.gather(-1, tokens[..., None]).mean(), surprise.mean()
    for share in (0.0, 0.2):
        expected = (1 - share) * truth + share * every
        found = losses(model, batch, TrainingSettings(label_smoothing=share))["reading"]
        assert found.item() == pytest.approx(expected.item(), rel=1e-4)


def test_a_digit_model_is_trained_and_validated_on_plain_digits_too(sample: Mnist, tmp_path: Path) -> None:
    few = replace(sample, train=Digits(sample.train.images[-600:], sample.train.labels[-600:]))
    run = changed(
        RUN, canvas={"max_digits": 1, "height": 32}, model={"kind": "digit"}, training={"epochs": 1}
    )
    records = list(fit(ReadingTask(run, few), tmp_path))
    scores = scores_of(records)[0]
    assert scores["score"] == pytest.approx((scores["mnist"] + scores["camera"] / 10) / 1.1)
    assert load_checkpoint(tmp_path / BEST).settings == run


def test_the_rate_rises_stays_and_falls_to_zero() -> None:
    choices = TrainingSettings(epochs=10, steps_per_epoch=100, warmup_steps=50, decay_share=0.4)
    rates = torch.tensor([engine._schedule(step, choices) for step in range(1000)])
    assert rates[0] == pytest.approx(1 / 51) and (rates[:51].diff() > 0).all()
    assert (rates[50:600] == 1).all()
    assert (rates[600:].diff() < 0).all() and rates[800] == pytest.approx(0.5)
    assert rates[-1] == pytest.approx(1 / 400)


def test_warm_up_takes_at_most_a_tenth_of_a_short_training_and_decay_can_be_left_out() -> None:
    choices = TrainingSettings(epochs=1, steps_per_epoch=20, warmup_steps=150, decay_share=0.0)
    assert [engine._schedule(step, choices) for step in (0, 1, 2, 19)] == pytest.approx([1 / 3, 2 / 3, 1, 1])


def test_the_optimizers_follow_the_schedule(sample: Mnist, tmp_path: Path) -> None:
    run = changed(RUN, training={"epochs": 1, "steps_per_epoch": 4, "decay_share": 1.0})
    rates = [record.rate for record in fit(ReadingTask(run, sample), tmp_path) if isinstance(record, Step)]
    assert rates == pytest.approx([1.0, 0.75, 0.5, 0.25])


def test_a_patch_counts_as_covered_by_its_share_in_the_box() -> None:
    boxes = torch.tensor([[0.0, 0.0, 0.5, 1.0], [0.25, 0.5, 0.375, 1.0], [0.0, 0.0, 0.0625, 0.5]])
    covered = reading_task.cover(boxes, (2, 4))  # patches are a quarter wide and half as high as the strip
    assert covered.reshape(3, 2, 4).tolist() == [
        [[1, 1, 0, 0], [1, 1, 0, 0]],
        [[0, 0, 0, 0], [0, 0.5, 0, 0]],
        [[0.25, 0, 0, 0], [0, 0, 0, 0]],
    ]


def mass_in_boxes(model: Any, batch: Any) -> Tensor:
    """Share of each digit's cross-attention in the patches whose centres lie in its true box, or nearest to it."""
    model.eval()
    output = looked(model, batch)
    model.train()
    rows, columns = model.grid
    found = []
    for attention, boxes, length in zip(
        output.attentions.cross[-1].mean(1), batch.boxes, batch.lengths, strict=True
    ):
        for weights, (left, top, right, bottom) in zip(
            attention[:length], boxes[:length].tolist(), strict=True
        ):
            inside = [
                left - 4 <= (column + 0.5) * 8 <= right + 4 and top - 4 <= (row + 0.5) * 8 <= bottom + 4
                for row in range(rows)
                for column in range(columns)
            ]
            found.append(weights[torch.tensor(inside)].sum())
    return torch.stack(found).mean()


def looked(model: Any, batch: Any) -> Any:
    tokens = VOCABULARY.targets(batch.labels, batch.lengths)
    with torch.no_grad():
        return model(
            strip(batch.pictures, batch.extents), VOCABULARY.decoder_inputs(tokens), with_weights=True
        )


@pytest.mark.parametrize(("term", "pulls"), [("alignment", True), ("reading", False)])
def test_the_alignment_term_pulls_the_attention_into_the_true_boxes(
    term: str, pulls: bool, tiles: Tiles
) -> None:
    canvas = CanvasSettings(height=16, width=64, max_digits=3, difficulty=0, empty_share=0)
    torch.manual_seed(0)
    settings = ModelSettings(dim=32, heads=2, encoder_layers=1, stem_width=8, stem_depth=1)
    model = build(RunSettings(canvas=canvas, model=settings)).train()
    batch = make_canvases(tiles, canvas, 12, seed=1)
    before = mass_in_boxes(model, batch)
    optimizer = torch.optim.AdamW(model.parameters(), lr=4e-3)
    for _ in range(40):
        loss = losses(model, batch, TrainingSettings())[term]
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    after = mass_in_boxes(model, batch)
    assert before < 0.6
    assert (after > 0.85) == pulls


def test_the_box_term_teaches_the_true_boxes(tiles: Tiles) -> None:
    canvas = CanvasSettings(height=16, width=64, max_digits=2, difficulty=0, empty_share=0.2)
    torch.manual_seed(0)
    model = build(
        RunSettings(
            canvas=canvas, model=ModelSettings(dim=32, heads=2, encoder_layers=1, stem_width=8, stem_depth=1)
        )
    ).train()
    batch = make_canvases(tiles, canvas, 10, seed=1)
    optimizer = torch.optim.AdamW(model.parameters(), lr=5e-3)
    for _ in range(60):
        loss = losses(model, batch, TrainingSettings())["boxes"]
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    present = torch.arange(2) < batch.lengths[:, None]
    boxes = looked(model.eval(), batch).boxes[:, :2][present] * torch.tensor([64.0, 16, 64, 16])
    assert (boxes - batch.boxes[present]).abs().mean() < 2  # pixels


def test_a_batch_without_any_digit_teaches_to_read_nothing(tiles: Tiles) -> None:
    batch = make_canvases(tiles, RUN.canvas.model_copy(update={"empty_share": 1.0}), 4, seed=1)
    terms = losses(build(RUN).train(), batch, RUN.training)
    assert terms.keys() == {"reading"} and terms["reading"].isfinite()


def test_losses_do_not_depend_on_what_lies_behind_a_strings_end(tiles: Tiles) -> None:
    batch = make_canvases(tiles, RUN.canvas, 8, seed=1)
    beyond = torch.arange(2) >= batch.lengths[:, None]
    model = build(changed(RUN, model={"dropout": 0.0})).eval()
    dirty = replace(
        batch, labels=batch.labels.masked_fill(beyond, 7), boxes=batch.boxes + 9.0 * beyond[..., None]
    )
    clean_terms, dirty_terms = losses(model, batch, RUN.training), losses(model, dirty, RUN.training)
    assert all(
        torch.equal(clean_terms[name], dirty_terms[name]) for name in ("reading", "alignment", "boxes")
    )


def test_the_state_survives_a_full_disk(
    sample: Mnist, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    records = fit(ReadingTask(RUN, sample), tmp_path)
    for _ in range(3):
        next(records)
    before = (tmp_path / STATE).read_bytes()

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(CheckpointError, match="free some space"):
        list(records)
    assert (tmp_path / STATE).read_bytes() == before
    assert not [file for file in tmp_path.iterdir() if file.name.startswith(".")]


def test_a_loss_that_is_no_number_ends_the_training_and_says_what_to_lower(
    sample: Mnist, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "_learn", lambda *_: (float("nan"), {}))
    with pytest.raises(TrainingDiverged, match=r"loss is nan at step 1; train with a lower learning_rate"):
        list(fit(ReadingTask(RUN, sample), tmp_path))


def test_resuming_logs_what_is_done_again_once(sample: Mnist, tmp_path: Path) -> None:
    run = changed(RUN, training={"epochs": 2})
    records = fit(ReadingTask(run, sample), tmp_path)
    next(records)
    records.close()
    again = {
        "kind": "epoch",
        "epoch": 1,
        "step": ROUND,
    }  # logged by a training that was killed before it was saved
    (tmp_path / LOG).write_text(json.dumps(again) + "\n" + '{"kind": "ep')
    answering = signal.getsignal(signal.SIGINT)
    assert train(run, sample, tmp_path, "a run", None, resume=True) == 0
    assert signal.getsignal(signal.SIGINT) is answering, "Ctrl-C is the caller's again"
    logged = [json.loads(line) for line in (tmp_path / LOG).read_text().splitlines()]
    logged = [record for record in logged if record["kind"] == "epoch"]
    assert [record["epoch"] for record in logged] == [1, 2]
    assert "scores" in logged[0]


def test_a_killed_command_resumes_to_the_same_bits(root: Path, sample: Mnist, tmp_path: Path) -> None:
    run = changed(RUN, training={"epochs": 2, "steps_per_epoch": 20, "save_every": 4})
    settings = tmp_path / "settings.json"
    settings.write_text(run.model_dump_json())
    arguments = ["train", "--sample", "--config", str(settings), "--out"]

    killed, whole = tmp_path / "killed", tmp_path / "whole"
    child = subprocess.Popen(
        [sys.executable, "-m", "core", *arguments, str(killed)],
        cwd=root,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    try:
        deadline = time.monotonic() + 300
        while not (killed / STATE).exists() and child.poll() is None and time.monotonic() < deadline:
            time.sleep(0.005)
    finally:
        child.send_signal(signal.SIGKILL)
        _, errors = child.communicate()
    assert child.returncode == -signal.SIGKILL, errors.decode()
    assert 0 < progress_of(killed)["step"] < run.training.steps

    assert command_line.main([*arguments, str(killed), "--resume"]) == 0
    list(fit(ReadingTask(run, sample), whole))
    assert_same_bits(killed, whole)
    assert load_checkpoint(killed / BEST).settings == run
