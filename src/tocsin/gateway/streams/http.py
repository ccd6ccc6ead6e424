"""Streams over HTTP: one that never ends, or an HLS playlist and its segments, all fetched by the one safe client.

What a playlist names is fetched by us and handed on as bytes; FFmpeg never opens an address. A playlist may name
private addresses only on the very host that the operator named.
"""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator
from functools import cache
from pathlib import Path
from urllib.parse import urljoin, urlsplit

import httpx

from tocsin.gateway.fetching import Fetcher
from tocsin.gateway.refusals import Refused
from tocsin.gateway.streams.addresses import Address
from tocsin.gateway.streams.decrypting import MOST_KEY, Keys, LockedError
from tocsin.gateway.streams.playlist import MOST_SEGMENT, Part, Playlist, PlaylistError, Segment, parse
from tocsin.gateway.streams.source import Mark, Note, SourceError, Ways

MOST_PLAYLIST = 4 << 20
_FULL = 48 << 10
_GATHER_S = 0.15
_REDIRECTS = 5
_BACK = 3
_TRIES = 3
_SHUT = 3
_HEAD = b"#EXTM3U"


class HttpSource:
    """A stream at an http or https address."""

    paced = True

    def __init__(self, address: Address, ways: Ways, note: Note) -> None:
        self._address, self._ways, self._note = address, ways, note
        self._public = _fetcher(allow_private=False)
        self._own = _fetcher(allow_private=True) if ways.rules.allow_private else None
        self._keys, self._shut = Keys(self._key), 0

    def _client(self, url: str) -> Fetcher:
        """Return the client that may fetch an address: the operator's own host may be private where allowed."""
        with contextlib.suppress(ValueError):
            if self._own is not None and (urlsplit(url).hostname or "") == self._address.host:
                return self._own
        return self._public

    async def chunks(self) -> AsyncIterator[bytes | Mark]:
        """Give the stream's bytes; of a playlist, its segments' one after the other. Raises SourceError."""
        playlist = b""
        first = True
        async for url, data in self._flow(self._address.text):
            if playlist or (first and (data[:7] == _HEAD or data[3:10] == _HEAD)):
                playlist += data
                if len(playlist) > MOST_PLAYLIST:
                    raise SourceError("too-large", "The playlist is too long.", final=True)
                base = url
            else:
                yield data
            first = False
        if playlist:
            async for piece in self._segments(playlist.decode("utf-8", "replace"), base):
                yield piece

    async def _flow(self, url: str) -> AsyncIterator[tuple[str, bytes]]:
        """Give (address, bytes) as they come from one address, redirects followed and each checked."""
        silence = self._ways.silence
        for _ in range(_REDIRECTS + 1):
            try:
                address = await self._client(url).allowed(url)
            except Refused as error:
                raise SourceError("unsupported", str(error), final=True) from None
            target = urlsplit(url)
            host = f"[{address}]" if ":" in address else address
            port = target.port or (443 if target.scheme == "https" else 80)
            path = (target.path or "/") + (f"?{target.query}" if target.query else "")
            headers = {"Host": target.netloc, "User-Agent": "tocsin-gateway", "Accept-Encoding": "identity"}
            timeout = httpx.Timeout(silence, connect=10.0)
            try:
                async with (
                    httpx.AsyncClient(trust_env=False, timeout=timeout, verify=_tls(self._ways.ca)) as client,
                    client.stream(
                        "GET",
                        f"{target.scheme}://{host}:{port}{path}",
                        headers=headers,
                        extensions={"sni_hostname": target.hostname},
                    ) as answer,
                ):
                    if answer.is_redirect:
                        url = urljoin(url, answer.headers.get("location", ""))
                        continue
                    if answer.status_code != 200:
                        final = answer.status_code in (401, 403, 410)
                        raise SourceError("unreadable", f"The server answered {answer.status_code}.", final=final)
                    async for data in answer.aiter_raw():
                        yield url, data
                        if len(data) < _FULL:
                            await asyncio.sleep(_GATHER_S)  # a live stream comes in drops, each of which costs a turn
                    return
            except httpx.TimeoutException:
                raise SourceError("time-out", f"Nothing came from the server for {silence:.0f} seconds.") from None
            except (httpx.HTTPError, httpx.InvalidURL, UnicodeError) as error:
                raise SourceError("unreadable", "The connection to the server broke, or was not made.") from error
        raise SourceError("unsupported", f"The server redirects more than {_REDIRECTS} times.", final=True)

    async def _segments(self, text: str, base: str) -> AsyncIterator[bytes | Mark]:
        """Follow a playlist to its end."""
        playlist = _parsed(text, base)
        if playlist.variants:
            base = playlist.chosen().url
            playlist = _parsed(await self._playlist(base), base)
            if playlist.variants:
                raise SourceError("unsupported", "A variant's playlist names variants again.", final=True)
        done = -1 if playlist.ended else _edge(playlist)
        told: Part | None = None
        quiet = asyncio.get_running_loop().time()
        while True:
            fresh = [one for one in playlist.segments if one.number > done]
            if fresh and done >= 0 and fresh[0].number > done + 1:
                self._note("skipped", fresh[0].number - done - 1)
                yield Mark.FRESH
            for one in fresh:
                if one.fresh or one.first != told:
                    yield Mark.FRESH
                    told = one.first
                    if told:
                        yield await self._part(told)
                done = one.number
                try:
                    yield await self._part(one.media)
                    quiet = asyncio.get_running_loop().time()
                except SourceError as error:
                    if error.final or error.code == "locked":
                        raise
                    self._note("skipped", 1)
            if playlist.ended:
                return
            if asyncio.get_running_loop().time() - quiet > self._ways.silence + 3 * playlist.target:
                raise SourceError("time-out", "No new segment has come for long.")
            await asyncio.sleep(playlist.target / 2 if not fresh else playlist.target / 4)
            playlist = _parsed(await self._playlist(base), base)
            if playlist.segments and playlist.segments[-1].number < done - 2:
                done = -1 if playlist.ended else _edge(playlist)  # the numbering began anew
                yield Mark.FRESH

    async def _playlist(self, url: str) -> str:
        return (await self._fetched(url, MOST_PLAYLIST)).decode("utf-8", "replace")

    async def _part(self, part: Part) -> bytes:
        """Fetch a segment, and open it where it is locked. Raises SourceError."""
        data = await self._fetched(part.url, MOST_SEGMENT, part.span)
        if not part.key:
            return data
        try:
            opened = await self._keys.opened(data, part)
        except LockedError as error:
            self._shut += 1
            raise SourceError("locked" if self._shut >= _SHUT else "unreadable", str(error)) from error
        self._shut = 0
        return opened

    async def _key(self, url: str) -> bytes:
        """Fetch a key. Without it nothing more of the stream can be read: it is more than a segment missed."""
        try:
            return await self._fetched(url, MOST_KEY)
        except SourceError as error:
            sentence = f"The stream's key cannot be had: {error}"
            raise SourceError(error.code if error.final else "locked", sentence, final=error.final) from error

    async def _fetched(self, url: str, most: int, span: tuple[int, int] | None = None) -> bytes:
        for attempt in range(_TRIES):
            try:
                answer = await self._client(url).fetch(url, max_bytes=most, seconds=self._ways.silence, span=span)
                return answer.data
            except Refused as error:
                refused = "address" in str(error) or "URL" in str(error)
                if refused:
                    raise SourceError(
                        "unsupported", f"The playlist names what is not fetched: {error}", final=True
                    ) from None
                if attempt + 1 == _TRIES:
                    raise SourceError("unreadable", str(error)) from None
                await asyncio.sleep(0.2 * (attempt + 1))
        raise AssertionError


def _parsed(text: str, base: str) -> Playlist:
    try:
        return parse(text, base)
    except PlaylistError as error:
        raise SourceError(error.code, str(error), final=error.code == "unsupported") from None


def _edge(playlist: Playlist) -> int:
    """Return the number of the last segment that is not looked at: a live stream is joined near its end."""
    segments: tuple[Segment, ...] = playlist.segments[-_BACK:]
    return segments[0].number - 1 if segments else -1


@cache
def _fetcher(*, allow_private: bool) -> Fetcher:
    """Return the client that all streams share: each of its own would read all certificates anew."""
    return Fetcher(None, max_bytes=MOST_SEGMENT, allow_private=allow_private)


@cache
def _tls(ca: Path | None) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(ca) if ca else None)
