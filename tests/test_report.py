"""The report of a checkpoint: one file that holds everything, says what it is of, and is there whole or not at all."""

import hashlib
import json
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import pytest
import torch

from core.__main__ import main
from core.data.mnist import Mnist
from core.model.checkpoint import BUNDLED, load_checkpoint
from core.understanding.reports import latency, report, templating
from core.understanding.reports.analysis import VIEWS, analyse

Output = pytest.CaptureFixture[str]


class Parts(HTMLParser):
    """What a page is made of: its attributes that could load something, its headings, its pictures, its words."""

    def __init__(self) -> None:
        super().__init__()
        self.loads: list[str] = []
        self.links: list[str] = []
        self.ids: list[str] = []
        self.pictures = 0
        self.titles: list[str] = []
        self._in: list[str] = []
        self.words = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        known = {name: value or "" for name, value in attrs}
        self._in.append(tag)
        self.ids += [known["id"]] if "id" in known else []
        self.pictures += tag == "img"
        self.loads += [known[name] for name in ("src", "srcset", "data", "poster") if name in known]
        if "href" in known:
            (self.links if tag == "a" else self.loads).append(known["href"])

    def handle_data(self, data: str) -> None:
        if self._in and self._in[-1] in ("h1", "h2") and data.strip():
            self.titles.append(data)
        if self._in and self._in[-1] not in ("script", "style"):
            self.words += data


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder with the report of the bundled model of single digits, on few canvases."""
    threads = torch.get_num_threads()
    folder = tmp_path_factory.mktemp("out") / "deeper" / "report"
    some = latency.readable_frames
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            latency, "readable_frames", lambda reader, digits, length, _: some(reader, digits, length, 1)
        )
        path = BUNDLED / "digit.safetensors"
        argv = [
            "evaluate",
            str(path),
            "--sample",
            "--count",
            "120",
            "--split",
            "validation",
            "--report",
            str(folder),
        ]
        assert main(argv) == 0
    yield folder
    assert torch.get_num_threads() == threads


@pytest.fixture(scope="module")
def parts(written: Path) -> Parts:
    found = Parts()
    found.feed((written / "report.html").read_text(encoding="utf-8"))
    return found


def test_nothing_in_it_is_loaded_from_anywhere(written: Path, parts: Parts) -> None:
    assert parts.pictures > 20 and all(
        address.startswith("data:image/png;base64,") for address in parts.loads
    )
    assert {link.split("/")[2] for link in parts.links} == {"arxiv.org"}
    page = (written / "report.html").read_text(encoding="utf-8")
    styles = "".join(re.findall(r"<style>(.*?)</style>", page, re.DOTALL))
    assert "@import" not in styles and "url(" not in styles and "prefers-color-scheme: dark" in styles
    assert page.count("plotly.js v") == 1  # the script is there, once for all charts


def test_it_has_every_section_and_every_chart(parts: Parts) -> None:
    assert parts.titles == [
        "Analysis of digit.safetensors",
        "Overview",
        "Where it fails",
        "Confusions",
        "Confidence",
        "Worst mistakes",
        "Time",
    ]
    charts = {"parts", "digit", "height", "together", "effects", "confusion", "reliability", "risk", "time"}
    assert charts <= set(parts.ids)
    # Of a model of single digits there is nothing to say by spacing.
    assert not {"gap", "tilt", "position"} & set(parts.ids) and set(VIEWS) > {"gap", "tilt", "position"}
    assert any(name.startswith("cell-") for name in parts.ids)


def test_it_says_what_was_analysed_so_that_it_can_be_done_again(written: Path, parts: Parts) -> None:
    checksum = hashlib.sha256((BUNDLED / "digit.safetensors").read_bytes()).hexdigest()
    for said in (
        checksum,
        "120, seed 0, of validation digits of the bundled sample",
        latency.machine(),
        " UTC",
    ):
        assert said in parts.words
    figures = json.loads((written / "report.json").read_text(encoding="utf-8"))
    assert figures["checksum"] == checksum and figures["canvases"] == figures["count"] == 120
    assert figures["sample"] is True and figures["split"] == "validation" and figures["seed"] == 0
    assert sum(part["count"] for part in figures["exact_match"].values()) == 120
    assert f"{figures['digits']['share']:.2%}" in parts.words
    assert figures["time"]["total"]["median"] > 0


def test_sentences_have_their_bold_and_their_links_and_nothing_else_is_markup() -> None:
    said = templating._marked_up("**a < b** & [c](https://arxiv.org/abs/1) of **d**")
    assert said == (
        '<b>a &lt; b</b> &amp; <a href="https://arxiv.org/abs/1" rel="noreferrer">c</a> of <b>d</b>'
    )


def test_it_leaves_nothing_unfinished_behind(written: Path) -> None:
    assert {path.name for path in written.iterdir()} == {"report.html", "report.json"}


def test_a_folder_that_cannot_be_written_to_is_said_before_anything_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Output
) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("in the way")
    monkeypatch.setattr(report, "analyse", lambda *_, **__: pytest.fail("it was read all the same"))
    assert main(["evaluate", "--sample", "--report", str(blocked)]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert f"the report cannot be written into {blocked}" in line and "choose another folder" in line
    assert blocked.read_text() == "in the way"


def test_a_report_that_cannot_be_finished_leaves_the_old_one_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = tmp_path / "report.html"
    kept.write_text("the old one")

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="No space left on device; choose another folder"):
        report._write(kept, "the new one")
    assert kept.read_text() == "the old one" and list(tmp_path.iterdir()) == [kept]


def test_what_is_typed_into_a_file_name_is_no_markup(tmp_path: Path, sample: Mnist) -> None:
    """The name of the checkpoint is the only text in it that is not ours."""
    odd = tmp_path / "<img src=x>.safetensors"
    odd.write_bytes((BUNDLED / "digit.safetensors").read_bytes())
    checkpoint = load_checkpoint(odd)
    subject = report.subject_of(odd, checkpoint, sample, 10, "validation", 0)
    analysis = analyse(checkpoint, sample, 100, split="validation", seed=0)
    page = report.report_html(report.Report(subject, analysis, None), checkpoint)
    assert page.count("&lt;img src=x&gt;.safetensors") == 3 and "<img src=x" not in page


def test_too_few_canvases_are_one_plain_line(tmp_path: Path, capsys: Output) -> None:
    assert main(["evaluate", "--sample", "--count", "5", "--report", str(tmp_path)]) == 1
    assert "count (5) is too few canvases" in capsys.readouterr().err.splitlines()[-1]
