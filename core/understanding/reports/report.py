"""A checkpoint in, a folder with its analysis out: report.html, one file that needs nothing else, and report.json with every figure."""

from __future__ import annotations

import contextlib
import hashlib
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from html import escape
from pathlib import Path
from typing import Any, Final

import plotly.graph_objects as go
from plotly.io import to_html

from core.data.mnist import Mnist
from core.files import write_text
from core.model.checkpoint import Checkpoint, load_checkpoint, parameter_count
from core.reading.reader import Reader
from core.understanding.reports import charts, sentences
from core.understanding.reports.analysis import VIEWS, Analysis, Progress, Split, analyse, attention_pictures
from core.understanding.reports.chart_layout import LAYOUT
from core.understanding.reports.contact_sheet import STYLE, sheet
from core.understanding.reports.latency import Profile, machine, profile

HTML, JSON = "report.html", "report.json"
"""What is written into the folder."""

_WORST: Final = 24
_OPENED: Final = 6  # pictures of each cell of the confusion matrix


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
    analysis, subject = report.analysis, report.subject
    first = _plot(charts.by_part(analysis), "parts", script=True)
    figures = "".join(
        f"<div><dt>{escape(one.label)}</dt><dd>{escape(one.value)}</dd><small>{escape(one.meaning)}</small></div>"
        for one in sentences.figures(analysis)
    )
    views = "".join(
        f"<div>{_plot(charts.by_view(analysis, name), name)}{_said(VIEWS[name].note)}</div>"
        for name in VIEWS
        if len(analysis.by[name]) > 1
    )
    said = [_said(one) for one in sentences.findings(analysis) or [sentences.NO_FINDINGS]]
    found = "".join(said) + _said(sentences.FINDINGS_SAID)
    worst = analysis.worst[:_WORST]
    sections = {
        "Overview": f'<dl class="figures">{figures}</dl><div class="pairs">'
        f"<div>{first}{_said(f'{sentences.KINDS_SAID} {sentences.HOW_TO_READ}')}</div><div><h3>What stands out</h3>{found}</div></div>",
        "Where it fails": f'<div class="pairs">{views}</div>{_said(sentences.HOW_TO_READ)}'
        f"{_plot(charts.by_effect(analysis), 'effects')}{_said(sentences.EFFECTS_SAID)}",
        "Confusions": _confusions(analysis),
        "Confidence": '<div class="pairs">'
        f"<div>{_plot(charts.reliability(analysis), 'reliability', height=430)}{_said(sentences.reliability(analysis))}</div>"
        f"<div>{_plot(charts.risk_coverage(analysis), 'risk', height=430)}{_said(sentences.risk(analysis))}</div></div>",
        "Worst mistakes": f"{_said(sentences.worst(analysis))}"
        f"{sheet(analysis.seen, worst, attention_pictures(checkpoint, analysis.seen, worst))}",
        "Time": (_plot(charts.latency(report.profile), "time") if report.profile else "")
        + _said(sentences.time(report.profile)),
    }
    body = "".join(f"<section><h2>{title}</h2>{content}</section>" for title, content in sections.items())
    title = f"Analysis of {escape(subject.checkpoint)}"
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{title}</title><style>{_STYLE}{STYLE}</style></head><body><main>"
        f"<h1>{title}</h1>{_about(subject)}{body}</main><script>{_SCRIPT}</script></body></html>"
    )


def _about(subject: Subject) -> str:
    kind = {"number": "reads whole numbers", "digit": "reads single digits"}[subject.kind]
    data = "the bundled sample of MNIST" if subject.sample else "all of MNIST"
    rows = {
        "Checkpoint": f"{subject.checkpoint}, {subject.parameters:,} parameters, {kind}",
        "sha256": subject.checksum,
        "Canvases": f"{subject.count:,}, seed {subject.seed}, of {subject.split} digits of {data}",
        "Machine": subject.machine,
        "Date": subject.date,
    }
    table = "".join(f"<dt>{name}</dt><dd>{escape(value)}</dd>" for name, value in rows.items())
    return f'<dl class="about">{table}</dl>{_said(sentences.PART_OF[subject.split])}'


def _confusions(analysis: Analysis) -> str:
    """The matrix, and for each cell a template with its canvases, which a click or the list opens."""
    options, templates = [], []
    for number, cell in enumerate(sentences.cells(analysis)):
        places = list(dict.fromkeys(analysis.confusion[cell]))
        count = len(analysis.confusion[cell])
        name = "-".join(sign or "none" for sign in cell)
        options.append(
            f'<option value="{name}"{" selected" if not number else ""}>{sentences.cell(*cell)}: {count:,}</option>'
        )
        templates.append(f'<template id="cell-{name}">{sheet(analysis.seen, places[:_OPENED])}</template>')
    return (
        f'<div class="pairs"><div>{_plot(charts.confusion_matrix(analysis.confusion), "confusion")}{_said(sentences.confusions(analysis))}</div>'
        f'<div><label>Written and read <select id="cell">{"".join(options)}</select></label>'
        f'<div id="cell-shown" aria-live="polite"></div>{_said(f"Up to {_OPENED} canvases of each.")}</div></div>{"".join(templates)}'
    )


def _plot(figure: go.Figure, name: str, *, height: int = 330, script: bool = False) -> str:
    """A chart as HTML; the first one brings Plotly's script along for all."""
    shown = go.Figure(figure.data, layout=LAYOUT)
    shown.update_layout(height=height, template=go.layout.Template())
    shown.update_layout(figure.layout.to_plotly_json())
    shown.update_xaxes(gridcolor=_GRID, zerolinecolor=_GRID)
    shown.update_xaxes(selector={"type": "category"}, showgrid=False)
    shown.update_yaxes(gridcolor=_GRID, zerolinecolor=_GRID)
    plot: str = to_html(
        shown,
        include_plotlyjs=script,
        full_html=False,
        div_id=name,
        default_height=f"{shown.layout.height}px",
        config={
            "displaylogo": False, "responsive": True, "modeBarButtons": [["toImage"]],
            "toImageButtonOptions": {"format": "svg", "filename": name},
        },
    )  # fmt: skip
    return plot


def _said(text: str) -> str:
    """Words with their markup as HTML."""
    safe = re.sub(r"\*\*(.+?)\*\*", r"<b>\1</b>", escape(text, quote=False))
    linked = re.sub(r"\[(.+?)\]\((https://[^)\s]+)\)", r'<a href="\2" rel="noreferrer">\1</a>', safe)
    return f'<p class="said">{linked}</p>' if text else ""


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


_GRID: Final = "rgba(138, 135, 148, 0.25)"
_STYLE: Final = """
:root { color-scheme: light dark; --paper: #fdfcf9; --text: #23222b; --link: #4a40b0; --line: #dcd8cd; }
@media (prefers-color-scheme: dark) { :root { --paper: #15151b; --text: #eceaf2; --link: #b4adf7; --line: #35343f; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--text); font: 16px/1.5 "Source Sans", "Source Sans 3", system-ui, sans-serif; }
main { max-width: 72rem; margin: 0 auto; padding: 3rem 1.5rem 4rem; }
h1, h2, h3 { font-family: "Source Serif", "Source Serif 4", Georgia, serif; line-height: 1.15; text-wrap: balance; }
h1 { font-size: 2.4rem; margin: 0 0 1rem; overflow-wrap: anywhere; }
h2 { font-size: 1.6rem; margin: 2.5rem 0 1rem; padding-top: 1.5rem; border-top: 1px solid var(--line); }
h3 { font-size: 1.1rem; margin: .6rem 0 1rem; }
a { color: var(--link); }
dl.about { display: grid; grid-template-columns: max-content 1fr; gap: .2rem 1.2rem; margin: 0 0 1rem; }
dl.about dt { opacity: .75; }
dl.about dd { margin: 0; overflow-wrap: anywhere; }
dl.figures { display: grid; grid-template-columns: repeat(auto-fill, minmax(10rem, 1fr)); gap: 1.2rem; margin: 0 0 1.5rem; }
dl.figures dd { margin: 0; font-size: 2rem; line-height: 1.2; font-variant-numeric: tabular-nums; }
dl.figures small { opacity: .75; line-height: 1.35; display: block; }
.pairs { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(27rem, 100%), 1fr)); gap: 1.5rem 2.5rem; }
.pairs > div { min-width: 0; }
.said { opacity: .85; font-size: .95rem; max-width: 60rem; }
select { font: inherit; padding: .35rem .5rem; margin-left: .4rem; max-width: 100%; }
"""
_SCRIPT: Final = """
const dark = matchMedia("(prefers-color-scheme: dark)");
function dress() {
  const text = getComputedStyle(document.body).color;
  for (const chart of document.querySelectorAll(".plotly-graph-div"))
    Plotly.relayout(chart, {"font.color": text, "modebar.color": "#8a8794"});
}
dark.addEventListener("change", dress);
dress();
const cell = document.getElementById("cell");
function open() {
  const found = document.getElementById("cell-" + cell.value);
  document.getElementById("cell-shown").replaceChildren(...(found ? [found.content.cloneNode(true)] : []));
}
cell.addEventListener("change", open);
document.getElementById("confusion").on("plotly_click", (event) => {
  cell.value = event.points[0].customdata.map((sign) => sign || "none").join("-");
  open();
});
open();
"""
