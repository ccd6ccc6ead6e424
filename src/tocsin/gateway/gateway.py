"""The gateway's parts, put together once and handed to whatever needs them."""

import os
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from fastapi import Request

from tocsin.gateway.access import Access, Pace
from tocsin.gateway.enrolment import Enrolment
from tocsin.gateway.road import Road
from tocsin.gateway.settings import Settings
from tocsin.gateway.store import Store
from tocsin.model import Clock


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
    road: Road
    started: datetime
    core: bool = True

    @property
    def clock(self) -> Clock:
        """Where the time comes from."""
        return self.settings.clock

    @staticmethod
    def open(settings: Settings, *, core: bool = True) -> "Gateway":
        """Open the data folder and the store. Raises StoreError, ListError and the like, each a sentence."""
        private_folder(settings.data)
        store = Store.open(settings.data / "gateway.db")
        pace = Pace(settings.data / "pace")
        return Gateway(
            settings=settings,
            store=store,
            pace=pace,
            access=Access(store, pace, open_without_keys=settings.loopback),
            road=Road(settings.clock, _enrolment(settings) if core else None),
            started=settings.clock.now(),
            core=core,
        )

    def start(self) -> None:
        """Begin what goes on by itself: sending what is recorded."""
        if self.road.enrolment is not None:
            self.road.enrolment.start()

    def close(self) -> None:
        """Finish what waits to be written and let go of everything."""
        if self.road.enrolment is not None:
            self.road.enrolment.close()
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


def private_folder(path: Path) -> None:
    """Make a folder that only this user can read."""
    path.mkdir(parents=True, exist_ok=True)
    os.chmod(path, 0o700)  # noqa: PTH101
