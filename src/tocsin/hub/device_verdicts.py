"""What people decided on the matches of one device, for the device to pass on: numbered, never a name of a person."""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import or_, select
from sqlalchemy.orm import Session, lazyload

from tocsin.detectors.ladder import NAMES
from tocsin.detectors.live_stream import LiveStream
from tocsin.hub import contents
from tocsin.hub.reports import settings
from tocsin.hub.store.schema import Alert, AlertEvent, Device, FindingRecord
from tocsin.model import ReviewVerdict, utc_text

MOST: Final = 200
"""Decisions that one answer looks at."""

MATCHES_MOST: Final = 2000
"""Matches after which an answer ends: it stays small enough for a device to read, however much alerts gather."""

STREAMS_MOST: Final = 20
"""Streams of one alert that are told."""

SETTLED: Final = timedelta(seconds=3)
"""Decisions younger than this wait for the next question: numbers are given before they are on disk."""


def verdicts_for(session: Session, device: Device, after: int, now: datetime) -> dict[str, Any]:
    """Return the decisions past number ``after`` on alerts of a device that name entries of lists.

    A decision stands for an alert as it is now: one that was opened again tells nothing of matches until it is closed
    again. What was decided content by content is told so; ``contents`` is then 1, and ``content`` its number in the
    alert. Otherwise ``contents`` is how many the alert speaks of: one verdict on several says little of each.

    An alert about a live stream tells ``whole``, the verdict on all of it, and ``streams``, the opaque names that the
    device gave them; of *false* only those of which no other alert is open, or was found true. ``whole`` is *open*
    where the verdict was taken back, with the ``rung`` of the ladder that the alert had come from.

    Where a second person confirms what was found true, it is told once that person has.
    """
    query = (
        select(AlertEvent, Alert)
        .join(Alert, Alert.id == AlertEvent.alert_id)
        .where(
            AlertEvent.id > after,
            AlertEvent.kind.in_(("closed", "confirmed", "reopened")),
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
    if event.kind == "reopened":
        return _taken_back(session, event, alert)
    if alert.status != "closed" or not alert.verdict or alert.closed_at is None or event.at < alert.closed_at:
        return []
    true = ReviewVerdict(alert.verdict).is_true is True
    if (event.kind == "confirmed") is not (true and settings.review(session).two_person):
        return []
    held = contents.of_alert(session, alert)
    streams = _streams(session, alert, besides=not true)
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


def _taken_back(session: Session, event: AlertEvent, alert: Alert) -> list[dict[str, Any]]:
    """Return what an alert about live streams tells once it is open again after a verdict on them."""
    if alert.status == "closed":
        return []
    turns = select(AlertEvent).where(AlertEvent.alert_id == alert.id, AlertEvent.kind.in_(("closed", "reopened")))
    if session.scalars(turns.where(AlertEvent.id > event.id).limit(1)).first() is not None:
        return []
    closed = session.scalars(turns.where(AlertEvent.id < event.id).order_by(AlertEvent.id.desc()).limit(1)).first()
    before = _verdict(closed.detail) if closed is not None and closed.kind == "closed" else ""
    streams = _streams(session, alert, besides=before == "false") if before else []
    rung = next((name for _, name in sorted(NAMES.items(), reverse=True) if f"rung-{name}" in alert.signals), "note")
    whole = {"streams": streams, "whole": "open", "rung": rung}
    return [_record(event, alert, ReviewVerdict.CANNOT_TELL, (), 0) | whole] if streams else []


def _streams(session: Session, alert: Alert, *, besides: bool) -> list[str]:
    """Return the names by which a device knows the live streams that an alert is about.

    ``besides``: leave out those that another alert of concern is about too.
    """
    of_streams = (FindingRecord.detector == LiveStream.name, FindingRecord.thread != "")
    named = select(FindingRecord.thread).where(FindingRecord.alert_id == alert.id, *of_streams).distinct()
    names = list(session.scalars(named.order_by(FindingRecord.thread).limit(STREAMS_MOST)))
    if not names or not besides:
        return names
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
