"""The finder's training: the engine's own, to the same bits after any interruption; it learns scenes, and asks nothing about what is unclear."""

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from core import __main__ as command_line
from core.commands import learning
from core.commands.train import RUN, train
from core.config import ModelSettings, RunSettings, SceneSettings, SettingsError, TrainingSettings
from core.data.mnist import Mnist
from core.data.scenes import store
from core.data.scenes.store import Shelf
from core.data.scenes.targets import maps
from core.model.checkpoint import BUNDLED, CheckpointError, kind_of, load_checkpoint, read_tensors
from core.model.finder import load_finder
from core.training import engine
from core.training.engine import BEST, Epoch, Step, fit
from core.training.finding_task import FindingTask, losses
from core.training.lab import STATE, root
from core.training.scores import VALIDATED
from core.training.store.recording import WATCHED
from core.training.store.tracking import Store
from core.training.watch import Sighted, load_watched, save_watched

TINY = RunSettings(
    scenes=SceneSettings(count=10, processes=1),
    model=ModelSettings(kind="finder"),
    training=TrainingSettings(
        epochs=2,
        steps_per_epoch=3,
        batch_size=2,
        validation_canvases=10,
        learning_rate=3e-3,
        average=0.9,
        save_every=2,
        warmup_steps=0,
    ),
)


@pytest.fixture(autouse=True)
def threads() -> Iterator[None]:
    """`fit` sets the number of threads."""
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    """Two scenes of dark bars, each of them with its outline."""
    pictures, answers = np.full((2, 288, 384), 200, np.uint8), []
    for picture, x in zip(pictures, (100, 200), strict=True):
        picture[120:150, x : x + 80 : 8] = 30
        true = np.array([[x, 120], [x + 80, 120], [x + 80, 150], [x, 150]], float)
        answers.append(maps([true], [], 384, 288))
    return on_disk(tmp_path / "scenes", pictures, np.stack(answers))


def on_disk(folder: Path, pictures: np.ndarray, answers: np.ndarray) -> Shelf:
    folder.mkdir(parents=True)
    np.save(folder / "pictures.npy", pictures)
    np.save(folder / "maps.npy", answers)
    (folder / "0.done").touch()
    return Shelf(folder)


def assert_same_bits(one: Path, other: Path) -> None:
    for name in (STATE, BEST):
        tensors, others = read_tensors(one / name)[0], read_tensors(other / name)[0]
        assert tensors.keys() == others.keys()
        assert all(torch.equal(tensors[key], others[key]) for key in tensors), name


def test_it_learns_where_the_bars_are(shelf: Shelf, sample: Mnist, tmp_path: Path) -> None:
    training = TINY.training.model_copy(update={"epochs": 1, "steps_per_epoch": 70})
    task = FindingTask(TINY.model_copy(update={"training": training}), shelf, sample)
    steps = [record for record in fit(task, tmp_path / "run") if isinstance(record, Step)]
    assert [step.step for step in steps] == list(range(1, 71))
    assert all(step.parts.keys() == {"band", "dice", "measures"} for step in steps)
    first, last = (
        np.mean([step.parts["dice"] + step.parts["band"] for step in part])
        for part in (steps[:5], steps[-5:])
    )
    assert last < 0.5 * first


@pytest.mark.parametrize("records_before", [2, 4, 5])
def test_a_stopped_training_goes_on_to_the_same_bits(
    records_before: int, shelf: Shelf, sample: Mnist, tmp_path: Path
) -> None:
    task = FindingTask(TINY, shelf, sample)
    records = list(fit(task, tmp_path / "whole"))
    first = fit(task, tmp_path / "parts")
    before = [next(first) for _ in range(records_before)]
    first.close()
    after = list(fit(FindingTask(TINY, shelf, sample), tmp_path / "parts", resume=True))
    epochs = [[one.scores for one in some if isinstance(one, Epoch)] for some in (records, before + after)]
    assert epochs[0] == epochs[1]
    assert_same_bits(tmp_path / "whole", tmp_path / "parts")


def test_a_training_on_other_scenes_does_not_go_on(shelf: Shelf, sample: Mnist, tmp_path: Path) -> None:
    records = fit(FindingTask(TINY, shelf, sample), tmp_path / "run")
    next(records)
    records.close()
    other = on_disk(tmp_path / "others", 255 - np.asarray(shelf.pictures), np.asarray(shelf.maps))
    with pytest.raises(CheckpointError, match="other digits or scenes"):
        next(fit(FindingTask(TINY, other, sample), tmp_path / "run", resume=True))


def test_what_is_kept_is_the_mean_of_the_weights_and_a_finder(
    shelf: Shelf, sample: Mnist, tmp_path: Path
) -> None:
    list(fit(FindingTask(TINY, shelf, sample), tmp_path))
    state, kept = read_tensors(tmp_path / STATE)[0], read_tensors(tmp_path / BEST)[0]
    assert kind_of(tmp_path / BEST) == "finder"
    name = "quarter.convolution.weight"
    assert not torch.equal(state[f"mean.{name}"], state[f"model.{name}"])
    about = json.loads(read_tensors(tmp_path / BEST)[1]["about"])
    if about["epoch"] == TINY.training.epochs:
        assert torch.equal(kept[name], state[f"mean.{name}"])
    with torch.inference_mode():
        assert load_finder(tmp_path / BEST)(torch.rand(1, 1, 64, 64)).shape == (1, 5, 16, 16)
    with pytest.raises(
        CheckpointError, match="holds a finder, which sees where numbers stand and reads none"
    ):
        load_checkpoint(tmp_path / BEST)


def test_muon_moves_the_convolutions_inside_and_adamw_all_the_rest(shelf: Shelf, sample: Mnist) -> None:
    task = FindingTask(TINY, shelf, sample)
    model = task.build().train()
    learner = engine._Learner(task, model)
    before = {name: weight.clone() for name, weight in model.named_parameters()}
    engine._learn(task, learner, 0, 1.0)
    moved = {name for name, weight in model.named_parameters() if not torch.equal(weight, before[name])}
    assert moved == before.keys(), (
        "a matrix of Muon's that is no view of its convolution would leave it still"
    )
    adamw, muon = learner.optimizers
    assert sum(len(group["params"]) for group in muon.param_groups) == sum(
        weight.ndim == 4 and task.is_inner(name) for name, weight in model.named_parameters()
    )
    assert {"stem.0.weight", "head.1.weight"} <= {
        name
        for name, weight in model.named_parameters()
        if any(weight is each for group in adamw.param_groups for each in group["params"])
    }


def test_it_can_begin_with_the_bundled_finder_and_not_with_a_reader(sample: Mnist, shelf: Shelf) -> None:
    bundled = BUNDLED / "finder.safetensors"
    task = FindingTask(TINY, shelf, sample, load_finder(bundled, to_learn=True))
    weights, kept = task.build().state_dict(), read_tensors(bundled)[0]
    assert all(torch.equal(weights[name], kept[name]) for name in kept)
    with pytest.raises(CheckpointError, match="holds no finder but a digit model"):
        load_finder(BUNDLED / "digit.safetensors", to_learn=True)


def test_an_epoch_has_the_scores_of_a_finder_and_the_scenes_as_it_sees_them(
    shelf: Shelf, sample: Mnist, tmp_path: Path
) -> None:
    run = TINY.model_copy(update={"training": TINY.training.model_copy(update={"validation_canvases": 30})})
    trained = FindingTask(run, shelf, sample, load_finder(to_learn=True))
    judged = trained.judge(trained.build())
    assert set(judged.scores) == {name for name, score in VALIDATED.items() if "finder" in score.kinds}
    assert judged.scores["recall"] > 0.4 < judged.scores["precision"]
    watched = judged.watched
    assert isinstance(watched, Sighted)
    save_watched(tmp_path, 1, watched)
    kept = load_watched(tmp_path, 1)
    assert isinstance(kept, Sighted)
    for name, values in vars(watched).items():
        assert np.array_equal(getattr(kept, name), values), name
    assert 0 < kept.seen.sum() <= kept.numbers.sum() and kept.numbers[-1] == 0
    assert len(kept.outlines) == len(kept.scenes) >= kept.seen.sum()
    for outline, scene in zip(kept.outlines, kept.scenes, strict=True):
        x, y = (outline.mean(0) / 4).astype(int)
        assert kept.heat[scene, y - 1 : y + 2, x - 1 : x + 2].max() > 100, "a place lies where it is hot"


def test_unclear_cells_change_no_loss() -> None:
    targets = torch.zeros(1, 5, 40, 40, dtype=torch.uint8)
    targets[:, 0, 10:14, 10:20] = 1
    targets[:, 1:, 10:14, 10:20] = 128
    targets[:, 0, 30:] = 255
    maps_seen = torch.randn(1, 5, 40, 40)
    before = losses(maps_seen, targets)
    maps_seen[:, 0, 30:] = 9.0
    torch.testing.assert_close(losses(maps_seen, targets), before)
    maps_seen[:, 0, 20:25] = 9.0
    assert sum(losses(maps_seen, targets).values()) > sum(before.values()) + 1


@pytest.fixture
def own_lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("NUMBERS_LAB", str(tmp_path / "lab"))
    store._sources.cache_clear()
    return tmp_path / "lab"


def test_the_command_makes_the_scenes_that_are_missing_trains_and_records_a_run(
    own_lab: Path, tmp_path: Path, sample: Mnist
) -> None:
    folder, store_ = tmp_path / "run", Store()
    assert train(TINY, sample, folder, "a finder", store_) == 0
    made = own_lab / "scenes" / "10-from-1000000-sample"
    assert len(Shelf(made)) == 10
    (run,) = store_.runs()
    assert run.id == (folder / RUN).read_text() and run.status == "finished"
    assert {"recall", "precision", "f1", "loss"} <= run.last.keys() and "f1" in run.best
    assert run.settings["scenes.count"] == 10
    assert f"{WATCHED}/0001.npz" in store_.artifacts(run.id) and BEST in store_.artifacts(run.id)
    changed = made.stat().st_mtime_ns
    assert train(TINY, sample, folder, "a finder", store_, resume=True) == 0
    assert made.stat().st_mtime_ns == changed, "scenes that are there are not made again"
    assert command_line.main(["evaluate", str(folder / BEST), "--sample", "--count", "4", "--json"]) == 0


def test_a_folder_with_another_number_of_scenes_is_refused(
    own_lab: Path, sample: Mnist, shelf: Shelf
) -> None:
    on_disk(root() / "scenes" / "mine", np.asarray(shelf.pictures), np.asarray(shelf.maps))
    scenes = SceneSettings(name="mine", count=12)
    with pytest.raises(SettingsError, match=r"scenes\.count \(12\) is not that of .*mine; set it to 2"):
        learning.shelf_of(scenes, sample)


@pytest.mark.parametrize("name", ["../elsewhere", "/etc", ".hidden", "a/b"])
def test_scenes_lie_in_the_lab_whatever_a_visitor_calls_them(name: str) -> None:
    with pytest.raises(ValueError, match="name"):
        SceneSettings(name=name)
