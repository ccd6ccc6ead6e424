"""Health from the age of evidence: never *ok* when nothing was seen for 30 s while somebody used the computer."""

import math
import threading
from collections import Counter
from typing import Any

from tocsin.model import Clock, Health, HealthState, Kind, MediaSeen, NotScanned, Observation, StateSeen, utc_text

BLIND_AFTER_S = 30.0
_SIGHT = frozenset({Kind.TEXT, Kind.PICTURE, Kind.FRAME})
_AWAY = frozenset({"idle", "locked", "session-away", "screen-lost"})
_BACK = frozenset({"active", "unlocked", "resumed", "session-back"})
_MAX_KINDS = 40
_WINDOW_S = 600.0


class HealthMeter:
    """Gathers what heartbeats say. Thread-safe; ``tick`` is called about once a second."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._started = clock.monotonic_ns()
        self._ticked = self._started
        self._seen_ns: int | None = None
        self._seen_at: Any = None
        self._active_s = self._observed_s = 0.0
        self._recent = (0.0, 0.0)
        self._counts: Counter[str] = Counter()
        self.active = True
        self.unsupported = self.reading_off = False
        self.stopped = False
        self.degradations: tuple[str, ...] = ()
        self.cpu, self.memory = 0.0, 0

    def saw(self, seen: Observation) -> None:
        """Note an observation."""
        with self._lock:
            self._count(str(seen.kind))
            if isinstance(seen.body, StateSeen):
                self._state(seen.body.state)
            if seen.kind in _SIGHT and not isinstance(seen.body, NotScanned | MediaSeen):  # an answer is not a look
                self._sight()

    def looked(self) -> None:
        """Note that the screen was really looked at and nothing on it had changed."""
        with self._lock:
            self._sight()

    def count(self, what: str) -> None:
        """Count something for the next heartbeat."""
        with self._lock:
            self._count(what)

    def tick(self) -> None:
        """Let time pass: active time counts as observed while evidence is fresh."""
        with self._lock:
            now = self._clock.monotonic_ns()
            passed, self._ticked = max(0.0, (now - self._ticked) / 1e9), now
            if self.active:
                self._active_s += passed
                seen = passed if self._fresh(now) and not (self.unsupported or self.reading_off) else 0.0
                self._observed_s += seen
                fade = math.exp(-passed / _WINDOW_S)
                self._recent = (self._recent[0] * fade + passed, self._recent[1] * fade + seen)

    @property
    def coverage(self) -> float:
        """The share of active time since the last heartbeat that was really observed; 1 where there was none."""
        return self._observed_s / self._active_s if self._active_s > 0 else 1.0

    @property
    def recent_coverage(self) -> float:
        """The share of active time really observed over about the last ten minutes, for judging what was found."""
        return (self._recent[1] + BLIND_AFTER_S) / (self._recent[0] + BLIND_AFTER_S)

    def beat(self) -> Health:
        """Return the health since the last beat and begin the next span."""
        self.tick()
        with self._lock:
            now = self._clock.monotonic_ns()
            health = Health(
                state=self._judge(now),
                at=self._clock.now(),
                last_evidence=self._seen_at,
                active=self.active,
                coverage=round(self.coverage, 4),
                cpu=round(self.cpu, 2),
                memory_bytes=self.memory,
                degradations=self.degradations,
                counts=dict(self._counts),
            )
            self._active_s = self._observed_s = 0.0
            self._counts.clear()
            return health

    def _judge(self, now: int) -> HealthState:
        if self.stopped:
            return HealthState.STOPPED
        if self.unsupported:
            return HealthState.UNSUPPORTED
        if not self.active:
            return HealthState.IDLE
        if not self._fresh(now):
            begun = self._seen_ns is None and now - self._started <= BLIND_AFTER_S * 1e9
            return HealthState.DEGRADED if begun else HealthState.BLIND
        return HealthState.DEGRADED if self.degradations else HealthState.OK

    def _fresh(self, now: int) -> bool:
        return self._seen_ns is not None and now - self._seen_ns <= BLIND_AFTER_S * 1e9

    def _state(self, state: str) -> None:
        if state in _AWAY:
            self.active = False
        elif state in _BACK:
            self.active = True

    def _sight(self) -> None:
        self._seen_ns, self._seen_at = self._clock.monotonic_ns(), self._clock.now()

    def _count(self, what: str) -> None:
        self._counts[what if what in self._counts or len(self._counts) < _MAX_KINDS else "other"] += 1


def heartbeat_body(health: Health) -> dict[str, Any]:
    """Return the journal's form of a heartbeat."""
    return {
        "state": str(health.state),
        "last_evidence": utc_text(health.last_evidence) if health.last_evidence else None,
        "active": health.active,
        "coverage": health.coverage,
        "cpu": health.cpu,
        "memory": health.memory_bytes,
        "degradations": list(health.degradations),
        "counts": health.counts,
    }
