"""The hub's parts, put together once and handed to whatever needs them."""

import os
from dataclasses import dataclass, field
from pathlib import Path

from fastapi import Request

from tocsin.hub.events import Bus
from tocsin.hub.settings import HubSettings
from tocsin.hub.store import Store
from tocsin.model import Clock


@dataclass(slots=True, kw_only=True)
class Hub:
    """Everything a handler may need; one per process, at ``app.state.hub``."""

    settings: HubSettings
    store: Store
    bus: Bus = field(default_factory=Bus)

    @property
    def clock(self) -> Clock:
        """Where the time comes from."""
        return self.settings.clock

    @staticmethod
    def open(settings: HubSettings) -> "Hub":
        """Open the data folder and the store, bring the tables up to date, and return the hub.

        Raises StoreError when the store cannot be opened.
        """
        private_folder(settings.data)
        store = Store(settings.store)
        store.migrate()
        return Hub(settings=settings, store=store)

    def close(self) -> None:
        """Let go of everything."""
        self.bus.close()
        self.store.close()


def of(request: Request) -> Hub:
    """Return the hub of a request; use as ``Depends(of)``."""
    hub: Hub = request.app.state.hub
    return hub


def private_folder(path: Path) -> None:
    """Make a folder that only this user can read."""
    path.mkdir(parents=True, exist_ok=True)
    os.chmod(path, 0o700)  # noqa: PTH101
