"""A proxy on loopback that breaks what passes through it, as told, one request at a time.

It ends TLS with the hub's own throw-away certificate, so an agent that has pinned that certificate takes it for the
hub. A fault is a function of the :class:`Exchange`; None in a plan lets one request through untouched.
"""

import collections
import contextlib
import http.client
import os
import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable, Iterable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self

Fault = Callable[["Exchange"], None]
JOURNAL, EVIDENCE, OTHER = "journal", "evidence", "other"
_PATIENCE_S = 30.0
_MAX_BODY = 40 << 20


class Cut(Exception):  # noqa: N818
    """The connection was cut; nothing more can be said on it."""


class Exchange(BaseHTTPRequestHandler):
    """One connection from a client; a fault gets it with the request's head read and its body not yet."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    timeout = _PATIENCE_S * 2
    server: "_Server"

    def log_message(self, *_: object) -> None:
        """Stay quiet."""

    def body(self) -> bytes:
        """Return the request's body; read once."""
        length = int(self.headers.get("content-length") or 0)
        if not 0 <= length <= _MAX_BODY:
            self.cut()
        held: bytes | None = getattr(self, "_body", None)
        if held is None:
            held = self._body = self.rfile.read(length)
        return held

    def forward(self) -> tuple[int, bytes]:
        """Send the request to the hub and return its answer. Cuts the connection when the hub does not give one."""
        proxy = self.server.proxy
        kept = {k: v for k, v in self.headers.items() if k.lower() not in ("host", "connection", "content-length")}
        try:
            with contextlib.closing(proxy.upstream()) as hub:
                hub.request(self.command, self.path, self.body(), kept)
                answer = hub.getresponse()
                return answer.status, answer.read()
        except (OSError, http.client.HTTPException):
            self.cut()
            raise AssertionError from None  # cut() does not return

    def answer(self, status: int, body: bytes, *, part: int | None = None, kind: str = "application/json") -> None:
        """Answer, with only the first ``part`` bytes of the body if one is given, and the connection cut then."""
        self.body()
        self.send_response(status)
        self.send_header("content-type", kind)
        self.send_header("content-length", "0" if status == 204 else str(len(body)))
        self.end_headers()
        if status != 204 and self.command != "HEAD":
            self.wfile.write(body if part is None else body[:part])
        if part is not None:
            self.cut()

    def cut(self) -> None:
        """Reset the connection. Does not return: raises Cut."""
        self.close_connection = True
        with contextlib.suppress(OSError):
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            os.close(self.connection.detach())
        raise Cut

    def handle_one_request(self) -> None:
        """Answer a request; a client that goes away, or is cut off, ends the connection only."""
        self.__dict__.pop("_body", None)
        try:
            super().handle_one_request()
        except (Cut, OSError):
            self.close_connection = True

    def _met(self) -> None:
        fault = self.server.proxy.next_fault(_kind(self.path))
        if fault is not None:
            fault(self)
        elif not self.server.proxy.takes(self):
            self.answer(*self.forward())

    do_GET = do_POST = do_PUT = _met  # noqa: N815 - the names http.server calls


class _Server(ThreadingHTTPServer):
    """A listener; each connection speaks TLS in a thread of its own."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(self, port: int, proxy: "FaultProxy") -> None:
        self.proxy = proxy
        self.open: set[socket.socket] = set()
        super().__init__(("127.0.0.1", port), Exchange)

    def finish_request(self, request: Any, client_address: Any) -> None:
        """Shake hands, then serve the connection until it ends."""
        connection: socket.socket = request
        try:
            connection.settimeout(_PATIENCE_S)
            if self.proxy.tls is not None:
                connection = self.proxy.tls.wrap_socket(connection, server_side=True)
            self.open.add(connection)
            super().finish_request(connection, client_address)
        except (OSError, Cut, ValueError):
            pass
        finally:
            self.open.discard(connection)
            with contextlib.suppress(OSError):
                connection.close()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: clients are expected to be cut off here."""


class FaultProxy:
    """Listens on a free loopback port from its making until :meth:`close`.

    ``hub`` is the port that requests go on to; ``certificate`` its certificate and key (files), None for plain http.
    ``take`` may answer a request here instead: it gets its path and body and says whether it has taken it.
    """

    def __init__(
        self,
        hub: int = 0,
        certificate: tuple[Path, Path] | None = None,
        take: Callable[[str, bytes], bool] | None = None,
    ) -> None:
        self.hub, self._take = hub, take
        self.tls: ssl.SSLContext | None = None
        self._trusting: ssl.SSLContext | None = None
        if certificate is not None:
            self.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self.tls.load_cert_chain(*certificate)
            self._trusting = ssl.create_default_context(cafile=str(certificate[0]))
        self._lock = threading.Lock()
        self._plans: dict[str, collections.deque[Fault | None]] = collections.defaultdict(collections.deque)
        self.met: collections.Counter[str] = collections.Counter()
        self._server: _Server | None = None
        self.port = 0
        self.listen()

    def __enter__(self) -> Self:
        """Nothing more to do: it listens already."""
        return self

    def __exit__(self, *_: object) -> None:
        """Stop."""
        self.close()

    @property
    def url(self) -> str:
        """The address to give the client."""
        return f"{'https' if self.tls else 'http'}://127.0.0.1:{self.port}"

    def listen(self) -> None:
        """Take connections (again), always on the same port."""
        if self._server is None:
            self._server = _Server(self.port, self)
            self.port = int(self._server.server_address[1])
            threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def close(self) -> None:
        """Refuse connections from now on, and drop those that are open."""
        server, self._server = self._server, None
        if server is not None:
            server.shutdown()
            server.server_close()
            for connection in list(server.open):
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)

    def plan(self, kind: str, faults: Iterable[Fault | None]) -> None:
        """Add what the next requests of a kind (journal, evidence, other) meet, one each."""
        with self._lock:
            self._plans[kind].extend(faults)

    def forget(self) -> None:
        """Drop every plan: from now on all goes through."""
        with self._lock:
            self._plans.clear()

    def left(self, kind: str) -> int:
        """Return how many faults of a plan no request has met yet."""
        with self._lock:
            return sum(fault is not None for fault in self._plans[kind])

    def next_fault(self, kind: str) -> Fault | None:
        """Take the next step of the plan."""
        with self._lock:
            plan = self._plans[kind]
            fault = plan.popleft() if plan else None
            self.met[kind] += fault is not None
            return fault

    def takes(self, exchange: Exchange) -> bool:
        """Let ``take`` answer, where there is one."""
        if self._take is None or not self._take(exchange.path, exchange.body()):
            return False
        exchange.answer(200, b"{}")
        return True

    def upstream(self) -> http.client.HTTPConnection:
        """Open a connection to the hub."""
        if self._trusting is not None:
            return http.client.HTTPSConnection("127.0.0.1", self.hub, timeout=_PATIENCE_S, context=self._trusting)
        return http.client.HTTPConnection("127.0.0.1", self.hub, timeout=_PATIENCE_S)


def status(code: int, body: bytes = b'{"error":"injected","sentence":"Not now."}') -> Fault:
    """Answer with a status; the hub never hears of the request."""
    return lambda exchange: exchange.answer(code, body)


def html(code: int) -> Fault:
    """Answer as a web server in front of a hub does, with a page."""
    return lambda exchange: exchange.answer(code, b"<html><h1>It works!</h1></html>", kind="text/html")


def reset(exchange: Exchange) -> None:
    """Reset the connection while the request is being sent."""
    exchange.cut()


def half(exchange: Exchange) -> None:
    """Answer half of what looks like success, though the hub never heard of the request."""
    exchange.answer(200, b'{"head":{"seq":1,"hash":"' + b"0" * 200 + b'"}}', part=30)


def half_after(exchange: Exchange) -> None:
    """Hand the request on, and half of the hub's answer back."""
    code, body = exchange.forward()
    exchange.answer(code, body, part=len(body) // 2)


def lost_answer(exchange: Exchange) -> None:
    """Hand the request on; the hub keeps it, and its answer is lost."""
    exchange.forward()
    exchange.cut()


def stall(seconds: float) -> Fault:
    """Say nothing for a while, then cut."""

    def wait(exchange: Exchange) -> None:
        exchange.body()
        time.sleep(seconds)
        exchange.cut()

    return wait


def during(call: Callable[[], None], after: float) -> Fault:
    """Hand the request on and make ``call`` that many seconds later, while the hub works on it."""

    def both(exchange: Exchange) -> None:
        exchange.body()
        timer = threading.Timer(after, call)
        timer.start()
        code, body = exchange.forward()
        exchange.answer(code, body)

    return both


def _kind(path: str) -> str:
    if path == "/api/v1/journal":
        return JOURNAL
    return EVIDENCE if path.startswith("/api/v1/evidence/") else OTHER
