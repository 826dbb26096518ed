"""What counts as seen: a place on a number, not beside it, and not twice; and what a finder's evaluation says of it."""

import json

import numpy as np
import pytest

from core import __main__ as command_line
from core.commands.evaluate import finder_table
from core.data.mnist import Mnist
from core.data.scenes.scene import Scene
from core.model.checkpoint import BUNDLED
from core.reading.find.place import Place
from core.training.sightings import Sighting, scenes_of, sighting, tally

PAPER = np.full((288, 384), 200, np.uint8)
HERE, THERE, ELSEWHERE = (100.0, 100.0, 160.0, 120.0), (200.0, 50.0, 260.0, 90.0), (20.0, 200.0, 90.0, 230.0)


def scene(*numbers: tuple[float, float, float, float], unclear: bool = False) -> Scene:
    outlines = [Place(box).outline.astype(float) for box in numbers]
    return Scene(PAPER, ["12"] * len(numbers), outlines, [Place(ELSEWHERE).outline] if unclear else [])


def seen(what: Scene, *boxes: tuple[float, float, float, float]) -> Sighting:
    return sighting(what, [Place(box) for box in boxes])


def test_a_number_is_found_by_a_place_on_it_and_a_place_beside_it_is_mistaken() -> None:
    one = seen(scene(HERE, THERE), HERE, ELSEWHERE)
    assert one.overlaps == pytest.approx((1.0, 0.0)) and one.false == 1
    assert one.heights == pytest.approx((20, 40))


def test_half_a_number_is_no_number() -> None:
    left, top, right, bottom = HERE
    assert seen(scene(HERE), (left, top, left + 0.45 * (right - left), bottom)).overlaps == (0.0,)
    assert seen(scene(HERE), (left, top, left + 0.6 * (right - left), bottom)).overlaps[0] == pytest.approx(
        0.6
    )


def test_a_second_place_on_a_number_is_one_too_many() -> None:
    left, top, right, bottom = HERE
    assert seen(scene(HERE), HERE, (left, top, right - 10, bottom)).false == 1


def test_what_is_seen_where_nobody_can_say_counts_neither_way() -> None:
    assert seen(scene(HERE, unclear=True), HERE, ELSEWHERE).false == 0
    assert seen(scene(unclear=True), ELSEWHERE).false == 0
    assert tally([seen(scene(unclear=True), ELSEWHERE)]).empty == 0


def test_scores_are_shares_of_numbers_places_and_empty_scenes() -> None:
    found = tally(
        [
            seen(scene(HERE, THERE), HERE, ELSEWHERE),
            seen(scene(HERE), HERE),
            seen(scene(), HERE),
            seen(scene()),
        ]
    )
    assert (found.numbers, found.empty) == (3, 2)
    assert found.recall == pytest.approx(2 / 3) and found.precision == pytest.approx(2 / 4)
    assert found.f1 == pytest.approx(2 * (2 / 3) * 0.5 / (2 / 3 + 0.5)) and found.claimed == 0.5
    assert found.by_height == ((18, 30, 2, 1.0), (30, 60, 1, 0.0))
    assert tally([seen(scene())]).f1 == 0.0


def test_scenes_to_measure_on_are_the_same_at_every_call_and_others_for_each_split(sample: Mnist) -> None:
    first, again, others = (
        [one.picture for one in scenes_of(sample, split, 2)] for split in ("validation", "validation", "test")
    )
    assert all(np.array_equal(one, same) for one, same in zip(first, again, strict=True))
    assert not any(np.array_equal(one, other) for one, other in zip(first, others, strict=True))


def test_evaluate_says_of_a_finder_what_it_finds_and_what_is_read_behind_it(
    capsys: pytest.CaptureFixture[str],
) -> None:
    finder = str(BUNDLED / "finder.safetensors")
    assert command_line.main(["evaluate", finder, "--sample", "--count", "25", "--json"]) == 0
    scores = json.loads(capsys.readouterr().out)
    assert scores["recall"] > 0.3 and scores["precision"] > 0.3 and scores["f1"] > 0.3
    assert 0 < scores["scenes_read_exactly"] <= scores["scenes_to_read"] <= 25
    assert command_line.main(["evaluate", finder, "--attention"]) == 1
    assert "which has no attention and no report" in capsys.readouterr().err


def test_the_table_has_a_row_for_each_height_and_score() -> None:
    rows = finder_table(tally([seen(scene(HERE, THERE), HERE)]), 8, 6)
    assert len(rows) == 1 + 2 + 6
    assert rows[1].split()[-1] == "100.0%" and rows[2].split()[-1] == "0.0%"
    assert rows[-1].endswith("75.0%") and len({len(row) for row in rows}) == 1
