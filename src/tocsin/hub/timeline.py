"""The hours around an alert, from the device's journal alone: findings, gaps, idle time, coverage.

Ordinary life is not in the journal, so it cannot be here: quiet stretches say only how much of them was observed.
"""

import json
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from tocsin.hub import bodies
from tocsin.hub.store.schema import Alert, FindingRecord, JournalEntry
from tocsin.model import EntryKind, utc_text

HOURS: Final = 6
SILENCE: Final = timedelta(seconds=45)
_MOST: Final = 20_000
_OWN_ROW: Final = frozenset(
    {
        EntryKind.ENROLLED,
        EntryKind.START,
        EntryKind.STOP,
        EntryKind.NOTICE,
        EntryKind.ORDER,
        EntryKind.DEGRADED,
        EntryKind.GAP,
        EntryKind.CLOCK,
        EntryKind.WARNING,
        EntryKind.DEAD_LETTER,
        EntryKind.UNSUPPORTED,
    }
)
_CODE_OF = {
    "stop": "reason",
    "notice": "state",
    "order": "state",
    "degraded": "step",
    "gap": "reason",
    "warning": "what",
    "dead-letter": "kind",
    "unsupported": "what",
    "start": "boot_reason",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Stretch:
    """One row of the timeline. ``kind``: finding, quiet, idle, silent, or a journal entry's own kind.

    ``code`` qualifies the kind (a notice's state, a gap's reason); ``coverage`` is the share of active time that
    was observed, None where nothing tells. Findings carry category, severity, signals and the alert they are in.
    """

    kind: str
    begins: datetime
    ends: datetime
    code: str = ""
    coverage: float | None = None
    counts: dict[str, int] = field(default_factory=dict)
    finding: str = ""
    alert: str = ""
    category: str = ""
    severity: int = 0
    signals: tuple[str, ...] = ()
    here: bool = False


@dataclass(slots=True)
class _Quiet:
    """A stretch of heartbeats of one sort that is being gathered."""

    kind: str
    begins: datetime
    ends: datetime
    coverages: list[float] = field(default_factory=list)

    def done(self) -> Stretch:
        """Return the stretch as a row."""
        coverage = sum(self.coverages) / len(self.coverages) if self.coverages else None
        return Stretch(kind=self.kind, begins=self.begins, ends=self.ends, coverage=coverage)


def around(session: Session, alert: Alert, hours: float = HOURS) -> list[Stretch]:
    """Return what the journal tells of the ``hours`` around an alert, half before its first finding, in order."""
    half = timedelta(hours=hours / 2)
    begins, ends = alert.first_at - half, max(alert.last_at, alert.first_at) + half
    entries = session.execute(
        select(JournalEntry.seq, JournalEntry.kind, JournalEntry.at, JournalEntry.raw)
        .where(JournalEntry.device_id == alert.device_id, JournalEntry.at >= begins, JournalEntry.at <= ends)
        .order_by(JournalEntry.seq)
        .limit(_MOST)
    ).all()
    found = _findings(session, alert, begins, ends)
    rows: list[Stretch] = []
    quiet: _Quiet | None = None
    last: datetime | None = None
    for seq, kind, at, raw in entries:
        if last is not None and at - last > SILENCE:
            _end(rows, quiet)
            quiet = None
            rows.append(Stretch(kind="silent", begins=last, ends=at))
        last = at if last is None else max(last, at)
        if kind == EntryKind.HEARTBEAT:
            quiet = _beat(rows, quiet, at, json.loads(raw)["body"])
        elif kind == EntryKind.FINDING and seq in found:
            _end(rows, quiet)
            quiet = None
            rows.append(_of_finding(found[seq], alert, at))
        elif kind in _OWN_ROW:
            _end(rows, quiet)
            quiet = None
            body = json.loads(raw)["body"]
            code = bodies.code(body, _CODE_OF.get(kind, "state"))
            rows.append(Stretch(kind=kind, begins=at, ends=at, code=code, counts=bodies.counts(body)))
    _end(rows, quiet)
    return rows


def as_dict(row: Stretch) -> dict[str, Any]:
    """Return a row as JSON carries it."""
    return {
        "kind": row.kind,
        "begins": utc_text(row.begins),
        "ends": utc_text(row.ends),
        "code": row.code,
        "coverage": None if row.coverage is None else round(row.coverage, 3),
        "counts": row.counts,
        "finding": row.finding,
        "alert": row.alert,
        "category": row.category,
        "severity": row.severity,
        "signals": list(row.signals),
        "here": row.here,
    }


def _findings(session: Session, alert: Alert, begins: datetime, ends: datetime) -> dict[int, FindingRecord]:
    slack = timedelta(hours=1)  # an entry is written a little after what it tells of
    query = select(FindingRecord).where(
        FindingRecord.device_id == alert.device_id, FindingRecord.at >= begins - slack, FindingRecord.at <= ends + slack
    )
    return {finding.seq: finding for finding in session.scalars(query)}


def _of_finding(finding: FindingRecord, alert: Alert, at: datetime) -> Stretch:
    return Stretch(
        kind="finding",
        begins=at,
        ends=at,
        finding=finding.id,
        alert=finding.alert_id,
        category=finding.category,
        severity=finding.severity,
        signals=tuple(dict.fromkeys(signal["name"] for signal in finding.signals)),
        here=finding.alert_id == alert.id,
    )


def _beat(rows: list[Stretch], quiet: _Quiet | None, at: datetime, body: dict[str, Any]) -> _Quiet:
    """Add a heartbeat to the stretch it continues, or begin another."""
    state = bodies.code(body, "state")
    active = body.get("active") is True
    kind = state if state in ("blind", "unsupported", "stopped") else ("quiet" if active else "idle")
    if quiet is None or quiet.kind != kind:
        _end(rows, quiet)
        quiet = _Quiet(kind, rows[-1].ends if rows and at - rows[-1].ends <= SILENCE else at, at)
    quiet.ends = at
    if active:
        quiet.coverages.append(min(1.0, max(0.0, bodies.number(body, "coverage"))))
    return quiet


def _end(rows: list[Stretch], quiet: _Quiet | None) -> None:
    if quiet is not None:
        rows.append(quiet.done())
