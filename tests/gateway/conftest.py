"""A gateway in a folder of its own, its client, pictures made in code, and a server to fetch from, perhaps hostile."""

import io
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from starlette.testclient import TestClient

from tocsin.gateway.app import create_app
from tocsin.gateway.gateway import Gateway
from tocsin.gateway.settings import Settings
from tocsin.matching.lists import Entry, Terms, build
from tocsin.media import pdq


def landscape(seed: int = 1, size: tuple[int, int] = (320, 240)) -> Image.Image:
    """Return hills under a sky: smooth enough for a stable hash, different for every seed."""
    rng = np.random.default_rng(seed)
    coarse = Image.fromarray(rng.integers(0, 256, (6, 8, 3), dtype=np.uint8))
    return coarse.resize(size, Image.Resampling.BICUBIC)


def encoded(picture: Image.Image, kind: str = "JPEG", **more: Any) -> bytes:
    out = io.BytesIO()
    picture.save(out, kind, **more)
    return out.getvalue()


@pytest.fixture(scope="session")
def jpeg() -> Callable[..., bytes]:
    """Make a JPEG of a landscape."""

    def make(seed: int = 1, **more: Any) -> bytes:
        return encoded(landscape(seed, **more), quality=92)

    return make


@pytest.fixture(scope="session")
def code() -> Callable[[bytes], str]:
    """Return a picture's PDQ hash."""
    return lambda data: pdq.hash_bytes(data).hex


@pytest.fixture(scope="session")
def make_list() -> Callable[..., Path]:
    """Build a hash list of PDQ hashes in a folder."""

    def make(folder: Path, *codes: str, name: str = "known 1", **terms: Any) -> Path:
        rows = [
            Entry(n, [("pdq", bytes.fromhex(one))], id=f"entry-{n}", category="B1") for n, one in enumerate(codes, 1)
        ]
        build(folder, Terms(name=name, source="a source", **terms), [("test", rows)])
        return folder

    return make


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data=tmp_path / "gateway", decoders=1)


@pytest.fixture
def serving(settings: Settings) -> Iterator[Callable[..., TestClient]]:
    """Open a gateway (again), with changed settings; its client has ``gateway``."""
    opened: list[TestClient] = []

    def serve(**changes: Any) -> TestClient:
        gateway = Gateway.open(replace(settings, **changes))
        client = TestClient(
            create_app(gateway), "http://localhost", raise_server_exceptions=False, follow_redirects=False
        )
        client.__enter__()
        client.gateway = gateway  # type: ignore[attr-defined]
        opened.append(client)
        return client

    def stop(client: TestClient) -> None:
        opened.remove(client)
        client.__exit__(None, None, None)

    serve.stop = stop  # type: ignore[attr-defined]
    yield serve
    for client in opened:
        client.__exit__(None, None, None)


@pytest.fixture
def api(serving: Callable[..., TestClient]) -> TestClient:
    """A gateway with nothing in it."""
    return serving()


class Elsewhere:
    """A server on loopback that answers as a test says: ``pages[path] = (status, headers, body)`` or a function."""

    def __init__(self) -> None:
        self.pages: dict[str, Any] = {}
        self.asked: list[tuple[str, str]] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_: object) -> None:
                return

            def do_GET(self) -> None:
                outer.asked.append((self.path, self.headers.get("host", "")))
                page = outer.pages.get(self.path, (404, {}, b"none"))
                if callable(page):
                    page(self)
                    return
                status, headers, body = page
                self.send_response(status)
                for name, value in ({"content-length": str(len(body))} | headers).items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.port = self.server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}"
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    def picture(self, path: str, data: bytes, media_type: str = "image/jpeg") -> str:
        self.pages[path] = (200, {"content-type": media_type}, data)
        return self.url + path


@pytest.fixture
def elsewhere() -> Iterator[Elsewhere]:
    server = Elsewhere()
    yield server
    server.server.shutdown()
    server.server.server_close()


@pytest.fixture(scope="session")
def flat() -> bytes:
    """A picture with nothing in it."""
    return encoded(Image.new("RGB", (200, 160), (120, 130, 140)), "PNG")
