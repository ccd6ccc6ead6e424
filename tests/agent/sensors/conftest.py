"""A reader, drawn pictures of text, and a bare X server."""

import hashlib
import io
import json
import os
import subprocess
import threading
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import drawings
import httpx
import numpy as np
import numpy.typing as npt
import pytest
import x_servers
from PIL import Image
from Xlib import X, display

from tocsin.agent.asking import Answered, Asking
from tocsin.agent.sensors.comparing import Comparing
from tocsin.agent.sensors.folders import Places
from tocsin.agent.sensors.ocr import LineReader
from tocsin.agent.sensors.seen_files import SeenFiles
from tocsin.agent.unasked import Unasked
from tocsin.evidence.keys import DeviceKey
from tocsin.model import Fingerprints, MediaSeen, NotScanned, Observation, Print, SystemClock
from tocsin.placement.config import Config

Pixels = npt.NDArray[np.uint8]


class FakeReader:
    """Answers with the size of each picture, and counts."""

    def __init__(self) -> None:
        self.seen = 0

    def read(self, images: list[Pixels]) -> list[tuple[str, float]]:
        self.seen += len(images)
        return [(f"{image.shape[1]}x{image.shape[0]}:{int(image.sum()) % 9973}", 0.9) for image in images]


@pytest.fixture(scope="session")
def line_reader() -> LineReader:
    return LineReader()


@pytest.fixture
def fake_reader() -> FakeReader:
    return FakeReader()


@pytest.fixture(scope="session")
def draw() -> Callable[..., Pixels]:
    """Return a function that draws (x, y, words, ink[, size]) on a ground, as a display gives pixels (BGRX)."""
    return drawings.draw


@pytest.fixture(scope="session")
def photo() -> Callable[..., Pixels]:
    """Return a function that makes something with a photograph's grain: blobs of all sizes and a little noise (BGR)."""
    return drawings.photo


@pytest.fixture
def serve() -> Callable[[], tuple[str, "subprocess.Popen[bytes]"]]:
    """Return a function that starts an X server; the test ends it."""
    return x_servers.serve


@pytest.fixture(scope="session")
def x_server() -> Iterator[str]:
    """The name of a bare X server."""
    name, server = x_servers.serve()
    yield name
    server.terminate()
    server.wait(60)


class Painter:
    """A program that shows drawn pictures in windows of its own; each is painted at once, never half of it."""

    def __init__(self, name: str) -> None:
        self.display = display.Display(name)
        self.screen = self.display.screen()
        self._made: list[Any] = []

    def window(self, x: int, y: int, w: int, h: int, title: str, *, kind: str = "Demo", colour: int = 0xFFFFFF) -> Any:
        made = self.screen.root.create_window(
            x, y, w, h, 0, self.screen.root_depth, background_pixel=colour, event_mask=X.ExposureMask
        )
        made.set_wm_name(title)
        made.set_wm_class(kind.lower(), kind)
        made.map()
        self.display.sync()
        self._made.append(made)
        return made

    def paint(self, window: Any, pixels: Pixels, x: int = 0, y: int = 0) -> None:
        """Show a picture (BGR or BGRX). It goes to the server in pieces, and is copied to the screen in one."""
        height, width = pixels.shape[:2]
        aside, context = window.create_pixmap(width, height, self.screen.root_depth), window.create_gc()
        aside.put_pil_image(context, 0, 0, Image.fromarray(pixels[:, :, 2::-1].copy()))
        window.copy_area(context, aside, 0, 0, width, height, x, y)
        context.free()
        aside.free()
        self.display.sync()

    def close(self) -> None:
        """Take all windows off the screen before the next test looks at it: the server does so only a while later."""
        self.display.set_error_handler(lambda *_: None)  # the test may have destroyed some itself
        for window in self._made:
            window.destroy()
        self.display.sync()
        self.display.close()


@pytest.fixture
def painter(x_server: str) -> Iterator[Painter]:
    """A program that paints on the X server."""
    made = Painter(x_server)
    yield made
    made.close()


@pytest.fixture(scope="session")
def painter_class() -> type[Painter]:
    """The class of ``painter``, for another server."""
    return Painter


class PlainHasher:
    """Makes fingerprints in this process: the digest as if it were the hash. What begins with "bad" cannot be."""

    def __init__(self) -> None:
        self.hashed = 0

    def fingerprint(self, source: Path | bytes) -> Fingerprints | NotScanned:
        data = source if isinstance(source, bytes) else source.read_bytes()
        self.hashed += 1
        if b"bad" in data:
            return NotScanned("unreadable", "This picture is damaged.")
        if b"boom" in data:
            raise RuntimeError("boom")
        sha256 = hashlib.sha256(data).hexdigest()
        return Fingerprints(media="picture", sha256=sha256, prints=(Print(sha256, 80),))

    def members(self, source: Path | bytes) -> Iterator[tuple[str, int, Fingerprints | NotScanned]]:
        data = source if isinstance(source, bytes) else source.read_bytes()
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            for name in archive.namelist():
                inside = archive.read(name)
                yield name, len(inside), self.fingerprint(inside)

    def close(self) -> None:
        return


class FileRig:
    """A home, the asking of lists answered in this process, and the sensors of files when a test starts them."""

    def __init__(self, tmp_path: Path) -> None:
        self.home, self.data = tmp_path / "home", tmp_path / "agent"
        for folder in (self.home, self.data):
            folder.mkdir(exist_ok=True)
        self.lists = {"count": 1, "entries": 1, "version": "v1"}
        self.listed: set[str] = set()
        self.down = False
        self.answers: list[Observation] = []
        self.missed: list[Observation] = []
        self.counts: list[str] = []
        self.hasher = PlainHasher()
        self._sensors: list[tuple[Any, threading.Thread]] = []
        self.places = Places(self.home, (self.data,), count=self.counts.append, mountinfo=tmp_path / "mountinfo")
        (tmp_path / "mountinfo").touch()
        self.mountinfo = tmp_path / "mountinfo"
        self.open()

    def open(self) -> None:
        config = Config("http://127.0.0.1:1", "d", "k", "u", 15.0, "", (), "00", "l")
        self.seen = SeenFiles(self.data / "files.db")
        self.waiting = Unasked(self.data / "unasked.db")
        self.asking = Asking(
            config,
            DeviceKey.from_seed(bytes(32)),
            self.waiting,
            Answered(),
            count=self.counts.append,
            connect=lambda c: httpx.Client(base_url=c.hub, transport=httpx.MockTransport(self._answer)),
        )
        self.clock = SystemClock()
        self.comparing = Comparing(self.asking, self.seen, self.hasher, self.clock)
        self.start(self.asking)

    def _answer(self, request: httpx.Request) -> httpx.Response:
        if self.down:
            return httpx.Response(503, json={"error": "busy", "sentence": "Not now."})
        answers = []
        for item in json.loads(request.content)["items"]:
            digest = item["prints"].get("sha256", "")
            match = {"list": "L", "entry": digest[:8], "by": "sha256", "distance": 0}
            answers.append({"id": item["id"], "matches": [match] if digest in self.listed else []})
        return httpx.Response(200, json={"lists": self.lists, "answers": answers})

    def start(self, sensor: Any) -> Any:
        thread = threading.Thread(target=self._run, args=(sensor,))
        self._sensors.append((sensor, thread))
        thread.start()
        return sensor

    def _run(self, sensor: Any) -> None:
        for one in sensor.observations():
            if isinstance(one.body, MediaSeen):
                self.answers.append(one)
                self.asking.settled(one.id)
            else:
                self.missed.append(one)

    def end(self) -> None:
        for sensor, _ in reversed(self._sensors):
            sensor.close()
        for _, thread in self._sensors:
            thread.join(60)
            assert not thread.is_alive()
        self._sensors.clear()
        self.seen.close()
        self.waiting.close()

    def picture(self, name: str, content: bytes = b"", *, listed: bool = False) -> Path:
        """Save what passes for a picture (its first bytes say so)."""
        path = self.home / name
        path.parent.mkdir(parents=True, exist_ok=True)
        data = b"\xff\xd8\xff\xe0" + (content or name.encode())
        path.write_bytes(data)
        if listed:
            self.listed.add(hashlib.sha256(data).hexdigest())
        return path

    def names(self) -> set[str]:
        return {Path(one.body.name).name for one in self.answers if isinstance(one.body, MediaSeen)}


@pytest.fixture
def files(tmp_path: Path) -> Iterator[FileRig]:
    rig = FileRig(tmp_path)
    yield rig
    rig.end()


@pytest.fixture
def renumber(monkeypatch: pytest.MonkeyPatch) -> Callable[[str, dict[str, int]], None]:
    """Let trees seem to a sensor's module to lie on other devices: folder → device number."""
    real = os.stat

    def as_if(module: str, numbers: dict[str, int]) -> None:
        def stat(path: Any, **how: Any) -> SimpleNamespace:
            about = real(path, **how)
            other = next((number for top, number in numbers.items() if str(path).startswith(top)), about.st_dev)
            kept = {name: getattr(about, name) for name in dir(about) if name.startswith("st_")}
            return SimpleNamespace(**kept | {"st_dev": other})

        monkeypatch.setattr(f"tocsin.agent.sensors.{module}.os.stat", stat)

    return as_if
