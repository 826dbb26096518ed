"""python -m core evaluate: a checkpoint in, its scores on canvases of test digits and on MNIST's test set out."""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tqdm import tqdm

from core.commands.arguments import explained, mnist_or_sample, whole
from core.data.canvases.tiles import make_tiles
from core.data.mnist import Digits, Mnist
from core.model.checkpoint import BUNDLED, Checkpoint, load_checkpoint, parameter_count
from core.reading import Reader
from core.training.engine import at_difficulty
from core.training.metrics import Scores, read_canvases, read_digits, score
from core.understanding.attention.faithfulness import measure
from core.understanding.reports.report import HTML, JSON, write_report
from core.understanding.reports.sentences import figures

SEED = 3 << 30
"""Test canvases follow from this seed, one more for each batch of them."""


def main(argv: list[str]) -> int:
    """`[CHECKPOINT] [--count N] [--split test|validation] [--sample] [--attention] [--report DIR] [--json]`."""
    parser = argparse.ArgumentParser(prog="python -m core evaluate", description=__doc__)
    parser.add_argument("checkpoint", type=Path, nargs="?", default=BUNDLED / "number.safetensors")
    parser.add_argument(
        "--count", type=whole, help="canvases of each kind (default 10,000; 1,000 with --attention)"
    )
    parser.add_argument(
        "--split", choices=("test", "validation"), default="test", help="whose digits (default test)"
    )
    parser.add_argument("--sample", action="store_true", help="the bundled sample of MNIST; no network")
    parser.add_argument(
        "--attention", action="store_true", help="how far attention maps can be believed, on 1,000 canvases"
    )
    parser.add_argument("--report", type=Path, metavar="DIR", help="write all of it there as one HTML file")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    chosen = parser.parse_args(argv)

    def command() -> int:
        checkpoint = load_checkpoint(chosen.checkpoint)
        if chosen.attention:
            return _attention(checkpoint, chosen)
        if chosen.report is not None:
            return _report(chosen)
        results = evaluate(
            checkpoint, mnist_or_sample(sample=chosen.sample), chosen.count or 10_000, split=chosen.split
        )
        if chosen.json:
            print(json.dumps({name: asdict(scores) for name, scores in results.items()}, indent=2))
        else:
            print(f"{chosen.checkpoint}: {parameter_count(checkpoint.model):,} parameters")
            print(*_table(results), sep="\n")
        return 0

    return explained(command)


def _report(chosen: argparse.Namespace) -> int:
    """Write report.html and report.json."""
    with tqdm(total=100, unit="%", disable=None, leave=False) as bar:

        def show(share: float, what: str) -> None:
            bar.set_description(what)
            bar.update(round(100 * share) - bar.n)

        report = write_report(
            chosen.checkpoint, mnist_or_sample(sample=chosen.sample), chosen.count or 10_000, chosen.report,
            split=chosen.split, progress=show,
        )  # fmt: skip
    if chosen.json:
        print(json.dumps(report.to_dict(), indent=2))
    else:
        print(*(f"{figure.label}: {figure.value}" for figure in figures(report.analysis)), sep="\n")
        print(f"written: {chosen.report / HTML} and {chosen.report / JSON}")
    return 0


def evaluate(checkpoint: Checkpoint, mnist: Mnist, count: int, *, split: str = "test") -> dict[str, Scores]:
    """Scores on clean and camera-like canvases, on canvases without digits, and for a digit model on the plain digits.

    What is no digit is other letters and drawings than in training, some of them of other kinds.
    The checkpoint's own lengths, each as likely as the others, and its own size of canvas are used.
    """
    digits = _digits(mnist, split)
    tiles = make_tiles(digits, unseen=True)
    canvas = checkpoint.settings.canvas
    calibration = checkpoint.calibration
    results: dict[str, Scores] = {}
    for name, difficulty, empty in (
        ("clean", 0.0, 0.0),
        ("camera-like", 1.0, 0.0),
        ("nothing there", 1.0, 1.0),
    ):
        settings = at_difficulty(canvas, difficulty).model_copy(update={"empty_share": empty})
        results[name] = score(read_canvases(checkpoint.model, tiles, settings, count, SEED), calibration)
    if checkpoint.settings.model.kind == "digit":
        results[f"MNIST {split}"] = score(read_digits(checkpoint.model, digits, canvas), calibration)
    return results


def _digits(mnist: Mnist, split: str) -> Digits:
    if mnist.is_sample:
        print("These scores are of the bundled sample of MNIST, not of its test set.", file=sys.stderr)
    return mnist.split("test" if split == "test" else "validation")


def _attention(checkpoint: Checkpoint, chosen: argparse.Namespace) -> int:
    """The table of faithfulness, on camera-like canvases and on cluttered ones."""
    digits = _digits(mnist_or_sample(sample=chosen.sample), chosen.split)
    reader = Reader(checkpoint)
    count = chosen.count or 1000
    results = {}
    for name, cluttered in (("camera-like", False), ("cluttered", True)):
        with tqdm(total=count, desc=name, disable=None, unit="canvas") as bar:

            def show(done: float, bar: Any = bar) -> None:
                bar.update(round(done * count) - bar.n)

            results[name] = measure(reader, digits, count, SEED, cluttered=cluttered, progress=show)
    if chosen.json:
        print(json.dumps({name: [asdict(row) for row in rows] for name, rows in results.items()}, indent=2))
        return 0
    print(
        f"{chosen.checkpoint}: {count:,} canvases of {chosen.split} digits of each kind; curves on the first {min(count, 50)}"
    )
    for name, rows in results.items():
        print(f"{name:<18}{'pointing':>10}{'inside':>10}{'deletion':>10}{'insertion':>11}")
        for row in rows:
            print(
                f"{row.name:<18}{row.pointing:>10.2%}{row.inside:>10.2%}{row.deletion:>10.3f}{row.insertion:>11.3f}"
            )
    return 0


def _table(results: dict[str, Scores]) -> list[str]:
    lengths = sorted({length for scores in results.values() for length in scores.by_length if length})
    head = [
        "",
        "exact",
        *(f"{length} digit{'s' * (length > 1)}" for length in lengths),
        "digits",
        "CER",
        "ECE",
    ]
    rows = [head]
    for name, scores in results.items():
        values: list[Any] = [scores.exact_match, *(scores.by_length.get(length) for length in lengths)]
        values += [scores.digit_accuracy, scores.character_error_rate, scores.calibration_error]
        rows.append([name, *("-" if value is None else f"{value:.2%}" for value in values)])
    return ["  ".join(f"{cell:>{14 if not index else 9}}" for index, cell in enumerate(row)) for row in rows]
