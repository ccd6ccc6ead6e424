"""What the gateway is started with. Banks, keys and exchanges are kept in its store and change while it runs."""

import ipaddress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from tocsin.model import Clock, SystemClock

LISTEN_PORTS: Final = "1935,5000-5999,9000-9999"
"""Ports at which streams may be waited for, where nothing else is said: of RTMP, and usual ones of UDP and SRT."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How this gateway runs.

    ``lists`` are hash lists made elsewhere, used as banks that nobody can change here, ``list_urls`` such lists in an
    object store, which are followed; ``list_key`` opens encrypted
    ones. ``workers`` processes answer lookups. ``fetch_hosts`` names the hosts from which content may be fetched
    (``*`` any public one, ``*.example.org`` those under a name); ``allow_private`` also allows private addresses, for
    a store of pictures inside one's own network and for tests. ``max_bytes`` bounds an upload and a fetched file.
    ``listen_ports`` are those at which callers may have pushed streams waited for.
    ``cluster`` is the address of a Ray cluster; ``bucket`` is where the lists are published for its nodes.
    ``classifier`` is the manifest of the operator's own, and ``ladder`` the operator's own rules, for live streams.
    """

    data: Path
    host: str = "127.0.0.1"
    port: int = 8421
    lists: tuple[Path, ...] = ()
    list_urls: tuple[str, ...] = ()
    list_key: str = field(default="", repr=False)
    workers: int = 1
    tls_cert: Path | None = None
    tls_key: Path | None = None
    cluster: str = ""
    bucket: str = ""
    fetch_hosts: tuple[str, ...] = ()
    allow_private: bool = False
    max_bytes: int = 100 << 20
    classifier: Path | None = None
    ladder: Path | None = None
    decoders: int = 2
    listen_ports: str = LISTEN_PORTS
    clock: Clock = field(default_factory=SystemClock)

    @property
    def banks(self) -> Path:
        """Where the gateway's own banks lie, each a folder that is a hash list."""
        return self.data / "banks"

    @property
    def keys(self) -> Path:
        """Where the gateway's own signing keys lie."""
        return self.data / "keys"

    @property
    def audit(self) -> Path:
        """Where the log of calls and changes is kept."""
        return self.data / "audit"

    @property
    def placement(self) -> Path:
        """Where the enrolment at a hub is kept: journal, order, sealed evidence on its way."""
        return self.data / "placement"

    @property
    def core_socket(self) -> Path:
        """Where the core process listens when there are several workers."""
        return self.data / "core.sock"

    @property
    def tls(self) -> bool:
        """Whether this process itself serves TLS."""
        return self.tls_cert is not None

    @property
    def loopback(self) -> bool:
        """Whether only this machine can reach the gateway."""
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False
