"""What people decide of each content of an alert that gathers several; the alert's own verdict follows from them.

A content is one picture, video or file: the entries of lists that bear one number (``thing``, see known_media.merge).
The first decision takes the alert on, the last one closes it: as true if any content is true. A decision holds for the
entries that it was made on; a content that is found to match more is undecided again. Where a second person confirms,
that is done content by content too (hub/confirming.py), and a confirmation holds for the decision that it was given to.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from tocsin.hub import alerts, audit
from tocsin.hub.hub import Hub
from tocsin.hub.known_media import MOST_KEPT
from tocsin.hub.refusals import Refused
from tocsin.hub.ringing import announce, note
from tocsin.hub.store.reports import ContentVerdict
from tocsin.hub.store.schema import Alert, AlertEvent, FindingRecord, Person
from tocsin.model import ReviewVerdict

_WEIGHTIEST_FIRST: Final = (
    ReviewVerdict.TRUE_CONCERN,
    ReviewVerdict.TRUE_BUT_KNOWN,
    ReviewVerdict.CANNOT_TELL,  # one content that nobody could tell leaves the whole open, unless another is true
    ReviewVerdict.BENIGN,
    ReviewVerdict.DETECTOR_ERROR,
)


@dataclass(frozen=True, slots=True)
class Content:
    """One content of an alert: its number, what it matched, what was decided of it, and the second person's word."""

    number: int
    matches: tuple[Mapping[str, Any], ...]
    decided: ContentVerdict | None
    confirmed: AlertEvent | None = None

    @property
    def waits(self) -> bool:
        """Whether it was found true, and no second person has confirmed that."""
        true = self.decided is not None and ReviewVerdict(self.decided.verdict).is_true is True
        return true and self.confirmed is None


def of_alert(session: Session, alert: Alert) -> list[Content]:
    """Return the contents that an alert's matches speak of; none for an alert without matches."""
    found: dict[int, list[Mapping[str, Any]]] = {}
    for at, match in enumerate(alert.matches):
        found.setdefault(int(match.get("thing", at)) + 1, []).append(match)
    made: dict[int, ContentVerdict] = {}
    agreed: list[AlertEvent] = []
    if len(found) > 1:
        query = select(ContentVerdict).where(ContentVerdict.alert_id == alert.id)
        made = {row.number: row for row in session.scalars(query)}
    if made:
        events = select(AlertEvent).where(AlertEvent.alert_id == alert.id, AlertEvent.kind == "content-confirmed")
        agreed = list(session.scalars(events.order_by(AlertEvent.id)))
    held = []
    for number, matches in sorted(found.items()):
        row = made.get(number)
        row = row if row is not None and _entries(matches) <= _held(row) else None
        held.append(Content(number, tuple(matches), row, _second(row, agreed) if row is not None else None))
    return held


def waiting(held: Sequence[Content]) -> list[Content]:
    """Return the contents that wait for a second person; none where the alert was decided as a whole."""
    return [each for each in held if each.waits] if held and all(each.decided for each in held) else []


def agree(session: Session, hub: Hub, alert: Alert, person: Person, now: datetime, content: Content) -> None:
    """Write down that a second person agrees with the verdict on a content; the last one confirms the alert."""
    verdict = content.decided.verdict if content.decided else ""
    said, detail = f"{content.number}: {verdict}", {"content": content.number, "verdict": verdict}
    alerts.did(session, hub, alert, person, "content-confirmed", now, said, detail, action=audit.VERDICT)
    session.flush()
    _settle(session, hub, alert, person, now)


def dispute(session: Session, hub: Hub, alert: Alert, person: Person, now: datetime, content: Content) -> None:
    """Take back the verdict on a content that a second person disagrees with; the alert is opened again for it."""
    alerts.reopen(session, hub, alert, person, now, f"The verdict on content {content.number} is disputed.")
    assert content.decided is not None
    detail = {"content": content.number, "before": content.decided.verdict}
    session.delete(content.decided)
    session.flush()
    alerts.did(session, hub, alert, person, "content-undone", now, str(content.number), detail, action=audit.VERDICT)


def _settle(session: Session, hub: Hub, alert: Alert, person: Person, now: datetime) -> None:
    """Confirm a closed alert once nothing of it waits for a second person, and some of it was confirmed."""
    held = of_alert(session, alert)
    if alert.status != "closed" or not any(each.confirmed for each in held) or any(each.waits for each in held):
        return
    note(session, alert, "confirmed", now, "Content by content.", person.id)
    detail = {"act": "confirmed", "verdict": alert.verdict or ""}
    audit.record(session, person.id, audit.VERDICT, f"alert:{alert.id}", "", alert.order_id or "", detail, at=now)
    announce(session, hub, alert, "confirmed", ring=False)


def shown_by(contents: Sequence[Content], findings: Iterable[FindingRecord]) -> dict[str, int]:
    """Return which content each piece of sealed evidence shows, by the evidence's digest."""
    named = {entry: content.number for content in contents for entry in _entries(content.matches)}
    return {
        finding.evidence: named[entry]
        for finding in findings
        if finding.evidence
        for entry in sorted(_entries(finding.matches))
        if entry in named
    }


def decide(
    session: Session, hub: Hub, alert: Alert, person: Person, now: datetime, number: int, verdict: str
) -> ReviewVerdict | None:
    """Decide on one content, or change what was decided; return the verdict that the alert was closed with, if it was.

    Raises Refused for an alert that is closed or of one content, and for an unknown content or verdict.
    """
    alerts.refuse_closed(alert)
    held = of_alert(session, alert)
    if len(held) < 2:
        raise Refused(409, "contents", f"Alert A-{alert.number} does not gather several contents; decide on the whole.")
    content = next((each for each in held if each.number == number), None)
    if content is None:
        raise Refused(409, "contents", f"Content {number} is not there now; it may have turned out to be another one.")
    try:
        decided = ReviewVerdict(verdict)
    except ValueError:
        raise Refused(422, "verdict", f"The verdict is one of {', '.join(ReviewVerdict)}.") from None
    if alert.status != "acknowledged":
        alerts.acknowledge(session, hub, alert, person, now)
    before = content.decided.verdict if content.decided else ""
    row = session.get(ContentVerdict, (alert.id, number)) or ContentVerdict(alert_id=alert.id, number=number)
    row.verdict, row.entries = decided.value, [list(entry) for entry in sorted(_entries(content.matches))]
    row.person_id, row.at = person.id, now
    session.add(row)
    session.flush()
    detail = {"content": number, "verdict": decided.value, "before": before}
    said = f"{number}: {decided.value}"
    alerts.did(session, hub, alert, person, "content", now, said, detail, action=audit.VERDICT)
    if before or len(alert.matches) >= MOST_KEPT:
        return None  # a change closes nothing, and an alert that does not name all it found is decided as a whole
    verdicts = {
        each.number: ReviewVerdict(each.decided.verdict) if each.decided else None for each in of_alert(session, alert)
    }
    closing = _following(verdicts.values())
    if closing is not None:
        alerts.close(session, hub, alert, person, now, verdict=closing.value, note_text=_note(verdicts))
        _settle(session, hub, alert, person, now)
    return closing


def undo(session: Session, hub: Hub, alert: Alert, person: Person, now: datetime) -> None:
    """Take back the last decision on a content; the alert is opened again if that decision had closed it.

    An alert that was closed as a whole is opened again, and what was decided of its contents stands. Raises Refused
    when there is nothing to take back.
    """
    held = of_alert(session, alert)
    rows = [each.decided for each in held if each.decided is not None]
    if alert.status == "closed":
        alerts.reopen(session, hub, alert, person, now, "The last verdict was taken back.")
        rows = rows if len(rows) == len(held) else []
    elif not rows:
        raise Refused(409, "contents", f"No verdict on a content of alert A-{alert.number} is there to be taken back.")
    if not rows:
        return
    last = max(rows, key=lambda row: (row.at, row.number))
    session.delete(last)
    session.flush()
    detail = {"content": last.number, "before": last.verdict}
    alerts.did(session, hub, alert, person, "content-undone", now, str(last.number), detail, action=audit.VERDICT)


def _following(verdicts: Iterable[ReviewVerdict | None]) -> ReviewVerdict | None:
    """Return the alert's verdict that follows from its contents'; None while one is undecided."""
    given = set(verdicts)
    return None if None in given else next(each for each in _WEIGHTIEST_FIRST if each in given)


def _note(verdicts: Mapping[int, ReviewVerdict | None]) -> str:
    """Return the note that an alert is closed with: "Content by content: true concern 2, 3; benign 1."."""
    parts = []
    for verdict in _WEIGHTIEST_FIRST:
        numbers = [str(number) for number, given in verdicts.items() if given is verdict]
        if numbers:
            parts.append(f"{verdict.value.replace('-', ' ')} {', '.join(numbers)}")
    return f"Content by content: {'; '.join(parts)}."


def _second(row: ContentVerdict, agreed: Iterable[AlertEvent]) -> AlertEvent | None:
    """Return the event by which somebody else confirmed a content's present verdict."""
    said = f"{row.number}: {row.verdict}"
    mine = [event for event in agreed if event.detail == said and event.person_id != row.person_id]
    return next((event for event in mine if event.at >= row.at), None)


def _entries(matches: Iterable[Mapping[str, Any]]) -> set[tuple[str, str]]:
    return {(str(match["list"]), str(match["entry"])) for match in matches}


def _held(row: ContentVerdict) -> set[tuple[str, str]]:
    return {(str(named), str(entry)) for named, entry in row.entries}
