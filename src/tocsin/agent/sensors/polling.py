"""Screens that do not tell what is painted: their tiles are compared, faster while something changes.

``PolledX11`` serves an X server without DAMAGE. ``PolledDisplay`` is for Windows and macOS, through mss and psutil, and
is UNTESTED: written from the libraries' documentation.
"""

import contextlib
import sys
import threading
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from tocsin.agent.sensors.stacking import Window
from tocsin.agent.sensors.tiles import Hashes, Pace, changed_tiles, tile_hashes
from tocsin.agent.sensors.x11 import ScreenLostError, X11Display
from tocsin.model import Rect

Pixels = npt.NDArray[np.uint8]


def open_display(name: str) -> Any:
    """Return this system's screen in the best way there is. Raises DisplayError where there is none."""
    if sys.platform in ("win32", "darwin"):  # UNTESTED
        return PolledDisplay()
    told = X11Display(name)
    if told.tells_damage:
        return told
    told.close()
    return PolledX11(name)


class PolledX11(X11Display):
    """An X server that must be asked what changed; of windows it still tells."""

    def __init__(self, name: str | None = None) -> None:
        """Connect to ``name``, by default the one in the environment."""
        super().__init__(name)
        self._tiles: Hashes | None = None
        self._pace = Pace()
        self._due = 0.0

    def watch(self) -> None:
        """Ask to be told of windows; the first look takes the tiles' hashes."""
        self.follow()

    def wait(self, timeout: float | None) -> bool:
        """Block until the server, ``wake`` or the next look is due, at most ``timeout`` seconds."""
        left = max(0.0, self._due - time.monotonic())
        woken = super().wait(left if timeout is None else min(left, timeout))
        return woken or time.monotonic() >= self._due

    def damaged(self) -> list[Rect]:
        """Return the tiles that changed since the last call, and note windows that changed."""
        super().damaged()
        width, height = self.size()
        now = tile_hashes(self.grab(Rect(0, 0, width, height)))
        before, self._tiles = self._tiles, now
        rects = changed_tiles(before, now, width, height) if before is not None else []
        self._due = time.monotonic() + self._pace.next(bool(rects))
        return rects


class PolledDisplay:
    """A screen that must be asked: looked at two to ten times a second, faster while it changes."""

    name = ""
    resized = False

    def __init__(self) -> None:
        """Open the screen. Raises ScreenLostError where it cannot be read."""
        self._camera: Any = None
        self._hashes: Hashes | None = None
        self._pace = Pace()
        self._wait = 0.1
        self._woken = threading.Event()
        self._front: Window | None = None
        self.changes = 0

    def watch(self) -> None:
        """Take the first picture's hashes."""
        self._hashes = tile_hashes(self.grab(Rect(0, 0, *self.size())))

    def follow(self) -> None:
        """Nothing to ask for: the front window is looked up at each question."""

    def wait(self, timeout: float | None) -> bool:
        """Sleep until the next look is due, at most ``timeout`` seconds."""
        woken = self._woken.wait(self._wait if timeout is None else min(timeout, self._wait))
        self._woken.clear()
        return woken or timeout is None or timeout >= self._wait

    def wake(self) -> None:
        """Make ``wait`` return; may be called from any thread."""
        self._woken.set()

    def damaged(self) -> list[Rect]:
        """Return the tiles that changed since the last call."""
        width, height = self.size()
        now = tile_hashes(self.grab(Rect(0, 0, width, height)))
        before, self._hashes = self._hashes, now
        rects = changed_tiles(before, now, width, height) if before is not None else []
        self.resized = before is not None and before.shape != now.shape
        self._wait = self._pace.next(bool(rects))
        return rects

    def size(self) -> tuple[int, int]:
        """Return the width and height of all monitors together."""
        whole = self._open().monitors[0]
        return int(whole["width"]), int(whole["height"])

    def monitors(self) -> list[Rect]:
        """Return each monitor's rectangle."""
        return [Rect(m["left"], m["top"], m["width"], m["height"]) for m in self._open().monitors[1:]]

    def grab(self, rect: Rect) -> Pixels:
        """Return the pixels of a rectangle as height x width x 4 bytes, blue first."""
        whole = self._open().monitors[0]
        place = {"left": whole["left"] + rect.x, "top": whole["top"] + rect.y, "width": rect.w, "height": rect.h}
        try:
            shot = self._camera.grab(place)
        except Exception as problem:
            raise ScreenLostError(f"The screen's pixels cannot be read: {problem}.") from None
        return np.frombuffer(shot.raw, dtype=np.uint8).reshape(shot.height, shot.width, 4)[: rect.h, : rect.w]

    def refresh(self) -> None:
        """Forget the camera's idea of the screen."""
        if self._camera is not None:
            with contextlib.suppress(Exception):
                self._camera.close()
            self._camera = None
        self.resized = False

    def stack(self) -> list[Window]:
        """Return the front window: the only one these systems tell without further rights."""
        window = self.active()
        return [window] if window is not None else []

    def owners(self, rect: Rect) -> Iterator[tuple[Window | None, list[Rect]]]:
        """Yield the front window for the whole rectangle."""
        yield self.active(), [rect]

    def covered(self, window: Window | None, rect: Rect) -> list[Rect]:
        """Return nothing: what lies over the front window is not told."""
        return []

    def active(self) -> Window | None:
        """Return the front window."""
        found = _front_windows() if sys.platform == "win32" else None
        if found != self._front:
            self._front = found
            self.changes += 1
        return found

    def sync(self) -> None:
        """Look which window is in front now, so that a change during a grab is noticed."""
        self.active()

    def idle_ms(self) -> int | None:
        """Return milliseconds since the last input where the system tells (Windows)."""
        if sys.platform != "win32":
            return None
        import ctypes

        class Info(ctypes.Structure):
            _fields_ = (("size", ctypes.c_uint), ("time", ctypes.c_uint))

        info = Info(ctypes.sizeof(Info), 0)
        if not ctypes.windll.user32.GetLastInputInfo(ctypes.byref(info)):
            return None
        return int((ctypes.windll.kernel32.GetTickCount() - info.time) & 0xFFFFFFFF)

    def close(self) -> None:
        """Free the camera."""
        self.refresh()

    def _open(self) -> Any:
        if self._camera is None:
            import mss

            try:
                self._camera = mss.MSS()
            except Exception as problem:
                raise ScreenLostError(f"The screen's pixels cannot be read: {problem}.") from None
        return self._camera


def _front_windows() -> Window | None:
    """Return the front window of Windows, with its title and its program's name."""
    if sys.platform != "win32":
        return None
    import ctypes
    from ctypes import wintypes

    import psutil

    user = ctypes.windll.user32
    handle = user.GetForegroundWindow()
    if not handle:
        return None
    title = ctypes.create_unicode_buffer(500)
    user.GetWindowTextW(handle, title, 500)
    box, pid = wintypes.RECT(), wintypes.DWORD()
    user.GetWindowRect(handle, ctypes.byref(box))
    user.GetWindowThreadProcessId(handle, ctypes.byref(pid))
    app = ""
    with contextlib.suppress(psutil.Error):
        app = psutil.Process(pid.value).name()
    rect = Rect(box.left, box.top, box.right - box.left, box.bottom - box.top)
    return Window(int(handle), int(handle), rect, app, title.value, int(pid.value))
