"""What became of this gateway's reports, asked of its hub now and then and told to the platform's webhooks.

A change is put on its way before it counts as heard, under a key of its own: over a crash it is told once, and never
lost. While no webhook wants to hear of reports, nothing is asked.
"""

import asyncio
import logging
import threading
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from tocsin.gateway.refusals import Refused
from tocsin.gateway.reports import Reports
from tocsin.gateway.reports_tables import ReportCursor
from tocsin.gateway.store import Store
from tocsin.gateway.webhooks import Webhooks
from tocsin.model import told_utc

if TYPE_CHECKING:
    from tocsin.gateway.gateway import Gateway

EVENT: Final = "report.changed"
HEAR_S: Final = 10.0
"""Seconds between two questions to the hub."""
MOST_PAGES: Final = 20
"""Pages of changes that are asked for at a time."""

_log = logging.getLogger(__name__)


class ReportChanges:
    """Asks the hub, as the device the gateway is enrolled as."""

    def __init__(
        self, webhooks: Webhooks, store: Store, device: str, ask: Callable[[int, datetime], Mapping[str, Any]]
    ) -> None:
        self._webhooks, self._store, self._device, self._ask = webhooks, store, device, ask

    def hear(self) -> int:
        """Put what changed on its way; return how many changes there were."""
        since = self._webhooks.since(EVENT)
        heard = 0
        for _ in range(MOST_PAGES if since is not None else 0):
            assert since is not None
            after = self._cursor()
            try:
                answer = self._ask(after, since)
            except Refused:
                break  # a hub that is away, or of an older version, is asked again later
            following, changes = answer.get("next"), answer.get("changes")
            if type(following) is not int or following < after or not isinstance(changes, list):
                break
            told = [each for each in changes if isinstance(each, dict)]
            for each in told:
                self._tell(each)
            heard += len(told)
            if following > after:
                self._remember(following)
            if answer.get("more") is not True:
                break
        return heard

    def _tell(self, change: Mapping[str, Any]) -> None:
        key = f"report:{self._device}:{str(change.get('change'))[:20]}"
        self._webhooks.send(EVENT, change, key, happened=told_utc(change.get("at")))

    def _cursor(self) -> int:
        with self._store.reading() as session:
            row = session.get(ReportCursor, self._device)
            return row.after if row is not None else 0

    def _remember(self, after: int) -> None:
        with self._store.session() as session:
            row = session.get(ReportCursor, self._device)
            if row is None:
                session.add(ReportCursor(device=self._device, after=after))
            else:
                row.after = after


@asynccontextmanager
async def telling_of_reports(gateway: "Gateway") -> AsyncIterator[None]:
    """Ask and tell while the gateway's core runs, where it is enrolled."""
    enrolment = gateway.road.enrolment
    if enrolment is None:
        yield
        return
    changes = ReportChanges(gateway.webhooks, gateway.store, enrolment.config.device, Reports(enrolment).changes)
    stop = threading.Event()

    def listen() -> None:
        while not stop.wait(HEAR_S):
            try:
                changes.hear()
            except Exception:
                _log.exception("What became of reports could not be heard; it is asked for again")

    thread = threading.Thread(target=listen, name="gateway-report-changes", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        await asyncio.to_thread(thread.join, 10)
