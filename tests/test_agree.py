"""What the last half second of readings agrees on: no flicker, no lone mistake, and what has gone goes soon."""

from dataclasses import replace

import pytest

from core.reading import Reader
from core.reading.agree import AGREEMENT, Shown, Track, agree
from tests.drawings import draw


class Clock:
    """Frames 1/15 of a second apart, each read as told; `say` returns what is shown."""

    def __init__(self, reader: Reader, step: float = 1 / 15) -> None:
        self.reader, self.step, self.now = reader, step, 0.0
        self.reading = reader.read(draw("407").gray, with_attention=False)
        self.tracks: list[Track] = []
        self.times: list[float] = []

    def say(self, *numbers: tuple[str, float], shift: float = 0.0, threshold: float = 0.5) -> list[str]:
        self.now += self.step
        self.times.append(self.now)
        found = []
        for place, (text, probability) in enumerate(numbers):
            left = 200.0 * place + shift
            reading = replace(
                self.reading, text=text, probability=probability, box=(left, 50.0, left + 100, 100.0)
            )
            found.append(Shown(reading, probability, {}, self.reader))
        self.tracks, shown = agree(self.tracks, found, self.now, self.times, threshold)
        return [one.reading.text for one in shown]


@pytest.fixture
def clock(number_reader: Reader) -> Clock:
    return Clock(number_reader)


def test_now_and_then_another_reading_does_not_flicker(clock: Clock) -> None:
    for _ in range(8):
        clock.say(("407", 0.9))
    for turn in range(60):
        said = ("401", 0.8) if turn % 3 == 0 else ("407", 0.9)
        assert clock.say(said) == ["407"]
    for turn in range(60):  # nor does a frame in which it is not found
        assert clock.say(*([] if turn % 3 == 0 else [("407", 0.9)])) == ["407"]


def test_the_surer_of_two_readings_wins(clock: Clock) -> None:
    for turn in range(30):
        shown = clock.say(("407", 0.95) if turn % 2 else ("409", 0.55))
    assert shown == ["407"]


def test_of_two_that_are_level_the_one_that_is_shown_stays(clock: Clock) -> None:
    clock.step = 1 / 4  # two readings vote
    assert clock.say(("407", 0.9)) == ["407"]
    for turn in range(6):
        assert clock.say(("407" if turn % 2 else "52", 0.9)) == ["407"]


@pytest.mark.parametrize("step", [1 / 30, 1 / 15, 1 / 8, 1 / 4])
def test_a_changed_number_shows_and_one_that_is_gone_goes_within_half_a_second(
    step: float, clock: Clock
) -> None:
    clock.step = step
    for _ in range(40):
        clock.say(("407", 0.99))
    changed = clock.now
    while clock.say(("52", 0.9)) != ["52"]:
        assert clock.now - changed < AGREEMENT
    for _ in range(40):
        clock.say(("52", 0.9))
    gone = clock.now
    while clock.say():
        assert clock.now - gone < AGREEMENT
    for _ in range(40):
        clock.say()
    assert clock.tracks == []


def test_a_single_reading_among_many_frames_is_not_believed(clock: Clock) -> None:
    for _ in range(20):
        clock.say()
    assert clock.say(("1", 0.9)) == []
    assert clock.say() == []


def test_a_slow_model_is_believed_at_once(clock: Clock) -> None:
    clock.step = 0.8
    assert clock.say(("407", 0.9)) == ["407"]
    assert clock.say(("52", 0.9)) == ["52"]
    assert clock.say() == []


def test_two_numbers_are_followed_apart_while_they_move(clock: Clock) -> None:
    for turn in range(30):
        shown = clock.say(("12", 0.9), ("34", 0.9), shift=6.0 * turn)
    assert shown == ["12", "34"]
    for turn in range(30, 45):
        shown = clock.say(("12", 0.9), shift=6.0 * turn)
    assert shown == ["12"]


def test_an_unsure_number_is_not_claimed(clock: Clock) -> None:
    for _ in range(10):
        shown = clock.say(("407", 0.4), threshold=0.5)
    assert shown == []
    assert clock.say(("407", 0.4), threshold=0.3) == ["407"]
