"""A reader, drawn pictures of text, and a bare X server."""

import os
import subprocess
import time
from collections.abc import Callable, Iterator

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image, ImageDraw, ImageFont
from Xlib import display, error

from tocsin.agent.sensors.ocr import LineReader

Pixels = npt.NDArray[np.uint8]


def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """A font with accents where the machine has one (Chromium brings it on Debian), else Pillow's own."""
    try:
        return ImageFont.truetype("LiberationSans-Regular.ttf", size)
    except OSError:
        return ImageFont.load_default(size)


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

    def draw_(
        *texts: tuple[object, ...],
        ground: str = "white",
        size: tuple[int, int] = (640, 240),
        boxes: tuple[tuple[tuple[int, int, int, int], int, str], ...] = (),
    ) -> Pixels:
        image = Image.new("RGB", size, ground)
        pen = ImageDraw.Draw(image)
        for box, radius, colour in boxes:
            pen.rounded_rectangle(box, radius, fill=colour)
        for x, y, words, ink, *more in texts:
            pen.text((x, y), str(words), font=_font(more[0] if more else 16), fill=str(ink))
        rgb = np.asarray(image)
        return np.dstack([rgb[:, :, ::-1], np.zeros(rgb.shape[:2], np.uint8)]).copy()

    return draw_


def _serve(*more_options: str) -> tuple[str, "subprocess.Popen[bytes]"]:
    """Start a bare X server (Xvfb, no window manager) and wait until it takes connections."""
    read, write = os.pipe()
    command = ["Xvfb", "-displayfd", str(write), "-screen", "0", "1280x900x24", "-nolisten", "tcp", "-noreset"]
    command += more_options
    server = subprocess.Popen(command, pass_fds=(write,), stderr=subprocess.DEVNULL)
    os.close(write)
    number = b""
    while not number.endswith(b"\n") and (more := os.read(read, 20)):
        number += more
    os.close(read)
    name = f":{number.decode().strip()}"
    deadline = time.monotonic() + 15
    while True:
        try:
            display.Display(name).close()
            return name, server
        except (error.DisplayError, error.ConnectionClosedError, OSError):
            assert time.monotonic() < deadline
            time.sleep(0.02)


@pytest.fixture
def serve() -> Callable[[], tuple[str, "subprocess.Popen[bytes]"]]:
    """Return a function that starts an X server; the test ends it."""
    return _serve


@pytest.fixture(scope="session")
def x_server() -> Iterator[str]:
    """The name of a bare X server."""
    name, server = _serve()
    yield name
    server.terminate()
    server.wait(10)
