"""What people decided on the matches of one device, for the device to pass on: numbered, never a name of a person."""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import or_, select
from sqlalchemy.orm import Session, lazyload

from tocsin.detectors.live_stream import LiveStream
from tocsin.hub import contents
from tocsin.hub.store.schema import Alert, AlertEvent, Device, FindingRecord
from tocsin.model import ReviewVerdict, utc_text

MOST: Final = 200
"""Decisions that one answer looks at."""

MATCHES_MOST: Final = 2000
"""Matches after which an answer ends: it stays small enough for a device to read, however much alerts gather."""

STREAMS_MOST: Final = 20
"""Streams of one alert that are told."""

SETTLED: Final = timedelta(seconds=5)
"""Decisions younger than this wait for the next question: numbers are given before they are on disk."""


def verdicts_for(session: Session, device: Device, after: int, now: datetime) -> dict[str, Any]:
    """Return the decisions past number ``after`` on alerts of a device that name entries of lists.

    A decision stands for an alert as it is now: one that was opened again tells nothing until it is closed again.
    What was decided content by content is told so; ``contents`` is then 1, and ``content`` its number in the alert.
    Otherwise ``contents`` is how many the alert speaks of: one verdict on several says little of each. An alert about
    a live stream tells ``whole``, the verdict on all of it, and ``streams``, the opaque names that the device gave
    them: those of which no other alert is open, or was found true.
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
    streams = _streams(session, alert)
    whole = {"streams": streams, "whole": _verdict(alert.verdict)} if streams else {}
    if not held:
        return [_record(event, alert, alert.verdict, (), 0) | whole] if streams and whole["whole"] else []
    apart = [each for each in held if each.decided is not None]
    said = [
        _record(event, alert, each.decided.verdict, each.matches, 1) | {"content": each.number}
        for each in apart
        if each.decided is not None
    ]
    if held and len(apart) < len(held):
        said.append(_record(event, alert, alert.verdict, alert.matches, len(held)))
    return [each | whole for each in said if each["verdict"]]


def _streams(session: Session, alert: Alert) -> list[str]:
    """Return the names by which a device knows the live streams that an alert, and no other of concern, is about."""
    of_streams = (FindingRecord.detector == LiveStream.name, FindingRecord.thread != "")
    named = select(FindingRecord.thread).where(FindingRecord.alert_id == alert.id, *of_streams).distinct()
    names = list(session.scalars(named.order_by(FindingRecord.thread).limit(STREAMS_MOST)))
    if not names:
        return []
    others = (
        select(FindingRecord.thread)
        .join(Alert, Alert.id == FindingRecord.alert_id)
        .where(
            FindingRecord.device_id == alert.device_id,
            FindingRecord.thread.in_(names),
            FindingRecord.alert_id != alert.id,
            *of_streams,
            or_(Alert.status != "closed", Alert.verdict.in_([one for one in ReviewVerdict if one.is_true])),
        )
    )
    concerned = set(session.scalars(others.distinct()))
    return [name for name in names if name not in concerned]


def _verdict(verdict: str) -> str:
    """Return a verdict as it is told; empty where the person could not tell."""
    return {True: "true", False: "false", None: ""}[ReviewVerdict(verdict).is_true]


def _record(
    event: AlertEvent, alert: Alert, verdict: str, matches: Iterable[Mapping[str, Any]], number: int
) -> dict[str, Any]:
    """Return one decision; its verdict is empty where the person could not tell."""
    return {
        "number": event.id,
        "alert": alert.number,
        "at": utc_text(event.at),
        "verdict": _verdict(verdict),
        "contents": number,
        "matches": [
            {name: match[name] for name in ("list", "entry", "by", "distance", "part") if name in match}
            for match in matches
        ],
    }
