"""The number at a place, alone: what else lies there is painted over with the paper beside it."""

import cv2
import numpy as np

from core.data.strip import fit
from core.reading.find.crop import crop
from core.reading.find.locate import Located, Prepared

PLACE = Located((100.0, 60.0, 220.0, 120.0), 0.0)


def prepared(gray: np.ndarray, foreign: np.ndarray) -> Prepared:
    ink = ((gray < 128) | (foreign > 0)).astype(np.uint8)
    return Prepared(gray.astype(np.float32) / 255, ink, foreign, 1.0, [PLACE])


def with_number_and_line() -> tuple[np.ndarray, np.ndarray]:
    """A dark bar where the number stands, and a dark line through it that belongs to something else."""
    gray = np.full((200, 320), 220, np.uint8)
    cv2.rectangle(gray, (110, 60), (130, 119), 30, -1)
    foreign = np.zeros_like(gray)
    cv2.line(foreign, (0, 126), (319, 126), 1, 3)
    gray[foreign > 0] = 30
    return gray, foreign


def test_what_belongs_to_no_number_is_painted_over() -> None:
    gray, foreign = with_number_and_line()
    plain, _, _ = fit(gray, PLACE.box, 32, 160)
    alone, extents, placement = crop(gray, prepared(gray, foreign), PLACE, 32, 160)
    below = slice(round((120 - placement.top) / placement.scale) + 1, None)
    columns = slice(round(extents[0]), round(extents[1]))
    assert plain[below, columns].min() < 0.4
    assert np.abs(alone[below, columns] - 220 / 255).max() < 0.05


def test_the_number_itself_is_left_as_it_is() -> None:
    gray, foreign = with_number_and_line()
    plain, _, placement = fit(gray, PLACE.box, 32, 160)
    alone, _, _ = crop(gray, prepared(gray, foreign), PLACE, 32, 160)
    rows = slice(None, round((120 - placement.top) / placement.scale) - 1)
    assert np.array_equal(alone[rows], plain[rows])


def test_where_nothing_else_lies_the_picture_is_that_of_fit() -> None:
    gray, _ = with_number_and_line()
    nothing = np.zeros_like(gray)
    plain, alone = fit(gray, PLACE.box, 32, 160), crop(gray, prepared(gray, nothing), PLACE, 32, 160)
    assert np.array_equal(alone[0], plain[0]) and alone[1:] == plain[1:]


def test_a_tilted_place_is_painted_over_where_it_lies() -> None:
    gray, foreign = np.full((200, 320), 220, np.uint8), np.zeros((200, 320), np.uint8)
    place = Located(PLACE.box, 0.2)
    _, _, placement = fit(gray, place.box, 32, 160, place.angle)
    cv2.rectangle(gray, (150, 80), (160, 100), 30, -1)
    (first, last) = placement.outline((0.0, 29.0, 160.0, 29.0))[:2].round().astype(int).tolist()
    cv2.line(foreign, first, last, 1, 3)
    gray[foreign > 0] = 30
    tilted, level = (
        crop(gray, prepared(gray, foreign), where, 32, 160)[0] for where in (place, Located(PLACE.box, 0.0))
    )
    assert (fit(gray, place.box, 32, 160, place.angle)[0][28:30] < 0.5).any(axis=0).mean() > 0.8
    assert tilted[28:30].min() > 0.8 and tilted[:27].min() < 0.3
    assert not np.array_equal(tilted, level)


def test_where_there_is_no_paper_nothing_is_painted() -> None:
    gray, _ = with_number_and_line()
    whole = np.ones_like(gray)
    assert np.array_equal(
        crop(gray, prepared(gray, whole), PLACE, 32, 160)[0], fit(gray, PLACE.box, 32, 160)[0]
    )


def test_the_table_beyond_the_edge_of_the_sheet_is_painted_over() -> None:
    gray, _ = with_number_and_line()
    gray[122:] = 220
    sheet, _, placement = fit(gray, PLACE.box, 32, 160)
    seen = prepared(gray, np.zeros_like(gray))
    gray[:, 226:] = 60
    alone, extents, _ = crop(gray, seen, PLACE, 32, 160)
    columns = slice(round(extents[0]), round(extents[1]))
    assert placement.outline((0.0, 0.0, extents[1], 32.0))[1, 0] > 230  # the table shows
    assert np.abs(alone[:, columns] - sheet[:, columns]).max() < 0.05


def test_a_place_at_the_sheet_edge_does_not_keep_the_table_in_the_crop_beside_it() -> None:
    gray, _ = with_number_and_line()
    gray[122:] = 220
    sheet, _, _ = fit(gray, PLACE.box, 32, 160)
    seen = prepared(gray, np.zeros_like(gray))
    gray[:, 228:] = 60
    seen.ink[70:110, 226:230] = 1  # in no number's box, but not foreign either
    alone, extents, _ = crop(gray, seen, PLACE, 32, 160)
    columns = slice(round(extents[0]), round(extents[1]))
    assert np.abs(alone[:, columns] - sheet[:, columns]).max() < 0.05


def test_a_sheet_edge_that_was_taken_for_a_number_is_not_made_a_1() -> None:
    gray = np.full((200, 320), 220, np.uint8)
    gray[:, 158:] = 60
    place = Located((154.0, 60.0, 162.0, 120.0), 0.0)
    nothing = np.zeros_like(gray)
    ink = nothing.copy()
    ink[60:120, 154:162] = 1
    seen = Prepared(gray.astype(np.float32) / 255, ink, nothing, 1.0, [place])
    assert np.array_equal(crop(gray, seen, place, 32, 160)[0], fit(gray, place.box, 32, 160)[0])
