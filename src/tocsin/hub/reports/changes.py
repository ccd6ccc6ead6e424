"""What became of a gateway's reports, change by change and numbered, for it to tell its platform.

Each change says the state that it left the report in. What persons wrote (reasons, facts) is not told, nor who
they are.
"""

from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session, lazyload

from tocsin.hub.hub import Hub
from tocsin.hub.reports import asking
from tocsin.hub.reports.states import HELD_FOR, STATE_AFTER, State
from tocsin.hub.store.reports import Report, ReportEvent, ReportRequest
from tocsin.hub.store.schema import Alert, Device
from tocsin.model import utc_text

MOST: Final = 200
"""Changes that one answer tells."""

SETTLED: Final = timedelta(seconds=3)
"""Changes younger than this wait for the next question: numbers are given before they are on disk."""

_KEPT: Final = ("key", "finding", "alert", "incident_type", "files", "environment")


def changes_for(
    session: Session, hub: Hub, device: Device, after: int, since: datetime | None, now: datetime
) -> dict[str, Any]:
    """Return the changes past number ``after``, and since a moment, of reports that a gateway may read of.

    ``next`` is ``after`` of the next question; nothing is told that has a number behind one still being written.
    """
    young = session.scalar(
        select(func.min(ReportEvent.id)).where(ReportEvent.id > after, ReportEvent.at > now - SETTLED)
    )
    last = session.scalar(select(func.max(ReportEvent.id)).where(ReportEvent.id > after))
    upto = young - 1 if young is not None else last if last is not None else after
    query = (
        select(ReportEvent, Report)
        .join(Report, ReportEvent.report_id == Report.id)
        .outerjoin(Alert, Report.alert_id == Alert.id)
        .outerjoin(ReportRequest, ReportRequest.report_id == Report.id)
        .where(
            ReportEvent.id > after,
            ReportEvent.id <= upto,
            ReportEvent.kind.in_(STATE_AFTER),
            or_(Alert.device_id == device.id, ReportRequest.device_id == device.id),
        )
        .order_by(ReportEvent.id)
        .limit(MOST)
        .options(lazyload("*"))
    )
    if since is not None:
        query = query.where(ReportEvent.at >= since)
    rows = session.execute(query).all()
    more = len(rows) == MOST
    return {
        "changes": [_told(session, hub, device, event, report) for event, report in rows],
        "next": rows[-1][0].id if more else max(after, upto),
        "more": more,
    }


def _told(session: Session, hub: Hub, device: Device, event: ReportEvent, report: Report) -> dict[str, Any]:
    """Return one change. What only the present shows (why it is held, its number there) is left out of the past."""
    state, stands = STATE_AFTER[event.kind], asking.told(session, hub, device, report)
    held_for = report.held_for if state is State.HELD and report.state == State.HELD else ""
    filed = report if state is State.FILED else None
    return {
        "change": event.id,
        "at": utc_text(event.at),
        "report": report.id,
        "number": report.number,
        "state": state.value,
        "words": " ".join(part for part in (asking.WORDS[state], HELD_FOR.get(held_for, "")) if part),
        "held_for": held_for or None,
        "failure": (event.detail or None) if event.kind in ("held", "again") else None,
        "authority_number": filed.remote_id if filed else None,
        "preserve_until": utc_text(filed.preserve_until) if filed and filed.preserve_until else None,
    } | {name: stands[name] for name in _KEPT}
