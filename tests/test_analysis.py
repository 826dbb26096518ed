"""The analysis of a checkpoint: what is counted adds up, and what is claimed of it can be checked."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from core.config import SettingsError
from core.data.canvases.effects import EFFECTS
from core.data.canvases.tiles import Tiles
from core.data.mnist import Mnist
from core.model.checkpoint import BUNDLED, Checkpoint, load_checkpoint
from core.training.metrics import edit_distance, expected_calibration_error
from core.understanding.reports.analysis import (
    CLEAN,
    KINDS,
    LEVELS,
    NOTHING,
    ONE,
    SWITCHES,
    VIEWS,
    Analysis,
    analyse,
    attention_pictures,
    plan,
    read_piece,
    readings_csv,
    standing_out,
    summarised,
    tiles_of,
    wilson,
)
from core.understanding.reports.sentences import findings

COUNT = 240


@pytest.fixture(scope="module")
def checkpoint() -> Checkpoint:
    return load_checkpoint(BUNDLED / "number.safetensors")


@pytest.fixture(scope="module")
def stock(sample: Mnist) -> Tiles:
    return tiles_of(sample, "validation")


@pytest.fixture(scope="module")
def analysis(checkpoint: Checkpoint, sample: Mnist) -> Analysis:
    return analyse(checkpoint, sample, COUNT)


@pytest.fixture(scope="module")
def perfect(analysis: Analysis) -> Analysis:
    """Of a reader that reads everything as it is written."""
    return summarised(replace(analysis.seen, texts=analysis.seen.truths), 1.0)


def test_every_canvas_is_counted_once_and_every_kind_is_there(analysis: Analysis) -> None:
    assert {part.name: part.count for part in analysis.parts} == {
        kind: round(share * COUNT) for kind, share in KINDS.items()
    }
    assert sum(part.right for part in analysis.parts) == int(analysis.seen.right.sum())
    assert analysis.numbers.count == COUNT - analysis.parts[-1].count


def test_every_written_digit_is_counted_once_by_each_view(analysis: Analysis) -> None:
    truths = analysis.seen.truths
    written = sum(map(len, truths))
    assert analysis.digits.count == written > 500
    for view in ("digit", "position", "height"):
        assert sum(group.count for group in analysis.by[view]) == written
        assert sum(group.right for group in analysis.by[view]) == analysis.digits.right
    for digit, group in zip("0123456789", analysis.by["digit"], strict=True):
        assert group.name == digit and group.count == "".join(truths).count(digit)
        row = {read: len(places) for (true, read), places in analysis.confusion.items() if true == digit}
        assert sum(row.values()) == group.count and row[digit] == group.right
    assert {group.name: group.count for group in analysis.by["length"]} == {
        str(length): sum(len(truth) == length for truth in truths) for length in range(1, 9)
    }
    # Only numbers of two and more have neighbours, only those of three and more a line.
    assert sum(group.count for group in analysis.by["gap"]) == sum(len(t) for t in truths if len(t) > 1)
    assert sum(group.count for group in analysis.by["tilt"]) == sum(len(t) for t in truths if len(t) > 2)


def test_a_view_says_what_it_was_made_of(analysis: Analysis) -> None:
    """Spread the digits far apart, make them small, and tilt their line: the groups follow."""
    seen = analysis.seen
    slots = np.arange(seen.boxes.shape[1])
    lengths = np.array([len(truth) for truth in seen.truths])
    left, top = slots * 20.0, slots * 20 * np.tan(np.radians(3))
    boxes = np.stack([left, top, left + 10, top + 7], -1)[None] * (slots < lengths[:, None])[..., None]
    moved = summarised(replace(seen, boxes=boxes.astype(np.float32)), 1.0)
    assert [group.name for group in moved.by["height"]] == ["4–8"]
    assert [group.name for group in moved.by["gap"]] == ["over 1"]  # 10 pixels at a width of 10
    assert [group.name for group in moved.by["tilt"]] == ["2–4°"]


def test_each_effect_is_met_alone_at_the_strength_that_its_group_says(
    checkpoint: Checkpoint, stock: Tiles, analysis: Analysis
) -> None:
    seen = analysis.seen
    alone = np.array([kind == ONE for kind in seen.kinds])
    assert ((seen.strengths[alone] > 0).sum(1) == 1).all()
    assert not seen.strengths[[kind == CLEAN for kind in seen.kinds]].any()
    assert list(analysis.effects) == list(EFFECTS)
    assert sum(group.count for groups in analysis.effects.values() for group in groups) == alone.sum()
    for number, (name, groups) in enumerate(analysis.effects.items()):
        assert [group.name for group in groups] == (["on"] if name in SWITCHES else list(LEVELS))
        if name not in SWITCHES:
            met = seen.strengths[alone, number]
            assert (
                groups[0].count == ((met > 0) & (met <= 0.5)).sum() and groups[1].count == (met > 0.5).sum()
            )
    assert {seen.effect(int(place)).split(",")[0] for place in np.flatnonzero(alone)} == set(EFFECTS)


def test_a_perfect_reader_has_nothing_beside_the_diagonal_and_no_risk(perfect: Analysis) -> None:
    assert all(written == read for written, read in perfect.confusion)
    assert perfect.digits.share == 1 and perfect.character_error_rate == 0 and perfect.worst == ()
    assert all(part.share == 1 for part in perfect.parts)
    assert perfect.selective.area == 0 and perfect.selective.at(0.01)[0] == 1


def test_a_digit_too_many_and_a_missed_one_are_told_apart(analysis: Analysis) -> None:
    texts = list(analysis.seen.truths)
    long = next(place for place, text in enumerate(texts) if len(set(text)) == len(text) > 2)
    none = analysis.seen.kinds.index(NOTHING)
    missed, texts[long] = texts[long][1], texts[long][0] + texts[long][2:]
    texts[none] = "7"
    seen = summarised(replace(analysis.seen, texts=texts), 1.0)
    wrong = {cell: places for cell, places in seen.confusion.items() if cell[0] != cell[1]}
    assert wrong == {(missed, ""): [long], ("", "7"): [none]}
    assert seen.digits.count - seen.digits.right == 1


def test_risk_at_full_coverage_is_the_error_rate_and_the_threshold_keeps_its_word(analysis: Analysis) -> None:
    right = analysis.seen.right
    risk = analysis.selective
    assert risk.risk[-1] == pytest.approx(1 - right.mean()) and risk.coverage[-1] == 1
    coverage, probability = risk.at(0.05)
    taken = analysis.seen.calibrated >= probability
    assert taken.mean() == pytest.approx(coverage, abs=0.02) and 1 - right[taken].mean() <= 0.05 + 1e-9
    assert risk.at(-1.0) == (0.0, 1.0)


def test_reliability_has_every_reading_once_and_gives_the_calibration_error(analysis: Analysis) -> None:
    for name, claimed in (("before", analysis.seen.raw), ("after", analysis.seen.calibrated)):
        bins = analysis.reliability[name]
        assert sum(one.group.count for one in bins) == COUNT
        gap = sum(abs(one.claimed - one.group.share) * one.group.count for one in bins) / COUNT
        assert gap == pytest.approx(analysis.calibration_error[name], abs=1e-5)
        assert gap == pytest.approx(
            expected_calibration_error(torch.from_numpy(claimed), torch.from_numpy(analysis.seen.right)),
            abs=1e-5,
        )
    assert not np.allclose(analysis.seen.raw, analysis.seen.calibrated)


def test_the_worst_mistakes_are_wrong_and_the_surest_come_first(analysis: Analysis) -> None:
    seen = analysis.seen
    assert len(analysis.worst) == COUNT - seen.right.sum() > 0
    sure = [seen.calibrated[place] for place in analysis.worst]
    assert sure == sorted(sure, reverse=True)
    assert all(edit_distance(seen.texts[place], seen.truths[place]) for place in analysis.worst)


def test_attention_pictures_are_of_the_strip_and_tinted_only_where_a_digit_was_read(
    checkpoint: Checkpoint, analysis: Analysis
) -> None:
    places = [
        next(p for p, text in enumerate(analysis.seen.texts) if bool(text) == wanted)
        for wanted in (True, False)
    ]
    read, empty = attention_pictures(checkpoint, analysis.seen, places)
    assert read.shape == empty.shape == (128, 640, 3)
    # Ink, paper and the grid are gray within a few levels.
    assert np.ptp(read.astype(int), axis=2).max() > 60 > np.ptp(empty.astype(int), axis=2).max()
    assert attention_pictures(checkpoint, analysis.seen, []) == []


def test_wilsons_interval_holds_the_share_and_narrows_with_more() -> None:
    for count in (1, 2, 29, 30, 1000):
        for right in {0, 1, count // 3, count - 1, count}:
            low, high = wilson(right, count)
            assert 0 <= low <= right / count <= high <= 1
            more_low, more_high = wilson(10 * right, 10 * count)
            assert more_high - more_low < high - low
    assert wilson(0, 0) == (0, 1)


def test_the_same_seed_gives_the_same_canvases_and_another_gives_others(
    checkpoint: Checkpoint, stock: Tiles
) -> None:
    first, again, other = (read_piece(checkpoint, stock, plan(20, seed)[0]) for seed in (0, 0, 1))
    assert (first.pictures == again.pictures).all() and first.texts == again.texts
    assert (first.pictures != other.pictures).any()


def test_progress_is_told_and_never_falls(checkpoint: Checkpoint, sample: Mnist) -> None:
    told: list[float] = []
    analyse(checkpoint, sample, 10, progress=lambda share, what: told.append(share))
    assert told == sorted(told) and told[0] == 0 and told[-1] == 1


def test_too_few_canvases_are_refused(checkpoint: Checkpoint, sample: Mnist) -> None:
    with pytest.raises(SettingsError, match=r"count \(9\) is too few .* at least 10"):
        analyse(checkpoint, sample, 9)


def test_a_model_of_single_digits_has_no_neighbours_and_no_line(sample: Mnist) -> None:
    digit = analyse(load_checkpoint(BUNDLED / "digit.safetensors"), sample, 60)
    assert digit.by["gap"] == digit.by["tilt"] == () and [g.name for g in digit.by["length"]] == ["1"]
    assert digit.numbers.share > 0.8 and set(digit.by) == set(VIEWS)


def test_only_what_chance_hardly_explains_stands_out(analysis: Analysis, perfect: Analysis) -> None:
    assert standing_out(perfect) == [] and findings(perfect) == []
    # A reader that is otherwise perfect and takes every 4 for a 9.
    fours = summarised(
        replace(analysis.seen, texts=[truth.replace("4", "9") for truth in analysis.seen.truths]), 1.0
    )
    found = {view: worst.name for view, worst, _ in standing_out(fours)}
    assert found["digit"] == "4" and "The digit 4**: 0.0% right, the others 100.0%" in " ".join(
        findings(fours)
    )


def test_the_table_has_a_line_for_each_canvas(analysis: Analysis) -> None:
    head, *lines = readings_csv(analysis.seen).splitlines()
    assert head.startswith("kind,effect,written,read,right") and len(lines) == COUNT
    assert sum(line.split(",")[-len(EFFECTS) - 3] == "1" for line in lines) == analysis.seen.right.sum()
