"""How long nobody has touched keyboard or pointer, from the X server (MIT-SCREEN-SAVER)."""

import contextlib
from typing import Any


class IdleClock:
    """Milliseconds since the last input. Belongs to the thread that opened it."""

    def __init__(self, display: Any) -> None:
        """Hold a connection whose server has the extension; use ``open``."""
        self._display = display

    @classmethod
    def open(cls, name: str) -> "IdleClock | None":
        """Return a clock for the named display, or None where there is none or it lacks the extension."""
        from Xlib import display, error

        try:
            connection = display.Display(name or None)
        except (error.DisplayError, error.ConnectionClosedError, OSError, OverflowError, AssertionError):
            return None
        if not connection.has_extension("MIT-SCREEN-SAVER"):
            connection.close()
            return None
        return cls(connection)

    def milliseconds(self) -> int | None:
        """Return milliseconds since the last input, or None when the server does not tell."""
        from Xlib import error

        try:
            return int(self._display.screen().root.screensaver_query_info().idle)
        except (error.XError, error.ConnectionClosedError, OSError):
            return None

    def close(self) -> None:
        """Close the connection."""
        with contextlib.suppress(Exception):
            self._display.close()
