"""How a number held up to a camera in a furnished room is read, from the first frame to the last."""

from __future__ import annotations

import statistics
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import cv2
import numpy as np

from benchmarks.bench import Benchmark, NumberModel, value
from core.data.mnist import load_mnist
from core.data.scenes.rooms import background, fingers
from core.data.scenes.sheets import Sheet, make_sheet
from core.data.scenes.writing import TALL, Writers
from core.reading import Reader, limit_threads
from core.reading.follow import Follower
from core.reading.reader import LEAST_SURE

RATE = 12
"""Readings a second, as the live reader has them."""
WIDTH, HEIGHT = 640, 480

_NONE: dict[Literal["nothing", "other"], str] = {
    "nothing": "in an empty room",
    "other": "of words and drawings on a sheet",
}
_BEFORE, _COMING, _HELD, _AFTER = 2.0, 0.4, 4.0, 1.0  # seconds
_TALL = 26  # pixels of a digit, at least


@dataclass(frozen=True)
class Live(Benchmark):
    """A sheet with one number is held up by an unsteady hand in a simulated room, or nothing is. Seconds are simulated."""

    checkpoint: NumberModel = None
    clips: int = 60
    """clips with a number; every third begins with it in the picture, half as many are without one, in two kinds"""
    seed: int = 7000

    def rows(self) -> Iterator[str]:
        limit_threads(1)
        reader = Reader.from_checkpoint(self.checkpoint)
        writers = Writers(load_mnist().split("validation"), split="validation")
        exact, shown, times = 0, 0, []
        for number in range(self.clips):
            clip = Held(writers, self.seed + number, "number", at_once=number % 3 == 0)
            said = _said(clip, reader)[clip.whole : clip.goes]
            first = next((at for at, texts in enumerate(said) if texts), len(said))
            exact += sum(texts == [clip.text] for texts in said[first:])
            shown += len(said) - first
            times.append((said.index([clip.text]) + 1) / RATE if [clip.text] in said else float("inf"))
        yield f"{self.clips} clips with a number, {self.clips // 2} of each kind without one, {RATE} readings a second"
        yield value("read exactly, once anything is shown", 100 * exact / max(shown, 1), "% of frames")
        yield value("never read", sum(time == float("inf") for time in times), "clips")
        times.sort()
        yield value("time to the right one: median", statistics.median(times), "s")
        yield value("time to the right one: 90th percentile", times[int(0.9 * (len(times) - 1))], "s")
        for what, name in _NONE.items():
            claims = frames = 0
            for number in range(self.clips // 2):
                said = _said(Held(writers, 10 * self.seed + number, what), reader)
                claims += sum(text not in before for before, texts in pairwise([[], *said]) for text in texts)
                frames += len(said)
            yield value(f"false readings, {name}", claims / (frames / RATE / 60), "a minute")


def _said(clip: Held, reader: Reader) -> list[list[str]]:
    """What is shown on each frame."""
    follower = Follower()
    frames = (clip.frame(number) for number in range(clip.frames))
    return [[one.reading.text for one in follower.follow(frame, reader, LEAST_SURE)] for frame in frames]


class Held:
    """A clip of a room: a sheet comes, is held by an unsteady hand, and goes; the same seed gives the same clip."""

    def __init__(
        self,
        writers: Writers,
        seed: int,
        holds: Literal["number", "other", "nothing"],
        *,
        at_once: bool = False,
    ) -> None:
        self._random = random = np.random.default_rng(seed)
        room = background((WIDTH, HEIGHT), writers, [], random)
        self._room = cv2.copyMakeBorder(room, 8, 8, 8, 8, cv2.BORDER_REPLICATE)
        self.sheet: Sheet | None = None
        self.text = ""
        if holds == "number":
            self.text = _number(random)
            self.sheet = _sheet_with_a_number(writers, random, self.text)
        elif holds == "other":
            size = random.uniform((260, 180), (500, 380)).astype(int).tolist()
            self.sheet = make_sheet(writers, random, *size, numbers=False)
        before = 0.0 if at_once else _BEFORE
        self._comes = round(before * RATE)
        self.whole = self._comes if at_once else self._comes + round(_COMING * RATE)
        self.goes = self.whole + round(_HELD * RATE)
        self.frames = self.goes + round((_COMING + _AFTER) * RATE)
        self._hand = _unsteady(random, self.frames)
        self._shakes = random.random() < 0.3  # the camera, too, as that of a phone
        self._camera = _unsteady(random, self.frames)
        self._focus = random.random() < 0.4
        self._gain, self._noise = random.uniform(0.55, 1.05), random.uniform(1, 6)
        self._blur = random.uniform(0.3, 1.0)
        self._place = random.uniform((-90, -60), (90, 60))
        self._roll = random.normal(0, 5)
        self._grip = int(random.integers(1 << 30))

    def frame(self, number: int) -> np.ndarray:
        """HWC uint8 RGB."""
        x, y, _, _ = self._camera[number] if self._shakes else np.zeros(4)
        shift = np.array([[1, 0, x / 2 - 8], [0, 1, y / 2 - 8]])
        scene = cv2.warpAffine(self._room, shift, (WIDTH, HEIGHT), borderMode=cv2.BORDER_REPLICATE)
        out = self._out(number)
        if self.sheet is not None and out < 1:
            self._hold(scene, number, out)
        blur = self._blur
        since = number - self.whole
        if self._focus and 0 <= since < 3:  # the camera looks for what has come
            blur += (3 - since) * 0.8
        scene = cv2.GaussianBlur(scene, (0, 0), blur)
        noise = np.random.default_rng((self._grip, number))
        gray = scene * self._gain + noise.standard_normal(scene.shape, np.float32) * self._noise
        packed = cv2.imencode(".jpg", gray.clip(0, 255).astype(np.uint8), [cv2.IMWRITE_JPEG_QUALITY, 75])[1]
        return cv2.cvtColor(np.asarray(cv2.imdecode(packed, cv2.IMREAD_GRAYSCALE)), cv2.COLOR_GRAY2RGB)

    def _out(self, number: int) -> float:
        """How far the sheet is below the picture: 0 is held, 1 is away."""
        steps = _COMING * RATE
        coming = (self.whole - number) / steps
        going = (number - self.goes) / steps
        return float(np.clip(max(coming, going), 0, 1))

    def _hold(self, scene: np.ndarray, number: int, out: float) -> None:
        assert self.sheet is not None
        width, height = self.sheet.size
        x, y, roll, grown = self._hand[number]
        matrix: np.ndarray = cv2.getRotationMatrix2D((width / 2, height / 2), self._roll + roll, 1 + grown)
        middle = WIDTH / 2 + self._place[0] + x, HEIGHT / 2 + self._place[1] + y + out * HEIGHT
        matrix[:, 2] += np.array(middle) - (width / 2, height / 2)
        paper = cv2.warpAffine(
            self.sheet.picture,
            matrix,
            (WIDTH, HEIGHT),
            flags=cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_REPLICATE,
        )
        corners = np.array([[0, 0], [width, 0], [width, height], [0, height]], float) @ matrix[:, :2].T
        corners += matrix[:, 2]
        cover = np.zeros((HEIGHT, WIDTH), np.uint8)
        cv2.fillConvexPoly(cover, (corners * 16).round().astype(np.int32), 255, cv2.LINE_AA, shift=4)
        opacity = cover.astype(np.float32) / 255
        scene += opacity * (paper - scene)
        free = np.zeros((HEIGHT, WIDTH), np.uint8)
        for _, outline in self.sheet.numbers:
            cv2.fillConvexPoly(free, (outline @ matrix[:, :2].T + matrix[:, 2]).round().astype(np.int32), 1)
        fingers(scene, corners, free, np.random.default_rng(self._grip))


def _sheet_with_a_number(writers: Writers, random: np.random.Generator, text: str) -> Sheet:
    """Plain, ruled or squared paper with a number in one hand, in ink that can be seen."""
    width, height = random.uniform((260, 180), (500, 380)).astype(int).tolist()
    paper = random.uniform(150, 245)
    sheet = Sheet(np.full((height, width), paper, np.float32))
    kind, spacing = random.integers(3), float(random.uniform(14, 34))
    if kind > 0:
        sheet.picture[np.arange(random.uniform(0, spacing), height, spacing).astype(int)] -= 0.15 * paper
    if kind > 1:
        sheet.picture[:, np.arange(random.uniform(0, spacing), width, spacing).astype(int)] -= 0.15 * paper
    line = writers.line([text], random)
    rows, columns = line.ink.shape
    scale = min(random.uniform(_TALL, 150) / TALL, 0.85 * width / columns, 0.8 * height / rows)
    ink = cv2.resize(line.ink, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    rows, columns = ink.shape
    margin = min(rows // 4, (width - columns) // 2, (height - rows) // 2)
    left, top = random.integers(
        (margin,) * 2, (width - columns - margin + 1, height - rows - margin + 1)
    ).tolist()
    part = sheet.picture[top : top + rows, left : left + columns]
    part += ink / 255 * (paper * random.uniform(0.1, 0.5) - part)
    corners = np.array([[0, 0], [columns, 0], [columns, rows], [0, rows]], float)
    sheet.numbers.append((text, np.add(corners, (left, top))))
    return sheet


def _number(random: np.random.Generator) -> str:
    """One to five digits; each tenth is a lone 1, which so much else looks like."""
    if random.random() < 0.1:
        return "1"
    return "".join(map(str, random.integers(0, 10, int(random.integers(1, 6))).tolist()))


def _unsteady(random: np.random.Generator, frames: int) -> np.ndarray:
    """(frames, 4): right, down, turned (degrees), nearer, as a hand that tries to hold still."""
    steps = random.standard_normal((frames + 24, 4)) * (4.5, 4.5, 1.2, 0.015)
    window = np.exp(-np.linspace(0, 4, 12))
    smooth = np.stack([np.convolve(column, window / window.sum(), "same") for column in steps.T], 1)
    return smooth[:frames] * random.uniform(0.5, 1.5)


if __name__ == "__main__":
    sys.exit(Live.main())
