"""Alerts over HTTP: list, read, and everything a person does with one."""

from datetime import datetime
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Path, Query
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy.orm import Session

from tocsin.hub import alerts, consultation, contents, timeline, visibility
from tocsin.hub.hub import Hub, of_request
from tocsin.hub.refusals import Refused
from tocsin.hub.sessions import Who, require
from tocsin.hub.store.schema import Alert, FindingRecord, Person
from tocsin.model import utc_text

router = APIRouter(prefix="/api/v1/alerts", tags=["alerts"])

UNIT: Final = ("officer", "supervisor")
TheHub = Annotated[Hub, Depends(of_request)]
TheWho = Annotated[Who, Depends(require(*UNIT))]


class Reason(BaseModel):
    """Why something is done."""

    model_config = ConfigDict(extra="forbid")
    reason: str = Field(max_length=4000)


class Handover(Reason):
    """To whom an alert goes; None: the next who is called."""

    to: str | None = Field(default=None, max_length=32)


class Assignment(BaseModel):
    """Who looks after an alert."""

    model_config = ConfigDict(extra="forbid")
    to: str = Field(max_length=32)


class Decision(BaseModel):
    """What a person decided of one content."""

    model_config = ConfigDict(extra="forbid")
    verdict: str = Field(max_length=20)


class Closing(BaseModel):
    """What a person decided."""

    model_config = ConfigDict(extra="forbid")
    verdict: str = Field(max_length=20)
    note: str = Field(max_length=4000)
    category: str | None = Field(default=None, max_length=40)
    severity: int | None = Field(default=None, ge=1, le=5)


@router.get("")
def list_alerts(
    hub: TheHub,
    who: TheWho,
    status: Annotated[list[str] | None, Query(max_length=4)] = None,
    category: Annotated[str | None, Query(max_length=40)] = None,
    least: Annotated[int, Query(ge=1, le=5)] = 1,
    subject: Annotated[str | None, Query(max_length=32)] = None,
    device: Annotated[str | None, Query(max_length=32)] = None,
    before: Annotated[int | None, Query(ge=1, le=2**31 - 1)] = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> dict[str, Any]:
    """Return this unit's alerts, newest first. ``next``: pass it as ``before`` for the page after."""
    query = visibility.alerts(who).order_by(Alert.number.desc()).limit(limit + 1)
    wanted = [
        (status, Alert.status.in_(status or [])),
        (category, Alert.category == category),
        (subject, Alert.subject_id == subject),
        (device, Alert.device_id == device),
    ]
    for given, condition in wanted:
        if given:
            query = query.where(condition)
    if least > 1:
        query = query.where(Alert.severity >= least)
    if before is not None:
        query = query.where(Alert.number < before)
    with hub.store.reading() as session:
        rows = list(session.scalars(query).unique())
        page = rows[:limit]
        return {"alerts": [brief(alert) for alert in page], "next": page[-1].number if len(rows) > limit else None}


@router.get("/{alert_id}")
def get_alert(alert_id: str, hub: TheHub, who: TheWho) -> dict[str, Any]:
    """Return one alert with its findings (codes only) and history."""
    with hub.store.reading() as session:
        return whole(session, visibility.alert(session, who, alert_id))


@router.get("/{alert_id}/around")
def get_around(
    alert_id: str, hub: TheHub, who: TheWho, hours: Annotated[float, Query(gt=0, le=48)] = timeline.HOURS
) -> dict[str, Any]:
    """Return the hours around an alert, from the journal alone."""
    with hub.store.reading() as session:
        rows = timeline.around(session, visibility.alert(session, who, alert_id), hours)
        return {"hours": hours, "rows": [timeline.as_dict(row) for row in rows]}


@router.post("/{alert_id}/acknowledge")
def acknowledge(alert_id: str, hub: TheHub, who: TheWho) -> dict[str, Any]:
    """Say that you look after this alert."""
    with hub.store.session() as session:
        alert, person, now = _for_change(session, hub, who, alert_id)
        alerts.acknowledge(session, hub, alert, person, now)
        return brief(alert)


@router.post("/{alert_id}/escalate")
def escalate(alert_id: str, asked: Handover, hub: TheHub, who: TheWho) -> dict[str, Any]:
    """Hand the alert to a supervisor, or to a named colleague, and call them."""
    with hub.store.session() as session:
        alert, person, now = _for_change(session, hub, who, alert_id)
        alerts.escalate(session, hub, alert, person, now, asked.reason, asked.to)
        return brief(alert)


@router.post("/{alert_id}/assign")
def assign(alert_id: str, asked: Assignment, hub: TheHub, who: TheWho) -> dict[str, Any]:
    """Give the alert to a colleague."""
    with hub.store.session() as session:
        alert, person, now = _for_change(session, hub, who, alert_id)
        alerts.assign(session, hub, alert, person, now, asked.to)
        return brief(alert)


@router.post("/{alert_id}/close")
def close(alert_id: str, asked: Closing, hub: TheHub, who: TheWho) -> dict[str, Any]:
    """Close with one of the five verdicts and a note."""
    with hub.store.session() as session:
        alert, person, now = _for_change(session, hub, who, alert_id)
        alerts.close(
            session,
            hub,
            alert,
            person,
            now,
            verdict=asked.verdict,
            note_text=asked.note,
            category=asked.category,
            severity=asked.severity,
        )
        return brief(alert)


@router.post("/{alert_id}/contents/{number}")
def decide(
    alert_id: str, number: Annotated[int, Path(ge=1, le=2**31 - 1)], asked: Decision, hub: TheHub, who: TheWho
) -> dict[str, Any]:
    """Decide on one of several contents; the last one decided closes the alert, as true if any of them is."""
    with hub.store.session() as session:
        alert, person, now = _for_change(session, hub, who, alert_id)
        contents.decide(session, hub, alert, person, now, number, asked.verdict)
        return brief(alert) | {"contents": _contents(session, alert)}


@router.post("/{alert_id}/undo")
def undo(alert_id: str, hub: TheHub, who: TheWho) -> dict[str, Any]:
    """Take back the last decision on a content; the alert is opened again if that had closed it."""
    with hub.store.session() as session:
        alert, person, now = _for_change(session, hub, who, alert_id)
        contents.undo(session, hub, alert, person, now)
        return brief(alert) | {"contents": _contents(session, alert)}


@router.post("/{alert_id}/reopen")
def reopen(alert_id: str, asked: Reason, hub: TheHub, who: TheWho) -> dict[str, Any]:
    """Open a closed alert again."""
    with hub.store.session() as session:
        alert, person, now = _for_change(session, hub, who, alert_id)
        alerts.reopen(session, hub, alert, person, now, asked.reason)
        return brief(alert)


@router.post("/{alert_id}/consult")
def consult(alert_id: str, asked: Reason, hub: TheHub, who: TheWho) -> dict[str, Any]:
    """Say why you open this alert's evidence; returns where to fetch it, for 15 minutes of this session."""
    with hub.store.session() as session:
        now = hub.clock.now()
        alert = visibility.alert(session, who, alert_id)
        given = consultation.consult(session, who, alert, asked.reason, now)
        findings = {finding.evidence: finding for finding in alerts.findings_of(session, alert) if finding.evidence}
        return {
            "until": utc_text(given.expires_at),
            "evidence": [
                {
                    "digest": record.digest,
                    "url": f"/api/v1/evidence/{record.digest}",
                    "at": utc_text(findings[record.digest].at),
                    "kinds": record.kinds,
                    "size": record.size,
                    "status": record.status,
                }
                for record in visibility.evidence(session, given)
            ],
        }


def brief(alert: Alert) -> dict[str, Any]:
    """Return an alert as lists carry it."""
    return {
        "id": alert.id,
        "number": alert.number,
        "category": alert.category,
        "severity": alert.severity,
        "confidence": alert.confidence,
        "status": alert.status,
        "subject": {"id": alert.subject_id, "reference": alert.subject.reference},
        "device": {"id": alert.device_id, "label": alert.device.label} if alert.device else None,
        "signals": alert.signals,
        "clauses": [{key: clause[key] for key in ("clause", "condition", "status")} for clause in alert.clauses],
        "matches": alert.matches,
        "findings": alert.findings_count,
        "first_at": utc_text(alert.first_at),
        "last_at": utc_text(alert.last_at),
        "created_at": utc_text(alert.created_at),
        "assigned_to": alert.assigned_to,
        "verdict": alert.verdict,
    }


def whole(session: Session, alert: Alert) -> dict[str, Any]:
    """Return an alert as its page shows it."""
    return brief(alert) | {
        "not_seen": alert.not_seen,
        "benign": alert.benign,
        "clauses": alert.clauses,
        "order": alert.order_id,
        "acknowledged_at": _text(alert.acknowledged_at),
        "acknowledged_by": alert.acknowledged_by,
        "escalation_level": alert.escalation_level,
        "escalate_at": _text(alert.escalate_at),
        "closed_at": _text(alert.closed_at),
        "closed_by": alert.closed_by,
        "verdict_category": alert.verdict_category,
        "verdict_severity": alert.verdict_severity,
        "note": alert.note,
        "contents": _contents(session, alert),
        "finding_list": [_finding(finding) for finding in alerts.findings_of(session, alert)],
        "history": [
            {"at": utc_text(event.at), "person": event.person_id, "kind": event.kind, "detail": event.detail}
            for event in alerts.history_of(session, alert)
        ],
    }


def _contents(session: Session, alert: Alert) -> list[dict[str, Any]]:
    return [
        {
            "number": each.number,
            "entries": [{"list": match["list"], "entry": match["entry"]} for match in each.matches],
            "verdict": each.decided.verdict if each.decided else None,
            "decided_by": each.decided.person_id if each.decided else None,
            "decided_at": _text(each.decided.at) if each.decided else None,
            "confirmed_by": each.confirmed.person_id if each.confirmed else None,
        }
        for each in contents.of_alert(session, alert)
    ]


def _finding(finding: FindingRecord) -> dict[str, Any]:
    return {
        "id": finding.id,
        "at": utc_text(finding.at),
        "received_at": utc_text(finding.received_at),
        "category": finding.category,
        "severity": finding.severity,
        "confidence": finding.confidence,
        "detector": finding.detector,
        "version": finding.version,
        "signals": finding.signals,
        "verdicts": finding.verdicts,
        "matches": finding.matches,
        "evidence": finding.evidence,
    }


def _for_change(session: Session, hub: Hub, who: Who, alert_id: str) -> tuple[Alert, Person, datetime]:
    alert = visibility.alert(session, who, alert_id)
    person = session.get(Person, who.id)
    if person is None:
        raise Refused(401, "not-signed-in", "Sign in first.")
    return alert, person, hub.clock.now()


def _text(at: datetime | None) -> str | None:
    return None if at is None else utc_text(at)
