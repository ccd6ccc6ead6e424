"""Who may see which rows. Every read of subjects, alerts, devices, orders and evidence goes through here.

Officers and supervisors see their own unit's; auditors see references (ids and numbers) of all units, without
names; administrators see none of these. What identifies a person or opens evidence is given only against a
:class:`Consultation` of the same person and session: a subject's name is not even loaded without one, and
touching it raises.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final, TypeVar

from sqlalchemy import Select, false, select
from sqlalchemy.orm import Session, defer, joinedload

from tocsin.hub import audit, consultation
from tocsin.hub.refusals import Refused, not_found
from tocsin.hub.sessions import Who
from tocsin.hub.store.reports import Report
from tocsin.hub.store.schema import (
    Alert,
    Consultation,
    Device,
    EvidenceRecord,
    FindingRecord,
    JournalEntry,
    OrderRecord,
    Subject,
)

_T = TypeVar("_T")

UNIT_ROLES: Final = ("officer", "supervisor")
"""Roles that see their own unit's subjects."""


def sees_unit(who: Who, unit_id: str) -> bool:
    """Tell whether ``who`` sees the subjects, alerts and devices of a unit (for live events)."""
    return who.role in UNIT_ROLES and who.unit_id == unit_id


def subjects(who: Who) -> Select[Subject]:
    """Select the subjects that ``who`` sees, without their names."""
    return select(Subject).where(_own(who, Subject.unit_id)).options(defer(Subject.name, raiseload=True))


def subject(session: Session, who: Who, subject_id: str) -> Subject:
    """Return one subject without the name, for asking a reason. Raises Refused (404) when not theirs to see."""
    return _one(session, subjects(who).where(Subject.id == subject_id), "subject")


def subject_record(session: Session, given: Consultation) -> Subject:
    """Return a subject with the name, against a consultation of that subject's record."""
    if given.alert_id is not None:
        raise consultation.ReasonNeeded()
    query = select(Subject).where(Subject.id == given.subject_id).execution_options(populate_existing=True)
    return _one(session, query, "subject")


def alerts(who: Who) -> Select[Alert]:
    """Select the alerts that ``who`` sees. Order and limit as needed; ``alert.subject.name`` is not loaded."""
    nameless = joinedload(Alert.subject).defer(Subject.name, raiseload=True)
    nameless_too = joinedload(Alert.device).joinedload(Device.subject).defer(Subject.name, raiseload=True)
    return select(Alert).where(_own(who, Alert.unit_id)).options(nameless, nameless_too)


def alert(session: Session, who: Who, alert_id: str) -> Alert:
    """Return one alert. Raises Refused (404) when it does not exist or is not theirs to see."""
    return _one(session, alerts(who).where(Alert.id == alert_id), "alert")


def devices(who: Who) -> Select[Device]:
    """Select the devices that ``who`` sees; ``device.subject.name`` is not loaded."""
    nameless = joinedload(Device.subject).defer(Subject.name, raiseload=True)
    return select(Device).join(Device.subject).where(_own(who, Subject.unit_id)).options(nameless)


def device(session: Session, who: Who, device_id: str) -> Device:
    """Return one device. Raises Refused (404) when it does not exist or is not theirs to see."""
    return _one(session, devices(who).where(Device.id == device_id), "device")


def orders(who: Who) -> Select[OrderRecord]:
    """Select the orders that ``who`` sees; ``order.subject.name`` is not loaded."""
    nameless = joinedload(OrderRecord.subject).defer(Subject.name, raiseload=True)
    return select(OrderRecord).join(OrderRecord.subject).where(_own(who, Subject.unit_id)).options(nameless)


def order(session: Session, who: Who, order_id: str) -> OrderRecord:
    """Return one order. Raises Refused (404) when it does not exist or is not theirs to see."""
    return _one(session, orders(who).where(OrderRecord.id == order_id), "order")


def findings(who: Who) -> Select[FindingRecord]:
    """Select the readable parts of the findings that ``who`` sees."""
    return select(FindingRecord).join(Alert, FindingRecord.alert_id == Alert.id).where(_own(who, Alert.unit_id))


def journal(who: Who) -> Select[JournalEntry]:
    """Select the journal entries of the devices that ``who`` sees."""
    owned = select(Device.id).join(Device.subject).where(_own(who, Subject.unit_id))
    return select(JournalEntry).where(JournalEntry.device_id.in_(owned))


def reports(who: Who) -> Select[Report]:
    """Select the reports that ``who`` sees; their facts stay sealed."""
    return select(Report).where(_own(who, Report.unit_id))


def report(session: Session, who: Who, report_id: str) -> Report:
    """Return one report. Raises Refused (404) when it does not exist or is not theirs to see."""
    return _one(session, reports(who).where(Report.id == report_id), "report")


def evidence(session: Session, given: Consultation) -> Sequence[EvidenceRecord]:
    """Return the evidence of the consulted alert, oldest first."""
    if given.alert_id is None:
        raise consultation.ReasonNeeded()
    wanted = select(FindingRecord.evidence).where(
        FindingRecord.alert_id == given.alert_id, FindingRecord.evidence.is_not(None)
    )
    query = select(EvidenceRecord).where(EvidenceRecord.digest.in_(wanted))
    return session.scalars(query.order_by(EvidenceRecord.declared_at, EvidenceRecord.digest)).all()


def disclose_evidence(session: Session, who: Who, digest: str, now: datetime) -> EvidenceRecord:
    """Return one piece of evidence that is about to leave for the person's browser, and log that it does.

    Raises Refused: 404 when it is not theirs to see, 403 (ReasonNeeded) without a consultation of one of its
    alerts in this session, 410 when it was erased, 409 while the device has not yet sent it.
    """
    alert_ids = session.scalars(findings(who).where(FindingRecord.evidence == digest).with_only_columns(Alert.id)).all()
    record = session.get(EvidenceRecord, digest)
    if record is None or not alert_ids:
        raise not_found("evidence")
    given = consultation.standing(session, who, alert_ids, now)
    if record.status == "erased":
        raise Refused(410, "erased", "This evidence was erased at the end of its retention; its digest is in the log.")
    if record.status != "stored":
        raise Refused(409, "pending", "The device has announced this evidence but not sent it yet; try again soon.")
    detail = {"consultation": given.id, "alert": given.alert_id, "recipients": [who.id], "size": record.size}
    audit.record(session, who.id, audit.DISCLOSURE, f"evidence:{digest}", given.reason, detail=detail, at=now)
    return record


def _own(who: Who, unit_column: Any) -> Any:
    return unit_column == who.unit_id if who.role in UNIT_ROLES else false()


def _one(session: Session, query: Select[_T], what: str) -> _T:
    found = session.scalars(query).unique().first()
    if found is None:
        raise not_found(what)
    return found
