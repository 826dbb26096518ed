"""The table of what a training is measured by: it names what the engine works out, and says how each is told."""

from pathlib import Path
from typing import Any, get_args

import pytest

from core.config import CanvasSettings, Kind, ModelSettings, RunSettings, TrainingSettings
from core.data.mnist import Mnist
from core.training.engine import Epoch, Step, fit
from core.training.reading_task import ReadingTask
from core.training.scores import SCORES, SHOWN_FIRST, VALIDATED, score_of
from core.training.store.recording import _of_step


@pytest.mark.parametrize("kind", ["number", "digit"])
def test_an_epoch_has_the_scores_of_its_model_and_a_step_the_others(
    kind: Kind, sample: Mnist, tmp_path: Path
) -> None:
    run = RunSettings(
        canvas=CanvasSettings(height=16, width=32, max_digits=1),
        model=ModelSettings(kind=kind, dim=16, heads=2, encoder_layers=1, stem_width=4, stem_depth=1),
        training=TrainingSettings(
            epochs=1, steps_per_epoch=1, batch_size=4, validation_canvases=10, warmup_steps=0
        ),
    )
    step, epoch = fit(ReadingTask(run, sample), tmp_path)
    assert isinstance(step, Step) and isinstance(epoch, Epoch)
    assert set(epoch.scores) == {name for name, score in VALIDATED.items() if kind in score.kinds}
    assert {metric.name for metric in _of_step(step, run)} == set(SCORES) - set(VALIDATED)


@pytest.mark.parametrize(
    ("name", "values", "best"),
    [
        ("clean", (0.5, 0.4), 0.5),
        ("loss", (2.0, 3.0), 2.0),
        ("calibration", (1.5, 1.2), 1.2),
        ("of old", (1.0, 2.0), 2.0),
    ],
)
def test_the_better_value_is_the_higher_one_where_higher_is_better(
    name: str, values: Any, best: float
) -> None:
    assert score_of(name).better(*values) == best


def test_shares_are_told_in_percent_and_other_values_are_not() -> None:
    assert score_of("clean").text(0.98765) == "98.77%" and score_of("clean").text(0.98765, 1) == "98.8%"
    assert score_of("calibration").text(1.23456) == "1.235" and score_of("loss").text(0.5) == "0.5"


def test_a_value_that_is_not_ours_goes_by_its_own_name() -> None:
    assert score_of("of an older version").title == "of an older version"


def test_titles_and_colours_tell_scores_apart() -> None:
    assert len({score.title for score in SCORES.values()}) == len(SCORES)
    for kind in get_args(Kind):
        colours = [score.colour for score in SHOWN_FIRST.values() if kind in score.kinds]
        assert len(set(colours)) == len(colours) > 1
