"""Enrolment: one device, one token, one order that this hub already holds. Nobody enrols without all three."""

import secrets
import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from tocsin.evidence.journal import canonical
from tocsin.evidence.keys import unbase64, verify_signature
from tocsin.hub import audit
from tocsin.hub.consultation import clean_reason
from tocsin.hub.events import Event
from tocsin.hub.hub import Hub
from tocsin.hub.refusals import Refused
from tocsin.hub.sessions import Who
from tocsin.hub.store import after_commit
from tocsin.hub.store.schema import Device, OrderRecord, Token
from tocsin.orders import OrderError, SignedOrder, verify

GOOD_FOR: Final = timedelta(hours=72)
_USED = "This token was used already; ask for a new one."


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What a device sends to enrol. ``proof`` signs token, key and order's digest with the device's own key."""

    token: str
    public_key: str
    order: str
    platform: str
    software: str
    label: str
    proof: str


def issue_token(session: Session, order: OrderRecord, by: str, now: datetime) -> str:
    """Return a one-time token that enrols one device under ``order``; only its SHA-256 is kept. ``by``: a person's id.

    Raises Refused for an order that is over, discharged or superseded.
    """
    _check_in_force(order, now)
    token = secrets.token_urlsafe(24)
    row = Token(
        token_hash=_hash(token),
        kind="enrol",
        created_at=now,
        created_by=by,
        expires_at=now + GOOD_FOR,
        order_id=order.id,
    )
    session.add(row)
    detail = {"act": "enrol-token", "expires": row.expires_at.isoformat()}
    audit.record(session, by, audit.CONFIGURATION, f"order:{order.id}", order_id=order.id, detail=detail, at=now)
    return token


def enrol(session: Session, asked: Request, now: datetime) -> Device:
    """Make the device, spend the token, and return it. Raises Refused with the reason.

    A device whose first answer was lost may ask again with the same key and gets the same answer.
    """
    if unbase64(asked.public_key, 32) is None:
        raise Refused(422, "bad-key", "The device's key is not an Ed25519 public key in base64.")
    token = session.get(Token, _hash(asked.token))
    if token is None or token.kind != "enrol":
        raise Refused(403, "bad-token", "This token is not known here; check it, or ask for a new one.")
    signed = _verify(asked.order)
    if not verify_signature(asked.public_key, asked.proof, proof_of(asked.token, asked.public_key, signed.digest)):
        raise Refused(403, "bad-proof", "The device could not prove that it holds the key it named.")
    order = session.scalars(select(OrderRecord).where(OrderRecord.digest == signed.digest)).first()
    if order is None or token.order_id != order.id:
        raise Refused(403, "wrong-order", "This token was not given out for this order.")
    known = session.scalars(select(Device).where(Device.public_key == asked.public_key)).first()
    if known is not None:
        if token.used_at is not None and known.order_id == order.id and known.status != "removed":
            return known
        raise Refused(409, "known-key", "A device with this key is enrolled already; enrol again with a new key.")
    if token.used_at is not None:
        raise Refused(410, "used-token", _USED)
    if token.expires_at <= now:
        raise Refused(410, "expired-token", "This token has expired; ask for a new one.")
    _check_in_force(order, now)
    _check_label(signed, asked.label)
    token.used_at = now
    return _make(session, asked, order, now)


def proof_of(token: str, public_key: str, order_digest: str) -> bytes:
    """Return the bytes that a device signs to prove that it holds its key."""
    return canonical({"token": token, "public_key": public_key, "order_digest": order_digest})


def order_for(session: Session, device: Device, now: datetime) -> dict[str, Any]:
    """Return the device's order, whether it is in force, and its successor if it was varied."""
    order = session.get(OrderRecord, device.order_id)
    if order is None:
        raise Refused(404, "no-order", "The order of this device is not held here any more.")
    successor = session.get(OrderRecord, order.superseded_by) if order.superseded_by else None
    status = "in-force"
    if order.discharged_at is not None and order.discharged_at <= now:
        status = "discharged"
    elif successor is not None:
        status = "superseded"
    return {"order": order.signed, "status": status, "successor": successor.signed if successor else None}


def _make(session: Session, asked: Request, order: OrderRecord, now: datetime) -> Device:
    device = Device(
        id=uuid.uuid4().hex,
        subject_id=order.subject_id,
        order_id=order.id,
        label=asked.label,
        public_key=asked.public_key,
        platform=asked.platform,
        software=asked.software,
        status="active",
        enrolled_at=now,
        health={},
    )
    session.add(device)
    session.flush()
    detail = {"act": "enrolled", "platform": asked.platform, "software": asked.software}
    audit.record(
        session, device.id, audit.CONFIGURATION, f"device:{device.id}", order_id=order.id, detail=detail, at=now
    )
    return device


def _verify(text: str) -> SignedOrder:
    try:
        return verify(text)
    except OrderError as error:
        raise Refused(422, "bad-order", str(error)) from error


def _check_in_force(order: OrderRecord, now: datetime) -> None:
    if order.discharged_at is not None and order.discharged_at <= now:
        raise Refused(409, "order-over", "This order was discharged; no device can be enrolled under it.")
    if order.superseded_by:
        raise Refused(409, "order-over", "This order was replaced by a later one; enrol under that one.")
    if order.valid_until <= now:
        raise Refused(409, "order-over", "This order has ended; no device can be enrolled under it.")


def _check_label(signed: SignedOrder, label: str) -> None:
    labels = [device.label for device in signed.order.devices]
    if labels and label not in labels:
        raise Refused(
            422, "wrong-device", f"The order does not name a device {label!r}; it names {', '.join(map(repr, labels))}."
        )


def _hash(token: str) -> str:
    return sha256(token.encode("utf-8", "replace")).hexdigest()


def remove(session: Session, hub: Hub, who: Who, device: Device, reason: str, now: datetime) -> None:
    """Stop taking anything from a device; its journal stays. It is told so when it next reports.

    Raises Refused for a reason that says nothing.
    """
    said = clean_reason(reason)
    device.status, device.silent_since = "removed", None
    name, detail = f"device:{device.id}", {"act": "removed"}
    audit.record(session, who.id, audit.CONFIGURATION, name, said, device.order_id, detail, at=now)
    event = Event("device", device.id, device.subject.unit_id, {"status": "removed", "state": ""})
    after_commit(session, lambda: hub.bus.publish(event))
