"""What the hub tells a reporting worker, and what it believes of what the worker tells back.

A worker asks for a report (:func:`take`) and gets the one permission to submit it that exists. The permission is tied
to the worker's own journal: a worker that lost its journal is another worker, and what the first one had taken then
waits for a person. Everything a worker tells may be told again without harm.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from pydantic import TypeAdapter
from sqlalchemy import select
from sqlalchemy.orm import Session

from tocsin.exchange.cybertip import facts as cybertip
from tocsin.hub import audit, views
from tocsin.hub.hub import Hub
from tocsin.hub.refusals import Refused, not_found
from tocsin.hub.reports import drafting, preserving, settings
from tocsin.hub.reports.states import HELD_FOR, State, move, note
from tocsin.hub.store.reports import Report, ReportWorker
from tocsin.hub.store.schema import EvidenceRecord, FindingRecord
from tocsin.model import utc_text

LEASE: Final = timedelta(hours=2)
"""How long a worker that took a report may stay silent before a person is asked."""
GIVE_UP: Final = timedelta(days=30)
"""How long a service that does not take a report is tried."""
QUEUE_MOST: Final = 50

_HELD_BY: Final = (State.FILING.value, State.OPENED.value, State.STOPPING.value)
"""The states in which a worker has a report."""
_DO: Final = {State.WITHDRAWING: "withdraw", State.STOPPING: "stop"}

_FACTS: Final = TypeAdapter(cybertip.Report)


def queue(
    session: Session, worker: ReportWorker, journal: str, environment: str, now: datetime
) -> list[dict[str, Any]]:
    """Return what this worker may do now: file or withdraw; and note that it is there.

    Raises Refused for production that nobody turned on.
    """
    if environment == settings.PRODUCTION and settings.environment(session) != settings.PRODUCTION:
        raise Refused(409, "production-off", "Production is off at the hub; an administrator turns it on there.")
    mine = select(Report).where(Report.unit_id == worker.unit_id, Report.environment == environment)
    due = mine.where(
        Report.state.in_((State.APPROVED.value, State.WITHDRAWING.value)),
        Report.not_before.is_(None) | (Report.not_before <= now),
    )
    begun = [each for each in session.scalars(mine.where(Report.state.in_(_HELD_BY))) if each.journal == journal]
    for each in begun:
        each.heard_at = now
    found = [
        *(each for each in begun if each.state != State.OPENED),
        *session.scalars(due.order_by(Report.escalated.desc(), Report.number)),
    ]
    return [
        {"report": each.id, "number": each.number, "do": _DO.get(State(each.state), "file")}
        for each in found[:QUEUE_MOST]
    ]


def hold_lost(session: Session, now: datetime) -> int:
    """Hold the reports whose worker has not been heard from; return how many."""
    query = select(Report).where(Report.state.in_(_HELD_BY), Report.heard_at < now - LEASE)
    lost = list(session.scalars(query))
    for report in lost:
        _hold(session, report, "worker-gone", HELD_FOR["worker-gone"], now)
    return len(lost)


def take(
    session: Session, hub: Hub, worker: ReportWorker, report: Report, journal: str, environment: str, now: datetime
) -> dict[str, Any]:
    """Give the permission to submit a report once, with all that the worker needs; again to the same journal only.

    ``do`` is *stop* for one that a person wants stopped: nothing more of it is sent, and what is open is retracted.
    """
    state = State(report.state)
    if environment != report.environment:
        raise Refused(409, "environment", f"Report R-{report.number} was approved for the {report.environment}.")
    if environment == settings.PRODUCTION and settings.environment(session) != settings.PRODUCTION:
        raise Refused(409, "production-off", "Production is off at the hub; an administrator turns it on there.")
    if state in (State.FILING, State.STOPPING) and report.journal == journal:
        report.heard_at = now
    elif state is State.APPROVED:
        report.attempt += 1
        report.journal, report.heard_at = journal, now
        move(session, report, State.FILING, now, kind="taken", detail={"worker": worker.id})
    elif state is not State.WITHDRAWING:
        raise Refused(409, "state", f"Report R-{report.number} is {report.state}; it is not for filing now.")
    job = {
        "report": report.id,
        "number": report.number,
        "attempt": report.attempt,
        "environment": report.environment,
        "do": _DO.get(state, "file"),
        "undo": report.undo_id,
    }
    return job if state in _DO else job | _contents(session, hub, report)


def disclose(session: Session, worker: ReportWorker, report: Report, digest: str, now: datetime) -> None:
    """Log that sealed evidence of a report leaves for the worker that files it. Raises Refused."""
    named = {str(each["evidence"]) for each in report.files}
    record = session.get(EvidenceRecord, digest)
    if report.state != State.FILING or digest not in named or record is None:
        raise not_found("evidence")
    if record.status != "stored":
        raise Refused(410, "erased", "This evidence is not at the hub any more.")
    detail = {"report": report.id, "worker": worker.id, "size": record.size}
    audit.record(session, audit.HUB, audit.DISCLOSURE, f"evidence:{digest}", "filing", detail=detail, at=now)


def tell(
    session: Session,
    worker: ReportWorker,
    report: Report,
    journal: str,
    attempt: int,
    told: Mapping[str, Any],
    now: datetime,
) -> str:
    """Take in what a worker says of its attempt; return the report's state afterwards.

    Raises Refused (409, ``superseded``) for an attempt that a later one or a person has replaced.
    """
    said = str(told["state"])
    if said == "filed":
        _filed(session, report, attempt, told, now)
        return report.state
    if said == "withdrawn" and report.state == State.WITHDRAWING:
        report.remote_id = report.undo_id = None
        move(session, report, State.WITHDRAWN, now, kind="withdrawn", detail={"worker": worker.id})
        return report.state
    if said == "held" and report.state == State.WITHDRAWING:
        _held(session, report, told, now)
        return report.state
    if attempt != report.attempt or report.state not in _HELD_BY or report.journal != journal:
        if said == "held" and report.state == State.HELD and attempt == report.attempt:
            _remember(report, told)
            return report.state
        raise Refused(409, "superseded", f"Attempt {attempt} of report R-{report.number} does not count any more.")
    report.heard_at = now
    if said == "opened":
        if report.state == State.FILING or report.remote_id != told["remote_id"]:
            report.remote_id, report.undo_id, report.hint_id = int(told["remote_id"]), None, None
            detail = {"remote_id": report.remote_id}
            stopping = report.state == State.STOPPING
            to, kind = (State.STOPPING, "opened-late") if stopping else (State.OPENED, "opened")
            move(session, report, to, now, kind=kind, sentence=_says(told), detail=detail)
    elif said == "again":
        _again(session, report, told, now)
    elif said == "held":
        _held(session, report, told, now)
    return report.state


def _again(session: Session, report: Report, told: Mapping[str, Any], now: datetime) -> None:
    """Nothing of the attempt is left at the service: the report may be taken anew, after a while.

    ``undo_id`` is an earlier report that could not be retracted yet: it is still to be, first. What a person wanted
    stopped is not taken anew.
    """
    opened = report.remote_id is not None
    report.remote_id, report.undo_id = None, told.get("undo_id")
    report.journal, report.not_before = "", told.get("not_before")
    if report.state == State.STOPPING:
        report.not_before = None
        ended = (State.WITHDRAWN, "withdrawn") if opened else (State.DISCARDED, "stopped")
        to, kind = (State.WITHDRAWING, "to-retract") if report.undo_id else ended
        move(session, report, to, now, kind=kind)
    elif report.approved_at is not None and now - report.approved_at > GIVE_UP:
        _hold(session, report, "no-answer", HELD_FOR["no-answer"], now)
    else:
        move(session, report, State.APPROVED, now, kind="again", sentence=_says(told))


def _held(session: Session, report: Report, told: Mapping[str, Any], now: datetime) -> None:
    _remember(report, told)
    _hold(session, report, str(told.get("reason") or "refused"), _says(told), now)


def _remember(report: Report, told: Mapping[str, Any]) -> None:
    if told.get("remote_id"):
        report.remote_id = int(told["remote_id"])
    if told.get("hint_id"):
        report.hint_id = int(told["hint_id"])


def _filed(session: Session, report: Report, attempt: int, told: Mapping[str, Any], now: datetime) -> None:
    """Believe that it is filed, whatever a person or another attempt thought: this is the one fact that counts."""
    remote = int(told["remote_id"])
    if report.state == State.FILED:
        if report.remote_id != remote:
            report.hint_id = remote
            _hold(session, report, "filed-elsewhere", f"Attempt {attempt} was filed there as {remote}.", now)
        return
    if report.state == State.DRAFT or report.state == State.READY or attempt != report.attempt:
        report.hint_id = remote
        if report.state in (State.DRAFT, State.READY):
            report.state = State.HELD.value
        _hold(session, report, "filed-elsewhere", f"Attempt {attempt} was filed there as {remote}.", now)
        return
    report.remote_id, report.undo_id, report.hint_id = remote, None, None
    report.sent = list(told.get("files") or ())
    preserving.start(report, now)
    detail = {"remote_id": remote, "environment": report.environment, "files": len(report.sent)}
    move(session, report, State.FILED, now, kind="filed", action=audit.DISCLOSURE, detail=detail)


def _hold(session: Session, report: Report, reason: str, sentence: str, now: datetime) -> None:
    reason = reason if reason in HELD_FOR else "refused"
    if report.state == State.HELD:
        report.held_for, report.sentence = reason, sentence[:1000]
        note(session, report, "held", now, sentence)
        return
    move(session, report, State.HELD, now, kind="held", sentence=sentence, detail={"held_for": reason})
    report.held_for = reason


def sent_facts(session: Session, hub: Hub, report: Report) -> dict[str, Any]:
    """Return the facts as they are sent: with the reporter, and the earlier reports of the same user."""
    given = drafting.facts_of(hub, report)
    asked = settings.reporting(session)
    prior = drafting.prior_reports(session, report, report.environment)
    facts = drafting.as_json(given)
    facts["reporter"] = _FACTS.dump_python(
        cybertip.Report(incident_type=given.incident_type, incident_at=given.incident_at, reporter=asked.reporter),
        mode="json",
    )["reporter"]
    facts.setdefault("platform", asked.platform)
    if facts.get("reported") and prior:
        typed = facts["reported"][0].get("prior_reports", [])
        facts["reported"][0]["prior_reports"] = [*dict.fromkeys([*prior, *typed])]
    return facts


def _contents(session: Session, hub: Hub, report: Report) -> dict[str, Any]:
    """Return what the report says, who reports, what was viewed by whom, and what lists say of each file."""
    digests = {str(each["evidence"]) for each in report.files}
    return {
        "facts": sent_facts(session, hub, report),
        "files": report.files,
        "views": [
            {"evidence": view.evidence, "item": view.item, "how": view.how, "at": utc_text(view.at)}
            for view in views.of_evidence(session, digests)
        ],
        "notes": _notes(session, report, digests),
    }


def _notes(session: Session, report: Report, digests: set[str]) -> dict[str, list[str]]:
    """Return, by evidence, what lists say: that it matches an entry, never what it shows."""
    said: dict[str, list[str]] = {}
    query = select(FindingRecord.evidence, FindingRecord.matches).where(
        FindingRecord.alert_id == report.alert_id, FindingRecord.evidence.in_(digests)
    )
    for digest, matches in session.execute(query):
        lines = said.setdefault(digest, [])
        for match in matches:
            kind = f", classification {match['category']}" if match.get("category") else ""
            scheme = f" ({match['scheme']})" if kind and match.get("scheme") else ""
            line = f"Matches an entry of list {match['list']}, entry {match['entry']}{kind}{scheme}; by {match['by']}."
            if line not in lines:
                lines.append(line)
    return said


def _says(told: Mapping[str, Any]) -> str:
    return "".join(letter if letter.isprintable() else " " for letter in str(told.get("sentence") or ""))[:1000]
