"""A vocabulary beyond the ten digits: drawn on canvases, learned, kept in the checkpoint, and read."""

from pathlib import Path

import numpy as np
import pytest
import torch

from core.config import (
    DIGITS,
    CanvasSettings,
    ModelSettings,
    RunSettings,
    SettingsError,
    TrainingSettings,
    settings_from,
)
from core.data.canvases import negatives, printed
from core.data.canvases.canvas import make_canvases
from core.data.canvases.effects import place_of
from core.data.canvases.tiles import Tiles, make_tiles
from core.data.mnist import Mnist
from core.model.checkpoint import BUNDLED, Checkpoint, load_checkpoint, save_checkpoint
from core.reading import Reader
from core.training.engine import BEST, Epoch, Step, fit
from core.training.metrics import read_canvases
from core.training.reading_task import ReadingTask
from tests.drawings import draw

SYMBOLS = DIGITS + "-.A"
CANVAS = CanvasSettings(symbols=SYMBOLS, height=16, width=48, max_digits=2, difficulty=0.5)
RUN = RunSettings(
    canvas=CANVAS,
    model=ModelSettings(dim=16, heads=2, encoder_layers=1, stem_width=4, stem_depth=1),
    training=TrainingSettings(epochs=1, steps_per_epoch=3, batch_size=8, validation_canvases=20),
)
PLAIN = CanvasSettings(symbols=SYMBOLS, max_digits=5, difficulty=0, empty_share=0, variation=0)


@pytest.fixture(scope="module")
def stock(sample: Mnist) -> Tiles:
    return make_tiles(sample.split("train"), symbols=SYMBOLS)


def test_each_symbol_stands_on_canvases_as_often_as_each_digit(stock: Tiles) -> None:
    written = "".join(make_canvases(stock, PLAIN, 1500, 1).texts)
    assert set(written) == set(SYMBOLS)
    for symbol in SYMBOLS:
        assert written.count(symbol) / len(written) == pytest.approx(1 / len(SYMBOLS), rel=0.2)


def test_a_sign_keeps_its_place_in_the_line_of_digits(stock: Tiles) -> None:
    made = make_canvases(stock, PLAIN, 1500, 1)
    boxes = {
        symbol: torch.cat(
            [
                made.boxes[row, text.index(symbol)][None]
                for row, text in enumerate(made.texts)
                if symbol in text
            ]
        )
        for symbol in "8-.A"
    }
    tops, bottoms = (
        {symbol: some[:, side].median().item() for symbol, some in boxes.items()} for side in (1, 3)
    )
    tall = bottoms["8"] - tops["8"]
    assert abs(tops["A"] - tops["8"]) < 0.2 * tall and abs(bottoms["A"] - bottoms["8"]) < 0.2 * tall
    assert tops["8"] + 0.3 * tall < tops["-"] < bottoms["-"] < bottoms["8"] - 0.15 * tall
    assert tops["."] > tops["8"] + 0.6 * tall


def test_what_is_to_be_read_is_not_drawn_as_what_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = set()

    def letter(symbol: str, side: int, random: np.random.Generator) -> np.ndarray:
        drawn.add(symbol)
        return np.zeros((side, side), np.uint8)

    monkeypatch.setattr(printed, "letter", letter)
    negatives.small.__wrapped__(28, read=DIGITS + "X+")
    assert drawn == set(negatives.LETTERS) - {"X", "+"}


def test_marks_that_are_read_are_not_written_as_what_is_passed_over(stock: Tiles) -> None:
    marks = place_of("marks")
    hard = CANVAS.model_copy(update={"difficulty": 1.0})
    assert not make_canvases(stock, hard, 200, 1).strengths[:, marks].any()
    letters = hard.model_copy(update={"symbols": DIGITS + "ABC"})
    assert make_canvases(stock, letters, 200, 1).strengths[:, marks].any()


def test_a_model_of_more_symbols_is_trained_kept_loaded_and_reads_them(tmp_path: Path, sample: Mnist) -> None:
    records = list(fit(ReadingTask(RUN, sample), tmp_path))
    assert [type(record) for record in records] == [Step] * 3 + [Epoch]
    kept = load_checkpoint(tmp_path / BEST)
    assert kept.settings.canvas.symbols == SYMBOLS
    with torch.no_grad():
        kept.model.classify.bias[SYMBOLS.index("-")] += 20
    save_checkpoint(tmp_path / "dash.safetensors", kept)
    reader = Reader.from_checkpoint(tmp_path / "dash.safetensors")
    reading = reader.read(draw("407").gray)
    assert reading.text == "--" and [digit.symbol for digit in reading.digits] == ["-", "-"]
    assert {name for name, _ in reading.digits[0].runners_up} == {*SYMBOLS, "end"} - {"-"}


def test_symbols_are_scored_like_digits(stock: Tiles, tmp_path: Path, sample: Mnist) -> None:
    list(fit(ReadingTask(RUN, sample), tmp_path))
    kept = load_checkpoint(tmp_path / BEST)
    readings = read_canvases(kept.model, stock, CANVAS, 40, 1)
    assert set("".join(readings.truths)) & set("-.A")
    assert ((readings.probabilities() >= 0) & (readings.probabilities() <= 1)).all()


@pytest.mark.parametrize("kind", ["number", "digit"])
def test_a_checkpoint_of_before_reads_the_ten_digits(kind: str, tmp_path: Path) -> None:
    bundled = load_checkpoint(BUNDLED / f"{kind}.safetensors")
    assert bundled.model.vocabulary.symbols == bundled.settings.canvas.symbols == DIGITS
    save_checkpoint(
        tmp_path / "again.safetensors", Checkpoint(bundled.model, bundled.settings, bundled.about)
    )
    assert load_checkpoint(tmp_path / "again.safetensors").settings == bundled.settings


@pytest.mark.parametrize(
    ("symbols", "complaint"),
    [
        ("+-", "must begin with the digits; try '0123456789"),
        (DIGITS + "++", "'\\+' twice"),
        (DIGITS + " ", "' ' twice, or"),
    ],
)
def test_symbols_that_cannot_work_are_refused_with_the_mend(symbols: str, complaint: str) -> None:
    with pytest.raises(SettingsError, match=complaint):
        settings_from({"canvas": {"symbols": symbols}})
