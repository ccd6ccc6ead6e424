"""Opening the sensors: the one place that knows which there are. What cannot be watched is *unsupported*, and said."""

import os
import sqlite3
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cache, partial
from pathlib import Path
from typing import Any, Protocol

from tocsin.agent.loop import Pixels
from tocsin.agent.media import Media
from tocsin.model import Clock, Sensor, SystemClock


@dataclass(slots=True)
class Senses:
    """The open sensors. ``pace`` slows the screen's reading down (0 full speed, 2 slow, 4 as good as off);
    ``last_look_ns`` tells when the screen was last looked at; ``unsupported`` holds (code, sentence). ``sheds`` hear of
    each step of the ladder (limits.py); ``degradations`` tell what a heartbeat should say of what is open."""

    sensors: list[tuple[str, Sensor]] = field(default_factory=list)
    pixels: Pixels | None = None
    pace: Callable[[int], None] = lambda _level: None
    last_look_ns: Callable[[], int] = lambda: 0
    closers: list[Callable[[], None]] = field(default_factory=list)
    unsupported: list[tuple[str, str]] = field(default_factory=list)
    sheds: list[Callable[[int], None]] = field(default_factory=list)
    degradations: list[Callable[[], Sequence[str]]] = field(default_factory=list)

    def close(self) -> None:
        """Let go of what is not a sensor, once their threads have ended."""
        for close in self.closers:
            close()


class OpenSenses(Protocol):
    """Opens the sensors; ``windows`` gives the ids of the notice's windows, which are never read. Without ``media`` the
    order permits no looking at pictures and files."""

    def __call__(
        self, windows: Callable[[], frozenset[int]], display: str | None, media: Media | None = None
    ) -> Senses:
        """Return the open sensors."""
        ...


def open_senses(windows: Callable[[], frozenset[int]], display: str | None, media: Media | None = None) -> Senses:
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
        _open_screen(senses, clock, lambda: set(windows()), name, media)
    senses.sensors.append(("processes", ProcessSensor(clock)))
    senses.sensors.append(("session", SessionSensor(clock, _idle(name), logind_seat)))
    if media is not None:
        senses.sensors.append(("media", media.asking))
        senses.degradations.append(lambda: media.asking.degradations)
        _open_files(senses, clock, media)
    return senses


def _open_screen(
    senses: Senses, clock: Clock, excluded: Callable[[], set[int]], name: str, media: Media | None
) -> None:
    from tocsin.agent.sensors.focus import FocusSensor
    from tocsin.agent.sensors.ocr import OcrError
    from tocsin.agent.sensors.pictures import PictureSensor
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
    senses.closers.append(screen.close)
    if media is not None:
        pictures = PictureSensor(screen, clock, media.ask, excluded, keep_pixels=media.asking.keep_pixels)
        screen.painted = pictures.changed
        senses.sensors.append(("pictures", pictures))
        senses.sheds.append(pictures.pace)


def _open_files(senses: Senses, clock: Clock, media: Media) -> None:
    """Open what follows this account's files and what sweeps them. What cannot be opened is said."""
    try:
        from tocsin.agent.sensors.comparing import Comparing
        from tocsin.agent.sensors.files import FileSensor
        from tocsin.agent.sensors.folders import Places, shared_by_all
        from tocsin.agent.sensors.hashing import Workers
        from tocsin.agent.sensors.seen_files import SeenFiles
        from tocsin.agent.sensors.sweep import SweepSensor

        home = Path.home()
        places = Places(home, media.own, partial(media.private, ""), media.count, shared=shared_by_all(home))
        seen = SeenFiles(media.state)
        hasher = Workers(3)  # small files, large ones, old ones: none keeps another waiting
        comparing = Comparing(media.asking, seen, hasher, clock)
        sweep = SweepSensor(places, comparing, seen, clock, count=media.count)
        files = FileSensor(places, comparing, clock, count=media.count, arrived=sweep.arrived)
    except (ImportError, OSError, ValueError, RuntimeError, sqlite3.Error) as problem:
        senses.unsupported.append(("files", f"Files cannot be followed on this computer: {problem}."))
        return
    threading.Thread(target=hasher.warm, name="tocsin-files-warm", daemon=True).start()
    senses.sensors += [("files", files), ("sweep", sweep)]
    senses.sheds.append(sweep.shed)
    senses.degradations.append(lambda: files.degradations)
    senses.closers += [hasher.close, seen.close]


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
