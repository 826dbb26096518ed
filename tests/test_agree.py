"""What the last readings of a place agree on: no flicker, no lone mistake, and what has gone goes soon."""

from dataclasses import replace

import pytest

from core.reading import Reader
from core.reading.agree import NEEDED, VOTERS, Track
from core.reading.find.place import Place
from tests.drawings import draw


class Voters:
    """Readings of one place, each as told; `say` returns what is agreed on."""

    def __init__(self, reader: Reader) -> None:
        self.reading = reader.read(draw("407").gray, with_attention=False)
        self.track = Track(Place((0.0, 0.0, 100.0, 50.0)))

    def say(self, text: str, probability: float = 0.9) -> str:
        found = replace(self.reading, text=text, probability=probability) if text else None
        said = self.track.vote(found)
        return said.reading.text if said is not None else ""


@pytest.fixture
def voters(number_reader: Reader) -> Voters:
    return Voters(number_reader)


def test_three_readings_must_agree_however_long_they_take(voters: Voters) -> None:
    assert [voters.say("407") for _ in range(NEEDED)] == ["", "", "407"]


def test_a_reading_that_comes_and_goes_is_not_believed(voters: Voters) -> None:
    assert {voters.say(text) for text in ("1", "", "1", "", "1", "") * 5} == {""}
    assert {voters.say(text) for text in ("1", "7", "4", "9") * 5} == {""}


def test_now_and_then_another_reading_does_not_flicker(voters: Voters) -> None:
    for _ in range(VOTERS):
        voters.say("407")
    for turn in range(60):
        assert voters.say(*(("401", 0.8) if turn % 3 == 0 else ("407", 0.9))) == "407"
    for turn in range(60):  # nor does a frame in which it is not found
        assert voters.say("" if turn % 3 == 0 else "407") == "407"


def test_the_surer_of_two_readings_wins(voters: Voters) -> None:
    for turn in range(30):
        said = voters.say(*(("407", 0.95) if turn % 2 else ("409", 0.55)))
    assert said == "407"


def test_of_two_that_are_level_the_one_that_is_shown_stays(voters: Voters) -> None:
    for _ in range(VOTERS):
        voters.say("407")
    assert {voters.say("407" if turn % 2 else "52") for turn in range(30)} == {"407"}


def test_a_changed_number_shows_and_one_that_is_gone_goes_after_four_readings(voters: Voters) -> None:
    for _ in range(40):
        voters.say("407", 0.99)
    assert [voters.say("52", 0.99) for _ in range(4)] == ["407", "407", "407", "52"]
    for _ in range(40):
        voters.say("52", 0.99)
    assert [voters.say("") for _ in range(4)][2:] == ["", ""]
    assert not voters.track.gone
    for _ in range(VOTERS):
        voters.say("")
    assert voters.track.gone


def test_it_is_as_sure_as_the_readings_that_say_so_are_on_average(voters: Voters) -> None:
    for probability in (0.7, 0.8, 0.9):
        said = voters.track.vote(replace(voters.reading, probability=probability))
    assert said is not None and said.probability == pytest.approx(0.8)
    assert said.reading.probability == 0.9  # the newest one
