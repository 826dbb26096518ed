"""Files written for Weights & Biases are read as they are, or what cannot be done is named with the mend."""

from pathlib import Path
from typing import Any

import pytest

from core.config import PRESETS, RunSettings, SettingsError, settings_from
from core.data.mnist import Mnist
from core.training.sweeps.file import Plan, read_plan
from core.training.sweeps.running import run
from core.training.sweeps.study import begin
from tests.test_sweep import TINY

RANDOM = "method: random\nmetric: {name: score, goal: maximize}\nparameters:\n  "
GRID = "method: grid\nparameters:\n  "


@pytest.fixture(autouse=True)
def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NUMBERS_LAB", str(tmp_path))


def plan(text: str, base: RunSettings = PRESETS["number-small"]) -> Plan:
    return read_plan(text, base)


def refusal(text: str) -> str:
    with pytest.raises(SettingsError) as refused:
        plan(text)
    assert len(str(refused.value)) < 600 and "\n" not in str(refused.value)
    return str(refused.value)


def test_parameters_may_stand_inside_their_group() -> None:
    nested = plan(RANDOM + "model: {parameters: {heads: {values: [2, 4]}}}")
    assert nested.settings == plan(RANDOM + "model.heads: {values: [2, 4]}").settings


def test_a_grid_without_a_metric_looks_for_the_score() -> None:
    metric = plan(GRID + "model.heads: {values: [2, 4]}").settings.metric
    assert (metric.name, metric.goal) == ("score", "maximize")


def test_a_value_twice_is_one_training() -> None:
    assert [params["model.heads"] for params in plan(GRID + "model.heads: {values: [2, 2, 4]}").grid] == [
        2,
        4,
    ]


def test_whole_bounds_in_a_grid_are_all_numbers_between_them() -> None:
    layers = plan(GRID + "model.encoder_layers: {min: 1, max: 4}").grid
    assert [params["model.encoder_layers"] for params in layers] == [1, 2, 3, 4]


def test_multiples_are_drawn_by_magnitude(sample: Mnist) -> None:
    text = (
        "method: random\nrun_cap: 6\nmetric: {name: score, goal: maximize}\nparameters:\n"
        "  training.batch_size: {distribution: q_log_uniform_values, q: 2, min: 1, max: 13}\n"
        "  training.epochs: {value: 1}"
    )
    sweep = begin(text, "multiples", TINY)
    drawn = {trial.params["training.batch_size"] for trial, _ in run(sweep, sample, None, lambda _: None)}
    assert drawn <= {2, 4, 6, 8, 10, 12} and len(drawn) > 1


def test_a_sweep_ends_where_its_target_is_reached(sample: Mnist) -> None:
    text = (
        "method: random\nrun_cap: 4\nmetric: {name: score, goal: maximize, target: 0.0}\n"
        "parameters: {training.seed: {min: 0, max: 99}, training.epochs: {value: 1}}"
    )
    ended = {trial.number for trial, _ in run(begin(text, "target", TINY), sample, None, lambda _: None)}
    assert ended == {0}


@pytest.mark.parametrize(
    ("parameter", "mend"),
    [
        ("model.dropout: {distribution: normal, mu: 0.1, sigma: 0.02}", "the nearest is uniform"),
        ("model.heads: {values: [1, 2], probabilities: [0.2, 0.8]}", "leave them out"),
        (
            "training.learning_rate: {distribution: log_uniform, min: 0.0001, max: 0.01}",
            "use log_uniform_values",
        ),
        ("training.learning_rate: {distribution: log_uniform, min: 0, max: 1000}", "try log_uniform_values"),
        ("training.learning_rate: {min: 0.1, max: 0.1}", "say value: 0.1"),
        ("lr: {values: [0.001, 0.01]}", "did you mean 'learning_rate'"),
        ("model.heads.x: {value: 3}", "leave '.x' out"),
        ("model: {value: 3}", "must be an object of settings"),
        ("model.kind: {values: [number, finder]}", "model.kind (finder) is not swept"),
        ("a: !!bool abc", "neither YAML nor JSON"),
        ("\n  ".join(f"p{n}: {{value: 1}}" for n in range(3000)), "parameters"),
    ],
)
def test_what_cannot_be_done_is_named_with_the_mend(parameter: str, mend: str) -> None:
    assert mend in refusal(RANDOM + parameter)


def test_a_goal_that_is_not_said_is_asked_for() -> None:
    text = "method: random\nmetric: {name: score}\nparameters: {model.heads: {values: [2, 4]}}"
    assert "metric.goal is missing; say maximize or minimize" in refusal(text)


@pytest.mark.parametrize("values", [{"model.heads.x": 3}, {"training.optimizer.x": 3}, {"x" * 9_000: 1}])
def test_settings_with_such_names_are_refused_in_short(values: dict[str, Any]) -> None:
    with pytest.raises(SettingsError) as refused:
        settings_from(values)
    assert len(str(refused.value)) < 250
