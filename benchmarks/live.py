"""How a number held up to a camera in a furnished room is read, from the first frame to the last."""

from __future__ import annotations

import statistics
import sys
from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np

from benchmarks.bench import Benchmark, NumberModel, value
from core.data.mnist import load_mnist
from core.data.scenes.rooms import background, fingers
from core.data.scenes.sheets import Sheet, make_sheet
from core.data.scenes.writing import Writers
from core.reading import Reader, limit_threads
from core.reading.follow import Follower
from core.reading.reader import LEAST_SURE

RATE = 12
"""Readings a second, as the live reader has them."""
WIDTH, HEIGHT = 640, 480

_BEFORE, _COMING, _HELD, _AFTER = 2.0, 0.4, 4.0, 1.0  # seconds
_TALL = 26  # pixels of a digit, at least


@dataclass(frozen=True)
class Live(Benchmark):
    """A sheet with one number is held up by an unsteady hand in a simulated room, or nothing is. Seconds are simulated."""

    checkpoint: NumberModel = None
    clips: int = 60
    """clips with a number; every third begins with it in the picture, and there are half as many without one"""
    seed: int = 7000

    def rows(self) -> Iterator[str]:
        limit_threads(1)
        reader = Reader.from_checkpoint(self.checkpoint)
        writers = Writers(load_mnist().split("validation"), split="validation")
        exact, times, never = [0, 0], [], 0
        for number in range(self.clips):
            held = _first_seen(writers, self.seed + number)
            came, right = held.shown_whole, None
            shown_once = False
            follower = Follower()
            for frame in range(held.frames):
                said = [one.reading.text for one in follower.follow(held.frame(frame), reader, LEAST_SURE)]
                if not came <= frame < held.goes:
                    continue
                if said == [held.text] and right is None:
                    right = (frame - came + 1) / RATE
                shown_once = shown_once or bool(said)
                if shown_once:
                    exact[said == [held.text]] += 1
            times.append(right if right is not None else float("inf"))
            never += right is None
        claims, minutes = 0, 0.0
        for number in range(self.clips // 2):
            room = Held(writers, 10 * self.seed + number, number=False)
            follower = Follower()
            before: list[str] = []
            for frame in range(room.frames):
                said = [one.reading.text for one in follower.follow(room.frame(frame), reader, LEAST_SURE)]
                claims += sum(text not in before for text in said)
                before = said
            minutes += room.frames / RATE / 60
        times.sort()
        yield f"{self.clips} clips with a number, {self.clips // 2} without one, {RATE} readings a second"
        yield value("frames read exactly, once anything is shown", 100 * exact[1] / max(sum(exact), 1), "%")
        yield value("numbers never read", never, "clips")
        yield value("time to the right one: median", statistics.median(times), "s")
        yield value("time to the right one: 90th percentile", times[int(0.9 * (len(times) - 1))], "s")
        yield value("false readings where no number is", claims / minutes, "a minute")


def _first_seen(writers: Writers, seed: int) -> Held:
    return Held(writers, seed, number=True, at_once=seed % 3 == 0)


class Held:
    """A clip of a room: a sheet comes, is held by an unsteady hand, and goes; the same seed gives the same clip."""

    def __init__(
        self, writers: Writers, seed: int, *, number: bool, at_once: bool = False, text: str | None = None
    ) -> None:
        self._random = random = np.random.default_rng(seed)
        room = background((WIDTH, HEIGHT), writers, [], random)
        self._room = cv2.copyMakeBorder(room, 8, 8, 8, 8, cv2.BORDER_REPLICATE)
        self.sheet: Sheet | None = None
        self.text = ""
        if number:
            self.sheet, self.text = _sheet_with_one_number(writers, random, text)
        elif random.random() < 0.5:  # paper without a number: words, drawings, an empty table, nothing
            self.sheet = make_sheet(
                writers, random, *random.uniform((260, 180), (520, 400)).astype(int).tolist(), numbers=False
            )
        before = 0.0 if at_once else _BEFORE
        self._comes = round(before * RATE)
        self.shown_whole = self._comes if at_once else self._comes + round(_COMING * RATE)
        self.goes = self.shown_whole + round(_HELD * RATE)
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
        since = number - self.shown_whole
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
        coming = (self.shown_whole - number) / steps
        going = (number - self.goes) / steps
        return float(np.clip(max(coming, going), 0, 1))

    def _hold(self, scene: np.ndarray, number: int, out: float) -> None:
        assert self.sheet is not None
        width, height = self.sheet.size
        x, y, roll, grown = self._hand[number]
        matrix = cv2.getRotationMatrix2D((width / 2, height / 2), self._roll + roll, 1 + grown)
        middle = WIDTH / 2 + self._place[0] + x, HEIGHT / 2 + self._place[1] + y + out * HEIGHT
        matrix[:, 2] += np.subtract(middle, (width / 2, height / 2))
        paper = cv2.warpAffine(
            self.sheet.picture, matrix, (WIDTH, HEIGHT), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
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


def _sheet_with_one_number(
    writers: Writers, random: np.random.Generator, text: str | None
) -> tuple[Sheet, str]:
    while True:
        wide, tall = random.uniform((260, 180), (520, 400)).astype(int).tolist()
        sheet = make_sheet(writers, random, wide, tall, numbers=True)
        if len(sheet.numbers) != 1:
            continue
        written, outline = sheet.numbers[0]
        high = float(np.linalg.norm(outline[3] - outline[0]))
        inside = outline.min() > 0 and (outline.max(0) < (wide, tall)).all()
        if written.isdigit() and (text or written) == written and high > _TALL and inside:
            return sheet, written


def _unsteady(random: np.random.Generator, frames: int) -> np.ndarray:
    """(frames, 4): right, down, turned (degrees), nearer, as a hand that tries to hold still."""
    steps = random.standard_normal((frames + 24, 4)) * (4.5, 4.5, 1.2, 0.015)
    window = np.exp(-np.linspace(0, 4, 12))
    smooth = np.stack([np.convolve(column, window / window.sum(), "same") for column in steps.T], 1)
    return smooth[:frames] * random.uniform(0.5, 1.5)


if __name__ == "__main__":
    sys.exit(Live.main())
