"""Canvases keep their promises: seeded, uniform lengths, true boxes, digits that always fit, disjoint sources."""

from dataclasses import astuple
from itertools import combinations
from typing import Any

import pytest
import torch
from torch import Tensor

from core.config import CanvasSettings
from core.data.canvases import canvas
from core.data.canvases.canvas import Canvases, make_canvases
from core.data.canvases.effects import EFFECTS
from core.data.canvases.tiles import Tiles, make_tiles, tiles_for
from core.data.mnist import Mnist

COUNT = 1000
SHAPES = {
    "five digits": CanvasSettings(difficulty=0, empty_share=0),
    "eight digits": CanvasSettings(width=192, max_digits=8, difficulty=0, empty_share=0),
    "the ancestors' size": CanvasSettings(height=30, width=96, difficulty=0, empty_share=0),
}
_made: dict[str, Canvases] = {}


@pytest.fixture(params=SHAPES)
def shape(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def settings(shape: str) -> CanvasSettings:
    return SHAPES[shape]


@pytest.fixture
def clean(shape: str, tiles: Tiles) -> Canvases:
    """Many clean canvases of a shape, made once."""
    if shape not in _made:
        _made[shape] = make_canvases(tiles, SHAPES[shape], COUNT, seed=1)
    return _made[shape]


def is_digit(canvases: Canvases) -> Tensor:
    return torch.arange(canvases.labels.shape[1]) < canvases.lengths[:, None]


def inside(boxes: Tensor, height: int, width: int) -> Tensor:
    """(..., h, w): which pixels lie in each box."""
    rows, columns = torch.arange(height)[:, None], torch.arange(width)
    left, top, right, bottom = boxes[..., None, None].unbind(-3)
    return (columns >= left) & (columns < right) & (rows >= top) & (rows < bottom)


def test_the_same_seed_gives_the_same_canvases_and_another_seed_others(tiles: Tiles) -> None:
    settings = CanvasSettings(height=24, width=64, max_digits=3)
    first, again, other = (make_canvases(tiles, settings, 8, seed) for seed in (3, 3, 4))
    for one, two in zip(astuple(first), astuple(again), strict=True):
        assert torch.equal(one, two) if isinstance(one, Tensor) else one == two
    assert not torch.equal(first.pictures, other.pictures)
    assert not torch.equal(first.labels, other.labels)


def test_making_canvases_neither_needs_nor_moves_the_global_randomness(tiles: Tiles) -> None:
    settings = CanvasSettings(height=24, width=64, max_digits=3)
    torch.manual_seed(1)
    before = torch.get_rng_state()
    first = make_canvases(tiles, settings, 8, 3)
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(2)
    assert torch.equal(make_canvases(tiles, settings, 8, 3).pictures, first.pictures)


def test_lengths_are_uniform(clean: Canvases, settings: CanvasSettings) -> None:
    counts = clean.lengths.bincount(minlength=settings.max_digits + 1)
    assert counts[0] == 0 and len(counts) == settings.max_digits + 1
    expected = COUNT / settings.max_digits
    chi_square = ((counts[1:] - expected) ** 2 / expected).sum()
    assert chi_square < 3.5 * (settings.max_digits - 1)  # beyond the 99.9th percentile of 4 and of 7 degrees


def test_the_fewest_digits_are_a_setting_too(tiles: Tiles) -> None:
    settings = CanvasSettings(min_digits=3, max_digits=4, empty_share=0)
    lengths = make_canvases(tiles, settings, 60, 1).lengths
    assert set(lengths.tolist()) == {3, 4}


def test_there_is_a_label_and_a_box_for_each_digit_and_nothing_beyond(clean: Canvases) -> None:
    present = is_digit(clean)
    assert ((clean.boxes[..., 2] > clean.boxes[..., 0]) & (clean.boxes[..., 3] > clean.boxes[..., 1])).equal(
        present
    )
    assert (clean.boxes[~present] == 0).all() and (clean.labels[~present] == 0).all()
    counts = clean.labels[present].bincount(minlength=10)
    assert len(counts) == 10 and counts.min() > 0.06 * counts.sum()


def test_every_box_lies_in_the_canvas_and_holds_ink(clean: Canvases, settings: CanvasSettings) -> None:
    present = is_digit(clean)
    boxes = clean.boxes[present]
    assert (boxes[:, :2] >= 0).all()
    assert (boxes[:, 2] <= settings.width).all() and (boxes[:, 3] <= settings.height).all()
    ink = 1 - clean.pictures[:, 0]
    canvas_of, _ = present.nonzero(as_tuple=True)
    for start in range(0, len(boxes), 500):
        part = slice(start, start + 500)
        held = ink[canvas_of[part]] * inside(boxes[part], settings.height, settings.width)
        assert (held.amax((1, 2)) > 0.3).all()
        assert (held.sum((1, 2)) > 3).all()


def test_no_visible_ink_lies_outside_the_boxes(clean: Canvases, settings: CanvasSettings) -> None:
    ink = 1 - clean.pictures[:, 0]
    for start in range(0, COUNT, 250):
        part = slice(start, start + 250)
        covered = inside(clean.boxes[part], settings.height, settings.width).any(1)
        assert (ink[part] * ~covered).max() <= 0.25


def test_a_lone_digit_has_exactly_the_box_of_its_ink(tiles: Tiles) -> None:
    alone = CanvasSettings(max_digits=1, difficulty=0, empty_share=0)
    canvases = make_canvases(tiles, alone, 100, 1)
    for picture, box in zip(canvases.pictures[:, 0], canvases.boxes[:, 0], strict=True):
        rows, columns = (picture < 0.75).nonzero(as_tuple=True)
        assert [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1] == box.tolist()


def test_digits_stand_in_the_order_of_their_labels(clean: Canvases) -> None:
    centres = (clean.boxes[..., 0] + clean.boxes[..., 2]) / 2
    assert (centres.diff(dim=1)[is_digit(clean)[:, 1:]] > 0).all()


def test_a_label_names_the_digit_that_is_drawn_in_its_box(tiles: Tiles) -> None:
    """With a stock in which each class is one picture: a bar whose height tells the class."""
    images = torch.zeros(11, 28, 28)
    for label in range(10):
        images[label, 23 - 2 * label : 24, 10:18] = 1
    images[10, 12:16, 12:16] = 1
    labels = torch.tensor([*range(10), -1])
    boxes = torch.tensor([[10.0, 23 - 2 * max(label, 0), 18, 24] for label in labels.tolist()])
    settings = CanvasSettings(max_digits=5, difficulty=0, empty_share=0)
    canvases = make_canvases(Tiles(images, labels, boxes, torch.zeros(1, 32, 160)), settings, 200, 1)
    present = is_digit(canvases)
    heights = (canvases.boxes[..., 3] - canvases.boxes[..., 1])[present]
    assert torch.corrcoef(torch.stack([heights, canvases.labels[present].float()]))[0, 1] > 0.85


def test_spacing_goes_from_overlapping_over_touching_to_wide(tiles: Tiles) -> None:
    canvases = make_canvases(tiles, SHAPES["five digits"], COUNT, seed=1)
    gaps = (canvases.boxes[:, 1:, 0] - canvases.boxes[:, :-1, 2])[is_digit(canvases)[:, 1:]]
    shares = [(gaps <= -3).float().mean(), (gaps.abs() <= 1).float().mean(), (gaps >= 12).float().mean()]
    assert min(shares) > 0.05


def test_size_place_and_slant_differ_from_canvas_to_canvas(tiles: Tiles) -> None:
    canvases = make_canvases(tiles, CanvasSettings(max_digits=1, difficulty=0, empty_share=0), 300, 1)
    left, top, right, bottom = canvases.boxes[:, 0].unbind(1)
    assert (bottom - top).quantile(0.9) > 1.3 * (bottom - top).quantile(0.1)
    assert left.min() < 15 and right.max() > 145
    assert top.std() > 1


def only_the_first_digit(tiles: Tiles) -> Tiles:
    """A stock of one digit (and one scribble)."""
    images, labels, boxes = (
        torch.cat([part[:1], part[-1:]]) for part in (tiles.images, tiles.labels, tiles.boxes)
    )
    return Tiles(images, labels, boxes, tiles.doodles)


def test_without_variation_a_digit_is_always_the_same_but_for_its_place(tiles: Tiles) -> None:
    settings = CanvasSettings(max_digits=1, variation=0, difficulty=0, empty_share=0)
    canvases = make_canvases(only_the_first_digit(tiles), settings, 100, 1)
    left, top, right, bottom = canvases.boxes[:, 0].unbind(1)
    for side in (right - left, bottom - top):
        assert side.max() - side.min() <= 1
    ink = (1 - canvases.pictures).sum((1, 2, 3))
    assert ink.max() < 1.03 * ink.min()
    assert left.std() > 10


def test_a_pen_thickens_and_thins_and_leaves_a_third_of_the_hands_alone(
    tiles: Tiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    digits = tiles.images[:50]
    thick, same, thin = (canvas._change_pen(digits, torch.full((50,), pen)) for pen in (1.0, 0.0, -1.0))
    assert torch.equal(same, digits)
    assert (thick >= digits - 1e-6).all() and (thin <= digits + 1e-6).all()
    assert thick.mean() > 1.2 * digits.mean() and thin.mean() < 0.9 * digits.mean()
    assert (thin.amax((1, 2)) > 0.5).all(), "no stroke may vanish"

    settings = CanvasSettings(height=24, width=64, max_digits=1, difficulty=0, empty_share=0)
    drawn = make_canvases(tiles, settings, 100, 1).pictures
    monkeypatch.setattr(canvas, "_change_pen", lambda images, pen: images)
    untouched = make_canvases(tiles, settings, 100, 1).pictures
    assert 0.5 < (drawn != untouched).any(dim=(1, 2, 3)).float().mean() < 0.8


@pytest.mark.parametrize("share", [0.0, 0.4, 1.0])
def test_the_share_of_empty_canvases_is_the_one_asked_for(share: float, tiles: Tiles) -> None:
    settings = CanvasSettings(height=24, width=64, max_digits=3, empty_share=share, difficulty=0)
    canvases = make_canvases(tiles, settings, 600, 1)
    empty = canvases.lengths == 0
    assert empty.float().mean() == pytest.approx(share, abs=0.06 if 0 < share < 1 else 0)
    assert (canvases.boxes[empty] == 0).all() and (canvases.labels[empty] == 0).all()


def test_some_empty_canvases_are_blank_and_most_show_what_is_no_digit(tiles: Tiles) -> None:
    settings = CanvasSettings(height=24, width=64, max_digits=3, empty_share=1, difficulty=0)
    inked = (make_canvases(tiles, settings, 300, 1).pictures < 0.5).any(dim=(1, 2, 3))
    assert 0.6 < inked.float().mean() < 0.8


def test_what_is_no_digit_is_never_drawn_from_the_digits(sample: Mnist, tiles: Tiles) -> None:
    digits = {image.tobytes() for image in sample.train.images}
    others = (tiles.images[tiles.labels < 0] * 255).round().to(torch.uint8).numpy()
    assert tiles.digit_count == len(sample.split("train")) and len(others) > 1000
    assert not any(image.tobytes() in digits for image in others)
    assert (tiles.labels[: tiles.digit_count + tiles.penned_count] >= 0).all()
    assert (others.max(axis=(1, 2)) > 100).all()


def test_difficulty_0_leaves_clean_ink_on_white_paper(clean: Canvases, settings: CanvasSettings) -> None:
    assert (clean.strengths == 0).all()
    assert (clean.extents == torch.tensor([0.0, settings.width])).all()
    assert clean.pictures.amax((1, 2, 3)).eq(1).all() and (clean.pictures == 1).float().mean() > 0.5


def test_difficulty_1_uses_every_effect_and_stays_in_range(tiles: Tiles) -> None:
    canvases = make_canvases(tiles, CanvasSettings(height=24, width=64, max_digits=3), 200, 1)
    assert canvases.strengths.shape == (200, len(EFFECTS))
    assert (canvases.strengths > 0.3).any(0).all()
    assert canvases.pictures.min() >= 0 and canvases.pictures.max() <= 1
    light_paper = canvases.pictures.median(dim=-1).values.mean((1, 2)) > 0.5
    assert 0.2 < light_paper.float().mean() < 0.8


def test_train_validation_and_test_canvases_come_from_different_digits(sample: Mnist) -> None:
    stocks = []
    for name in ("train", "validation", "test"):
        stock = make_tiles(sample.split(name))
        stocks.append({image.numpy().tobytes() for image in stock.images[: stock.digit_count]})
        assert len(stocks[-1]) == len(sample.split(name))
    assert not any(one & two for one, two in combinations(stocks, 2))


def test_what_tests_show_as_no_digit_was_never_learned(sample: Mnist) -> None:
    digits = sample.split("test")
    seen, unseen = (make_tiles(digits, unseen=unseen) for unseen in (False, True))
    for learned, shown in (
        (seen.images[seen.labels < 0], unseen.images[unseen.labels < 0]),
        (seen.doodles, unseen.doodles),
    ):
        known = {drawing.numpy().tobytes() for drawing in learned}
        assert len(known) == len(learned) and not any(d.numpy().tobytes() in known for d in shown)


@pytest.mark.parametrize(
    ("asked", "all_of_it"),
    [
        ({"difficulty": 1.0}, False),
        ({"empty_share": 0.3}, True),
        ({"penned_share": 0.3}, True),
        ({"symbols": "0123456789+"}, True),
    ],
)
def test_the_stock_holds_only_what_its_canvases_show(
    asked: dict[str, Any], all_of_it: bool, tiles: Tiles, sample: Mnist
) -> None:
    settings = CanvasSettings(**{"empty_share": 0.0} | asked)
    digits = sample.split("train")
    stock, everything = tiles_for(settings, digits), make_tiles(digits, symbols=settings.symbols)
    assert len(stock.images) == (len(everything.images) if all_of_it else len(digits))
    few, many = (make_canvases(one, settings, 100, seed=3) for one in (stock, everything))
    assert torch.equal(few.pictures, many.pictures) and few.texts == many.texts


def test_digits_of_other_hands_are_drawn_as_often_as_asked_for(tiles: Tiles) -> None:
    penned = {image.numpy().tobytes() for image in tiles.images[tiles.digit_count :][: tiles.penned_count]}
    plain = CanvasSettings(max_digits=1, plain_share=1, difficulty=0, empty_share=0)

    def share(asked: float) -> float:
        pictures = make_canvases(tiles, plain.model_copy(update={"penned_share": asked}), 300, 1).pictures[
            :, 0
        ]
        return sum(_trimmed(1 - picture) in known for picture in pictures) / 300

    known = {
        _trimmed(torch.frombuffer(bytearray(image), dtype=torch.float32).reshape(28, 28)) for image in penned
    }
    assert share(0.0) == 0 and 0.3 < share(0.4) < 0.5


def test_some_empty_canvases_show_a_doodle_along_the_line(tiles: Tiles) -> None:
    """With a stock whose only doodle is a bar from side to side, at a canvas of another size than its own."""
    bar = torch.zeros(1, 32, 160)
    bar[:, 14:18, 20:140] = 1
    stock = Tiles(tiles.images, tiles.labels, tiles.boxes, bar)
    settings = CanvasSettings(height=30, width=96, empty_share=1, difficulty=0)
    canvases = make_canvases(stock, settings, 300, 1)
    barred = (canvases.pictures[:, 0, 15, 13:83] < 0.5).all(1)
    assert 0.3 < barred.float().mean() < 0.5
    assert (canvases.lengths == 0).all()


def test_a_canvas_as_narrow_as_a_digit_shows_no_doodle(tiles: Tiles) -> None:
    stock = Tiles(tiles.images, tiles.labels, tiles.boxes, torch.ones(1, 32, 160))
    settings = CanvasSettings(height=32, width=32, max_digits=1, empty_share=1, difficulty=0)
    pictures = make_canvases(stock, settings, 200, 1).pictures
    assert not (pictures < 0.5).all(dim=(1, 2, 3)).any()


def test_a_plain_canvas_shows_the_very_pixels_of_mnist(tiles: Tiles) -> None:
    settings = CanvasSettings(max_digits=1, plain_share=1, difficulty=0, empty_share=0)
    canvases = make_canvases(tiles, settings, 100, 1)
    known = {_trimmed(image) for image in tiles.images[: tiles.digit_count]}
    assert sum(_trimmed(1 - picture) in known for picture in canvases.pictures[:, 0]) >= 99


def test_a_bent_digit_is_no_longer_what_it_was_and_its_neighbours_are_bent_otherwise(tiles: Tiles) -> None:
    straight, bent = (
        make_canvases(
            only_the_first_digit(tiles),
            CanvasSettings(max_digits=1, variation=0, bend=bend, difficulty=0, empty_share=0),
            20,
            1,
        )
        for bend in (0.0, 1.5)
    )
    shapes = {_trimmed(1 - picture) for picture in straight.pictures[:, 0]}
    others = {_trimmed(1 - picture) for picture in bent.pictures[:, 0]}
    assert len(others) == 20 and not others & shapes
    inks = [float((1 - canvases.pictures).sum((1, 2, 3)).mean()) for canvases in (straight, bent)]
    assert inks[1] == pytest.approx(inks[0], rel=0.1)


def _trimmed(ink: Tensor) -> bytes:
    """What a picture shows, wherever it stands in it."""
    rows, columns = (ink > 1e-3).any(1).nonzero()[:, 0], (ink > 1e-3).any(0).nonzero()[:, 0]
    shown = ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    return (shown * 255).round().to(torch.uint8).contiguous().numpy().tobytes()


@pytest.mark.parametrize("difficulty", [0.0, 1.0])
def test_neighbours_overlap_by_two_fifths_of_the_narrower_at_most(difficulty: float, tiles: Tiles) -> None:
    settings = CanvasSettings(difficulty=difficulty, empty_share=0.0, min_digits=2)
    made = make_canvases(tiles, settings, 600, 5)
    left, right = made.boxes[..., 0], made.boxes[..., 2]
    both = torch.arange(1, settings.max_digits) < made.lengths[:, None]
    overlap = (right[:, :-1] - left[:, 1:])[both]
    narrower = torch.minimum((right - left)[:, 1:], (right - left)[:, :-1])[both]
    assert (overlap <= 0.4 * narrower + 1).all()  # boxes stand on whole pixels
    assert (overlap > 0.3 * narrower).float().mean() > 0.03


def test_a_blank_picture_has_no_number_for_its_edge_to_spare(tiles: Tiles) -> None:
    made = make_canvases(tiles, CanvasSettings(empty_share=1.0), 400, 5)
    assert (made.extents[:, 1] > made.extents[:, 0]).all()
