"""Reasoned access: to open evidence or a subject's record, a person first says why, and the log keeps it.

A :class:`Consultation` row is the key that the queries of hub/visibility.py ask for: there is no other way to the
rows behind it, so every consultation is logged (Data Protection Act 2018, s.62).
"""

import uuid
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from tocsin.hub import audit
from tocsin.hub.refusals import Refused
from tocsin.hub.sessions import Who
from tocsin.hub.store.schema import Alert, Consultation, OrderRecord, Subject

GOOD_FOR: Final = timedelta(minutes=15)
REASON_SHORTEST: Final = 10
REASON_LONGEST: Final = 500
CONSULTING_ROLES: Final = ("officer", "supervisor")


class ReasonNeeded(Refused):
    """No reason was given in this session within the last 15 minutes."""

    def __init__(self) -> None:
        super().__init__(
            403, "reason-needed", "Say why you need to see this; the reason and your name go into the audit log."
        )


def consult(session: Session, who: Who, alert: Alert, reason: str, now: datetime) -> Consultation:
    """Record that ``who`` opens the evidence of ``alert`` and why. Good for 15 minutes of this session.

    Raises Refused for a reason that says nothing.
    """
    return _begin(session, who, alert.subject, alert, reason, now)


def consult_subject(session: Session, who: Who, subject: Subject, reason: str, now: datetime) -> Consultation:
    """Record that ``who`` opens the record of ``subject`` and why. Good for 15 minutes of this session."""
    return _begin(session, who, subject, None, reason, now)


def standing(session: Session, who: Who, alert_ids: Iterable[str], now: datetime) -> Consultation:
    """Return this session's consultation of any of these alerts. Raises ReasonNeeded if there is none."""
    return _find(session, who, now, Consultation.alert_id.in_(list(alert_ids)))


def standing_for_subject(session: Session, who: Who, subject_id: str, now: datetime) -> Consultation:
    """Return this session's consultation of a subject's record. Raises ReasonNeeded if there is none."""
    return _find(session, who, now, Consultation.subject_id == subject_id, Consultation.alert_id.is_(None))


def clean_reason(reason: str) -> str:
    """Return the reason without needless spaces. Raises Refused when it says nothing or too much."""
    reason = " ".join(reason.split())
    if len(reason) < REASON_SHORTEST or len({c for c in reason.casefold() if c.isalnum()}) < 4:
        raise Refused(
            422,
            "reason",
            f"Write the reason in at least {REASON_SHORTEST} characters that say why; names of people "
            "need not be in it.",
        )
    if len(reason) > REASON_LONGEST:
        raise Refused(422, "reason", f"Write the reason in at most {REASON_LONGEST} characters.")
    return reason


def _begin(
    session: Session, who: Who, subject: Subject, alert: Alert | None, reason: str, now: datetime
) -> Consultation:
    if who.role not in CONSULTING_ROLES or subject.unit_id != who.unit_id:
        raise Refused(403, "not-allowed", "Only officers and supervisors of the subject's own unit may consult it.")
    reason = clean_reason(reason)
    made = Consultation(
        id=uuid.uuid4().hex,
        person_id=who.id,
        session_hash=who.session.id_hash,
        subject_id=subject.id,
        alert_id=alert.id if alert else None,
        reason=reason,
        at=now,
        expires_at=now + GOOD_FOR,
    )
    session.add(made)
    audit.record(
        session,
        who.id,
        audit.CONSULTATION,
        f"alert:{alert.id}" if alert else f"subject:{subject.id}",
        reason,
        _order_of(session, subject, alert),
        {"consultation": made.id, "subject": subject.id},
        at=now,
    )
    return made


def _order_of(session: Session, subject: Subject, alert: Alert | None) -> str:
    if alert is not None and alert.order_id:
        return alert.order_id
    newest = select(OrderRecord.id).where(OrderRecord.subject_id == subject.id).order_by(OrderRecord.added_at.desc())
    return session.scalars(newest.limit(1)).first() or ""


def _find(session: Session, who: Who, now: datetime, *conditions: ColumnElement[bool]) -> Consultation:
    found = session.scalars(
        select(Consultation)
        .where(
            Consultation.person_id == who.id,
            Consultation.session_hash == who.session.id_hash,
            Consultation.expires_at > now,
            *conditions,
        )
        .order_by(Consultation.at.desc())
        .limit(1)
    ).first()
    if found is None:
        raise ReasonNeeded()
    return found
