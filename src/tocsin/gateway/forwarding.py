"""Between the processes of one gateway: what a worker does not answer itself goes to the core over a unix socket.

The socket lies in the gateway's data folder, which only its user can enter. Calls keep their key, so the core lets in
whom it knows; sightings (what a lookup matched) go by a path that nobody outside can name.
"""

import json
import os
import struct
import sys
from collections.abc import AsyncIterator
from dataclasses import asdict
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

import httpx
from fastapi import APIRouter, Request
from starlette.responses import Response

from tocsin.gateway.access import KEY_OF_PATH
from tocsin.gateway.front import BETWEEN, Receive, Scope, Send
from tocsin.gateway.gateway import of
from tocsin.gateway.observing import OnRoad, Sighting
from tocsin.gateway.refusals import Refused
from tocsin.gateway.road import NotRecordedError
from tocsin.media import messages
from tocsin.model.media import Fingerprints, Match
from tocsin.model.rect import Rect

INTERNAL: Final = BETWEEN
"""Paths between processes; refused when they come from outside."""

CLUSTER_KEY: Final = b"x-tocsin-cluster"
"""The header by which the nodes of a cluster open the core's door."""

_TEXTS: Final = ("caller", "signal", "name", "media_type", "url", "item", "account", "arrived")
_NOT_RECORDED: Final = 507
_LENGTH = struct.Struct("<I")
_LONGEST_ADDRESS: Final = 100
"""Bytes that the address of a unix socket has room for: 107 on Linux, 103 elsewhere."""
_HOP = frozenset(
    {b"connection", b"keep-alive", b"transfer-encoding", b"te", b"upgrade", b"proxy-connection", b"host", CLUSTER_KEY}
)
_TIMES = httpx.Timeout(300.0, connect=5.0)
_LIMITS = httpx.Limits(max_connections=256, max_keepalive_connections=16)  # idle ones are looked at for every call
if find_spec("sniffio") is None:
    sys.modules.setdefault("sniffio", None)  # type: ignore[arg-type] # httpcore looks for it on the disk at every call

router = APIRouter(include_in_schema=False)


def address_of_socket(path: Path) -> str:
    """Return a name for a socket that an address has room for: where its own is too long, by way of its open folder.

    The folder stays open as long as the process runs.
    """
    if len(os.fsencode(path)) <= _LONGEST_ADDRESS or not sys.platform.startswith("linux"):
        return str(path)
    return f"/proc/self/fd/{os.open(path.parent, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)}/{path.name}"


class Core:
    """The way to the core process: a unix socket, or in a cluster its address and the cluster's key."""

    def __init__(self, where: Path | str, key: str = "") -> None:
        socket = address_of_socket(where) if isinstance(where, Path) else None
        self._url = httpx.URL("http://core" if isinstance(where, Path) else where)
        self._key = [(CLUSTER_KEY, key.encode())] if key else []
        self._client = httpx.AsyncClient(
            transport=httpx.AsyncHTTPTransport(uds=socket, limits=_LIMITS),
            base_url=self._url,
            headers=self._key,
            timeout=_TIMES,
            trust_env=False,
        )

    async def close(self) -> None:
        """Let go of the connections."""
        await self._client.aclose()

    async def forward(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand a call on and its answer back, both as they stream. Raises Refused (503) where the core is not there."""
        if scope["path"].startswith(INTERNAL):
            raise Refused(404, "Not Found.")
        headers = [(name, value) for name, value in scope["headers"] if name not in _HOP]
        if KEY_OF_PATH in scope:
            headers.append((b"x-api-key", scope[KEY_OF_PATH].encode("latin-1", "replace")))
        query = scope["query_string"]
        target = scope["raw_path"] + (b"?" + query if query else b"")
        url = self._url.copy_with(raw_path=target)
        sizes = {name: value for name, value in scope["headers"] if name in (b"content-length", b"transfer-encoding")}
        content = _body(receive, sizes.get(b"content-length", b"")) if sizes else None
        asked = self._client.build_request(scope["method"], url, headers=headers, content=content)
        try:
            answer = await self._client.send(asked, stream=True)
        except httpx.TransportError as error:
            raise Refused(
                503, "The gateway's core process does not answer; try again.", {"Retry-After": "2"}
            ) from error
        try:
            given = [(name.lower(), value) for name, value in answer.headers.raw if name.lower() not in _HOP]
            await send({"type": "http.response.start", "status": answer.status_code, "headers": given})
            async for piece in answer.aiter_raw():
                await send({"type": "http.response.body", "body": piece, "more_body": True})
            await send({"type": "http.response.body", "body": b""})
        finally:
            await answer.aclose()

    async def see(self, sighting: Sighting) -> list[str]:
        """Show a sighting to the core's road."""
        try:
            answer = await self._client.post(f"{INTERNAL}sighting", content=packed(sighting))
        except httpx.TransportError as error:
            raise Refused(503, "What matched could not be recorded; try again.", {"Retry-After": "2"}) from error
        if answer.status_code == _NOT_RECORDED:
            raise NotRecordedError(answer.text)
        if answer.status_code != 200:
            raise Refused(503, "What matched could not be recorded; try again.", {"Retry-After": "2"})
        return [str(one) for one in answer.json()]


@router.post(f"{INTERNAL}sighting")
async def sighting(request: Request) -> Response:
    """Take a sighting from a worker."""
    try:
        recorded = await OnRoad(of(request)).see(unpacked(await request.body()))
    except NotRecordedError as why:
        return Response(str(why), _NOT_RECORDED)
    return Response(json.dumps(recorded), media_type="application/json")


def packed(sighting: Sighting) -> bytes:
    """Return a sighting as one message: the length of its JSON, the JSON, then the bytes that were uploaded."""
    told: dict[str, Any] = {name: getattr(sighting, name) for name in _TEXTS}
    told |= {"prints": messages.told(sighting.prints), "matches": [asdict(match) for match in sighting.matches]}
    head = json.dumps(told).encode()
    return _LENGTH.pack(len(head)) + head + sighting.data


def unpacked(message: bytes) -> Sighting:
    """Return the sighting that a message holds."""
    (length,) = _LENGTH.unpack_from(message)
    told = json.loads(message[4 : 4 + length])
    prints = messages.result_of(told.pop("prints"))
    assert isinstance(prints, Fingerprints)
    matches = tuple(_match(raw) for raw in told.pop("matches"))
    return Sighting(prints=prints, matches=matches, data=message[4 + length :], **told)


def _match(raw: dict[str, Any]) -> Match:
    shares, part = raw["shares"], raw["region"]
    return Match(**raw | {"shares": shares and tuple(shares), "region": part and Rect(**part)})


async def _body(receive: Receive, length: bytes) -> AsyncIterator[bytes]:
    """Give a body on as it comes. Raises Refused where it is not as long as it said: nothing half is handed on."""
    more, seen = True, 0
    while more:
        message = await receive()
        if message["type"] != "http.request":
            raise Refused(400, "The caller went away before the body was complete.")
        more = message.get("more_body", False)
        if piece := message.get("body", b""):
            seen += len(piece)
            yield piece
    if length.isdigit() and int(length[:20]) != seen:
        raise Refused(400, "The body is not as long as the call says.")
