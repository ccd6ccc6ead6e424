"""Keeping data no longer than was decided: nothing goes unless days are set, and a dry run shows exactly what would.

What belongs to a subject under legal hold stays, whatever its age; so do open alerts with their evidence, what a
report preserves (hub/reports/preserving.py), and the head of every device's journal. Erasure leaves digests and the
decision in the audit log, which is never shortened.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import ColumnElement, and_, delete, func, or_, select, update
from sqlalchemy.orm import Session

from tocsin.hub import audit, configuration, consultation
from tocsin.hub.blobs import Blobs
from tocsin.hub.refusals import Refused
from tocsin.hub.reports import preserving
from tocsin.hub.sessions import Who
from tocsin.hub.store import Store
from tocsin.hub.store.reports import ContentVerdict, Report, View
from tocsin.hub.store.schema import (
    Alert,
    AlertEvent,
    Consultation,
    Device,
    EvidenceRecord,
    FindingRecord,
    JournalEntry,
    Notification,
    Subject,
    WebSession,
)

SUGGESTED: Final = {"entries": 730, "evidence": 2190, "alerts": 2190, "sessions": 30, "notifications": 90}
"""Generous days to begin a decision with; none applies until a person sets it."""

AT_ONCE: Final = 1000
"""Most rows of a kind that one run takes, so that ingest never waits long; the next run takes more."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What would go now. Ids, digests and counts only; ``held`` counts the old alerts that a legal hold keeps."""

    at: datetime
    days: dict[str, int]
    entries: dict[str, tuple[int, int]] = field(default_factory=dict)
    """Device id → first and last sequence number that would go."""
    evidence: tuple[str, ...] = ()
    alerts: tuple[str, ...] = ()
    sessions: int = 0
    notifications: int = 0
    held: int = 0

    @property
    def empty(self) -> bool:
        """Whether nothing would go."""
        return not (self.entries or self.evidence or self.alerts or self.sessions or self.notifications)

    def as_dict(self) -> dict[str, Any]:
        """Return the plan as JSON shows it."""
        return {
            "days": self.days,
            "entries": {device: {"from": first, "to": last} for device, (first, last) in self.entries.items()},
            "evidence": list(self.evidence),
            "alerts": list(self.alerts),
            "sessions": self.sessions,
            "notifications": self.notifications,
            "held": self.held,
        }


def plan(session: Session, now: datetime, *, unit_id: str | None = None, limit: int | None = None) -> Plan:
    """Return exactly what :func:`run` would erase now, changing nothing.

    ``unit_id`` narrows it to one unit's subjects (then without sessions and notifications).
    """
    days = configuration.retention_days(session)
    before = {kind: now - timedelta(days=count) for kind, count in days.items()}
    free = _subjects(unit_id, held=False)
    kept = _subjects(unit_id, held=True)
    everyone = unit_id is None
    return Plan(
        at=now,
        days=days,
        entries=_old_entries(session, before.get("entries"), free, limit),
        evidence=_old_evidence(session, before.get("evidence"), free, limit),
        alerts=_old_alerts(session, before.get("alerts"), free, limit),
        sessions=_count(session, _old_sessions(before.get("sessions"))) if everyone else 0,
        notifications=_count(session, _old_notifications(before.get("notifications"))) if everyone else 0,
        held=_count(session, _held(before, kept)),
    )


def run(store: Store, blobs: Blobs, now: datetime) -> Plan:
    """Erase what :func:`plan` lists, at most a thousand of each kind, and return what went.

    The log says so before bytes go: after a crash in between, :func:`sweep` finishes the erasure.
    """
    with store.session() as session:
        going = plan(session, now, limit=AT_ONCE)
        if not going.empty:
            _erase_rows(session, going, now)
    for digest in going.evidence:
        blobs.delete(digest)
    return going


def sweep(store: Store, blobs: Blobs) -> int:
    """Delete the bytes of evidence that is marked erased and still there; return how many."""
    with store.reading() as session:
        erased = session.scalars(select(EvidenceRecord.digest).where(EvidenceRecord.status == "erased")).all()
    return sum(1 for digest in erased if blobs.delete(digest))


def hold(session: Session, who: Who, subject: Subject, reason: str, now: datetime) -> None:
    """Keep everything of a subject until :func:`release`, whatever its age."""
    reason = consultation.clean_reason(reason)
    subject.legal_hold = reason
    audit.record(
        session, who.id, audit.ALTERATION, f"subject:{subject.id}", reason, detail={"legal_hold": True}, at=now
    )


def release(session: Session, who: Who, subject: Subject, reason: str, now: datetime) -> None:
    """End a legal hold. Raises Refused when there is none."""
    if not subject.legal_hold:
        raise Refused(409, "no-hold", "There is no legal hold on this subject.")
    reason = consultation.clean_reason(reason)
    subject.legal_hold = ""
    audit.record(
        session, who.id, audit.ALTERATION, f"subject:{subject.id}", reason, detail={"legal_hold": False}, at=now
    )


def _subjects(unit_id: str | None, *, held: bool) -> Any:
    query = select(Subject.id).where(Subject.legal_hold != "" if held else Subject.legal_hold == "")
    return query if unit_id is None else query.where(Subject.unit_id == unit_id)


def _old_entries(
    session: Session, before: datetime | None, subjects: Any, limit: int | None
) -> dict[str, tuple[int, int]]:
    """Return per device the oldest run of entries that would go; a journal is cut at its beginning only."""
    if before is None:
        return {}
    devices = session.execute(select(Device.id, Device.last_seq).where(Device.subject_id.in_(subjects))).all()
    found = {}
    for device_id, last_seq in devices:
        mine = JournalEntry.device_id == device_id
        first_kept = session.execute(
            select(func.min(JournalEntry.seq)).where(mine, JournalEntry.received_at >= before)
        ).scalar()
        end = min(last_seq, first_kept if first_kept is not None else last_seq)
        first = session.execute(select(func.min(JournalEntry.seq)).where(mine, JournalEntry.seq < end)).scalar()
        if first is not None:
            found[device_id] = (first, min(end - 1, first + limit - 1) if limit else end - 1)
    return found


def _old_evidence(session: Session, before: datetime | None, subjects: Any, limit: int | None) -> tuple[str, ...]:
    """Return stored evidence that is old and belongs to no open alert, nor to one of a subject under hold."""
    if before is None:
        return ()
    held = _subjects(None, held=True)
    needed = (
        select(FindingRecord.evidence)
        .join(Alert, FindingRecord.alert_id == Alert.id)
        .where(FindingRecord.evidence.is_not(None), or_(Alert.status != "closed", Alert.subject_id.in_(held)))
    )
    reported = select(FindingRecord.evidence).where(
        FindingRecord.evidence.is_not(None), FindingRecord.alert_id.in_(preserving.preserved_alerts())
    )
    query = (
        select(EvidenceRecord.digest)
        .join(Device, EvidenceRecord.device_id == Device.id)
        .where(
            EvidenceRecord.declared_at < before,
            EvidenceRecord.status != "erased",
            Device.subject_id.in_(subjects),
            EvidenceRecord.digest.not_in(needed),
            EvidenceRecord.digest.not_in(reported),
        )
        .order_by(EvidenceRecord.declared_at, EvidenceRecord.digest)
    )
    return tuple(session.scalars(query.limit(limit)))


def _old_alerts(session: Session, before: datetime | None, subjects: Any, limit: int | None) -> tuple[str, ...]:
    """Return closed alerts that are old and whose evidence, if any, has gone already."""
    if before is None:
        return ()
    with_evidence = (
        select(FindingRecord.alert_id)
        .join(EvidenceRecord, FindingRecord.evidence == EvidenceRecord.digest)
        .where(EvidenceRecord.status != "erased")
    )
    query = (
        select(Alert.id)
        .where(
            Alert.status == "closed",
            Alert.closed_at < before,
            Alert.subject_id.in_(subjects),
            Alert.id.not_in(with_evidence),
            Alert.id.not_in(preserving.preserved_alerts()),
        )
        .order_by(Alert.number)
    )
    return tuple(session.scalars(query.limit(limit)))


def _held(before: dict[str, datetime], kept: Any) -> ColumnElement[bool] | None:
    if "alerts" not in before:
        return None
    return and_(Alert.status == "closed", Alert.closed_at < before["alerts"], Alert.subject_id.in_(kept))


def _old_sessions(before: datetime | None) -> ColumnElement[bool] | None:
    return None if before is None else WebSession.expires_at < before


def _old_notifications(before: datetime | None) -> ColumnElement[bool] | None:
    if before is None:
        return None
    done = or_(Notification.sent_at.is_not(None), Notification.given_up_at.is_not(None))
    return and_(Notification.created_at < before, done)


def _count(session: Session, condition: ColumnElement[bool] | None) -> int:
    return 0 if condition is None else session.execute(select(func.count()).where(condition)).scalar_one()


def _erase_rows(session: Session, going: Plan, now: datetime) -> None:
    for device_id, (first, last) in going.entries.items():
        mine = and_(JournalEntry.device_id == device_id, JournalEntry.seq >= first, JournalEntry.seq <= last)
        digests = session.scalars(select(JournalEntry.hash).where(mine).order_by(JournalEntry.seq.desc()).limit(1))
        detail = {"entries": {"from": first, "to": last, "last_hash": digests.first() or ""}}
        audit.record(
            session, audit.HUB, audit.ERASURE, f"device:{device_id}", _why(going, "entries"), "", detail, at=now
        )
        session.execute(delete(JournalEntry).where(mine))
    for digest in going.evidence:
        audit.record(session, audit.HUB, audit.ERASURE, f"evidence:{digest}", _why(going, "evidence"), at=now)
    for chunk in _chunks(going.evidence):
        session.execute(update(EvidenceRecord).where(EvidenceRecord.digest.in_(chunk)).values(status="erased"))
    for alert_id in going.alerts:
        audit.record(session, audit.HUB, audit.ERASURE, f"alert:{alert_id}", _why(going, "alerts"), at=now)
    for chunk in _chunks(going.alerts):
        for table in (Consultation, Notification, AlertEvent, FindingRecord, View, ContentVerdict):
            session.execute(delete(table).where(table.alert_id.in_(chunk)))
        session.execute(update(Report).where(Report.alert_id.in_(chunk)).values(alert_id=None))
        session.execute(delete(Alert).where(Alert.id.in_(chunk)))
    sessions = _old_sessions(_before(going, "sessions"))
    if sessions is not None and going.sessions:
        session.execute(delete(WebSession).where(sessions))
    notifications = _old_notifications(_before(going, "notifications"))
    if notifications is not None and going.notifications:
        session.execute(delete(Notification).where(notifications))
    if going.sessions or going.notifications:
        swept = {"sessions": going.sessions, "notifications": going.notifications}
        audit.record(session, audit.HUB, audit.ERASURE, "hub:housekeeping", "retention", detail=swept, at=now)


def _before(going: Plan, kind: str) -> datetime | None:
    return going.at - timedelta(days=going.days[kind]) if kind in going.days else None


def _why(going: Plan, kind: str) -> str:
    return f"retention: {kind} are kept {going.days[kind]} days"


def _chunks(ids: Sequence[str]) -> Iterable[Sequence[str]]:
    return (ids[at : at + 200] for at in range(0, len(ids), 200))
