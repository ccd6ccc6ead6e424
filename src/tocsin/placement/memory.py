"""Keep what the C library holds near what is used: its freed memory is the system's again.

glibc keeps freed memory for later, in an arena for each thread: a service with many threads grows for days by what lies
free in the arenas of all of them. Two arenas are enough. An agent also trims after each burst, since reading a line
takes some forty megabytes for a moment, and looking for pictures a dozen. Elsewhere than on glibc nothing is done.
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


def limit_arenas() -> None:
    """Let the threads that are started from now on share few arenas."""
    _glibc_limited()


def _system_trim() -> Callable[[], object] | None:
    """Return the C library's trim, its arenas limited; None where there is none."""
    library = _glibc_limited()
    return (lambda: library.malloc_trim(0)) if library is not None else None


def _glibc_limited() -> ctypes.CDLL | None:
    """Return the C library, its arenas limited; None where it is another one."""
    if not sys.platform.startswith("linux"):
        return None
    try:
        library = ctypes.CDLL(None)
        library.mallopt(_M_ARENA_MAX, ARENAS)
        library.malloc_trim  # noqa: B018 (musl has none)
    except (OSError, AttributeError):
        return None
    return library
