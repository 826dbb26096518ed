"""The vote of the last readings at one place of a video on what is shown: counted, whatever the time between them."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from core.reading.find.place import Place
from core.reading.reading import Reading

VOTERS: Final = 6
"""The last readings of a place vote on it: half a second, twelve times a second."""
NEEDED: Final = 3
"""So many of them must say the same."""

_LEAD: Final = 1.0
"""By so much more probability than all others together, before it is shown; once it is, it stays as long as it is not behind."""


class Agreed(NamedTuple):
    """What the votes on a place say."""

    reading: Reading
    """The newest one that says so."""
    probability: float
    """Mean of the readings that say so."""


@dataclass
class Track:
    """One place from reading to reading, and what was read there."""

    place: Place
    votes: deque[Reading | None] = field(default_factory=lambda: deque(maxlen=VOTERS))
    """None, or a reading without text, where nothing was found."""
    text: str = ""
    """What was agreed on last."""
    travelled: tuple[float, float] = (0.0, 0.0)
    """How far it has been followed to the right and down since it was first found, in pixels."""
    moves: bool = False
    """Whether it has ever left the place where it was first found."""

    def vote(self, reading: Reading | None) -> Agreed | None:
        """Count one more reading; what is agreed on now.

        A frame in which nothing is found votes as well, for nothing: so what has gone goes soon, and one miss does not hide it.
        """
        self.votes.append(reading)
        sums: dict[str, float] = {}
        for vote in self.votes:
            text, weight = (vote.text, vote.probability) if vote is not None and vote.text else ("", 1.0)
            sums[text] = sums.get(text, 0.0) + weight
        # Where two are level, what is shown stays.
        elected = max(sums, key=lambda text: (round(sums[text], 6), text == self.text))
        others = sum(sums.values()) - sums[elected]
        agreeing = [vote for vote in self.votes if vote is not None and vote.text == elected]
        early = elected != self.text and sums[elected] < others + _LEAD
        if not elected or len(agreeing) < NEEDED or early:
            self.text = ""
            return None
        self.text = elected
        return Agreed(agreeing[-1], sums[elected] / len(agreeing))

    @property
    def gone(self) -> bool:
        """Whether none of the voters has found anything."""
        return not any(vote is not None and vote.text for vote in self.votes)
