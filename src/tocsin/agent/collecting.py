"""Collecting: the sensors' threads, between the moment collection is allowed and the moment it is not."""

import contextlib
import queue
import threading
from typing import Any

from tocsin.agent.health import HealthMeter
from tocsin.agent.loop import Loop, state_body
from tocsin.agent.media import Media
from tocsin.agent.notice_x11 import X11Notice
from tocsin.agent.sensing import OpenSenses, Senses
from tocsin.model import Clock, EntryKind, Kind, MediaSeen, NotScanned, Observation, Sensor, StateSeen
from tocsin.placement.crew import Crew, Work
from tocsin.placement.journal import Journal

RECORDED_STATES = frozenset(
    {
        *("idle", "active", "locked", "unlocked", "resumed", "session-away", "session-back"),
        *("screen-lost", "screen-back", "screen-black"),
    }
)
_QUEUE = 2000


class Collecting:
    """Starts and stops what watches. While it is stopped no sensor is open."""

    def __init__(
        self,
        loop: Loop,
        journal: Journal,
        health: HealthMeter,
        crew: Crew,
        clock: Clock,
        notice: X11Notice,
        open_senses: OpenSenses,
        display: str | None = None,
    ) -> None:
        self._loop, self._journal, self._health, self._crew = loop, journal, health, crew
        self._clock, self._notice, self._open, self._display = clock, notice, open_senses, display
        self._queue: queue.Queue[Observation | None] = queue.Queue(_QUEUE)
        self._senses: Senses | None = None
        self._names: list[str] = []
        self._media: Media | None = None
        self._level = 0
        self._looked_ns = 0
        self.broken = threading.Event()
        self._away = False
        self._told: set[str] = set()

    @property
    def running(self) -> bool:
        """Whether anything is collected."""
        return self._loop.collecting.is_set()

    @property
    def looks_at_media(self) -> bool:
        """Whether pictures and files are looked at."""
        return self._media is not None

    @property
    def degradations(self) -> tuple[str, ...]:
        """What the open sensors have to say in a heartbeat."""
        senses = self._senses
        return tuple(code for ask in senses.degradations for code in ask()) if senses is not None else ()

    def wake(self) -> None:
        """Ask again now what could not be asked (the hub answers again)."""
        media = self._media
        if media is not None:
            media.asking.wake()

    def start(self, media: Media | None = None) -> None:
        """Open the sensors and begin; pictures and files are looked at only with ``media``."""
        self.broken.clear()
        senses = self._open(lambda: self._notice.windows, self._display, media)
        self._senses, self._media = senses, media
        for what, sentence in senses.unsupported:
            self._health.unsupported = True
            if what not in self._told:
                self._told.add(what)
                self._journal.append(EntryKind.UNSUPPORTED, {"what": what, "sentence": sentence})
        self._loop.pixels = senses.pixels
        self._loop.collecting.set()
        self.shed(self._level)
        self._names = ["loop", *(f"sensor-{name}" for name, _ in senses.sensors)]
        self._crew.start("loop", self._examine, lambda: self._queue.put(None))
        for name, sensor in senses.sensors:
            self._crew.start(f"sensor-{name}", self._reader(name, sensor), _closer(sensor))

    def stop(self) -> None:
        """Stop collecting: nothing is watched on return, and nothing is remembered."""
        if self._senses is None:
            return
        self._loop.collecting.clear()
        senses, self._senses, self._media = self._senses, None, None
        with contextlib.suppress(queue.Empty):
            while True:
                self._queue.get_nowait()
        late = self._crew.stop(*self._names)
        senses.close()
        self._loop.pixels = None
        self._loop.forget()
        for name in late:
            self._loop.warn(f"thread-late {name}")

    def shed(self, level: int) -> None:
        """Apply a step of the ladder (limits.py)."""
        self._level = level
        self._loop.pictures = level < 1
        self._health.reading_off = level >= 3
        if self._senses is not None:
            self._senses.pace((0, 0, 2, 4)[level])
            for shed in self._senses.sheds:
                shed(level)

    def tick(self) -> None:
        """Pass on that the screen was looked at although nothing on it could be read."""
        senses = self._senses
        if senses is None:
            return
        looked = senses.last_look_ns()
        if looked > self._looked_ns:
            self._looked_ns = looked
            self._health.looked()

    def seen(self, seen: Observation) -> None:
        """Deal with one observation: states are recorded, everything else goes to the loop."""
        if isinstance(seen.body, StateSeen):
            self._state(seen.body)
        elif isinstance(seen.body, NotScanned):
            self._health.count(f"not-scanned-{seen.body.reason}"[:40])
            if seen.body.reason == "failed" and seen.kind != Kind.FILE:
                self._died(seen.sensor, "failed")
            return
        if self._away and (seen.kind != Kind.STATE or seen.title) and not isinstance(seen.body, MediaSeen):
            return
        self._loop.see(seen)
        media = self._media
        if media is not None and isinstance(seen.body, MediaSeen) and self.running:
            media.asking.settled(seen.id)

    def _state(self, body: StateSeen) -> None:
        if body.state in ("session-away", "session-back"):
            self._away = body.state == "session-away"
        if body.state == "screen-lost":
            self.broken.set()
        if body.state in ("locked", "unlocked"):
            self._notice.quiet = body.state == "locked"
        if body.state in RECORDED_STATES:
            self._journal.append(EntryKind.STATE, state_body(body))
        elif body.state == "clock-jump":
            detail: dict[str, Any] = dict(body.detail)
            delta = float(detail.get("delta_s", detail.get("seconds", 0.0)))
            sentence = f"This computer's clock moved by {delta:+.0f} s against the time that really passed."
            self._journal.append(EntryKind.CLOCK, {"delta_s": round(delta, 3), "sentence": sentence})

    def _reader(self, name: str, sensor: Sensor) -> Work:
        """Return the work of a sensor's thread. A sensor that ends or fails cannot be used again: all are reopened."""

        def read(stop: threading.Event) -> None:
            reason = "ended"
            try:
                for seen in sensor.observations():
                    self._put(seen, stop)
                    if stop.is_set():
                        return
            except Exception as problem:
                reason = type(problem).__name__
            if not stop.is_set():
                self._died(name, reason)
                stop.wait()

        return read

    def _put(self, seen: Observation, stop: threading.Event) -> None:
        while not stop.is_set():
            with contextlib.suppress(queue.Full):
                self._queue.put(seen, timeout=0.5)
                return

    def _died(self, name: str, reason: str) -> None:
        self._loop.warn(f"sensor-died {name} {reason}")
        self.broken.set()

    def _examine(self, stop: threading.Event) -> None:
        while not stop.is_set():
            seen = self._queue.get()
            if seen is not None:
                self.seen(seen)


def _closer(sensor: Sensor) -> Any:
    close = getattr(sensor, "close", None)
    return close if callable(close) else lambda: None
