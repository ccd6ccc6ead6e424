"""The gateway's parts, put together once and handed to whatever needs them."""

import os
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from fastapi import Request

from tocsin.gateway.access import Access, Pace
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
            started=settings.clock.now(),
            core=core,
        )

    def close(self) -> None:
        """Finish what waits to be written and let go of everything."""
        self.store.close()
        self.pace.close()


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
