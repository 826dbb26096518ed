"""A study travels in one file, and is the same study in another lab."""

from pathlib import Path

import pytest

from core.data.mnist import Mnist
from core.training import sweep
from core.training.bundle import pack, unpack
from core.training.tracking import Store
from tests.test_sweep import TINY, file


def test_sweeps_and_their_runs_come_out_of_the_file_as_they_went_in(
    sample: Mnist, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NUMBERS_LAB", str(tmp_path / "here"))
    here, archive = Store(), tmp_path / "study.zip"
    first = sweep.begin(file(), "heads", TINY, sample=True)
    list(sweep.run(first, sample, here, lambda settings: None))
    here.tag(here.runs()[0].id, "any “tag” ../", "<b>")
    assert pack([first], here, archive) == 2
    assert archive.stat().st_size < 20_000

    monkeypatch.setenv("NUMBERS_LAB", str(tmp_path / "there"))
    there = Store()
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
