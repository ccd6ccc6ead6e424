"""Live events inside the hub: a change is published once it is on disk, and every open page hears of it."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

QUEUE = 256
"""Events one slow page may fall behind by before it is told to fetch everything again."""


@dataclass(frozen=True, slots=True)
class Event:
    """Something changed. ``kind``: alert, device, count or resync; ``data`` holds ids and codes, never content."""

    kind: str
    id: str = ""
    unit_id: str = ""
    data: dict[str, Any] = field(default_factory=dict)


class Subscription:
    """One listener's queue. It lives on one event loop; :meth:`put` may be called from any thread."""

    def __init__(self, wanted: Callable[[Event], bool]) -> None:
        self._wanted = wanted
        self._loop = asyncio.get_running_loop()
        self._queue: asyncio.Queue[Event | None] = asyncio.Queue()

    def put(self, event: Event | None) -> None:
        """Hand over an event (None ends the listening). Safe from any thread."""
        if event is not None and not self._wanted(event):
            return
        try:
            self._loop.call_soon_threadsafe(self._put, event)
        except RuntimeError:
            return  # the listener's loop has ended; it is about to unsubscribe

    def _put(self, event: Event | None) -> None:
        if self._queue.qsize() >= QUEUE:
            while not self._queue.empty():
                self._queue.get_nowait()
            self._queue.put_nowait(Event("resync"))
        self._queue.put_nowait(event)

    async def next(self, timeout_s: float) -> Event | None:
        """Return the next event, or None after ``timeout_s`` seconds without one.

        Raises StopAsyncIteration when the bus was closed.
        """
        try:
            async with asyncio.timeout(timeout_s):
                event = await self._queue.get()
        except TimeoutError:
            return None
        if event is None:
            raise StopAsyncIteration
        return event

    async def __aiter__(self) -> AsyncIterator[Event]:
        """Yield events until the bus is closed."""
        while (event := await self._queue.get()) is not None:
            yield event


class Bus:
    """In-process publish and subscribe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._subscriptions: set[Subscription] = set()
        self._closed = False
        self._told = 0
        self._last: dict[str, tuple[int, Event]] = {}

    def publish(self, event: Event) -> None:
        """Tell every listener that wants ``event``. Never blocks; safe from any thread."""
        with self._lock:
            self._told += 1
            self._last[event.unit_id] = (self._told, event)
            listeners = tuple(self._subscriptions)
        for listener in listeners:
            listener.put(event)

    @property
    def told(self) -> int:
        """How many events were published so far: who reads this and then the store has missed none of them."""
        return self._told

    def missed(self, told: int, wanted: Callable[[Event], bool]) -> bool:
        """Say whether an event that ``wanted`` accepts, the last of its unit, came after ``told`` of them."""
        with self._lock:
            last = tuple(self._last.values())
        return any(number > told and wanted(event) for number, event in last)

    @contextmanager
    def subscribe(self, wanted: Callable[[Event], bool] = lambda _: True) -> Iterator[Subscription]:
        """Listen, from inside an event loop, to the events that ``wanted`` accepts, until the block ends."""
        subscription = Subscription(wanted)
        with self._lock:
            self._subscriptions.add(subscription)
            closed = self._closed
        if closed:
            subscription.put(None)
        try:
            yield subscription
        finally:
            with self._lock:
                self._subscriptions.discard(subscription)

    @property
    def listeners(self) -> int:
        """How many pages listen."""
        return len(self._subscriptions)

    def close(self) -> None:
        """End every listening, so that a server can stop without waiting for open pages."""
        with self._lock:
            self._closed = True
            listeners = tuple(self._subscriptions)
        for listener in listeners:
            listener.put(None)
