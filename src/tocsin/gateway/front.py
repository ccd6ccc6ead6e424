"""The door: what every call passes before its route. Paths are put in order, keys taken out of them, bodies bounded.

No body is read of a caller who has no key, and a gateway that asks for none answers no page of another site.
"""

import asyncio
import contextlib
import ipaddress
import json
import logging
import re
import time
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any, Final
from urllib.parse import quote, urlsplit

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

STOPPING: Final = "The gateway is stopping, and did not finish this call. Try again."
OWN_FAULT: Final = "The gateway met an error of its own; it is in the gateway's log. Try again."
MOST_JSON: Final = 16 << 20
"""Largest body that is not an upload."""
MOST_AT_ONCE: Final = 1 << 30
"""Bytes of bodies that are held at the same time, over all calls; room for four of the largest at least."""
GRACE_S: Final = 60.0
LEAST_RATE: Final = 10_000
"""A body may take so many seconds, and a second more for so many of its bytes."""
_OWN_DOOR: Final = "/serve/"
"""Where a key comes in a header of its own, and is looked at before a body (gateway/api/serving.py)."""
BETWEEN: Final = "/internal/"
"""Paths between the processes of one gateway: no caller reaches them, and what comes by them carries no key."""
_BESIDE: Final = 16 << 20
"""Bytes that may come beside an upload that a worker hands on: its hashes, frame by frame, and what they matched."""
_log = logging.getLogger(__name__)
_SLASHES = re.compile(r"/{2,}")
_KEPT: Final = "/~!$&'()*+,;=:@"


class Front:
    """Wraps the application: ``//h/hash`` is ``/h/hash``, ``/k/KEY/h/hash`` too, and no body is without end.

    ``hot`` calls, by method and path, are answered here, past everything that a framework does for a call.
    """

    def __init__(self, app: App, gateway: Any, hot: Mapping[tuple[str, str], Hot]) -> None:
        self._app, self._gateway, self._hot = app, gateway, hot
        self._max = gateway.settings.max_bytes
        settings = gateway.settings
        self._behind = gateway.core and bool(settings.workers > 1 or settings.cluster)
        self._held = _Held(max(MOST_AT_ONCE, 4 * self._max))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a call on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        path = scope["path"]
        if "//" in path or path.startswith("/k/"):
            put_in_order(scope)
        counted = _Counted(receive, self._held)
        try:
            if "/." in scope["path"]:
                _refuse_steps(scope.get("raw_path") or scope["path"].encode())
            access = self._gateway.access
            if access.is_open and not self._behind:
                refuse_strangers(scope)
            between = self._behind and scope["path"].startswith(BETWEEN)
            counted.most = self._max + _BESIDE if between else _most(scope, self._max)
            receive = counted if counted.most else receive
            hot = self._hot.get((scope["method"], scope["path"]))
            if hot is None:
                if counted.most and not between and not scope["path"].startswith(_OWN_DOOR):
                    access.know(scope)
                await self._app(scope, receive, send)
            else:
                answer = await self._answered(hot, Request(scope, receive, send))
                await answer(scope, receive, send)
        except Refused as refused:
            await refuse(refused, send)
        except asyncio.CancelledError:  # the gateway ends, and waits for this call no longer
            with contextlib.suppress(Exception):  # where the answer has begun, it can only end
                await refuse(Refused(503, STOPPING, {"Retry-After": "5", "Connection": "close"}), send)
            raise
        except StoreError as error:  # a caller's key could not be looked up
            _log.error("%s", error)
            await refuse(Refused(503, str(error), {"Retry-After": "5"}), send)
        finally:
            counted.let_go()

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


class _Held:
    """How many bytes of bodies are held now."""

    def __init__(self, most: int) -> None:
        self.most, self.bytes = most, 0


class _Counted:
    """A body that ends with a refusal when it is larger or slower than it may be, or too many come at once."""

    def __init__(self, receive: Receive, held: _Held) -> None:
        self._receive, self.most, self._seen = receive, 0, 0
        self._held, self._began, self._whole = held, time.monotonic(), False

    async def __call__(self) -> Message:
        if self._whole:
            return await self._receive()
        try:
            left = self._began + GRACE_S + self._seen / LEAST_RATE - time.monotonic()
            async with asyncio.timeout(left):
                message = await self._receive()
        except TimeoutError:
            raise Refused(408, "The body comes too slowly.", {"Connection": "close"}) from None
        if message["type"] == "http.request":
            more = len(message.get("body", b""))
            self._seen += more
            self._held.bytes += more
            self._whole = not message.get("more_body", False)
            if self._seen > self.most:
                raise too_large(self.most)
            if self._held.bytes > self._held.most:
                raise Refused(503, "Too much is being uploaded at once; try again.", {"Retry-After": "1"})
        return message

    def let_go(self) -> None:
        """Count the body no longer."""
        self._held.bytes -= self._seen
        self._seen = 0


def _refuse_steps(path: bytes) -> None:
    """Refuse ``.`` and ``..`` in a path: whoever hands the call on might resolve them, and so reach another path."""
    if not {b".", b".."}.isdisjoint(path.split(b"/")):
        raise Refused(404, "Not Found.")


def refuse_strangers(scope: Scope) -> None:
    """Refuse what a page of another site made somebody's browser send to a gateway that asks for no key.

    The host must be this machine by name or number (else a name was made to lead here), and the page, where a browser
    tells of one, must be of the same host. Raises Refused (403).
    """
    told = dict(scope["headers"])
    host = told.get(b"host", b"").decode("latin-1")
    if not is_here(host):
        raise Refused(403, _BY_NAME)
    origin = told.get(b"origin")
    site = told.get(b"sec-fetch-site", b"none")
    if site not in (b"none", b"same-origin") or (origin is not None and _place(origin) != host.lower()):
        raise Refused(403, _BY_PAGE)


_BY_NAME: Final = (
    "This gateway asks for no key, so it answers only calls to localhost or 127.0.0.1; "
    "to call it by another name, make a key: tocsin gateway key new NAME --scope SCOPES."
)
_BY_PAGE: Final = (
    "This gateway asks for no key, so it answers no page of another site; make a key: "
    "tocsin gateway key new NAME --scope SCOPES."
)


def is_here(host: str) -> bool:
    """Tell whether a Host header names this machine itself: localhost, or an address of its loopback."""
    try:
        name = urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return False
    if name == "localhost":
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def _place(origin: bytes) -> str:
    return origin.decode("latin-1").lower().partition("://")[2]


def put_in_order(scope: Scope) -> None:
    """Join slashes that repeat, and take the key out of ``/k/KEY/…``."""
    path = _SLASHES.sub("/", scope["path"])
    if path.startswith("/k/"):
        key, _, rest = path[3:].partition("/")
        scope[KEY_OF_PATH] = key
        path = "/" + rest
    scope["path"] = path
    scope["raw_path"] = quote(path, safe=_KEPT, errors="surrogateescape").encode("ascii")


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
