"""Maps are believed as far as they point at the true digits, and as far as the model depends on what they mark."""

import json

import pytest
import torch

from core.__main__ import main
from core.data.canvases.canvas import make_canvases
from core.data.canvases.tiles import Tiles
from core.data.mnist import Mnist
from core.data.strip import strip
from core.model.checkpoint import BUNDLED
from core.reading import Reader
from core.training.reading_task import at_difficulty
from core.understanding.attention.faithfulness import (
    BASELINES,
    CLUTTER,
    curves,
    measure,
    points_at,
    reading_curves,
)
from tests.drawings import draw

GRID = (4, 20)
SIZE = (32, 160)


@pytest.fixture(scope="module")
def number() -> Reader:
    return Reader.from_checkpoint()


def test_a_map_points_at_the_box_in_which_it_is_highest_and_at_no_other() -> None:
    maps = torch.zeros(2, 80)
    maps[:, 1 * 20 + 5] = 1  # the patch from (40, 8) to (48, 16)
    boxes = torch.tensor([[38.0, 4.0, 50.0, 20.0], [60.0, 4.0, 72.0, 20.0]])
    assert points_at(maps, boxes, GRID, SIZE).tolist() == [True, False]


def test_with_nothing_erased_the_digit_is_as_sure_as_it_was_read_and_with_all_erased_it_is_gone(
    tiles: Tiles, number: Reader
) -> None:
    settings = at_difficulty(number.settings.canvas, 0.0).model_copy(
        update={"empty_share": 0.0, "found_share": 0.0, "min_digits": 3, "max_digits": 3}
    )
    batch = make_canvases(tiles, settings, 1, 4)
    strips = strip(batch.pictures, batch.extents)
    with torch.inference_mode():
        output = number.model.read(strips)
    step = 1
    assert output.tokens[0, :3].tolist() == batch.labels[0].tolist()
    sure = (output.logits[0, step] / number.calibration).softmax(-1)[batch.labels[0, step]].item()
    best_first = torch.stack([strips.unfold(2, 8, 8).unfold(3, 8, 8).mean((4, 5)).flatten(), torch.rand(80)])
    found = curves(number.model, strips[0], batch.labels[0], step, best_first, number.calibration)
    assert found.shares[0] == 0 and found.shares[-1] == 1
    assert torch.allclose(found.deletion[:, 0], torch.tensor(sure), atol=1e-4)
    assert torch.allclose(found.insertion[:, -1], torch.tensor(sure), atol=1e-4)
    assert (found.deletion[:, -1] < 0.5).all() and torch.equal(found.deletion[:, -1], found.insertion[:, 0])
    deletion, insertion = found.areas()
    assert deletion[0] < deletion[1] and insertion[0] > insertion[1]  # ink first does more than chance


def test_a_reading_has_curves_for_each_method_and_the_ink(number: Reader) -> None:
    drawing = draw("407", size=(110, 420), at=(20, 20))
    reading = number.read(drawing.gray)
    names, found = reading_curves(number, reading, 2)
    assert names == ["raw", "rollout", "gradient", "ink"] and len(found.deletion) == 4
    assert found.deletion[:, 0].tolist() == pytest.approx([reading.digits[2].probability] * 4, abs=1e-3)
    with pytest.raises(ValueError, match=r"digit \(3\) does not exist; this reading has digits 0 to 2"):
        reading_curves(number, reading, 3)


@pytest.fixture(scope="module")
def rows(sample: Mnist, number: Reader) -> dict[str, tuple[float, ...]]:
    found = measure(number, sample.split("validation"), 30, 9, curves_of=1)
    return {row.name: (row.pointing, row.inside, row.deletion, row.insertion) for row in found}


def test_what_the_pages_show_first_points_better_than_every_map_that_knows_nothing(
    rows: dict[str, tuple[float, ...]],
) -> None:
    pointing = {name: row[0] for name, row in rows.items()}
    assert pointing["raw"] > 0.93
    assert all(pointing["raw"] > pointing[name] + 0.1 for name in BASELINES)
    inside = {name: row[1] for name, row in rows.items()}
    assert max(inside, key=lambda name: inside[name]) == "raw"
    assert rows["raw"][2] < rows["random"][2] and rows["raw"][3] > rows["random"][3]


def test_every_share_and_area_lies_between_0_and_1_and_every_map_is_measured(
    rows: dict[str, tuple[float, ...]],
) -> None:
    assert set(rows) == {"raw", "rollout", "gradient", *BASELINES}
    assert all(0 <= value <= 1 for row in rows.values() for value in row)


def test_clutter_puts_foreign_ink_on_the_canvases(sample: Mnist, number: Reader) -> None:
    digits = sample.split("validation")
    plain, cluttered = (
        measure(number, digits, 20, 9, cluttered=chosen, curves_of=1) for chosen in (False, True)
    )
    ink = {row.name: row.inside for row in plain}["ink"], {row.name: row.inside for row in cluttered}["ink"]
    assert ink[1] < ink[0]
    assert "marks" in CLUTTER and "boxes" in CLUTTER


def test_the_same_seed_measures_the_same(sample: Mnist, number: Reader) -> None:
    digits = sample.split("validation")
    assert measure(number, digits, 6, 3, curves_of=1) == measure(number, digits, 6, 3, curves_of=1)


def test_the_model_of_single_digits_is_measured_too(sample: Mnist) -> None:
    found = measure(Reader.from_checkpoint(kind="digit"), sample.split("validation"), 20, 3, curves_of=2)
    assert {row.name for row in found} >= {"raw", "rollout", "gradient", "ink"}
    assert all(row.digits == 20 for row in found)


def test_the_command_prints_the_table_and_json(capsys: pytest.CaptureFixture[str]) -> None:
    digit = str(BUNDLED / "digit.safetensors")
    argv = ["evaluate", digit, "--attention", "--sample", "--split", "validation", "--count", "3"]
    assert main(argv) == 0
    said = capsys.readouterr().out
    assert "camera-like" in said and "cluttered" in said and "random weights" in said and "pointing" in said
    assert main([*argv, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [row["name"] for row in found["cluttered"]] == ["raw", "rollout", "gradient", *BASELINES]
