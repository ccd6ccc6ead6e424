"""What a platform's gateway may do: ask for a report, read how its reports stand, take a request back.

What it asks for is a draft that waits for a person; nothing is approved or sent by it. It reads of reports about its
own alerts only, and of no report what is said of a user.
"""

import json
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any, Final

from sqlalchemy import Select, func, or_, select
from sqlalchemy.orm import Session

from tocsin.evidence.journal import canonical
from tocsin.exchange.cybertip.asked import Asked
from tocsin.hub.hub import Hub
from tocsin.hub.refusals import Refused
from tocsin.hub.reports import drafting
from tocsin.hub.reports.states import HELD_FOR, State, move
from tocsin.hub.store.reports import Report, ReportRequest
from tocsin.hub.store.schema import Alert, Device, EvidenceRecord, FindingRecord
from tocsin.model import Category, utc_text

MOST_WAITING: Final = 500
"""Requests of one gateway that may wait for a person."""
ARRIVING: Final = timedelta(minutes=10)
"""Evidence declared within this time is awaited before a draft is made without it."""

WORDS: Final = MappingProxyType(
    {
        State.DRAFT: "A draft; it waits for a person.",
        State.READY: "It waits for a second person.",
        State.APPROVED: "Approved; it waits for the worker.",
        State.FILING: "A worker is filing it.",
        State.OPENED: "A worker is filing it; it is open at the authority.",
        State.STOPPING: "A person wants it stopped; the worker that has it stops before its next step.",
        State.HELD: "Held: a person must decide.",
        State.FILED: "Filed at the authority.",
        State.WITHDRAWING: "It is being withdrawn at the authority.",
        State.WITHDRAWN: "It was withdrawn at the authority.",
        State.DISCARDED: "It was decided, or asked, not to send it.",
    }
)


def ask(session: Session, hub: Hub, device: Device, asked: Asked, now: datetime) -> tuple[Report, bool]:
    """Draft what a gateway asks for; return the report, and whether it is new. Raises Refused."""
    key = hub.secret.digest("report-request-key", f"{device.id}\x00{asked.key}")
    body = hub.secret.digest("report-request", canonical(asked.model_dump(mode="json")).decode())
    before = session.scalars(
        select(ReportRequest).where(ReportRequest.device_id == device.id, ReportRequest.key == key)
    ).first()
    if before is not None:
        if before.body != body:
            raise Refused(409, "key", "Another report was asked for under this key; choose a new key.")
        return session.get_one(Report, before.report_id), False
    _refuse_flood(session, device)
    alert, findings = _about(session, device, asked)
    files = _files(session, findings, now)
    report = drafting.draft(session, hub, None, alert, asked.facts(), files, now, device_id=device.id)
    said = {"key": asked.key} | ({"finding": asked.finding} if asked.finding else {})
    session.add(
        ReportRequest(
            report_id=report.id,
            device_id=device.id,
            key=key,
            body=body,
            said=hub.secret.seal(json.dumps(said)),
            at=now,
        )
    )
    session.flush()
    return report, True


def take_back(session: Session, device: Device, report: Report, now: datetime) -> None:
    """Take a request back while it is a draft that no person has taken up. Harmless to repeat. Raises Refused."""
    request = session.get(ReportRequest, report.id)
    if request is None or request.device_id != device.id:
        raise Refused(409, "not-asked", f"Report R-{report.number} was drafted by a person; a person decides on it.")
    if report.state == State.DISCARDED and report.drafted_by is None:
        return
    if report.state != State.DRAFT:
        raise Refused(409, "state", f"Report R-{report.number} is {report.state}; only a draft can be taken back.")
    if report.drafted_by is not None:
        raise Refused(409, "taken-up", f"A person has taken report R-{report.number} up; a person decides on it.")
    move(session, report, State.DISCARDED, now, kind="taken-back", device_id=device.id)


def reports(device: Device) -> Select[Report]:
    """Select the reports that a gateway may read of: about its alerts, or asked for by it."""
    return (
        select(Report)
        .outerjoin(Alert, Report.alert_id == Alert.id)
        .outerjoin(ReportRequest, ReportRequest.report_id == Report.id)
        .where(or_(Alert.device_id == device.id, ReportRequest.device_id == device.id))
    )


def one(session: Session, device: Device, report_id: str) -> Report:
    """Return one of a gateway's reports. Raises Refused (404)."""
    found = session.scalars(reports(device).where(Report.id == report_id)).first()
    if found is None:
        raise Refused(404, "not-found", "There is no such report, or it is not about a finding of this gateway.")
    return found


def told(session: Session, hub: Hub, device: Device, report: Report) -> dict[str, Any]:
    """Return how a report stands, for the platform: no word of what it says about a user but its own key."""
    alert = session.get(Alert, report.alert_id) if report.alert_id else None
    request = session.get(ReportRequest, report.id)
    said: dict[str, Any] = {}
    if request is not None and request.device_id == device.id:
        said = json.loads(hub.secret.open(request.said))
    state = State(report.state)
    why = HELD_FOR.get(report.held_for, "") if state is State.HELD else ""
    return {
        "id": report.id,
        "number": report.number,
        "state": report.state,
        "words": " ".join(part for part in (WORDS[state], why) if part),
        "held_for": report.held_for or None,
        "failure": report.sentence or None,
        "key": said.get("key"),
        "finding": said.get("finding"),
        "alert": {"id": alert.id, "number": alert.number, "status": alert.status} if alert else None,
        "incident_type": report.incident_type,
        "files": len(report.files),
        "environment": report.environment or None,
        "authority_number": report.remote_id if state in (State.FILED, State.OPENED) else None,
        "drafted_at": utc_text(report.drafted_at),
        "approved_at": _text(report.approved_at),
        "filed_at": _text(report.filed_at),
        "preserve_until": _text(report.preserve_until),
        "updated_at": utc_text(report.updated_at),
    }


def _about(session: Session, device: Device, asked: Asked) -> tuple[Alert, list[FindingRecord]]:
    """Return the alert that a request is about, and the findings whose evidence goes with it."""
    query = select(FindingRecord).where(FindingRecord.device_id == device.id).order_by(FindingRecord.seq)
    if asked.finding is not None:
        query = query.where(FindingRecord.id == asked.finding)
    else:
        query = query.where(FindingRecord.alert_id == asked.alert)
    findings = list(session.scalars(query))
    if not findings:
        raise Refused(
            404,
            "not-found",
            "The hub knows no such finding or alert of this gateway: it was not recorded, is not here any more, or is "
            "on its way; then ask again in a minute.",
        )
    alert = session.get_one(Alert, findings[0].alert_id)
    if alert.device_id != device.id:
        raise Refused(409, "alert", f"Alert A-{alert.number} began elsewhere; a person drafts a report about it.")
    if any(one.category == Category.SUPPORT for one in findings):
        raise Refused(409, "support", f"Alert A-{alert.number} is about somebody who may need support, not a suspect.")
    return alert, findings


def _files(session: Session, findings: list[FindingRecord], now: datetime) -> list[drafting.File]:
    """Return the findings' evidence, whole; what has just been declared is awaited."""
    digests = list(dict.fromkeys(one.evidence for one in findings if one.evidence))[: drafting.FILES_MOST]
    found = {
        record.digest: record
        for record in session.scalars(select(EvidenceRecord).where(EvidenceRecord.digest.in_(digests)))
    }
    if any(one.status == "pending" and now - one.declared_at < ARRIVING for one in found.values()):
        raise Refused(409, "arriving", "The sealed evidence is on its way to the hub; ask again in a minute.")
    return [
        drafting.File(evidence=digest) for digest in digests if digest in found and found[digest].status == "stored"
    ]


def _refuse_flood(session: Session, device: Device) -> None:
    waiting = session.scalar(
        select(func.count())
        .select_from(ReportRequest)
        .join(Report, ReportRequest.report_id == Report.id)
        .where(ReportRequest.device_id == device.id, Report.state == State.DRAFT.value, Report.drafted_by.is_(None))
    )
    if (waiting or 0) >= MOST_WAITING:
        raise Refused(
            429,
            "too-many",
            f"{MOST_WAITING} reports that were asked for wait for a person; more can be asked for then.",
        )


def _text(at: datetime | None) -> str | None:
    return None if at is None else utc_text(at)
