"""A platform's own webhook receiver, for end-to-end tests: it takes what is signed, and refuses all else."""

import contextlib
import hashlib
import hmac
import json
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

OLDEST_S = 300


@dataclass
class Receiver:
    """What was taken, in order and each delivery once; ``refused`` counts what was not signed as it says."""

    secret: str
    url: str = ""
    taken: list[dict[str, Any]] = field(default_factory=list)
    refused: int = 0
    _known: set[str] = field(default_factory=set)

    def take(self, headers: Any, body: bytes) -> bool:
        """Check the signature as docs/streams.md says, and keep what is new."""
        said = dict(part.split("=", 1) for part in headers.get("X-Tocsin-Signature", "t=0,v1=").split(","))
        made = hmac.new(self.secret.encode(), f"{said['t']}.".encode() + body, hashlib.sha256).hexdigest()
        if not hmac.compare_digest(made, said["v1"]) or abs(time.time() - int(said["t"])) > OLDEST_S:
            self.refused += 1
            return False
        told = json.loads(body)
        if told["id"] == headers["X-Tocsin-Delivery"] and told["id"] not in self._known:
            self._known.add(told["id"])
            self.taken.append(told)
        return True

    def events(self, *kinds: str) -> list[tuple[str, str]]:
        """Return what was taken: the event, and by whom it was decided (empty: by the ladder)."""
        return [(one["event"], one["data"].get("by", "")) for one in list(self.taken) if one["event"] in kinds]


@contextlib.contextmanager
def receiving(secret: str) -> Iterator[Receiver]:
    """Receive webhooks on loopback."""
    receiver = Receiver(secret)

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            """Say nothing."""

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(204 if receiver.take(self.headers, body) else 401)
            self.end_headers()

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    receiver.url = f"http://127.0.0.1:{server.server_port}/hooks"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield receiver
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
