"""The review queues: what waits for a person, what waits for a second one, and who may need support, kept apart."""

from typing import Any, Final

from sqlalchemy import ColumnElement, Select, func
from sqlalchemy.orm import Session

from tocsin.console import words
from tocsin.console.frame import AWAITING
from tocsin.hub import confirming, visibility
from tocsin.hub.reports import settings
from tocsin.hub.sessions import Who
from tocsin.hub.store.schema import Alert
from tocsin.model import Category, ReviewVerdict

SHOWN: Final = 50
"""Items that a queue's page lists."""


def rows(session: Session, who: Who, show: str) -> list[Alert]:
    """Return what waits: by severity, then the longest waiting; or what others found true and nobody confirmed."""
    if show == "confirm":
        query = visibility.alerts(who).where(_of("new"))
        true = [verdict.value for verdict in ReviewVerdict if verdict.is_true]
        closed = query.where(Alert.status == "closed", Alert.verdict.in_(true))
        found = session.scalars(closed.order_by(Alert.closed_at.desc()).limit(4 * SHOWN)).unique()
        return [each for each in found if confirming.open_to(session, each, who.id)][:SHOWN]
    waiting = visibility.alerts(who).where(_of(show), _waits_for(who))
    return list(session.scalars(waiting.order_by(Alert.severity.desc(), Alert.number).limit(SHOWN)).unique())


def counts(session: Session, who: Who, *, confirm: bool = True) -> dict[str, int]:
    """Return how many wait in each queue, ``review-confirm`` only if wanted and where a second person confirms."""
    new, support = (func.count().filter(_of(show)) for show in ("new", "support"))
    query: Select[Any] = visibility.alerts(who).where(_waits_for(who))
    waiting, apart = session.execute(query.with_only_columns(new, support, maintain_column_froms=True)).one()
    found = {"review": waiting, "review-support": apart}
    if confirm and settings.review(session).two_person:
        found["review-confirm"] = len(rows(session, who, "confirm"))
    return found


def place(session: Session, who: Who, alert: Alert) -> str:
    """Return the queue that an alert is in for a person: new, support, confirm, or none."""
    if alert.category == Category.CONDITION:
        return ""
    show = "support" if alert.category == Category.SUPPORT else "new"
    if alert.status == "closed":
        again = show == "new" and settings.review(session).two_person
        return "confirm" if again and confirming.open_to(session, alert, who.id) else ""
    return show if alert.status in AWAITING or alert.acknowledged_by == who.id else ""


def dealt_with(who: Who, alert: Alert, names: dict[str, str]) -> str:
    """Return a sentence about what somebody else did with an alert meanwhile; nothing for what waits or is one's own.

    ``names``: everybody's by id.
    """
    if alert.status == "closed" and alert.closed_by != who.id:
        return f"{names.get(alert.closed_by or '', 'Somebody')} closed it: {words.verdict(alert.verdict)}."
    if alert.status == "acknowledged" and alert.acknowledged_by != who.id:
        return f"{names.get(alert.acknowledged_by or '', 'Somebody')} has it."
    return ""


def _of(show: str) -> ColumnElement[bool]:
    if show == "support":  # people who may need help are never shown among what is reviewed
        return Alert.category == Category.SUPPORT
    return Alert.category.not_in((Category.SUPPORT, Category.CONDITION))  # a silent device is no item to look at


def _waits_for(who: Who) -> ColumnElement[bool]:
    return Alert.status.in_(AWAITING) | ((Alert.status == "acknowledged") & (Alert.acknowledged_by == who.id))
