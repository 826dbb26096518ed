"""Where the ink of one number stands, whatever the paper is like, and how the strip is cut around it."""

from collections.abc import Callable

import cv2
import numpy as np
import pytest
import torch

from core.data.mnist import load_sample
from core.data.scenes.frame import EMPTY_KINDS, make_empty, make_frame
from core.data.strip import fit, strip
from core.reading.files.picture import as_gray
from core.reading.find.locate import MOST_PLACES, Located, locate, number_box
from tests.drawings import Box, Drawing, around, draw, overlap

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
    box = number_box(change(drawing.gray.astype(np.float32)).clip(0, 255).astype(np.uint8))
    assert box is not None and overlap(box, around(drawing.boxes)) > 0.85


@pytest.mark.parametrize(("paper", "ink"), [(255, 0), (0, 255), (120, 60), (100, 140), (230, 200)])
def test_any_ink_on_any_paper_is_found(paper: int, ink: int) -> None:
    drawing = draw(paper=paper, ink=ink)
    box = number_box(drawing.gray)
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
    box = number_box(drawing.gray)
    assert box is not None and overlap(box, around(drawing.boxes)) > 0.85


@pytest.mark.parametrize("value", "0123456789")
@pytest.mark.parametrize("which", [0, 3])
def test_a_digit_that_fills_its_picture_keeps_its_ink_and_its_polarity(value: str, which: int) -> None:
    whole = draw(value, size=(40, 60), height=20, at=(20, 10), which=which)
    left, top, right, bottom = (round(side) for side in whole.boxes[0])
    box = number_box(whole.gray[top:bottom, left:right])
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
    assert number_box(np.full((120, 300), level, np.uint8)) is None


def test_paper_under_a_lamp_has_no_box() -> None:
    assert number_box(light(np.full((120, 300), 240.0)).astype(np.uint8)) is None


def test_the_grain_of_paper_is_not_ink() -> None:
    grain = np.random.default_rng(1).normal(200, 1.5, (120, 300))
    assert number_box(grain.round().astype(np.uint8)) is None


def test_a_rule_line_alone_is_not_ink() -> None:
    assert number_box(rule_below(np.full((160, 400), 255.0)).astype(np.uint8)) is None


def test_the_strip_lies_where_its_placement_says() -> None:
    drawing = draw("8", at=(250, 30))
    box = number_box(drawing.gray)
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


def test_a_number_held_up_in_a_room_is_found_by_locate_too() -> None:
    drawing = draw("51", size=(140, 460), height=80, at=(140, 30))
    room = drawing.gray.copy()
    room[:, :60] = 90
    room[:, 300:] = np.linspace(150, 60, 160).astype(np.uint8)
    room[40:, 400:430] = 30
    box = number_box(room)
    assert box is not None and overlap(box, around(drawing.boxes)) > 0.7


def paper_with(*drawings: Drawing) -> np.ndarray:
    """One sheet with what is on all of them."""
    return np.minimum.reduce([drawing.gray for drawing in drawings])


def covers(place: Located, box: Box) -> bool:
    return overlap(place.upright, box) > 0.7


def outline(place: Located) -> np.ndarray:
    """(4, 2) corners of a turned box."""
    left, top, right, bottom = place.box
    middle = np.array([(left + right) / 2, (top + bottom) / 2])
    cos, sin = np.cos(place.angle), np.sin(place.angle)
    corners = np.array([[left, top], [right, top], [right, bottom], [left, bottom]]) - middle
    return corners @ np.array([[cos, sin], [-sin, cos]]) + middle


def agreement(place: Located, corners: np.ndarray) -> float:
    """Intersection over union with a true outline."""
    first, second = outline(place).astype(np.float32), corners.astype(np.float32)
    shared = cv2.intersectConvexConvex(first, second)[0]
    return float(shared / (cv2.contourArea(first) + cv2.contourArea(second) - shared))


FRAME = (480, 640)


def test_numbers_come_in_reading_order_with_a_place_each() -> None:
    drawings = [
        draw("31", size=FRAME, height=50, at=(400, 60)),
        draw("407", size=FRAME, height=60, at=(60, 50)),
        draw("58", size=FRAME, height=55, at=(200, 300)),
    ]
    places = locate(paper_with(*drawings)).places
    order = [drawings[1], drawings[0], drawings[2]]
    assert len(places) == 3
    assert all(covers(place, around(each.boxes)) for place, each in zip(places, order, strict=True))


@pytest.mark.parametrize(
    ("text", "height", "at"),
    [("40735", 14, (100, 300)), ("407", 45, (200, 30)), ("62", 200, (120, 120)), ("5", 384, (150, 40))],
)
def test_digits_are_found_from_3_to_80_percent_of_the_frame(
    text: str, height: int, at: tuple[int, int]
) -> None:
    drawing = draw(text, size=FRAME, height=height, at=at)
    places = locate(drawing.gray).places
    assert any(covers(place, around(drawing.boxes)) for place in places)


@pytest.mark.parametrize(("paper", "ink"), [(20, 230), (120, 60), (200, 182)])
def test_a_place_is_found_in_any_ink_on_any_paper(paper: int, ink: int) -> None:
    drawing = draw(size=FRAME, height=90, at=(150, 200), paper=paper, ink=ink)
    noise = np.random.default_rng(0).normal(0, 2, FRAME)
    (place,) = locate((drawing.gray + noise).clip(0, 255).astype(np.uint8)).places
    assert covers(place, around(drawing.boxes))


@pytest.mark.parametrize("degrees", [-20, -8, 12, 20])
def test_the_tilt_of_a_number_is_found(degrees: float) -> None:
    drawing = draw("40735", size=FRAME, height=60, at=(160, 200))
    turn = cv2.getRotationMatrix2D((320, 240), -degrees, 1)
    turned = cv2.warpAffine(drawing.gray, turn, (640, 480), borderValue=(255,))
    (place,) = locate(turned).places
    assert np.rad2deg(place.angle) == pytest.approx(degrees, abs=3)
    left, top, right, bottom = around(drawing.boxes)
    corners = np.array([[left, top, 1], [right, top, 1], [right, bottom, 1], [left, bottom, 1]]) @ turn.T
    assert agreement(place, corners) > 0.75


def test_wide_gaps_do_not_part_a_number_but_wider_ones_do() -> None:
    one = draw("5348", size=FRAME, height=60, at=(60, 200), gap=1.0)
    assert len(locate(one.gray).places) == 1
    apart = draw("53", size=FRAME, height=60, at=(60, 200)), draw("48", size=FRAME, height=60, at=(330, 200))
    assert len(locate(paper_with(*apart)).places) == 2


@pytest.mark.parametrize("step", [48, 130])
@pytest.mark.parametrize("upright", [False, True])
def test_rules_and_grids_that_touch_the_digits_do_not_widen_their_box(step: int, upright: bool) -> None:
    drawing = draw(size=FRAME, height=90, at=(150, 200))
    lined = drawing.gray.copy()
    lined[20::step] = lined[21::step] = 60
    if upright:
        lined[:, 30::step] = lined[:, 31::step] = 60
    prepared = locate(lined)
    assert any(overlap(place.upright, around(drawing.boxes)) > 0.8 for place in prepared.places)
    # The lines are told from the number's own ink.
    digit = drawing.gray < 100
    assert prepared.foreign[(lined < 100) & ~digit].mean() > 0.8
    assert prepared.foreign[digit].mean() < 0.15


def test_the_sheet_on_which_a_number_stands_is_none() -> None:
    table = np.full(FRAME, 70, np.uint8)
    drawing = draw(size=(260, 400), height=90, at=(100, 80))
    table[110:370, 120:520] = drawing.gray
    table[108:110, 118:522] = table[370:372, 118:522] = 20
    table[108:372, 118:120] = table[108:372, 520:522] = 20
    left, top, right, bottom = around(drawing.boxes)
    (place,) = locate(table).places
    assert covers(place, (left + 120, top + 110, right + 120, bottom + 110))


def four_and_one() -> np.ndarray:
    """A 4 whose left arm hangs loose in the angle of its other strokes, and a 1 beside it."""
    gray = np.full(FRAME, 230, np.uint8)
    for start, end in (((330, 150), (280, 330)), ((220, 290), (330, 270)), ((400, 150), (392, 330))):
        cv2.line(gray, start, end, 40, 11, cv2.LINE_AA)
    cv2.line(gray, (258, 160), (246, 230), 40, 11, cv2.LINE_AA)
    return gray


def test_a_broken_4_is_no_frame_around_its_loose_arm() -> None:
    (place,) = locate(four_and_one()).places
    assert covers(place, (215, 145, 405, 335))


def test_what_is_left_of_a_grid_in_a_0_makes_it_no_frame() -> None:
    gray = np.full(FRAME, 230, np.uint8)
    cv2.ellipse(gray, (320, 240), (50, 80), 0, 0, 360, 40, 12, cv2.LINE_AA)
    cv2.line(gray, (320, 205), (320, 275), 120, 2)
    cv2.line(gray, (295, 240), (345, 240), 120, 2)
    assert any(covers(place, (264, 154, 376, 326)) for place in locate(gray).places)


@pytest.mark.parametrize(("start", "end"), [((560, 60), (639, 170)), ((639, 90), (600, 260))])
def test_a_pen_that_comes_in_from_the_side_of_the_picture_is_no_digit(
    start: tuple[int, int], end: tuple[int, int]
) -> None:
    drawing = draw("57", size=FRAME, height=130, at=(300, 190), paper=230, ink=40)
    gray = drawing.gray.copy()
    cv2.line(gray, start, end, 60, 10, cv2.LINE_AA)
    assert any(covers(place, around(drawing.boxes)) for place in locate(gray).places)


def test_a_large_bold_thing_beside_a_number_does_not_hide_it() -> None:
    drawing = draw("57", size=FRAME, height=120, at=(330, 190), paper=230, ink=40)
    gray = drawing.gray.copy()
    cv2.line(gray, (60, 90), (100, 380), 90, 60, cv2.LINE_AA)
    assert any(covers(place, around(drawing.boxes)) for place in locate(gray).places)


def test_light_ink_is_found_under_the_noise_of_a_dark_room() -> None:
    drawing = draw("38", size=FRAME, height=110, at=(220, 180), paper=70, ink=52)
    seen = cv2.GaussianBlur(drawing.gray, (0, 0), 1.5)
    noisy = seen + np.random.default_rng(0).normal(0, 8, FRAME)
    places = locate(noisy.clip(0, 255).astype(np.uint8)).places
    assert any(covers(place, around(drawing.boxes)) for place in places)


def test_a_broken_digit_has_one_place() -> None:
    drawing = draw("58", size=FRAME, height=120, at=(200, 150))
    broken = drawing.gray.copy()
    broken[205:209] = 255
    broken[:, 250:253] = 255
    (place,) = locate(broken).places
    assert covers(place, around(drawing.boxes))


def test_dirt_and_pictures_full_of_marks_cost_few_places() -> None:
    random = np.random.default_rng(0)
    sheet = np.full(FRAME, 255, np.uint8)
    for x, y in random.integers((5, 5), (635, 475), (40, 2)).tolist():
        sheet[y : y + 3, x : x + 3] = 0
    assert locate(sheet).places == []
    for x, y in random.integers((5, 5), (600, 440), (400, 2)).tolist():
        cv2.line(sheet, (x, y), (x + 9, y + 14), (0,), 2)
    assert len(locate(sheet).places) <= MOST_PLACES


@pytest.mark.parametrize("kind", ["blank paper", "dark"])
def test_frames_that_show_nothing_have_no_place(kind: str) -> None:
    assert kind in EMPTY_KINDS
    assert [locate(as_gray(make_empty(kind, seed).picture)).places for seed in range(3)] == [[], [], []]


@pytest.mark.parametrize(
    "condition",
    [
        "clean",
        "lighting gradient",
        "gray paper, noise and blur",
        "25 % scale off-centre",
        "inverted",
        "grid paper",
        "motion blur",
    ],
)
def test_camera_frames_have_a_place_where_their_number_is(condition: str) -> None:
    frames = [make_frame(load_sample().split("validation"), condition, seed) for seed in range(6)]
    found = [
        any(agreement(place, frame.numbers[0][1]) > 0.5 for place in locate(as_gray(frame.picture)).places)
        for frame in frames
    ]
    assert sum(found) >= 5


@pytest.mark.parametrize("size", [(1, 1), (1, 300), (300, 1), (3, 7), (40, 6000), (2000, 3000)])
def test_a_picture_of_any_size_is_prepared(size: tuple[int, int]) -> None:
    noise = np.random.default_rng(0).integers(0, 256, size).astype(np.uint8)
    prepared = locate(noise)
    assert prepared.ink.shape == prepared.foreign.shape == prepared.corrected.shape
    assert prepared.ink.shape[1] == pytest.approx(size[1] * prepared.scale, abs=1)
    assert (
        prepared.corrected.dtype == np.float32
        and 0 <= prepared.corrected.min() <= prepared.corrected.max() <= 1
    )


def test_places_are_in_pixels_of_the_picture_whatever_its_size() -> None:
    small = draw(size=FRAME, height=90, at=(150, 200))
    large = cv2.resize(small.gray, None, fx=4, fy=4, interpolation=cv2.INTER_CUBIC)
    (place,) = locate(large).places
    left, top, right, bottom = around(small.boxes)
    assert covers(place, (4 * left, 4 * top, 4 * right, 4 * bottom))
