"""The one safe client: fetches what a caller named, and nothing inside anybody's network.

The host's name is resolved once, every address it has must be public, and the connection goes to the very address that
was checked (a name that later resolves elsewhere changes nothing). Each redirect is checked as the first address was.
Size, time and decompression are bounded. Streams use it too, for playlists and segments.
"""

import asyncio
import ipaddress
import re
import socket
import zlib
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import SplitResult, urljoin, urlsplit

import httpx

from tocsin.gateway.refusals import Refused

MOST_REDIRECTS: Final = 5

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Resolve = Callable[[str, int], Awaitable[list[str]]]

_PAGE = 64 << 10
_TIMES = httpx.Timeout(30.0, connect=10.0)
_PORTS = {"http": 80, "https": 443}
_HOST = re.compile(r"[A-Za-z0-9._-]{1,253}|[0-9A-Fa-f:.]{2,45}")
_NUMERIC = re.compile(r"[0-9a-fx.]+")
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_CGNAT = ipaddress.ip_network("100.64.0.0/10")
_NAT64 = ipaddress.ip_network("64:ff9b::/96")


@dataclass(frozen=True, slots=True)
class Fetched:
    """What came back: the body, its media type, and the address it finally came from."""

    data: bytes
    media_type: str
    url: str
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)


class Fetcher:
    """Fetches by URL. ``hosts`` may be fetched from: names, ``*.name`` for all under one, ``*`` for every public host;
    None asks no name. ``allow_private`` lets private addresses pass."""

    def __init__(
        self,
        hosts: Sequence[str] | None,
        *,
        allow_private: bool = False,
        max_bytes: int = 100 << 20,
        seconds: float = 60.0,
        resolve: Resolve | None = None,
    ) -> None:
        self._hosts = None if hosts is None else tuple(host.lower().rstrip(".") for host in hosts)
        self._private, self.max_bytes, self._seconds = allow_private, max_bytes, seconds
        self._resolve = resolve or _resolved
        self._tls = httpx.create_ssl_context(trust_env=False)

    async def fetch(
        self,
        url: str,
        *,
        max_bytes: int | None = None,
        seconds: float | None = None,
        span: tuple[int, int] | None = None,
    ) -> Fetched:
        """Fetch a URL whole, or the bytes of a ``span`` (where they begin, how many) and no others.

        Raises Refused: 400 for what may not be fetched, 413 for too much, 502 and 504 else.
        """
        try:
            async with asyncio.timeout(self._seconds if seconds is None else seconds):
                return await self._follow(url, max_bytes or self.max_bytes, span)
        except TimeoutError as error:
            raise Refused(504, "The other server took too long to answer.") from error

    async def allowed(self, url: str) -> str:
        """Return the checked address that a URL's host has, without fetching. Raises Refused (400)."""
        target = self._checked(url)
        return (await self._addresses(target))[0]

    def check(self, url: str) -> None:
        """Refuse at once what could never be called: names are not looked up, numbers are checked. Raises Refused."""
        target = self._checked(url)
        number = number_of(target.hostname or "")
        if not self._private and number is not None and not is_public(ipaddress.ip_address(number)):
            raise Refused(400, f"The address {(target.hostname or '')[:80]} lies inside a private network.")

    async def _follow(self, url: str, most: int, span: tuple[int, int] | None) -> Fetched:
        for _ in range(MOST_REDIRECTS + 1):
            answer = await self._once(url, most, span)
            if answer.status not in _REDIRECTS:
                break
            there = answer.headers.get("location", "")
            if not there:
                raise Refused(502, "The other server redirects, and does not say where to.")
            url = urljoin(url, there)
        else:
            raise Refused(400, f"The other server redirects more than {MOST_REDIRECTS} times.")
        if not 200 <= answer.status < 300:
            raise Refused(400, f"The other server answered {answer.status}.")
        if span is not None:
            _as_asked(answer, span)
        return answer

    def _checked(self, url: str) -> SplitResult:
        if len(url) > 8192 or any(ord(letter) <= 32 or ord(letter) == 127 for letter in url) or "\\" in url:
            raise Refused(400, "The URL holds letters that no URL may hold, or is too long.")
        try:
            target = urlsplit(url)
            host, port = target.hostname or "", target.port
        except ValueError as error:
            raise Refused(400, "The URL cannot be read.") from error
        if target.scheme not in _PORTS:
            raise Refused(400, "Only http and https URLs are fetched.")
        if target.username is not None or target.password is not None:
            raise Refused(400, "A URL with a user name or password is not fetched.")
        if not _HOST.fullmatch(host) or port == 0:
            raise Refused(400, "The URL names no host that could be fetched from.")
        if not self._named(host.lower().rstrip(".")):
            raise Refused(400, f"This gateway does not fetch from {host[:80]}; start it with --fetch-from {host[:80]}.")
        return target

    def _named(self, host: str) -> bool:
        if self._hosts is None:
            return True
        return any(one in ("*", host) or (one.startswith("*.") and host.endswith(one[1:])) for one in self._hosts)

    async def _addresses(self, target: SplitResult) -> list[str]:
        """Return the host's addresses, all of which may be connected to."""
        host = target.hostname or ""
        try:
            found = [str(ipaddress.ip_address(host))]
        except ValueError:
            try:
                found = await self._resolve(host, target.port or _PORTS[target.scheme])
            except OSError as error:
                raise Refused(400, f"The host {host[:80]} cannot be found.") from error
        if not found:
            raise Refused(400, f"The host {host[:80]} cannot be found.")
        if not self._private and not all(is_public(ipaddress.ip_address(one.partition("%")[0])) for one in found):
            raise Refused(
                400, f"The host {host[:80]} has an address inside a private network, and is not fetched from."
            )
        return found

    async def _once(self, url: str, most: int, span: tuple[int, int] | None) -> Fetched:
        """Ask once, at the very address that was checked, under the host's own name."""
        target = self._checked(url)
        address = (await self._addresses(target))[0]
        port = target.port or _PORTS[target.scheme]
        host = f"[{address}]" if ":" in address else address
        path = (target.path or "/") + (f"?{target.query}" if target.query else "")
        headers = {"Host": target.netloc, "User-Agent": "tocsin-gateway", "Accept": "*/*"}
        headers |= {"Accept-Encoding": "gzip, identity", "Connection": "close"}
        if span is not None:
            headers |= {"Accept-Encoding": "identity", "Range": f"bytes={span[0]}-{span[0] + span[1] - 1}"}
            most = min(most, max(span[1], _PAGE))
        try:
            async with (
                httpx.AsyncClient(verify=self._tls, trust_env=False, timeout=_TIMES) as client,
                client.stream(
                    "GET",
                    f"{target.scheme}://{host}:{port}{path}",
                    headers=headers,
                    extensions={"sni_hostname": target.hostname},
                ) as answer,
            ):
                if span is not None and answer.status_code == 200:
                    raise Refused(502, "The other server gives whole files only, where a part of one was asked for.")
                return await _read(answer, url, most)
        except httpx.TimeoutException as error:
            raise Refused(504, "The other server took too long to answer.") from error
        except (httpx.ConnectError, httpx.InvalidURL) as error:
            raise Refused(502, f"The host {(target.hostname or '')[:80]} cannot be connected to.") from error
        except (httpx.HTTPError, zlib.error, UnicodeError) as error:
            raise Refused(502, "What came from the other server cannot be read.") from error


def number_of(host: str) -> str | None:
    """Return the address that a host names without a look-up: a number, as resolvers read them, or localhost."""
    host = host.lower().rstrip(".").split("%")[0]
    if host == "localhost" or host.endswith(".localhost"):
        return "127.0.0.1"
    try:
        return str(ipaddress.ip_address(host))
    except ValueError:
        try:
            return socket.inet_ntoa(socket.inet_aton(host)) if _NUMERIC.fullmatch(host) else None
        except OSError:
            return None


def is_pattern(text: str) -> bool:
    """Tell whether a text names hosts as an allow-list does: a host, ``*.`` before one, or ``*`` for all."""
    return text == "*" or _HOST.fullmatch(text.lower().rstrip(".").removeprefix("*.")) is not None


def is_public(address: Address) -> bool:
    """Tell whether an address is of the public Internet, also when it is written inside an IPv6 one."""
    if isinstance(address, ipaddress.IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour or (address.teredo[1] if address.teredo else None)
        if inner is None and address in _NAT64:
            inner = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
        if inner is not None:
            return is_public(inner)
        if int(address) >> 32 == 0:  # the old IPv4-compatible form, and :: and ::1
            return False
        if address.is_site_local:
            return False
    elif address in _CGNAT:
        return False
    return address.is_global and not (address.is_multicast or address.is_reserved or address.is_unspecified)


async def _resolved(host: str, port: int) -> list[str]:
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(one[4][0]) for one in found))


def _as_asked(answer: Fetched, span: tuple[int, int]) -> None:
    """Refuse an answer that is not the very bytes that were asked for."""
    start, count = span
    said = answer.headers.get("content-range", "").partition("/")[0].strip()
    if answer.status != 206 or said != f"bytes {start}-{start + count - 1}" or len(answer.data) != count:
        raise Refused(502, "The other server gave other bytes of the file than were asked for.")


async def _read(answer: httpx.Response, url: str, most: int) -> Fetched:
    """Read an answer into memory, up to ``most`` bytes of it as sent and as unpacked."""
    found = {name.lower(): value for name, value in answer.headers.items()}
    if answer.status_code in _REDIRECTS:
        return Fetched(b"", "", url, answer.status_code, found)
    length = found.get("content-length", "")
    if length.isdigit() and int(length[:20]) > most:
        raise too_large(most)
    body = _Body(found.get("content-encoding", "identity").strip().lower(), most)
    async for piece in answer.aiter_raw(64 << 10):
        body.add(piece)
    return Fetched(body.whole(), found.get("content-type", ""), url, answer.status_code, found)


def too_large(most: int) -> Refused:
    """Return the refusal of content over its bound."""
    return Refused(413, f"The content is larger than {most:,} bytes.")


class _Body:
    """A body as it comes, unpacked within its bound."""

    def __init__(self, encoding: str, most: int) -> None:
        if encoding not in ("identity", "", "gzip", "x-gzip", "deflate"):
            raise Refused(502, f"The other server packs its content in a way that is not read ({encoding[:40]}).")
        self._unpacker = None if encoding in ("identity", "") else zlib.decompressobj(zlib.MAX_WBITS | 32)
        self._most, self._data = most, bytearray()

    def add(self, data: bytes) -> None:
        """Take a piece. Raises Refused (413)."""
        if self._unpacker is not None:
            data = self._unpacker.decompress(data, self._most + 1 - len(self._data))
            if self._unpacker.unconsumed_tail:
                raise too_large(self._most)
        self._data += data
        if len(self._data) > self._most:
            raise too_large(self._most)

    def whole(self) -> bytes:
        """Return all of it. Raises Refused where it ends early."""
        if self._unpacker is not None and not self._unpacker.eof:
            raise Refused(502, "The other server ended before the content was complete.")
        return bytes(self._data)
