"""Give memory back: what the C library holds after lines were read and pictures found is the system's again.

Reading a line takes some forty megabytes for a moment, looking for pictures a dozen; glibc keeps freed memory for
later, in an arena for each thread. With two arenas and a trim after each burst the agent stays near what it uses.
Elsewhere than on glibc nothing is done.
"""

import ctypes
import sys
from collections.abc import Callable

import psutil

_M_ARENA_MAX = -8
ARENAS = 2
GROWTH = 12 << 20
"""Bytes of growth since the last trim after which the next is worth its milliseconds."""


class Memory:
    """Trims when resident memory has grown; make it before the threads whose arenas it limits."""

    def __init__(self, trim: Callable[[], object] | None = None, resident: Callable[[], int] | None = None) -> None:
        """Limit the arenas from now on. ``trim`` and ``resident`` (bytes) stand in for the system's in tests."""
        self._trim = trim or _system_trim()
        self._resident = resident or (lambda: int(psutil.Process().memory_info().rss))
        self._floor = 0

    def relieve(self) -> bool:
        """Give back what is free if memory has grown since the last time; tell whether that was done."""
        if self._trim is None or self._resident() - self._floor < GROWTH:
            return False
        self._trim()
        self._floor = self._resident()
        return True


def _system_trim() -> Callable[[], object] | None:
    """Return the C library's trim, its arenas limited; None where there is none."""
    if not sys.platform.startswith("linux"):
        return None
    try:
        library = ctypes.CDLL(None)
        library.mallopt(_M_ARENA_MAX, ARENAS)
        trim = library.malloc_trim
    except (OSError, AttributeError):
        return None
    return lambda: trim(0)
