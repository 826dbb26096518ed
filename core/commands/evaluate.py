"""python -m core evaluate: the scores of a checkpoint, how far its attention can be believed, or a report of both; of a finder, what it finds."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from tqdm import tqdm
from tyro.conf import Positional, arg

from core.commands.arguments import Count, OptionalPath, Switch, parse
from core.commands.data import mnist_or_sample
from core.data.canvases.tiles import make_tiles
from core.data.mnist import Digits, Mnist
from core.data.scenes.rooms import load_photographs
from core.data.scenes.scene import Scene
from core.model.checkpoint import (
    BUNDLED,
    Checkpoint,
    CheckpointError,
    kind_of,
    load_checkpoint,
    parameter_count,
)
from core.model.finder import load_finder
from core.reading import Reader, limit_threads
from core.training.metrics import Scores, read_canvases, read_digits, score
from core.training.reading_task import at_difficulty
from core.training.sightings import FindingScores, scenes_of, sighting, tally
from core.understanding.attention.faithfulness import Faithfulness, measure
from core.understanding.reports.report import HTML, JSON, write_report
from core.understanding.reports.sentences import figures

SEED = 3 << 30
"""Test canvases follow from this seed, one more for each batch of them."""


@dataclass(frozen=True)
class Evaluate:
    """Scores a checkpoint on canvases of test digits, and a digit model on MNIST's test set, too.

    A finder is scored on scenes: how many of their numbers it sees (half of its area in common), how many of the places that it sees
    are a number, and how many scenes are read exactly, and nothing else, by the bundled number model behind it.
    """

    checkpoint: Annotated[Positional[Path], arg(help_behavior_hint="")] = BUNDLED / "number.safetensors"
    """the checkpoint; the bundled number model if none is named"""
    count: Count = None
    """canvases of each kind (default: 10,000; 1,000 with --attention), or scenes (default: 500)"""
    split: Literal["test", "validation"] = "test"
    """whose digits"""
    sample: Switch = False
    """use the bundled sample of MNIST, without the network"""
    attention: Switch = False
    """measure how far attention maps can be believed"""
    report: OptionalPath = None
    """write all of it into this folder, as one HTML file"""
    photographs: OptionalPath = None
    """a folder of photographs without digits, to stand behind a finder's sheets"""
    json: Switch = False
    """print JSON instead of a table"""

    def __call__(self) -> int:
        """Measure and print."""
        if kind_of(self.checkpoint) == "finder":
            return self._finder()
        checkpoint = load_checkpoint(self.checkpoint)
        if self.attention:
            return self._attention(checkpoint)
        if self.report is not None:
            return self._report(self.report)
        mnist = mnist_or_sample(sample=self.sample)
        results = evaluate(checkpoint, mnist, self.count or 10_000, split=self.split)
        if self.json:
            print(json.dumps({name: asdict(scores) for name, scores in results.items()}, indent=2))
        else:
            print(f"{self.checkpoint}: {parameter_count(checkpoint.model):,} parameters")
            print(*scores_table(results), sep="\n")
        return 0

    def _report(self, folder: Path) -> int:
        """Write report.html and report.json."""
        mnist = mnist_or_sample(sample=self.sample)
        with _percent() as show:
            report = write_report(
                self.checkpoint, mnist, self.count or 10_000, folder, split=self.split, progress=show
            )
        if self.json:
            print(json.dumps(report.to_dict(), indent=2))
        else:
            print(*(f"{figure.label}: {figure.value}" for figure in figures(report.analysis)), sep="\n")
            print(f"written: {folder / HTML} and {folder / JSON}")
        return 0

    def _finder(self) -> int:
        """Print what it finds."""
        if self.attention or self.report is not None:
            raise CheckpointError(
                f"{self.checkpoint} holds a finder, which has no attention and no report; leave --attention and --report out"
            )
        limit_threads(1)
        mnist = mnist_or_sample(sample=self.sample)
        _say_sample(mnist)
        behind = load_photographs(self.photographs) if self.photographs is not None else []
        reader = Reader.from_checkpoint(finder=load_finder(self.checkpoint))
        scenes = scenes_of(mnist, self.split, self.count or 500, behind)
        found = tally([sighting(scene, reader.find(scene.picture)) for scene in scenes])
        asked, exact = read_exactly(reader, scenes)
        if self.json:
            scores = {**asdict(found), "f1": found.f1, "scenes_to_read": asked, "scenes_read_exactly": exact}
            print(json.dumps(scores, indent=2))
        else:
            parameters = parameter_count(load_finder(self.checkpoint, to_learn=True))
            print(f"{self.checkpoint}: {parameters:,} parameters")
            print(*finder_table(found, asked, exact), sep="\n")
        return 0

    def _attention(self, checkpoint: Checkpoint) -> int:
        """Print the table of faithfulness, on camera-like canvases and on cluttered ones."""
        digits = _digits(mnist_or_sample(sample=self.sample), self.split)
        reader = Reader(checkpoint)
        count = self.count or 1000
        results = {}
        for name, cluttered in (("camera-like", False), ("cluttered", True)):
            with _percent(name) as show:
                results[name] = measure(reader, digits, count, SEED, cluttered=cluttered, progress=show)
        if self.json:
            print(
                json.dumps({name: [asdict(row) for row in rows] for name, rows in results.items()}, indent=2)
            )
            return 0
        kind = f"{count:,} canvases of {self.split} digits of each kind"
        print(f"{self.checkpoint}: {kind}; curves on the first {min(count, 50)}")
        for name, rows in results.items():
            print(*attention_table(name, rows), sep="\n")
        return 0


def main(argv: list[str]) -> int:
    """Run the command."""
    return parse(Evaluate, argv)()


def evaluate(checkpoint: Checkpoint, mnist: Mnist, count: int, *, split: str = "test") -> dict[str, Scores]:
    """Scores on clean and camera-like canvases, on canvases without digits, and for a digit model on the plain digits.

    What is no digit is other letters and drawings than in training, some of them of other kinds.
    The checkpoint's own lengths, each as likely as the others, and its own size of canvas are used.
    """
    digits = _digits(mnist, split)
    tiles = make_tiles(digits, symbols=checkpoint.settings.canvas.symbols, unseen=True)
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


def read_exactly(reader: Reader, scenes: Sequence[Scene]) -> tuple[int, int]:
    """How many scenes have numbers, all of them clear; and how many of those are read as these numbers and nothing else."""
    asked = [scene for scene in scenes if scene.numbers and not scene.unclear]
    exact = 0
    for scene in asked:
        texts = [one.text for one in reader.read_all(scene.picture, with_attention=False)]
        exact += sorted(texts) == sorted("".join(filter(str.isdigit, text)) for text in scene.texts)
    return len(asked), exact


def finder_table(found: FindingScores, asked: int, exact: int) -> list[str]:
    """A row for each height of numbers and for each score, with what it was counted on."""
    rows = [("", "of", "share")]
    rows += [
        (f"numbers {low} to {high} pixels high, found", f"{count:,}", f"{share:.1%}")
        for low, high, count, share in found.by_height
    ]
    rows += [
        ("all numbers, found (recall)", f"{found.numbers:,}", f"{found.recall:.1%}"),
        ("places seen, a number (precision)", "", f"{found.precision:.1%}"),
        ("both (F1)", "", f"{found.f1:.1%}"),
        ("a place's overlap with its number, median", "", f"{found.overlap:.1%}"),
        ("scenes without a number, something seen", f"{found.empty:,}", f"{found.claimed:.1%}"),
        ("scenes with numbers, read exactly", f"{asked:,}", f"{exact / max(asked, 1):.1%}"),
    ]
    return [f"{name:>46}  {count:>7}  {share:>7}" for name, count, share in rows]


def _digits(mnist: Mnist, split: str) -> Digits:
    _say_sample(mnist)
    return mnist.split("test" if split == "test" else "validation")


def _say_sample(mnist: Mnist) -> None:
    if mnist.is_sample:
        print("These scores are of the bundled sample of MNIST, not of its test set.", file=sys.stderr)


@contextmanager
def _percent(what: str = "") -> Iterator[Callable[..., None]]:
    """A bar that is told what share is done, and of what."""
    with tqdm(total=100, desc=what, unit="%", disable=None, leave=False) as bar:

        def show(share: float, now: str = what) -> None:
            bar.set_description(now, refresh=False)
            bar.update(round(100 * share) - bar.n)

        yield show


def attention_table(name: str, rows: Sequence[Faithfulness]) -> list[str]:
    """A row for each kind of map, under a head that says on which canvases."""
    table = [f"{name:<18}{'pointing':>10}{'inside':>10}{'deletion':>10}{'insertion':>11}"]
    for row in rows:
        within = f"{row.pointing:>10.2%}{row.inside:>10.2%}"
        table.append(f"{row.name:<18}{within}{row.deletion:>10.3f}{row.insertion:>11.3f}")
    return table


def scores_table(results: dict[str, Scores]) -> list[str]:
    """A row for each kind of canvas, of the same width."""
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
