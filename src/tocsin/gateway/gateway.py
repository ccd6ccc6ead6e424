"""The gateway's parts, put together once and handed to whatever needs them."""

import sys
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from fastapi import Request

from tocsin.gateway.access import Access, Pace
from tocsin.gateway.audit import Audit
from tocsin.gateway.banks import Banks
from tocsin.gateway.catalogue import Catalogue
from tocsin.gateway.conversations import Threads
from tocsin.gateway.enrolment import Enrolment
from tocsin.gateway.exchanges.desk import Desk
from tocsin.gateway.fetching import Fetcher
from tocsin.gateway.hashing import Hasher
from tocsin.gateway.observing import Observer, OnRoad
from tocsin.gateway.road import Road
from tocsin.gateway.settings import Settings
from tocsin.gateway.store import Store
from tocsin.gateway.streams.watches import Watches
from tocsin.gateway.webhooks import Webhooks
from tocsin.model import Clock
from tocsin.placement.platform import private_folder

TURN_S: Final = 0.0005
"""Seconds for which a thread may keep the others of this process waiting: a lookup does not wait long for the writing
of a bank beside it."""


@dataclass(slots=True, kw_only=True)
class Gateway:
    """Everything a handler may need; one per process, at ``app.state.gateway``.

    ``core`` tells whether this process owns the state (the journal, streams, conversations, the writing of banks);
    the others answer lookups and hand everything else on. ``started`` is when this process came up.
    """

    settings: Settings
    store: Store
    pace: Pace
    access: Access
    audit: Audit
    catalogue: Catalogue
    fetcher: Fetcher
    hasher: Hasher
    road: Road
    threads: Threads
    started: datetime
    core: bool = True
    writer: Banks | None = None
    desk: Desk | None = None
    webhooks: Webhooks
    watches: Watches
    other_observer: Observer | None = None

    @property
    def banks(self) -> Banks:
        """Who changes banks; only the core process has one."""
        assert self.writer is not None
        return self.writer

    @property
    def observer(self) -> Observer:
        """Who takes what lookups found."""
        return self.other_observer or OnRoad(self)

    @property
    def clock(self) -> Clock:
        """Where the time comes from."""
        return self.settings.clock

    @staticmethod
    def open(settings: Settings, *, name: str = "core") -> "Gateway":
        """Open the data folder, the store and the lists. Raises StoreError, ListError and the like, each a sentence.

        ``name`` is the process's: ``core`` or, of one that answers lookups beside it, another.
        """
        core = name == "core"
        for folder in (settings.data, settings.banks, settings.keys, settings.audit):
            private_folder(folder)
        store = Store.open(settings.data / "gateway.db")
        pace = Pace(settings.data / "pace")
        catalogue = Catalogue(settings, store)
        road = Road(settings.clock, _enrolment(settings) if core else None)
        audit = Audit(settings, name)
        webhooks = Webhooks(store, settings.clock, allow_private=settings.allow_private)
        return Gateway(
            settings=settings,
            store=store,
            pace=pace,
            access=Access(store, pace, open_without_keys=settings.loopback, refused=audit.refused),
            audit=audit,
            catalogue=catalogue,
            writer=Banks(settings, store, catalogue) if core else None,
            fetcher=Fetcher(
                settings.fetch_hosts,
                allow_private=settings.allow_private,
                max_bytes=settings.max_bytes,
            ),
            hasher=Hasher(settings.decoders),
            road=road,
            threads=Threads(settings.clock),
            webhooks=webhooks,
            watches=Watches(settings, store, settings.clock, catalogue, road, webhooks),
            started=settings.clock.now(),
            core=core,
            desk=Desk.open(settings, store, lambda bank: catalogue.named(bank).folder) if core else None,
        )

    def start(self) -> None:
        """Begin what goes on by itself: sending what is recorded."""
        sys.setswitchinterval(TURN_S)
        self.hasher.start()
        if self.road.enrolment is not None:
            self.road.enrolment.start()

    def close(self) -> None:
        """Finish what waits to be written and let go of everything."""
        if self.road.enrolment is not None:
            self.road.enrolment.close()
        if self.desk is not None:
            self.desk.close()
        if self.writer is not None:
            self.writer.close()
        self.catalogue.close()
        self.hasher.close()
        self.audit.close()
        self.store.close()
        self.pace.close()


def _enrolment(settings: Settings) -> Enrolment | None:
    return Enrolment(settings.placement, settings.clock) if Enrolment.there(settings.placement) else None


async def of_request(request: Request) -> Gateway:
    """Return the gateway of a request; for ``Depends``."""
    return of(request)


def of(request: Request) -> Gateway:
    """Return the gateway of a request."""
    gateway: Gateway = request.app.state.gateway
    return gateway
