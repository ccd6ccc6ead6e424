"""Time: always UTC, always aware, and always handed in, so that tests own the clock."""

import time
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """Where the time comes from."""

    def now(self) -> datetime:
        """Return the present moment, aware, in UTC."""
        ...

    def monotonic_ns(self) -> int:
        """Return nanoseconds that never go back while the machine runs."""
        ...


class SystemClock:
    """The machine's own clocks."""

    def now(self) -> datetime:
        """Return the present moment, aware, in UTC."""
        return datetime.now(UTC)

    def monotonic_ns(self) -> int:
        """Return nanoseconds since boot; suspended time is counted where the system can (CLOCK_BOOTTIME)."""
        boottime = getattr(time, "CLOCK_BOOTTIME", None)
        return time.monotonic_ns() if boottime is None else time.clock_gettime_ns(boottime)


def utc_text(at: datetime) -> str:
    """Write a moment as RFC 3339 UTC with milliseconds, as in ``2026-11-22T17:32:08.114Z``.

    Raises ValueError for a naive datetime: a time without a zone is not evidence.
    """
    if at.tzinfo is None:
        raise ValueError("a time needs a time zone; this one has none")
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def parse_utc(text: str) -> datetime:
    """Read an RFC 3339 moment with a zone and return it in UTC. Raises ValueError otherwise."""
    at = datetime.fromisoformat(text)
    if at.tzinfo is None:
        raise ValueError(f"the time {text!r} has no time zone; write it as 2026-11-22T17:32:08Z")
    return at.astimezone(UTC)


def told_utc(told: object) -> datetime | None:
    """Return the moment that another machine tells, in UTC; None where what it tells is none."""
    try:
        return parse_utc(str(told))
    except (ValueError, OverflowError):
        return None
