"""Finds the numbers in a picture: the finder's maps of it, at two scales, become a turned box for each."""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np
import torch

from core.data.scenes.scene import HEIGHT, WIDTH
from core.data.scenes.targets import CELL, INSET, UNIT
from core.model.finder import REDUCTION, Finder
from core.reading.find.place import Place

_ROOM = 1.05  # times a number's height: what is cut off costs more than paper around it
_LONG = 1.6  # heights: a band of that length tells its own direction
_AGREES = 0.7  # cosine: unless it runs across what is told
_MARGIN = 8  # pixels of paper around the picture: a number at its very edge has a band, too
_LARGEST = 4.0  # times: a tiny picture is enlarged so much at most
_IN_BAND = 0.5  # probability
_SURE = 0.65  # mean probability of a place's cells, at least
_FINE, _COARSE = (
    110.0,
    36.0,
)  # pixels seen: higher numbers are left to the coarse scale, lower ones to the fine one
_ENDS = -0.7  # cells: how much wider a band is seen than it is, at each end


@dataclass(frozen=True)
class _Candidate:
    place: Place
    tall: float
    score: float


def find(gray: np.ndarray, finder: Finder) -> list[Place]:
    """Every number in a HW uint8 picture of any size, in reading order; none where there is none."""
    seen, scale = _framed(gray)
    fine = [each for each in _candidates(seen, finder) if each.tall < _FINE]
    coarse = [_scaled(each, 2.0) for each in _candidates(_halved(seen), finder) if each.tall > _COARSE]
    kept = _apart(fine + coarse)
    return _in_reading_order([_in_picture(each.place, scale) for each in kept])


def find_turned(gray: np.ndarray, finder: Finder, quarters: int) -> list[Place]:
    """Every number in a HW uint8 picture that was taken sideways or upside down: first turned so many quarters anticlockwise."""
    height, width = gray.shape
    found = find(np.ascontiguousarray(np.rot90(gray, quarters)), finder)
    return [place.turned_back(quarters, width, height) for place in found]


def band(gray: np.ndarray, finder: Finder) -> np.ndarray:
    """HW float32 of the picture's size: how likely each pixel lies in the middle band of a number, of a size that its scale is for."""
    seen, scale = _framed(gray)
    height, width = gray.shape
    fine, coarse = _likely(seen, finder, 0.0, _FINE), _likely(_halved(seen), finder, _COARSE, np.inf)
    twice = cv2.resize(coarse, None, fx=2, fy=2, interpolation=cv2.INTER_LINEAR)
    large = np.maximum(fine, twice[: fine.shape[0], : fine.shape[1]])
    inside = large[_MARGIN : _MARGIN + round(height * scale), _MARGIN : _MARGIN + round(width * scale)]
    return cv2.resize(inside, (width, height), interpolation=cv2.INTER_LINEAR)


def _likely(seen: np.ndarray, finder: Finder, least: float, most: float) -> np.ndarray:
    """How likely each pixel of what is seen lies in the band of a number between so many and so many pixels high."""
    maps = _maps(seen, finder)
    tall = UNIT * 2 ** maps[1]
    cells = ((least < tall) & (tall < most)) / (1 + np.exp(-maps[0]))
    return cv2.resize(cells, None, fx=CELL, fy=CELL, interpolation=cv2.INTER_LINEAR)


def _framed(gray: np.ndarray) -> tuple[np.ndarray, float]:
    """The picture at the finder's size, its paper going on around it; and pixels of that for one of the picture."""
    height, width = gray.shape
    inner = (WIDTH - 2 * _MARGIN) * (HEIGHT - 2 * _MARGIN)
    scale = min((inner / (width * height)) ** 0.5, _LARGEST)
    size = max(round(width * scale), 1), max(round(height * scale), 1)
    small = cv2.resize(gray, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
    return _padded(cv2.copyMakeBorder(small, _MARGIN, 0, _MARGIN, 0, cv2.BORDER_REPLICATE), _MARGIN), scale


def _padded(picture: np.ndarray, least: int = 0) -> np.ndarray:
    """With more of the same to the right and below, at least so much, up to what the finder takes."""
    height, width = picture.shape
    return cv2.copyMakeBorder(
        picture,
        0,
        least + -(height + least) % REDUCTION,
        0,
        least + -(width + least) % REDUCTION,
        cv2.BORDER_REPLICATE,
    )


def _halved(seen: np.ndarray) -> np.ndarray:
    """At half the size, for what is large."""
    half = cv2.resize(seen, (seen.shape[1] // 2, seen.shape[0] // 2), interpolation=cv2.INTER_AREA)
    return _padded(half)


def _maps(seen: np.ndarray, finder: Finder) -> np.ndarray:
    """(5, rows, columns) float32."""
    with torch.inference_mode():
        return finder(torch.from_numpy(seen)[None, None].float() / 255)[0].numpy()


def _candidates(seen: np.ndarray, finder: Finder) -> list[_Candidate]:
    """A turned box for each connected piece of the band, in pixels of what is seen."""
    odds, tall_map, offset_map, along_x, along_y = _maps(seen, finder)
    probability = 1 / (1 + np.exp(-odds))
    count, labels = cv2.connectedComponents((probability > _IN_BAND).astype(np.uint8), connectivity=4)
    rows, columns = np.nonzero(labels)
    order = np.argsort(labels[rows, columns], kind="stable")
    rows, columns = rows[order], columns[order]
    ends = np.cumsum(np.bincount(labels[rows, columns], minlength=count))
    found = []
    for first, last in zip(ends[:-1].tolist(), ends[1:].tolist(), strict=True):
        y, x = rows[first:last], columns[first:last]
        weight = probability[y, x]
        score = float(weight.mean())
        if score < _SURE:
            continue
        weight = weight / weight.sum()
        tall = _ROOM * UNIT * 2 ** float(weight @ tall_map[y, x])
        centres = np.stack([x + 0.5, y + 0.5], 1) * CELL
        along = _along(centres, weight, np.array([weight @ along_x[y, x], weight @ along_y[y, x]]), tall)
        across = np.array([-along[1], along[0]])
        reach, level = centres @ along, centres @ across + offset_map[y, x] * tall
        low, high = reach.min() - (0.5 + _ENDS) * CELL, reach.max() + (0.5 + _ENDS) * CELL
        wide = high - low + 2 * INSET * tall
        middle = along * (low + high) / 2 + across * float(weight @ level)
        box = middle[0] - wide / 2, middle[1] - tall / 2, middle[0] + wide / 2, middle[1] + tall / 2
        angle = float(np.arctan2(along[1], along[0]))
        found.append(
            _Candidate(
                Place((float(box[0]), float(box[1]), float(box[2]), float(box[3])), angle), tall, score
            )
        )
    return found


def _along(centres: np.ndarray, weight: np.ndarray, told: np.ndarray, tall: float) -> np.ndarray:
    """The direction in which a number is read, as told; of a long one that in which its band runs, which is more exact."""
    told = told / (np.linalg.norm(told) + 1e-6)
    apart = centres - weight @ centres
    spread, axes = np.linalg.eigh((apart * weight[:, None]).T @ apart)
    if spread[1] < (_LONG * tall) ** 2 / 12:
        return told
    axis: np.ndarray = axes[:, 1] * np.sign(axes[:, 1] @ told)
    return axis if axis @ told > _AGREES else told


def _scaled(candidate: _Candidate, by: float) -> _Candidate:
    left, top, right, bottom = candidate.place.box
    place = replace(candidate.place, box=(left * by, top * by, right * by, bottom * by))
    return _Candidate(place, candidate.tall * by, candidate.score)


def _apart(candidates: list[_Candidate]) -> list[_Candidate]:
    """The surest ones, none over another."""
    kept: list[_Candidate] = []
    for candidate in sorted(candidates, key=lambda each: -each.score * min(each.tall, 60) ** 0.1):
        own = candidate.place.outline
        area = cv2.contourArea(own)
        if all(
            cv2.intersectConvexConvex(own, other.place.outline)[0]
            < 0.3 * min(area, cv2.contourArea(other.place.outline))
            for other in kept
        ):
            kept.append(candidate)
    return kept


def _in_picture(place: Place, scale: float) -> Place:
    left, top, right, bottom = ((side - _MARGIN) / scale for side in place.box)
    return replace(place, box=(left, top, right, bottom))


def _in_reading_order(places: list[Place]) -> list[Place]:
    """Lines from top to bottom: what starts a line takes all with it whose middles are level with it."""
    left = sorted(places, key=lambda each: each.box[1] + each.box[3])
    ordered: list[Place] = []
    while left:
        first = left[0]
        middle, reach = (first.box[1] + first.box[3]) / 2, 0.5 * (first.box[3] - first.box[1])
        line = [each for each in left if abs((each.box[1] + each.box[3]) / 2 - middle) < reach]
        ordered += sorted(line, key=lambda each: each.box[0])
        left = [each for each in left if all(each is not other for other in line)]
    return ordered
