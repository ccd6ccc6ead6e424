"""What people decided on the matches of one device, for the device to pass on: numbered, never a name of a person."""

from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.orm import Session, lazyload

from tocsin.hub.store.schema import Alert, AlertEvent, Device
from tocsin.model import ReviewVerdict, utc_text

MOST: Final = 200
"""Decisions that one answer looks at."""

SETTLED: Final = timedelta(seconds=5)
"""Decisions younger than this wait for the next question: numbers are given before they are on disk."""


def verdicts_for(session: Session, device: Device, after: int, now: datetime) -> dict[str, Any]:
    """Return the decisions past number ``after`` on alerts of a device that name entries of lists.

    A decision stands for an alert as it is now: one that was opened again tells nothing until it is closed again.
    ``contents`` is how many different contents the alert speaks of: one verdict on several says little of each.
    """
    query = (
        select(AlertEvent, Alert)
        .join(Alert, Alert.id == AlertEvent.alert_id)
        .where(
            AlertEvent.id > after,
            AlertEvent.kind == "closed",
            AlertEvent.at <= now - SETTLED,
            Alert.device_id == device.id,
        )
        .order_by(AlertEvent.id)
        .limit(MOST)
        .options(lazyload(Alert.subject), lazyload(Alert.device))
    )
    rows = session.execute(query).all()
    told = [said for event, alert in rows if (said := _said(event, alert)) is not None]
    return {"verdicts": told, "next": rows[-1][0].id if rows else after, "more": len(rows) == MOST}


def _said(event: AlertEvent, alert: Alert) -> dict[str, Any] | None:
    decided = ReviewVerdict(alert.verdict).is_true if alert.status == "closed" and alert.verdict else None
    if decided is None or not alert.matches or alert.closed_at is None or event.at < alert.closed_at:
        return None
    return {
        "number": event.id,
        "alert": alert.number,
        "at": utc_text(event.at),
        "verdict": "true" if decided else "false",
        "contents": len({match.get("thing", number) for number, match in enumerate(alert.matches)}),
        "matches": [
            {name: match[name] for name in ("list", "entry", "by", "distance") if name in match}
            for match in alert.matches
        ],
    }
