"""A person drafts a report from a confirmed alert; the same or a second person approves it.

Annotations, escalation and classification are what the person wrote or nothing. A list's classification is proposed
beside the field and never filled in.
"""

import json
import uuid
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from tocsin.exchange.cybertip import facts as cybertip
from tocsin.exchange.cybertip.codes import ReportError
from tocsin.exchange.cybertip.words import Classification, FileAnnotation
from tocsin.exchange.cybertip.writing import report_xml
from tocsin.hub import confirming, consultation
from tocsin.hub.hub import Hub
from tocsin.hub.refusals import Refused
from tocsin.hub.reports import settings
from tocsin.hub.reports.states import UNSENT, State, move
from tocsin.hub.sessions import Who
from tocsin.hub.store.reports import Report
from tocsin.hub.store.schema import Alert, EvidenceRecord, FindingRecord, Person
from tocsin.model import Category, ReviewVerdict

FILES_MOST: Final = 200
_FACTS: Final = TypeAdapter(cybertip.Report)


class File(BaseModel):
    """What of one piece of evidence goes with the report.

    ``item``: 0 the words as a text file, 1 and up a picture or file of it, None all of its pictures and files.
    """

    model_config = ConfigDict(extra="forbid")
    evidence: str = Field(pattern="^[0-9a-f]{64}$")
    item: int | None = Field(default=None, ge=0, le=10_000)
    annotations: tuple[FileAnnotation, ...] = ()
    classification: Classification | None = None
    public: bool | None = None
    relevance: Literal["Reported", "Supplemental Reported"] = "Reported"


def draft(
    session: Session,
    hub: Hub,
    who: Who | None,
    alert: Alert,
    raw: Mapping[str, Any],
    files: Sequence[File],
    now: datetime,
    supplements: str | None = None,
    *,
    device_id: str = "",
) -> Report:
    """Draft a report. Raises Refused: an alert nobody confirmed, bad facts, or a report of this user that there is.

    For ``who`` None it is asked for by a device: the alert may still wait for a person, without whom it goes no
    further.
    """
    if who is not None or alert.status == "closed" or is_support(alert):
        refuse_unconfirmed(session, alert)
    given = read_facts(raw)
    key = user_key(hub, alert.unit_id, given)
    before = _supplemented(session, alert.unit_id, key, supplements) if supplements else None
    _refuse_second(session, alert, key, before)
    highest = session.execute(select(func.max(Report.number))).scalar()
    report = Report(
        id=uuid.uuid4().hex,
        number=1 if highest is None else highest + 1,
        unit_id=alert.unit_id,
        alert_id=alert.id,
        state=State.DRAFT.value,
        supplements=supplements,
        drafted_by=who.id if who else None,
        drafted_at=now,
        updated_at=now,
        incident_type=given.incident_type,
        facts="",
        attempt=0,
    )
    _fill(session, hub, report, alert, given, files, key)
    session.add(report)
    session.flush()
    if who is None:
        move(session, report, State.DRAFT, now, kind="asked", device_id=device_id)
    else:
        move(session, report, State.DRAFT, now, kind="drafted", person_id=who.id)
    return report


def change(
    session: Session, hub: Hub, who: Who, report: Report, raw: Mapping[str, Any], files: Sequence[File], now: datetime
) -> None:
    """Change a draft. Raises Refused."""
    if report.state != State.DRAFT:
        raise Refused(409, "state", f"Report R-{report.number} is {report.state}; only a draft can be changed.")
    alert = session.get_one(Alert, report.alert_id)
    given = read_facts(raw)
    key = user_key(hub, report.unit_id, given)
    before = session.get(Report, report.supplements) if report.supplements else None
    _refuse_second(session, alert, key, before, but=report.id)
    _fill(session, hub, report, alert, given, files, key)
    report.approved_by = report.approved_at = None
    report.drafted_by = report.drafted_by or who.id
    move(session, report, State.DRAFT, now, kind="changed", person_id=who.id)


def ready(session: Session, hub: Hub, who: Who, report: Report, now: datetime) -> None:
    """Say that a draft is ready: it is approved, or waits for a second person where that is asked for."""
    _refuse_unfit(session, hub, report)
    report.drafted_by = report.drafted_by or who.id
    if settings.reporting(session).two_person:
        move(session, report, State.READY, now, kind="ready", person_id=who.id)
    else:
        _approve(session, who, report, now)


def approve(session: Session, hub: Hub, who: Who, report: Report, now: datetime) -> None:
    """Approve what another person drafted, having read it.

    Raises Refused for one's own, for what ``who`` gave no reason to read, and where there is nothing to approve.
    """
    if report.state != State.READY:
        raise Refused(409, "state", f"Report R-{report.number} is {report.state}; it does not wait for approval.")
    if who.id == report.drafted_by:
        raise Refused(409, "second-person", "A second person approves this; you drafted it.")
    _refuse_unfit(session, hub, report)
    try:
        consultation.standing(session, who, [report.alert_id or ""], now)
    except consultation.ReasonNeeded:
        raise Refused(409, "unread", "Read what the report says, against a reason, before you approve it.") from None
    _approve(session, who, report, now)


def send_back(session: Session, who: Who, report: Report, reason: str, now: datetime) -> None:
    """Make a report that no worker has taken a draft again."""
    if report.state not in (State.READY, State.APPROVED):
        raise Refused(409, "state", f"Report R-{report.number} is {report.state}; it cannot be a draft again.")
    move(
        session, report, State.DRAFT, now, kind="sent-back", person_id=who.id,
        sentence=consultation.clean_reason(reason),
    )  # fmt: skip


def discard(session: Session, who: Who, report: Report, reason: str, now: datetime) -> None:
    """Decide that a report is not sent. One that is open at the authority is retracted there first.

    What a worker has is stopped: it hears so before its next step, and what is then open is retracted.
    """
    if report.state in (State.FILING, State.OPENED):
        to, kind = State.STOPPING, "to-stop"
    elif report.state in (State.DRAFT, State.READY, State.APPROVED):
        to, kind = (State.WITHDRAWING, "to-retract") if report.undo_id else (State.DISCARDED, "discarded")
    else:
        raise Refused(409, "state", f"Report R-{report.number} is {report.state}; decide on it instead.")
    move(session, report, to, now, kind=kind, person_id=who.id, sentence=consultation.clean_reason(reason))


def read_facts(raw: Mapping[str, Any]) -> cybertip.Report:
    """Read a report's facts from JSON; the reporter comes from the settings. Raises Refused."""
    try:
        given = _FACTS.validate_python(dict(raw) | {"reporter": {}})
        report_xml(given)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])[:80] or "facts"
        raise Refused(422, "facts", f"The field {where} of the report is missing, unknown or out of bounds.") from None
    except ReportError as error:
        raise Refused(422, "facts", str(error)) from None
    if len(given.reported) > 1:
        raise Refused(422, "facts", "A report is about one user; draft another for each further one.")
    return given


def facts_of(hub: Hub, report: Report) -> cybertip.Report:
    """Return a report's facts as they were drafted. Raises Refused once they were erased."""
    if not report.facts:
        raise Refused(410, "erased", f"What report R-{report.number} said was erased at the end of its preservation.")
    return _FACTS.validate_json(hub.secret.open(report.facts))


def as_json(given: cybertip.Report) -> dict[str, Any]:
    """Return facts as JSON carries them, without what was not said."""
    dumped: dict[str, Any] = _FACTS.dump_python(given, mode="json", exclude_defaults=True, exclude={"reporter"})
    return dumped


def user_key(hub: Hub, unit_id: str, given: cybertip.Report) -> str:
    """Name the reported user to this hub only; "" where no user is named."""
    if not given.reported or not (named := given.reported[0].identifier or given.reported[0].screen_name):
        return ""
    return hub.secret.digest("report-user", f"{unit_id}\x00{given.reported[0].service}\x00{named}")


def prior_reports(session: Session, report: Report, environment: str) -> list[int]:
    """Return the authority's numbers of the reports of the same user that were filed before, the oldest first."""
    if not report.user_key:
        return []
    query = select(Report.remote_id).where(
        Report.unit_id == report.unit_id,
        Report.user_key == report.user_key,
        Report.id != report.id,
        Report.state == State.FILED.value,
        Report.environment == environment,
        Report.remote_id.is_not(None),
    )
    return [int(each) for each in session.scalars(query.order_by(Report.filed_at)) if each is not None]


def proposed(session: Session, alert: Alert) -> dict[str, list[str]]:
    """Return, by evidence, the classifications that lists give what it matched: proposals and no more."""
    found: dict[str, list[str]] = {}
    query = select(FindingRecord.evidence, FindingRecord.matches).where(
        FindingRecord.alert_id == alert.id, FindingRecord.evidence.is_not(None)
    )
    for digest, matches in session.execute(query):
        for match in matches:
            if match.get("category") in ("A1", "A2", "B1", "B2"):
                said = f"{match['category']} (list {match['list']})"
                if said not in found.setdefault(digest, []):
                    found[digest].append(said)
    return found


def _approve(session: Session, who: Who, report: Report, now: datetime) -> None:
    report.environment = settings.environment(session)
    report.approved_by, report.approved_at, report.not_before = who.id, now, None
    move(
        session, report, State.APPROVED, now, kind="approved", person_id=who.id,
        detail={"environment": report.environment},
    )  # fmt: skip


def _fill(
    session: Session, hub: Hub, report: Report, alert: Alert, given: cybertip.Report, files: Sequence[File], key: str
) -> None:
    _check_files(session, alert, files)
    if report.supplements:
        files = [each.model_copy(update={"relevance": "Supplemental Reported"}) for each in files]
    report.facts = hub.secret.seal(json.dumps(as_json(given)))
    report.files = [each.model_dump(mode="json") for each in files]
    report.incident_type, report.escalated, report.user_key = given.incident_type, bool(given.escalate.strip()), key


def _check_files(session: Session, alert: Alert, files: Sequence[File]) -> None:
    if len(files) > FILES_MOST:
        raise Refused(422, "files", f"A report carries at most {FILES_MOST} files.")
    if len({(each.evidence, each.item) for each in files}) != len(files):
        raise Refused(422, "files", "The same item is named twice.")
    everything = {each.evidence for each in files if each.item is None}
    if any(each.item and each.evidence in everything for each in files):
        raise Refused(422, "files", "Name all items of a piece of evidence, or single ones; not both.")
    if any(each.classification for each in files) and not settings.reporting(session).industry:
        raise Refused(
            422, "classification", "The industry classification is only for companies that signed its agreement; an "
            "administrator says so in the settings.",
        )  # fmt: skip
    stored = set(
        session.scalars(
            select(EvidenceRecord.digest)
            .join(FindingRecord, FindingRecord.evidence == EvidenceRecord.digest)
            .where(FindingRecord.alert_id == alert.id, EvidenceRecord.status == "stored")
        )
    )
    if any(each.evidence not in stored for each in files):
        raise Refused(422, "files", "Evidence that is sent must be this alert's and have arrived at the hub.")


def is_support(alert: Alert) -> bool:
    """Tell whether an alert is, or was found by a person to be, about somebody who may need support."""
    return Category.SUPPORT in (alert.category, alert.verdict_category)


def refuse_unconfirmed(session: Session, alert: Alert) -> None:
    """Refuse an alert that no person has taken on or found true, and one about somebody who may need support."""
    if is_support(alert):
        raise Refused(409, "support", f"Alert A-{alert.number} is about somebody who may need support, not a suspect.")
    if alert.status == "closed":
        if ReviewVerdict(alert.verdict or "cannot-tell").is_true is not True:
            raise Refused(409, "verdict", f"Alert A-{alert.number} was not found to be true; nothing is reported.")
        if settings.review(session).two_person and not confirming.confirmed(session, alert):
            raise Refused(409, "second-person", f"A second person confirms alert A-{alert.number} before a report.")
    elif alert.acknowledged_by is None:
        raise Refused(409, "unconfirmed", f"A person takes alert A-{alert.number} on before anything is reported.")


def _refuse_second(session: Session, alert: Alert, key: str, before: Report | None, but: str = "") -> None:
    """One report per user and incident; a further one says which it supplements, one at a time."""
    query = select(Report).where(
        Report.alert_id == alert.id,
        Report.user_key == key,
        Report.id != but,
        Report.state.not_in([state.value for state in UNSENT]),
    )
    for other in session.scalars(query):
        same = other.supplements == (before.id if before else None)
        if before is None or (same and other.state != State.FILED and other.id != before.id):
            raise Refused(
                409,
                "one-report",
                f"Report R-{other.number} is about this user and alert already; once filed, it can be supplemented.",
            )


def _supplemented(session: Session, unit_id: str, key: str, report_id: str) -> Report:
    found = session.get(Report, report_id)
    if found is None or found.unit_id != unit_id or found.state != State.FILED or found.user_key != key:
        raise Refused(422, "supplements", "A report supplements a filed one about the same user.")
    return found


def _refuse_unfit(session: Session, hub: Hub, report: Report) -> None:
    """Refuse what could not be filed: nobody reports, or the evidence has not come or has gone."""
    if not settings.reporting(session).email:
        raise Refused(
            409, "reporting", "Nobody is named as the reporter yet; an administrator does so in the settings."
        )
    if report.state not in (State.DRAFT, State.READY):
        raise Refused(409, "state", f"Report R-{report.number} is {report.state} already.")
    alert = session.get(Alert, report.alert_id) if report.alert_id else None
    if alert is None:
        raise Refused(409, "alert", "The alert of this report is gone.")
    refuse_unconfirmed(session, alert)
    _check_files(session, alert, [File(**each) for each in report.files])
    facts_of(hub, report)


def person_row(session: Session, who: Who) -> Person:
    """Return the row of a signed-in person. Raises Refused when it is gone."""
    person = session.get(Person, who.id)
    if person is None:
        raise Refused(401, "not-signed-in", "Sign in first.")
    return person
