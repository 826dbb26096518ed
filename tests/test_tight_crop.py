"""The box around all ink of a picture, whatever the paper is like, and how the strip is cut around it."""

from collections.abc import Callable

import numpy as np
import pytest
import torch

from core.data.strip import fit, strip
from core.reading.find.tight_crop import box_of_all_ink
from tests.drawings import Drawing, around, draw, overlap

Change = Callable[[np.ndarray], np.ndarray]


def light(gray: np.ndarray) -> np.ndarray:
    """Brighter at the top left, half as bright at the bottom right."""
    height, width = gray.shape
    return gray * (1 - 0.3 * np.arange(height)[:, None] / height - 0.25 * np.arange(width) / width)


def grain(gray: np.ndarray) -> np.ndarray:
    return np.asarray(gray + np.random.default_rng(0).normal(0, 9, gray.shape))


def rule_below(gray: np.ndarray) -> np.ndarray:
    changed = gray.copy()
    changed[132:134] = 90
    return changed


def rule_touching(gray: np.ndarray) -> np.ndarray:
    changed = gray.copy()
    changed[112:115] = 70
    return changed


def dark_table(gray: np.ndarray) -> np.ndarray:
    changed = gray.copy()
    changed[:, :50] = 60
    return changed


def light_table_aslant(gray: np.ndarray) -> np.ndarray:
    rows, columns = np.indices(gray.shape)
    return np.where(columns + 0.1 * rows > 360, 250, gray * 0.6)


def edge_of_the_sheet(gray: np.ndarray) -> np.ndarray:
    changed = gray.copy()
    changed[:, 20:22] = 120
    return changed


def specks(gray: np.ndarray) -> np.ndarray:
    changed = gray.copy()
    changed[10:12, 10:12] = changed[150:152, 380:382] = 0
    return changed


@pytest.mark.parametrize(
    "change",
    [light, grain, rule_below, rule_touching, dark_table, light_table_aslant, edge_of_the_sheet, specks],
)
def test_the_box_holds_the_number_and_nothing_else(change: Change) -> None:
    drawing = draw()
    box = box_of_all_ink(change(drawing.gray.astype(np.float32)).clip(0, 255).astype(np.uint8))
    assert box is not None and overlap(box, around(drawing.boxes)) > 0.85


@pytest.mark.parametrize(("paper", "ink"), [(255, 0), (0, 255), (120, 60), (100, 140), (230, 200)])
def test_any_ink_on_any_paper_is_found(paper: int, ink: int) -> None:
    drawing = draw(paper=paper, ink=ink)
    box = box_of_all_ink(drawing.gray)
    assert box is not None and overlap(box, around(drawing.boxes)) > 0.9


@pytest.mark.parametrize(
    "drawing",
    [
        draw(size=(480, 640), height=96, at=(300, 250)),
        draw(size=(1080, 1920), height=216, at=(900, 500)),
        draw(size=(40, 100), height=24, at=(10, 8)),
        draw("31", size=(90, 300), height=88, at=(2, 1)),
        draw("1", size=(200, 200), height=198, at=(80, 1)),
    ],
    ids=[
        "a fifth of the picture",
        "in a photo",
        "tiny",
        "as high as the picture",
        "a one from top to bottom",
    ],
)
def test_a_number_is_found_at_any_size(drawing: Drawing) -> None:
    box = box_of_all_ink(drawing.gray)
    assert box is not None and overlap(box, around(drawing.boxes)) > 0.85


@pytest.mark.parametrize("value", "0123456789")
@pytest.mark.parametrize("which", [0, 3])
def test_a_digit_that_fills_its_picture_keeps_its_ink_and_its_polarity(value: str, which: int) -> None:
    whole = draw(value, size=(40, 60), height=20, at=(20, 10), which=which)
    left, top, right, bottom = (round(side) for side in whole.boxes[0])
    box = box_of_all_ink(whole.gray[top:bottom, left:right])
    assert box is not None and overlap(box, (0, 0, right - left, bottom - top)) > 0.8
    tight, roomy = (
        _strip(gray, box)
        for gray, box in (
            (whole.gray[top:bottom, left:right], (0.0, 0.0, float(right - left), float(bottom - top))),
            (whole.gray, whole.boxes[0]),
        )
    )
    assert np.abs(tight - roomy).mean() < 0.02


@pytest.mark.parametrize("level", [0, 90, 255])
def test_blank_paper_has_no_box(level: int) -> None:
    assert box_of_all_ink(np.full((120, 300), level, np.uint8)) is None


def test_paper_under_a_lamp_has_no_box() -> None:
    assert box_of_all_ink(light(np.full((120, 300), 240.0)).astype(np.uint8)) is None


def test_the_grain_of_paper_is_not_ink() -> None:
    grain = np.random.default_rng(1).normal(200, 1.5, (120, 300))
    assert box_of_all_ink(grain.round().astype(np.uint8)) is None


def test_a_rule_line_alone_is_not_ink() -> None:
    assert box_of_all_ink(rule_below(np.full((160, 400), 255.0)).astype(np.uint8)) is None


def test_the_strip_lies_where_its_placement_says() -> None:
    drawing = draw("8", at=(250, 30))
    box = box_of_all_ink(drawing.gray)
    assert box is not None
    picture, extents, placement = fit(drawing.gray, box, 32, 160)
    ink = strip(torch.from_numpy(picture)[None, None], torch.tensor([extents]))[0, 0].numpy() > 0.5
    rows, columns = np.nonzero(ink)
    sides = np.array([columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]) * placement.scale
    sides += [placement.left, placement.top, placement.left, placement.top]
    assert np.abs(sides - drawing.boxes[0]).max() < 1.5 * placement.scale


def _strip(gray: np.ndarray, box: tuple[float, float, float, float]) -> np.ndarray:
    picture, extents, _ = fit(gray, box, 32, 32)
    return strip(torch.from_numpy(picture)[None, None], torch.tensor([extents]))[0, 0].numpy()
