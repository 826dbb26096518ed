"""A study travels in one file, and is the same study in another lab."""

import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from core.__main__ import main
from core.data.mnist import Mnist
from core.training.store.tracking import Store
from core.training.sweeps import study as sweep
from core.training.sweeps.bundle import BUNDLED, pack, unpack
from core.training.sweeps.running import run
from tests.test_sweep import TINY, file


def test_sweeps_and_their_runs_come_out_of_the_file_as_they_went_in(
    sample: Mnist, tmp_path: Path, store_in: Callable[[Path], Store], monkeypatch: pytest.MonkeyPatch
) -> None:
    for lab in ("here", "there"):
        (tmp_path / lab).mkdir()
    monkeypatch.setenv("NUMBERS_LAB", str(tmp_path / "here"))
    here, archive = store_in(tmp_path / "here"), tmp_path / "study.zip"
    first = sweep.begin(file(), "heads", TINY, sample=True)
    list(run(first, sample, here, lambda settings: None))
    here.tag(here.runs()[0].id, "any “tag” ../", "<b>")
    assert pack([first], here, archive) == 2
    assert archive.stat().st_size < 20_000
    by_command = tmp_path / "command.zip"
    assert main(["pack", str(by_command)]) == main(["pack", str(by_command), "--sweep", "heads"]) == 0
    with zipfile.ZipFile(archive) as one, zipfile.ZipFile(by_command) as other:
        assert [(name, one.read(name)) for name in one.namelist()] == [
            (name, other.read(name)) for name in other.namelist()
        ]
    assert main(["pack", str(by_command), "--sweep", "layers"]) == 1

    monkeypatch.setenv("NUMBERS_LAB", str(tmp_path / "there"))
    there = store_in(tmp_path / "there")
    assert list(unpack(archive, there)) == [(1, 2), (2, 2)]
    second = sweep.load("heads")
    for before, after in zip(sweep.trials(first), sweep.trials(second), strict=True):
        assert (after.params, after.values, after.state) == (before.params, before.values, before.state)
        old, new = here.run(before.run), there.run(after.run)
        assert (new.name, new.settings, new.last, new.status) == (
            old.name,
            old.settings,
            pytest.approx(old.last, rel=1e-4),
            old.status,
        )
        assert new.tags == {key: text for key, text in old.tags.items() if key != "about.folder"}
        assert abs((new.started - old.started).total_seconds()) < 0.01
        assert new.seconds == pytest.approx(old.seconds, abs=0.01)
        assert len(there.history(new.id, "clean")) == len(here.history(old.id, "clean")) == 3
    assert list(unpack(archive, there)) == [], "what is there already is left alone"
    assert len(there.runs()) == 2


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory, store_in: Callable[[Path], Store]) -> Iterator[Store]:
    """The study that comes with the repository, unpacked into a lab of its own."""
    lab = tmp_path_factory.mktemp("study")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NUMBERS_LAB", str(lab))
        store = store_in(lab)
        list(unpack(BUNDLED, store))
        yield store


def test_the_study_of_the_repository_is_small_and_holds_every_training_that_its_files_ask_for(
    study: Store, root: Path
) -> None:
    assert BUNDLED.stat().st_size < 400_000
    files = sorted((root / "studies").glob("*.yaml"))
    assert len(files) == 7
    for path in files:
        one = sweep.load(path.stem)
        done = [trial for trial in sweep.trials(one) if trial.state == "finished"]
        assert len(done) == len(one.plan.grid) >= 3, path.stem
        assert all(
            trial.value == pytest.approx(study.run(trial.run).best["score"], abs=1e-4) for trial in done
        )


def test_the_same_settings_and_seed_were_trained_to_the_same_score_in_every_sweep_of_the_study(
    study: Store,
) -> None:
    usual = {
        name: {
            dict(trial.params).get("training.seed", 0): trial.value
            for trial in sweep.trials(sweep.load(name))
            if trial.params.get(setting) == value and trial.state == "finished"
        }
        for name, setting, value in (
            ("heads", "model.heads", 4),
            ("layers", "model.encoder_layers", 3),
            ("patches", "model.patch_size", 6),
            ("temperature", "model.temperature", 1.0),
            ("positions", "model.positions", "learned"),
        )
    }
    assert all(scores == usual["heads"] and len(scores) == 3 for scores in usual.values())
