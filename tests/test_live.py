"""The live reader never holds up the video, shows what its readings agree on, and leaves nothing behind."""

import csv
import datetime
import gc
import io
import json
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image

from core.reading import Reader
from core.reading.find.place import Place
from core.reading.live import HEAT, LiveReader, LiveSettings
from core.reading.palette import position_rgb
from tests.drawings import draw


def frame(text: str = "407") -> np.ndarray:
    """HWC uint8 RGB: a number on gray paper."""
    gray = draw(text, size=(240, 320), height=60, at=(50, 90), paper=215, ink=40).gray
    return cv2.cvtColor(gray, cv2.COLOR_GRAY2RGB)


EMPTY = np.full((240, 320, 3), 215, np.uint8)


@pytest.fixture
def live(number_reader: Reader) -> Iterator[LiveReader]:
    live = LiveReader(number_reader)
    yield live
    live.close()


def coloured(picture: np.ndarray, position: int) -> np.ndarray:
    """(n, 2) row and column of the pixels in the colour of a position; lines are softened."""
    return np.argwhere(np.abs(picture.astype(int) - position_rgb(position)).max(axis=2) < 16)


def threads() -> set[threading.Thread]:
    return {thread for thread in threading.enumerate() if thread.name == "live-reader"}


def soon(true: Callable[[], bool], seconds: float = 20) -> bool:
    end = time.monotonic() + seconds
    while not true():
        if time.monotonic() > end:
            return False
        time.sleep(0.01)
    return True


def texts(live: LiveReader) -> list[str]:
    return [one.reading.text for one in live.statistics().shown]


def film(live: LiveReader, picture: np.ndarray, until: Callable[[], bool], fps: int = 30) -> np.ndarray:
    """The last frame sent back, once `until` holds."""
    end = time.monotonic() + 20
    while True:
        back = live.show(picture)
        if until():
            return back
        assert time.monotonic() < end, f"it did not come; {live.statistics()}"
        time.sleep(1 / fps)


class Slow(Reader):
    """A reader that takes its time, until it is told to go on."""

    def __init__(self, reader: Reader) -> None:
        self.__dict__ |= reader.__dict__
        self.seen: list[int] = []
        self.go = threading.Event()

    def find(self, image: Any) -> list[Place]:
        self.seen.append(int(image[0, 0, 0]))
        self.go.wait(20)
        return super().find(image)


class Broken(Slow):
    """A reader that fails, until it is told to go on."""

    def find(self, image: Any) -> list[Place]:
        if not self.go.is_set():
            raise RuntimeError("out of ink")
        return super().find(image)


def test_the_number_is_read_and_drawn_into_the_frames_that_come_back(live: LiveReader) -> None:
    before = frame().copy()
    back = film(live, before, lambda: texts(live) == ["407"])
    back = live.show(before)
    assert np.array_equal(before, frame())  # the camera's own frame is left alone
    assert back.shape == before.shape and back.dtype == np.uint8
    for position in range(3):
        assert len(coloured(back, position))
    now = live.statistics()
    assert now.frames_per_second > 0 and now.readings_per_second > 0 and now.errors == 0
    assert now.model_ms > 0 and now.end_to_end_ms > 0
    assert [known.text for known in now.last] == ["407"] and now.last[0].probability > 0.5


def test_video_never_waits_for_the_model_which_takes_only_the_newest_frame(number_reader: Reader) -> None:
    slow = Slow(number_reader)
    live = LiveReader(slow)
    pictures = [np.full_like(EMPTY, shade) for shade in range(100, 140)]
    started = time.monotonic()
    live.show(pictures[0])
    assert soon(lambda: slow.seen == [100])
    for picture in pictures[1:]:
        assert np.array_equal(live.show(picture), picture)
    assert time.monotonic() - started < 5  # the model takes 20 seconds
    now = live.statistics()
    assert (now.frames, now.dropped, now.behind) == (40, 38, True)
    slow.go.set()
    assert soon(lambda: slow.seen == [100, 139])
    live.close()


def test_settings_act_on_the_next_frame(live: LiveReader) -> None:
    picture = frame()
    film(live, picture, lambda: texts(live) == ["407"])
    shown = live.show(picture)
    live.settings = LiveSettings(overlay=False)
    assert np.array_equal(live.show(picture), picture)
    live.settings = LiveSettings(mirror=True, overlay=False)
    assert np.array_equal(live.show(picture), picture[:, ::-1])
    live.settings = LiveSettings(strength=0.0)
    faint = live.show(picture)
    live.settings = LiveSettings(method="rollout")
    assert not np.array_equal(live.show(picture), shown) and not np.array_equal(faint, shown)


def test_a_mirrored_picture_is_read_as_the_camera_sees_it(live: LiveReader) -> None:
    live.settings = LiveSettings(mirror=True)
    picture = frame("27")
    film(live, picture, lambda: texts(live) == ["27"])
    mirrored = coloured(live.show(picture)[92:], 0)  # without the label
    live.settings = LiveSettings()
    straight = coloured(live.show(picture)[92:], 0)
    assert mirrored[:, 1].min() > 200 and straight[:, 1].max() < 120  # the 2 stands at the other side


def test_below_the_threshold_nothing_is_claimed(live: LiveReader, number_reader: Reader) -> None:
    film(live, frame(), lambda: texts(live) == ["407"])
    live.settings = LiveSettings(threshold=1.0)
    film(live, frame(), lambda: texts(live) == [])
    assert np.array_equal(live.show(frame()), frame())


def test_another_number_shows_and_nothing_after_another(live: LiveReader) -> None:
    film(live, frame("407"), lambda: texts(live) == ["407"])
    for picture, expected in ((frame("52"), ["52"]), (EMPTY, [])):
        film(live, picture, lambda: texts(live) == expected)  # noqa: B023  # called before the loop goes on
    assert [known.text for known in live.statistics().last] == ["52", "407"]


def test_another_model_takes_over_in_the_running_stream(live: LiveReader, digit_reader: Reader) -> None:
    film(live, frame("407"), lambda: texts(live) == ["407"])
    live.reader = digit_reader
    end = time.monotonic() + 20
    while texts(live) != ["7"]:  # a lone digit, which a hand holds
        live.show(np.roll(frame("7"), int(time.monotonic() * 20) % 4, axis=1))
        assert time.monotonic() < end, live.statistics()
        time.sleep(1 / 30)
    assert live.statistics().errors == 0


def test_a_frame_of_another_size_starts_afresh(live: LiveReader) -> None:
    film(live, frame(), lambda: texts(live) == ["407"])
    larger = cv2.resize(frame(), None, fx=2, fy=2)
    assert np.array_equal(live.show(larger), larger)  # not with the boxes of the smaller one
    film(live, larger, lambda: [one.reading.size for one in live.statistics().shown] == [(640, 480)])
    assert len(coloured(live.show(larger), 0))


def test_a_failing_model_is_counted_and_told_of_and_the_next_frame_is_read(number_reader: Reader) -> None:
    broken = Broken(number_reader)
    live = LiveReader(broken)
    back = film(live, frame(), lambda: live.statistics().errors > 1)
    assert np.array_equal(back, frame())
    assert live.statistics().error == "RuntimeError: out of ink"
    broken.go.set()
    film(live, frame(), lambda: texts(live) == ["407"])
    live.close()


def test_a_frozen_frame_stays_and_can_be_saved(live: LiveReader) -> None:
    assert live.picture() is None and json.loads(live.readings())["readings"] == []
    live.freeze()
    assert live.statistics().frozen is False  # there was nothing to freeze
    film(live, frame(), lambda: texts(live) == ["407"])
    live.freeze()
    kept = live.show(EMPTY)
    assert live.frozen and len(coloured(kept, 0))
    assert np.array_equal(live.show(EMPTY), kept)
    saved = live.picture()
    assert saved is not None and np.array_equal(np.asarray(Image.open(io.BytesIO(saved))), kept)
    (reading,) = json.loads(live.readings())["readings"]
    assert reading["text"] == "407" and len(reading["digits"]) == 3
    live.settings = LiveSettings(overlay=False)  # also acts on a frozen frame
    assert np.array_equal(live.show(EMPTY), frame())
    live.resume()
    assert np.array_equal(live.show(EMPTY), EMPTY) and not live.frozen


def red(picture: np.ndarray) -> np.ndarray:
    """(n, 2) row and column of the pixels that the heat map reddens."""
    r, g, b = np.moveaxis(picture.astype(int), 2, 0)
    return np.argwhere((r - g > 60) & (np.abs(g - b) < 25))  # no digit's colour is like that


def test_the_heat_map_lies_over_the_number_and_instead_of_the_attention(live: LiveReader) -> None:
    live.settings = LiveSettings(method=HEAT, strength=1.0)
    back = film(live, frame(), lambda: texts(live) == ["407"])
    back = film(live, frame(), lambda: len(red(live.show(frame()))) > 100)
    ink = np.argwhere(frame()[..., 0] < 120)
    assert np.abs(red(back).mean(0) - ink.mean(0)).max() < 15
    assert np.ptp(red(back)[:, 0]) < 0.9 * np.ptp(ink[:, 0]), "the middle band alone is hot"
    assert len(coloured(back, 0)), "the boxes of the digits stay"
    live.settings = LiveSettings(method=HEAT, strength=1.0, mirror=True)
    mirrored = live.show(frame())
    assert abs(319 - red(mirrored)[:, 1].mean() - ink[:, 1].mean()) < 15
    live.settings = LiveSettings(method=HEAT, overlay=False)
    assert np.array_equal(live.show(frame()), frame())


def test_a_frozen_frame_has_a_heat_map_whatever_was_shown_before(live: LiveReader) -> None:
    film(live, frame(), lambda: texts(live) == ["407"])
    live.freeze()
    assert not len(red(live.show(EMPTY)))
    live.settings = LiveSettings(method=HEAT, strength=1.0)
    assert len(red(live.show(EMPTY))) > 100


def test_close_ends_the_thread_and_another_frame_starts_another(live: LiveReader) -> None:
    before = threads()
    film(live, frame(), lambda: texts(live) == ["407"])
    assert len(threads() - before) == 1
    live.close()
    live.close()
    assert threads() <= before
    now = live.statistics()
    assert (now.frames, now.shown, live.frozen) == (0, (), False) and live.picture() is None
    assert [known.text for known in now.last] == ["407"]
    film(live, frame("52"), lambda: texts(live) == ["52"])
    assert len(threads() - before) == 1


def test_a_forgotten_reader_takes_its_thread_along(number_reader: Reader) -> None:
    before = threads()
    live = LiveReader(number_reader)
    film(live, frame(), lambda: texts(live) == ["407"])
    gone = weakref.ref(live)
    del live
    gc.collect()
    assert soon(lambda: gone() is None and threads() <= before)


def test_a_thread_without_frames_ends_by_itself(live: LiveReader, monkeypatch: pytest.MonkeyPatch) -> None:
    before = threads()
    monkeypatch.setattr("core.reading.live._REST", 0.2)
    film(live, frame(), lambda: texts(live) == ["407"])
    assert soon(lambda: threads() <= before)
    film(live, frame("52"), lambda: texts(live) == ["52"])


def test_the_last_numbers_are_a_table_with_the_time_of_each(live: LiveReader) -> None:
    assert live.table() == "time,number,probability\n"
    for text in ("407", "52"):
        film(live, frame(text), lambda: texts(live) == [text])  # noqa: B023  # called before the loop goes on
    rows = list(csv.DictReader(io.StringIO(live.table())))
    assert [row["number"] for row in rows] == ["407", "52"]
    for row in rows:
        age = datetime.datetime.now() - datetime.datetime.fromisoformat(row["time"])
        assert age < datetime.timedelta(seconds=60) and 0.5 < float(row["probability"]) <= 1


def test_silence_is_measured_from_the_last_frame(live: LiveReader) -> None:
    live.show(EMPTY)
    time.sleep(0.3)
    assert 0.25 < live.statistics().silent < 5
    live.show(EMPTY)
    assert live.statistics().silent < 0.2


def test_nothing_grows_with_the_number_of_frames(live: LiveReader) -> None:
    for _ in range(700):
        live.show(EMPTY)
    stream = live._stream
    kept = (stream.arrivals, stream.turns, stream.delays)
    assert live.statistics().frames == 700 and all(len(queue) <= 256 for queue in kept)
