"""Which application is in front, and its window's title, whenever either changes."""

import secrets
from collections.abc import Callable, Iterator

from tocsin.agent.sensors.stacking import Window
from tocsin.agent.sensors.x11 import ScreenLostError, X11Display
from tocsin.model import Clock, Kind, Observation, StateSeen

_LONGEST = 5.0


class FocusSensor:
    """Says the focused window's application and title (Kind.STATE, state ``focus``), the agent's own left out.

    Told by the display, not by asking again and again; the title travels in the observation's ``title``, never in
    the state's detail, which goes to the journal.
    """

    name = "focus"

    def __init__(self, display: X11Display, clock: Clock, excluded: Callable[[], set[int]] = set) -> None:
        """Watch ``display``, which from now on belongs to this sensor."""
        self._display, self._clock, self._excluded = display, clock, excluded
        self._closed = False

    def observations(self) -> Iterator[Observation]:
        """Yield the focused application at once and at each change, until closed or the screen is lost."""
        last: tuple[str, str, int] | None = None
        try:
            self._display.follow()
            while not self._closed:
                seen_ns = self._clock.monotonic_ns()
                self._display.damaged()
                window = self._display.active()
                now = (window.app, window.title, window.pid) if window is not None else ("", "", 0)
                if now != last and not self._own(window):
                    last = now
                    yield self._observation(now[0], now[1], seen_ns)
                self._display.wait(_LONGEST)
        except ScreenLostError:
            return
        finally:
            self._display.close()

    def close(self) -> None:
        """Stop; the display is closed by the thread that uses it."""
        self._closed = True
        self._display.wake()

    def _own(self, window: Window | None) -> bool:
        return window is not None and bool({window.id, window.client} & self._excluded())

    def _observation(self, app: str, title: str, seen_ns: int) -> Observation:
        return Observation(
            id=secrets.token_hex(8),
            kind=Kind.STATE,
            at=self._clock.now(),
            sensor=self.name,
            body=StateSeen("focus"),
            app=app,
            title=title,
            seen_ns=seen_ns,
        )
