"""The session's state: idle or active, locked, away, resumed from sleep, and whether the clock was set."""

import contextlib
import os
import secrets
import threading
import time
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path

from tocsin.model import Clock, Kind, Observation, StateSeen

EVERY = 5.0
"""Seconds between two looks."""
IDLE_AFTER = 60.0
"""Seconds without key or pointer after which the user counts as idle."""
JUMP = 5.0
"""Seconds that wall clock and monotonic clock may drift apart between looks before it counts as set."""
ASLEEP = 5.0
"""Seconds that only the clock which counts sleep may gain before it counts as a sleep."""

IdleMs = Callable[[], int | None]
Seat = Callable[[], "SeatState"]


class SeatState:
    """What the log-in manager says of this session: in front, and locked. None where it does not say."""

    def __init__(self, active: bool | None = None, locked: bool | None = None) -> None:
        """Hold what is known."""
        self.active, self.locked = active, locked


class SessionSensor:
    """Says active, idle, locked, unlocked, session-away, session-back, resumed and clock-jump.

    ``idle_ms`` tells milliseconds since the last input or None where nobody knows (then nothing is said about it).
    """

    name = "session"

    def __init__(
        self,
        clock: Clock,
        idle_ms: IdleMs = lambda: None,
        seat: Seat = SeatState,
        awake: Callable[[], float] = time.monotonic,
        every: float = EVERY,
    ) -> None:
        """``awake`` counts seconds without sleep; ``clock.monotonic_ns`` those with sleep."""
        self._clock, self._idle_ms, self._seat, self._awake, self._every = clock, idle_ms, seat, awake, every
        self._stop = threading.Event()
        self._said: dict[str, str] = {}
        self._before: tuple[datetime, int, float] | None = None

    def observations(self) -> Iterator[Observation]:
        """Yield changes of state until closed."""
        while not self._stop.is_set():
            yield from self.look()
            self._stop.wait(self._every)

    def look(self) -> Iterator[Observation]:
        """Yield what changed since the last look."""
        for body in [*self._clocks(), *self._presence()]:
            yield Observation(
                id=secrets.token_hex(8),
                kind=Kind.STATE,
                at=self._clock.now(),
                sensor=self.name,
                body=body,
                seen_ns=self._clock.monotonic_ns(),
            )

    def close(self) -> None:
        """Stop looking."""
        self._stop.set()

    def _clocks(self) -> list[StateSeen]:
        now, mono, awake = self._clock.now(), self._clock.monotonic_ns(), self._awake()
        before, self._before = self._before, (now, mono, awake)
        if before is None:
            return []
        out = []
        passed = (mono - before[1]) / 1e9
        if passed - (awake - before[2]) > ASLEEP:
            out.append(StateSeen("resumed", (("seconds", round(passed - (awake - before[2]), 1)),)))
        delta = (now - before[0]).total_seconds() - passed
        if abs(delta) > JUMP:
            out.append(StateSeen("clock-jump", (("delta_s", round(delta, 3)),)))
        return out

    def _presence(self) -> list[StateSeen]:
        out = []
        idle = self._idle_ms()
        if idle is not None:
            out.extend(self._change("input", "idle" if idle >= IDLE_AFTER * 1000 else "active", "", idle / 1000))
        seat = self._seat()
        if seat.locked is not None:
            out.extend(self._change("lock", "locked" if seat.locked else "unlocked", "unlocked"))
        if seat.active is not None:
            out.extend(self._change("seat", "session-back" if seat.active else "session-away", "session-back"))
        return out

    def _change(self, what: str, state: str, usual: str, seconds: float | None = None) -> list[StateSeen]:
        """Return the state if it is another one than before; the usual one is not said at the start."""
        if self._said.get(what, usual) == state:
            self._said[what] = state
            return []
        self._said[what] = state
        return [StateSeen(state, (("seconds", round(seconds, 1)),) if seconds is not None else ())]


def logind_seat(folder: Path = Path("/run/systemd/sessions")) -> SeatState:
    """Return what systemd-logind's session file says of this session; unknown where there is none."""
    session = os.environ.get("XDG_SESSION_ID", "")
    if not session.isalnum():
        return SeatState()
    values: dict[str, str] = {}
    with contextlib.suppress(OSError, UnicodeDecodeError):
        for line in (folder / session).read_text("utf-8").splitlines()[:200]:
            key, _, value = line.partition("=")
            values[key] = value
    active, locked = values.get("ACTIVE"), values.get("LOCKED_HINT")
    return SeatState(active == "1" if active else None, locked == "1" if locked else None)
