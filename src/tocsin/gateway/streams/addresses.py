"""Where a stream may come from: known schemes, public addresses; a name is looked up once and connected to as found.

What a playlist names is held to the same rule as what the operator names, unless the operator's own address is private
and private addresses were allowed.
"""

import asyncio
import ipaddress
import re
import socket
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

from tocsin.gateway.fetching import is_public, number_of

SCHEMES = frozenset({"rtmp", "rtmps", "http", "https", "udp", "srt", "file"})
_PORTS = {"rtmp": 1935, "rtmps": 443, "http": 80, "https": 443}
_MOST = 4096
_RANGE = re.compile(r"([0-9]{1,5})(?:-([0-9]{1,5}))?", re.ASCII)
_CONTROL = re.compile(r"[\x00-\x20\x7f]")


class AddressError(ValueError):
    """An address that is not watched; the message is a sentence."""


@dataclass(frozen=True, slots=True)
class Rules:
    """``allow_private``: also addresses of this machine and its own network. ``files``: also files on this machine.

    ``ports``: the ranges (first, last) of ports at which pushed streams may be waited for.
    """

    allow_private: bool = False
    files: bool = False
    ports: tuple[tuple[int, int], ...] = ((1, 65_535),)


@dataclass(frozen=True, slots=True)
class Address:
    """A stream's address in its parts. ``listen`` is true where the stream is pushed to us and we wait for it."""

    text: str
    scheme: str
    host: str = ""
    port: int = 0
    parts: SplitResult | None = None
    listen: bool = False

    @property
    def shown(self) -> str:
        """The address without what may be secret in it: user, password, query, and the key that ends an RTMP path."""
        if self.parts is None or self.scheme == "file":
            return self.text
        host = f"[{self.host}]" if ":" in self.host else self.host
        path = self.parts.path
        if self.scheme in ("rtmp", "rtmps"):
            before, slash, key = path.rstrip("/").rpartition("/")
            path = f"{before}{slash}{key[:2] if len(key) > 2 else ''}…" if key else path
        return f"{self.scheme}://{host}{f':{self.port}' if self.port else ''}{path}"


def parse(text: str, rules: Rules) -> Address:
    """Take an address apart; a text without a scheme is a file's path. Raises AddressError."""
    if not text or len(text) > _MOST:
        raise AddressError("A stream's address is empty, or longer than 4,096 characters.")
    if "://" not in text:
        if not rules.files:
            raise AddressError("A stream's address begins with rtmp://, rtmps://, http://, https://, udp:// or srt://.")
        return Address(text, "file")
    if _CONTROL.search(text):
        raise AddressError("A stream's address holds spaces or control characters.")
    try:
        parts = urlsplit(text)
        scheme, host, port = parts.scheme.lower(), parts.hostname or "", parts.port
    except ValueError as error:
        raise AddressError("A stream's address cannot be read.") from error
    if scheme not in SCHEMES or (scheme == "file" and not rules.files):
        raise AddressError(f"Streams by {scheme[:20]} are not watched; rtmp, rtmps, http, https, udp and srt are.")
    if scheme == "file":
        return Address(parts.path, "file")
    waits = bool({"listen", "listen=1", "mode=listener"} & {*parts.query.split("&")})
    listen = scheme == "udp" or (scheme in ("rtmp", "srt") and waits)
    host = host.removeprefix("@")
    if not host and not listen:
        raise AddressError("A stream's address names no host.")
    port = port or _PORTS.get(scheme, 0)
    if not port:
        raise AddressError(f"A stream's address by {scheme} needs a port, as in {scheme}://host:9000.")
    return Address(text, scheme, host, port, parts, listen)


def vet(address: Address, rules: Rules) -> None:
    """Refuse at once what could only fail later: a host written as a number, or localhost, that may not be called.

    Numbers are read as the resolver reads them (``127.1``, ``0x7f000001``). Raises AddressError.
    """
    if address.scheme == "file":
        return
    number = number_of(address.host)
    if address.scheme == "udp" and address.host and number is None:
        raise AddressError("A UDP address is a number, such as 239.1.1.1.")
    if address.listen:
        if not any(first <= address.port <= last for first, last in rules.ports):
            told = ", ".join(f"{first}" if first == last else f"{first}-{last}" for first, last in rules.ports)
            raise AddressError(f"Nothing is waited for at port {address.port} here; streams may be pushed to: {told}.")
        return
    if number is not None:
        check(number, rules)


def read_ports(text: str) -> tuple[tuple[int, int], ...]:
    """Return the ranges of ports that a text such as ``1935,9000-9999`` names. Raises AddressError."""
    ranges = []
    for one in text.split(","):
        found = _RANGE.fullmatch(one.strip())
        first, last = (int(found[1]), int(found[2] or found[1])) if found else (0, 0)
        if not 1 <= first <= last <= 65_535:
            raise AddressError(f"{one.strip()[:40]!r} is no port and no range of ports, such as 1935 or 9000-9999.")
        ranges.append((first, last))
    return tuple(ranges)


async def pinned(host: str, port: int, rules: Rules) -> tuple[str, int]:
    """Look a name up once and return the address to connect to. Raises AddressError where any of them is private."""
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise AddressError(f"The name {host[:80]} is not known.") from error
    addresses = [str(one[4][0]) for one in found]
    for address in addresses:
        check(address, rules)
    return addresses[0], port


def check(address: str, rules: Rules) -> None:
    """Refuse a numeric address that is not public. Raises AddressError."""
    try:
        ip = ipaddress.ip_address(address.split("%")[0])
    except ValueError as error:
        raise AddressError(f"{address[:60]} is no address.") from error
    if rules.allow_private and not ip.is_unspecified:
        return
    if not is_public(ip):
        raise AddressError("The address is private or reserved; it is not watched unless private ones are allowed.")
