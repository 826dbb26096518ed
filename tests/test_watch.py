"""The canvases that are read again after every epoch: the same each time, and kept as the model reads them then."""

from pathlib import Path

import numpy as np
import pytest
import torch

from core.config import CanvasSettings, ModelSettings, RunSettings
from core.data.canvases.tiles import Tiles
from core.model.checkpoint import BUNDLED, Checkpoint, Model, build, load_checkpoint
from core.training.watch import COUNT, Watched, load_watched, save_watched, watch, watched_epochs

CANVAS = CanvasSettings(height=16, width=32, max_digits=2)
TINY = RunSettings(
    canvas=CANVAS, model=ModelSettings(dim=16, heads=2, encoder_layers=1, stem_width=4, stem_depth=1)
)


@pytest.fixture(scope="module")
def bundled() -> Checkpoint:
    return load_checkpoint(BUNDLED / "number.safetensors")


@pytest.fixture
def model() -> Model:
    torch.manual_seed(0)
    return build(TINY).train()


def test_the_canvases_are_the_same_at_every_call_and_half_of_them_are_clean(
    model: Model, tiles: Tiles
) -> None:
    first, again = watch(model, tiles, CANVAS), watch(model, tiles, CANVAS)
    assert (
        np.array_equal(first.strips, again.strips)
        and first.truths == again.truths
        and len(first.truths) == COUNT
    )
    clean = watch(model, tiles, CANVAS.model_copy(update={"difficulty": 0.0}))
    same = [np.array_equal(*pair) for pair in zip(first.strips, clean.strips, strict=True)]
    assert same[: COUNT // 2] == [True] * (COUNT // 2) and not all(same)


def test_a_model_in_training_goes_on_training(model: Model, tiles: Tiles) -> None:
    watch(model, tiles, CANVAS)
    assert model.training


def test_a_trained_model_is_seen_to_read_and_to_look_where_it_reads(
    bundled: Checkpoint, tiles: Tiles
) -> None:
    seen = watch(bundled.model, tiles, bundled.settings.canvas)
    right = [text == truth for text, truth in zip(seen.texts, seen.truths, strict=True)]
    assert sum(right) >= COUNT - 2
    assert ((seen.probabilities > 0) & (seen.probabilities <= 1.0001)).all()
    lengths = {len(text) for text in seen.texts}
    assert seen.attention.shape == (COUNT, max(lengths), *bundled.model.grid) and len(lengths) > 1
    for text, looked in zip(seen.texts, seen.attention.astype(np.float32), strict=True):
        assert looked[: len(text)].sum((1, 2)) == pytest.approx(1.0, abs=0.01)
        assert not looked[len(text) :].any(), "behind its end a reading looks nowhere"


def test_rounds_come_back_as_they_were_kept_in_order(model: Model, tiles: Tiles, tmp_path: Path) -> None:
    seen = watch(model, tiles, CANVAS)
    for epoch in (10, 2):
        save_watched(tmp_path / "watched", epoch, seen)
    assert watched_epochs(tmp_path / "watched") == [2, 10]
    kept = load_watched(tmp_path / "watched", 10)
    assert isinstance(kept, Watched)
    assert (kept.truths, kept.texts) == (seen.truths, seen.texts)
    for name in ("strips", "probabilities", "attention"):
        assert np.array_equal(getattr(kept, name), getattr(seen, name))


def test_a_round_that_is_missing_or_broken_is_refused(tmp_path: Path) -> None:
    assert watched_epochs(tmp_path / "nowhere") == []
    with pytest.raises(OSError, match="0001"):
        load_watched(tmp_path, 1)
    (tmp_path / "0001.npz").write_bytes(b"half a file")
    with pytest.raises((OSError, ValueError)):
        load_watched(tmp_path, 1)
