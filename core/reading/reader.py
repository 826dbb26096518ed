"""Reads pictures with one checkpoint: the public face of the models."""

from __future__ import annotations

import copy
import functools
import time
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import cv2
import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from core.data.strip import Placement, fit, strip
from core.model.checkpoint import BUNDLED, Checkpoint, load_checkpoint
from core.model.device import Device, chosen
from core.model.finder import Finder, load_finder
from core.model.output import Attentions, Output
from core.reading.files.picture import Picture, as_gray, as_rgb
from core.reading.find.place import Box, Place, around
from core.reading.find.search import find, find_turned
from core.reading.find.tight_crop import box_of_all_ink
from core.reading.long import is_cut, parting
from core.reading.reading import Attention, DigitReading, Reading

_INK = 0.3  # of full ink: what counts as a stroke's side
_LONG, _SURE = 3, 0.97  # digits and probability of a number that tells how a picture is turned
_TOGETHER = 32  # strips that go through the model at once; more gain nothing


LEAST_SURE = 0.5
"""Of a frame, the reader claims a number only where it is at least as likely right as wrong."""


@dataclass(frozen=True)
class _Spot:
    """A place in one of the pictures, ready for `strip`."""

    picture_index: int
    gray: np.ndarray
    place: Place
    box: Box
    picture: np.ndarray
    extents: tuple[float, float]
    placement: Placement
    size: tuple[int, int]
    milliseconds: float
    """Until here, since its picture came."""


class Reader:
    """Reads pictures with one checkpoint. It keeps no state between readings, so threads may share it.

    reader = Reader.from_checkpoint()
    reading = reader.read(image)
    print(reading.text, reading.probability)
    """

    def __init__(self, checkpoint: Checkpoint, device: Device = "cpu", finder: Finder | None = None) -> None:
        self.model = copy.deepcopy(checkpoint.model).eval().to(chosen(device))
        self.model.encoder.fold_norms()
        self.finder = finder or _bundled_finder()
        self.settings = checkpoint.settings
        self.about = checkpoint.about
        self.calibration = checkpoint.calibration

    @classmethod
    def from_checkpoint(
        cls,
        path: Path | str | None = None,
        *,
        kind: Literal["number", "digit"] = "number",
        device: Device = "cpu",
        finder: Finder | None = None,
    ) -> Reader:
        """A reader with the checkpoint at `path`, or with the bundled one of that kind. Raises `CheckpointError`.

        A processor reads a few numbers as fast as a GPU does; `device` "cuda" or "auto" is for many at once. `finder` is another
        one than the bundled one.
        """
        checkpoint = load_checkpoint(Path(path) if path is not None else BUNDLED / f"{kind}.safetensors")
        return cls(checkpoint, device, finder)

    def on_processor(self) -> Reader:
        """The same reader without a GPU, for looking closely at one picture."""
        if self.model.device.type == "cpu":
            return self
        here = copy.copy(self)
        here.model = copy.deepcopy(self.model).cpu()
        return here

    def read(self, image: Picture, *, with_attention: bool = True) -> Reading:
        """The number that a picture is of (HW or HWC uint8 array or PIL image; dark on light or light on dark).

        A picture without ink gives a reading with an empty text, and so does ink that the model takes for no number. Raises `PictureError`.
        """
        return self.read_batch([image], with_attention=with_attention)[0]

    def read_batch(self, images: Iterable[Picture], *, with_attention: bool = False) -> list[Reading]:
        """What `read` sees in each of several pictures, whose strips go through the model together."""
        spots: list[_Spot] = []
        nothing: list[Reading] = []
        for number, image in enumerate(images):
            started = time.perf_counter()
            gray = as_gray(as_rgb(image))
            places = places_of_the_number(gray, self.finder)
            spots += [self._spot(number, gray, place, started) for place in places]
            nothing.append(self._nothing(gray.shape[::-1], started))
        chosen: dict[int, tuple[_Spot, Reading]] = {}
        for spot, reading in zip(spots, self._read(spots, with_attention=False), strict=True):
            known = chosen.get(spot.picture_index)
            if known is None or _worth(reading) > _worth(known[1]):
                chosen[spot.picture_index] = spot, reading
        best = {number: reading for number, (_, reading) in chosen.items()}
        if with_attention:
            # Alone, not beside the other cut, so that asking again of the same strip gives the same bits.
            again = self._read([spot for spot, _ in chosen.values()], with_attention=True)
            best = dict(zip(chosen, again, strict=True))
        return [best.get(number, none) for number, none in enumerate(nothing)]

    def read_all(
        self, image: Picture, *, with_attention: bool = True, at_least: float = LEAST_SURE
    ) -> list[Reading]:
        """Every number in a frame or photo, each with its box in it, in reading order; none where there is none.

        Of a picture that was taken sideways or upside down they are claimed where a long and sure number tells so.
        What the model is less sure of than `at_least` (a probability, 0 to 1) is not claimed; of nothing but 1s it must be
        surer. Raises `PictureError`.
        """
        return self.read_all_batch([image], with_attention=with_attention, at_least=at_least)[0]

    def read_all_batch(
        self, images: Iterable[Picture], *, with_attention: bool = False, at_least: float = LEAST_SURE
    ) -> list[list[Reading]]:
        """What `read_all` finds in each of several pictures; the strips go through the model together, in a third of the time."""
        spots: list[_Spot] = []
        found: list[list[Reading]] = []
        grays: list[np.ndarray] = []
        for number, image in enumerate(images):
            started = time.perf_counter()
            gray = as_gray(as_rgb(image))
            spots += [self._spot(number, gray, place, started) for place in find(gray, self.finder)]
            found.append([])
            grays.append(gray)
        doubtful = [False] * len(grays)
        for spot, reading in zip(spots, self._read(spots, with_attention), strict=True):
            if _claimed(reading, at_least):
                found[spot.picture_index].append(reading)
            else:
                doubtful[spot.picture_index] = True
        if self.settings.canvas.max_digits < _LONG:
            return found
        # Of a number on its side single digits may be read upright: a 0 is a 0.
        return [
            (self._read_turned(gray, with_attention, at_least, than=readings) or readings)
            if is_doubtful or 0 < _digits_in(readings) == len(readings)
            else readings
            for gray, readings, is_doubtful in zip(grays, found, doubtful, strict=True)
        ]

    def _read_turned(
        self, gray: np.ndarray, with_attention: bool, at_least: float, than: list[Reading]
    ) -> list[Reading]:
        """What stands in a picture that was taken sideways or upside down; none unless a long and sure number tells so, and
        there are more digits than upright. Letters on their side may look like digits, though hardly ever like three of them.
        """
        for quarters in (1, 3, 2):
            started = time.perf_counter()
            places = find_turned(gray, self.finder, quarters)
            readings = self._read([self._spot(0, gray, place, started) for place in places], with_attention)
            if any(len(each.text) >= _LONG and each.probability >= _SURE for each in readings):
                claimed = [each for each in readings if _claimed(each, at_least)]
                if _digits_in(claimed) > _digits_in(than):
                    return claimed
        return []

    def find(self, image: Picture) -> list[Place]:
        """Where numbers stand in a frame or photo, in reading order. Raises `PictureError`."""
        return find(as_gray(as_rgb(image)), self.finder)

    def read_at(
        self, image: Picture, places: Iterable[Place], *, with_attention: bool = True
    ) -> list[Reading]:
        """What stands at each of these places, without looking for others; an empty text where there is no number."""
        started = time.perf_counter()
        gray = as_gray(as_rgb(image))
        return self._read([self._spot(0, gray, place, started) for place in places], with_attention)

    def read_strip(self, seen: np.ndarray, like: Reading) -> Reading:
        """What the model says of another strip, HW float32 from 0 to 1, in the place of the one of `like`; with attention.

        Raises `ValueError` where it is not of the model's size, or where `like` found no ink and so has no place.
        """
        expected = self.settings.canvas.height, self.settings.canvas.width
        if seen.shape != expected:
            raise ValueError(f"strip {seen.shape} is not of the model's size; bring it to {expected}")
        if like.box is None:
            raise ValueError("the reading is of a picture without ink; read one with a number on it first")
        started = time.perf_counter()
        with torch.inference_mode():
            strips = torch.from_numpy(seen)[None, None].to(self.model.device)
            output = self.model.read(strips, with_weights=True).cpu()
        elapsed = _milliseconds(started)
        timings = {"prepare": 0.0, "model": elapsed, "total": elapsed}
        return self._reading(output, seen, (like.placement, like.box, like.size), True, timings)

    def _spot(self, number: int, gray: np.ndarray, place: Place, started: float) -> _Spot:
        """A place in the picture of that number, cut out."""
        canvas = self.settings.canvas
        shown = fit(gray, place.box, canvas.height, canvas.width, place.angle)
        return _Spot(
            number,
            gray,
            place,
            _within(place.upright, gray),
            *shown,
            gray.shape[::-1],
            _milliseconds(started),
        )

    def _nothing(self, size: tuple[int, int], started: float) -> Reading:
        """Of a picture without ink."""
        blank = np.zeros((self.settings.canvas.height, self.settings.canvas.width), np.float32)
        elapsed = _milliseconds(started)
        timings = {"prepare": elapsed, "model": 0.0, "total": elapsed}
        return Reading("", 1.0, (), blank, Placement(0.0, 0.0, 1.0), None, size, None, timings)

    def _read(self, spots: list[_Spot], with_attention: bool) -> list[Reading]:
        readings = []
        for first in range(0, len(spots), _TOGETHER):
            some = spots[first : first + _TOGETHER]
            started = time.perf_counter()
            with torch.inference_mode():
                pictures = torch.from_numpy(np.stack([spot.picture for spot in some])[:, None])
                extents = torch.tensor([spot.extents for spot in some])
                strips = strip(pictures.to(self.model.device), extents.to(self.model.device))
                stripped = _milliseconds(started) / len(some)
                output = self.model.read(strips, with_weights=with_attention).cpu()
                seen = strips[:, 0].cpu().numpy()
            model = _milliseconds(started) / len(some) - stripped
            for row, spot in enumerate(some):
                prepared = spot.milliseconds + stripped
                readings.append(
                    self._reading(
                        _row(output, row),
                        seen[row],
                        (spot.placement, spot.box, spot.size),
                        with_attention,
                        {"prepare": prepared, "model": model, "total": prepared + model},
                    )
                )
        return [
            self._in_parts(reading, spot) if reading.is_cut else reading
            for reading, spot in zip(readings, spots, strict=True)
        ]

    def _in_parts(self, cut: Reading, spot: _Spot) -> Reading:
        """A number with more digits than the model reads, read in two parts; as it is where they make no number of more."""
        to_picture = cut.placement.to_picture()
        along = to_picture[:, 0] / cut.placement.scale
        seam = to_picture @ (parting(cut.strip), cut.strip.shape[0] / 2, 1)
        left, _, right, _ = spot.place.box
        share = 0.5 + (seam - _middle(spot.place.box)) @ along / (right - left)
        started = time.perf_counter()
        parts = [self._spot(0, spot.gray, place, started) for place in spot.place.parted(share)]
        first, second = self._read(parts, with_attention=False)
        # Each part shows a little of the other one, too.
        digits = [
            digit
            for part, sign in ((first, -1), (second, 1))
            for digit in part.digits
            if sign * ((_middle(digit.box) - seam) @ along) > 0
        ]
        probability = first.probability * second.probability
        if len(digits) <= len(cut.digits):
            return cut
        took = {name: cut.timings[name] + first.timings[name] + second.timings[name] for name in cut.timings}
        return replace(
            cut,
            text="".join(digit.symbol for digit in digits),
            probability=probability,
            digits=tuple(digits),
            attention=None,
            timings=took,
            is_cut=first.is_cut or second.is_cut,
        )

    def _reading(
        self,
        output: Output,
        seen: np.ndarray,
        place: tuple[Placement, Box, tuple[int, int]],
        with_attention: bool,
        timings: dict[str, float],
    ) -> Reading:
        placement, box, size = place
        box = _around_ink(seen, placement, box)
        digits, probability = self._digits(output, placement, box, size)
        cut = False
        if output.boxes is not None and len(digits) == self.settings.canvas.max_digits:
            height, width = seen.shape
            cut = is_cut(seen, output.boxes[0, : len(digits)].numpy() * (width, height, width, height))
        return Reading(
            text="".join(digit.symbol for digit in digits),
            probability=probability,
            digits=digits,
            strip=seen,
            placement=placement,
            box=box,
            size=size,
            attention=self._attention(output, len(digits)) if with_attention else None,
            timings=timings,
            is_cut=cut,
        )

    def _digits(
        self, output: Output, placement: Placement, box: Box, size: tuple[int, int]
    ) -> tuple[tuple[DigitReading, ...], float]:
        """Each digit with its calibrated probability, and the probability of the whole."""
        probabilities: Float[Tensor, "q classes"] = (output.logits[0] / self.calibration).softmax(-1)
        tokens = output.tokens[0].tolist()
        vocabulary = self.model.vocabulary
        digits = []
        whole = 1.0
        for step, token in enumerate(tokens):
            whole *= probabilities[step, token].item()
            if token == vocabulary.eos:
                break
            ranked = probabilities[step].argsort(descending=True).tolist()
            runners_up = tuple(
                (vocabulary.names[other], probabilities[step, other].item())
                for other in ranked
                if other != token
            )
            where = box if output.boxes is None else self._in_picture(output.boxes[0, step], placement, size)
            digits.append(
                DigitReading(
                    token, vocabulary.symbols[token], probabilities[step, token].item(), runners_up, where
                )
            )
        return tuple(digits), whole

    def _in_picture(self, shares: Float[Tensor, " 4"], placement: Placement, size: tuple[int, int]) -> Box:
        """A box in shares of the strip as pixels of the picture, upright and cut at its edges."""
        width, height = self.settings.canvas.width, self.settings.canvas.height
        left, top, right, bottom = (shares * torch.tensor([width, height, width, height])).tolist()
        corners = placement.outline((left, top, right, bottom)).clip(0, size)
        (left, top), (right, bottom) = corners.min(0).tolist(), corners.max(0).tolist()
        return left, top, right, bottom

    def _attention(self, output: Output, digits: int) -> Attention:
        """The attention of the first reading of a batch, for its digits only."""
        found = output.attentions
        return Attention(
            grid=self.model.grid,
            cross=torch.stack([weights[0, :, :digits] for weights in found.cross]).numpy(),
            encoder=torch.stack([weights[0] for weights in found.encoder]).numpy(),
            decoder=torch.stack([weights[0] for weights in found.decoder]).numpy()
            if found.decoder
            else np.zeros((0, 0, 0, 0), np.float32),
        )


def places_of_the_number(gray: np.ndarray, finder: Finder) -> list[Place]:
    """Where the number may stand that a HW uint8 picture is of: around all that the finder sees, and around all ink.

    What a tight crop cuts the finder may miss, and what stands beside a number is ink, too; the model is asked of both.
    """
    found, box = find(gray, finder), box_of_all_ink(gray)
    return ([around(found)] if found else []) + ([Place(box)] if box is not None else [])


@functools.cache
def _bundled_finder() -> Finder:
    return load_finder()


def _worth(reading: Reading) -> tuple[bool, bool, float]:
    """Of two readings of a picture the one that is worth more counts: a likely number before "nothing", which a bad cut may have caused;
    and a part of a number is worth least.
    """
    likely = bool(reading.text) and reading.probability >= LEAST_SURE
    return likely and not reading.is_cut, not reading.is_cut, reading.probability


def _claimed(reading: Reading, at_least: float) -> bool:
    return bool(reading.text) and reading.probability >= needed(reading.text, at_least)


def _digits_in(readings: list[Reading]) -> int:
    return sum(len(reading.text) for reading in readings)


def needed(text: str, at_least: float) -> float:
    """A 1 is an upright stroke, and so is the edge of anything: with nothing but 1s, the doubt may be a tenth as large."""
    return 1 - (1 - at_least) / 10 if set(text) == {"1"} else at_least


def _middle(box: Box) -> np.ndarray:
    left, top, right, bottom = box
    return np.array([left + right, top + bottom]) / 2


def _within(box: Box, gray: np.ndarray) -> Box:
    """What of a box lies in the picture."""
    height, width = gray.shape
    left, top, right, bottom = box
    return max(left, 0.0), max(top, 0.0), min(right, float(width)), min(bottom, float(height))


def _around_ink(seen: np.ndarray, placement: Placement, box: Box) -> Box:
    """What of a place's box is around the ink on its strip: more exact than the finder's cells. All of it where there is no ink."""
    left, top, wide, tall = cv2.boundingRect((seen > _INK).astype(np.uint8))
    if not wide:
        return box
    corners = placement.outline((float(left), float(top), float(left + wide), float(top + tall)))
    first, last = corners.min(0).tolist(), corners.max(0).tolist()
    cut = max(first[0], box[0]), max(first[1], box[1]), min(last[0], box[2]), min(last[1], box[3])
    return cut if cut[0] < cut[2] and cut[1] < cut[3] else box


def _row(output: Output, row: int) -> Output:
    """One string of a batch, as a batch of its own."""
    only = slice(row, row + 1)
    boxes = None if output.boxes is None else output.boxes[only]
    layers = (output.attentions.encoder, output.attentions.decoder, output.attentions.cross)
    attentions = Attentions(*([weights[only] for weights in each] for each in layers))
    return Output(output.logits[only], boxes, attentions, output.tokens[only])


def limit_threads(count: int) -> None:
    """Let all readers of this process together use `count` processor threads; one strip gains nothing from a second."""
    torch.set_num_threads(count)
    cv2.setNumThreads(count)


def _milliseconds(since: float) -> float:
    return 1e3 * (time.perf_counter() - since)
