"""When exchanges are read: each at its own interval, spread a little, later after a failure; the rest in between."""

import asyncio
import logging
import threading
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final

from sqlalchemy import select

from tocsin.gateway.exchanges.hearing import Hearing
from tocsin.gateway.exchanges.keeping import Exchanges
from tocsin.gateway.exchanges.pushes import Pushes
from tocsin.gateway.exchanges.tables import Exchange
from tocsin.gateway.exchanges.timing import next_time
from tocsin.gateway.exchanges.verdicts import Verdicts
from tocsin.gateway.store import Store
from tocsin.model import Clock

if TYPE_CHECKING:
    from tocsin.gateway.gateway import Gateway

LOOK_S: Final = 1.0
KEEP_UP_S: Final = 5.0
HEAR_S: Final = 5.0
"""Seconds between two questions to the hub about decisions: a stream may be held on air until one is heard."""

AT_ONCE: Final = 2
"""Exchanges that are read at the same time; the others wait."""

_log = logging.getLogger(__name__)


class Schedule:
    """Reads exchanges when they are due, in threads of its own."""

    def __init__(
        self,
        exchanges: Exchanges,
        verdicts: Verdicts,
        store: Store,
        clock: Clock,
        besides: Callable[[], None] = lambda: None,
        pushes: Pushes | None = None,
    ) -> None:
        self._besides, self._pushes = besides, pushes
        self._exchanges, self._verdicts, self._store, self._clock = exchanges, verdicts, store, clock
        self._hear: Callable[[], None] = lambda: None
        self._stop = threading.Event()
        self._busy: set[str] = set()
        self._lock = threading.Lock()
        self._threads: list[threading.Thread] = []

    def start(self) -> None:
        """Begin: what was running when the gateway was killed is due at once, and goes on where it was."""
        with self._store.session() as session:
            for row in session.scalars(select(Exchange).where(Exchange.running_since.is_not(None))):
                row.running_since, row.due_at = None, self._clock.now()
        loops = [self._loop] * AT_ONCE + [self._keep_up, self._listen]
        for number, loop in enumerate(loops):
            thread = threading.Thread(target=loop, name=f"gateway-exchange-{number}", daemon=True)
            thread.start()
            self._threads.append(thread)

    def listen(self, hear: Callable[[], None]) -> None:
        """Also hear, now and then, what people decided at the hub. Call it before :meth:`start`."""
        self._hear = hear

    def _listen(self) -> None:
        while not self._stop.wait(HEAR_S):
            try:
                self._hear()
            except Exception:
                _log.exception("The hub's decisions could not be heard")

    def close(self) -> None:
        """Stop after the page that is being read."""
        self._stop.set()
        for thread in self._threads:
            thread.join(10)

    def _loop(self) -> None:
        while not self._stop.wait(LOOK_S):
            try:
                while not self._stop.is_set() and self.step():
                    pass
            except Exception:
                _log.exception("The exchanges' schedule met an error")

    def _keep_up(self) -> None:
        """Do what goes on besides reading: partners should find what is shared already compared."""
        while not self._stop.wait(KEEP_UP_S):
            try:
                self._besides()
            except Exception:
                _log.exception("What is shared with partners could not be brought up to date")

    def step(self) -> bool:
        """Read the exchange that has been due for longest, if any; tell what verdicts are due, push what is due."""
        name = self._take()
        if name is None:
            return False
        try:
            began = time.monotonic()
            if self._is_due(name):
                outcome = self._exchanges.run(name, stop=self._stop.is_set)
                self._plan(name)
                what, rows = "complete" if outcome.complete else "not complete", outcome.progress.rows
                _log.info("%s: %s, %d rows in %.1f s. %s", name, what, rows, time.monotonic() - began, outcome.message)
            self._verdicts.tell(name)
            if self._pushes is not None:
                self._pushes.push(name, self._stop.is_set)
        finally:
            with self._lock:
                self._busy.discard(name)
        return True

    def _take(self) -> str | None:
        with self._lock:
            with self._store.reading() as session:
                due = select(Exchange.name).where(Exchange.enabled, Exchange.due_at <= self._clock.now())
                names = list(session.scalars(due.order_by(Exchange.due_at)))
                enabled = set(session.scalars(select(Exchange.name).where(Exchange.enabled)))
            waiting = self._verdicts.waiting() + (self._pushes.waiting() if self._pushes is not None else [])
            names += [name for name in waiting if name in enabled]
            chosen = next((name for name in names if name not in self._busy), None)
            if chosen is not None:
                self._busy.add(chosen)
            return chosen

    def _is_due(self, name: str) -> bool:
        with self._store.reading() as session:
            row = session.get(Exchange, name)
            return row is not None and row.enabled and row.due_at <= self._clock.now()

    def _plan(self, name: str) -> None:
        with self._store.session() as session:
            row = session.get(Exchange, name)
            if row is not None:
                row.due_at = next_time(self._clock.now(), row.interval_s, row.failures)


@asynccontextmanager
async def exchanging(gateway: "Gateway") -> AsyncIterator[None]:
    """Run the schedule while the gateway's core runs."""
    desk = gateway.desk
    if desk is None:
        yield
        return
    enrolment = gateway.road.enrolment
    if enrolment is not None:
        config, key = enrolment.config, enrolment.key
        hearing = Hearing(desk, gateway.store, gateway.clock, config, key, listener=gateway.watches)
        desk.schedule.listen(hearing.hear)
    desk.schedule.start()
    try:
        yield
    finally:
        await asyncio.to_thread(desk.schedule.close)
