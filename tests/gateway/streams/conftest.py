"""Small streams made in code: pictures that change every two seconds, a keyframe every second; and a server of them."""

import io
import sys
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parent))
av = pytest.importorskip("av")

FPS = 10
Film = Callable[..., bytes]


def picture(seed: int, size: tuple[int, int] = (160, 120)) -> np.ndarray:
    """A made picture with enough in it to be hashed."""
    from PIL import Image

    low = np.random.default_rng(seed).integers(0, 255, (9, 12, 3), np.uint8)
    return np.asarray(Image.fromarray(low).resize(size, Image.Resampling.BICUBIC))


def film_of(
    seeds: tuple[int, ...] = (1, 2, 3),
    *,
    size: tuple[int, int] = (160, 120),
    codec: str = "libx264",
    form: str = "mpegts",
    gop: int = FPS,
    seconds: int = 2,
) -> bytes:
    """A film that shows each picture for some seconds."""
    made = io.BytesIO()
    with av.open(made, "w", format=form) as container:
        stream = container.add_stream(codec, rate=FPS)
        stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
        stream.codec_context.gop_size = gop
        if codec == "libx264":
            stream.options = {"preset": "ultrafast", "tune": "zerolatency", "x264-params": "scenecut=0"}
        number = 0
        for seed in seeds:
            pixels = picture(seed, size)
            for _ in range(FPS * seconds):
                frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
                frame.pts = number
                number += 1
                container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return made.getvalue()


@pytest.fixture(scope="session")
def film() -> Film:
    """Return what makes films."""
    return film_of


@pytest.fixture(scope="session")
def shot() -> Callable[..., np.ndarray]:
    """Return what makes pictures."""
    return picture


@pytest.fixture
def listed(tmp_path: Path) -> Path:
    """A list of the pictures 2 and 3."""
    from PIL import Image

    from tocsin.matching.lists import Terms, build, read

    folder = tmp_path / "pictures"
    folder.mkdir()
    sources = []
    for seed in (2, 3):
        text = folder / f"{seed}.txt"
        from tocsin.media import pdq

        Image.fromarray(picture(seed)).save(folder / f"{seed}.png")
        text.write_text(pdq.hash_array(picture(seed)).hex + "\n")
        sources.append((text.name, read(text)))
    build(tmp_path / "list", Terms(name="shown"), sources)
    return tmp_path / "list"


@pytest.fixture
def serve() -> Iterator[Callable[[dict[str, bytes | list[bytes]]], str]]:
    """Serve paths: bytes, or a list of answers given one after the other (the last again and again)."""
    servers = []

    def start(pages: dict[str, bytes | list[bytes]]) -> str:
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                page = pages.get(self.path)
                if isinstance(page, list):
                    page = page.pop(0) if len(page) > 1 else page[0]
                if page is None:
                    self.send_error(404)
                    return
                if page.startswith(b"->"):
                    self.send_response(302)
                    self.send_header("Location", page[2:].decode())
                    self.end_headers()
                    return
                wanted = self.headers.get("Range", "")
                if wanted and not self.path.startswith("/whole"):
                    first, last = (int(place) for place in wanted.removeprefix("bytes=").split("-"))
                    size, page = len(page), page[first : last + 1]
                    self.send_response(206)
                    self.send_header("Content-Range", f"bytes {first}-{first + len(page) - 1}/{size}")
                else:
                    self.send_response(200)
                self.send_header("Content-Length", str(len(page)))
                self.end_headers()
                self.wfile.write(page)

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        servers.append((server, thread))
        return f"http://127.0.0.1:{server.server_port}"

    yield start
    for server, thread in servers:
        server.shutdown()
        thread.join()
        server.server_close()
