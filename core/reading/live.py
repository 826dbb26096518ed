"""Camera frames with the newest agreed readings drawn on them, and what there is to tell about them."""

from __future__ import annotations

import datetime
import json
import threading
import time
import weakref
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final, NamedTuple

import numpy as np
from pydantic import Field, field_validator

from core.config import Settings
from core.reading.explain import METHODS, patch_weights
from core.reading.files.picture import as_gray
from core.reading.find.search import band
from core.reading.follow import Follower
from core.reading.overlay import Found, draw_found, heated, png
from core.reading.reader import LEAST_SURE, Reader
from core.reading.reading import Reading

_PACE: Final = (
    1 / 12
)  # seconds from one reading to the next: enough to agree on, and half of what a camera sends
_MEASURED: Final = 2.0  # seconds over which rates and times are taken
_STALE: Final = 2.0  # seconds after which a reading is no longer drawn, if the model has not come back
_REST: Final = 10.0  # seconds without a frame after which the thread ends by itself
_REMEMBERED: Final = 1000  # numbers in the list of the last ones

LIVE_METHODS: Final = tuple(name for name, method in METHODS.items() if method.live)
HEAT: Final = "heat"
"""Beside those: no attention, but where the finder sees a number."""


class LiveSettings(Settings):
    """What can be changed while the camera runs."""

    overlay: bool = True
    """Draw boxes, readings and attention on the video."""
    strength: float = Field(0.6, ge=0, le=1)
    """Opacity of the attention, or of the heat map, where it is highest."""
    method: str = LIVE_METHODS[0]
    """Which attention, of those in `explain.METHODS` that are fast enough; or `HEAT`."""
    mirror: bool = False
    """Show the picture as a mirror does. It is read as the camera sees it."""
    threshold: float = Field(LEAST_SURE, ge=0, le=1)
    """Probability, as shown, below which a number is not claimed."""

    @field_validator("method")
    @classmethod
    def _known(cls, method: str) -> str:
        if method not in (*LIVE_METHODS, HEAT):
            known = ", ".join((*LIVE_METHODS, HEAT))
            raise ValueError(f"method ({method}) is not shown live; choose one of {known}")
        return method


class Shown(NamedTuple):
    """A number on which the last readings agree."""

    reading: Reading
    """The newest one that says so."""
    probability: float
    """Mean of the readings that say so."""
    weights: dict[str, np.ndarray]
    """(digits, rows, columns) of the patches, by each method."""
    reader: Reader
    """Who read it."""


@dataclass(frozen=True)
class Remembered:
    """One of the last numbers that were shown."""

    text: str
    probability: float
    """The highest that it had."""
    first: datetime.datetime
    """When it came, local time."""
    last: float
    """When it was last seen, `time.monotonic`."""


@dataclass(frozen=True)
class LiveStatistics:
    """How it goes, over the last two seconds; rates are 0 and times are nan where nothing came."""

    frames_per_second: float
    readings_per_second: float
    model_ms: float
    """Median from a frame to its readings: find, read, attention."""
    end_to_end_ms: float
    """Median from a frame's arrival to the first frame sent back that carries its readings."""
    silent: float
    """Seconds since the last frame, or since the start where none has come."""
    frames: int
    """Since the camera was started."""
    dropped: int
    """Frames that the model never saw, because a newer one had come; since the camera was started."""
    behind: bool
    """Whether the model reads less than half as often as it would like to, or as frames come."""
    frozen: bool
    errors: int
    """How often reading failed; since the camera was started."""
    error: str
    """The last failure, "" if there was none within the last two seconds."""
    shown: tuple[Shown, ...]
    """What is on the frame now, in reading order."""
    last: tuple[Remembered, ...]
    """The last numbers, the newest first; a thousand at most."""


class LiveReader:
    """Reads camera frames beside the video, which never waits for it. One for each visitor.

    `show` is called for every frame, on any one thread; everything else may be called on any other. The model runs on a
    thread that the first frame starts, always on the newest frame. The thread ends with `close`, after ten seconds
    without a frame, or when nobody holds the LiveReader any more; a later frame starts another.

    live = LiveReader(Reader.from_checkpoint())
    picture = live.show(frame)  # HWC uint8 RGB in and out
    live.settings = LiveSettings(mirror=True)  # at any time
    """

    def __init__(self, reader: Reader, settings: LiveSettings | None = None) -> None:
        self.reader = reader
        """May be replaced at any time."""
        self.settings = settings or LiveSettings()
        """May be replaced at any time."""
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._stream = _Stream()
        self._last: deque[Remembered] = deque(maxlen=_REMEMBERED)
        # The thread holds no strong reference to this: it ends once nobody else does.
        weakref.finalize(self, self._wake.set)

    def show(self, frame: np.ndarray) -> np.ndarray:
        """The frame (HWC uint8 RGB, any size) as it is to be seen, with the newest agreed readings. It is not written to.

        Takes a millisecond or two: it leaves the frame to the model's thread and draws what that has found so far.
        What goes wrong is counted, and the frame comes back as it is.
        """
        arrived = time.monotonic()
        with self._lock:
            stream = self._stream
            stream.frames += 1
            stream.arrivals.append(arrived)
            frozen = stream.frozen
            if frozen is None:
                stream.dropped += stream.waiting is not None
                stream.waiting = _Frame(frame, arrived)
                stream.newest = frame
                if stream.thread is None:
                    self._start(stream)
            agreed = stream.agreed
        self._wake.set()
        try:
            if frozen is not None:
                return self._draw(*frozen)
            picture = self._draw(frame, agreed if arrived - agreed.arrived < _STALE else _NOTHING)
        except Exception as error:  # a frame that cannot be drawn on is better seen than not
            self._fail(stream, error)
            return frame
        with self._lock:
            if agreed.arrived > stream.drawn:
                stream.drawn = agreed.arrived
                stream.delays.append(_Took.since(agreed.arrived))
        return picture

    @property
    def frozen(self) -> bool:
        """Whether `show` keeps showing one frame."""
        return self._stream.frozen is not None

    def freeze(self) -> None:
        """Keep showing the newest frame with its readings; the settings go on to act on it. Without a frame, nothing happens."""
        with self._lock:
            stream = self._stream
            if stream.newest is not None:
                heat = _heat(self.reader, stream.newest)  # whatever is chosen now: another choice may follow
                stream.frozen = stream.newest, stream.agreed._replace(heat=heat)
                stream.waiting = None

    def resume(self) -> None:
        """Show the camera again."""
        with self._lock:
            self._stream.frozen = None

    def picture(self) -> bytes | None:
        """The frame that is shown now, as drawn, as the bytes of a PNG file; None before the first one."""
        frame, agreed = self._current()
        return None if frame is None else png(self._draw(frame, agreed))

    def readings(self) -> str:
        """The readings on the frame that is shown now, as JSON."""
        _, agreed = self._current()
        now = datetime.datetime.now().astimezone().isoformat(timespec="milliseconds")
        readings = [{**one.reading.to_dict(), "agreed_probability": one.probability} for one in agreed.shown]
        return json.dumps({"time": now, "readings": readings}, indent=2)

    def table(self) -> str:
        """The last numbers as CSV, the oldest first: when each came, and the highest probability that it had."""
        with self._lock:
            last = list(self._last)
        rows = (f"{one.first:%Y-%m-%d %H:%M:%S},{one.text},{one.probability:.4f}\n" for one in last)
        return "time,number,probability\n" + "".join(rows)

    def statistics(self) -> LiveStatistics:
        """How it goes."""
        _, agreed = self._current()
        with self._lock:
            stream = self._stream
            now = time.monotonic()
            since = now - _MEASURED
            arrivals = sum(when > since for when in stream.arrivals)
            turns = [took.milliseconds for took in stream.turns if took.when > since]
            delays = [took.milliseconds for took in stream.delays if took.when > since]
            seconds = min(max(now - stream.started, 0.25), _MEASURED)
            frozen = stream.frozen is not None
            return LiveStatistics(
                frames_per_second=arrivals / seconds,
                readings_per_second=len(turns) / seconds,
                model_ms=float(np.median(turns)) if turns else float("nan"),
                end_to_end_ms=float(np.median(delays)) if delays else float("nan"),
                silent=now - (stream.arrivals[-1] if stream.arrivals else stream.started),
                frames=stream.frames,
                dropped=stream.dropped,
                behind=not frozen and arrivals > 4 and len(turns) < 0.5 * min(arrivals, seconds / _PACE),
                frozen=frozen,
                errors=stream.errors,
                error=stream.error if now - stream.failed < _MEASURED else "",
                shown=agreed.shown if arrivals else (),
                last=tuple(reversed(self._last)),
            )

    def close(self) -> None:
        """End the thread and forget the frames; the last readings stay. May be called again; a later `show` starts afresh."""
        with self._lock:
            thread = self._stream.thread
            self._stream = _Stream()
        self._wake.set()
        if thread is not None:
            thread.join(timeout=5)

    def _start(self, stream: _Stream) -> None:
        """Give the stream its thread; the lock is held."""
        stream.thread = threading.Thread(
            target=_work, args=(weakref.ref(self), stream, self._wake), name="live-reader", daemon=True
        )
        stream.thread.start()

    def _current(self) -> tuple[np.ndarray | None, _Agreed]:
        """The frame that is shown, not drawn on, and what is to be drawn."""
        with self._lock:
            stream = self._stream
            if stream.frozen is not None:
                return stream.frozen
            fresh = time.monotonic() - stream.agreed.arrived < _STALE
            return stream.newest, stream.agreed if fresh else _NOTHING

    def _draw(self, frame: np.ndarray, agreed: _Agreed) -> np.ndarray:
        settings = self.settings
        height, width = frame.shape[:2]
        strength = settings.strength
        if settings.method == HEAT:
            heat = agreed.heat if settings.overlay else None
            if heat is not None and heat.shape == (height, width):
                frame = heated(frame, heat, strength)
            strength = 0.0  # no attention beside it
        found = [
            Found(one.reading, one.probability, one.weights.get(settings.method, _NO_WEIGHTS))
            for one in agreed.shown
            if settings.overlay and one.reading.size == (width, height)
        ]
        return draw_found(frame, found, strength=strength, mirror=settings.mirror)

    def _fail(self, stream: _Stream, error: Exception) -> None:
        with self._lock:
            stream.errors += 1
            stream.failed = time.monotonic()
            stream.error = f"{type(error).__name__}: {error}"

    # On the model's thread from here on.

    def _ends(self, stream: _Stream, woken: bool) -> bool:
        """Whether the stream's thread has nothing more to do; the next frame gets another."""
        with self._lock:
            if stream is self._stream and (woken or stream.waiting is not None):
                return False
            stream.thread = None
            return True

    def _turn(self, stream: _Stream) -> None:
        """Read the newest frame, if there is one, and agree on what to show."""
        with self._lock:
            waiting, stream.waiting = stream.waiting, None
        if waiting is None:
            return
        started = time.monotonic()
        reader = self.reader
        try:
            voters = reader, waiting.frame.shape
            if voters != stream.voters:  # another model, or another camera
                stream.voters, stream.follower = voters, Follower()
            agreed = stream.follower.follow(waiting.frame, reader, self.settings.threshold)
            shown = tuple(
                Shown(one.reading, one.probability, _weights(reader, one.reading), reader) for one in agreed
            )
            heat = _heat(reader, waiting.frame) if self.settings.method == HEAT else None
        except Exception as error:  # whatever it is, the next frame may be read
            self._fail(stream, error)
            return
        with self._lock:
            stream.turns.append(_Took.since(started))
            stream.agreed = _Agreed(waiting.arrived, shown, heat)
            if stream is self._stream:
                self._remember(shown)

    def _remember(self, shown: Iterable[Shown]) -> None:
        now = time.monotonic()
        for one in shown:
            text = one.reading.text
            for place, known in reversed(list(enumerate(self._last))):
                if known.text == text and now - known.last < _STALE:
                    highest = max(known.probability, one.probability)
                    self._last[place] = Remembered(text, highest, known.first, now)
                    break
            else:
                self._last.append(Remembered(text, one.probability, datetime.datetime.now(), now))


class _Frame(NamedTuple):
    frame: np.ndarray
    arrived: float


class _Agreed(NamedTuple):
    arrived: float
    """When the newest frame that voted came."""
    shown: tuple[Shown, ...]
    heat: np.ndarray | None = None
    """HW float32 of that frame, 0 to 1; None where it is not to be seen."""


_NOTHING: Final = _Agreed(float("-inf"), ())
_NO_WEIGHTS: Final = np.zeros((0, 1, 1), np.float32)


class _Took(NamedTuple):
    when: float
    milliseconds: float

    @classmethod
    def since(cls, started: float) -> _Took:
        now = time.monotonic()
        return cls(now, 1e3 * (now - started))


@dataclass
class _Stream:
    """All that is known of one camera from its start to its end."""

    started: float = field(default_factory=time.monotonic)
    thread: threading.Thread | None = None
    waiting: _Frame | None = None
    """The newest frame, until the model takes it."""
    newest: np.ndarray | None = None
    frozen: tuple[np.ndarray, _Agreed] | None = None
    agreed: _Agreed = _NOTHING
    drawn: float = float("-inf")
    """Which `agreed.arrived` was last sent back."""
    voters: tuple[Reader, tuple[int, ...]] | None = None
    """The model and the frame's shape whose readings vote together."""
    follower: Follower = field(default_factory=Follower)
    arrivals: deque[float] = field(default_factory=lambda: deque(maxlen=256))
    turns: deque[_Took] = field(default_factory=lambda: deque(maxlen=256))
    """What the model took."""
    delays: deque[_Took] = field(default_factory=lambda: deque(maxlen=256))
    """What it took from a frame to its readings on the video."""
    frames: int = 0
    dropped: int = 0
    errors: int = 0
    failed: float = float("-inf")
    error: str = ""


def _work(live: weakref.ref[LiveReader], stream: _Stream, wake: threading.Event) -> None:
    """The model's thread."""
    while True:
        woken = wake.wait(_REST)
        wake.clear()
        reader = live()
        if reader is None or reader._ends(stream, woken):
            return
        started = time.monotonic()
        reader._turn(stream)
        del reader
        # Where the processor is busy, video comes first: what was taken is given back.
        took = time.monotonic() - started
        time.sleep(max(_PACE - took, min(took, 0.25)))


def _weights(reader: Reader, reading: Reading) -> dict[str, np.ndarray]:
    return {method: patch_weights(reader, reading, method) for method in LIVE_METHODS}


def _heat(reader: Reader, frame: np.ndarray) -> np.ndarray:
    """HW float32, 0 to 1: where the reader's finder sees a number in a frame."""
    return band(as_gray(frame), reader.finder)
