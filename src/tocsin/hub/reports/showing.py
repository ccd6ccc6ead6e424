"""Reports as the API and the pages show them. Facts only against a reason given in this session."""

from datetime import datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from tocsin.hub import consultation, views, visibility
from tocsin.hub.hub import Hub
from tocsin.hub.reports import drafting, settings
from tocsin.hub.reports.states import State
from tocsin.hub.sessions import Who
from tocsin.hub.store.reports import Report, ReportEvent
from tocsin.hub.store.schema import Alert
from tocsin.model import utc_text


def brief(session: Session, report: Report) -> dict[str, Any]:
    """Return a report as lists carry it: no word of what it says about a user."""
    alert = session.get(Alert, report.alert_id) if report.alert_id else None
    return {
        "id": report.id,
        "number": report.number,
        "state": report.state,
        "held_for": report.held_for,
        "sentence": report.sentence,
        "environment": report.environment,
        "incident_type": report.incident_type,
        "escalated": report.escalated,
        "alert": {"id": alert.id, "number": alert.number} if alert else None,
        "supplements": report.supplements,
        "files": len(report.files),
        "attempt": report.attempt,
        "remote_id": report.remote_id,
        "undo_id": report.undo_id,
        "hint_id": report.hint_id,
        "drafted_by": report.drafted_by,
        "drafted_at": utc_text(report.drafted_at),
        "approved_by": report.approved_by,
        "approved_at": _text(report.approved_at),
        "not_before": _text(report.not_before),
        "filed_at": _text(report.filed_at),
        "preserve_until": _text(report.preserve_until),
        "erased_at": _text(report.erased_at),
        "updated_at": utc_text(report.updated_at),
    }


def whole(session: Session, hub: Hub, who: Who, report: Report, now: datetime) -> dict[str, Any]:
    """Return a report as its page shows it; ``facts`` is None until a reason was given for its alert."""
    digests = [str(each["evidence"]) for each in report.files]
    environment = report.environment or settings.environment(session)
    facts = None
    if report.facts and reason_given(session, who, report, now):
        facts = drafting.as_json(drafting.facts_of(hub, report))
    return brief(session, report) | {
        "facts": facts,
        "file_list": report.files,
        "sent": report.sent,
        "prior_reports": drafting.prior_reports(session, report, environment),
        "views": [
            {
                "evidence": view.evidence,
                "item": view.item,
                "how": view.how,
                "at": utc_text(view.at),
                "person": view.person_id,
                "reason": view.reason,
            }
            for view in views.of_evidence(session, digests)
        ],
        "history": [
            {"at": utc_text(event.at), "person": event.person_id, "kind": event.kind, "detail": event.detail}
            for event in history(session, report)
        ],
    }


def reason_given(session: Session, who: Who, report: Report, now: datetime) -> bool:
    """Say whether ``who`` gave a reason in this session for the alert that a report comes from."""
    if report.alert_id is None:
        return False
    try:
        consultation.standing(session, who, [report.alert_id], now)
    except consultation.ReasonNeeded:
        return False
    return True


def history(session: Session, report: Report) -> list[ReportEvent]:
    """Return what happened to a report, oldest first."""
    return list(session.scalars(select(ReportEvent).where(ReportEvent.report_id == report.id).order_by(ReportEvent.id)))


def counts(session: Session, who: Who) -> dict[str, int]:
    """Return how many reports of a person's unit are in each state."""
    query = visibility.reports(who).with_only_columns(Report.state, func.count()).group_by(Report.state)
    found: dict[str, int] = {state: int(count) for state, count in session.execute(query)}
    return {state.value: found.get(state.value, 0) for state in State}


def _text(at: datetime | None) -> str | None:
    return None if at is None else utc_text(at)
