"""A second person confirms, or disputes, what the first found true, where a unit asks for that."""

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from tocsin.hub import alerts, audit, consultation
from tocsin.hub.hub import Hub
from tocsin.hub.refusals import Refused
from tocsin.hub.ringing import announce, note
from tocsin.hub.store.schema import Alert, AlertEvent, Person
from tocsin.model import ReviewVerdict


def confirm(session: Session, hub: Hub, alert: Alert, person: Person, now: datetime, *, agrees: bool, why: str) -> None:
    """Confirm an alert that another person closed as true, or dispute it, which opens it again. Raises Refused."""
    if not awaits(session, alert):
        raise Refused(409, "state", f"Alert A-{alert.number} does not wait for a second person.")
    if alert.closed_by == person.id:
        raise Refused(409, "second-person", "A second person confirms this; the verdict is yours.")
    why = consultation.clean_reason(why)
    if not agrees:
        alerts.reopen(session, hub, alert, person, now, why)
        return
    note(session, alert, "confirmed", now, why, person.id)
    detail = {"act": "confirmed", "verdict": alert.verdict or ""}
    audit.record(session, person.id, audit.VERDICT, f"alert:{alert.id}", why, alert.order_id or "", detail, at=now)
    announce(session, hub, alert, "confirmed", ring=False)


def awaits(session: Session, alert: Alert) -> bool:
    """Say whether an alert was closed as true and nobody else has confirmed it yet."""
    if alert.status != "closed" or ReviewVerdict(alert.verdict or "cannot-tell").is_true is not True:
        return False
    return not confirmed(session, alert)


def confirmed(session: Session, alert: Alert) -> bool:
    """Say whether a second person confirmed the present verdict."""
    query = select(AlertEvent.id).where(
        AlertEvent.alert_id == alert.id,
        AlertEvent.kind == "confirmed",
        AlertEvent.at >= alert.closed_at,
        AlertEvent.person_id != alert.closed_by,
    )
    return session.scalars(query.limit(1)).first() is not None
