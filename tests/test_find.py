"""The finder's maps become boxes: of any size, turned any way, close together, in reading order."""

from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest
import torch
from torch import Tensor

from core.data.scenes.frame import make_empty, make_frame
from core.data.scenes.targets import maps, unpacked
from core.model.finder import Finder, load_finder
from core.reading.find.place import overlap
from core.reading.find.search import find

if TYPE_CHECKING:
    from core.data.mnist import Mnist


class Knowing(Finder):
    """Sees exactly the outlines that it was told, in a picture of 640 x 480: what remains is the work of `find`."""

    def __init__(self, outlines: list[np.ndarray]) -> None:
        super().__init__()
        self.outlines = outlines

    def forward(self, gray: Tensor) -> Tensor:
        height, width = gray.shape[2:]
        # The finder is shown a frame with a margin of 8 pixels, at two sizes.
        size = (384 - 16) / 640 if width > 300 else (384 - 16) / 1280
        margin = 8.0 if width > 300 else 4.0
        seen = [outline * size + margin for outline in self.outlines]
        answer = torch.from_numpy(maps([each for each in seen if tall(each) < 150], [], width, height))[None]
        band = torch.where(answer[:, :1] == 1, 9.0, -9.0)
        return torch.cat([band, unpacked(answer)], 1)


def tall(outline: np.ndarray) -> float:
    return float(np.linalg.norm(outline[3] - outline[0]))


def outline(x: float, y: float, wide: float, high: float, degrees: float = 0.0) -> np.ndarray:
    corners = np.array([[-wide, -high], [wide, -high], [wide, high], [-wide, high]]) / 2
    cos, sin = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    return corners @ np.array([[cos, sin], [-sin, cos]]) + (x, y)


PAPER = np.full((480, 640), 200, np.uint8)


@pytest.mark.parametrize("degrees", [0, 5, -20, 90, -90, 180])
@pytest.mark.parametrize("high", [20, 60, 150, 330])
def test_a_number_of_any_height_turned_any_way_gets_its_box_and_the_way_it_is_read(
    degrees: float, high: float
) -> None:
    true = outline(320, 240, 1.2 * high, high, degrees)
    (place,) = find(PAPER, Knowing([true]))
    assert overlap(place.outline, true) > (0.55 if high < 30 else 0.7)
    turned = np.degrees(place.angle) - degrees
    assert abs((turned + 180) % 360 - 180) < 5


def test_sixty_numbers_of_a_page_come_line_by_line_from_the_left() -> None:
    page = [outline(60 + 90 * column, 40 + 36 * row, 60, 26) for row in range(12) for column in range(5)]
    places = find(PAPER, Knowing(page[::-1]))
    assert len(places) == 60
    assert all(overlap(place.outline, true) > 0.6 for place, true in zip(places, page, strict=True))


def test_where_nothing_is_seen_nothing_is_found() -> None:
    assert find(PAPER, Knowing([])) == []


@pytest.mark.parametrize("shape", [(9, 14), (30, 900), (2000, 150), (1080, 1920)])
def test_pictures_of_any_shape_are_looked_at(shape: tuple[int, int]) -> None:
    torch.manual_seed(0)
    assert find(np.full(shape, 128, np.uint8), Finder().eval()) == []


def test_the_bundled_finder_sees_numbers_in_frames_and_none_on_bare_paper(sample: "Mnist") -> None:
    finder, digits = load_finder(), sample.split("validation")
    seen = 0
    for seed in range(8):
        frame = make_frame(digits, "clean", seed)
        ((_, true),) = frame.numbers
        places = find(cv2.cvtColor(frame.picture, cv2.COLOR_RGB2GRAY), finder)
        seen += len(places) == 1 and overlap(places[0].outline, true) > 0.5
    assert seen >= 6
    assert find(cv2.cvtColor(make_empty("blank paper", 1).picture, cv2.COLOR_RGB2GRAY), finder) == []
