"""Subjects: the list by reference; the record, with the name, after a reason; legal hold; what would be erased."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends
from pydantic import BaseModel, Field
from sqlalchemy import func

from tocsin.hub import audit, consultation, orders, retention, visibility
from tocsin.hub.api.evidence import Reason
from tocsin.hub.hub import Hub, of
from tocsin.hub.sessions import Who, require
from tocsin.hub.store.schema import Alert, Device, OrderRecord, Subject
from tocsin.model import utc_text

router = APIRouter(prefix="/api/v1", tags=["subjects"])

Hubs = Annotated[Hub, Depends(of)]
Consulting = Annotated[Who, Depends(require(*consultation.CONSULTING_ROLES))]
Supervisor = Annotated[Who, Depends(require("supervisor"))]


class Name(BaseModel):
    """A subject's name; empty removes it."""

    name: str = Field(max_length=200)


@router.get("/subjects")
def list_subjects(who: Consulting, hub: Hubs) -> list[dict[str, Any]]:
    """Return the unit's subjects by reference, with counts; no names."""
    with hub.store.reading() as session:
        rows = list(session.scalars(visibility.subjects(who).order_by(Subject.reference)))
        mine = visibility.alerts(who).with_only_columns(Alert.subject_id, func.count()).where(Alert.status != "closed")
        counts = {row[0]: row[1] for row in session.execute(mine.group_by(Alert.subject_id))}
        return [_line(subject) | {"open_alerts": counts.get(subject.id, 0)} for subject in rows]


@router.post("/subjects/{subject_id}/consult")
def consult(subject_id: str, given: Reason, who: Consulting, hub: Hubs) -> dict[str, Any]:
    """Record the reason; the record can then be read in this session for 15 minutes."""
    with hub.store.session() as session:
        subject = visibility.subject(session, who, subject_id)
        made = consultation.consult_subject(session, who, subject, given.reason, hub.clock.now())
        return {"until": utc_text(made.expires_at)}


@router.get("/subjects/{subject_id}")
def record(subject_id: str, who: Consulting, hub: Hubs) -> dict[str, Any]:
    """Return a subject's record: name, orders, devices and alerts. 403 until a reason was given."""
    now = hub.clock.now()
    with hub.store.reading() as session:
        visibility.subject(session, who, subject_id)
        given = consultation.standing_for_subject(session, who, subject_id, now)
        subject = visibility.subject_record(session, given)
        held = visibility.orders(who).where(OrderRecord.subject_id == subject.id).order_by(OrderRecord.added_at)
        devices = visibility.devices(who).where(Device.subject_id == subject.id).order_by(Device.enrolled_at)
        alerts = visibility.alerts(who).where(Alert.subject_id == subject.id).order_by(Alert.number.desc()).limit(500)
        return _line(subject) | {
            "name": subject.name,
            "legal_hold": subject.legal_hold,
            "orders": [
                {"id": each.id, "reference": each.reference, "status": orders.status(each, now)}
                for each in session.scalars(held)
            ],
            "devices": [
                {"id": each.id, "label": each.label, "status": each.status} for each in session.scalars(devices)
            ],
            "alerts": [
                {"id": each.id, "number": each.number, "severity": each.severity, "status": each.status}
                for each in session.scalars(alerts).unique()
            ],
        }


@router.put("/subjects/{subject_id}/name", status_code=204)
def rename(subject_id: str, given: Name, who: Consulting, hub: Hubs) -> None:
    """Set or remove a subject's name; the log keeps that it changed, not the name."""
    now = hub.clock.now()
    with hub.store.session() as session:
        visibility.subject(session, who, subject_id)
        standing = consultation.standing_for_subject(session, who, subject_id, now)
        visibility.subject_record(session, standing).name = " ".join(given.name.split())
        detail = {"name": "set" if given.name.strip() else "removed"}
        audit.record(session, who.id, audit.ALTERATION, f"subject:{subject_id}", detail=detail, at=now)


@router.put("/subjects/{subject_id}/hold", status_code=204)
def hold(subject_id: str, given: Reason, who: Supervisor, hub: Hubs) -> None:
    """Put a legal hold on a subject: nothing of theirs is erased until it is released."""
    with hub.store.session() as session:
        retention.hold(session, who, visibility.subject(session, who, subject_id), given.reason, hub.clock.now())


@router.post("/subjects/{subject_id}/release", status_code=204)
def release(subject_id: str, given: Reason, who: Supervisor, hub: Hubs) -> None:
    """Release a legal hold."""
    with hub.store.session() as session:
        retention.release(session, who, visibility.subject(session, who, subject_id), given.reason, hub.clock.now())


@router.get("/retention/plan")
def plan(who: Annotated[Who, Depends(require("supervisor", "administrator"))], hub: Hubs) -> dict[str, Any]:
    """Return exactly what retention would erase now: the unit's for supervisors, everything for administrators."""
    unit = who.unit_id if who.role == "supervisor" else None
    with hub.store.reading() as session:
        return retention.plan(session, hub.clock.now(), unit_id=unit).as_dict()


def _line(subject: Subject) -> dict[str, Any]:
    return {
        "id": subject.id,
        "reference": subject.reference,
        "on_hold": bool(subject.legal_hold),
        "since": utc_text(subject.created_at),
    }
