"""Sign-in attempts, counted per account and per address, the same whether or not the account exists.

Counters live in the store, so a restart does not forgive, under keyed digests, so the table names nobody.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import delete
from sqlalchemy.orm import Session

from tocsin.hub.secret import HubSecret
from tocsin.hub.store.schema import Throttle


@dataclass(frozen=True, slots=True)
class Limit:
    """How many failures are free, and how long the first and the longest wait after that are."""

    label: str
    free: int
    first: timedelta
    longest: timedelta


ACCOUNT: Final = Limit("account", 5, timedelta(seconds=30), timedelta(minutes=15))
ADDRESS: Final = Limit("address", 30, timedelta(seconds=30), timedelta(minutes=15))
"""An address is often a whole office behind one router, so it has more attempts."""

FORGET: Final = timedelta(hours=24)
"""A counter untouched for this long starts anew."""


def waits(session: Session, secret: HubSecret, limit: Limit, value: str, now: datetime) -> timedelta | None:
    """Return how long ``value`` still has to wait before it may try again, or None when it need not."""
    row = session.get(Throttle, secret.digest(limit.label, value))
    if row is None or row.blocked_until is None or row.blocked_until <= now:
        return None
    return row.blocked_until - now


def failed(session: Session, secret: HubSecret, limit: Limit, value: str, now: datetime) -> bool:
    """Count a failure of ``value``; past the free ones each doubles the wait. Tell whether it now has to wait."""
    key = secret.digest(limit.label, value)
    row = session.get(Throttle, key)
    if row is None:
        row = Throttle(key=key, failures=0, last_at=now)
        session.add(row)
    if now - row.last_at > FORGET:
        row.failures = 0
    row.failures += 1
    row.last_at = now
    over = row.failures - limit.free
    if over >= 0:
        row.blocked_until = now + min(limit.first * 2 ** min(over, 20), limit.longest)
    session.flush()
    return over >= 0


def succeeded(session: Session, secret: HubSecret, limit: Limit, value: str) -> None:
    """Forget the failures of ``value``."""
    session.execute(delete(Throttle).where(Throttle.key == secret.digest(limit.label, value)))


def prune(session: Session, now: datetime) -> None:
    """Drop counters that no longer matter, so the table stays small."""
    session.execute(delete(Throttle).where(Throttle.last_at < now - FORGET))
