"""What every way in has in common: a source gives a stream's bytes as they come, and says why they ended."""

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Protocol

from tocsin.gateway.streams.addresses import Rules


class Mark(Enum):
    """Between the bytes: what follows is to be opened anew."""

    FRESH = "fresh"


class SourceError(Exception):
    """A stream cannot be had, or no longer; the message is a sentence.

    ``code`` is a reason of NotScanned; ``final`` tells that trying again would not help.
    """

    def __init__(self, code: str, sentence: str, *, final: bool = False) -> None:
        super().__init__(sentence)
        self.code, self.final = code, final


class Source(Protocol):
    """A stream's bytes, from one connection. It ends where the stream was ended; what breaks raises SourceError.

    ``paced`` sources can be made to wait; others go on whether or not we keep up. ``note`` is called with a kind and
    a number when something was lost on the way (``dropped`` bytes, ``skipped`` segments).
    """

    paced: bool

    def chunks(self) -> AsyncIterator[bytes | Mark]:
        """Give the bytes as they come."""
        ...


Note = Callable[[str, int], None]


@dataclass(frozen=True, slots=True)
class Ways:
    """What sources need from outside: the rules for addresses, and how long (seconds) silence is borne."""

    rules: Rules
    silence: float = 15.0
    ffmpeg: str = "ffmpeg"
    ca: Path | None = None
