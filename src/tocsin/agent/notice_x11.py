"""The notice on X11, with python-xlib alone: a bar that stays, and the first-run window with its two buttons.

With an EWMH window manager the bar is a dock that reserves its strip; without one it places itself (override
redirect). A full-screen window, which a window manager keeps above every dock, gets a second bar over it. Accept and
Decline take real input only: events that another program sent are ignored.
"""

import contextlib
import os
import select
import threading
import time
from typing import Any

from PIL import Image
from Xlib import X, Xatom, Xutil, display
from Xlib.error import ConnectionClosedError, DisplayError, XError

from tocsin.agent import notice_art
from tocsin.agent.notice import OnNotice, Words
from tocsin.agent.notice_keys import Buttons
from tocsin.agent.notice_watch import NoticeWatch
from tocsin.agent.x11_windows import Stack, dress, paint, reserve_top
from tocsin.model import Rect
from tocsin.placement.config import PlacementError

NAME = "Tocsin"
_LOOK_EVERY_S = 0.5
_PULSE_EVERY_S = 10.0
_LOST = (ConnectionClosedError, DisplayError, XError, OSError)


def check_display(name: str | None = None) -> None:
    """Raise PlacementError unless a notice can be shown here (A12)."""
    if not (name or os.environ.get("DISPLAY")):
        raise PlacementError(
            "There is no screen to show the notice on (DISPLAY is not set), so the agent does not run: "
            "it never watches without its notice."
        )
    try:
        connection = display.Display(name)
        depth = connection.screen().root_depth
        connection.close()
    except (*_LOST, AssertionError) as problem:
        raise PlacementError(f"The notice cannot be shown, so the agent does not run: {problem}.") from problem
    if depth != 24:
        raise PlacementError(f"The notice cannot be shown on a screen of {depth} bits, so the agent does not run.")


class X11Notice:
    """Shows the notice; ``run`` is one thread's work. ``say`` gets the words of NoticeWatch and of the buttons."""

    def __init__(self, words: Words, say: OnNotice, *, accepted: bool, name: str | None = None) -> None:
        self._words, self._say, self._name = words, say, name
        self._ask = not accepted
        self._watch = NoticeWatch(say)
        self._lock = threading.Lock()
        self._display: display.Display | None = None
        self._bar: Any = None
        self._over: Any = None
        self._window: Any = None
        self._buttons: Buttons | None = None
        self._shown: frozenset[int] = frozenset()
        self._changed = self._bright = False
        self.quiet = False

    @property
    def windows(self) -> frozenset[int]:
        """The ids of our windows, for the screen sensor to leave out."""
        return self._shown

    @property
    def accept_box(self) -> Rect | None:
        """Where Accept stands on the screen while the question is open (for people's helpers, and tests)."""
        buttons = self._buttons
        return buttons.accept_on_screen if buttons is not None and buttons.visible else None

    def ask_again(self, words: Words) -> None:
        """Show the notice of a changed order, with its question."""
        with self._lock:
            self._words, self._ask, self._changed = words, True, True

    def run(self, stop: threading.Event) -> None:
        """Show the notice until told to stop; a lost connection or killed window is opened again."""
        while not stop.is_set():
            try:
                self._open()
                self._serve(stop)
            except _LOST:
                self._shown = frozenset()
                self._watch.look(time.monotonic(), viewable=False)
                stop.wait(0.25)
            finally:
                self._close()

    def _open(self) -> None:
        self._display = found = display.Display(self._name)
        found.set_error_handler(lambda *_: None)
        root = found.screen().root
        root.change_attributes(event_mask=X.StructureNotifyMask)
        self._stack = Stack(found)
        self._draw_bar()
        if self._ask:
            self._draw_window()
        self._mark()
        found.sync()

    def _draw_bar(self) -> None:
        assert self._display is not None
        root = self._display.screen().root
        width = root.get_geometry().width
        if self._bar is None:
            self._bar = self._create(Rect(0, 0, width, notice_art.BAR_HEIGHT), "DOCK", X.VisibilityChangeMask)
            reserve_top(self._display, self._bar, width, notice_art.BAR_HEIGHT)
        else:
            self._bar.configure(x=0, y=0, width=width, height=notice_art.BAR_HEIGHT)
        self._width = width
        paint(self._display, self._bar, notice_art.bar(self._words, width))
        self._bar.map()

    def _draw_over(self) -> None:
        """Show the bar a second time, out of the window manager's hands, above what it keeps over docks."""
        assert self._display is not None
        box = Rect(0, 0, self._width, notice_art.BAR_HEIGHT)
        self._over = self._create(box, "DOCK", X.VisibilityChangeMask, alone=True)
        paint(self._display, self._over, notice_art.bar(self._words, self._width))
        self._over.map()
        self._mark()

    def _close_over(self) -> None:
        if self._over is not None:
            self._over.destroy()
            self._over = None
            self._mark()

    def _draw_window(self) -> None:
        assert self._display is not None
        screen = self._display.screen().root.get_geometry()
        width, height = min(860, screen.width - 20), min(680, screen.height - notice_art.BAR_HEIGHT - 20)
        top = notice_art.BAR_HEIGHT + max(6, (screen.height - notice_art.BAR_HEIGHT - height) // 2)
        box = Rect((screen.width - width) // 2, top, width, height)
        mask = X.KeyPressMask | X.ButtonPressMask | X.ButtonReleaseMask | X.PointerMotionMask
        self._window = self._create(box, "DIALOG", mask)
        self._buttons = Buttons(self._words, box)
        self._paint_window()
        self._window.map()
        self._display.sync()
        if not self._stack.managed:
            self._window.set_input_focus(X.RevertToPointerRoot, X.CurrentTime)

    def _create(self, box: Rect, kind: str, mask: int, *, alone: bool = False) -> Any:
        assert self._display is not None
        screen = self._display.screen()
        window = screen.root.create_window(
            box.x,
            box.y,
            box.w,
            box.h,
            0,
            screen.root_depth,
            X.InputOutput,
            screen.root_visual,
            override_redirect=alone or not self._stack.managed,
            event_mask=mask | X.StructureNotifyMask,
        )
        dress(self._display, window, NAME, f"{NAME}: {self._words.bar}", kind, notice_art.icon())
        window.set_wm_normal_hints(
            flags=Xutil.PPosition | Xutil.PSize | Xutil.PMinSize, min_width=box.w, min_height=box.h
        )
        return window

    def _paint_window(self) -> None:
        if self._buttons is None or self._window is None or self._display is None:
            return
        image: Image.Image = self._buttons.draw()
        paint(self._display, self._window, image)
        accept = self._buttons.accept
        atom = self._display.get_atom("_TOCSIN_ACCEPT")
        self._window.change_property(atom, Xatom.CARDINAL, 32, [accept.x, accept.y, accept.w, accept.h])

    def _mark(self) -> None:
        self._shown = frozenset(window.id for window in (self._bar, self._over, self._window) if window is not None)

    def _serve(self, stop: threading.Event) -> None:
        """Handle events; look at the bar twice a second."""
        assert self._display is not None
        looked = pulsed = 0.0
        while not stop.is_set():
            while self._display.pending_events():
                self._handle(self._display.next_event())
            now = time.monotonic()
            if now - looked >= _LOOK_EVERY_S or not self._watch.seen:
                looked = now
                self._look(now)
            if now - pulsed >= _PULSE_EVERY_S and self._watch.seen:
                pulsed = now
                self._pulse()
            self._renew()
            self._display.flush()
            wait = 0.1 if not self._watch.seen or self._ask else _LOOK_EVERY_S
            if not self._display.pending_events():
                select.select([self._display.fileno()], [], [], wait)

    def _pulse(self) -> None:
        """Repaint a dot of the bar: a sensor that is still told of changes then looks, which shows that it works."""
        self._bright = not self._bright
        context = self._bar.create_gc(foreground=0xFFBE50 if self._bright else 0xC89030)
        self._bar.fill_rectangle(context, self._width - 9, 17, 5, 5)
        context.free()

    def _renew(self) -> None:
        with self._lock:
            changed, self._changed = self._changed, False
        if changed:
            self._close_window()
            self._draw_bar()
            self._draw_window()
            self._mark()

    def _look(self, now: float) -> None:
        assert self._display is not None
        place = self._stack.place(self._bar)
        if place is None:
            raise ConnectionClosedError("bar")
        root = self._display.screen().root.get_geometry()
        box = place.box
        whole = box.x <= 0 and box.y == 0 and box.right >= root.width and box.h >= notice_art.BAR_HEIGHT
        viewable = place.viewable and whole
        if root.width != self._width or (place.viewable and not viewable):
            self._draw_bar()
        self._stack.undo_tricks(self._bar)
        if not place.viewable:
            if self._stack.managed:
                self._stack.to_every_desktop(self._bar)
            self._bar.map()
            self._watch.flapped(now)
        covered = viewable and not self.quiet and self._stack.covered(self._bar, self._shown)
        if not covered:
            self._close_over()
        elif self._over is not None:
            self._stack.undo_tricks(self._over)
            covered = self._stack.covered(self._over, self._shown)
        if self._watch.look(now, viewable=viewable, covered=covered):
            self._raise()
        if self._window is not None:
            self._keep_window()

    def _raise(self) -> None:
        """Put our windows on top; where the window manager did not let the bar up the last time, go over it."""
        if self._stack.managed and self._over is None and self._watch.raises > 1:
            self._draw_over()
        for window in (self._bar, self._over, self._window):
            if window is not None:
                window.configure(stack_mode=X.Above)

    def _keep_window(self) -> None:
        assert self._window is not None
        assert self._buttons is not None
        place = self._stack.place(self._window)
        if place is None:
            self._answer("closed")
            return
        self._buttons.at(place.box)
        self._buttons.visible = place.viewable
        if not place.viewable:
            if self._stack.managed:
                self._stack.to_every_desktop(self._window)
            self._window.map()

    def _handle(self, event: Any) -> None:
        if event.type == X.ClientMessage and self._window is not None and event.window.id == self._window.id:
            self._answer("closed")
            return
        if self._buttons is None or getattr(event, "send_event", False):
            return
        if getattr(event, "window", None) is None or self._window is None or event.window.id != self._window.id:
            return
        before = self._buttons.look
        answer = self._buttons.handle(event, self._display)
        if answer:
            self._answer(answer)
        elif self._buttons.look != before:
            self._paint_window()

    def _answer(self, answer: str) -> None:
        self._ask = False
        self._close_window()
        self._mark()
        self._say(answer)

    def _close_window(self) -> None:
        if self._window is not None:
            self._window.destroy()
        self._window, self._buttons = None, None

    def _close(self) -> None:
        if self._display is not None:
            with contextlib.suppress(*_LOST):
                self._display.close()
        self._display = self._bar = self._over = self._window = self._buttons = None
        self._shown = frozenset()
