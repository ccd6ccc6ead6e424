"""The door: what every call passes before its route. Paths are put in order, keys taken out of them, bodies bounded."""

import json
import logging
import re
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response

from tocsin.evidence.call_log import CallLogError
from tocsin.gateway.access import KEY_OF_PATH
from tocsin.gateway.refusals import Refused
from tocsin.gateway.store import StoreError

Message = MutableMapping[str, Any]
Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Hot = Callable[[Any, Request], Awaitable[Response]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

OWN_FAULT: Final = "The gateway met an error of its own; it is in the gateway's log. Try again."
MOST_JSON: Final = 16 << 20
"""Largest body that is not an upload."""
_log = logging.getLogger(__name__)
_SLASHES = re.compile(r"/{2,}")


class Front:
    """Wraps the application: ``//h/hash`` is ``/h/hash``, ``/k/KEY/h/hash`` too, and no body is without end.

    ``hot`` calls, by method and path, are answered here, past everything that a framework does for a call.
    """

    def __init__(self, app: App, gateway: Any, hot: Mapping[tuple[str, str], Hot]) -> None:
        self._app, self._gateway, self._hot = app, gateway, hot
        self._max = gateway.settings.max_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a call on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        path = scope["path"]
        if "//" in path or path.startswith("/k/"):
            put_in_order(scope)
        try:
            counted = _Counted(receive, _most(scope, self._max))
            receive = counted if counted.most else receive
            hot = self._hot.get((scope["method"], scope["path"]))
            if hot is None:
                await self._app(scope, receive, send)
            else:
                answer = await self._answered(hot, Request(scope, receive, send))
                await answer(scope, receive, send)
        except Refused as refused:
            await refuse(refused, send)

    async def _answered(self, hot: Hot, request: Request) -> Response:
        """Answer a hot call. Raises Refused, as well where something of ours fails, which is logged."""
        try:
            return await hot(self._gateway, request)
        except Refused:
            raise
        except (CallLogError, StoreError) as error:
            _log.error("%s", error)
            raise Refused(503, str(error), {"Retry-After": "5"}) from error
        except Exception as error:
            _log.exception("A call failed: %s %s", request.method, request.url.path)
            raise Refused(500, OWN_FAULT) from error


class _Counted:
    """A body that ends with a refusal when it is larger than it may be."""

    def __init__(self, receive: Receive, most: int) -> None:
        self._receive, self.most, self._seen = receive, most, 0

    async def __call__(self) -> Message:
        message = await self._receive()
        if message["type"] == "http.request":
            self._seen += len(message.get("body", b""))
            if self._seen > self.most:
                raise too_large(self.most)
        return message


def put_in_order(scope: Scope) -> None:
    """Join slashes that repeat, and take the key out of ``/k/KEY/…``."""
    path = _SLASHES.sub("/", scope["path"])
    if path.startswith("/k/"):
        key, _, rest = path[3:].partition("/")
        scope[KEY_OF_PATH] = key
        path = "/" + rest
    scope["path"] = path
    scope["raw_path"] = path.encode("utf-8", "surrogateescape")


def too_large(most: int) -> Refused:
    """Return the refusal of a body over its bound."""
    return Refused(413, f"The body is larger than {most:,} bytes.")


async def refuse(refused: Refused, send: Send) -> None:
    """Answer a refusal that happened outside of any route."""
    body = json.dumps(refused.as_dict()).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    headers += [(name.lower().encode(), value.encode()) for name, value in refused.headers.items()]
    await send({"type": "http.response.start", "status": refused.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def _most(scope: Scope, upload: int) -> int:
    """Return how large a call's body may be, refusing one at once that says it is larger; 0 for one without a body."""
    most, length = MOST_JSON, b""
    for name, value in scope["headers"]:
        if name == b"content-type" and value[:10].lower() == b"multipart/":
            most = upload + (1 << 20)
        elif name == b"content-length":
            length = value
        elif name == b"transfer-encoding":
            length = length or b"-"
    if length.isdigit() and int(length) > most:
        raise too_large(most)
    return most if length not in (b"", b"0") else 0
