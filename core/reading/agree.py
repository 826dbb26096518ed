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
STANDING: Final = 18
"""Readings after which a place that was never agreed on is taken for a part of the room: all voters must say the same."""


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
    waited: int = 0
    """Readings without agreement since it was first found."""

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
        agreeing = [vote for vote in self.votes if vote is not None and vote.text == elected]
        if not elected or len(agreeing) < (VOTERS if self.waited > STANDING else NEEDED):
            self.text = ""
            self.waited += 1
            return None
        self.text, self.waited = elected, 0
        return Agreed(agreeing[-1], sums[elected] / len(agreeing))

    @property
    def gone(self) -> bool:
        """Whether none of the voters has found anything."""
        return not any(vote is not None and vote.text for vote in self.votes)
