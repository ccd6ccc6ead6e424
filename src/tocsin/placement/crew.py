"""Crew: the agent's threads. One that dies is noticed, told and started again; if it keeps dying, the agent stops."""

import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

Work = Callable[[threading.Event], None]

_RESTARTS = 5
_WITHIN_S = 300.0


@dataclass(slots=True)
class _Member:
    name: str
    work: Work
    wake: Callable[[], None]
    stop: threading.Event
    thread: threading.Thread | None = None
    deaths: deque[float] = field(default_factory=lambda: deque(maxlen=_RESTARTS + 1))


class Crew:
    """Runs named threads. ``on_death`` hears of each that died; ``on_loss`` of one that will not stay alive."""

    def __init__(self, on_death: Callable[[str, str], None], on_loss: Callable[[str, str], None]) -> None:
        self._on_death, self._on_loss = on_death, on_loss
        self._members: dict[str, _Member] = {}
        self._lock = threading.Lock()

    def start(self, name: str, work: Work, wake: Callable[[], None] = lambda: None) -> None:
        """Start a thread; ``work`` gets an event to watch, ``wake`` makes it look at the event."""
        member = _Member(name, work, wake, threading.Event())
        with self._lock:
            self._members[name] = member
        self._launch(member)

    def stop(self, *names: str, seconds: float = 5.0) -> list[str]:
        """Stop these threads (default all) and return the names of those that did not end in time."""
        with self._lock:
            chosen = [m for m in self._members.values() if not names or m.name in names]
        for member in chosen:
            member.stop.set()
            member.wake()
        deadline = time.monotonic() + seconds
        late = []
        for member in chosen:
            thread = member.thread
            if thread is not None and thread is not threading.current_thread():
                thread.join(max(0.01, deadline - time.monotonic()))
                if thread.is_alive():
                    late.append(member.name)
        with self._lock:
            for member in chosen:
                self._members.pop(member.name, None)
        return late

    @property
    def alive(self) -> list[str]:
        """The names of the threads that run."""
        with self._lock:
            return [m.name for m in self._members.values() if m.thread is not None and m.thread.is_alive()]

    def _launch(self, member: _Member) -> None:
        member.thread = threading.Thread(target=self._live, args=(member,), name=f"tocsin-{member.name}", daemon=True)
        member.thread.start()

    def _live(self, member: _Member) -> None:
        """Run the work, again after a death, until it is stopped or has died too often."""
        while not member.stop.is_set():
            reason = "it ended by itself"
            try:
                member.work(member.stop)
            except Exception as problem:
                reason = type(problem).__name__
            if member.stop.is_set():
                return
            now = time.monotonic()
            member.deaths.append(now)
            self._on_death(member.name, reason)
            if sum(now - death <= _WITHIN_S for death in member.deaths) > _RESTARTS:
                self._on_loss(member.name, reason)
                return
            member.stop.wait(0.05 * 2 ** len(member.deaths))
