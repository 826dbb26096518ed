"""What stands around digits and is not to be read: marks of amounts beside them, boxes of a form around them."""

import torch

from core.config import CanvasSettings
from core.data.canvases.canvas import Canvases, make_canvases
from core.data.canvases.effects import EFFECTS, place_of
from core.data.canvases.tiles import Tiles


def canvases(tiles: Tiles, effect: str, strength: float) -> Canvases:
    settings = CanvasSettings(min_digits=4, max_digits=6, empty_share=0, difficulty=0)
    strengths = torch.zeros(200, len(EFFECTS))
    strengths[:, place_of(effect)] = strength
    return make_canvases(tiles, settings, 200, 1, strengths=strengths)


def outside(made: Canvases) -> torch.Tensor:
    """(b, h, w) ink outside all digit boxes."""
    rows, columns = torch.arange(32)[:, None], torch.arange(160)
    left, top, right, bottom = made.boxes[..., None, None].unbind(2)
    inside = ((columns >= left) & (columns < right) & (rows >= top) & (rows < bottom)).any(1)
    return (1 - made.pictures[:, 0]) * ~inside


def test_marks_put_ink_beside_the_digits_and_leave_the_labels(tiles: Tiles) -> None:
    plain, marked = canvases(tiles, "marks", 0.0), canvases(tiles, "marks", 1.0)
    assert torch.equal(plain.labels, marked.labels) and torch.equal(plain.lengths, marked.lengths)
    added = outside(marked).amax((1, 2)) > 0.6
    assert (outside(plain).amax((1, 2)) <= 0.25).all() and added.float().mean() > 0.6


def test_a_separator_widens_the_gap_in_which_it_stands(tiles: Tiles) -> None:
    def widest(made: Canvases) -> torch.Tensor:
        gaps = made.boxes[:, 1:4, 0] - made.boxes[:, :3, 2]  # all have four digits
        return gaps.amax(1).mean()

    assert widest(canvases(tiles, "marks", 1.0)) > widest(canvases(tiles, "marks", 0.0)) + 1


def test_marks_are_smaller_than_digits(tiles: Tiles) -> None:
    ink = (1 - canvases(tiles, "marks", 1.0).pictures[:, 0]).sum((1, 2))
    plain = (1 - canvases(tiles, "marks", 0.0).pictures[:, 0]).sum((1, 2))
    assert (ink / plain).median() < 1.25


def test_boxes_are_long_lines_around_the_number(tiles: Tiles) -> None:
    drawn = outside(canvases(tiles, "boxes", 1.0))
    upright = (drawn > 0.1).float().mean(1).amax(1) > 0.8
    level = (drawn > 0.1).float().mean(2).amax(1) > 0.8
    assert upright.float().mean() > 0.5 and level.float().mean() > 0.25
    assert outside(canvases(tiles, "boxes", 0.3)).amax() < outside(canvases(tiles, "boxes", 1.0)).amax()


def test_boxes_are_printed_on_empty_canvases_too(tiles: Tiles) -> None:
    settings = CanvasSettings(empty_share=1, difficulty=0)
    strengths = torch.zeros(60, len(EFFECTS))
    strengths[:, place_of("boxes")] = 1
    boxed = make_canvases(tiles, settings, 60, 1, strengths=strengths).pictures
    bare = make_canvases(tiles, settings, 60, 1, strengths=0 * strengths).pictures
    assert (boxed < bare).any(dim=(1, 2, 3)).float().mean() > 0.9
