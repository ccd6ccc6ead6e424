"""Orders: taken in as signed, shown, discharged; and the one-time tokens that enrol devices under them."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends
from pydantic import BaseModel, Field

from tocsin.evidence.keys import fingerprint
from tocsin.hub import enrolment, orders, visibility
from tocsin.hub.api.evidence import Reason
from tocsin.hub.hub import Hub, of
from tocsin.hub.sessions import Who, require
from tocsin.hub.store.schema import OrderRecord
from tocsin.model import utc_text

router = APIRouter(prefix="/api/v1", tags=["orders"])

Hubs = Annotated[Hub, Depends(of)]
Unit = Annotated[Who, Depends(require(*visibility.UNIT_ROLES))]


class Signed(BaseModel):
    """A signed order, as ``tocsin order sign`` writes it."""

    signed: str = Field(max_length=orders.LONGEST)


@router.get("/orders")
def list_orders(who: Unit, hub: Hubs) -> list[dict[str, Any]]:
    """Return the unit's orders, the newest first."""
    with hub.store.reading() as session:
        rows = session.scalars(visibility.orders(who).order_by(OrderRecord.added_at.desc()))
        return [_line(hub, each) for each in rows]


@router.get("/orders/{order_id}")
def read_order(order_id: str, who: Unit, hub: Hubs) -> dict[str, Any]:
    """Return one order with its whole signed text."""
    with hub.store.reading() as session:
        order = visibility.order(session, who, order_id)
        return _line(hub, order) | {"signed": order.signed, "superseded_by": order.superseded_by}


@router.post("/orders", status_code=201)
def add(given: Signed, who: Unit, hub: Hubs) -> dict[str, Any]:
    """Take in a signed order; the first of a subject makes the subject."""
    with hub.store.session() as session:
        return _line(hub, orders.add(session, who, given.signed, hub.clock.now()))


@router.post("/orders/{order_id}/discharge", status_code=204)
def discharge(order_id: str, given: Reason, who: Unit, hub: Hubs) -> None:
    """End an order before its time; its devices stop collecting."""
    with hub.store.session() as session:
        orders.discharge(session, who, visibility.order(session, who, order_id), given.reason, hub.clock.now())


@router.post("/orders/{order_id}/token", status_code=201)
def token(order_id: str, who: Unit, hub: Hubs) -> dict[str, Any]:
    """Return a one-time token that enrols one device under this order; it is shown this once."""
    with hub.store.session() as session:
        order = visibility.order(session, who, order_id)
        made = enrolment.issue_token(session, order, who.id, hub.clock.now())
        return {"token": made, "hours": int(enrolment.GOOD_FOR.total_seconds() // 3600)}


def _line(hub: Hub, order: OrderRecord) -> dict[str, Any]:
    return {
        "id": order.id,
        "reference": order.reference,
        "subject_id": order.subject_id,
        "subject": order.subject.reference,
        "digest": order.digest,
        "signer": order.signer,
        "fingerprint": fingerprint(order.signer),
        "from": utc_text(order.valid_from),
        "until": utc_text(order.valid_until),
        "status": orders.status(order, hub.clock.now()),
    }
