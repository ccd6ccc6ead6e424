"""What a person decides on a report that is held. Without such a decision nothing held is ever sent again."""

from datetime import datetime
from types import MappingProxyType
from typing import Final

from sqlalchemy.orm import Session

from tocsin.hub import audit, consultation
from tocsin.hub.refusals import Refused
from tocsin.hub.reports import preserving
from tocsin.hub.reports.states import State, move
from tocsin.hub.sessions import Who
from tocsin.hub.store.reports import Report

DECISIONS: Final = MappingProxyType(
    {
        "again": "Send it again. Say how you know that no report of this was opened there, or give the number of the "
        "one that was; it is then retracted first.",
        "edit": "Make it a draft again, to change what it says.",
        "filed": "It was filed: give the authority's number of it.",
        "withdraw": "Do not send it. If it is open there, it is retracted.",
    }
)


def decide(
    session: Session,
    who: Who,
    report: Report,
    decision: str,
    reason: str,
    now: datetime,
    remote_id: int | None = None,
) -> None:
    """Decide on a held report. Raises Refused."""
    if report.state != State.HELD:
        raise Refused(409, "state", f"Report R-{report.number} is {report.state}; there is nothing to decide.")
    if decision not in DECISIONS:
        raise Refused(422, "decision", f"A decision is one of {', '.join(DECISIONS)}.")
    if remote_id is not None and not 0 < remote_id < 2**63:
        raise Refused(422, "report-id", "The authority's number of a report is a whole number.")
    reason = consultation.clean_reason(reason)
    known = remote_id or report.remote_id
    detail = {"decision": decision, "held_for": report.held_for} | ({"remote_id": known} if known else {})
    if decision == "filed":
        if known is None:
            raise Refused(422, "report-id", "Give the authority's number of the filed report.")
        report.remote_id, report.undo_id, report.hint_id = known, None, None
        preserving.start(report, now)
        to = State.FILED
    else:
        report.undo_id, report.remote_id, report.hint_id = known, None, None
        report.journal, report.not_before = "", None
        to = {"again": State.APPROVED, "edit": State.DRAFT}.get(decision, State.DISCARDED)
        if decision == "again":
            report.approved_by, report.approved_at = who.id, now
        if decision == "withdraw" and known is not None:
            to = State.WITHDRAWING
    kind = "decided-retract" if to is State.WITHDRAWING else f"decided-{decision}"
    move(
        session, report, to, now, kind=kind, person_id=who.id, sentence=reason,
        action=audit.VERDICT, detail=detail,
    )  # fmt: skip
