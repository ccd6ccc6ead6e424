"""The pages of the demonstration on a loopback port: the scripted chat, and a view of the virtual desktop."""

import json
import queue
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.resources import files
from pathlib import Path
from typing import Any

from tocsin.demo import picture as drawing

TYPES = {"html": "text/html", "css": "text/css", "js": "text/javascript", "json": "application/json"}


class Pages:
    """A loopback web server; ``show`` puts a line into a chat page opened with ``?live`` and waits for its paint.

    ``pictures`` are encoded pictures that a page may show, by file name; a page's *Save* writes one into ``downloads``.
    """

    def __init__(
        self, picture: Callable[[], bytes] | None = None, console: str = "", downloads: Path | None = None
    ) -> None:
        self.picture, self.console, self.downloads = picture, console, downloads
        self.pictures: dict[str, Callable[[], bytes]] = {drawing.NAME: drawing.jpeg}
        self.folders = [files("tocsin.demo") / "pages"]
        self._lines: queue.Queue[dict[str, Any] | None] = queue.Queue()
        self._painted: dict[int, float] = {}
        self._news = threading.Condition()
        self._count = 0
        self._listening = threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, name="demo-pages", daemon=True).start()

    @property
    def url(self) -> str:
        """Where the pages are."""
        return f"http://127.0.0.1:{self._server.server_port}"

    def close(self) -> None:
        """Stop serving."""
        self._lines.put(None)
        self._server.shutdown()
        self._server.server_close()

    def show(self, timeout: float = 10.0, **line: Any) -> float:
        """Show a line (``by`` and ``text`` or ``picture``; or ``clear``, ``dark``, ``peer``); wait until it is painted.

        Returns the page's own stamp after two animation frames, in milliseconds since the epoch.
        Raises TimeoutError when no page follows.
        """
        if not self._listening.wait(timeout):
            raise TimeoutError("no chat page is open with ?live")
        with self._news:
            self._count += 1
            number = self._count
            self._lines.put({"id": number, **line})
            if not self._news.wait_for(lambda: number in self._painted, timeout):
                raise TimeoutError(f"the page did not paint line {number}")
            return self._painted.pop(number)

    def save(self, name: str) -> Path | None:
        """Write a picture that a page shows into the downloads, as a browser would; None when there is no such one."""
        if name not in self.pictures or self.downloads is None:
            return None
        self.downloads.mkdir(parents=True, exist_ok=True)
        path = self.downloads / name
        part = path.with_name(f"{name}.crdownload")
        part.write_bytes(self.pictures[name]())
        part.replace(path)
        return path

    def _handler(pages: "Pages") -> type[BaseHTTPRequestHandler]:  # noqa: N805
        """Make the request handler that answers for these pages."""

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002
                """Keep the terminal quiet."""

            def answer(self, body: bytes, kind: str, status: int = 200) -> None:
                self.send_response(status)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(body)))
                self.send_header("Cache-Control", "no-store")
                self.end_headers()
                self.wfile.write(body)

            def do_GET(self) -> None:
                name = self.path.partition("?")[0].strip("/") or "desktop.html"
                if name == "events":
                    return self.stream()
                if name == "screen.png" and pages.picture is not None:
                    return self.answer(pages.picture(), "image/png")
                if name in pages.pictures:
                    return self.answer(pages.pictures[name](), "image/jpeg")
                if name == "console.txt":
                    return self.answer(pages.console.encode(), "text/plain")
                for folder in pages.folders:
                    page = folder / name
                    if "/" not in name and ".." not in name and page.is_file():
                        return self.answer(page.read_bytes(), TYPES.get(name.rpartition(".")[2], "text/plain"))
                return self.answer(b"There is no such page.", "text/plain", 404)

            def do_POST(self) -> None:
                told = json.loads(self.rfile.read(int(self.headers.get("Content-Length", "0"))))
                known = True
                if self.path == "/save":
                    known = pages.save(str(told["name"])) is not None
                else:
                    with pages._news:
                        pages._painted[int(told["id"])] = float(told["at"])
                        pages._news.notify_all()
                self.answer(b"", "text/plain", 200 if known else 404)

            def stream(self) -> None:
                self.send_response(200)
                self.send_header("Content-Type", "text/event-stream")
                self.end_headers()
                self.wfile.write(b": here\n\n")
                self.wfile.flush()
                pages._listening.set()
                while (line := pages._lines.get()) is not None:
                    self.wfile.write(f"data: {json.dumps(line)}\n\n".encode())
                    self.wfile.flush()

        return Handler
