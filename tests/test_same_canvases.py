"""The same canvases for several models: the same for all, read as each would read them, and sorted by how much they disagree."""

from dataclasses import replace

import numpy as np
import pytest

from core.config import CanvasSettings, ModelSettings, RunSettings
from core.data.mnist import Mnist
from core.model.checkpoint import BUNDLED, Checkpoint, build, load_checkpoint
from core.training.same_canvases import (
    KINDS,
    Answers,
    SameCanvases,
    confusions,
    joined,
    lengths_for,
    mix_ups,
    most_disputed,
    read_same,
    same_canvases,
    shares,
)


@pytest.fixture(scope="module")
def bundled() -> Checkpoint:
    return load_checkpoint(BUNDLED / "number.safetensors")


@pytest.fixture(scope="module")
def canvases(sample: Mnist, bundled: Checkpoint) -> SameCanvases:
    return same_canvases(sample.split("validation"), bundled.settings.canvas, (1, 3), count=12, each=2)


def test_canvases_are_the_same_at_every_call_and_of_every_kind(
    sample: Mnist, bundled: Checkpoint, canvases: SameCanvases
) -> None:
    again = same_canvases(sample.split("validation"), bundled.settings.canvas, (1, 3), count=12, each=2)
    assert np.array_equal(again.pictures, canvases.pictures) and again.truths == canvases.truths
    assert set(canvases.kinds) == set(KINDS) and len(canvases.truths) == 24 + 2 * (len(KINDS) - 2)
    assert {len(truth) for truth in canvases.truths} == {1, 2, 3}
    clean = [place for place, kind in enumerate(canvases.kinds) if kind == "clean"]
    assert all((np.median(canvases.pictures[place]) > 250) for place in clean)


def test_a_model_reads_them_in_parts_as_it_does_at_once(bundled: Checkpoint, canvases: SameCanvases) -> None:
    whole = read_same(bundled, canvases)
    parts = [read_same(bundled, canvases.part(slice(first, first + 20))) for first in range(0, 60, 20)]
    assert joined(parts).texts == whole.texts
    assert np.mean([text == truth for text, truth in zip(whole.texts, canvases.truths, strict=True)]) > 0.8
    assert all(0 <= probability <= 1.0001 for probability in whole.probabilities)


def test_a_model_with_strips_of_another_size_sees_the_same_number(
    bundled: Checkpoint, canvases: SameCanvases
) -> None:
    twice = replace(
        canvases,
        pictures=canvases.pictures.repeat(2, 1).repeat(2, 2),
        boxes=canvases.boxes * 2,
        extents=canvases.extents * 2,
    ).part(slice(0, 12))
    right = [text == truth for text, truth in zip(read_same(bundled, twice).texts, twice.truths, strict=True)]
    assert np.mean(right) > 0.8
    small = RunSettings(
        canvas=CanvasSettings(height=16, width=64, max_digits=3),
        model=ModelSettings(dim=16, heads=2, encoder_layers=1, stem_width=4, stem_depth=1),
    )
    assert len(read_same(Checkpoint(build(small).eval(), small), twice).texts) == 12


def test_models_are_compared_on_lengths_that_all_of_them_know() -> None:
    long = RunSettings(canvas=CanvasSettings(min_digits=2, max_digits=5))
    short = RunSettings(canvas=CanvasSettings(min_digits=1, max_digits=3))
    one = RunSettings(canvas=CanvasSettings(max_digits=1))
    assert lengths_for([long, short]) == (2, 3) and lengths_for([short]) == (1, 3)
    assert lengths_for([long, one]) == (2, 2)


def test_where_some_are_right_and_others_wrong_comes_first() -> None:
    truths = ["1", "2", "3", "4"]
    first = Answers(["1", "7", "9", "4"], [0.9] * 4)
    second = Answers(["1", "2", "9", "4"], [0.9] * 4)
    assert most_disputed(truths, [first, second]) == [1, 2, 0, 3]
    assert most_disputed(truths, [first])[:2] == [1, 2]


def test_shares_are_of_each_group() -> None:
    answers = Answers(["1", "22", "3"], [1.0] * 3)
    assert shares(["1", "2", "3"], answers, ["a", "a", "b"]) == {"a": 0.5, "b": 1.0}


@pytest.mark.parametrize(
    ("truth", "text", "pairs"),
    [
        ("12", "12", [("1", "1"), ("2", "2")]),
        ("12", "72", [("1", "7"), ("2", "2")]),
        ("407", "47", [("4", "4"), ("0", ""), ("7", "7")]),
        ("47", "407", [("4", "4"), ("", "0"), ("7", "7")]),
        ("12", "", [("1", ""), ("2", "")]),
        ("", "5", [("", "5")]),
        ("", "", []),
    ],
)
def test_digits_are_laid_side_by_side_with_the_fewest_errors(
    truth: str, text: str, pairs: list[tuple[str, str]]
) -> None:
    assert mix_ups(truth, text) == pairs


def test_each_mix_up_leads_to_its_canvases() -> None:
    found = confusions(["12", "11", "2"], Answers(["72", "11", "21"], [1.0] * 3))
    assert found[("1", "7")] == [0] and found[("1", "1")] == [1] and found[("", "1")] == [2]
    assert found[("2", "2")] == [0, 2]
