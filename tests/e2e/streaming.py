"""Streams made in code and pushed by the real ffmpeg, for the tests of live streams."""

import contextlib
import functools
import shutil
import subprocess
import threading
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tocsin.demo.desktop import until
from tocsin.demo.stage import free_port as free_port

FFMPEG = shutil.which("ffmpeg") or ""
needs_ffmpeg = pytest.mark.skipif(not FFMPEG, reason="ffmpeg is not installed")
SIZE = (320, 240)


def landscape(seed: int, size: tuple[int, int] = SIZE) -> Image.Image:
    """A made picture with enough in it: hills, a sky, some noise at low resolution."""
    rng = np.random.default_rng(seed)
    width, height = size
    low = Image.fromarray(rng.integers(0, 255, (9, 12, 3), np.uint8)).resize(size, Image.Resampling.BICUBIC)
    pixels = np.asarray(low, np.float32)
    x = np.arange(width)
    for depth in range(3):
        ridge = height * (0.35 + 0.2 * depth) + 30 * np.sin(x / rng.uniform(20, 60) + rng.uniform(0, 6))
        below = np.arange(height)[:, None] > ridge[None]
        pixels = np.where(below[..., None], 0.5 * pixels + rng.uniform(0, 120, 3), pixels)
    return Image.fromarray(pixels.clip(0, 255).astype(np.uint8))


def make_video(folder: Path, *, seconds: int = 4) -> Path:
    """Make an MP4 that moves slowly over a landscape, as a camera does."""
    wide = folder / "wide.png"
    landscape(11, (3 * SIZE[0], SIZE[1])).save(wide)
    made = folder / "listed.mp4"
    across = f"crop={SIZE[0]}:{SIZE[1]}:x='60*t':y=0"
    subprocess.run(
        [
            *(FFMPEG, "-loglevel", "error", "-nostdin", "-y", "-loop", "1", "-r", "20", "-t", str(seconds)),
            *("-i", str(wide), "-vf", across, "-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p"),
            str(made),
        ],
        check=True,
    )
    return made


def make_stream(folder: Path, listed: Path, *, seconds: float = 7, on: float = 2.0, off: float = 5.0) -> Path:
    """Make an MP4 of a moving test picture in which the listed picture or video is shown for a while.

    There is a keyframe each 0.5 s.
    """
    made = folder / "stream.mp4"
    shown = ("-itsoffset", str(on)) if listed.suffix == ".mp4" else ("-loop", "1", "-t", str(seconds))
    show = f"[0][1]overlay=enable='between(t,{on},{off})'"
    subprocess.run(
        [
            *(FFMPEG, "-loglevel", "error", "-nostdin", "-y"),
            *("-f", "lavfi", "-i", f"testsrc2=size={SIZE[0]}x{SIZE[1]}:rate=20:duration={seconds}"),
            *(*shown, "-i", str(listed)),
            *("-f", "lavfi", "-t", str(seconds), "-i", "sine=frequency=300"),
            *("-filter_complex", show, "-map", "2:a", "-c:a", "aac", "-b:a", "32k", "-t", str(seconds)),
            *("-c:v", "libx264", "-preset", "ultrafast", "-tune", "zerolatency", "-g", "10", "-sc_threshold", "0"),
            *("-pix_fmt", "yuv420p", str(made)),
        ],
        check=True,
    )
    return made


@contextlib.contextmanager
def pushing(
    video: Path, *target: str, loop: bool = False, read: tuple[str, ...] = ("-re",), folder: Path | None = None
) -> Iterator[subprocess.Popen]:
    """Push a file as it plays, packets as they are; what is written by a relative path lies in ``folder``."""
    again = ("-stream_loop", "-1") if loop else ()
    command = [FFMPEG, "-loglevel", "error", "-nostdin", *read, *again, "-i", str(video), "-c", "copy", *target]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=folder)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def listening(port: int, server: subprocess.Popen) -> None:
    """Wait until a program listens at a port, without the connection that ffmpeg would take for its only client's."""
    until(lambda: server.poll() is not None or _listened(port), 120, "the start of ffmpeg")
    assert server.poll() is None, "ffmpeg ended before it was asked for anything"


def _listened(port: int) -> bool:
    lines = Path("/proc/net/tcp").read_text().splitlines()[1:]
    return any(at[1].endswith(f":{port:04X}") and at[3] == "0A" for at in map(str.split, lines))


class _Quiet(SimpleHTTPRequestHandler):
    """Serves a folder; parts of a file too, as every server of media does."""

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        wanted, path = self.headers.get("Range", ""), Path(self.translate_path(self.path))
        if not wanted or not path.is_file():
            super().do_GET()
            return
        first, last = (int(place) for place in wanted.removeprefix("bytes=").split("-"))
        data = path.read_bytes()
        part = data[first : last + 1]
        self.send_response(206 if part else 416)
        self.send_header("Content-Length", str(len(part)))
        self.send_header("Content-Range", f"bytes {first}-{first + len(part) - 1}/{len(data)}")
        self.end_headers()
        self.wfile.write(part)


@contextlib.contextmanager
def serving(folder: Path) -> Iterator[str]:
    """Serve a folder over HTTP on loopback."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(_Quiet, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
