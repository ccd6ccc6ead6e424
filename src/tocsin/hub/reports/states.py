"""The states of a report, which may follow which, and the words for them."""

from datetime import datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Any, Final

from sqlalchemy.orm import Session

from tocsin.hub import audit
from tocsin.hub.refusals import Refused
from tocsin.hub.store.reports import Report, ReportEvent


class State(StrEnum):
    """Where a report is.

    ``draft`` → ``ready`` (for a second person, where that is asked for) → ``approved`` → ``filing`` (a worker may
    submit) → ``opened`` (it has a number there) → ``filed``. ``held``: a person must decide. ``stopping``: a person
    wants it stopped while a worker has it. ``withdrawing`` → ``withdrawn``: a person wants it retracted.
    ``discarded``: it was never sent.
    """

    DRAFT = "draft"
    READY = "ready"
    APPROVED = "approved"
    FILING = "filing"
    OPENED = "opened"
    STOPPING = "stopping"
    HELD = "held"
    FILED = "filed"
    WITHDRAWING = "withdrawing"
    WITHDRAWN = "withdrawn"
    DISCARDED = "discarded"


ENDED: Final = frozenset({State.FILED, State.WITHDRAWN, State.DISCARDED})
UNSENT: Final = frozenset({State.WITHDRAWN, State.DISCARDED})
"""Ended without a report at the authority."""

NEXT: Final = MappingProxyType(
    {
        State.DRAFT: frozenset({State.READY, State.APPROVED, State.DISCARDED, State.WITHDRAWING}),
        State.READY: frozenset({State.APPROVED, State.DRAFT, State.DISCARDED, State.WITHDRAWING}),
        State.APPROVED: frozenset(
            {State.FILING, State.DRAFT, State.DISCARDED, State.HELD, State.FILED, State.WITHDRAWING}
        ),
        State.FILING: frozenset({State.OPENED, State.APPROVED, State.HELD, State.FILED, State.STOPPING}),
        State.OPENED: frozenset({State.FILED, State.APPROVED, State.HELD, State.STOPPING}),
        State.STOPPING: frozenset({State.WITHDRAWN, State.DISCARDED, State.WITHDRAWING, State.HELD, State.FILED}),
        State.HELD: frozenset({State.APPROVED, State.DRAFT, State.FILED, State.WITHDRAWING, State.DISCARDED}),
        State.WITHDRAWING: frozenset({State.WITHDRAWN, State.HELD, State.FILED}),
        State.FILED: frozenset({State.HELD}),
        State.WITHDRAWN: frozenset({State.HELD, State.FILED}),
        State.DISCARDED: frozenset({State.HELD, State.FILED}),
    }
)
"""What may follow. An ended report moves only when a worker turns out to know better than a person did."""

STATE_AFTER: Final = MappingProxyType(
    {
        "drafted": State.DRAFT,
        "asked": State.DRAFT,
        "sent-back": State.DRAFT,
        "decided-edit": State.DRAFT,
        "ready": State.READY,
        "approved": State.APPROVED,
        "again": State.APPROVED,
        "decided-again": State.APPROVED,
        "taken": State.FILING,
        "opened": State.OPENED,
        "to-stop": State.STOPPING,
        "held": State.HELD,
        "filed": State.FILED,
        "decided-filed": State.FILED,
        "to-retract": State.WITHDRAWING,
        "decided-retract": State.WITHDRAWING,
        "withdrawn": State.WITHDRAWN,
        "discarded": State.DISCARDED,
        "stopped": State.DISCARDED,
        "decided-withdraw": State.DISCARDED,
        "taken-back": State.DISCARDED,
    }
)
"""The state that an event of a report's history leaves it in, by kind. Kinds that are not here leave it as it was."""

HELD_FOR: Final = MappingProxyType(
    {
        "ambiguous-submit": "The report was sent, and no answer came: it may or may not have been opened there.",
        "refused": "The authority's service refused it.",
        "evidence": "The evidence could not be opened or is not here.",
        "invalid": "The report does not fit the authority's schema.",
        "worker-gone": "The worker that had taken it has not been heard from.",
        "no-answer": "The service has not taken it for 30 days.",
        "damaged": "The service's digest of a file differs from ours.",
        "filed-elsewhere": "A worker says that it had filed it in an earlier attempt.",
    }
)
"""Why a person must decide, by code."""


def move(
    session: Session,
    report: Report,
    to: State,
    now: datetime,
    *,
    kind: str,
    person_id: str | None = None,
    sentence: str = "",
    action: str = audit.ALTERATION,
    detail: dict[str, Any] | None = None,
    device_id: str = "",
) -> None:
    """Move a report on and write it down, in its history and in the audit log. Raises Refused for a wrong step.

    ``person_id`` or ``device_id`` says who does it; neither: the hub.
    """
    before = State(report.state)
    if to is not before and to not in NEXT[before]:
        raise Refused(409, "state", f"Report R-{report.number} is {before.value}; it cannot become {to.value} now.")
    report.state, report.updated_at = to.value, now
    if to is not State.HELD:
        report.held_for = ""
    report.sentence = sentence[:1000] if to in (State.HELD, State.APPROVED) else ""
    note(session, report, kind, now, sentence, person_id)
    audit.record(
        session,
        person_id or device_id or audit.HUB,
        action,
        f"report:{report.id}",
        sentence[: audit.REASON_LONGEST] if person_id else "",
        detail={"act": kind, "from": before.value, "to": to.value, "attempt": report.attempt} | (detail or {}),
        at=now,
    )


def note(
    session: Session, report: Report, kind: str, now: datetime, detail: str = "", person_id: str | None = None
) -> None:
    """Add a line to a report's history."""
    session.add(ReportEvent(report_id=report.id, at=now, person_id=person_id, kind=kind, detail=detail[:1000]))
