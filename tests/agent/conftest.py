import contextlib
from collections.abc import Iterator
from typing import Any

import pytest
import x_servers
from Xlib import X, display, error
from Xlib.ext import xtest


class Screen:
    """A virtual screen, with a hand that really clicks and types (XTEST)."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.connection = display.Display(name)
        self.connection.set_error_handler(lambda *_: None)

    @property
    def root(self) -> Any:
        return self.connection.screen().root

    def click(self, x: int, y: int) -> None:
        for kind, detail, px, py in ((X.MotionNotify, 0, x, y), (X.ButtonPress, 1, 0, 0), (X.ButtonRelease, 1, 0, 0)):
            xtest.fake_input(self.connection, kind, detail, x=px, y=py)
            self.connection.sync()

    def type(self, *keysyms: int) -> None:
        for keysym in keysyms:
            code = self.connection.keysym_to_keycode(keysym)
            for kind in (X.KeyPress, X.KeyRelease):
                xtest.fake_input(self.connection, kind, code)
            self.connection.sync()

    def windows(self) -> dict[str, Any]:
        """Visible top-level windows by title."""
        found = {}
        for child in self.root.query_tree().children:
            try:
                if child.get_attributes().map_state == X.IsViewable:
                    found[str(child.get_wm_name())] = child
            except error.XError:
                continue
        return found

    def cover(self, width: int = 400, height: int = 300) -> Any:
        """Put another program's window over the top left corner."""
        window = self.root.create_window(
            0,
            0,
            width,
            height,
            0,
            self.connection.screen().root_depth,
            override_redirect=True,
            background_pixel=0xFF0000,
        )
        window.set_wm_name("cover")
        window.map()
        window.configure(stack_mode=X.Above)
        self.connection.sync()
        return window


@pytest.fixture
def screen() -> Iterator[Screen]:
    name, server = x_servers.serve(size="1280x800")
    found = Screen(name)
    yield found
    with contextlib.suppress(OSError, error.ConnectionClosedError):
        found.connection.close()
    server.terminate()
    server.wait(60)
