"""Each effect does what its name says, only where it is on, and more of it where it is stronger."""

import pytest
import torch
from torch import Tensor

from core.config import CanvasSettings
from core.data.canvases.canvas import Canvases, make_canvases
from core.data.canvases.effects import EFFECTS, draw_strengths, on_paper, photograph, place_of
from core.data.canvases.tiles import Tiles

COUNT, HEIGHT, WIDTH = 24, 24, 64
LAYOUT = ("rotation", "perspective", "slant", "marks", "boxes")  # act before there is a picture
ON_PICTURE = tuple(effect for effect in EFFECTS if effect not in (*LAYOUT, "edge"))


@pytest.fixture(scope="module")
def ink(tiles: Tiles) -> Tensor:
    settings = CanvasSettings(height=HEIGHT, width=WIDTH, max_digits=3, difficulty=0, empty_share=0)
    return 1 - make_canvases(tiles, settings, COUNT, 1).pictures[:, 0]


SPANS = torch.tensor([[30.0, 40.0]]).expand(COUNT, 2)


def only(effect: str, strength: float) -> Tensor:
    strengths = torch.zeros(COUNT, len(EFFECTS))
    strengths[:, place_of(effect)] = strength
    return strengths


def taken(ink: Tensor, strengths: Tensor, seed: int = 5) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    pictures, extents = photograph(on_paper(ink, strengths, generator), strengths, SPANS, generator)
    return pictures[:, 0], extents


def test_without_any_effect_a_picture_is_its_ink_on_white(ink: Tensor) -> None:
    pictures, extents = taken(ink, torch.zeros(COUNT, len(EFFECTS)))
    assert torch.equal(pictures, 1 - ink)
    assert (extents == torch.tensor([0.0, WIDTH])).all()


@pytest.mark.parametrize("effect", ON_PICTURE)
def test_each_effect_alone_changes_every_picture(effect: str, ink: Tensor) -> None:
    pictures, extents = taken(ink, only(effect, 1.0))
    assert ((pictures - (1 - ink)).abs().mean((1, 2)) > 5e-4).all()
    assert (extents == torch.tensor([0.0, WIDTH])).all()
    assert pictures.min() >= 0 and pictures.max() <= 1 and pictures.isfinite().all()


@pytest.mark.parametrize("effect", ON_PICTURE)
def test_an_effect_touches_only_the_pictures_that_meet_it(effect: str, ink: Tensor) -> None:
    strengths = only(effect, 1.0)
    strengths[::2] = 0
    pictures, _ = taken(ink, strengths)
    assert torch.equal(pictures[::2], 1 - ink[::2])
    assert not torch.equal(pictures[1::2], 1 - ink[1::2])


@pytest.mark.parametrize("effect", [effect for effect in ON_PICTURE if effect != "inversion"])
def test_an_effect_grows_with_its_strength(effect: str, ink: Tensor) -> None:
    little, much = (
        (taken(ink, only(effect, strength))[0] - (1 - ink)).abs().mean() for strength in (0.2, 0.9)
    )
    assert 0 < little < 0.7 * much


def test_the_photographed_ink_is_left_as_it_was(ink: Tensor) -> None:
    before = ink.clone()
    taken(ink, torch.ones(COUNT, len(EFFECTS)))
    assert torch.equal(ink, before)


def test_rules_are_long_lines_that_never_take_ink_away(ink: Tensor) -> None:
    drawn = 1 - taken(ink, only("rules", 1.0))[0]
    assert (drawn >= ink - 1e-6).all()
    blank = 1 - taken(torch.zeros_like(ink), only("rules", 1.0))[0]
    assert ((blank > 0.05).float().mean(2).amax(1) > 0.6).float().mean() > 0.8


def test_smudges_are_fainter_than_the_pen(ink: Tensor) -> None:
    drawn = 1 - taken(ink, only("smudge", 1.0))[0]
    assert (drawn >= ink - 1e-6).all()
    blank = 1 - taken(torch.zeros_like(ink), only("smudge", 1.0))[0]
    assert 0 < blank.max() <= 0.7 + 1e-6


def test_fading_pales_the_ink_and_leaves_the_paper(ink: Tensor) -> None:
    faded = 1 - taken(ink, only("fading", 1.0))[0]
    assert (faded[ink == 0] == 0).all()
    strong = ink > 0.5
    assert (faded[strong] < 0.3 * ink[strong]).all() and (faded[strong] > 0.1 * ink[strong]).all()


@pytest.mark.parametrize("effect", ["light", "shadow"])
def test_uneven_light_darkens_smoothly_and_keeps_ink_darker_than_its_paper(effect: str, ink: Tensor) -> None:
    paper = taken(torch.zeros_like(ink), only(effect, 1.0))[0]
    assert (paper.amax((1, 2)) - paper.amin((1, 2)) > 0.1).float().mean() > 0.7
    assert paper.diff(dim=2).abs().max() < 0.25
    assert (taken(ink, only(effect, 1.0))[0] <= paper + 1e-6).all()


@pytest.mark.parametrize("effect", ["blur", "motion", "pixelation"])
def test_a_soft_picture_keeps_its_mean_and_loses_its_edges(effect: str, ink: Tensor) -> None:
    soft, sharp = taken(ink, only(effect, 1.0))[0], 1 - ink
    assert torch.allclose(soft.mean((1, 2)), sharp.mean((1, 2)), atol=0.01)
    steps = soft.diff(dim=1).abs().mean((1, 2)) + soft.diff(dim=2).abs().mean((1, 2))
    assert (
        steps < 0.95 * (sharp.diff(dim=1).abs().mean((1, 2)) + sharp.diff(dim=2).abs().mean((1, 2)))
    ).all()


def test_motion_smears_along_one_axis_and_blur_along_both() -> None:
    dot = torch.zeros(COUNT, HEIGHT, WIDTH)
    dot[:, 12, 32] = 1

    def lengths(effect: str) -> Tensor:
        smeared = 1 - taken(dot, only(effect, 1.0))[0] > 1e-3
        return torch.stack([smeared.any(2).sum(1), smeared.any(1).sum(1)], 1)

    motion, blur = lengths("motion"), lengths("blur")
    assert (motion.amin(1) == 1).all() and (motion.amax(1) >= 7).all()
    assert (motion[:, 0] > 1).any() and (motion[:, 1] > 1).any()
    assert (blur >= 5).all()


def test_noise_differs_from_picture_to_picture(ink: Tensor) -> None:
    added = taken(torch.full_like(ink, 0.5), only("noise", 1.0))[0] - 0.5
    assert added.abs().max() < 0.8
    flat = added.flatten(1) - added.flatten(1).mean(1, keepdim=True)
    likeness = torch.corrcoef(flat) - torch.eye(COUNT)
    assert likeness.abs().max() < 0.8 and flat.std(1).min() > 0.005


def test_inversion_is_light_ink_on_dark_paper(ink: Tensor) -> None:
    assert torch.allclose(taken(ink, only("inversion", 0.3))[0], ink)


def test_the_edge_of_a_picture_never_cuts_the_number(ink: Tensor) -> None:
    pictures, extents = taken(ink, only("edge", 0.5))
    assert torch.equal(pictures, 1 - ink)
    assert (extents[:, 0] <= 28).all() and (extents[:, 1] >= 42).all()
    assert (extents[:, 0] > 0).any() and (extents[:, 1] < WIDTH).any()
    assert len(extents.unique(dim=0)) > COUNT / 2


def test_the_extents_of_hard_canvases_hold_every_digit(tiles: Tiles) -> None:
    canvases = make_canvases(tiles, CanvasSettings(empty_share=0), 200, 1)
    present = torch.arange(5) < canvases.lengths[:, None]
    for boxes, shown, extent in zip(canvases.boxes, present, canvases.extents, strict=True):
        assert extent[0] <= boxes[shown][:, 0].min() and boxes[shown][:, 2].max() <= extent[1]


def canvases_with(tiles: Tiles, effect: str, strength: float) -> Canvases:
    settings = CanvasSettings(min_digits=4, max_digits=5, empty_share=0)
    strengths = torch.zeros(100, len(EFFECTS))
    strengths[:, place_of(effect)] = strength
    return make_canvases(tiles, settings, 100, 1, strengths=strengths)


@pytest.mark.parametrize("effect", EFFECTS)
def test_each_effect_reaches_the_canvas_and_at_strength_0_nothing_does(effect: str, tiles: Tiles) -> None:
    off, on = canvases_with(tiles, effect, 0.0), canvases_with(tiles, effect, 1.0)
    assert torch.equal(off.pictures, canvases_with(tiles, "blur", 0.0).pictures)
    changed = (on.pictures != off.pictures).any(dim=(1, 2, 3)) | (on.extents != off.extents).any(1)
    assert changed.float().mean() > 0.9
    assert torch.equal(on.labels, off.labels)


def test_rotation_tilts_the_line_on_which_the_digits_stand(tiles: Tiles) -> None:
    def tilt(strength: float) -> Tensor:
        boxes = canvases_with(tiles, "rotation", strength).boxes
        middles = (boxes[:, :4, 1] + boxes[:, :4, 3]) / 2
        return (middles[:, 3] - middles[:, 0]).abs().mean()

    assert tilt(1.0) > 1.5 * tilt(0.0)


def test_perspective_makes_the_digits_on_one_side_smaller(tiles: Tiles) -> None:
    def heights(strength: float) -> Tensor:
        boxes = canvases_with(tiles, "perspective", strength).boxes
        return boxes[:, :4, 3] - boxes[:, :4, 1]

    change = heights(1.0) / heights(0.0)
    assert (change[:, 0] / change[:, 3]).log().abs().mean() > 0.08
    assert change.mean() < 0.97


def test_strengths_are_drawn_up_to_the_difficulty_and_each_effect_is_sometimes_off() -> None:
    generator = torch.Generator().manual_seed(0)
    assert (draw_strengths(50, 0.0, generator) == 0).all()
    drawn = draw_strengths(2000, 0.5, generator)
    assert 0.4 < drawn.max() <= 0.5 and drawn.min() == 0
    assert ((drawn > 0).float().mean(0) > 0.15).all() and ((drawn > 0).float().mean(0) < 0.8).all()
