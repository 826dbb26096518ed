"""Places are turned rectangles: their corners, and the one around several."""

import numpy as np
import pytest

from core.reading.find.place import Place, around


def test_a_turned_place_keeps_its_middle_and_its_sides() -> None:
    outline = Place((10.0, 20.0, 50.0, 30.0), np.radians(90)).outline
    assert outline == pytest.approx(np.array([[35, 5], [35, 45], [25, 45], [25, 5]]))
    assert Place((10.0, 20.0, 50.0, 30.0), np.radians(90)).upright == pytest.approx((25, 5, 35, 45))


def test_of_one_place_the_place_around_it_is_itself() -> None:
    place = Place((10.0, 20.0, 50.0, 30.0), 0.3)
    assert around([place]).outline == pytest.approx(place.outline, abs=1e-3)


@pytest.mark.parametrize("angle", [0.0, 0.4, -2.0])
def test_the_place_around_pieces_of_a_line_is_turned_as_the_line_is(angle: float) -> None:
    whole = Place((0.0, 0.0, 100.0, 20.0), angle)
    left, middle, right = (
        whole.outline[0] + share * (whole.outline[1] - whole.outline[0]) for share in (0.2, 0.5, 0.8)
    )
    down = (whole.outline[3] - whole.outline[0]) / 2

    def piece(above: np.ndarray, wide: float) -> Place:
        x, y = (above + down).tolist()
        return Place((x - wide / 2, y - 10, x + wide / 2, y + 10), angle)

    joined = around([piece(right, 40.0), piece(middle, 10.0), piece(left, 40.0)])
    assert joined.outline == pytest.approx(whole.outline, abs=1e-3)


@pytest.mark.parametrize("angle", [0.0, 0.4, -2.0])
def test_a_parted_place_meets_at_that_share_of_its_length(angle: float) -> None:
    whole = Place((0.0, 0.0, 100.0, 20.0), angle)
    first, second = (part.outline for part in whole.parted(0.3))
    seam = whole.outline[0] + 0.3 * (whole.outline[1] - whole.outline[0])
    assert first[0] == pytest.approx(whole.outline[0], abs=1e-4)
    assert second[2] == pytest.approx(whole.outline[2], abs=1e-4)
    assert first[1] == pytest.approx(seam, abs=1e-4) and second[0] == pytest.approx(seam, abs=1e-4)
