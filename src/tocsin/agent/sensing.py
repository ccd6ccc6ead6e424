"""Opening the sensors: the one place that knows which there are. What cannot be watched is *unsupported*, and said."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Protocol

from tocsin.agent.loop import Pixels
from tocsin.model import Sensor, SystemClock


def _nothing() -> None:
    return


@dataclass(slots=True)
class Senses:
    """The open sensors. ``pace`` slows the screen's reading down (0 full speed, 2 slow, 4 as good as off);
    ``last_look_ns`` tells when the screen was last looked at; ``unsupported`` holds (code, sentence)."""

    sensors: list[tuple[str, Sensor]] = field(default_factory=list)
    pixels: Pixels | None = None
    pace: Callable[[int], None] = lambda _level: None
    last_look_ns: Callable[[], int] = lambda: 0
    close: Callable[[], None] = _nothing
    unsupported: list[tuple[str, str]] = field(default_factory=list)


class OpenSenses(Protocol):
    """Opens the sensors; ``windows`` gives the ids of the notice's windows, which are never read."""

    def __call__(self, windows: Callable[[], frozenset[int]], display: str | None) -> Senses:
        """Return the open sensors."""
        ...


def open_senses(windows: Callable[[], frozenset[int]], display: str | None) -> Senses:
    """Open what this computer has."""
    senses = Senses()
    _open_screen(senses, windows, display)
    return senses


def _open_screen(senses: Senses, windows: Callable[[], frozenset[int]], display: str | None) -> None:
    from tocsin.agent.sensors.ocr import OcrError
    from tocsin.agent.sensors.screen import ScreenSensor
    from tocsin.agent.sensors.x11 import DisplayError, X11Display

    try:
        screen = ScreenSensor(X11Display(display), _reader(), SystemClock(), lambda: set(windows()))
    except (DisplayError, OcrError) as problem:
        senses.unsupported.append(("screen", str(problem)))
        return
    senses.sensors.append(("screen", screen))
    senses.pixels = screen.pixels
    senses.pace = screen.pace
    senses.last_look_ns = lambda: screen.stats().seen_ns
    senses.close = screen.close


@cache
def _reader() -> Any:
    """Load the reader once; it stays for as long as the agent runs."""
    from tocsin.agent.sensors.ocr import LineReader

    return LineReader()
