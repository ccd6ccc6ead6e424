"""What happens on the virtual desktop beside the chat: a hand on the mouse, and a private window for a moment."""

import subprocess
from collections.abc import Callable


class PrivateMoments:
    """Opens a private window after ``first`` seconds and every ``every`` seconds, and closes it after ``stays``.

    ``open_window`` starts the browser and returns its process; ``close_window`` ends it. Driven by :meth:`tick`.
    """

    def __init__(
        self,
        open_window: "Callable[[], subprocess.Popen[bytes]]",
        close_window: "Callable[[subprocess.Popen[bytes]], object]",
        *,
        first: float = 75.0,
        every: float = 600.0,
        stays: float = 8.0,
    ) -> None:
        self._open, self._close = open_window, close_window
        self._next, self._every, self._stays = first, every, stays
        self._window: subprocess.Popen[bytes] | None = None
        self._until = 0.0

    def tick(self, elapsed: float) -> None:
        """Do what is due ``elapsed`` seconds after the beginning."""
        if self._window is not None and elapsed >= self._until:
            self._close(self._window)
            self._window = None
        elif self._window is None and elapsed >= self._next:
            self._window = self._open()
            self._until, self._next = elapsed + self._stays, elapsed + self._every


class Hand:
    """Moves the mouse a little every ``every`` seconds, as somebody at the desk would; driven by :meth:`tick`."""

    def __init__(self, move: Callable[[int, int], object], *, every: float = 20.0) -> None:
        self._move, self._every, self._next = move, every, every

    def tick(self, elapsed: float) -> None:
        """Do what is due ``elapsed`` seconds after the beginning."""
        if elapsed >= self._next:
            self._next = elapsed + self._every
            self._move(600 + int(elapsed) % 40, 400)
