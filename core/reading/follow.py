"""The numbers of a video, followed from reading to reading: a search of the whole picture only where it is needed."""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np

from core.reading.agree import Agreed, Track
from core.reading.find.place import Box, Place
from core.reading.reader import Reader, needed

_EVERY: Final = 4  # readings from one search to the next, while all that is followed is agreed on
_SMALL: Final = 320  # pixels: width in which movement is looked for
_POINTS: Final = 30  # of a place, at most
_FEWEST: Final = 4  # of them must be found again
_BACK: Final = 0.7  # pixels: how exactly a point followed there and back must return
_CHANGE: Final = 1.2  # times: a number grows or shrinks no faster
_ABOUT: Final = 0.3  # heights around a number that move with it
_STILL: Final = 1 / 400  # of the picture's width: who has travelled no further may be standing
_SAME: Final = 0.5  # of the smaller box: how far two boxes overlap where they hold one number
_EVEN: Final = 0.35  # of the ink's contrast: how far the paper around a lone 1 may differ


class Follower:
    """Follows the numbers in the frames of one camera, which come one after another; no clock, no thread."""

    def __init__(self) -> None:
        self.tracks: list[Track] = []
        self._before: np.ndarray | None = None
        self._since_search = _EVERY

    def follow(self, frame: np.ndarray, reader: Reader, at_least: float) -> tuple[Agreed, ...]:
        """What the readings agree on with one more frame (HWC uint8 RGB), in reading order of the last search.

        Nothing is claimed whose probability, the one that is told, is less than `at_least`; of nothing but 1s it must be surer,
        and they need paper around them. A room is full of rings, loops and edges that cannot be told from a digit by how they
        look, but they stand still: a lone digit is claimed once it has moved, as all does that a hand holds.
        """
        gray = cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY)
        scale = min(_SMALL / gray.shape[1], 1.0)
        small = cv2.resize(gray, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        moved = [self._moved(track.place, small, scale) for track in self.tracks]
        self._before = small
        settled = bool(self.tracks) and all(track.text for track in self.tracks) and None not in moved
        for track, place in zip(self.tracks, moved, strict=True):
            if place is not None:
                _move(track, place, _STILL * frame.shape[1])
        if settled and self._since_search < _EVERY:
            self._since_search += 1
            seen = self.tracks
        else:
            self._since_search = 1
            seen = self._search(frame, reader)
        readings = iter(reader.read_at(frame, [track.place for track in seen]))
        agreed = []
        for track in self.tracks:
            reading = next(readings) if any(track is each for each in seen) else None
            if reading is not None and (
                reading.is_cut or (set(reading.text) == {"1"} and not on_paper(gray, track.place))
            ):
                reading = None
            said = track.vote(reading)
            if said is None or said.probability < needed(said.reading.text, at_least):
                continue
            if len(said.reading.text) > 1 or track.moves:
                agreed.append(said)
        self.tracks = [track for track in self.tracks if not track.gone]
        return tuple(agreed)

    def _search(self, frame: np.ndarray, reader: Reader) -> list[Track]:
        """The tracks that are found in the whole picture, old and new; those that are not stay behind them."""
        free, seen = list(self.tracks), []
        for place in reader.find(frame):
            nearest = max(free, key=lambda track: overlap(track.place.upright, place.upright), default=None)
            if nearest is not None and overlap(nearest.place.upright, place.upright) > _SAME:
                free = [track for track in free if track is not nearest]
                nearest.place = place
            else:
                nearest = Track(place)
            seen.append(nearest)
        self.tracks = [*seen, *free]
        return seen

    def _moved(self, place: Place, small: np.ndarray, scale: float) -> Place | None:
        """Where it is now; None where it is lost. Points in and about it are followed from the last frame."""
        before = self._before
        if before is None or before.shape != small.shape:
            return None
        about = np.zeros_like(before)
        reach = _ABOUT * (place.box[3] - place.box[1])
        wider = np.add(place.box, (-reach, -reach, reach, reach)).tolist()
        outline = Place((wider[0], wider[1], wider[2], wider[3]), place.angle).outline
        cv2.fillConvexPoly(about, (scale * outline).round().astype(np.int32), 255)
        points = cv2.goodFeaturesToTrack(before, _POINTS, 0.02, 3, mask=about)
        if np.size(points) < 2 * _FEWEST:  # OpenCV gives None for none at all
            return None
        there, found, _ = cv2.calcOpticalFlowPyrLK(
            before, small, points, points.copy(), winSize=(15, 15), maxLevel=2
        )
        back, also, _ = cv2.calcOpticalFlowPyrLK(
            small, before, there, points.copy(), winSize=(15, 15), maxLevel=2
        )
        exact = np.abs(back - points).max(axis=(1, 2)) < _BACK
        kept = exact & (found[:, 0] > 0) & (also[:, 0] > 0)
        if kept.sum() < max(_FEWEST, len(points) // 2):
            return None
        matrix, _ = cv2.estimateAffinePartial2D(points[kept], there[kept])
        if matrix is None:
            return None
        grown = float(np.hypot(matrix[0, 0], matrix[1, 0]))
        if not 1 / _CHANGE < grown < _CHANGE:
            return None
        left, top, right, bottom = place.box
        x, y = (matrix @ [scale * (left + right) / 2, scale * (top + bottom) / 2, 1.0]) / scale
        wide, tall = grown * (right - left) / 2, grown * (bottom - top) / 2
        turned = float(np.arctan2(matrix[1, 0], matrix[0, 0]))
        box = float(x - wide), float(y - tall), float(x + wide), float(y + tall)
        return Place(box, place.angle + turned)


def _move(track: Track, place: Place, still: float) -> None:
    (left, top, right, bottom), (a, b, c, d) = track.place.box, place.box
    x, y = track.travelled
    track.travelled = x + (a + c - left - right) / 2, y + (b + d - top - bottom) / 2
    track.moves = track.moves or float(np.hypot(*track.travelled)) > still
    track.place = place


def on_paper(gray: np.ndarray, place: Place) -> bool:
    """Whether what stands at a place of a HW uint8 picture has even paper of one level on both its sides.

    The edge of a thing looks like a 1, but its two sides differ.
    """
    left, top, right, bottom = place.box
    tall, wide = bottom - top, right - left
    turn = cv2.getRotationMatrix2D(
        ((left + right) / 2, (top + bottom) / 2), float(np.degrees(place.angle)), 32 / tall
    )
    reach = wide / 2 / tall * 32
    half = int(reach + 15)
    turn[:, 2] += np.array([half - (left + right) / 2, 16 - (top + bottom) / 2])
    seen = cv2.warpAffine(gray, turn, (2 * half, 32), flags=cv2.INTER_AREA, borderMode=cv2.BORDER_REPLICATE)
    sides = seen[:, :11], seen[:, -11:]
    levels = [float(np.median(side)) for side in sides]
    ink = seen[4:-4, half - max(int(reach), 1) : half + max(int(reach), 1)].astype(np.float32)
    contrast = float(np.percentile(np.abs(ink - np.mean(levels)), 90))
    spread = max(float(np.subtract(*np.percentile(side, [85, 15]))) for side in sides)
    return abs(levels[0] - levels[1]) < _EVEN * contrast and spread < 2 * _EVEN * contrast


def overlap(first: Box, second: Box) -> float:
    """What two boxes share, as a share of the smaller."""
    wide = min(first[2], second[2]) - max(first[0], second[0])
    tall = min(first[3], second[3]) - max(first[1], second[1])
    if wide <= 0 or tall <= 0:
        return 0.0
    smaller = min((box[2] - box[0]) * (box[3] - box[1]) for box in (first, second))
    return wide * tall / max(smaller, 1e-9)
