"""Self-limits: the agent measures itself and its children, and sheds work step by step, saying each step.

Order of shedding: pictures, then how often the screen is read, then reading it. Text from elsewhere, states and
heartbeats are never shed.
"""

import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import psutil

from tocsin.model import Clock, utc_text

STEPS = ("normal", "pictures-off", "ocr-slow", "ocr-off")


@dataclass(frozen=True, slots=True)
class Caps:
    """What the agent may use: percent of one core and bytes, over itself and its children; for how long a cap may
    be passed before a step down, and how long all must be calm before a step up."""

    cpu: float = 85.0
    memory: int = 700 << 20
    over_s: float = 20.0
    calm_s: float = 30.0
    calm_share: float = 0.6


class Usage:
    """CPU (percent of one core since the last call) and resident memory of this process and its children."""

    def __init__(self) -> None:
        self._me = psutil.Process()
        self._known: dict[int, tuple[psutil.Process, float]] = {}

    def __call__(self, seconds: float) -> tuple[float, int]:
        """Return (cpu percent over the last ``seconds``, memory in bytes)."""
        spent, memory = 0.0, 0
        known: dict[int, tuple[psutil.Process, float]] = {}
        children: list[psutil.Process] = []
        with contextlib.suppress(psutil.Error):
            children = self._me.children(recursive=True)
        for process in (self._me, *children):
            with contextlib.suppress(psutil.Error):
                times = process.cpu_times()
                total = times.user + times.system
                before = self._known.get(process.pid, (process, total if process is self._me else 0.0))[1]
                known[process.pid] = (process, total)
                spent += max(0.0, total - before)
                memory += process.memory_info().rss
        self._known = known
        return (100.0 * spent / seconds if seconds > 0 else 0.0), memory


class Limits:
    """The ladder. ``step`` is called every few seconds with fresh figures."""

    def __init__(
        self,
        clock: Clock,
        apply: Callable[[int], None],
        announce: Callable[[dict[str, Any]], object],
        caps: Caps | None = None,
    ) -> None:
        self._clock, self._apply, self._announce, self.caps = clock, apply, announce, caps or Caps()
        self.level = 0
        self._over_since: int | None = None
        self._calm_since: int | None = None
        self._since = utc_text(clock.now())

    @property
    def degradations(self) -> tuple[str, ...]:
        """The steps in force."""
        return STEPS[1 : self.level + 1]

    def step(self, cpu: float, memory: int) -> None:
        """Take figures; go down or up a step where they have lasted long enough."""
        now = self._clock.monotonic_ns()
        caps = self.caps
        reason = "memory" if memory > caps.memory else "cpu" if cpu > caps.cpu else ""
        if reason:
            self._calm_since = None
            self._over_since = self._over_since if self._over_since is not None else now
            if now - self._over_since >= caps.over_s * 1e9 and self.level < len(STEPS) - 1:
                self._move(self.level + 1, reason)
            return
        self._over_since = None
        if self.level == 0 or cpu > caps.cpu * caps.calm_share or memory > caps.memory * 0.95:
            self._calm_since = None
            return
        self._calm_since = self._calm_since if self._calm_since is not None else now
        if now - self._calm_since >= caps.calm_s * 1e9:
            self._move(self.level - 1, "cpu")

    def _move(self, level: int, reason: str) -> None:
        self.level = level
        self._over_since = self._calm_since = None
        self._since = utc_text(self._clock.now())
        self._apply(level)
        self._announce({"step": STEPS[level], "level": level, "reason": reason, "since": self._since})
