"""A second person confirms, or disputes, what the first found true, where a unit asks for that.

What was decided content by content is confirmed so: each content that was found true, by somebody who did not decide
it. To agree, one has to have looked: a recorded view of the alert's evidence, where there is any.
"""

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from tocsin.hub import alerts, audit, consultation, contents
from tocsin.hub.hub import Hub
from tocsin.hub.refusals import Refused
from tocsin.hub.ringing import announce, note
from tocsin.hub.store.reports import View
from tocsin.hub.store.schema import Alert, AlertEvent, EvidenceRecord, FindingRecord, Person
from tocsin.model import ReviewVerdict


def confirm(session: Session, hub: Hub, alert: Alert, person: Person, now: datetime, *, agrees: bool, why: str) -> None:
    """Confirm an alert that another person closed as true, with all of its contents, or open it again.

    Raises Refused.
    """
    _refuse_unless_awaited(session, alert)
    waiting = contents.waiting(contents.of_alert(session, alert))
    if not waiting and alert.closed_by == person.id:
        raise Refused(409, "second-person", "A second person confirms this; the verdict is yours.")
    why = consultation.clean_reason(why)
    if not agrees:
        alerts.reopen(session, hub, alert, person, now, why)
        return
    _refuse_unseen(session, alert, person)
    for content in waiting:
        _refuse_own(content, person)
    for content in waiting:
        contents.agree(session, hub, alert, person, now, content)
    if waiting:
        return
    note(session, alert, "confirmed", now, why, person.id)
    detail = {"act": "confirmed", "verdict": alert.verdict or ""}
    audit.record(session, person.id, audit.VERDICT, f"alert:{alert.id}", why, alert.order_id or "", detail, at=now)
    announce(session, hub, alert, "confirmed", ring=False)


def confirm_content(
    session: Session, hub: Hub, alert: Alert, person: Person, now: datetime, number: int, *, agrees: bool
) -> None:
    """Confirm the verdict on one of several contents, or take it back, which opens the alert again. Raises Refused."""
    _refuse_unless_awaited(session, alert)
    waiting = contents.waiting(contents.of_alert(session, alert))
    content = next((each for each in waiting if each.number == number), None)
    if content is None:
        raise Refused(409, "contents", f"Content {number} does not wait for a second person.")
    _refuse_own(content, person)
    if not agrees:
        contents.dispute(session, hub, alert, person, now, content)
        return
    _refuse_unseen(session, alert, person)
    contents.agree(session, hub, alert, person, now, content)


def awaits(session: Session, alert: Alert) -> bool:
    """Say whether an alert was closed as true and nobody else has confirmed it yet."""
    if alert.status != "closed" or ReviewVerdict(alert.verdict or "cannot-tell").is_true is not True:
        return False
    return not confirmed(session, alert)


def open_to(session: Session, alert: Alert, person_id: str) -> bool:
    """Say whether an alert waits for a second person, and this one may be that."""
    if not awaits(session, alert):
        return False
    waiting = contents.waiting(contents.of_alert(session, alert))
    if not waiting:
        return alert.closed_by != person_id
    return any(each.decided is not None and each.decided.person_id != person_id for each in waiting)


def confirmed(session: Session, alert: Alert) -> bool:
    """Say whether a second person confirmed the present verdict."""
    query = select(AlertEvent.id).where(
        AlertEvent.alert_id == alert.id, AlertEvent.kind == "confirmed", AlertEvent.at >= alert.closed_at
    )
    return session.scalars(query.limit(1)).first() is not None


def looked(session: Session, alert: Alert, person_id: str) -> bool:
    """Say whether a person has looked at an alert's evidence, or there is none to look at."""
    mine = select(View.id).where(View.alert_id == alert.id, View.person_id == person_id)
    if session.scalars(mine.limit(1)).first() is not None:
        return True
    stored = (
        select(EvidenceRecord.digest)
        .join(FindingRecord, FindingRecord.evidence == EvidenceRecord.digest)
        .where(FindingRecord.alert_id == alert.id, EvidenceRecord.status == "stored")
    )
    return session.scalars(stored.limit(1)).first() is None


def _refuse_unless_awaited(session: Session, alert: Alert) -> None:
    if not awaits(session, alert):
        raise Refused(
            409,
            "state",
            f"Alert A-{alert.number} does not wait for a second person: it was confirmed, or its verdict taken back.",
        )


def _refuse_own(content: contents.Content, person: Person) -> None:
    if content.decided is not None and content.decided.person_id == person.id:
        raise Refused(409, "second-person", f"A second person confirms content {content.number}; the verdict is yours.")


def _refuse_unseen(session: Session, alert: Alert, person: Person) -> None:
    if not looked(session, alert, person.id):
        raise Refused(409, "unseen", "To agree you have to have looked: give a reason and open the item first.")
