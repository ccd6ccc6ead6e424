"""A virtual desktop with a real browser on it, and a hand that really clicks (XTEST)."""

import contextlib
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

from tocsin.demo.processes import Processes

T = TypeVar("T")

CHROMIUM_FLAGS = (
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--no-default-browser-check",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-translate",
    "--disable-features=Translate,MediaRouter,OptimizationHints,AutofillServerCommunication",
    "--disable-background-timer-throttling",
    "--disable-renderer-backgrounding",
    "--disable-backgrounding-occluded-windows",
    "--password-store=basic",
    "--force-color-profile=srgb",
)


class DesktopError(RuntimeError):
    """The virtual desktop cannot be had; the message says what to install or do."""


def chromium() -> str:
    """Return the browser's path. Raises DesktopError when there is none."""
    for name in ("chromium", "chromium-browser", "google-chrome"):
        found = shutil.which(name)
        if found:
            return found
    raise DesktopError("no Chromium was found; install it with: apt-get install chromium")


class Desktop:
    """An X server that nobody sees, with what runs on it. Use as a context manager: leaving it stops everything."""

    def __init__(self, width: int = 1280, height: int = 800) -> None:
        self.width, self.height = width, height
        self.display = ""
        self._processes = Processes()
        self._folder = Path(tempfile.mkdtemp(prefix="tocsin-desktop-"))

    def __enter__(self) -> Self:
        """Start the X server on the first free display."""
        if shutil.which("Xvfb") is None:
            raise DesktopError("no Xvfb was found; install it with: apt-get install xvfb")
        reading, writing = os.pipe()
        try:
            screen = f"{self.width}x{self.height}x24"
            argv = ["Xvfb", "-displayfd", str(writing), "-screen", "0", screen, "-nolisten", "tcp", "-noreset"]
            self._processes.start(argv, pass_fds=(writing,))
            os.close(writing)
            with os.fdopen(reading) as pipe:
                number = pipe.readline().strip()
        except BaseException:
            self.close()
            raise
        if not number:
            self.close()
            raise DesktopError("Xvfb did not start; run it by hand to see why: Xvfb :99")
        self.display = f":{number}"
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """Stop everything that was started here."""
        self.close()

    def close(self) -> None:
        """Stop everything that was started here and remove its files."""
        self._processes.close()
        shutil.rmtree(self._folder, ignore_errors=True)

    @property
    def environment(self) -> dict[str, str]:
        """The environment in which programs appear on this desktop."""
        env = {k: v for k, v in os.environ.items() if k not in ("WAYLAND_DISPLAY", "XDG_SESSION_TYPE")}
        return {**env, "DISPLAY": self.display, "XDG_SESSION_TYPE": "x11"}

    def start(self, argv: list[str], log: Path | None = None, **env: str) -> "subprocess.Popen[bytes]":
        """Start a program on this desktop; it is stopped with the desktop."""
        return self._processes.start(argv, env={**self.environment, **env}, log=log)

    def browse(self, url: str, *extra: str, app: bool = True) -> "subprocess.Popen[bytes]":
        """Open a page in a real Chromium that covers the desktop below a notice bar of 40 pixels."""
        profile = Path(tempfile.mkdtemp(dir=self._folder))
        argv = [chromium(), *CHROMIUM_FLAGS, f"--user-data-dir={profile}"]
        argv += [f"--window-size={self.width},{self.height - 40}", "--window-position=0,40"]
        if hasattr(os, "geteuid") and os.geteuid() == 0:
            argv += ["--no-sandbox", "--test-type"]
        # Ended by a signal it leaves its temporary files: they go with the desktop's folder.
        return self.start([*argv, *extra, f"--app={url}" if app else url], TMPDIR=str(self._folder))

    def end(self, program: "subprocess.Popen[bytes]") -> None:
        """Close a program that was started here."""
        self._processes.stop(program)

    def move(self, x: int, y: int) -> None:
        """Move the mouse to a point, as a hand would, through XTEST."""
        self._input(("MotionNotify", 0, x, y))

    def click(self, x: int, y: int) -> None:
        """Press and release the first mouse button at a point, as a hand would, through XTEST."""
        self._input(("MotionNotify", 0, x, y), ("ButtonPress", 1, 0, 0), ("ButtonRelease", 1, 0, 0))

    def _input(self, *events: tuple[str, int, int, int]) -> None:
        from Xlib import X
        from Xlib.display import Display
        from Xlib.ext import xtest

        connection = Display(self.display)
        try:
            for event, detail, x, y in events:
                xtest.fake_input(connection, getattr(X, event), detail, x=x, y=y)
                connection.sync()
        finally:
            connection.close()

    def picture(self) -> bytes:
        """Return what the desktop shows now, as a PNG."""
        import mss
        import mss.tools

        with mss.MSS(display=self.display) as camera:
            shot = camera.grab(camera.monitors[0])
            png = mss.tools.to_png(shot.rgb, shot.size)
        if png is None:
            raise DesktopError("the virtual desktop could not be photographed")
        return png

    def windows(self) -> list[tuple[str, int, int, int, int]]:
        """Return (title, x, y, width, height) of every visible top-level window."""

        def shape(window: Any, root: Any) -> tuple[str, int, int, int, int]:
            size, where = window.get_geometry(), root.translate_coords(window, 0, 0)
            return (str(window.get_wm_name() or ""), where.x, where.y, size.width, size.height)

        return list(self._ask_windows(shape))

    def published(self, name: str) -> tuple[int, int] | None:
        """Return the middle, on the screen, of a rectangle that some visible window publishes as a property."""
        from Xlib import X

        def middle(window: Any, root: Any) -> tuple[int, int] | None:
            box = window.get_property(window.display.get_atom(name), X.AnyPropertyType, 0, 4)
            if box is None or len(box.value) != 4:
                return None
            x, y, w, h = box.value
            where = root.translate_coords(window, x + w // 2, y + h // 2)
            return int(where.x), int(where.y)

        return next((place for place in self._ask_windows(middle) if place is not None), None)

    def _ask_windows(self, question: Callable[[Any, Any], T]) -> Iterator[T]:
        """Yield an answer of every visible top-level window; one that vanishes while asked is passed over."""
        from Xlib import X, error
        from Xlib.display import Display

        connection = Display(self.display)
        try:
            root = connection.screen().root
            for window in root.query_tree().children:
                with contextlib.suppress(error.XError):
                    if window.get_attributes().map_state == X.IsViewable:
                        answer = question(window, root)
                        yield answer
        finally:
            connection.close()


def until(probe: Callable[[], T | None], seconds: float, what: str) -> T:
    """Ask ``probe`` again until it answers, for at most ``seconds``. Raises TimeoutError naming ``what``."""
    deadline = time.monotonic() + seconds
    while True:
        answer = probe()
        if answer:
            return answer
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what} did not happen within {seconds:.0f} seconds")
        time.sleep(0.02)
