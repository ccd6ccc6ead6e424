"""Subjects: by reference for everyone in the unit; the record after a reason."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Form
from fastapi.responses import Response
from sqlalchemy import func
from sqlalchemy.orm import Session

from tocsin.console import pages
from tocsin.console.device_rows import DeviceRow
from tocsin.console.frame import AWAITING
from tocsin.console.journal import Day, days_of
from tocsin.console.order_rows import OrderRow
from tocsin.console.visit import UNIT, Visit, visit
from tocsin.hub import consultation, retention, visibility
from tocsin.hub.refusals import Refused
from tocsin.hub.store.schema import Alert, Consultation, Device, OrderRecord, Subject

router = APIRouter(include_in_schema=False)

ALERTS_SHOWN: Final = 50
DAYS: Final = 14
At = Annotated[Visit, Depends(visit(*UNIT))]
Supervisor = Annotated[Visit, Depends(visit("supervisor"))]
Text = Annotated[str, Form(max_length=500)]


@dataclass(frozen=True, slots=True, kw_only=True)
class SubjectRow:
    """A subject in the list."""

    id: str
    reference: str
    hold: bool
    until: datetime | None
    devices: list[DeviceRow]
    open: int
    waiting: int
    last: datetime | None


@router.get("/subjects")
def listed(at: At) -> Response:
    """Show the unit's subjects, by reference."""
    with at.hub.store.reading() as session:
        return at.page(session, "subjects.html", rows=_rows(session, at))


@router.get("/subjects/{subject_id}")
def record(at: At, subject_id: str) -> Response:
    """Show a subject's record to someone who gave a reason; ask for one otherwise."""
    return _page(at, subject_id)


@router.post("/subjects/{subject_id}/consult")
def consult(at: At, subject_id: str, reason: Text) -> Response:
    """Record why the record is opened."""
    try:
        with at.hub.store.session() as session:
            subject = visibility.subject(session, at.who, subject_id)
            consultation.consult_subject(session, at.who, subject, reason, at.now)
    except Refused as refused:
        if refused.status != 422:
            raise
        return _page(at, subject_id, 422, error=str(refused))
    return pages.go(f"/subjects/{subject_id}")


@router.post("/subjects/{subject_id}/hold")
def hold(at: Supervisor, subject_id: str, reason: Text, do: Text = "hold") -> Response:
    """Put a legal hold on everything of a subject, or lift it."""
    act = retention.release if do == "release" else retention.hold
    try:
        with at.hub.store.session() as session:
            act(session, at.who, visibility.subject(session, at.who, subject_id), reason, at.now)
    except Refused as refused:
        if refused.status not in (409, 422):
            raise
        return _page(at, subject_id, refused.status, error=str(refused))
    return pages.go(f"/subjects/{subject_id}")


def _rows(session: Session, at: Visit) -> list[SubjectRow]:
    subjects = list(session.scalars(visibility.subjects(at.who).order_by(Subject.reference)))
    devices: dict[str, list[DeviceRow]] = {}
    for device in session.scalars(visibility.devices(at.who).where(Device.status != "removed").order_by(Device.label)):
        devices.setdefault(device.subject_id, []).append(DeviceRow.of(device))
    until: dict[str, datetime] = {}
    live = visibility.orders(at.who).where(
        OrderRecord.valid_from <= at.now,
        OrderRecord.valid_until > at.now,
        OrderRecord.superseded_by.is_(None),
        OrderRecord.discharged_at.is_(None),
    )
    for order in session.scalars(live):
        until[order.subject_id] = max(order.valid_until, until.get(order.subject_id, order.valid_until))
    columns = (
        Alert.subject_id,
        func.count().filter(Alert.status != "closed"),
        func.count().filter(Alert.status.in_(AWAITING)),
        func.max(Alert.last_at),
    )
    grouped = (
        visibility.alerts(at.who).with_only_columns(*columns, maintain_column_froms=True).group_by(Alert.subject_id)
    )
    counts = {row[0]: row[1:] for row in session.execute(grouped)}
    rows = []
    for subject in subjects:
        open_, waiting, last = counts.get(subject.id, (0, 0, None))
        rows.append(
            SubjectRow(
                id=subject.id,
                reference=subject.reference,
                hold=bool(subject.legal_hold),
                until=until.get(subject.id),
                devices=devices.get(subject.id, []),
                open=open_,
                waiting=waiting,
                last=last,
            )
        )
    return rows


def _page(at: Visit, subject_id: str, status: int = 200, error: str = "") -> Response:
    with at.hub.store.reading() as session:
        subject = visibility.subject(session, at.who, subject_id)
        facts: dict[str, Any] = {"subject": subject, "name": "", "error": error, "said": "", "consultation": None}
        try:
            given = consultation.standing_for_subject(session, at.who, subject_id, at.now)
        except consultation.ReasonNeeded:
            return at.page(session, "subject.html", status=status, **facts)
        return at.page(session, "subject.html", status=status, **(facts | _record(session, at, subject_id, given)))


def _record(session: Session, at: Visit, subject_id: str, given: Consultation) -> dict[str, Any]:
    devices = list(
        session.scalars(visibility.devices(at.who).where(Device.subject_id == subject_id).order_by(Device.label))
    )
    orders = session.scalars(
        visibility.orders(at.who).where(OrderRecord.subject_id == subject_id).order_by(OrderRecord.valid_from.desc())
    )
    alerts = visibility.alerts(at.who).where(Alert.subject_id == subject_id).order_by(Alert.number.desc())
    return {
        "consultation": given,
        "orders": [OrderRow.of(order, at.now) for order in orders],
        "devices": [DeviceRow.of(device) for device in devices],
        "alerts": list(session.scalars(alerts.limit(ALERTS_SHOWN)).unique()),
        "coverage": _coverage(session, at, [device.id for device in devices]),
        "name": visibility.subject_record(session, given).name,
        "subject": visibility.subject(session, at.who, subject_id),
    }


def _coverage(session: Session, at: Visit, devices: list[str]) -> list[Day]:
    midnight = at.now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    since = midnight - timedelta(days=DAYS - 1)
    return days_of(session, visibility.journal(at.who), devices, since, DAYS) if devices else []
