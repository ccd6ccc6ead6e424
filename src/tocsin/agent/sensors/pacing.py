"""Pacing: the sweep takes a small share of one core, waits while the computer is busy or on battery, and says so."""

import contextlib
import ctypes
import os
import platform
import threading
import time
from collections.abc import Callable

import psutil

SHARE = 0.09
"""Share of one core that the sweep may use, its workers included; asking about what it finds takes a hundredth more."""
_IDLE_CLASS = 3 << 13
_SYSCALLS = {"x86_64": 251, "aarch64": 30, "i686": 289, "armv7l": 314, "riscv64": 30, "ppc64le": 273, "s390x": 282}
_LOOK_EVERY_S = 5.0
_LONGEST_REST_S = 2.0
_CHILDREN_EVERY_S = 1.0


class Pace:
    """``rest`` is called after each piece of work and sleeps as long as the share asks for.

    ``spent`` tells seconds of processor time used so far by the work; ``hindrance`` why the work should wait now, as a
    code, or nothing.
    """

    def __init__(
        self,
        stop: threading.Event,
        spent: Callable[[], float],
        hindrance: Callable[[], str] = lambda: "",
        share: float = SHARE,
    ) -> None:
        self._stop, self._spent, self._hindrance, self._share = stop, spent, hindrance, share
        self._debt = 0.0
        self._last = spent()
        self._asked = 0.0
        self.waiting = ""

    def rest(self) -> bool:
        """Rest as long as the work since the last call asks for; False when told to stop."""
        spent = self._spent()
        self._debt += max(0.0, spent - self._last) * (1 / self._share - 1)
        self._last = spent
        if self._debt >= 0.02:
            begun = time.monotonic()
            self._stop.wait(min(self._debt, _LONGEST_REST_S))
            self._debt = max(0.0, self._debt - (time.monotonic() - begun))
        return self._clear()

    def _clear(self) -> bool:
        """Wait while anything hinders; False when told to stop."""
        while not self._stop.is_set():
            now = time.monotonic()
            if not self.waiting and now - self._asked < _LOOK_EVERY_S:
                return True
            self._asked = now
            self.waiting = self._hindrance()
            if not self.waiting:
                return True
            self._stop.wait(_LOOK_EVERY_S)
        return False


class ProcessorTime:
    """Seconds of processor time of the calling thread and of this process's children (looked at once a second)."""

    def __init__(self) -> None:
        self._children: dict[int, float] = {}
        self._gone = 0.0
        self._looked = 0.0

    def __call__(self) -> float:
        """Return the seconds spent so far; never less than before."""
        if time.monotonic() - self._looked >= _CHILDREN_EVERY_S:
            self._looked = time.monotonic()
            self._look()
        return time.thread_time() + self._gone + sum(self._children.values())

    def _look(self) -> None:
        now: dict[int, float] = {}
        with contextlib.suppress(psutil.Error):
            for child in psutil.Process().children(recursive=True):
                with contextlib.suppress(psutil.Error):
                    times = child.cpu_times()
                    now[child.pid] = times.user + times.system
        self._gone += sum(spent for pid, spent in self._children.items() if spent > now.get(pid, 0.0) or pid not in now)
        self._children = now


def hindrance() -> str:
    """Return ``battery`` or ``busy`` where the sweep should wait, else nothing."""
    with contextlib.suppress(OSError, AttributeError, RuntimeError):
        battery = psutil.sensors_battery()
        if battery is not None and battery.power_plugged is False:
            return "battery"
    with contextlib.suppress(OSError):
        if os.getloadavg()[0] > 1.5 * (os.cpu_count() or 1):
            return "busy"
    return ""


def idle_disk() -> bool:
    """Give this thread's reading and writing idle priority (ioprio_set(2)); False where the system has no such call.

    Its processor time is not made idle: a thread of idle priority that holds the interpreter's lock would hold up the
    whole agent on a busy computer. The share is what keeps it small.
    """
    number = _SYSCALLS.get(platform.machine())
    if number is None or platform.system() != "Linux":
        return False
    return int(ctypes.CDLL(None, use_errno=True).syscall(number, 1, 0, _IDLE_CLASS)) == 0
