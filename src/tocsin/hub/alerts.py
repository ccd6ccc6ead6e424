"""What people do with an alert: acknowledge, escalate, assign, close with a verdict, reopen.

Every act is a line in the alert's history and an entry in the audit log, in one transaction, and open pages hear
of it. Findings come in through :func:`take_finding` (hub/ringing.py).
"""

from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from tocsin.hub import audit, notify
from tocsin.hub.hub import Hub
from tocsin.hub.refusals import Refused
from tocsin.hub.ringing import IMMINENT, announce, escalate_minutes, note, observe, take_finding
from tocsin.hub.store.schema import Alert, AlertEvent, FindingRecord, Person
from tocsin.model import Category, ReviewVerdict

__all__ = [
    "acknowledge",
    "assign",
    "close",
    "did",
    "escalate",
    "escalate_overdue",
    "findings_of",
    "history_of",
    "ladder",
    "observe",
    "refuse_closed",
    "reopen",
    "take_finding",
]

NOTE_LONGEST: Final = 4000


def acknowledge(session: Session, hub: Hub, alert: Alert, person: Person, now: datetime) -> None:
    """Note that ``person`` looks after the alert. Raises Refused when it is closed. Harmless to repeat."""
    refuse_closed(alert)
    if alert.status == "acknowledged" and alert.acknowledged_by == person.id:
        return
    alert.status = "acknowledged"
    alert.acknowledged_at, alert.acknowledged_by = now, person.id
    alert.assigned_to = alert.assigned_to or person.id
    alert.escalate_at = None
    did(session, hub, alert, person, "acknowledged", now)


def escalate(
    session: Session, hub: Hub, alert: Alert, person: Person, now: datetime, reason: str, to: str | None = None
) -> None:
    """Hand the alert to ``to`` (a person of the same unit), or to the next on the ladder, and call them.

    Raises Refused when it is closed, without a reason, or when there is nobody to hand it to.
    """
    refuse_closed(alert)
    reason = _text(reason, "Say why you escalate this.")
    people = ladder(session, alert.unit_id)
    if to is None:
        later = [each for each in people if each.role == "supervisor" and each.id != person.id]
        target = later[0] if later else None
    else:
        target = next((each for each in people if each.id == to), None)
    if target is None:
        raise Refused(422, "nobody", "There is nobody in this unit to escalate to; ask the administrator.")
    _hand_to(session, hub, alert, target, now)
    did(session, hub, alert, person, "escalated", now, reason, {"to": target.id}, ring=True)


def assign(session: Session, hub: Hub, alert: Alert, person: Person, now: datetime, to: str) -> None:
    """Give the alert to a colleague of the same unit. Raises Refused for anybody else."""
    refuse_closed(alert)
    target = next((each for each in ladder(session, alert.unit_id) if each.id == to), None)
    if target is None:
        raise Refused(422, "nobody", "Alerts are assigned to an officer or supervisor of the subject's unit.")
    alert.assigned_to = target.id
    did(session, hub, alert, person, "assigned", now, "", {"to": target.id})


def close(
    session: Session,
    hub: Hub,
    alert: Alert,
    person: Person,
    now: datetime,
    *,
    verdict: str,
    note_text: str,
    category: str | None = None,
    severity: int | None = None,
) -> None:
    """Close with one of the five verdicts, a note, and the category and severity the person found.

    Raises Refused for an unknown verdict, category or severity, an empty note, or an alert already closed.
    """
    refuse_closed(alert)
    note_text = _text(note_text, "Write a short note that says what you found.")
    try:
        decided = ReviewVerdict(verdict)
        kept = Category(category or alert.category)
    except ValueError:
        raise Refused(
            422, "verdict", f"The verdict is one of {', '.join(ReviewVerdict)}; the category one of ours."
        ) from None
    if severity is not None and not 1 <= severity <= 5:
        raise Refused(422, "severity", "Severity is 1 to 5.")
    alert.status = "closed"
    alert.closed_at, alert.closed_by = now, person.id
    alert.verdict = decided.value
    alert.verdict_category = kept.value
    alert.verdict_severity = severity if severity is not None else alert.severity
    alert.note = note_text
    alert.escalate_at = None
    detail = {"verdict": decided.value, "category": kept.value, "severity": alert.verdict_severity}
    did(session, hub, alert, person, "closed", now, decided.value, detail, action=audit.VERDICT)


def reopen(session: Session, hub: Hub, alert: Alert, person: Person, now: datetime, reason: str) -> None:
    """Open a closed alert again; the earlier verdict stays in its history. Raises Refused if it is not closed."""
    if alert.status != "closed":
        raise Refused(409, "not-closed", f"Alert A-{alert.number} is not closed.")
    reason = _text(reason, "Say why you reopen this.")
    detail = {"verdict": alert.verdict or ""}
    alert.status = "acknowledged"
    alert.acknowledged_at, alert.acknowledged_by, alert.assigned_to = now, person.id, person.id
    alert.closed_at = alert.closed_by = alert.verdict = alert.verdict_category = alert.verdict_severity = None
    did(session, hub, alert, person, "reopened", now, reason, detail)


def ladder(session: Session, unit_id: str) -> list[Person]:
    """Return who is called for a unit, in order: officers by their place on call, then supervisors likewise.

    ``on_call`` 0 means not on call: such people come last among their own.
    """
    query = select(Person).where(
        Person.unit_id == unit_id, Person.active.is_(True), Person.role.in_(("officer", "supervisor"))
    )
    people = session.scalars(query).all()
    return sorted(people, key=lambda p: (p.role == "supervisor", p.on_call == 0, p.on_call, p.name, p.id))


def escalate_overdue(session: Session, hub: Hub, now: datetime) -> int:
    """Take every imminent alert that nobody acknowledged in time to the next person; return how many moved."""
    query = select(Alert).where(Alert.escalate_at <= now, Alert.status.in_(("new", "escalated"))).order_by(Alert.number)
    overdue = session.scalars(query).unique().all()
    for alert in overdue:
        people = ladder(session, alert.unit_id)
        if not people:
            alert.escalate_at = now + timedelta(minutes=escalate_minutes(session, hub))
            note(session, alert, "nobody", now, "Nobody in this unit can be called.")
            continue
        target = people[(alert.escalation_level + 1) % len(people)]
        _hand_to(session, hub, alert, target, now)
        note(session, alert, "escalated", now, f"Not acknowledged in time; now with {target.name}.")
        audit.record(
            session,
            audit.HUB,
            "escalation",
            f"alert:{alert.id}",
            order_id=alert.order_id or "",
            detail={"to": target.id},
            at=now,
        )
        announce(session, hub, alert, "escalated", ring=True)
    return len(overdue)


def findings_of(session: Session, alert: Alert) -> list[FindingRecord]:
    """Return an alert's findings, oldest first."""
    query = select(FindingRecord).where(FindingRecord.alert_id == alert.id)
    return list(session.scalars(query.order_by(FindingRecord.at, FindingRecord.seq)))


def history_of(session: Session, alert: Alert) -> list[AlertEvent]:
    """Return what people and the hub did to an alert, oldest first."""
    return list(session.scalars(select(AlertEvent).where(AlertEvent.alert_id == alert.id).order_by(AlertEvent.id)))


def _hand_to(session: Session, hub: Hub, alert: Alert, target: Person, now: datetime) -> None:
    alert.status = "escalated"
    alert.assigned_to = target.id
    alert.escalation_level += 1
    alert.updated_at = now
    minutes = timedelta(minutes=escalate_minutes(session, hub))
    alert.escalate_at = now + minutes if alert.severity >= IMMINENT else None
    notify.queue(session, alert, now, [target])


def did(
    session: Session,
    hub: Hub,
    alert: Alert,
    person: Person,
    kind: str,
    now: datetime,
    text: str = "",
    detail: dict[str, Any] | None = None,
    *,
    action: str = audit.ALTERATION,
    ring: bool = False,
) -> None:
    """Write an act down: history, audit log, open pages."""
    alert.updated_at = now
    note(session, alert, kind, now, text, person.id)
    audit.record(
        session,
        person.id,
        action,
        f"alert:{alert.id}",
        text[: audit.REASON_LONGEST],
        alert.order_id or "",
        {"act": kind} | (detail or {}),
        at=now,
    )
    announce(session, hub, alert, kind, ring=ring)


def refuse_closed(alert: Alert) -> None:
    """Raise Refused when an alert is closed."""
    if alert.status == "closed":
        raise Refused(409, "closed", f"Alert A-{alert.number} is closed; reopen it first.")


def _text(text: str, sentence: str) -> str:
    text = text.strip()
    if not text:
        raise Refused(422, "note", sentence)
    if len(text) > NOTE_LONGEST:
        raise Refused(422, "note", f"A note is at most {NOTE_LONGEST} characters.")
    return text
