"""Analyses what a checkpoint gets right and wrong: by what is written, how it lies, what the camera did, and how well it knows.

Canvases of four kinds are read: clean ones, ones as of a camera, ones with a single effect at a set strength, so that what an effect
costs is not mixed up with what comes along with it, and ones without any number.
"""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import starmap
from typing import Any, Final, Literal, NamedTuple

import numpy as np
import torch
from jaxtyping import Bool, Float, Int, UInt8

from core.config import DIGITS, SettingsError
from core.data.canvases.canvas import make_canvases
from core.data.canvases.effects import EFFECTS, draw_strengths
from core.data.canvases.tiles import Tiles, make_tiles
from core.data.mnist import Mnist
from core.data.strip import strip
from core.model.checkpoint import Checkpoint
from core.reading.overlay import patches_picture
from core.training.metrics import BINS, edit_distance, expected_calibration_error, read_strips
from core.training.reading_task import at_difficulty
from core.training.same_canvases import mix_ups

Split = Literal["validation", "test"]
Progress = Callable[[float, str], None]

CLEAN, CAMERA, ONE, NOTHING = "clean", "camera-like", "one effect", "nothing there"
KINDS: Final = {CLEAN: 0.15, CAMERA: 0.15, ONE: 0.6, NOTHING: 0.1}
"""What canvases are read, and their shares."""
LEVELS: Final = ("weak", "strong")
"""Strengths of an effect: up to half of the strongest that the generator makes, and above."""
SWITCHES: Final = ("marks", "inversion", "edge")
"""Effects that are there or not, whatever their strength."""
FEW: Final = 30
"""A group of fewer tells nothing."""

_SEED: Final = (1 << 31) + (1 << 20)  # not those of training, validation, comparison or `evaluate`
_TOGETHER: Final = 100
_SEEDS_APART: Final = 1 << 14


class Piece(NamedTuple):
    """Some canvases that are made and read together."""

    kind: str
    size: int
    first: int
    """Place of the first among all of its kind."""
    seed: int


@dataclass(frozen=True)
class Seen:
    """Canvases, what is known of them, and what one model read."""

    kinds: list[str]
    """Of `KINDS`."""
    strengths: Float[np.ndarray, "n k"]
    """Of each of `effects.EFFECTS`, 0 to 1."""
    pictures: UInt8[np.ndarray, "n h w"]
    """Gray, as the camera saw them."""
    extents: Float[np.ndarray, "n 2"]
    """First column that shows something, and the first behind it that does not."""
    boxes: Float[np.ndarray, "n d 4"]
    """Left, top, right, bottom of each digit's ink in pixels; 0 beyond a number's length."""
    truths: list[str]
    texts: list[str]
    raw: Float[np.ndarray, " n"]
    """Probability of each whole reading before calibration."""
    calibrated: Float[np.ndarray, " n"]
    """And after."""

    @property
    def right(self) -> Bool[np.ndarray, " n"]:
        """Which were read without any error."""
        return np.array([text == truth for text, truth in zip(self.texts, self.truths, strict=True)], bool)

    def effect(self, place: int) -> str:
        """What was done to a canvas, in words."""
        if self.kinds[place] != ONE:
            return self.kinds[place]
        name = list(EFFECTS)[int(self.strengths[place].argmax())]
        level = int(_levels(self.strengths[place]).max())
        return name if name in SWITCHES else f"{name}, {LEVELS[level]}"


@dataclass(frozen=True)
class Group:
    """How many of some were read right. The interval is Wilson's (1927), 95 %."""

    name: str
    right: int
    count: int

    @property
    def share(self) -> float:
        """Of those that were right, 0 to 1."""
        return self.right / self.count if self.count else math.nan

    @property
    def interval(self) -> tuple[float, float]:
        """Where the share of very many such canvases would lie, 19 times of 20."""
        return wilson(self.right, self.count)

    def to_dict(self) -> dict[str, Any]:
        """With the share and its interval, ready for JSON."""
        return {**asdict(self), "share": self.share if self.count else None, "interval": list(self.interval)}


@dataclass(frozen=True)
class Bin:
    """Readings of which about the same was claimed."""

    claimed: float
    """Mean probability, 0 to 1."""
    group: Group
    """How often it came true."""


@dataclass(frozen=True)
class Selective:
    """What happens when only the surest readings are taken (Geifman & El-Yaniv 2017, arXiv:1705.08500)."""

    probabilities: Float[np.ndarray, " n"]
    """Of the readings, surest first: the least that the k-th one demands."""
    coverage: Float[np.ndarray, " n"]
    """Share of the readings that are taken up to each."""
    risk: Float[np.ndarray, " n"]
    """Share of wrong ones among those."""

    @property
    def area(self) -> float:
        """Mean risk over all coverages (AURC)."""
        return float(self.risk.mean())

    def at(self, risk: float) -> tuple[float, float]:
        """The greatest coverage at which no more than this share is wrong, and the probability to ask for; (0, 1) where there is none."""
        (able,) = np.nonzero(self.risk <= risk)
        return (
            (float(self.coverage[able[-1]]), float(self.probabilities[able[-1]])) if len(able) else (0.0, 1.0)
        )


class View(NamedTuple):
    """One way to part canvases or digits into groups."""

    title: str
    across: str
    measure: str
    note: str


VIEWS: Final = {
    "length": View(
        "By length", "digits in the number", "exact match", "A longer number has more places to be wrong in."
    ),
    "digit": View(
        "By digit",
        "digit that is written",
        "digits read right",
        "Some of MNIST's digits cannot be told even by people, and a few have the wrong label.",
    ),
    "position": View(
        "By place in the number",
        "place, from the left",
        "digits read right",
        "Only longer numbers have later places, and their digits are smaller.",
    ),
    "height": View(
        "By scale",
        "height of the digit's ink, pixels of the strip",
        "digits read right",
        "In numbers of many digits they are smaller, so scale and length go together.",
    ),
    "gap": View(
        "By spacing",
        "gap to a neighbour, in widths of a digit",
        "digits read right",
        "To the nearest neighbour, between the true boxes. Slanted digits that do not touch can have boxes that overlap.",
    ),
    "tilt": View(
        "By rotation",
        "tilt of the line of digits, degrees",
        "digits read right",
        "Of numbers of three and more, through the middles of the true boxes: uneven writing tilts the line a little, too.",
    ),
    "together": View(
        "By how many effects at once",
        "effects on one camera-like canvas",
        "exact match",
        "Canvases on which more happens also have the stronger effects.",
    ),
}
"""The ways in which `Analysis.by` parts what was read."""


@dataclass(frozen=True)
class Analysis:
    """What a checkpoint gets right and wrong."""

    seen: Seen
    calibration: float
    """Temperature of the calibrated probabilities."""
    parts: tuple[Group, ...]
    """Exact match of each of `KINDS`."""
    digits: Group
    """True digits that were read right, where the reading is laid along the number with the fewest errors."""
    character_error_rate: float | None
    """Edit distance over the number of true digits (Levenshtein 1966); None where there were none."""
    by: dict[str, tuple[Group, ...]]
    """For each of `VIEWS` its groups, in order; without those that have nothing in them."""
    effects: dict[str, tuple[Group, ...]]
    """Exact match with each of `effects.EFFECTS` alone, by `LEVELS`, or once for those that are there or not."""
    confusion: dict[tuple[str, str], list[int]]
    """For each written and read digit the canvas of every time that it happened; "" is no digit: one too many, or one missed."""
    reliability: dict[str, tuple[Bin, ...]]
    """"before" and "after" calibration: what was claimed and what came true, in equal bins that are not empty."""
    calibration_error: dict[str, float]
    """Likewise the expected calibration error (Guo et al. 2017, arXiv:1706.04599)."""
    selective: Selective
    worst: tuple[int, ...]
    """Wrong readings, surest first."""

    @property
    def numbers(self) -> Group:
        """Exact match of all canvases that show a number."""
        shown = [part for part in self.parts if part.name != NOTHING]
        return Group("numbers", sum(part.right for part in shown), sum(part.count for part in shown))

    def to_dict(self) -> dict[str, Any]:
        """Every figure, ready for JSON; without the pictures."""
        return {
            "canvases": len(self.seen.truths),
            "exact_match": {part.name: part.to_dict() for part in self.parts},
            "digits": self.digits.to_dict(),
            "character_error_rate": self.character_error_rate,
            "calibration": self.calibration,
            "calibration_error": self.calibration_error,
            "by": {name: [group.to_dict() for group in groups] for name, groups in self.by.items()},
            "effects": {name: [group.to_dict() for group in groups] for name, groups in self.effects.items()},
            "confusion": [
                {"written": true, "read": read, "count": len(places)}
                for (true, read), places in sorted(self.confusion.items())
            ],
            "reliability": {
                name: [{"claimed": one.claimed, **one.group.to_dict()} for one in bins]
                for name, bins in self.reliability.items()
            },
            "risk_coverage": {
                "area": self.selective.area,
                "coverage_at_99_percent_right": self.selective.at(0.01)[0],
                "probability_at_99_percent_right": self.selective.at(0.01)[1],
                "points": [
                    {"coverage": float(c), "risk": float(r), "probability": float(p)}
                    for c, r, p in thinned(self.selective)
                ],
            },
        }


def analyse(
    checkpoint: Checkpoint,
    mnist: Mnist,
    count: int,
    *,
    split: Split = "validation",
    seed: int = 0,
    progress: Progress | None = None,
) -> Analysis:
    """Make `count` canvases of digits of that split, read them, and say what went well and what did not.

    Another seed gives other canvases. `progress` hears the share that is done, 0 to 1, and what is being done.
    """
    tell = progress or (lambda share, what: None)
    pieces = plan(count, seed)
    tell(0.0, "Gathering digits …")
    tiles = tiles_of(mnist, split, checkpoint.settings.canvas.symbols)
    parts = []
    for number, piece in enumerate(pieces):
        tell(number / len(pieces), f"Reading {count:,} canvases …")
        parts.append(read_piece(checkpoint, tiles, piece))
    tell(1.0, "Counting …")
    return summarised(joined(parts), checkpoint.calibration)


def tiles_of(mnist: Mnist, split: Split, symbols: str = DIGITS) -> Tiles:
    """What the canvases are made of: digits of the split, and what is no digit; for the test split that which no model has met."""
    return make_tiles(mnist.split(split), symbols=symbols, unseen=split == "test")


def plan(count: int, seed: int = 0) -> list[Piece]:
    """The canvases to be made, in pieces of at most a hundred. Raises `SettingsError` where there are too few to have every kind."""
    if count < 1 / min(KINDS.values()):
        raise SettingsError(
            f"count ({count}) is too few canvases to have every kind; take at least {1 / min(KINDS.values()):.0f}"
        )
    pieces: list[Piece] = []
    left = count
    for number, (kind, share) in enumerate(KINDS.items()):
        size = left if number == len(KINDS) - 1 else round(share * count)
        left -= size
        for first in range(0, size, _TOGETHER):
            own = _SEED + seed * _SEEDS_APART + len(pieces)
            pieces.append(Piece(kind, min(_TOGETHER, size - first), first, own))
    return pieces


def read_piece(checkpoint: Checkpoint, tiles: Tiles, piece: Piece) -> Seen:
    """Make these canvases and read them."""
    plain = at_difficulty(checkpoint.settings.canvas, 1.0).model_copy(
        update={"empty_share": float(piece.kind == NOTHING), "found_share": 0.0}
    )
    canvases = make_canvases(tiles, plain, piece.size, piece.seed, strengths=_strengths(piece))
    # Bytes, so that what is kept and shown later is what was read.
    pictures = (canvases.pictures[:, 0] * 255).round().to(torch.uint8)
    strips = strip(pictures[:, None].float() / 255, canvases.extents)
    readings = read_strips(checkpoint.model, [(strips, canvases.texts)])
    return Seen(
        [piece.kind] * piece.size,
        canvases.strengths.numpy(),
        pictures.numpy(),
        canvases.extents.numpy(),
        canvases.boxes.numpy(),
        readings.truths,
        readings.texts,
        readings.probabilities().numpy(),
        readings.probabilities(checkpoint.calibration).numpy(),
    )


def joined(parts: Sequence[Seen]) -> Seen:
    """Pieces as one."""
    first, *others = parts
    together: dict[str, Any] = {}
    for name, value in vars(first).items():
        rest = [getattr(part, name) for part in others]
        together[name] = sum(rest, value) if isinstance(value, list) else np.concatenate([value, *rest])
    return replace(first, **together)


def summarised(seen: Seen, calibration: float) -> Analysis:
    """All that can be said of what was read."""
    right = seen.right
    kinds = np.array(seen.kinds)
    confusion: dict[tuple[str, str], list[int]] = {}
    read_right: list[bool] = []  # of each true digit, canvas by canvas
    for place, (truth, text) in enumerate(zip(seen.truths, seen.texts, strict=True)):
        for true, read in mix_ups(truth, text) if truth != text else zip(truth, text, strict=True):
            confusion.setdefault((true, read), []).append(place)
            if true:
                read_right.append(true == read)
    distance = sum(starmap(edit_distance, zip(seen.texts, seen.truths, strict=True)))
    wrong = np.flatnonzero(~right)
    probabilities = {"before": seen.raw, "after": seen.calibrated}
    return Analysis(
        seen=seen,
        calibration=calibration,
        parts=tuple(_group(kind, right[kinds == kind]) for kind in KINDS),
        digits=_group("digits", np.array(read_right, bool)),
        character_error_rate=distance / len(read_right) if read_right else None,
        by=_by(seen, np.array(read_right, bool)),
        effects=_effects(seen),
        confusion=confusion,
        reliability={name: _bins(claimed, right) for name, claimed in probabilities.items()},
        calibration_error={
            name: expected_calibration_error(torch.from_numpy(claimed), torch.from_numpy(right))
            for name, claimed in probabilities.items()
        },
        selective=_selective(seen.calibrated, right),
        worst=tuple(wrong[np.argsort(-seen.calibrated[wrong], kind="stable")].tolist()),
    )


def standing_out(analysis: Analysis) -> list[tuple[str, Group, Group]]:
    """Groups that are worse than chance explains, with the name of their view and what they are compared with.

    Of `VIEWS` the worst group against all its others together, of effects against clean canvases: where the intervals do not
    overlap. Of many comparisons some stand out by chance all the same.
    """
    found = []
    for name, groups in analysis.by.items():
        some = [group for group in groups if group.count >= FEW]
        if len(some) > 1:
            worst = min(some, key=lambda group: group.share)
            others = [group for group in groups if group is not worst]
            rest = Group("the others", sum(one.right for one in others), sum(one.count for one in others))
            found.append((name, worst, rest))
    clean = next(part for part in analysis.parts if part.name == CLEAN)
    for name, groups in analysis.effects.items():
        some = [replace(group, name=f"{name}, {group.name}") for group in groups if group.count >= FEW]
        found += [("effect", group, clean) for group in some]
    return [pair for pair in found if pair[1].interval[1] < pair[2].interval[0]]


def wilson(right: int, count: int, z: float = 1.96) -> tuple[float, float]:
    """Wilson's interval (1927) of a share; 0 to 1 where nothing was counted.

    >>> [round(side, 3) for side in wilson(95, 100)]
    [0.888, 0.978]
    """
    if not count:
        return 0.0, 1.0
    share = right / count
    middle = (share + z * z / (2 * count)) / (1 + z * z / count)
    reach = z / (1 + z * z / count) * math.sqrt(share * (1 - share) / count + z * z / (4 * count * count))
    # What rounding takes away at the ends would leave the share outside.
    return min(max(middle - reach, 0.0), share), max(min(middle + reach, 1.0), share)


def thinned(selective: Selective, points: int = 400) -> list[tuple[float, float, float]]:
    """Coverage, risk and least probability at so many places, the last included."""
    count = len(selective.risk)
    places = np.unique(np.linspace(0, count - 1, min(points, count)).round().astype(int))
    return [
        (
            float(selective.coverage[place]),
            float(selective.risk[place]),
            float(selective.probabilities[place]),
        )
        for place in places
    ]


def attention_pictures(
    checkpoint: Checkpoint, seen: Seen, places: Sequence[int], *, scale: int = 4
) -> list[UInt8[np.ndarray, "_ _ 3"]]:
    """For each place the strip that the model saw, its patches tinted in the colour of the position that looked at them.

    HWC uint8 RGB. The weights are the raw ones of the last layer, the mean of its heads; what is read as nothing has none.
    """
    if not places:
        return []
    chosen = list(places)
    strips = strip(
        torch.from_numpy(seen.pictures[chosen])[:, None].float() / 255,
        torch.from_numpy(seen.extents[chosen]),
    )
    truths = [seen.truths[place] for place in chosen]
    readings = read_strips(checkpoint.model, [(strips, truths)], with_attention=True)
    assert readings.attention is not None
    looked = readings.attention.numpy()
    return [
        patches_picture(
            strips[row, 0].numpy(),
            checkpoint.settings.model,
            {step: looked[row, step] for step in range(len(seen.texts[place]))},
            scale=scale,
        )
        for row, place in enumerate(chosen)
    ]


def readings_csv(seen: Seen) -> str:
    """A line for each canvas: what was done to it, what is written, what was read, and what was claimed."""
    file = io.StringIO()
    writer = csv.writer(file)
    writer.writerow(["kind", "effect", "written", "read", "right", "probability", "uncalibrated", *EFFECTS])
    for place, truth in enumerate(seen.truths):
        text = seen.texts[place]
        claimed = [f"{values[place]:.4f}" for values in (seen.calibrated, seen.raw)]
        strengths = [f"{strength:.3f}" for strength in seen.strengths[place]]
        writer.writerow(
            [seen.kinds[place], seen.effect(place), truth, text, int(text == truth), *claimed, *strengths]
        )
    return file.getvalue()


def _strengths(piece: Piece) -> torch.Tensor:
    if piece.kind == CLEAN:
        return torch.zeros(piece.size, len(EFFECTS))
    generator = torch.Generator().manual_seed(piece.seed)
    if piece.kind != ONE:
        return draw_strengths(piece.size, 1.0, generator)
    # Each effect in turn, each of its levels as often as the others.
    place = torch.arange(piece.first, piece.first + piece.size)
    level = (place // len(EFFECTS)) % len(LEVELS)
    strength = (level + 1 - torch.rand(piece.size, generator=generator)) / len(LEVELS)
    strengths = torch.zeros(piece.size, len(EFFECTS))
    strengths[torch.arange(piece.size), place % len(EFFECTS)] = strength
    return strengths


def _levels(strengths: Float[np.ndarray, " n"]) -> Int[np.ndarray, " n"]:
    """Places in `LEVELS` of strengths above 0."""
    return np.clip(np.ceil(strengths * len(LEVELS)) - 1, 0, len(LEVELS) - 1).astype(int)


def _group(name: str, right: Bool[np.ndarray, " n"]) -> Group:
    return Group(name, int(right.sum()), len(right))


def _groups(
    names: Sequence[str], numbers: Int[np.ndarray, " n"], right: Bool[np.ndarray, " n"]
) -> tuple[Group, ...]:
    """One for each name, of those with its number; without the empty ones."""
    made = (_group(name, right[numbers == number]) for number, name in enumerate(names))
    return tuple(group for group in made if group.count)


def _between(
    edges: Sequence[float], names: Iterable[str], values: np.ndarray, right: Bool[np.ndarray, " n"]
) -> tuple[Group, ...]:
    """One for each span between the edges, and one beyond the last."""
    known = np.isfinite(values)
    return _groups(list(names), np.digitize(values[known], edges[1:]), right[known])


def _by(seen: Seen, read_right: Bool[np.ndarray, " m"]) -> dict[str, tuple[Group, ...]]:
    """The groups of each of `VIEWS`."""
    lengths = np.array([len(truth) for truth in seen.truths])
    written = "".join(seen.truths)
    names = [*DIGITS, *sorted(set(written) - set(DIGITS))]
    right = seen.right
    shown = lengths > 0
    longest = int(lengths.max(initial=0))
    slots = np.arange(seen.boxes.shape[1])
    there = slots < lengths[:, None]
    boxes = seen.boxes[there]  # of each true digit, in the order of `read_right`
    heights = boxes[:, 3] - boxes[:, 1]
    step = seen.pictures.shape[1] // 8
    camera = np.array([kind == CAMERA for kind in seen.kinds])
    together = (seen.strengths > 0).sum(1)
    return {
        "length": _groups(
            [str(length) for length in range(longest + 1)], np.where(shown, lengths, -1), right
        ),
        "digit": _groups(names, np.array([names.index(sign) for sign in written], int), read_right),
        "position": _groups(
            [str(place + 1) for place in range(longest)],
            np.broadcast_to(slots, there.shape)[there],
            read_right,
        ),
        "height": _between(
            [float(step * number) for number in range(8)],
            [f"{step * number}–{step * (number + 1)}" for number in range(8)],
            heights,
            read_right,
        ),
        "gap": _between(
            [-math.inf, 0.0, 0.15, 0.4, 1.0],
            ["overlap", "0–0.15", "0.15–0.4", "0.4–1", "over 1"],
            _gaps(seen.boxes, there)[there],
            read_right,
        ),
        "tilt": _between(
            [0.0, 1.0, 2.0, 4.0, 6.0],
            ["0–1°", "1–2°", "2–4°", "4–6°", "over 6°"],
            np.broadcast_to(_tilts(seen.boxes, lengths)[:, None], there.shape)[there],
            read_right,
        ),
        "together": _between(
            [0.0, 2.0, 4.0, 6.0, 8.0, 10.0],
            ["0–1", "2–3", "4–5", "6–7", "8–9", "10 or more"],
            np.where(camera & shown, together, np.nan),
            right,
        ),
    }


def _gaps(boxes: Float[np.ndarray, "n d 4"], there: Bool[np.ndarray, "n d"]) -> Float[np.ndarray, "n d"]:
    """From each digit to its nearest neighbour, in mean widths of the number's digits; NaN where it has none."""
    widths = np.where(there, boxes[..., 2] - boxes[..., 0], 0)
    mean = widths.sum(1, keepdims=True) / np.maximum(there.sum(1, keepdims=True), 1)
    between = np.where(there[:, 1:], boxes[:, 1:, 0] - boxes[:, :-1, 2], np.inf)
    none = np.full((len(boxes), 1), np.inf)
    nearest = np.minimum(np.hstack([none, between]), np.hstack([between, none]))
    nearest = np.where(np.isfinite(nearest) & there, nearest, np.nan)
    return (nearest / np.maximum(mean, 1)).astype(np.float64)


def _tilts(boxes: Float[np.ndarray, "n d 4"], lengths: Int[np.ndarray, " n"]) -> Float[np.ndarray, " n"]:
    """Degrees, 0 or more, by which the line through the digits' middles (least squares) leaves the level; NaN under three digits."""
    tilts = np.full(len(boxes), np.nan)
    for place in np.flatnonzero(lengths >= 3):
        left, top, right, bottom = boxes[place, : lengths[place]].astype(np.float64).T
        across, down = (left + right) / 2, (top + bottom) / 2
        across = across - across.mean()
        tilts[place] = abs(
            math.degrees(math.atan2(float(across @ (down - down.mean())), float(across @ across)))
        )
    return tilts


def _effects(seen: Seen) -> dict[str, tuple[Group, ...]]:
    alone = np.array([kind == ONE for kind in seen.kinds])
    right = seen.right
    found = {}
    for number, name in enumerate(EFFECTS):
        met = alone & (seen.strengths[:, number] > 0)
        levels = _levels(seen.strengths[met, number])
        switched = name in SWITCHES
        names = ("on",) if switched else LEVELS
        if groups := _groups(names, np.zeros_like(levels) if switched else levels, right[met]):
            found[name] = groups
    return found


def _bins(claimed: Float[np.ndarray, " n"], right: Bool[np.ndarray, " n"]) -> tuple[Bin, ...]:
    number = (torch.from_numpy(claimed) * BINS).long().clamp(max=BINS - 1).numpy()  # as the metric has them
    return tuple(
        Bin(
            float(claimed[number == one].mean()),
            _group(f"{one / BINS:.0%} to {(one + 1) / BINS:.0%}", right[number == one]),
        )
        for one in np.unique(number)
    )


def _selective(claimed: Float[np.ndarray, " n"], right: Bool[np.ndarray, " n"]) -> Selective:
    order = np.argsort(-claimed, kind="stable")
    taken = np.arange(1, len(order) + 1)
    return Selective(claimed[order].astype(np.float64), taken / len(order), np.cumsum(~right[order]) / taken)
