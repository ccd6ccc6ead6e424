"""The preservation clock: what was reported is kept for a year, and goes only when a person decides so.

REPORT Act 2024, 18 USC 2258A(h). Ordinary retention leaves this evidence alone (hub/retention.py).
"""

from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from tocsin.hub import audit, consultation
from tocsin.hub.refusals import Refused
from tocsin.hub.reports.states import UNSENT, State, note
from tocsin.hub.sessions import Who
from tocsin.hub.store.reports import Report
from tocsin.hub.store.schema import Alert, EvidenceRecord, FindingRecord


def start(report: Report, now: datetime) -> None:
    """Start the clock: the report was filed now."""
    report.filed_at, report.preserve_until = now, one_year_after(now)


def one_year_after(at: datetime) -> datetime:
    """Return the same moment a year on; after 29 February comes 1 March."""
    try:
        return at.replace(year=at.year + 1)
    except ValueError:
        return at.replace(year=at.year + 1, month=3, day=1)


def preserved_alerts() -> Any:
    """Select the ids of alerts that a report preserves; for ordinary retention to leave alone."""
    return select(Report.alert_id).where(
        Report.alert_id.is_not(None),
        Report.erased_at.is_(None),
        Report.state.not_in([state.value for state in UNSENT]),
    )


def erase(session: Session, who: Who, report: Report, reason: str, now: datetime) -> list[str]:
    """End a report's preservation once its year is over; return the digests whose bytes go now.

    What another report or an open alert still needs stays. Raises Refused before the year is over, under legal hold,
    and without a reason.
    """
    if report.state != State.FILED or report.preserve_until is None or report.erased_at is not None:
        raise Refused(409, "state", f"Report R-{report.number} preserves nothing.")
    if now < report.preserve_until:
        raise Refused(
            409, "preserved", f"Report R-{report.number} is preserved until {report.preserve_until:%Y-%m-%d}."
        )
    reason = consultation.clean_reason(reason)
    alert = session.get(Alert, report.alert_id) if report.alert_id else None
    if alert is not None and alert.subject.legal_hold:
        raise Refused(409, "hold", "A legal hold keeps this; it is lifted first.")
    report.facts, report.files, report.erased_at, report.updated_at = "", [], now, now
    session.flush()
    going = [] if alert is None or alert.status != "closed" else _evidence(session, alert)
    for record in going:
        record.status = "erased"
        audit.record(session, who.id, audit.ERASURE, f"evidence:{record.digest}", reason, at=now)
    note(session, report, "erased", now, reason, who.id)
    detail = {"evidence": len(going)}
    audit.record(session, who.id, audit.ERASURE, f"report:{report.id}", reason, detail=detail, at=now)
    return [record.digest for record in going]


def _evidence(session: Session, alert: Alert) -> list[EvidenceRecord]:
    """Return the alert's evidence that no other preserved or open alert names."""
    needed = (
        select(FindingRecord.evidence)
        .join(Alert, FindingRecord.alert_id == Alert.id)
        .where(
            FindingRecord.evidence.is_not(None),
            (Alert.status != "closed") | Alert.id.in_(preserved_alerts()),
        )
    )
    query = (
        select(EvidenceRecord)
        .join(FindingRecord, FindingRecord.evidence == EvidenceRecord.digest)
        .where(
            FindingRecord.alert_id == alert.id,
            EvidenceRecord.status != "erased",
            EvidenceRecord.digest.not_in(needed),
        )
        .distinct()
    )
    return list(session.scalars(query))
