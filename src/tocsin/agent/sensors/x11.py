"""One X display: what changed (DAMAGE), which window is on top where, and the pixels of a rectangle.

An ``X11Display`` belongs to the thread that made it, except ``wake``; each sensor opens its own connection.
"""

import contextlib
import os
import select
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from tocsin.agent.sensors.idle import IdleClock
from tocsin.agent.sensors.stacking import Window, covered, owners
from tocsin.model import Rect

Pixels = npt.NDArray[np.uint8]


class DisplayError(RuntimeError):
    """The screen cannot be watched; the message says why."""


class ScreenLostError(DisplayError):
    """The display server went away."""


class X11Display:
    """A connection to an X server. Raises DisplayError when there is none."""

    def __init__(self, name: str | None = None) -> None:
        """Connect to ``name``, by default the one in the environment."""
        from Xlib import X, error
        from Xlib import display as xdisplay

        self._x = X
        self._bad: Any = (error.XError, error.ConnectionClosedError)
        self.name = name or os.environ.get("DISPLAY", "")
        try:
            self._display: Any = xdisplay.Display(self.name or None)
        except (error.DisplayError, error.ConnectionClosedError, OSError, OverflowError, AssertionError) as problem:
            raise DisplayError(f"The screen {self.name or '(none named)'} cannot be opened: {problem}.") from None
        self._display.set_error_handler(_ignore)
        self._root = self._display.screen().root
        self._atoms: dict[str, int] = {}
        self._camera: Any = None
        self._info: dict[int, Window] = {}
        self._stack: list[Window] | None = None
        self._following: set[int] = set()
        self._wake_read, self._wake_write = os.pipe()
        os.set_blocking(self._wake_write, False)
        os.set_blocking(self._wake_read, False)
        self._damage_code = -1
        self._idle: IdleClock | None = None
        self._idle_asked = False
        self.resized = False
        self.changes = 0

    # what changed

    @property
    def tells_damage(self) -> bool:
        """Whether the server tells what is painted."""
        return bool(self._display.has_extension("DAMAGE"))

    def watch(self) -> None:
        """Ask to be told of painted rectangles, of windows that come, go or move, and of the screen's size."""
        self.follow()
        if not self.tells_damage:
            raise DisplayError("The screen's server does not tell what is painted (no DAMAGE extension).")
        from Xlib.ext import damage

        self._display.damage_query_version()
        self._root.damage_create(damage.DamageReportRawRectangles)
        self._damage_code = self._display.extension_event.DamageNotify
        self._display.flush()

    def follow(self) -> None:
        """Ask to be told only of windows that come, go, move or get the focus, and of the screen's size."""
        x = self._x
        mask = x.SubstructureNotifyMask | x.StructureNotifyMask | x.PropertyChangeMask
        self._root.change_attributes(event_mask=mask)
        self._display.flush()

    def wait(self, timeout: float | None) -> bool:
        """Block until the server or ``wake`` has something, at most ``timeout`` seconds; tell whether it has."""
        if self._pending():
            return True
        try:
            ready, _, _ = select.select([self._display.fileno(), self._wake_read], [], [], timeout)
        except (OSError, ValueError):
            raise ScreenLostError("The display server went away.") from None
        if self._wake_read in ready:
            with contextlib.suppress(BlockingIOError):
                os.read(self._wake_read, 4096)
        return bool(ready)

    def wake(self) -> None:
        """Make ``wait`` return; may be called from any thread."""
        with contextlib.suppress(OSError):
            os.write(self._wake_write, b"w")

    def damaged(self) -> list[Rect]:
        """Return the rectangles painted since the last call, and note windows that changed."""
        rects: list[Rect] = []
        while self._pending():
            try:
                event = self._display.next_event()
            except self._bad:
                raise ScreenLostError("The display server went away.") from None
            if event.type == self._damage_code:
                area = event.area
                rects.append(Rect(area.x, area.y, area.width, area.height))
            else:
                self._note(event)
        return rects

    def _pending(self) -> int:
        try:
            return int(self._display.pending_events())
        except (*self._bad, OSError):
            raise ScreenLostError("The display server went away.") from None

    def _note(self, event: Any) -> None:
        x = self._x
        if event.type == x.PropertyNotify:
            if event.atom in (self._atom("_NET_WM_NAME"), self._atom("WM_NAME"), self._atom("WM_CLASS")):
                self._info = {k: v for k, v in self._info.items() if event.window.id not in (v.id, v.client)}
                self._stack = None
                self.changes += 1
            return
        if event.type == x.ConfigureNotify and event.window.id == self._root.id:
            self.resized = True
        if event.type in (x.DestroyNotify, x.ReparentNotify):
            self._info.pop(event.window.id, None)
            self._following.discard(event.window.id)
        self._stack = None
        self.changes += 1

    # the screen

    def size(self) -> tuple[int, int]:
        """Return the width and height of the whole screen (all monitors) in pixels."""
        try:
            geometry = self._root.get_geometry()
        except self._bad:
            raise ScreenLostError("The display server went away.") from None
        return int(geometry.width), int(geometry.height)

    def monitors(self) -> list[Rect]:
        """Return the monitors' rectangles (RandR 1.5), or the whole screen where they are not told."""
        try:
            reply = self._root.xrandr_get_monitors(True)
            found = [Rect(m.x, m.y, m.width_in_pixels, m.height_in_pixels) for m in reply.monitors]
        except (*self._bad, AttributeError):
            found = []
        return found or [Rect(0, 0, *self.size())]

    def grab(self, rect: Rect) -> Pixels:
        """Return the pixels of ``rect`` as height x width x 4 bytes, blue first (shared memory where it can)."""
        if self._camera is None:
            import mss

            try:
                self._camera = mss.MSS(display=self.name or None)
            except Exception as problem:
                raise ScreenLostError(f"The screen's pixels cannot be read: {problem}.") from None
        try:
            shot = self._camera.grab({"left": rect.x, "top": rect.y, "width": rect.w, "height": rect.h})
        except Exception as problem:
            raise ScreenLostError(f"The screen's pixels cannot be read: {problem}.") from None
        return np.frombuffer(shot.raw, dtype=np.uint8).reshape(rect.h, rect.w, 4)

    def refresh(self) -> None:
        """Forget the camera's idea of the screen, after its size changed."""
        if self._camera is not None:
            with contextlib.suppress(Exception):
                self._camera.close()
            self._camera = None
        self.resized = False

    # windows

    def stack(self) -> list[Window]:
        """Return the visible top-level windows, topmost first. Kept until the server tells of a change."""
        if self._stack is None:
            try:
                children = self._root.query_tree().children
                found = [self._window(child) for child in reversed(children)]
            except self._bad as problem:
                if isinstance(problem, self._bad[1]):
                    raise ScreenLostError("The display server went away.") from None
                return []
            self._stack = [window for window in found if window is not None]
        return self._stack

    def owners(self, rect: Rect) -> Iterator[tuple[Window | None, list[Rect]]]:
        """Return each window that is on top somewhere in ``rect``, with the parts where it is; None is the desktop."""
        return owners(self.stack(), rect)

    def covered(self, window: Window | None, rect: Rect) -> list[Rect]:
        """Return the parts of ``rect`` where other windows lie on top of ``window``."""
        return covered(self.stack(), window, rect)

    def active(self) -> Window | None:
        """Return the focused window; without a window manager the one with the input focus, else the topmost."""
        try:
            focused = self._property(self._root, "_NET_ACTIVE_WINDOW")
            target = int(focused[0]) if focused else 0
            if not target:
                focus = self._display.get_input_focus().focus
                target = getattr(focus, "id", 0)
        except self._bad:
            target = 0
        stack = self.stack()
        for window in stack:
            if target in (window.id, window.client):
                return window
        return next((w for w in stack if w.id == self._frame_of(target)), None) or (stack[0] if stack else None)

    def sync(self) -> None:
        """Wait until the server has handled all that was asked, so that what it told before has arrived."""
        try:
            self._display.sync()
        except self._bad:
            raise ScreenLostError("The display server went away.") from None

    def idle_ms(self) -> int | None:
        """Return milliseconds since the last key or pointer movement, or None where the server does not tell."""
        if not self._idle_asked:
            self._idle_asked = True
            self._idle = IdleClock.open(self.name)
        return self._idle.milliseconds() if self._idle is not None else None

    def close(self) -> None:
        """Close the connection; also frees the shared memory of the camera."""
        self.refresh()
        if self._idle is not None:
            self._idle.close()
            self._idle = None
        with contextlib.suppress(Exception):
            self._display.close()
        for end in (self._wake_read, self._wake_write):
            with contextlib.suppress(OSError):
                os.close(end)

    def _window(self, child: Any) -> Window | None:
        try:
            attributes = child.get_attributes()
            if attributes.map_state != self._x.IsViewable or attributes.win_class == self._x.InputOnly:
                return None
            g = child.get_geometry()
        except self._bad:
            return None
        rect = Rect(g.x, g.y, g.width + 2 * g.border_width, g.height + 2 * g.border_width)
        if rect.w <= 1 and rect.h <= 1:
            return None
        known = self._info.get(child.id)
        if known is None:
            known = self._describe(child)
            self._info[child.id] = known
        return Window(known.id, known.client, rect, known.app, known.title, known.pid)

    def _describe(self, frame: Any) -> Window:
        client = self._client(frame) or frame
        for window in (frame, client):
            if window.id not in self._following:
                self._following.add(window.id)
                window.change_attributes(event_mask=self._x.PropertyChangeMask | self._x.StructureNotifyMask)
        pid = self._property(client, "_NET_WM_PID")
        return Window(
            frame.id, client.id, Rect(0, 0, 0, 0), self._class(client), self._title(client), int(pid[0]) if pid else 0
        )

    def _client(self, frame: Any, depth: int = 0) -> Any:
        """Return the program's own window in a window manager's frame: the one that carries WM_STATE or a class."""
        try:
            if self._property(frame, "WM_STATE") or self._class(frame):
                return frame
            if depth < 3:
                for child in frame.query_tree().children[:32]:
                    if (found := self._client(child, depth + 1)) is not None:
                        return found
        except self._bad:
            pass
        return None

    def _frame_of(self, window: int) -> int:
        for _ in range(8):
            if not window or window == self._root.id:
                return 0
            if any(w.id == window for w in self.stack()):
                return window
            try:
                window = self._display.create_resource_object("window", window).query_tree().parent.id
            except (*self._bad, AttributeError):
                return 0
        return 0

    def _title(self, window: Any) -> str:
        try:
            reply = window.get_full_property(self._atom("_NET_WM_NAME"), self._x.AnyPropertyType)
            if reply is not None and reply.value:
                raw = reply.value
                return (raw.decode("utf-8", "replace") if isinstance(raw, bytes) else str(raw))[:500]
            name = window.get_wm_name()
        except (*self._bad, UnicodeDecodeError):
            return ""
        return (name.decode("latin-1") if isinstance(name, bytes) else str(name or ""))[:500]

    def _class(self, window: Any) -> str:
        try:
            found = window.get_wm_class()
        except (*self._bad, UnicodeDecodeError):
            return ""
        return str(found[1] or found[0])[:200] if found else ""

    def _property(self, window: Any, name: str) -> Any:
        try:
            reply = window.get_full_property(self._atom(name), self._x.AnyPropertyType)
        except self._bad:
            return None
        return reply.value if reply is not None and len(reply.value) else None

    def _atom(self, name: str) -> int:
        if name not in self._atoms:
            self._atoms[name] = self._display.intern_atom(name)
        return self._atoms[name]


def _ignore(*_: object) -> None:
    """Windows vanish between a look and a question; that is no error."""


def until(deadline: float) -> float:
    """Return the seconds left until a monotonic moment, not below 0."""
    return max(0.0, deadline - time.monotonic())
