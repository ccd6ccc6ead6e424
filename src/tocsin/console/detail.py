"""All that one alert's page shows beyond the alert's own row."""

import json
from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from tocsin.console import matches as known
from tocsin.console import schemes, strip, words
from tocsin.console.visit import Visit
from tocsin.hub import alerts, clauses, contents, timeline, visibility
from tocsin.hub.reports import drafting, settings
from tocsin.hub.store.schema import Alert, AlertEvent, Consultation, EvidenceRecord, FindingRecord, OrderRecord, Person
from tocsin.model import Category, ReviewVerdict

FINDINGS_SHOWN: Final = 20
ITEMS_MOST: Final = 40

_DONE: Final = {
    "created": "Rang.",
    "again": "Seen again.",
    "severity": "Became more severe:",
    "acknowledged": "Acknowledged.",
    "assigned": "Given to a colleague.",
    "escalated": "Escalated.",
    "closed": "Closed:",
    "content": "Content",
    "content-undone": "Took back the verdict on content",
    "content-confirmed": "Confirmed content",
    "confirmed": "Confirmed:",
    "reopened": "Opened again.",
    "recovered": "Recovered.",
    "nobody": "",
    "consulted": "Gave a reason and opened the words:",
}


@dataclass(frozen=True, slots=True)
class Shown:
    """A signal as the page shows it."""

    name: str
    direction: str
    count: int


@dataclass(frozen=True, slots=True)
class FindingRow:
    """A finding as the page shows it."""

    at: datetime
    detector: str
    version: str
    names: list[str]
    severity: int
    confidence: float
    took: str


@dataclass(frozen=True, slots=True)
class Done:
    """A line of the alert's history."""

    at: datetime
    by: str
    what: str


@dataclass(frozen=True, slots=True)
class ContentRow:
    """One of several contents as the page shows it: what it matched, what was decided of it, by whom and when.

    ``second``: who confirmed it; ``waits``: it waits for a second person, and whoever looks may be that.
    """

    number: int
    what: str
    matches: list[known.Shown]
    verdict: str = ""
    by: str = ""
    at: datetime | None = None
    second: str = ""
    waits: bool = False


@dataclass(slots=True, kw_only=True)
class Detail:
    """What the templates of the alert page read."""

    order: OrderRecord | None
    signals: list[Shown]
    findings: list[FindingRow]
    more_findings: int
    history: list[Done]
    delay: float | None
    quality: dict[str, int] | None
    evidence_count: int
    evidence_size: int
    pending: int
    pictures_kept: bool
    pictures_allowed: bool
    colleagues: list[Person]
    reportable: bool = False
    platform: bool = False
    seen_in: str = ""
    matches: list[known.Shown] = field(default_factory=list)
    more_matches: int = 0
    contents: list[ContentRow] = field(default_factory=list)
    items: list[dict[str, Any]] = field(default_factory=list)
    categories: tuple[str, ...] = tuple(Category)

    def for_script(self) -> list[dict[str, Any]]:
        """Return where the page's script fetches the evidence, and which of several contents each piece shows."""
        return [{"digest": item["digest"], "url": item["url"], "content": item["content"]} for item in self.items]


def detail_of(
    session: Session, at: Visit, alert: Alert, given: Consultation | None, names: dict[str, str]
) -> tuple[Detail, strip.Strip | None]:
    """Gather the page of ``alert`` for a visitor; with a consultation, also where its evidence is fetched."""
    findings = alerts.findings_of(session, alert)
    order = session.get(OrderRecord, alert.order_id) if alert.order_id else None
    evidence = _evidence(session, findings)
    first = findings[0] if findings else None
    held = contents.of_alert(session, alert)
    platform = clauses.is_platform(session, alert.order_id)
    detail = Detail(
        order=order,
        signals=_signals(alert, findings),
        findings=[_row(each) for each in findings[-FINDINGS_SHOWN:]],
        more_findings=max(0, len(findings) - FINDINGS_SHOWN),
        history=_history(session, alert, names),
        delay=(first.received_at - first.at).total_seconds() if first else None,
        quality=_quality(session, at, alert),
        evidence_count=len(evidence),
        evidence_size=sum(record.size for record in evidence),
        pending=sum(record.status == "pending" for record in evidence),
        pictures_kept=any("picture" in record.kinds for record in evidence),
        pictures_allowed=order is not None and _allows_pictures(order),
        colleagues=[each for each in alerts.ladder(session, alert.unit_id) if each.id != at.who.id],
        reportable=_reportable(session, alert),
        platform=platform,
        seen_in=words.seen_in(finding.detector for finding in findings) if platform else "",
        matches=[known.shown(each, schemes.meaning(each)) for each in alert.matches[: known.SHOWN]],
        more_matches=max(0, len(alert.matches) - known.SHOWN),
        contents=[_content(each, names, at.who.id) for each in held] if len(held) > 1 else [],
        items=_items(session, given, findings, held),
    )
    return detail, _strip(session, at, alert, platform)


def _reportable(session: Session, alert: Alert) -> bool:
    """Say whether the page offers a report: somebody reports here, and a person took the alert on or found it true.

    Somebody who may need support is nobody to report.
    """
    if not settings.reporting(session).email or drafting.is_support(alert):
        return False
    if alert.status == "closed":
        return ReviewVerdict(alert.verdict or "cannot-tell").is_true is True
    return alert.acknowledged_by is not None


def _allows_pictures(record: OrderRecord) -> bool:
    order = json.loads(record.signed).get("order", {})
    return any("picture" in (part.get("evidence") or ()) for part in (order, *order.get("clauses", ())))


def _signals(alert: Alert, findings: list[FindingRecord]) -> list[Shown]:
    counted: Counter[tuple[str, str]] = Counter()
    for finding in findings:
        counted.update({(s["name"], s.get("direction", "unknown")) for s in finding.signals})
    shown = [Shown(name, direction, count) for (name, direction), count in counted.items()]
    missing = [Shown(name, "unknown", 1) for name in alert.signals if name not in {each.name for each in shown}]
    place = {name: i for i, name in enumerate(alert.signals)}
    return sorted(shown + missing, key=lambda each: (place.get(each.name, 99), each.direction))


def _row(finding: FindingRecord) -> FindingRow:
    names = list(dict.fromkeys(signal["name"] for signal in finding.signals))
    took = words.span((finding.received_at - finding.at).total_seconds())
    return FindingRow(finding.at, finding.detector, finding.version, names, finding.severity, finding.confidence, took)


def _evidence(session: Session, findings: list[FindingRecord]) -> list[EvidenceRecord]:
    digests = [finding.evidence for finding in findings if finding.evidence]
    return list(session.scalars(select(EvidenceRecord).where(EvidenceRecord.digest.in_(digests)))) if digests else []


def _content(content: contents.Content, names: dict[str, str], viewer: str) -> ContentRow:
    matches = [known.shown(each, schemes.meaning(each)) for each in content.matches]
    row = ContentRow(content.number, known.counted(content.matches), matches)
    decided = content.decided
    if decided is None:
        return row
    row = replace(row, verdict=decided.verdict, by=names.get(decided.person_id, "somebody"), at=decided.at)
    second = names.get(content.confirmed.person_id or "", "somebody") if content.confirmed else ""
    return replace(row, second=second, waits=content.waits and decided.person_id != viewer)


def _items(
    session: Session, given: Consultation | None, findings: list[FindingRecord], held: list[contents.Content]
) -> list[dict[str, Any]]:
    """Return where the newest pieces of evidence are fetched, by content, oldest first; nothing without a consultation.

    Where there are too many to show, those of contents that nobody has decided come before others.
    """
    if given is None:
        return []
    seen = {finding.evidence: finding.at for finding in findings if finding.evidence}
    shows = contents.shown_by(held, findings) if len(held) > 1 else {}
    done = {each.number for each in held if each.decided is not None}
    stored = [record for record in visibility.evidence(session, given) if record.status == "stored"]
    stored.sort(key=lambda record: (shows.get(record.digest) not in done, seen[record.digest]))
    chosen = sorted(stored[-ITEMS_MOST:], key=lambda record: (shows.get(record.digest, 0), seen[record.digest]))
    return [
        {
            "digest": record.digest,
            "url": f"/api/v1/evidence/{record.digest}",
            "seen": seen[record.digest],
            "content": shows.get(record.digest),
        }
        for record in chosen
    ]


def _history(session: Session, alert: Alert, names: dict[str, str]) -> list[Done]:
    lines = [
        Done(event.at, names.get(event.person_id or "", "the hub"), _what(event, names))
        for event in alerts.history_of(session, alert)
    ]
    opened = session.scalars(select(Consultation).where(Consultation.alert_id == alert.id))
    lines += [
        Done(each.at, names.get(each.person_id, "somebody"), f"{_DONE['consulted']} {each.reason}") for each in opened
    ]
    return sorted(lines, key=lambda line: line.at)


def _what(event: AlertEvent, names: dict[str, str]) -> str:
    said = event.detail
    if event.kind == "closed" and said in words.VERDICTS:
        said = f"{words.verdict(said)}."
    if event.kind in ("content", "content-confirmed"):
        number, _, code = said.partition(": ")
        said = f"{number}: {words.verdict(code)}."
    if event.kind == "content-undone":
        said += "."
    return f"{_DONE.get(event.kind, event.kind.capitalize() + '.')} {names.get(said, said)}".strip()


def _quality(session: Session, at: Visit, alert: Alert) -> dict[str, int] | None:
    """Count what people decided about the last 200 closed alerts of this category, if there are enough to say."""
    recent = (
        visibility.alerts(at.who)
        .where(Alert.status == "closed", Alert.category == alert.category)
        .with_only_columns(Alert.verdict, maintain_column_froms=True)
        .order_by(Alert.closed_at.desc())
        .limit(200)
        .subquery()
    )
    grouped = session.execute(select(recent.c.verdict, func.count()).group_by(recent.c.verdict))
    counts: dict[str | None, int] = {verdict: count for verdict, count in grouped}  # noqa: C416
    decided = {v: counts.get(v.value, 0) for v in ReviewVerdict if v.is_true is not None}
    total = sum(decided.values())
    return {"decided": total, "true": sum(n for v, n in decided.items() if v.is_true)} if total >= 5 else None


def _strip(session: Session, at: Visit, alert: Alert, platform: bool) -> strip.Strip | None:
    if alert.device_id is None:
        return None
    half = timedelta(hours=timeline.HOURS / 2)
    begins, ends = alert.first_at - half, max(alert.last_at, alert.first_at) + half
    return strip.draw(timeline.around(session, alert), begins, ends, at.now, platform=platform)
