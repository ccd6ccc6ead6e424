"""What pages read from devices' journals: coverage by day, and the entries worth a person's look."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from sqlalchemy import Select, func
from sqlalchemy.orm import Session

from tocsin.console.strip import Line, line_of
from tocsin.hub import bodies
from tocsin.hub.store.schema import JournalEntry
from tocsin.model import EntryKind

NOTABLE: Final = (
    "gap",
    "degraded",
    "notice",
    "stop",
    "start",
    "clock",
    "unsupported",
    "dead-letter",
    "warning",
    "order",
)
_SAMPLE: Final = 40
"""One heartbeat in so many is read for a day's coverage: a mean over days needs no more."""


@dataclass(frozen=True, slots=True)
class Day:
    """One day: the share of active time observed (None: nothing was heard), and counts."""

    at: datetime
    share: float | None
    beats: int
    findings: int
    gaps: int


def days_of(session: Session, journal: Select[Any], devices: Sequence[str], since: datetime, days: int) -> list[Day]:
    """Return coverage day by day (UTC), the newest first; ``journal`` limits it to what the visitor sees."""
    entries = journal.where(JournalEntry.device_id.in_(devices), JournalEntry.at >= since)
    counted = entries.with_only_columns(
        func.date(JournalEntry.at), JournalEntry.kind, func.count(), maintain_column_froms=True
    ).group_by(func.date(JournalEntry.at), JournalEntry.kind)
    counts = {(str(day), kind): n for day, kind, n in session.execute(counted)}
    shares: dict[str, list[float]] = {}
    beats = entries.where(JournalEntry.kind == EntryKind.HEARTBEAT, JournalEntry.seq % _SAMPLE == 0)
    for at, raw in session.execute(
        beats.with_only_columns(JournalEntry.at, JournalEntry.raw, maintain_column_froms=True)
    ):
        body = json.loads(raw)["body"]
        if body.get("active") is True:
            share = min(1.0, max(0.0, bodies.number(body, "coverage")))
            shares.setdefault(at.astimezone(UTC).date().isoformat(), []).append(share)
    found = []
    for back in range(days):
        day = since + timedelta(days=days - 1 - back)
        key = day.date().isoformat()
        seen = shares.get(key)
        found.append(
            Day(
                day,
                sum(seen) / len(seen) if seen else None,
                counts.get((key, "heartbeat"), 0),
                counts.get((key, "finding"), 0),
                counts.get((key, "gap"), 0),
            )
        )
    return found


def notable_of(session: Session, journal: Select[Any], device: str, since: datetime, most: int = 60) -> list[Line]:
    """Return a device's gaps, degradations, notices and the like, the newest first."""
    query = journal.where(
        JournalEntry.device_id == device, JournalEntry.at >= since, JournalEntry.kind.in_(NOTABLE)
    ).order_by(JournalEntry.seq.desc())
    return [
        line_of(entry.kind, entry.at, json.loads(entry.raw)["body"]) for entry in session.scalars(query.limit(most))
    ]
