"""What the hub is started with. What people change while it runs is in the table ``settings``."""

from dataclasses import dataclass, field
from pathlib import Path

from tocsin.hub.store import sqlite_url
from tocsin.model import Clock, SystemClock


@dataclass(frozen=True, slots=True, kw_only=True)
class HubSettings:
    """How this hub runs.

    ``store_url`` empty: an SQLite file in ``data``; ``evidence_url`` empty: files in ``data``.
    ``heartbeat_s``: how often a device reports; ``missed``: how many in a row make it silent;
    ``lists`` are folders of hash lists beside those in the data folder, ``list_key`` what opens encrypted ones.
    ``watch_s``: how often the hub looks. ``escalate_minutes`` is the default until a person sets another.
    """

    data: Path
    store_url: str = ""
    evidence_url: str = ""
    host: str = "127.0.0.1"
    port: int = 8420
    tls_cert: Path | None = None
    tls_key: Path | None = None
    lists: tuple[Path, ...] = ()
    list_key: str = field(default="", repr=False)
    clock: Clock = field(default_factory=SystemClock)
    heartbeat_s: int = 15
    missed: int = 3
    watch_s: float = 5.0
    escalate_minutes: int = 10

    @property
    def store(self) -> str:
        """The store's URL."""
        return self.store_url or sqlite_url(self.data / "hub.sqlite3")

    @property
    def evidence(self) -> str:
        """Where sealed evidence is kept: a URL, or the path of a folder."""
        return self.evidence_url or str(self.data / "evidence")

    @property
    def own_lists(self) -> Path:
        """The hub's own folder of hash lists: every folder in it is one."""
        return self.data / "lists"

    @property
    def tls(self) -> bool:
        """Whether this process itself serves TLS."""
        return self.tls_cert is not None

    @property
    def silent_after_s(self) -> int:
        """Seconds without a heartbeat after which a device is silent."""
        return self.heartbeat_s * self.missed
