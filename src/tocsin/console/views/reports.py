"""Reports to the authority: the queue, one report with its history and buttons, and the form it is drafted in."""

from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Form
from fastapi.responses import Response
from pydantic import ValidationError
from sqlalchemy import select
from sqlalchemy.orm import Session

from tocsin.console import pages, report_form, report_people, report_rows
from tocsin.console.frame import names
from tocsin.console.visit import UNIT, Visit, visit
from tocsin.exchange.cybertip import words as exact
from tocsin.hub import consultation, views, visibility
from tocsin.hub.refusals import Refused
from tocsin.hub.reports import deciding, drafting, preserving, settings, showing
from tocsin.hub.reports.states import HELD_FOR
from tocsin.hub.store.reports import Report
from tocsin.hub.store.schema import Alert, EvidenceRecord, FindingRecord

router = APIRouter(include_in_schema=False)

PAGE: Final = 50
At = Annotated[Visit, Depends(visit(*UNIT))]
Text = Annotated[str, Form(max_length=4000)]
_SAID: Final = {
    "drafted": "Drafted. Nothing is sent before it is approved.",
    "changed": "Saved.",
    "ready": "Said. What happens next stands below.",
    "approved": "Approved; the worker takes it next.",
    "returned": "A draft again.",
    "discarded": "Noted: it is not to be sent.",
    "decided": "Decided.",
    "erased": "Its preservation has ended; the log says who decided it.",
}


@router.get("/reports")
def listed(at: At, show: str = "open", before: int | None = None) -> Response:
    """Show the queue: what awaits a person first."""
    show = show if show in report_rows.SHOWS else "open"
    query = visibility.reports(at.who).where(Report.state.in_(report_rows.SHOWS[show]))
    if before is not None:
        query = query.where(Report.number < before)
    with at.hub.store.reading() as session:
        found = list(session.scalars(query.order_by(Report.number.desc()).limit(PAGE + 1)))
        rows = sorted(found[:PAGE], key=lambda each: (each.state not in report_rows.AWAIT, not each.escalated))
        counts = showing.counts(session, at.who)
        return at.page(
            session,
            "reports.html",
            rows=rows,
            show=show,
            older=found[PAGE - 1].number if len(found) > PAGE else None,
            counts=counts,
            awaiting=sum(counts[state] for state in report_rows.AWAIT),
            moving=sum(counts[state] for state in report_rows.MOVING),
            alerts=_alert_numbers(session, rows),
            environment=settings.environment(session),
            states=report_rows.STATES,
            waits=report_rows.AWAIT,
            held_for=HELD_FOR,
        )


@router.get("/reports/new")
def new(at: At, alert: str, supplements: str = "") -> Response:
    """Show the form for a new report of an alert."""
    with at.hub.store.reading() as session:
        found = visibility.alert(session, at.who, alert)
        drafting.refuse_unconfirmed(session, found)
        facts = {
            "incident_at": found.first_at.isoformat(),
            "incident_about": "when the service's own system saw it",
            "platform": settings.reporting(session).platform,
        }
        fields = report_form.fields_of(facts) | {"supplements": supplements}
        return _form(session, at, found, fields, _rows_of(facts), [])


@router.get("/reports/new/person")
def person(at: At, add: str) -> Response:
    """Return an empty row of the form, for one more victim or recipient."""
    if add not in report_people.KINDS:
        raise Refused(422, "kind", "A row is for a victim or a recipient.")
    return pages.page(
        at.request, "_report_person.html", at.who, kind=add, row=report_people.new_row(), people=report_people, new=True
    )


@router.post("/reports/new")
async def draft(at: At) -> Response:
    """Draft a report."""
    form = await at.request.form()
    values = _values(form)
    supplements = values.get("supplements") or None
    with at.hub.store.reading() as session:
        alert = visibility.alert(session, at.who, values.get("alert", ""))
        digests = _digests(session, alert)
    if _asks_for_rows(values):
        return _form_again(at, alert.id, values, form)
    try:
        given, files = _read(form, values, digests, {})
        with at.hub.store.session() as session:
            alert = visibility.alert(session, at.who, alert.id)
            made = drafting.draft(session, at.hub, at.who, alert, given, files, at.now, supplements).id
    except Refused as refused:
        return _form_again(at, alert.id, values, form, refused)
    return pages.go(f"/reports/{made}?said=drafted")


@router.get("/reports/{report_id}")
def shown(at: At, report_id: str, said: str = "") -> Response:
    """Show one report."""
    return _page(at, report_id, said=_SAID.get(said, ""))


@router.get("/reports/{report_id}/edit")
def edit(at: At, report_id: str) -> Response:
    """Show the form of a draft; what it says of a user is shown against a reason only."""
    with at.hub.store.reading() as session:
        report = visibility.report(session, at.who, report_id)
        if not showing.reason_given(session, at.who, report, at.now):
            return pages.go(f"/reports/{report_id}")
        alert = visibility.alert(session, at.who, report.alert_id or "")
        facts = drafting.as_json(drafting.facts_of(at.hub, report))
        return _form(session, at, alert, report_form.fields_of(facts), _rows_of(facts), report.files, report)


@router.post("/reports/{report_id}/edit")
async def save(at: At, report_id: str) -> Response:
    """Save a draft."""
    form = await at.request.form()
    values = _values(form)
    with at.hub.store.reading() as session:
        report = visibility.report(session, at.who, report_id)
        alert = visibility.alert(session, at.who, report.alert_id or "")
        digests, before = _digests(session, alert), drafting.as_json(drafting.facts_of(at.hub, report))
    if _asks_for_rows(values):
        return _form_again(at, alert.id, values, form, report=report)
    try:
        given, files = _read(form, values, digests, before)
        with at.hub.store.session() as session:
            row = visibility.report(session, at.who, report_id)
            drafting.change(session, at.hub, at.who, row, given, files, at.now)
    except Refused as refused:
        return _form_again(at, alert.id, values, form, refused, report)
    return pages.go(f"/reports/{report_id}?said=changed")


@router.post("/reports/{report_id}/consult")
def consult(at: At, report_id: str, reason: Text) -> Response:
    """Record why what the report says is read."""

    def act(session: Session, report: Report) -> None:
        alert = visibility.alert(session, at.who, report.alert_id or "")
        consultation.consult(session, at.who, alert, reason, at.now)

    return _act(at, report_id, "", act)


@router.post("/reports/{report_id}/ready")
def ready(at: At, report_id: str) -> Response:
    """Say that a draft is ready."""
    return _act(at, report_id, "ready", lambda s, r: drafting.ready(s, at.hub, at.who, r, at.now))


@router.post("/reports/{report_id}/approve")
def approve(at: At, report_id: str) -> Response:
    """Approve, as a second person."""
    return _act(at, report_id, "approved", lambda s, r: drafting.approve(s, at.hub, at.who, r, at.now))


@router.post("/reports/{report_id}/return")
def send_back(at: At, report_id: str, reason: Text) -> Response:
    """Make it a draft again."""
    typed = {"deed": "return", "reason": reason}
    return _act(at, report_id, "returned", lambda s, r: drafting.send_back(s, at.who, r, reason, at.now), typed)


@router.post("/reports/{report_id}/discard")
def discard(at: At, report_id: str, reason: Text) -> Response:
    """Decide that it is not sent."""
    typed = {"deed": "discard", "reason": reason}
    return _act(at, report_id, "discarded", lambda s, r: drafting.discard(s, at.who, r, reason, at.now), typed)


@router.post("/reports/{report_id}/decide")
def decide(at: At, report_id: str, decision: Text, reason: Text, remote_id: Text = "") -> Response:
    """Decide on a held report."""
    text, typed = remote_id.strip(), {"decision": decision, "reason": reason, "remote_id": remote_id}

    def act(session: Session, report: Report) -> None:
        if text and not (text.isascii() and text.isdigit() and len(text) < 19):
            raise Refused(422, "report-id", "The authority's number of a report is a whole number.")
        deciding.decide(session, at.who, report, decision, reason, at.now, int(text) if text else None)

    return _act(at, report_id, "decided", act, typed)


@router.post("/reports/{report_id}/erase")
def erase(at: Annotated[Visit, Depends(visit("supervisor"))], report_id: str, reason: Text) -> Response:
    """End the preservation, once its year is over."""
    going: list[str] = []
    typed = {"deed": "erase", "reason": reason}
    done = _act(
        at, report_id, "erased", lambda s, r: going.extend(preserving.erase(s, at.who, r, reason, at.now)), typed
    )
    for digest in going:
        at.hub.blobs.delete(digest)
    return done


def _act(at: Visit, report_id: str, said: str, act: Any, typed: dict[str, str] | None = None) -> Response:
    try:
        with at.hub.store.session() as session:
            act(session, visibility.report(session, at.who, report_id))
    except Refused as refused:
        if refused.status not in (409, 422):
            raise
        return _page(at, report_id, status=refused.status, error=str(refused), typed=typed)
    return pages.go(f"/reports/{report_id}" + (f"?said={said}" if said else ""))


def _page(
    at: Visit, report_id: str, status: int = 200, said: str = "", error: str = "", typed: dict[str, str] | None = None
) -> Response:
    """Show a report. ``typed`` is what a refused form held, for it to hold again."""
    with at.hub.store.reading() as session:
        report = visibility.report(session, at.who, report_id)
        whole = showing.whole(session, at.hub, at.who, report, at.now)
        known = names(session)
        looks = views.of_evidence(session, {str(each["evidence"]) for each in report.files})
        original = session.get(Report, report.supplements) if report.supplements else None
        return at.page(
            session,
            "report.html",
            status=status,
            report=report,
            alert=session.get(Alert, report.alert_id) if report.alert_id else None,
            original=original,
            facts=None if whole["facts"] is None else report_rows.lines_of(whole["facts"]),
            prior=whole["prior_reports"],
            files=report_rows.file_rows(report, looks, known),
            looks=[(view.at, report_rows.look(view, known), view.reason) for view in looks[-30:]],
            history=showing.history(session, report),
            kinds=report_rows.KINDS,
            states=report_rows.STATES,
            waits=report_rows.AWAIT,
            decisions=report_rows.DECISIONS,
            held_for=HELD_FOR,
            two=settings.reporting(session).two_person,
            over=report.preserve_until is not None and at.now >= report.preserve_until,
            off=report.environment == settings.PRODUCTION != settings.environment(session),
            typed=typed or {},
            names=known,
            said=said,
            error=error,
        )


def _read(form: Any, values: dict[str, str], digests: list[str], before: dict[str, Any]) -> tuple[Any, Any]:
    annotations = {digest: [str(each) for each in form.getlist(f"notes-{n}")] for n, digest in enumerate(digests)}
    try:
        chosen = [str(each) for each in form.getlist("annotations")]
        facts = report_form.facts_of(values, chosen, before, _keys(form))
        return facts, report_form.files_of(values, digests, annotations)
    except ValidationError:
        raise Refused(422, "files", "Choose annotations and classification from those that are offered.") from None


def _values(form: Any) -> dict[str, str]:
    return {name: str(value).replace("\r\n", "\n") for name, value in form.items()}


def _keys(form: Any) -> dict[str, list[str]]:
    return {kind: [str(each) for each in form.getlist(kind)] for kind in report_people.KINDS}


def _rows_of(facts: dict[str, Any]) -> dict[str, Any]:
    return {kind: report_people.rows_of(facts.get(name, ())) for kind, name in report_people.KINDS.items()}


def _asks_for_rows(values: dict[str, str]) -> bool:
    """Tell whether a form was sent to get a row more or less, as a browser without scripts does."""
    return bool(values.get("add") or values.get("remove"))


def _form_again(
    at: Visit, alert_id: str, values: dict[str, str], form: Any, refused: Refused | None = None,
    report: Report | None = None,
) -> Response:  # fmt: skip
    """Show the form as it was typed, with what is wrong, or with the rows that were asked for."""
    if refused is not None and refused.status not in (409, 422):
        raise refused
    fields = report_form.fields_of({}) | values | {"annotations": [str(each) for each in form.getlist("annotations")]}
    gone = values.get("remove", "")
    rows = {
        kind: [row for row in report_people.rows_typed(values, kind, keys) if f"{kind}-{row['key']}" != gone]
        for kind, keys in _keys(form).items()
    }
    if (more := values.get("add", "")) in rows and len(rows[more]) < report_people.MOST:
        rows[more].append(report_people.new_row())
    with at.hub.store.reading() as session:
        alert = visibility.alert(session, at.who, alert_id)
        return _form(session, at, alert, fields, rows, None, report, refused, form)


def _form(
    session: Session,
    at: Visit,
    alert: Alert,
    fields: dict[str, Any],
    persons: dict[str, Any],
    files: list[Any] | None,
    report: Report | None = None,
    refused: Refused | None = None,
    form: Any = None,
) -> Response:
    return at.page(
        session,
        "report_form.html",
        status=refused.status if refused else 200,
        alert=alert,
        report=report,
        fields={"supplements": ""} | fields,
        persons=persons,
        people=report_people,
        rows=_file_fields(session, alert, files, form),
        industry=settings.reporting(session).industry,
        exact=exact,
        places=report_form.PLACES,
        publics=report_form.PUBLIC,
        error=str(refused) if refused else "",
    )


def _file_fields(session: Session, alert: Alert, files: list[Any] | None, form: Any) -> list[dict[str, Any]]:
    """Return one row of fields for each piece of evidence: what is sent of it, and what lists propose."""
    proposed = drafting.proposed(session, alert)
    kept = {each.digest: each for each in session.scalars(_stored(alert))}
    rows = []
    for number, digest in enumerate(_digests(session, alert)):
        mine = [each for each in files or [] if each["evidence"] == digest]
        viewed = sorted({view.item for view in views.of_evidence(session, [digest]) if view.how in views.SEEN})
        items = [
            "all" if each["item"] is None else "words" if each["item"] == 0 else str(each["item"]) for each in mine
        ]
        row = {
            "digest": digest,
            "kinds": ", ".join(kept[digest].kinds),
            "proposed": proposed.get(digest, []),
            "viewed": viewed,
            "send": bool(mine),
            "items": ", ".join(items) or "all",
            "notes": mine[0]["annotations"] if mine else [],
            "class": (mine[0]["classification"] or "") if mine else "",
            "public": {True: "yes", False: "no"}.get(mine[0]["public"], "") if mine else "",
        }
        if form is not None:
            row |= {
                "send": form.get(f"send-{number}") == "yes",
                "items": str(form.get(f"items-{number}", "all")),
                "notes": [str(each) for each in form.getlist(f"notes-{number}")],
                "class": str(form.get(f"class-{number}", "")),
                "public": str(form.get(f"public-{number}", "")),
            }
        rows.append(row)
    return rows


def _stored(alert: Alert) -> Any:
    wanted = select(FindingRecord.evidence).where(
        FindingRecord.alert_id == alert.id, FindingRecord.evidence.is_not(None)
    )
    return (
        select(EvidenceRecord)
        .where(EvidenceRecord.digest.in_(wanted), EvidenceRecord.status == "stored")
        .order_by(EvidenceRecord.declared_at, EvidenceRecord.digest)
    )


def _digests(session: Session, alert: Alert) -> list[str]:
    return [each.digest for each in session.scalars(_stored(alert).limit(drafting.FILES_MOST))]


def _alert_numbers(session: Session, rows: list[Report]) -> dict[str, int]:
    ids = [each.alert_id for each in rows if each.alert_id]
    found = session.execute(select(Alert.id, Alert.number).where(Alert.id.in_(ids))).all()
    return {each.id: each.number for each in found}
