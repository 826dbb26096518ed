"""Writes the report of a checkpoint: report.html, one file that needs nothing else, and report.json with every figure."""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import plotly.graph_objects as go
from markupsafe import Markup
from plotly.io import to_html

from core.data.mnist import Mnist
from core.files import write_text
from core.model.checkpoint import Checkpoint, load_checkpoint, parameter_count
from core.reading.reader import Reader
from core.understanding.reports import charts, sentences
from core.understanding.reports.analysis import VIEWS, Analysis, Progress, Split, analyse, attention_pictures
from core.understanding.reports.chart_layout import LAYOUT
from core.understanding.reports.contact_sheet import contact_sheet
from core.understanding.reports.latency import Profile, machine, profile
from core.understanding.reports.templating import render

HTML, JSON = "report.html", "report.json"
"""What is written into the folder."""

_WORST: Final = 24
_MOST_OF_A_CELL: Final = 6  # pictures of each cell of the confusion matrix
_GRID: Final = "rgba(138, 135, 148, 0.25)"


@dataclass(frozen=True)
class Subject:
    """What was analysed, how, where and when: with it the same figures can be had again."""

    checkpoint: str
    """Name of its file."""
    checksum: str
    """sha256 of the file, in hexadecimal."""
    kind: str
    """number or digit."""
    parameters: int
    split: Split
    count: int
    seed: int
    sample: bool
    """Whether the digits are those of the bundled sample of MNIST."""
    data: str
    """sha256 of all images and labels."""
    machine: str
    date: str
    """Of the report, UTC."""


@dataclass(frozen=True)
class Report:
    """Everything that is written."""

    subject: Subject
    analysis: Analysis
    profile: Profile | None
    """None where there was nothing to time."""

    def to_dict(self) -> dict[str, Any]:
        """Every figure, ready for JSON."""
        took = None if self.profile is None else self.profile.to_dict()
        return {**vars(self.subject), **self.analysis.to_dict(), "time": took}


def write_report(
    path: Path,
    mnist: Mnist,
    count: int,
    folder: Path,
    *,
    split: Split = "validation",
    seed: int = 0,
    progress: Progress | None = None,
) -> Report:
    """Analyse the checkpoint at `path` on `count` canvases and write the report into `folder`, each file whole or not at all.

    Raises `CheckpointError`, `SettingsError` for too few canvases, and `OSError` where the folder cannot be written to,
    before anything is read.
    """
    checkpoint = load_checkpoint(path)
    _check(folder)
    tell = progress or (lambda share, what: None)
    analysis = analyse(checkpoint, mnist, count, split=split, seed=seed, progress=progress)
    tell(1.0, "Timing each stage …")
    took = profile(Reader(checkpoint), mnist.split(split))
    report = Report(subject_of(path, checkpoint, mnist, count, split, seed), analysis, took)
    _write(folder / HTML, report_html(report, checkpoint))
    _write(folder / JSON, json.dumps(report.to_dict(), indent=2))
    return report


def subject_of(
    path: Path, checkpoint: Checkpoint, mnist: Mnist, count: int, split: Split, seed: int
) -> Subject:
    """What is analysed, now and here."""
    return Subject(
        checkpoint=path.name,
        checksum=hashlib.sha256(path.read_bytes()).hexdigest(),
        kind=checkpoint.settings.model.kind,
        parameters=parameter_count(checkpoint.model),
        split=split,
        count=count,
        seed=seed,
        sample=mnist.is_sample,
        data=mnist.checksum,
        machine=machine(),
        date=f"{datetime.now(UTC):%d %B %Y, %H:%M} UTC",
    )


def report_html(report: Report, checkpoint: Checkpoint) -> str:
    """The whole page: its scripts, styles and pictures are inside, so it opens anywhere, without a network."""
    analysis = report.analysis
    views = {name: VIEWS[name].note for name in VIEWS if len(analysis.by[name]) > 1}
    worst = analysis.worst[:_WORST]
    return render(
        "report",
        subject=report.subject,
        analysis=analysis,
        profile=report.profile,
        sentences=sentences,
        views=views,
        plots=_plots(report, views),
        cells=[_cell(analysis, written, read) for written, read in sentences.cells(analysis)],
        most_of_a_cell=_MOST_OF_A_CELL,
        worst=contact_sheet(analysis.seen, worst, attention_pictures(checkpoint, analysis.seen, worst)),
    )


def _plots(report: Report, views: Iterable[str]) -> dict[str, Markup]:
    """Every chart of the report by its name; the first brings Plotly's script along for all."""
    analysis = report.analysis
    plots = {"parts": _plot(charts.by_part(analysis), "parts", script=True)}
    plots |= {name: _plot(charts.by_view(analysis, name), name) for name in views}
    plots["effects"] = _plot(charts.by_effect(analysis), "effects")
    plots["confusion"] = _plot(charts.confusion_matrix(analysis.confusion), "confusion")
    plots["reliability"] = _plot(charts.reliability(analysis), "reliability", height=430)
    plots["risk"] = _plot(charts.risk_coverage(analysis), "risk", height=430)
    plots["time"] = _plot(charts.latency(report.profile), "time") if report.profile else Markup()
    return plots


def _cell(analysis: Analysis, written: str, read: str) -> dict[str, str]:
    """A cell of the confusion matrix, whose canvases a click or the list opens."""
    places = analysis.confusion[written, read]
    return {
        "name": "-".join(sign or "none" for sign in (written, read)),
        "label": f"{sentences.cell(written, read)}: {len(places):,}",
        "sheet": contact_sheet(analysis.seen, list(dict.fromkeys(places))[:_MOST_OF_A_CELL]),
    }


def _plot(figure: go.Figure, name: str, *, height: int = 330, script: bool = False) -> Markup:
    """A chart as HTML, with Plotly's script or without."""
    shown = go.Figure(figure.data, layout=LAYOUT)
    shown.update_layout(height=height, template=go.layout.Template())
    shown.update_layout(figure.layout.to_plotly_json())
    shown.update_xaxes(gridcolor=_GRID, zerolinecolor=_GRID)
    shown.update_xaxes(selector={"type": "category"}, showgrid=False)
    shown.update_yaxes(gridcolor=_GRID, zerolinecolor=_GRID)
    html = to_html(
        shown,
        include_plotlyjs=script,
        full_html=False,
        div_id=name,
        default_height=f"{shown.layout.height}px",
        config={
            "displaylogo": False,
            "responsive": True,
            "modeBarButtons": [["toImage"]],
            "toImageButtonOptions": {"format": "svg", "filename": name},
        },
    )
    return Markup(html)


def _check(folder: Path) -> None:
    """Before minutes are spent on what then cannot be kept."""
    with _told(folder):
        folder.mkdir(parents=True, exist_ok=True)
        trial = folder / f".{HTML}.unfinished"
        trial.touch()
        trial.unlink()


def _write(path: Path, text: str) -> None:
    with _told(path.parent):
        write_text(path, text)


@contextlib.contextmanager
def _told(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise OSError(
            f"the report cannot be written into {folder}: {error.strerror or error}; choose another folder, or free some space"
        ) from error
