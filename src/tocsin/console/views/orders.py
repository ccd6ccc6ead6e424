"""Orders: list, verify and add a signed one, its clauses, enrolment tokens, discharge."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Form
from fastapi.responses import Response
from sqlalchemy import func
from sqlalchemy.orm import Session

from tocsin.console import pages
from tocsin.console.device_rows import DeviceRow
from tocsin.console.frame import names
from tocsin.console.order_rows import OrderRow
from tocsin.console.visit import UNIT, Visit, visit
from tocsin.evidence.keys import fingerprint
from tocsin.hub import configuration, enrolment, orders, visibility
from tocsin.hub.refusals import Refused
from tocsin.hub.store.schema import Device, OrderRecord
from tocsin.orders import OrderError, SignedOrder, verify

router = APIRouter(include_in_schema=False)

At = Annotated[Visit, Depends(visit(*UNIT))]
Signed = Annotated[str, Form(max_length=orders.LONGEST)]
Text = Annotated[str, Form(max_length=500)]


@dataclass(frozen=True, slots=True)
class Token:
    """An enrolment token, shown once, with the command to run on the supervised computer."""

    command: str
    expires_at: datetime


@router.get("/orders")
def listed(at: At, said: str = "") -> Response:
    """Show the unit's orders and the form that adds one."""
    return _list(at, said="The order is discharged; its devices stop collecting." if said == "discharged" else "")


@router.post("/orders/check")
def check(at: At, signed: Signed) -> Response:
    """Verify a signed order and show who signed it, before anything is added."""
    try:
        with at.hub.store.reading() as session:
            roots = configuration.authorities(session)
        found = verify(signed, roots or None)
    except OrderError as error:
        return _list(at, 422, error=str(error), text=signed)
    return _list(at, checked=_checked(found))


@router.post("/orders/add")
def add(at: At, signed: Signed, compared: Text = "") -> Response:
    """Add a signed order whose signer a person has compared."""
    try:
        if compared != "yes":
            raise Refused(422, "compare", "Compare the signer's fingerprint first, then tick the box.")
        with at.hub.store.session() as session:
            made = orders.add(session, at.who, signed, at.now)
            address = f"/orders/{made.id}?said=added"
    except Refused as refused:
        return _list(at, refused.status, error=str(refused), text=signed)
    return pages.go(address)


@router.get("/orders/{order_id}")
def one(at: At, order_id: str, said: str = "") -> Response:
    """Show one order: clauses verbatim, recipients, devices."""
    return _one(
        at, order_id, said="The order is added. Make an enrolment token for each device." if said == "added" else ""
    )


@router.get("/orders/{order_id}/signed")
def download(at: At, order_id: str) -> Response:
    """Hand out the signed order as a file."""
    with at.hub.store.reading() as session:
        record = visibility.order(session, at.who, order_id)
        headers = {"Content-Disposition": f'attachment; filename="order-{record.digest[:12]}.json"'}
        return Response(record.signed, media_type="application/json", headers=headers)


@router.post("/orders/{order_id}/token")
def token(at: At, order_id: str) -> Response:
    """Make an enrolment token and show the exact command line."""
    try:
        with at.hub.store.session() as session:
            record = visibility.order(session, at.who, order_id)
            made = enrolment.issue_token(session, record, at.who.id, at.now)
            file = f"order-{record.digest[:12]}.json"
    except Refused as refused:
        if refused.status not in (409, 422):
            raise
        return _one(at, order_id, refused.status, error=str(refused))
    base = str(at.request.base_url).rstrip("/")
    command = f"tocsin agent enrol --hub {base} --token {made} --order {file}"
    return _one(at, order_id, token=Token(command, at.now + enrolment.GOOD_FOR))


@router.post("/orders/{order_id}/discharge")
def discharge(at: At, order_id: str, reason: Text) -> Response:
    """End an order before its time."""
    try:
        with at.hub.store.session() as session:
            orders.discharge(session, at.who, visibility.order(session, at.who, order_id), reason, at.now)
    except Refused as refused:
        if refused.status not in (409, 422):
            raise
        return _one(at, order_id, refused.status, error=str(refused))
    return pages.go("/orders?said=discharged")


def _checked(found: SignedOrder) -> dict[str, Any]:
    order = found.order
    return {
        "title": order.title,
        "subject": order.subject,
        "fingerprint": found.fingerprint,
        "begins": order.begins,
        "ends": order.ends,
        "clauses": ", ".join(clause.number for clause in order.clauses),
        "evidence": order.evidence,
        "recipients": [f"{each.name} ({each.role})" for each in order.recipients],
        "replaces": order.replaces,
        "text": found.text,
    }


def _list(at: Visit, status: int = 200, **facts: Any) -> Response:
    known: dict[str, Any] = {"checked": None, "error": "", "said": "", "text": ""}
    with at.hub.store.reading() as session:
        mine = visibility.devices(at.who).where(Device.status != "removed")
        counted = mine.with_only_columns(Device.order_id, func.count(), maintain_column_froms=True)
        devices = {order_id: count for order_id, count in session.execute(counted.group_by(Device.order_id))}  # noqa: C416
        found = session.scalars(visibility.orders(at.who).order_by(OrderRecord.added_at.desc()))
        rows = [OrderRow.of(record, at.now, devices.get(record.id, 0)) for record in found]
        return at.page(session, "orders.html", status=status, rows=rows, **(known | facts))


def _one(at: Visit, order_id: str, status: int = 200, **facts: Any) -> Response:
    known: dict[str, Any] = {"token": None, "error": "", "said": ""}
    with at.hub.store.reading() as session:
        record = visibility.order(session, at.who, order_id)
        row = OrderRow.of(record, at.now)
        return at.page(
            session,
            "order.html",
            status=status,
            row=record,
            order=verify(record.signed).order,
            state=row.state,
            live=row.live,
            fingerprint=fingerprint(record.signer),
            devices=_devices(session, at, order_id),
            names=names(session),
            **(known | facts),
        )


def _devices(session: Session, at: Visit, order_id: str) -> list[DeviceRow]:
    query = visibility.devices(at.who).where(Device.order_id == order_id).order_by(Device.label)
    return [DeviceRow.of(device) for device in session.scalars(query)]
