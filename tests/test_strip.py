"""A strip is the same whatever the light, the paper and the polarity were, and a blank picture stays blank."""

import numpy as np
import pytest
import torch
from torch import Tensor

from core.config import CanvasSettings, ModelSettings, RunSettings
from core.data.canvases.canvas import make_canvases
from core.data.canvases.tiles import Tiles
from core.data.strip import FAINTEST_INK, INK_SHARE, fit, strip
from core.model.checkpoint import Checkpoint, build
from core.model.finder import load_finder
from core.reading import Reader, reader
from core.training import metrics, reading_task

HEIGHT, WIDTH = 32, 96


@pytest.fixture(scope="module")
def pictures(tiles: Tiles) -> Tensor:
    settings = CanvasSettings(height=HEIGHT, width=WIDTH, max_digits=4, difficulty=0, empty_share=0)
    return make_canvases(tiles, settings, 12, 1).pictures


def far(one: Tensor, two: Tensor) -> float:
    """The largest mean difference of two strips of one picture."""
    return (one - two).abs().mean((1, 2, 3)).max().item()


def test_clean_ink_is_its_own_strip(pictures: Tensor) -> None:
    assert far(strip(pictures), 1 - pictures) < 0.08  # a pale pen is brought to full ink
    assert far(strip(pictures), pictures) > 0.5


@pytest.mark.parametrize(
    ("contrast", "paper"), [(0.8, 0.9), (0.3, 0.6), (0.15, 0.2), (-0.4, 0.3), (-1.0, 0.0)]
)
def test_levels_of_ink_and_paper_and_polarity_do_not_matter(
    contrast: float, paper: float, pictures: Tensor
) -> None:
    assert far(strip(paper - contrast * (1 - pictures)), strip(pictures)) < 0.012


@pytest.mark.parametrize("side", [1, -1])
def test_a_gradient_of_light_does_not_matter(side: int, pictures: Tensor) -> None:
    across, down = torch.linspace(-1, 1, WIDTH), torch.linspace(-1, 1, HEIGHT)[:, None]
    gray = 0.3 + 0.4 * pictures if side > 0 else 0.7 - 0.4 * pictures
    assert far(strip(gray + 0.2 * side * across + 0.1 * down), strip(pictures)) < 0.02


def test_strips_lie_between_0_and_1_and_their_ink_is_full(pictures: Tensor) -> None:
    strips = strip(0.5 + 0.2 * pictures)
    assert strips.min() == 0 and strips.max() == 1
    assert (strips.amax((1, 2, 3)) == 1).all()


def test_a_strip_does_not_depend_on_the_others_in_its_batch(pictures: Tensor) -> None:
    alone = torch.cat([strip(picture[None]) for picture in pictures])
    assert torch.allclose(strip(pictures), alone, atol=1e-5)


@pytest.mark.parametrize("level", [0.0, 0.5, 1.0])
def test_blank_stays_blank(level: float) -> None:
    across = torch.linspace(-0.2, 0.2, WIDTH).expand(1, 1, HEIGHT, WIDTH)
    assert strip(torch.full((1, 1, HEIGHT, WIDTH), level)).max() < 0.01
    assert strip(level + across).max() < 0.05


def test_faint_noise_is_not_blown_up_to_full_ink() -> None:
    noise = 0.5 + 0.006 * torch.randn(4, 1, HEIGHT, WIDTH, generator=torch.Generator().manual_seed(0))
    strips = strip(noise)
    assert strips.mean() < 0.08 and strips.max() < 0.7
    louder = strip(0.5 + 10 * (noise - 0.5))
    assert louder.mean() > 2 * strips.mean()


def test_ink_fainter_than_the_faintest_keeps_its_faintness(pictures: Tensor) -> None:
    faint = strip(0.5 - FAINTEST_INK / 3 * (1 - pictures))
    assert (faint.amax((1, 2, 3)) < 0.5).all() and (faint.amax((1, 2, 3)) > 0.2).all()


def test_what_lies_outside_the_extents_is_0_and_does_not_matter(pictures: Tensor) -> None:
    extents = torch.tensor([[20.0, 70.0]]).expand(len(pictures), 2)
    changed = pictures.clone()
    changed[..., :20], changed[..., 70:] = 0.1, 0.4
    strips = strip(changed, extents)
    assert (strips[..., :20] == 0).all() and (strips[..., 70:] == 0).all()
    assert torch.equal(strips, strip(pictures, extents))
    assert strips[..., 20:70].max() == 1


Box = tuple[float, float, float, float]


def rectangle(height: int, width: int, box: Box) -> np.ndarray:
    """A dark frame on white whose ink fills the box to its sides."""
    gray = np.full((height, width), 255, np.uint8)
    left, top, right, bottom = map(int, box)
    pen = max(2, (bottom - top + right - left) // 25)
    gray[top:bottom, left:right] = 0
    gray[top + pen : bottom - pen, left + pen : right - pen] = 255
    return gray


def inked(picture: np.ndarray, level: float) -> tuple[np.ndarray, np.ndarray]:
    """Rows and columns in which the picture is darker than this somewhere."""
    dark = picture < level
    return np.flatnonzero(dark.any(axis=1)), np.flatnonzero(dark.any(axis=0))


@pytest.mark.parametrize("zoom", [1, 4, 15])
def test_fit_centres_the_ink_and_gives_it_its_share_of_the_height(zoom: int) -> None:
    box = (30.0 * zoom, 12.0 * zoom, 50.0 * zoom, 42.0 * zoom)
    picture, extents, placement = fit(rectangle(60 * zoom, 120 * zoom, box), box, HEIGHT, WIDTH)
    assert picture.shape == (HEIGHT, WIDTH) and picture.dtype == np.float32
    rows, columns = inked(picture, 0.5)
    assert rows[-1] + 1 - rows[0] == pytest.approx(INK_SHARE * HEIGHT, abs=1.1)
    assert columns[-1] + 1 - columns[0] == pytest.approx(INK_SHARE * HEIGHT * 20 / 30, abs=1.1)
    assert rows.mean() == pytest.approx((HEIGHT - 1) / 2, abs=0.6)
    assert columns.mean() == pytest.approx((WIDTH - 1) / 2, abs=0.6)
    assert extents[0] < columns[0] and columns[-1] < extents[1]
    assert placement.scale == pytest.approx(30 * zoom / (INK_SHARE * HEIGHT))


def test_fit_makes_a_long_number_as_wide_as_the_strip_allows() -> None:
    box = (10.0, 40.0, 390.0, 70.0)
    picture, extents, _ = fit(rectangle(100, 400, box), box, HEIGHT, WIDTH)
    _, columns = inked(picture, 0.5)
    margin = (1 - INK_SHARE) / 2 * HEIGHT
    assert columns[0] == pytest.approx(margin, abs=1) and columns[-1] + 1 == pytest.approx(
        WIDTH - margin, abs=1
    )
    assert extents == pytest.approx((0, WIDTH))


@pytest.mark.parametrize(
    "box",
    [(30.0, 20.0, 70.0, 52.0), (12.0, 8.0, 40.0, 60.0), (120.0, 50.0, 190.0, 92.0), (5.0, 50.0, 195.0, 60.0)],
)
def test_placement_leads_from_the_strip_back_to_the_picture(box: Box) -> None:
    picture, _, placement = fit(rectangle(100, 200, box), box, HEIGHT, WIDTH)
    rows, columns = inked(picture, 0.75)
    found = (
        placement.left + columns[0] * placement.scale,
        placement.top + rows[0] * placement.scale,
        placement.left + (columns[-1] + 1) * placement.scale,
        placement.top + (rows[-1] + 1) * placement.scale,
    )
    assert found == pytest.approx(box, abs=0.8 * placement.scale + 0.5)


@pytest.mark.parametrize("corner", [(0, 0), (36, 20)])
def test_beyond_the_edge_of_the_picture_the_paper_goes_on(corner: tuple[int, int], tiles: Tiles) -> None:
    """A digit in a corner of its picture gives the strip that it gives in the middle of a larger sheet."""
    digit = (255 - 255 * tiles.images[1, 4:24, 4:24]).numpy().astype(np.uint8)
    gray = np.full((40, 56), 255, np.uint8)
    gray[corner[1] : corner[1] + 20, corner[0] : corner[0] + 20] = digit
    box = (corner[0] + 0.0, corner[1] + 0.0, corner[0] + 20.0, corner[1] + 20.0)
    larger = np.pad(gray, 50, constant_values=255)

    def strip_of(gray: np.ndarray, box: Box) -> Tensor:
        picture, extents, _ = fit(gray, box, HEIGHT, WIDTH)
        return strip(torch.from_numpy(picture)[None, None], torch.tensor([extents]))

    left, top, right, bottom = (side + 50 for side in box)
    there = strip_of(larger, (left, top, right, bottom))
    assert far(strip_of(gray, box), there) < 0.01
    assert (there > 0.5).any()


def test_a_thin_line_in_a_large_picture_is_not_lost_between_the_samples() -> None:
    gray = np.full((1000, 3000), 255, np.uint8)
    gray[200:800, 600::50] = 0  # one pixel wide, many times thinner than a pixel of the strip
    picture, _, _ = fit(gray, (600.0, 200.0, 2400.0, 800.0), HEIGHT, WIDTH)
    middle = picture[HEIGHT // 2, 30:66]
    assert middle.mean() == pytest.approx(1 - 1 / 50, abs=0.005)


def test_training_validation_and_reading_pass_through_this_one_function() -> None:
    assert {vars(user)["strip"] for user in (reading_task, metrics, reader)} == {strip}


def test_a_reading_shows_the_strip_that_training_would_have_made() -> None:
    run = RunSettings(
        canvas=CanvasSettings(height=HEIGHT, width=WIDTH, max_digits=4),
        model=ModelSettings(dim=16, heads=2, encoder_layers=1, stem_width=4),
    )
    gray = rectangle(100, 200, (60.0, 30.0, 72.0, 70.0))
    reading = Reader(Checkpoint(build(run).eval(), run)).read(gray)
    placements = []
    for place in reader.places_of_the_number(gray, load_finder()):
        picture, extents, placement = fit(gray, place.box, HEIGHT, WIDTH, place.angle)
        made = strip(torch.from_numpy(picture)[None, None], torch.tensor([extents]))[0, 0].numpy()
        placements.append(placement)
        if placement == reading.placement:
            assert np.abs(reading.strip - made).max() < 1e-4  # they were made two at a time
    assert reading.placement in placements
