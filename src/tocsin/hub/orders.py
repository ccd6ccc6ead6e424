"""Orders at the hub: taken in as signed, never altered; a varied one names the one it replaces.

The first order of a subject makes the subject, in the unit of whoever adds it.
"""

import uuid
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from tocsin.hub import audit, configuration, consultation
from tocsin.hub.refusals import Refused
from tocsin.hub.sessions import Who
from tocsin.hub.store.schema import OrderRecord, Subject
from tocsin.orders import OrderError, SignedOrder, verify

LONGEST: Final = 512 * 1024
"""Largest signed order taken in, in characters."""
_MOST_VARIED: Final = 50
_CLOCKS_DIFFER: Final = timedelta(minutes=10)


def add(session: Session, who: Who, signed: str, now: datetime) -> OrderRecord:
    """Take in a signed order for a subject of the person's own unit and return it. Harmless to repeat.

    Raises Refused: not signed, altered, by an authority not trusted here, over already, or of another subject
    than the order it says it replaces.
    """
    order = _verify(session, signed)
    known = session.scalars(select(OrderRecord).where(OrderRecord.digest == order.digest)).first()
    if known is not None:
        if known.subject.unit_id != who.unit_id:
            raise Refused(409, "known", "This order is held here already, by another unit.")
        return known
    if order.order.ends <= now:
        raise Refused(422, "order-over", "This order has ended; it cannot be added.")
    subject = _subject(session, who, order.order.subject, now)
    record = OrderRecord(
        id=uuid.uuid4().hex,
        subject_id=subject.id,
        reference=order.order.id[:100],
        digest=order.digest,
        signed=signed,
        signer=order.signer,
        valid_from=order.order.begins,
        valid_until=order.order.ends,
        added_at=now,
        added_by=who.id,
    )
    replaced = _replaced(session, subject, order.order.replaces)
    session.add(record)
    session.flush()
    if replaced is not None:
        replaced.superseded_by = record.id
    detail = {"act": "added", "digest": order.digest, "signer": order.signer, "subject": subject.id}
    if replaced is not None:
        detail["replaces"] = replaced.id
    audit.record(session, who.id, audit.COLLECTION, f"order:{record.id}", order_id=record.id, detail=detail, at=now)
    return record


def discharge(session: Session, who: Who, order: OrderRecord, reason: str, now: datetime) -> None:
    """End an order before its time: its devices stop collecting when they next ask. Raises Refused."""
    if order.discharged_at is not None:
        raise Refused(409, "discharged", "This order was discharged already.")
    order.discharged_at = now
    reason = consultation.clean_reason(reason)
    audit.record(
        session, who.id, audit.ALTERATION, f"order:{order.id}", reason, order.id, {"act": "discharged"}, at=now
    )


def status(order: OrderRecord, now: datetime) -> str:
    """Return ``not-yet``, ``in-force``, ``ended``, ``superseded`` or ``discharged``."""
    if order.discharged_at is not None and order.discharged_at <= now:
        return "discharged"
    if order.superseded_by:
        return "superseded"
    if now < order.valid_from:
        return "not-yet"
    return "in-force" if now < order.valid_until else "ended"


def runs_on(session: Session, order_id: str, now: datetime) -> bool:
    """Say whether an order, or the newest that replaces it, stays in force for longer than clocks may differ."""
    line = _line(session, order_id)
    newest = line[-1] if line else None
    return newest is not None and status(newest, now) == "in-force" and newest.valid_until - now > _CLOCKS_DIFFER


def later(session: Session, order_id: str, digest: str) -> OrderRecord | None:
    """Return the order of this digest among those that replaced an order, one after the other."""
    return next((order for order in _line(session, order_id)[1:] if order.digest == digest), None)


def _line(session: Session, order_id: str) -> list[OrderRecord]:
    """Return an order and those that replaced it, oldest first."""
    found: list[OrderRecord] = []
    order = session.get(OrderRecord, order_id)
    while order is not None and len(found) < _MOST_VARIED:
        found.append(order)
        order = session.get(OrderRecord, order.superseded_by) if order.superseded_by else None
    return found


def _verify(session: Session, signed: str) -> SignedOrder:
    if len(signed) > LONGEST:
        raise Refused(413, "too-large", f"A signed order is at most {LONGEST:,} characters.")
    roots = configuration.authorities(session)
    try:
        return verify(signed, roots or None)
    except OrderError as error:
        raise Refused(422, "bad-order", str(error)) from error


def _subject(session: Session, who: Who, reference: str, now: datetime) -> Subject:
    if len(reference) > 100:
        raise Refused(422, "reference", "The subject's reference has more than 100 characters.")
    query = select(Subject).where(Subject.unit_id == who.unit_id, Subject.reference == reference)
    subject = session.scalars(query).first()
    if subject is None:
        subject = Subject(id=uuid.uuid4().hex, unit_id=who.unit_id, reference=reference, created_at=now)
        session.add(subject)
        session.flush()
    elif subject.erased_at is not None:
        raise Refused(409, "erased", "This subject's record was erased; use a new reference.")
    return subject


def _replaced(session: Session, subject: Subject, reference: str) -> OrderRecord | None:
    if not reference:
        return None
    query = select(OrderRecord).where(
        OrderRecord.reference == reference,
        OrderRecord.superseded_by.is_(None),
        OrderRecord.subject_id == subject.id,
    )
    found = session.scalars(query.order_by(OrderRecord.added_at.desc())).first()
    same_unit = select(OrderRecord.id).join(Subject).where(Subject.unit_id == subject.unit_id)
    if found is None and session.scalars(same_unit.where(OrderRecord.reference == reference)).first() is not None:
        raise Refused(422, "replaces", "The order that this one replaces is not an open order of the same subject.")
    return found
