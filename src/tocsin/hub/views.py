"""Who looked at which item of sealed evidence: when, how and why.

A view is recorded when a person's browser shows an item unveiled, against the reason that the person gave. Nothing
else makes one: no worker, no device, no import. ``fileViewedByEsp`` in a report rests on these rows alone.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from tocsin.hub import audit, consultation, visibility
from tocsin.hub.refusals import Refused
from tocsin.hub.sessions import Who
from tocsin.hub.store.reports import View
from tocsin.hub.store.schema import Alert, FindingRecord

HOWS: Final = MappingProxyType(
    {
        "words": "read the words",
        "grey": "looked at it in grey",
        "colour": "looked at it in colour",
        "played": "watched it",
        "saved": "saved it unsealed",
        "metadata": "read its metadata",
    }
)
"""How an item was looked at, by code."""
SEEN: Final = frozenset({"grey", "colour", "played"})
"""What counts as having viewed a file."""
ITEM_MOST: Final = 10_000
_AGAIN: Final = timedelta(seconds=30)


def record(session: Session, who: Who, alert_id: str, evidence: str, item: int, how: str, now: datetime) -> View:
    """Record that ``who`` looked at an item. The same look within half a minute is one view.

    Raises Refused: 404 for an alert or evidence that is not theirs to see, 403 (ReasonNeeded) without a reason given
    in this session, 422 for an item or a way of looking that cannot be.
    """
    alert = visibility.alert(session, who, alert_id)
    given = consultation.standing(session, who, [alert.id], now)
    if how not in HOWS or not 0 <= item <= ITEM_MOST:
        raise Refused(422, "view", f"A view names an item and one of {', '.join(HOWS)}.")
    named = select(FindingRecord.id).where(FindingRecord.alert_id == alert.id, FindingRecord.evidence == evidence)
    if session.scalars(named.limit(1)).first() is None:
        raise Refused(404, "not-found", "There is no such evidence in this alert.")
    same = select(View).where(
        View.person_id == who.id,
        View.evidence == evidence,
        View.item == item,
        View.how == how,
        View.at > now - _AGAIN,
    )
    before = session.scalars(same.limit(1)).first()
    if before is not None:
        return before
    view = View(person_id=who.id, alert_id=alert.id, evidence=evidence, item=item, how=how, at=now, reason=given.reason)
    session.add(view)
    detail = {"item": item, "how": how, "alert": alert.id, "consultation": given.id}
    audit.record(
        session, who.id, audit.CONSULTATION, f"evidence:{evidence}", given.reason, alert.order_id or "", detail, at=now
    )
    session.flush()
    return view


def of_alert(session: Session, alert: Alert) -> list[View]:
    """Return the views of an alert's evidence, oldest first."""
    return list(session.scalars(select(View).where(View.alert_id == alert.id).order_by(View.id)))


def of_evidence(session: Session, digests: Iterable[str]) -> list[View]:
    """Return every view of these pieces of evidence, oldest first."""
    return list(session.scalars(select(View).where(View.evidence.in_(list(digests))).order_by(View.id)))
