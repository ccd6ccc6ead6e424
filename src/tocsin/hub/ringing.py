"""What makes an alert: findings that belong together, and what a device failed to show.

A finding joins the open alert of the same key (subject, category, clause, and thread or detector) when that alert
saw its last finding within 30 minutes, or when the finding says that it refines an earlier one. A joined finding
does not ring again unless it is more severe. A device's known media is kept together by list, an internet service's
by thread (a member's account, a stream); an entry of a list joins the open alert of the key that names it already,
however long ago. An alert, once rung, is announced to open pages after it
is on disk.
"""

import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any, Final, Protocol

from sqlalchemy import bindparam, func, select
from sqlalchemy.orm import Session, lazyload

from tocsin.hub import audit, known_media, notify
from tocsin.hub.bodies import EvidenceBody, FindingBody
from tocsin.hub.clauses import Cited, cite, cite_conditions, is_platform
from tocsin.hub.events import Event
from tocsin.hub.hub import Hub
from tocsin.hub.store import after_commit
from tocsin.hub.store.schema import Alert, AlertEvent, EvidenceRecord, FindingRecord, Setting
from tocsin.model import Category, utc_text

WINDOW: Final = timedelta(minutes=30)
OPEN: Final = ("new", "acknowledged", "escalated")
IMMINENT: Final = 5
"""The severity that goes to the next person when nobody acknowledges it."""
METHOD: Final = "hub journal check"

_OPEN_OF_KEY = (
    select(Alert)
    .where(Alert.key == bindparam("the_key"), Alert.status.in_(OPEN))
    .order_by(Alert.number.desc())
    .limit(1)
    .options(lazyload(Alert.subject), lazyload(Alert.device))
)
_OWNER_OF = {
    FindingRecord: select(FindingRecord.device_id).where(FindingRecord.id == bindparam("the_name")),
    EvidenceRecord: select(EvidenceRecord.device_id).where(EvidenceRecord.digest == bindparam("the_name")),
}


class Origin(Protocol):
    """Whose finding it is: a device and what it is enrolled under."""

    @property
    def id(self) -> str:
        """The device's id."""
        ...

    @property
    def subject_id(self) -> str:
        """The id of the subject whose device it is."""
        ...

    @property
    def unit_id(self) -> str:
        """The id of the unit whose subject it is."""
        ...

    @property
    def order_id(self) -> str:
        """The id of the order it is enrolled under."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class _News:
    """What is to be added to an alert, or to begin one."""

    key: str
    category: str
    severity: int
    confidence: float
    at: datetime
    signals: tuple[str, ...]
    not_seen: tuple[str, ...] = ()
    benign: tuple[str, ...] = ()
    clauses: list[Cited]
    matches: tuple[dict[str, Any], ...] = ()
    refines: bool = False
    detail: str = ""


def take_finding(
    session: Session, hub: Hub, origin: Origin, body: FindingBody, *, seq: int, now: datetime
) -> Alert | None:
    """Put a finding into the alert it belongs to, or ring a new one. None when it is already known."""
    finding_id = body.id
    owner = _owner(session, FindingRecord, finding_id)
    if owner is not None and owner != origin.id:
        finding_id = sha256(f"{origin.id}|{body.id}".encode()).hexdigest()
        owner = _owner(session, FindingRecord, finding_id)
    if owner is not None:
        return None
    session.info["tocsin.owners"][finding_id] = origin.id
    verdicts = list(body.verdicts)
    at = min(body.observed_at, now)
    clause = verdicts[0]["clause"] if verdicts else ""
    listed = known_media.group(origin.id, body.matches)
    if is_platform(session, origin.order_id):
        listed = body.thread or listed  # two members' uploads are two people's alerts, whatever list names them
    together = listed or body.thread or body.detector
    news = _News(
        key=f"{origin.subject_id}|{body.category}|{clause}|{together}",
        category=body.category,
        severity=body.severity,
        confidence=body.confidence,
        at=at,
        signals=tuple(signal["name"] for signal in body.signals),
        not_seen=body.not_seen,
        benign=body.benign,
        clauses=cite(session, origin.order_id, verdicts),
        matches=body.matches,
        refines=body.refines,
    )
    alert = _ring(session, hub, origin, news, now)
    if body.evidence is not None:
        _declare(session, origin, body.evidence, now)
    session.add(
        FindingRecord(
            id=finding_id,
            device_id=origin.id,
            seq=seq,
            alert_id=alert.id,
            category=body.category,
            severity=body.severity,
            confidence=body.confidence,
            detector=body.detector,
            version=body.version,
            signals=list(body.signals),
            not_seen=list(body.not_seen),
            benign=list(body.benign),
            verdicts=verdicts,
            matches=list(body.matches),
            thread=body.thread,
            at=at,
            received_at=now,
            evidence=body.evidence.digest if body.evidence else None,
        )
    )
    detail = {"alert": alert.id, "evidence": body.evidence.digest if body.evidence else ""}
    audit.record(
        session, origin.id, audit.COLLECTION, f"finding:{finding_id}", order_id=origin.order_id, detail=detail, at=now
    )
    return alert


def observe(
    session: Session,
    hub: Hub,
    origin: Origin,
    signal: str,
    severity: int,
    *,
    now: datetime,
    sentence: str,
    at: datetime | None = None,
    conditions: tuple[str, ...] = ("C1", "C12"),
    benign: tuple[str, ...] = ("outage",),
) -> Alert:
    """Ring for what a device failed to show: *not observed*, never more. ``sentence`` says what happened, in codes."""
    news = _News(
        key=f"{origin.subject_id}|{Category.CONDITION}|{signal}|{origin.id}",
        category=Category.CONDITION.value,
        severity=severity,
        confidence=1.0,
        at=min(at or now, now),
        signals=(signal,),
        benign=benign,
        clauses=cite_conditions(session, origin.order_id, conditions, METHOD),
        detail=sentence,
    )
    alert = _ring(session, hub, origin, news, now)
    audit.record(
        session, audit.HUB, signal, f"device:{origin.id}", order_id=origin.order_id, detail={"alert": alert.id}, at=now
    )
    return alert


def announce(session: Session, hub: Hub, alert: Alert, what: str, *, ring: bool = False) -> None:
    """Tell open pages about an alert once it is on disk. ``what``: created, updated, or what a person did."""
    data: dict[str, Any] = {
        "what": what,
        "ring": ring,
        "number": alert.number,
        "severity": alert.severity,
        "category": alert.category,
        "status": alert.status,
        "at": utc_text(alert.last_at),
    }
    event = Event("alert", alert.id, alert.unit_id, data)
    after_commit(session, lambda: hub.bus.publish(event))


def note(
    session: Session, alert: Alert, kind: str, now: datetime, detail: str = "", person_id: str | None = None
) -> None:
    """Add a line to an alert's history."""
    session.add(AlertEvent(alert_id=alert.id, at=now, person_id=person_id, kind=kind, detail=detail))


def find_open(session: Session, key: str) -> Alert | None:
    """Return the newest open alert of a key."""
    fresh: Alert | None = session.info.get("tocsin.fresh", {}).get(key)
    return fresh or session.scalars(_OPEN_OF_KEY, {"the_key": key}).first()


def escalate_minutes(session: Session, hub: Hub) -> int:
    """Return how long an imminent alert may stay unacknowledged: what people set, else the hub's default."""
    row = session.get(Setting, "escalation")
    minutes = row.value.get("minutes") if row is not None else None
    return minutes if isinstance(minutes, int) and 1 <= minutes <= 24 * 60 else hub.settings.escalate_minutes


def observation_key(origin: Origin, signal: str) -> str:
    """Return the key of the alerts that :func:`observe` rings for a device and signal."""
    return f"{origin.subject_id}|{Category.CONDITION}|{signal}|{origin.id}"


def _ring(session: Session, hub: Hub, origin: Origin, news: _News, now: datetime) -> Alert:
    alert = find_open(session, news.key)
    if alert is not None and _belongs(alert, news):
        _join(session, hub, alert, news, now)
        return alert
    alert = Alert(
        id=uuid.uuid4().hex,
        number=_next_number(session),
        unit_id=origin.unit_id,
        subject_id=origin.subject_id,
        device_id=origin.id,
        order_id=origin.order_id or None,
        key=news.key,
        category=news.category,
        severity=news.severity,
        confidence=news.confidence,
        signals=_union((), news.signals),
        not_seen=_union((), news.not_seen),
        benign=_union((), news.benign),
        clauses=news.clauses,
        matches=known_media.merge((), news.matches),
        status="new",
        findings_count=1,
        first_at=news.at,
        last_at=news.at,
        created_at=now,
        updated_at=now,
        escalation_level=0,
        escalate_at=_escalate_at(session, hub, news.severity, now),
    )
    session.add(alert)
    session.info.setdefault("tocsin.fresh", {})[alert.key] = alert
    note(session, alert, "created", now, news.detail)
    notify.queue(session, alert, now)
    hub.metrics.alerts.labels(alert.category, str(alert.severity)).inc()
    announce(session, hub, alert, "created", ring=True)
    return alert


def _belongs(alert: Alert, news: _News) -> bool:
    near = abs(news.at - alert.last_at) <= WINDOW
    return near or news.refines or known_media.shared(alert.matches, news.matches)


def _join(session: Session, hub: Hub, alert: Alert, news: _News, now: datetime) -> None:
    """Add to an open alert; ring again only if this is more severe than all before."""
    louder = news.severity > alert.severity
    if louder or news.severity == alert.severity:
        alert.confidence = news.confidence if louder else max(alert.confidence, news.confidence)
    alert.signals = _union(alert.signals, news.signals)
    alert.not_seen = [name for name in _union(alert.not_seen, news.not_seen) if name not in alert.signals]
    alert.benign = _union(alert.benign, news.benign)
    alert.clauses = _merge(alert.clauses, news.clauses)
    if news.matches:
        alert.matches = known_media.merge(alert.matches, news.matches)
    alert.findings_count += 1
    alert.first_at = min(alert.first_at, news.at)
    alert.last_at = max(alert.last_at, news.at)
    alert.updated_at = now
    if news.detail:
        note(session, alert, "again", now, news.detail)
    if louder:
        note(session, alert, "severity", now, f"{alert.severity} to {news.severity}")
        alert.severity = news.severity
        if alert.status == "acknowledged":
            alert.status = "new"  # whoever acknowledged it saw something less severe
        alert.escalate_at = _escalate_at(session, hub, news.severity, now)
        notify.queue(session, alert, now)
    announce(session, hub, alert, "updated", ring=louder)


def _declare(session: Session, origin: Origin, evidence: EvidenceBody, now: datetime) -> None:
    """Expect sealed evidence; the first device to declare a digest keeps it."""
    if _owner(session, EvidenceRecord, evidence.digest) is None:
        session.info["tocsin.owners"][evidence.digest] = origin.id
        session.add(
            EvidenceRecord(
                digest=evidence.digest,
                device_id=origin.id,
                kinds=list(evidence.kinds),
                size=evidence.size,
                declared_at=now,
                status="pending",
            )
        )


def _owner(session: Session, kind: type[FindingRecord] | type[EvidenceRecord], name: str) -> str | None:
    """Return the id of the device whose finding or evidence bears ``name``, also while it is not yet flushed."""
    owners: dict[str, str] = session.info.setdefault("tocsin.owners", {})
    return owners.get(name) or session.execute(_OWNER_OF[kind], {"the_name": name}).scalar()


def _next_number(session: Session) -> int:
    """Return the next alert number; asked of the store once per transaction, which is the only one writing."""
    last = session.info.get("tocsin.alert_number")
    if last is None:
        last = session.execute(select(func.max(Alert.number))).scalar() or 0
    session.info["tocsin.alert_number"] = last + 1
    return int(last) + 1


def _escalate_at(session: Session, hub: Hub, severity: int, now: datetime) -> datetime | None:
    return now + timedelta(minutes=escalate_minutes(session, hub)) if severity >= IMMINENT else None


def _union(old: Iterable[str], new: Iterable[str]) -> list[str]:
    return list(dict.fromkeys([*old, *new]))


def _merge(old: list[Cited], new: list[Cited]) -> list[Cited]:
    """Return one citation per clause and status, the newest last words on coverage kept."""
    merged = {(cited["clause"], cited["status"]): cited for cited in [*old, *new]}
    return list(merged.values())
