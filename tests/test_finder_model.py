"""The finder's network: small, blind to light and contrast, the same answers after its norms are folded, and a file of its own."""

from pathlib import Path

import pytest
import torch

from core.config import PRESETS
from core.model.checkpoint import BUNDLED, CheckpointError, parameter_count, save_model, write_tensors
from core.model.finder import Finder, load_finder, normalised


@pytest.fixture
def finder() -> Finder:
    torch.manual_seed(0)
    model = Finder()
    model(torch.rand(4, 1, 64, 96))  # norms that have seen something
    return model.eval()


def test_it_is_small_and_answers_for_cells_of_four_pixels_whatever_the_size(finder: Finder) -> None:
    assert parameter_count(finder) <= 150_000
    for height, width in ((64, 32), (96, 160), (288, 384)):
        assert finder(torch.rand(2, 1, height, width)).shape == (2, 5, height // 4, width // 4)


def test_light_and_contrast_change_little_of_what_it_is_shown() -> None:
    picture = torch.rand(1, 1, 64, 64)
    torch.testing.assert_close(normalised(picture), normalised(0.3 * picture + 0.5), atol=0.2, rtol=0.1)
    assert normalised(torch.full((1, 1, 64, 64), 0.7)).abs().max() < 1e-3


def test_folded_norms_give_the_same_answers(finder: Finder) -> None:
    picture = torch.rand(1, 1, 96, 96)
    before = finder(picture)
    finder.fold_norms()
    torch.testing.assert_close(finder(picture), before, atol=1e-4, rtol=1e-4)


def test_a_saved_finder_answers_as_before_and_so_does_one_of_before_finders_had_settings(
    finder: Finder, tmp_path: Path
) -> None:
    picture = torch.rand(1, 1, 96, 96)
    save_model(tmp_path / "now.safetensors", finder, PRESETS["finder"], {})
    write_tensors(
        tmp_path / "once.safetensors", finder.state_dict(), {"kind": "finder", "about": "16000 steps"}
    )
    for name in ("now", "once"):
        again = load_finder(tmp_path / f"{name}.safetensors")
        with torch.inference_mode():
            torch.testing.assert_close(again(picture), finder(picture), atol=1e-4, rtol=1e-4)


def test_a_finder_that_is_to_learn_has_its_norms_and_the_very_weights(finder: Finder, tmp_path: Path) -> None:
    save_model(tmp_path / "one.safetensors", finder, PRESETS["finder"], {})
    weights = load_finder(tmp_path / "one.safetensors", to_learn=True).state_dict()
    assert all(torch.equal(weights[name], own) for name, own in finder.state_dict().items())


def test_a_reader_s_file_is_refused_with_a_word_of_what_it_is() -> None:
    with pytest.raises(CheckpointError, match="holds no finder"):
        load_finder(BUNDLED / "number.safetensors")
