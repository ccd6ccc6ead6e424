"""Observation: what a sensor saw, at one moment. Never kept unless a finding needs it."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from tocsin.model.media import MediaSeen
from tocsin.model.payments import PaymentsSeen
from tocsin.model.rect import Rect


class Kind(StrEnum):
    """What sort of thing was seen; a detector says which kinds it reads."""

    TEXT = "text"
    PICTURE = "picture"
    FRAME = "frame"
    FILE = "file"
    VISIT = "visit"
    PROCESS = "process"
    PAYMENT = "payment"
    STATE = "state"


class Speaker(StrEnum):
    """Who said a line, as far as the page shows it. *Unknown* is a value."""

    SUBJECT = "subject"
    OTHER = "other"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Line:
    """One line of text as read.

    ``box`` is where it stood on the screen; ``fill`` the colour behind it (a bubble's side is told by both);
    ``confidence`` is the reader's own, 0 to 1. ``speaker`` is set by sources that know (a gateway's messages).
    """

    text: str
    box: Rect | None = None
    fill: tuple[int, int, int] | None = None
    confidence: float = 1.0
    speaker: Speaker = Speaker.UNKNOWN


@dataclass(frozen=True, slots=True)
class TextSeen:
    """Lines that newly appeared together, top to bottom, inside ``frame`` (the window's rectangle, if known)."""

    lines: tuple[Line, ...]
    frame: Rect | None = None


@dataclass(frozen=True, slots=True)
class PictureSeen:
    """Pixels: ``rgb`` is height x width x 3 bytes, row by row; ``box`` where they stood on the screen."""

    width: int
    height: int
    rgb: bytes
    box: Rect | None = None


@dataclass(frozen=True, slots=True)
class ProcessSeen:
    """A program that runs: its name, executable and arguments, and whether it has just begun or ended."""

    name: str
    exe: str = ""
    arguments: tuple[str, ...] = ()
    ended: bool = False


@dataclass(frozen=True, slots=True)
class StateSeen:
    """A state of the device or session, such as ``idle``, ``active``, ``locked``, ``resumed``, ``clock-jump``.

    ``detail`` holds plain values only (counts, seconds, names of states): never words from the screen.
    """

    state: str
    detail: tuple[tuple[str, str | int | float | bool], ...] = ()


@dataclass(frozen=True, slots=True)
class NotScanned:
    """Typed absence: something was there and was not examined. It never looks like *clean*.

    ``reason`` is a code (``unsupported``, ``unreadable``, ``too-large``, ``time-out``, ``locked``,
    ``secure-field``, ``excluded``, ``failed``), ``detail`` a sentence for a person.
    """

    reason: str
    detail: str = ""


Body = TextSeen | PictureSeen | MediaSeen | ProcessSeen | PaymentsSeen | StateSeen | NotScanned


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """What a sensor saw, at one moment.

    ``app`` is the program's name, ``title`` the window's title, ``thread`` an opaque name of the place a
    conversation goes on in (a window; a gateway's thread id). ``seen_ns`` is the monotonic moment that the
    sensor was told of the change, for measuring how long the road takes.
    """

    id: str
    kind: Kind
    at: datetime
    sensor: str
    body: Body
    app: str = ""
    title: str = ""
    thread: str = ""
    seen_ns: int = 0
