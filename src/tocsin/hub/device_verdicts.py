"""What people decided on the matches of one device, for the device to pass on: numbered, never a name of a person."""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.orm import Session, lazyload

from tocsin.hub import contents
from tocsin.hub.store.schema import Alert, AlertEvent, Device
from tocsin.model import ReviewVerdict, utc_text

MOST: Final = 200
"""Decisions that one answer looks at."""

MATCHES_MOST: Final = 2000
"""Matches after which an answer ends: it stays small enough for a device to read, however much alerts gather."""

SETTLED: Final = timedelta(seconds=5)
"""Decisions younger than this wait for the next question: numbers are given before they are on disk."""


def verdicts_for(session: Session, device: Device, after: int, now: datetime) -> dict[str, Any]:
    """Return the decisions past number ``after`` on alerts of a device that name entries of lists.

    A decision stands for an alert as it is now: one that was opened again tells nothing until it is closed again.
    What was decided content by content is told so; ``contents`` is then 1, and ``content`` its number in the alert.
    Otherwise ``contents`` is how many the alert speaks of: one verdict on several says little of each.
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
    told: list[dict[str, Any]] = []
    matches, upto, more = 0, after, len(rows) == MOST
    for event, alert in rows:
        if matches >= MATCHES_MOST:
            more = True
            break
        said = _said(session, event, alert)
        told += said
        matches += sum(len(each["matches"]) for each in said)
        upto = event.id
    return {"verdicts": told, "next": upto, "more": more}


def _said(session: Session, event: AlertEvent, alert: Alert) -> list[dict[str, Any]]:
    if alert.status != "closed" or not alert.verdict or alert.closed_at is None or event.at < alert.closed_at:
        return []
    held = contents.of_alert(session, alert)
    apart = [each for each in held if each.decided is not None]
    said = [
        _record(event, alert, each.decided.verdict, each.matches, 1) | {"content": each.number}
        for each in apart
        if each.decided is not None
    ]
    if held and len(apart) < len(held):
        said.append(_record(event, alert, alert.verdict, alert.matches, len(held)))
    return [each for each in said if each["verdict"]]


def _record(
    event: AlertEvent, alert: Alert, verdict: str, matches: Iterable[Mapping[str, Any]], number: int
) -> dict[str, Any]:
    """Return one decision; its verdict is empty where the person could not tell."""
    return {
        "number": event.id,
        "alert": alert.number,
        "at": utc_text(event.at),
        "verdict": {True: "true", False: "false", None: ""}[ReviewVerdict(verdict).is_true],
        "contents": number,
        "matches": [
            {name: match[name] for name in ("list", "entry", "by", "distance") if name in match} for match in matches
        ],
    }
