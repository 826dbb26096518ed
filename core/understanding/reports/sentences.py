"""Sentences on what the figures and charts of an analysis say, for the page and for the report.

Their only markup is **bold** and [words](address), which Markdown and the report both know.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from core.understanding.reports.analysis import FEW, NOTHING, Analysis, standing_out
from core.understanding.reports.latency import Profile

PART_OF: Final = {
    "validation": "Of MNIST's **validation** digits, which no training has seen: they are for looking, comparing and choosing.",
    "test": "Of MNIST's **test** digits, and of letters and scribbles that no training has shown. They are for the final figure only: what is "
    "chosen by them (a checkpoint, a setting, a threshold) is chosen to look good on them, and will be worse on anything else.",
}
"""What a split is for."""
HOW_TO_READ: Final = (
    "The small figures are how many there are. Whiskers are 95 % intervals (Wilson 1927): where they overlap, the difference may be chance. "
    f"Groups of fewer than {FEW} are gray."
)
ABOUT_PARTS: Final = (
    "**clean**: ink as it was written. **camera-like**: light, blur, noise and other effects by chance. **one effect**: one of "
    "them alone. **nothing there**: no number."
)
ABOUT_EFFECTS: Final = (
    "Each canvas has one effect alone, so that what it costs is its own: **weak** is up to half of the strongest that the generator makes, "
    "**strong** above. Marks, inversion and edge are there or not. The dotted line is what clean canvases reach, the band its 95 % interval: "
    "where a whisker and the band overlap, the difference may be chance, and of so many whiskers one or two miss it by chance, too."
)


_NAMED: Final = {
    "length": "Numbers of {} digits",
    "digit": "The digit {}",
    "position": "Place {} of a number",
    "height": "Digits {} pixels high",
    "gap": "Gap to a neighbour: {}",
    "tilt": "Lines tilted by {}",
    "together": "{} effects at once",
    "effect": "{}",
}
ABOUT_FINDINGS: Final = (
    "Only what chance hardly explains: the worst group of each kind against all others of its kind, and each effect against clean canvases, where "
    "the 95 % intervals do not overlap."
)
NO_FINDINGS: Final = (
    "Nothing stands out from chance on so few canvases. Take more to find smaller differences."
)


class Figure(NamedTuple):
    """One number that sums something up."""

    label: str
    value: str
    meaning: str


def figures(analysis: Analysis) -> list[Figure]:
    """The most important ones."""
    nothing = next(part for part in analysis.parts if part.name == NOTHING)
    coverage, _ = analysis.selective.at(0.01)
    error = analysis.character_error_rate
    return [
        Figure(
            "Numbers read whole",
            f"{analysis.numbers.share:.1%}",
            "Exact match: every digit right, none too many, none missed.",
        ),
        Figure(
            "Digits read right",
            f"{analysis.digits.share:.2%}",
            "The reading is laid along the number with the fewest errors.",
        ),
        Figure(
            "Errors per digit",
            "–" if error is None else f"{error:.2%}",
            "Character error rate: edit distance over the digits written (Levenshtein 1966), digits read where none is included.",
        ),
        Figure(
            "Nothing there",
            f"{nothing.share:.1%}",
            "How many canvases with letters, scribbles, stains or blank paper were read as nothing.",
        ),
        Figure(
            "Calibration error",
            f"{analysis.calibration_error['after']:.1%}",
            "By how much its probabilities are off, on average (ECE), after calibration.",
        ),
        Figure(
            "Coverage at 99 %",
            f"{coverage:.0%}",
            "How many pictures it could answer if no more than one answer in a hundred may be wrong.",
        ),
    ]


def findings(analysis: Analysis) -> list[str]:
    """What stands out, worst first; nothing where all may be chance."""
    found = sorted(standing_out(analysis), key=lambda one: one[1].share - one[2].share)
    return [
        f"**{_NAMED[view].format(group.name)}**: {group.share:.1%} right, {rest.name} {rest.share:.1%}"
        for view, group, rest in found
    ]


def cell(written: str, read: str) -> str:
    """What happened in a cell of the confusion matrix."""
    if not written:
        return f"{read} read where nothing is"
    if not read:
        return f"{written} missed"
    return f"{written} read as {read}" if written != read else f"{written} read right"


def cells(analysis: Analysis) -> list[tuple[str, str]]:
    """The cells of the confusion matrix: errors first, most frequent first."""
    return sorted(
        analysis.confusion,
        key=lambda cell: (
            cell[0] == cell[1],
            -len(analysis.confusion[cell]) if cell[0] != cell[1] else 0,
            cell,
        ),
    )


def confusions(analysis: Analysis) -> str:
    """How many of each kind of error."""
    substituted = inserted = missed = 0
    for (written, read), places in analysis.confusion.items():
        substituted += len(places) if written and read and written != read else 0
        inserted += len(places) if not written else 0
        missed += len(places) if not read else 0
    return (
        f"Rows are what was written, columns what was read; what is right is faint. {substituted:,} digits were taken for others, {missed:,} were "
        f"missed, and {inserted:,} were read where none is (on canvases without a number, too). Click a square to see its canvases."
    )


def reliability(analysis: Analysis) -> str:
    """What a reliability diagram is, and how this model was calibrated."""
    return (
        "A model is calibrated where of all readings that claim 80 %, 80 % are right: on the dotted line. Its logits are divided by "
        f"{analysis.calibration:.2f}, a temperature that its training fitted to validation digits, on clean and camera-like canvases "
        "([Guo et al. 2017](https://arxiv.org/abs/1706.04599)): on those digits it looks a little better than on others. ECE is the mean distance from the line, weighted by the bars below. "
        f"Bins of fewer than {FEW} readings are faint."
    )


def risk(analysis: Analysis) -> str:
    """What a risk-coverage curve says of this model."""
    coverage, probability = analysis.selective.at(0.01)
    threshold = (
        f"If it answers only where it is at least {probability:.1%} sure, it answers {coverage:.0%} of these pictures, and 99 % of the answers are right. "
        if coverage
        else "No threshold makes 99 % of its answers right. "
    )
    return (
        f"{threshold}The lower the curve, the better it knows its errors; its mean height (AURC) is {analysis.selective.area:.2%}. "
        "[Geifman & El-Yaniv 2017](https://arxiv.org/abs/1705.08500)."
    )


def worst(analysis: Analysis) -> str:
    """What the contact sheet shows."""
    if not analysis.worst:
        return "It read all of these canvases without an error. Take more of them to find some."
    return (
        f"{len(analysis.worst):,} readings are wrong; those of which it was surest come first. Above, the canvas as the camera saw it; below, the strip "
        "that the model saw, each patch tinted in the colour of the digit that looked at it (raw attention of the last layer). "
        "Digits have the colours of their places."
    )


def time(profile: Profile | None) -> str:
    """Where the time goes, and on which machine."""
    if profile is None:
        return "It finds and reads hardly any number in clean frames, so there is nothing to time."
    digits = f"a number of {profile.length} digits" if profile.length > 1 else "one digit"
    return (
        f"Measured now on this machine ({profile.machine}): {profile.total.median:.1f} ms for a frame with {digits}, "
        f"{profile.total.low:.1f} to {profile.total.high:.1f} ms (5th to 95th percentile of {profile.frames} frames, {profile.runs} times each). "
        "It is the time that one processor thread worked; on a busy machine the clock shows more. Attention is returned on the way; without it the model "
        "is a little faster."
    )
