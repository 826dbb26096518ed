"""Camera frames: known numbers under named conditions, outlined where their ink is, and scenes without any."""

from functools import cache
from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest

from core.data.mnist import Digits
from core.data.scenes.frame import CONDITIONS, EMPTY_KINDS, Frame, make_empty, make_frame, strokes
from core.data.scenes.scenery import HEIGHT, WIDTH

if TYPE_CHECKING:
    from core.data.mnist import Mnist


@pytest.fixture(scope="module")
def digits(sample: "Mnist") -> Digits:
    return sample.split("train")


def upright(frame: Frame, margin: int) -> np.ndarray:
    """HW uint8: the number's outline laid straight at about its own size, with a margin."""
    ((_, outline),) = frame.numbers
    wide = round(float(np.linalg.norm(outline[1] - outline[0])))
    tall = round(float(np.linalg.norm(outline[3] - outline[0])))
    there = np.array([[0, 0], [wide, 0], [wide, tall], [0, tall]], np.float32) + margin
    matrix = cv2.getPerspectiveTransform(outline.astype(np.float32), there)
    gray = cv2.cvtColor(frame.picture, cv2.COLOR_RGB2GRAY)
    return cv2.warpPerspective(gray, matrix, (wide + 2 * margin, tall + 2 * margin))


@pytest.mark.parametrize("condition", CONDITIONS)
def test_a_seed_gives_the_same_frame_again_and_the_same_number_under_every_condition(
    digits: Digits, condition: str
) -> None:
    frame, again, other = (make_frame(digits, condition, seed) for seed in (3, 3, 4))
    assert frame.picture.shape == (HEIGHT, WIDTH, 3) and frame.picture.dtype == np.uint8
    assert (frame.picture == again.picture).all() and (frame.picture != other.picture).any()
    assert frame.numbers[0][0] == make_frame(digits, "clean", 3).numbers[0][0]


@pytest.mark.parametrize("condition", CONDITIONS)
def test_a_number_lies_whole_in_its_frame(digits: Digits, condition: str) -> None:
    for seed in range(2):
        ((text, outline),) = make_frame(digits, condition, seed).numbers
        assert 1 <= len(text) <= 5 and text.isdigit()
        assert (outline > 5).all() and (outline < (WIDTH - 5, HEIGHT - 5)).all()
        assert cv2.contourArea(outline.astype(np.float32), oriented=True) > 0, "clockwise as seen"


@pytest.mark.parametrize("condition", ["clean", "rotation up to 15 degrees", "perspective", "inverted"])
def test_the_outline_is_that_of_the_ink(digits: Digits, condition: str) -> None:
    for seed in range(4):
        frame = make_frame(digits, condition, seed)
        patch = upright(frame, 6).astype(np.float32)
        distance = np.abs(patch - np.median(patch))
        left, top, wide, tall = cv2.boundingRect((distance > 0.35 * distance.max()).astype(np.uint8))
        found = np.array([left, top, patch.shape[1] - left - wide, patch.shape[0] - top - tall])
        assert (np.abs(found - 6) <= 4).all(), (seed, found)


def test_numbers_of_all_lengths_and_digits_are_written(digits: Digits) -> None:
    texts = [make_frame(digits, "clean", seed).numbers[0][0] for seed in range(24)]
    assert {len(text) for text in texts} == {1, 2, 3, 4, 5} and set("".join(texts)) == set("0123456789")


def height(frame: Frame) -> float:
    ((_, outline),) = frame.numbers
    return float(np.linalg.norm(outline[3] - outline[0]))


def test_conditions_do_what_they_say(digits: Digits) -> None:
    @cache
    def frames(condition: str) -> list[Frame]:
        return [make_frame(digits, condition, seed) for seed in range(8)]

    clean = frames("clean")
    for condition, scale in (("60 % scale off-centre", 0.6), ("25 % scale off-centre", 0.25)):
        ratios = [
            height(small) / height(whole) for small, whole in zip(frames(condition), clean, strict=True)
        ]
        assert np.median(ratios) == pytest.approx(scale, rel=0.25)
        middles = np.array([frame.numbers[0][1].mean(0) for frame in frames(condition)])
        assert (np.abs(middles / (WIDTH, HEIGHT) - 0.5) > 0.1).any(axis=1).mean() > 0.8

    def slopes(condition: str) -> np.ndarray:
        edges = np.array([frame.numbers[0][1][1] - frame.numbers[0][1][0] for frame in frames(condition)])
        return np.abs(np.degrees(np.arctan2(edges[:, 1], edges[:, 0])))

    assert slopes("clean").max() < 5 < np.median(slopes("rotation up to 15 degrees"))
    assert slopes("rotation up to 15 degrees").max() < 18

    def ink_above_paper(condition: str) -> np.ndarray:
        patches = [upright(frame, 4) for frame in frames(condition)]
        return np.array([float(np.mean(patch)) - float(np.median(patch)) for patch in patches])

    assert (ink_above_paper("clean") < 0).mean() > 0.9 and (ink_above_paper("inverted") > 0).mean() > 0.9
    assert np.abs(ink_above_paper("light ink")).mean() < 0.5 * np.abs(ink_above_paper("clean")).mean()


@pytest.mark.parametrize("kind", EMPTY_KINDS)
def test_an_empty_frame_holds_no_number_and_no_two_are_the_same(kind: str) -> None:
    frames = [make_empty(kind, seed) for seed in range(2)]
    assert all(frame.numbers == () and frame.picture.shape == (HEIGHT, WIDTH, 3) for frame in frames)
    assert len({frame.picture.tobytes() for frame in frames}) == 2
    assert (make_empty(kind, 0).picture == frames[0].picture).all()


def test_unknown_names_are_refused_with_those_that_are_known(digits: Digits) -> None:
    with pytest.raises(ValueError, match="condition 'fog' is unknown; try one of clean"):
        make_frame(digits, "fog", 0)
    with pytest.raises(ValueError, match="kind 'void' is unknown; try one of blank paper"):
        make_empty("void", 0)


def test_a_thin_pen_breaks_no_digit(digits: Digits) -> None:
    def pieces(ink: np.ndarray) -> int:
        return cv2.connectedComponents(ink.astype(np.uint8))[0] - 1

    whole = [image for image in digits.images[:200] if pieces(image > 40) == 1]
    broken = sum(pieces(strokes(image, 2.0) > 0) != 1 for image in whole)
    assert len(whole) > 150 and broken <= 1
