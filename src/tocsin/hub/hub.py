"""The hub's parts, put together once and handed to whatever needs them."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fastapi import Request

from tocsin.evidence.keys import DeviceKey
from tocsin.hub.blobs import Blobs, open_blobs
from tocsin.hub.checkpoints import Log
from tocsin.hub.events import Bus
from tocsin.hub.gate import Gate
from tocsin.hub.list_folders import Folders
from tocsin.hub.media_lists import MediaLists
from tocsin.hub.metrics import Metrics
from tocsin.hub.notify import Sender, by_apprise
from tocsin.hub.secret import HubSecret
from tocsin.hub.settings import HubSettings
from tocsin.hub.store import Store
from tocsin.hub.writer import Writer
from tocsin.model import Clock
from tocsin.placement.platform import private_folder

if TYPE_CHECKING:
    from tocsin.hub.ingest import Outcome

_log = logging.getLogger(__name__)


@dataclass(slots=True, kw_only=True)
class Hub:
    """Everything a handler may need; one per process, at ``app.state.hub``.

    ``key`` signs receipts, ``secret`` seals second factors and web hooks, ``log`` signs the audit log's
    checkpoints, ``blobs`` keeps sealed evidence, ``lists`` are the hash lists and ``gate`` paces who asks them,
    ``sender`` sends notifications, ``writer`` writes what devices send. ``started`` is when this hub came up.
    """

    settings: HubSettings
    store: Store
    key: DeviceKey
    secret: HubSecret
    log: Log
    blobs: Blobs
    lists: MediaLists
    started: datetime
    sender: Sender = by_apprise
    bus: Bus = field(default_factory=Bus)
    gate: Gate = field(default_factory=Gate)
    metrics: Metrics = field(default_factory=Metrics)
    _writer: "Writer[Sequence[Any], Outcome] | None" = None

    @property
    def clock(self) -> Clock:
        """Where the time comes from."""
        return self.settings.clock

    @property
    def writer(self) -> "Writer[Sequence[Any], Outcome]":
        """Who writes what devices send; started on first use."""
        if self._writer is None:
            from tocsin.hub import ingest

            self._writer = Writer(self.store, lambda session, batches: ingest.take(session, self, batches))
        return self._writer

    @staticmethod
    def open(settings: HubSettings) -> "Hub":
        """Open the data folder and the store, bring the tables up to date, and return the hub.

        Raises StoreError or BlobError for a store that cannot be opened, KeyFileError for a key that cannot be read.
        """
        private_folder(settings.data)
        keys = settings.data / "keys"
        private_folder(keys)
        store = Store(settings.store)
        store.migrate()
        return Hub(
            settings=settings,
            store=store,
            key=_load_or_create(keys / "hub.key"),
            secret=HubSecret.load_or_create(keys / "hub.secret"),
            log=Log.open(keys, store),
            blobs=open_blobs(settings.evidence),
            lists=MediaLists(Folders(), settings.own_lists, settings.lists, settings.list_key),
            started=settings.clock.now(),
        )

    def close(self) -> None:
        """Finish what waits to be written, end the live pages, and let go of everything. Harmless to repeat."""
        self.bus.close()
        self.lists.close()
        if self._writer is not None:
            self._writer.close()
        self.store.close()


async def of_request(request: Request) -> Hub:
    """Return the hub of a request; for ``Depends``, where being async saves a thread's work on every call."""
    return of(request)


def of(request: Request) -> Hub:
    """Return the hub of a request."""
    hub: Hub = request.app.state.hub
    return hub


def _load_or_create(path: Path) -> DeviceKey:
    if path.exists():
        return DeviceKey.load(path)
    key = DeviceKey.generate()
    key.save(path)
    return key
