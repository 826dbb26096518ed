"""Runs side by side: filters find what they say, differences are differences, smoothing keeps what is level, axes agree."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, get_args

import pytest

from core.config import ModelSettings, RunSettings, SettingsError
from core.training.store.compare import (
    Axis,
    QueryError,
    differing,
    facts,
    matching,
    places,
    settings_of,
    smoothed,
)
from core.training.store.tracking import Metric, Run, flattened


def run(name: str, *, heads: int = 4, clean: float = 0.9, **more: Any) -> Run:
    settings = RunSettings(model=ModelSettings(heads=heads))
    begun = Run(
        id=name[:1] * 32,
        name=name,
        status="finished",
        started=datetime(2026, 11, 1, tzinfo=UTC),
        seconds=60.0,
        settings=flattened(settings),
        last={"clean": clean - 0.1, "loss": 0.5},
        best={"clean": clean},
        tags={"about.parameters": "1000", "study": "heads & 'more'"},
        note="a note",
        deleted=False,
    )
    return replace(begun, **more)


ONE = run("alpha", heads=1, clean=0.5)
FOUR = run("beta", heads=4, clean=0.9, note="the best so far")
EIGHT = run("gamma <b>", heads=8, clean=0.95, status="stopped")
ALL = [ONE, FOUR, EIGHT]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", ALL),
        ("heads>=4", [FOUR, EIGHT]),
        ("model.heads = 4", [FOUR]),
        ("clean>90%", [EIGHT]),
        ("clean >= 0.9 status=finished", [FOUR]),
        ("last.clean<0.5", [ONE]),
        ("loss<1 parameters==1000", ALL),
        ("positions=SinCos heads!=4", [ONE, EIGHT]),
        ("study=\"heads & 'more'\"", ALL),
        ("best", [FOUR]),
        ('"best so"', [FOUR]),
        ("<b>", [EIGHT]),
        ("nowhere", []),
        ("seed>=1", []),
        ("about.parameters>900 about.parameters<5000", ALL),
        ("name=beta", [FOUR]),
        ("bbbbbb", [FOUR]),
    ],
)
def test_a_filter_finds_what_it_says(query: str, found: list[Run]) -> None:
    assert matching(ALL, query) == found


def test_a_fact_that_no_run_has_is_refused_with_the_nearest_one() -> None:
    with pytest.raises(QueryError, match="no run has 'haeds'; did you mean 'heads'"):
        matching(ALL, "haeds=4")


def test_a_condition_means_a_setting_rather_than_its_echo_among_the_notes() -> None:
    noted = run("delta", tags={"about.seed": "7"})
    assert matching([noted], "seed=0") == [noted] and matching([noted], "seed=7") == []
    assert matching([noted], "about.seed=7") == [noted]


def test_a_number_is_not_compared_with_a_word() -> None:
    with pytest.raises(QueryError, match="'many' is no number"):
        matching(ALL, "heads>many")


def test_runs_that_lack_a_fact_do_not_match_and_do_not_fail() -> None:
    bare = run("delta", settings={}, last={}, best={}, tags={}, seconds=None)
    assert matching([*ALL, bare], "heads>=1") == ALL
    assert facts(bare) == {"name": "delta", "status": "finished"}


def test_no_runs_match_nothing() -> None:
    assert matching([], "heads=4") == [] and matching([], "word") == []


def test_only_what_differs_is_a_difference() -> None:
    assert differing(ALL) == ["model.heads"] and differing([ONE]) == []
    assert "training.seed" in differing([ONE, run("other", settings={"model.heads": 1})])


def test_smoothing_keeps_what_is_level_and_does_not_lag_at_the_start() -> None:
    steps = [float(step) for step in range(400)]
    assert smoothed([2.0] * 400, steps, 0.9) == pytest.approx([2.0] * 400)
    assert smoothed([1.0, 5.0, 3.0], [1.0, 2.0, 3.0], 0.0) == [1.0, 5.0, 3.0]
    calm = smoothed([float(step % 2) for step in range(400)], steps, 0.9)
    assert max(calm[100:]) - min(calm[100:]) < 0.2
    assert smoothed([], [], 0.5) == [] and smoothed([4.0], [7.0], 0.9) == pytest.approx([4.0])


def test_a_few_rounds_are_shown_as_they_were_measured_and_many_steps_are_not() -> None:
    few = smoothed([0.1, 0.5, 0.9], [1.0, 2.0, 3.0], 0.8)
    assert few == pytest.approx([0.1, 0.5, 0.9], abs=0.01)


def test_each_axis_says_the_same_in_its_own_unit() -> None:
    history = [Metric("loss", 1.0, 500, ONE.started.timestamp() + 120)]
    found = {axis: places(ONE, history, axis) for axis in get_args(Axis)}
    assert found == {"step": [500.0], "epoch": [1.0], "samples": [32_000.0], "minutes": [2.0]}


def test_settings_of_a_run_train_the_same_again() -> None:
    assert settings_of(EIGHT) == RunSettings(model=ModelSettings(heads=8))
    with pytest.raises(SettingsError, match="settings of alpha"):
        settings_of(replace(ONE, settings={"model.tentacles": 8}))
