"""A picture of one number in, a reading out: the public face of the models."""

from __future__ import annotations

import copy
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Literal

import cv2
import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from core import vocab
from core.data.strip import Placement, fit, strip
from core.model.checkpoint import BUNDLED, Checkpoint, load_checkpoint
from core.model.output import Attentions, Output
from core.reading.locate import Box, Located, locate, prepare
from core.reading.picture import Picture, as_gray, as_rgb
from core.reading.reading import Attention, DigitReading, Reading

_TOGETHER = 32  # strips that go through the model at once; more gain nothing


class Reader:
    """Reads pictures with one checkpoint. It keeps no state between readings, so threads may share it.

    reader = Reader.from_checkpoint()
    reading = reader.read(image)
    print(reading.text, reading.probability)
    """

    def __init__(self, checkpoint: Checkpoint) -> None:
        self.model = copy.deepcopy(checkpoint.model).eval()
        self.model.encoder.fold_norms()
        self.settings = checkpoint.settings
        self.about = checkpoint.about
        self.calibration = float(checkpoint.about.get("calibration", 1.0))

    @classmethod
    def from_checkpoint(
        cls, path: Path | str | None = None, *, kind: Literal["number", "digit"] = "number"
    ) -> Reader:
        """A reader with the checkpoint at `path`, or with the bundled one of that kind. Raises `CheckpointError`."""
        return cls(load_checkpoint(Path(path) if path is not None else BUNDLED / f"{kind}.safetensors"))

    def read(self, image: Picture, *, with_attention: bool = True) -> Reading:
        """The number in a picture (HW or HWC uint8 array or PIL image; dark on light or light on dark).

        A picture without ink gives a reading with an empty text, and so does ink that the model takes for no number. Raises `PictureError`.
        """
        started = time.perf_counter()
        gray = as_gray(as_rgb(image))
        size = gray.shape[1], gray.shape[0]
        canvas = self.settings.canvas
        box = locate(gray)
        if box is None:
            blank = np.zeros((canvas.height, canvas.width), np.float32)
            elapsed = _milliseconds(started)
            timings = {"prepare": elapsed, "model": 0.0, "total": elapsed}
            return Reading("", 1.0, (), blank, Placement(0.0, 0.0, 1.0), None, size, None, timings)
        picture, extents, placement = fit(gray, box, canvas.height, canvas.width)
        with torch.inference_mode():
            seen = strip(torch.from_numpy(picture)[None, None], torch.tensor([extents], dtype=torch.float32))
            prepared = time.perf_counter()
            output = self.model.read(seen, with_weights=with_attention)
        timings = {"prepare": 1e3 * (prepared - started), "model": _milliseconds(prepared)}
        digits, probability = self._digits(output, placement, box, size)
        return Reading(
            text="".join(str(digit.value) for digit in digits),
            probability=probability,
            digits=digits,
            strip=seen[0, 0].numpy(),
            placement=placement,
            box=box,
            size=size,
            attention=self._attention(output, len(digits)) if with_attention else None,
            timings=timings | {"total": _milliseconds(started)},
        )

    def read_all(self, image: Picture, *, with_attention: bool = True) -> list[Reading]:
        """Every number in a picture, each with its box in it, in reading order. Raises `PictureError`."""
        reading = self.read(image, with_attention=with_attention)
        return [reading] if reading.text else []

    def read_many(
        self, images: Iterable[Picture], *, single: bool = False, with_attention: bool = False
    ) -> list[list[Reading]]:
        """Every number in each of several pictures, as `read_all` finds them; or with `single` what `read` sees in each.

        The strips go through the model together, which takes a third of the time. Only what was read as a number is
        returned. Raises `PictureError`.
        """
        canvas = self.settings.canvas
        pictures, extents, found = [], [], []
        readings: list[list[Reading]] = []
        for image in images:
            started = time.perf_counter()
            gray = as_gray(as_rgb(image))
            box = locate(gray) if single else None
            places = ([Located(box, 0.0)] if box else []) if single else prepare(gray).places
            for place in places:
                picture, seen, placement = fit(gray, place.box, canvas.height, canvas.width, place.angle)
                pictures.append(torch.from_numpy(picture))
                extents.append(seen)
                found.append((len(readings), place.box, placement, gray.shape[::-1], _milliseconds(started)))
            readings.append([])
        for first in range(0, len(found), _TOGETHER):
            some = slice(first, first + _TOGETHER)
            started = time.perf_counter()
            with torch.inference_mode():
                strips = strip(torch.stack(pictures[some])[:, None], torch.tensor(extents[some]))
                output = self.model.read(strips, with_weights=with_attention)
            model = _milliseconds(started) / len(strips)
            for row, (picture_index, box, placement, size, prepared) in enumerate(found[some]):
                one = _row(output, row)
                digits, probability = self._digits(one, placement, box, size)
                if digits:
                    readings[picture_index].append(
                        Reading(
                            text="".join(str(digit.value) for digit in digits),
                            probability=probability,
                            digits=digits,
                            strip=strips[row, 0].numpy(),
                            placement=placement,
                            box=box,
                            size=size,
                            attention=self._attention(one, len(digits)) if with_attention else None,
                            timings={"prepare": prepared, "model": model, "total": prepared + model},
                        )
                    )
        return readings

    def _digits(
        self, output: Output, placement: Placement, box: Box, size: tuple[int, int]
    ) -> tuple[tuple[DigitReading, ...], float]:
        """Each digit with its calibrated probability, and the probability of the whole."""
        probabilities: Float[Tensor, "q classes"] = (output.logits[0] / self.calibration).softmax(-1)
        tokens = output.tokens[0].tolist()
        digits = []
        whole = 1.0
        for step, token in enumerate(tokens):
            whole *= probabilities[step, token].item()
            if token == vocab.EOS:
                break
            ranked = probabilities[step].argsort(descending=True).tolist()
            runners_up = tuple(
                (vocab.NAMES[other], probabilities[step, other].item()) for other in ranked if other != token
            )
            where = box if output.boxes is None else self._in_picture(output.boxes[0, step], placement, size)
            digits.append(DigitReading(token, probabilities[step, token].item(), runners_up, where))
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
