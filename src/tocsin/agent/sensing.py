"""Opening the sensors: the one place that knows which there are. What cannot be watched is *unsupported*, and said."""

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Protocol

from tocsin.agent.loop import Pixels
from tocsin.model import Clock, Sensor, SystemClock


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
    from tocsin.agent.sensors.processes import ProcessSensor
    from tocsin.agent.sensors.session import SessionSensor, logind_seat
    from tocsin.agent.sensors.wayland import unsupported

    senses, clock = Senses(), SystemClock()
    name = display or os.environ.get("DISPLAY", "")
    absent = unsupported({**os.environ, "DISPLAY": name})
    if absent is not None:
        senses.unsupported.append(("wayland" if name else "no-display", absent.detail))
    else:
        _open_screen(senses, clock, lambda: set(windows()), name)
    senses.sensors.append(("processes", ProcessSensor(clock)))
    senses.sensors.append(("session", SessionSensor(clock, _idle(name), logind_seat)))
    return senses


def _open_screen(senses: Senses, clock: Clock, excluded: Callable[[], set[int]], name: str) -> None:
    from tocsin.agent.sensors.focus import FocusSensor
    from tocsin.agent.sensors.ocr import OcrError
    from tocsin.agent.sensors.polling import open_display
    from tocsin.agent.sensors.screen import ScreenSensor
    from tocsin.agent.sensors.x11 import DisplayError, X11Display

    try:
        reader = _reader()
        screen = ScreenSensor(open_display(name), reader, clock, excluded)
        focus = FocusSensor(X11Display(name), clock, excluded)
    except (DisplayError, OcrError) as problem:
        senses.unsupported.append(("screen", str(problem)))
        return
    senses.sensors += [("screen", screen), ("focus", focus)]
    senses.pixels = lambda box: screen.pixels(box) or None
    senses.pace = screen.pace
    senses.last_look_ns = lambda: screen.stats().seen_ns
    senses.close = screen.close


@cache
def _reader() -> Any:
    """Load the reader once, and have it read a known picture; it stays for as long as the agent runs."""
    from tocsin.agent.sensors.ocr import LineReader, OcrError
    from tocsin.agent.sensors.selftest import check

    reader = LineReader()
    tested = check(reader)
    if not tested.passed:
        raise OcrError(tested.sentence)
    return reader


def _idle(name: str) -> Callable[[], int | None]:
    """Return how to ask for milliseconds without input; the clock is opened by the thread that asks."""
    from tocsin.agent.sensors.idle import IdleClock

    opened: list[IdleClock | None] = []

    def ask() -> int | None:
        if not opened:
            opened.append(IdleClock.open(name) if name else None)
        return opened[0].milliseconds() if opened[0] is not None else None

    return ask
