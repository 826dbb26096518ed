"""Benchmarks are listed and run by their names, and write their figures where the documents have a place for them."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import pytest

from benchmarks import bench
from benchmarks.__main__ import main, purposes
from benchmarks.bench import Benchmark, BenchmarkError, name_of, write_figures
from benchmarks.frames import Frames
from benchmarks.pictures import Pictures
from benchmarks.what_if import WhatIf
from tests.drawings import draw

Output = pytest.CaptureFixture[str]
PAGE = (
    "Before.\n\n<!-- figures: tally -->\nold\n<!-- end -->\n\n<!-- figures: other -->\nkept\n<!-- end -->\n"
)


@dataclass(frozen=True)
class Tally(Benchmark):
    """Counts."""

    count: int = 2
    """how far"""

    def rows(self) -> Iterator[str]:
        if self.count < 0:
            raise BenchmarkError("count is below 0; make it larger")
        yield from map(str, range(self.count))


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout whose results have a block for Tally."""
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "results.md").write_text(PAGE)
    monkeypatch.setattr(bench, "ROOT", tmp_path)
    monkeypatch.setattr(write_figures, "__defaults__", (tmp_path / "docs",))
    return tmp_path


def test_rows_are_printed_and_nothing_is_written_unasked(checkout: Path, capsys: Output) -> None:
    assert Tally.main(["--count", "3"]) == 0
    assert capsys.readouterr().out == "0\n1\n2\n"
    assert (checkout / "docs/results.md").read_text() == PAGE


def test_figures_go_into_their_block_with_command_day_and_machine_and_nowhere_else(
    checkout: Path, capsys: Output
) -> None:
    for _ in range(2):  # a second time over the first
        assert Tally.main(["--count", "3", "--write"]) == 0
    assert capsys.readouterr().out.endswith("written: docs/results.md\n")
    page = (checkout / "docs/results.md").read_text()
    before, block, after = re.split(
        r"<!-- figures: tally -->\n|<!-- end -->(?=\n\n<!-- figures: other)", page
    )
    assert before == "Before.\n\n" and after == PAGE[PAGE.index("\n\n<!-- figures: other") :]
    head, table = block.split("\n\n")
    assert head.startswith("`python -m benchmarks.tally --count 3` at commit ")
    assert re.search(
        r"\d{1,2} \w+ 20\d\d, \d\d:\d\d; .* cores, .*; 512 x 512 matrix product in [\d.]+ ms\.$", head
    )
    assert table == "```\n0\n1\n2\n```\n"


def test_a_benchmark_without_a_place_says_which_block_to_add(checkout: Path, capsys: Output) -> None:
    (checkout / "docs/results.md").write_text("Nothing.")
    assert Tally.main(["--write"]) == 1
    assert "<!-- figures: tally -->" in capsys.readouterr().err


def test_what_cannot_be_measured_is_one_plain_line(capsys: Output) -> None:
    assert Tally.main(["--count", "-1"]) == 1
    assert capsys.readouterr().err == "error: count is below 0; make it larger\n"


def test_the_list_names_what_each_benchmark_measures(capsys: Output) -> None:
    assert main(["--help"]) == 0
    shown = capsys.readouterr().out
    assert {"frames", "reading", "robustness", "pictures"} <= set(purposes())
    assert all(f"  {name}" in shown and purpose in shown for name, purpose in purposes().items())
    assert main(["nothing"]) == 2


def test_a_benchmark_is_run_by_its_name(capsys: Output) -> None:
    assert main(["study"]) == 0
    assert re.search(r"\| attention heads: 4 \| 78\.\d ± 1\.\d \|", capsys.readouterr().out)


@pytest.mark.parametrize("name", purposes())
def test_each_benchmark_tells_how_it_is_run(name: str, capsys: Output) -> None:
    with pytest.raises(SystemExit) as stop:
        main([name, "--help"])
    assert stop.value.code == 0
    assert f"python -m benchmarks.{name}" in capsys.readouterr().out


def test_a_benchmark_is_called_as_its_module_is() -> None:
    assert [name_of(one) for one in (Frames, WhatIf)] == ["frames", "what_if"]
    assert {name_of(one) for one in (Frames, WhatIf)} <= set(purposes())


def test_pictures_of_several_numbers_or_none_are_right_when_exactly_those_are_found(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    two = np.minimum(
        draw("407", size=(300, 400), height=60, at=(60, 40)).gray,
        draw("52", size=(300, 400), height=60, at=(150, 180)).gray,
    )
    cv2.imwrite(str(tmp_path / "two.png"), two)
    cv2.imwrite(str(tmp_path / "none.png"), np.full((300, 400), 230, np.uint8))
    (tmp_path / "labels.csv").write_text("file,label\ntwo.png,52 407\nnone.png,\n")
    assert Pictures.main(["--find", str(tmp_path)]) == 0
    assert "right 100.0% of 1  claimed 0.0% of 1 without a number" in capsys.readouterr().out
    (tmp_path / "labels.csv").write_text("file,label\ntwo.png,52\nnone.png,7\n")
    Pictures.main(["--find", "--misses", "2", str(tmp_path)])
    out = capsys.readouterr().out
    assert "right 0.0% of 2" in out and "none.png: 7 read as nothing" in out
