"""What a training would take is counted, not guessed, and follows the settings."""

import pytest
import torch

from core.config import PRESETS, RunSettings, TrainingSettings
from core.data.mnist import Mnist
from core.model.checkpoint import build, parameter_count
from core.model.finder import Finder
from core.training.estimate import estimate

SMALL = PRESETS["number-small"]


def with_training(**changes: object) -> RunSettings:
    training = TrainingSettings.model_validate({**SMALL.training.model_dump(), **changes})
    return SMALL.model_copy(update={"training": training})


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_is_estimated_with_its_own_count_of_parameters(name: str, sample: Mnist) -> None:
    expected = estimate(PRESETS[name], sample)
    model = Finder() if PRESETS[name].model.kind == "finder" else build(PRESETS[name])
    assert expected.parameters == parameter_count(model)
    assert expected.seconds > PRESETS[name].training.steps * expected.seconds_per_step
    assert expected.memory > 500e6


def test_a_larger_batch_takes_more_memory_and_time(sample: Mnist) -> None:
    small, large = (estimate(with_training(batch_size=size), sample) for size in (32, 256))
    assert large.memory > small.memory + 100e6
    assert large.seconds_per_step > 3 * small.seconds_per_step


def test_estimating_leaves_random_numbers_and_threads_as_they_were(sample: Mnist) -> None:
    torch.manual_seed(5)
    before = torch.get_rng_state()
    threads = torch.get_num_threads()
    estimate(SMALL, sample)
    assert torch.equal(torch.get_rng_state(), before) and torch.get_num_threads() == threads
