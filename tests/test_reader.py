"""The bundled models read what is drawn, wherever and however, say nothing where there is nothing, and keep no state."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from PIL import Image

from core.model.checkpoint import BUNDLED, CheckpointError, load_checkpoint
from core.reading import PictureError, Reader, Reading
from core.reading.reader import needed
from tests.drawings import Drawing, draw, overlap

DRAWING = draw("407")
NUMBERS = ("407", "12", "8", "3596", "20417")


def light(gray: np.ndarray) -> np.ndarray:
    height, width = gray.shape
    return gray * (1 - 0.3 * np.arange(height)[:, None] / height - 0.25 * np.arange(width) / width)


SAME_NUMBER: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "light on dark": lambda gray: 255 - gray,
    "in colour": lambda gray: np.stack([gray, gray // 2 + 127, np.full_like(gray, 255)], axis=2),
    "on gray paper": lambda gray: 60 + gray * 0.4,
    "pale ink": lambda gray: 200 + gray * 0.15,
    "under a lamp": light,
    "with grain": lambda gray: gray * 0.8 + np.random.default_rng(0).normal(20, 6, gray.shape),
    "out of focus": lambda gray: cv2.GaussianBlur(gray, (0, 0), 2.5),
    "twice as large": lambda gray: cv2.resize(gray, None, fx=2, fy=2),
    "half as large": lambda gray: cv2.resize(gray, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA),
    "at the top left": lambda gray: gray[38:, 74:],
    "far to the right": lambda gray: np.pad(gray, ((90, 10), (600, 5)), constant_values=255),
    "cut to its ink": lambda gray: gray[45:115, 80:],
    "over a rule line": lambda gray: np.where(np.arange(len(gray))[:, None] // 2 == 66, 110, gray),
}


@pytest.mark.parametrize("change", SAME_NUMBER)
def test_a_number_is_read_whatever_was_done_to_its_picture(change: str, number_reader: Reader) -> None:
    picture = SAME_NUMBER[change](DRAWING.gray).clip(0, 255).astype(np.uint8)
    assert number_reader.read(picture).text == DRAWING.text


def test_most_drawings_are_read_without_an_error(number_reader: Reader) -> None:
    drawings = [
        draw(text, which=which, size=(110, 500), at=(20, 20)) for text in NUMBERS for which in range(4)
    ]
    right = [number_reader.read(drawing.gray).text == drawing.text for drawing in drawings]
    assert np.mean(right) > 0.85


def scribble() -> np.ndarray:
    """A zigzag, as one crosses out a word."""
    across = np.linspace(60, 420, 25)
    points = np.stack([across + 20 * (np.arange(25) % 2), 40 + 80 * (np.arange(25) % 2)], axis=1)
    picture = np.full((160, 600), 255, np.uint8)
    return cv2.polylines(picture, [points.astype(np.int32)], False, 0, 4, cv2.LINE_AA)


def letters() -> np.ndarray:
    picture = np.full((160, 400), 255, np.uint8)
    return cv2.putText(picture, "MARK", (50, 110), cv2.FONT_HERSHEY_SIMPLEX, 3, 0, 8, cv2.LINE_AA)


NOTHING: dict[str, Callable[[], np.ndarray]] = {
    "white": lambda: np.full((120, 300), 255, np.uint8),
    "gray": lambda: np.full((120, 300), 128, np.uint8),
    "black": lambda: np.zeros((120, 300), np.uint8),
    "under a lamp": lambda: light(np.full((120, 300), 240.0)).astype(np.uint8),
    "noise": lambda: np.random.default_rng(0).integers(0, 255, (120, 300), dtype=np.uint8),
    "grain": lambda: np.random.default_rng(0).normal(180, 8, (120, 300)).astype(np.uint8),
    "a scribble": scribble,
    "letters": letters,
}


@pytest.mark.parametrize("kind", NOTHING)
def test_what_is_no_number_is_never_guessed(kind: str, number_reader: Reader) -> None:
    reading = number_reader.read(NOTHING[kind]())
    assert (reading.text, reading.digits) == ("", ())
    assert 0 <= reading.probability <= 1


def test_blank_paper_needs_no_model_and_leaves_an_empty_strip(number_reader: Reader) -> None:
    reading = number_reader.read(np.full((120, 300), 255, np.uint8))
    canvas = number_reader.settings.canvas
    assert reading.probability == 1 and reading.box is None and reading.attention is None
    assert reading.strip.shape == (canvas.height, canvas.width) and not reading.strip.any()
    assert reading.timings["model"] == 0


@pytest.mark.parametrize("text", NUMBERS)
def test_probabilities_are_shares_of_one(text: str, number_reader: Reader) -> None:
    reading = number_reader.read(draw(text, size=(110, 500), at=(20, 20)).gray)
    assert 0 < reading.probability <= 1
    assert reading.probability <= min(digit.probability for digit in reading.digits)
    for digit in reading.digits:
        others = [probability for _, probability in digit.runners_up]
        assert others == sorted(others, reverse=True) and min(others) >= 0
        assert sum(others) + digit.probability == pytest.approx(1, abs=1e-4)
        assert {name for name, _ in digit.runners_up} | {str(digit.value)} == {*"0123456789", "end"}


def test_probabilities_are_cooled_by_the_checkpoints_calibration(number_reader: Reader) -> None:
    blurred = cv2.GaussianBlur(DRAWING.gray, (0, 0), 6)
    sure = []
    for calibration in (0.5, 1.0, 2.0):
        reader = Reader.from_checkpoint()
        reader.calibration = calibration
        sure.append(reader.read(blurred).probability)
    assert sure[0] > sure[1] > sure[2]


@pytest.mark.parametrize("drawing", [draw(text, size=(110, 500), at=(20, 20)) for text in NUMBERS[:4]])
def test_each_digits_box_lies_on_its_ink(drawing: Drawing, number_reader: Reader) -> None:
    reading = number_reader.read(drawing.gray)
    assert reading.text == drawing.text
    for digit, true in zip(reading.digits, drawing.boxes, strict=True):
        left, top, right, bottom = digit.box
        assert left < (true[0] + true[2]) / 2 < right and top < (true[1] + true[3]) / 2 < bottom
        assert overlap(digit.box, true) > 0.5


def test_boxes_stay_in_the_picture(number_reader: Reader) -> None:
    drawing = draw("58", size=(70, 130), at=(0, 0))
    for digit in number_reader.read(drawing.gray).digits:
        left, top, right, bottom = digit.box
        assert 0 <= left < right <= 130 and 0 <= top < bottom <= 70


def test_the_strip_and_its_placement_lead_back_to_the_ink(number_reader: Reader) -> None:
    reading = number_reader.read(DRAWING.gray)
    rows, columns = np.nonzero(reading.strip > 0.6)
    place = reading.placement
    x, y = (place.to_picture() @ [columns + 0.5, rows + 0.5, np.ones(len(rows))]).astype(int)
    assert (DRAWING.gray[y, x] < 128).mean() > 0.95
    assert reading.size == (400, 160)


def same(first: Reading, second: Reading) -> bool:
    return first.text == second.text and np.allclose(first.probability, second.probability, atol=1e-5)


def test_reading_without_attention_says_the_same(number_reader: Reader, digit_reader: Reader) -> None:
    for reader in (number_reader, digit_reader):
        plain = reader.read(DRAWING.gray, with_attention=False)
        assert plain.attention is None and same(plain, reader.read(DRAWING.gray))


def test_attention_is_there_for_each_digit_and_sums_to_one(
    number_reader: Reader, digit_reader: Reader
) -> None:
    attention = number_reader.read(DRAWING.gray).attention
    assert attention is not None
    model, patches = number_reader.settings.model, int(np.prod(attention.grid))
    assert attention.cross.shape == (model.decoder_layers, model.heads, 3, patches)
    assert attention.encoder.shape == (model.encoder_layers, model.heads, patches, patches)
    for rows in (attention.cross, attention.encoder, attention.decoder):
        assert np.allclose(rows.sum(-1), 1, atol=1e-4)
    attention = digit_reader.read(draw("8").gray).attention
    assert attention is not None and attention.cross.shape[2] == 1 and attention.decoder.size == 0
    assert (
        np.allclose(attention.encoder.sum(-1), 1, atol=1e-4) and (attention.cross.sum(-1) <= 1 + 1e-4).all()
    )


def test_eight_threads_read_what_one_reads(number_reader: Reader) -> None:
    pictures = [
        draw(text, which=which, size=(110, 500), at=(20, 20)).gray for text in NUMBERS for which in (1,)
    ]
    alone = [number_reader.read(picture) for picture in pictures]
    with ThreadPoolExecutor(8) as threads:
        together = list(threads.map(number_reader.read, pictures * 5))
    assert all(same(one, other) for one, other in zip(alone * 5, together, strict=True))
    assert len({reading.text for reading in alone}) > 3


def test_timings_add_up(number_reader: Reader) -> None:
    timings = number_reader.read(DRAWING.gray).timings
    assert timings["prepare"] > 0 and timings["model"] > 0
    assert timings["prepare"] + timings["model"] <= timings["total"]


@pytest.mark.parametrize("value", "0123456789")
def test_the_digit_model_reads_a_digit(value: str, digit_reader: Reader) -> None:
    drawing = draw(value, size=(200, 300), at=(120, 60))
    reading = digit_reader.read(drawing.gray)
    assert reading.text == value and overlap(reading.digits[0].box, drawing.boxes[0]) > 0.7
    assert reading.probability == reading.digits[0].probability


def test_the_digit_model_says_nothing_of_a_scribble(digit_reader: Reader) -> None:
    assert digit_reader.read(scribble()).text == ""


def test_a_pil_image_reads_as_its_array_does(number_reader: Reader) -> None:
    assert same(number_reader.read(Image.fromarray(DRAWING.gray)), number_reader.read(DRAWING.gray))


def test_the_picture_is_left_as_it_was(number_reader: Reader) -> None:
    before = DRAWING.gray.copy()
    number_reader.read(DRAWING.gray)
    assert np.array_equal(before, DRAWING.gray)


def test_what_is_no_picture_is_refused(number_reader: Reader) -> None:
    with pytest.raises(PictureError, match="empty"):
        number_reader.read(np.zeros((0, 0), np.uint8))


def test_any_checkpoint_of_ours_makes_a_reader(number_reader: Reader, tmp_path: Path) -> None:
    path = tmp_path / "copy.safetensors"
    path.write_bytes((BUNDLED / "number.safetensors").read_bytes())
    assert same(Reader.from_checkpoint(str(path)).read(DRAWING.gray), number_reader.read(DRAWING.gray))
    with pytest.raises(CheckpointError, match=r"no checkpoint at .*none\.safetensors; check the path"):
        Reader.from_checkpoint(tmp_path / "none.safetensors")


def test_what_a_reader_does_to_read_faster_leaves_the_checkpoint_as_it_was() -> None:
    checkpoint = load_checkpoint(BUNDLED / "digit.safetensors")
    before = {name: tensor.clone() for name, tensor in checkpoint.model.state_dict().items()}
    reader = Reader(checkpoint)
    after = checkpoint.model.state_dict()
    assert before.keys() == after.keys() and all(torch.equal(before[name], after[name]) for name in before)
    assert not any(isinstance(part, torch.nn.BatchNorm2d) for part in reader.model.modules())


def test_many_pictures_read_together_say_what_each_says_alone(
    number_reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("core.reading.reader._TOGETHER", 2)  # so that five strips are three batches
    pictures = [draw(text, size=(160, 500)).gray for text in NUMBERS]
    pictures.insert(2, np.full((60, 80), 255, np.uint8))
    together = number_reader.read_batch(pictures, with_attention=True)
    assert together[2].text == "" and together[2].box is None
    for picture, reading in zip(pictures, together, strict=True):
        alone = number_reader.read(picture)
        assert reading.text == alone.text and abs(reading.probability - alone.probability) < 1e-3
        assert np.allclose(reading.strip, alone.strip, atol=1e-4)
        assert all(
            overlap(one.box, other.box) > 0.95
            for one, other in zip(reading.digits, alone.digits, strict=True)
        )
        assert np.allclose(reading.attention_maps, alone.attention_maps, atol=0.02)


def test_of_several_numbers_in_each_of_many_pictures_every_one_is_read(number_reader: Reader) -> None:
    above = draw("407", size=(240, 640), height=60, at=(60, 80), paper=230, ink=30).gray
    below = draw("25", size=(240, 640), height=60, at=(380, 80), paper=230, ink=30).gray
    sheet = np.concatenate([above, below])
    (first, second) = number_reader.read_all_batch([sheet, below])
    assert [reading.text for reading in first] == ["407", "25"]
    assert [reading.text for reading in second] == ["25"]
    assert first[1].box is not None and first[1].box[1] > 300


@pytest.mark.parametrize("quarters", [1, 2, 3])
def test_a_picture_taken_sideways_or_upside_down_is_read_where_its_number_stands(
    quarters: int, number_reader: Reader
) -> None:
    sheet = draw("407", size=(240, 640), height=60, at=(60, 80), paper=230, ink=30).gray
    (upright,) = number_reader.read_all(sheet)
    turned = np.ascontiguousarray(np.rot90(sheet, quarters))
    (reading,) = number_reader.read_all(turned)
    assert reading.text == "407" and reading.box is not None and upright.box is not None
    inked = np.argwhere(turned < 130)
    (top, left), (bottom, right) = inked.min(0), inked.max(0)
    assert overlap(reading.box, (left, top, right, bottom)) > 0.6


def test_two_digits_do_not_tell_that_a_picture_is_turned(number_reader: Reader) -> None:
    sheet = draw("74", size=(240, 640), height=60, at=(60, 80), paper=230, ink=30).gray
    assert [reading.text for reading in number_reader.read_all(sheet)] == ["74"]
    assert all(
        "74" not in [reading.text for reading in number_reader.read_all(np.rot90(sheet, quarters).copy())]
        for quarters in (1, 2, 3)
    )


def test_a_reading_of_nothing_but_ones_must_be_ten_times_surer() -> None:
    assert needed("1", 0.5) == needed("11", 0.5) == 0.95
    assert needed("17", 0.5) == 0.5 and needed("1", 1.0) == 1.0


def test_what_the_model_is_less_sure_of_is_not_claimed(number_reader: Reader) -> None:
    sheet = draw("407", size=(240, 640), height=60, at=(60, 80), paper=230, ink=30).gray
    (reading,) = number_reader.read_all(sheet, at_least=0.0)
    assert number_reader.read_all(sheet, at_least=min(reading.probability + 1e-6, 1.0)) == []
