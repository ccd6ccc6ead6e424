"""When to ask an exchange next: after its interval, sooner or later by a little, in growing steps after failures."""

import random
from datetime import datetime, timedelta
from typing import Final

SPREAD: Final = 0.1
"""Share of an interval by which a reading comes earlier or later, so that not everybody comes at once."""

LONGEST_BACKOFF_S: Final = 3600


def next_time(now: datetime, interval_s: int, failures: int, draw: float | None = None) -> datetime:
    """Return when to read next: after the interval, after a failure in 30 s, 1 min, 2 min …; spread a little."""
    wait: float = interval_s
    if failures:
        wait = min(max(interval_s, LONGEST_BACKOFF_S), 30 * 2 ** min(failures - 1, 16))
    part = random.uniform(-1, 1) if draw is None else draw  # noqa: S311 - no secret
    return now + timedelta(seconds=wait * (1 + SPREAD * part))
