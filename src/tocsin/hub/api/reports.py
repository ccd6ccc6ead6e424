"""Reports over HTTP, for people: draft, approve, decide, preserve; and who looked at which evidence."""

from datetime import datetime
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Path, Query
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy.orm import Session

from tocsin.hub import alerts, confirming, contents, views, visibility
from tocsin.hub.hub import Hub, of
from tocsin.hub.reports import deciding, drafting, preserving, showing
from tocsin.hub.sessions import Who, require
from tocsin.hub.store.reports import Report
from tocsin.hub.store.schema import Alert, Person
from tocsin.model import utc_text

router = APIRouter(prefix="/api/v1", tags=["reports"])

UNIT: Final = ("officer", "supervisor")
Hubs = Annotated[Hub, Depends(of)]
Reviewer = Annotated[Who, Depends(require(*UNIT))]
Supervisor = Annotated[Who, Depends(require("supervisor"))]
Id = Annotated[str, Path(max_length=32)]


class Contents(BaseModel):
    """What a report says and sends. ``facts`` are those of tocsin/exchange/cybertip/facts.py, without the reporter."""

    model_config = ConfigDict(extra="forbid")
    facts: dict[str, Any]
    files: list[drafting.File] = Field(default_factory=list, max_length=drafting.FILES_MOST)


class Draft(Contents):
    """A new report, of an alert; ``supplements`` names the filed report that this one adds to."""

    alert: str = Field(max_length=32)
    supplements: str | None = Field(default=None, max_length=32)


class Reason(BaseModel):
    """Why something is done."""

    model_config = ConfigDict(extra="forbid")
    reason: str = Field(max_length=2000)


class Decision(Reason):
    """What a person decides on a held report."""

    decision: str = Field(max_length=20)
    remote_id: int | None = Field(default=None, gt=0, lt=2**63)


class Look(BaseModel):
    """That an item of evidence was shown unveiled."""

    model_config = ConfigDict(extra="forbid")
    evidence: str = Field(pattern="^[0-9a-f]{64}$")
    item: int = Field(ge=0, le=views.ITEM_MOST)
    how: str = Field(max_length=20)


class Agreement(BaseModel):
    """Whether a second person agrees with the verdict on a content."""

    model_config = ConfigDict(extra="forbid")
    agrees: bool


class Opinion(Reason):
    """A second person's view of a verdict."""

    agrees: bool


@router.get("/reports")
def list_reports(
    hub: Hubs,
    who: Reviewer,
    state: Annotated[list[str] | None, Query(max_length=10)] = None,
    alert: Annotated[str | None, Query(max_length=32)] = None,
    before: Annotated[int | None, Query(ge=1, le=2**31 - 1)] = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> dict[str, Any]:
    """Return this unit's reports, newest first, and how many are in each state."""
    query = visibility.reports(who).order_by(Report.number.desc()).limit(limit + 1)
    if state:
        query = query.where(Report.state.in_(state))
    if alert is not None:
        query = query.where(Report.alert_id == alert)
    if before is not None:
        query = query.where(Report.number < before)
    with hub.store.reading() as session:
        rows = list(session.scalars(query))
        return {
            "reports": [showing.brief(session, each) for each in rows[:limit]],
            "next": rows[limit - 1].number if len(rows) > limit else None,
            "counts": showing.counts(session, who),
        }


@router.post("/reports", status_code=201)
def draft(given: Draft, hub: Hubs, who: Reviewer) -> dict[str, Any]:
    """Draft a report from an alert that a person took on or found true."""
    with hub.store.session() as session:
        alert = visibility.alert(session, who, given.alert)
        now = hub.clock.now()
        report = drafting.draft(session, hub, who, alert, given.facts, given.files, now, given.supplements)
        return showing.brief(session, report)


@router.get("/reports/{report_id}")
def get_report(report_id: Id, hub: Hubs, who: Reviewer) -> dict[str, Any]:
    """Return one report. What it says of a user comes only with a reason: POST /api/v1/alerts/ID/consult."""
    with hub.store.reading() as session:
        return showing.whole(session, hub, who, visibility.report(session, who, report_id), hub.clock.now())


@router.put("/reports/{report_id}")
def change(report_id: Id, given: Contents, hub: Hubs, who: Reviewer) -> dict[str, Any]:
    """Change a draft."""
    with hub.store.session() as session:
        report = visibility.report(session, who, report_id)
        drafting.change(session, hub, who, report, given.facts, given.files, hub.clock.now())
        return showing.brief(session, report)


@router.post("/reports/{report_id}/ready")
def ready(report_id: Id, hub: Hubs, who: Reviewer) -> dict[str, Any]:
    """Say that a draft is ready: it goes to the worker, or to a second person where the settings ask for one."""
    with hub.store.session() as session:
        report = visibility.report(session, who, report_id)
        drafting.ready(session, hub, who, report, hub.clock.now())
        return showing.brief(session, report)


@router.post("/reports/{report_id}/approve")
def approve(report_id: Id, hub: Hubs, who: Reviewer) -> dict[str, Any]:
    """Approve, as a second person."""
    with hub.store.session() as session:
        report = visibility.report(session, who, report_id)
        drafting.approve(session, hub, who, report, hub.clock.now())
        return showing.brief(session, report)


@router.post("/reports/{report_id}/return")
def send_back(report_id: Id, given: Reason, hub: Hubs, who: Reviewer) -> dict[str, Any]:
    """Make a report that no worker has taken a draft again."""
    with hub.store.session() as session:
        report = visibility.report(session, who, report_id)
        drafting.send_back(session, who, report, given.reason, hub.clock.now())
        return showing.brief(session, report)


@router.post("/reports/{report_id}/discard")
def discard(report_id: Id, given: Reason, hub: Hubs, who: Reviewer) -> dict[str, Any]:
    """Decide that a report that no worker has taken is not sent."""
    with hub.store.session() as session:
        report = visibility.report(session, who, report_id)
        drafting.discard(session, who, report, given.reason, hub.clock.now())
        return showing.brief(session, report)


@router.post("/reports/{report_id}/decide")
def decide(report_id: Id, given: Decision, hub: Hubs, who: Reviewer) -> dict[str, Any]:
    """Decide on a held report: again, edit, filed or withdraw."""
    with hub.store.session() as session:
        report = visibility.report(session, who, report_id)
        deciding.decide(session, who, report, given.decision, given.reason, hub.clock.now(), given.remote_id)
        return showing.brief(session, report)


@router.post("/reports/{report_id}/erase")
def erase(report_id: Id, given: Reason, hub: Hubs, who: Supervisor) -> dict[str, Any]:
    """End the preservation of a report whose year is over; its evidence goes, and the log says who decided it."""
    with hub.store.session() as session:
        report = visibility.report(session, who, report_id)
        going = preserving.erase(session, who, report, given.reason, hub.clock.now())
        shown = showing.brief(session, report)
    for digest in going:
        hub.blobs.delete(digest)
    return shown | {"erased": going}


@router.post("/alerts/{alert_id}/views", status_code=201)
def look(alert_id: Id, given: Look, hub: Hubs, who: Reviewer) -> dict[str, Any]:
    """Record that the signed-in person looked at an item of an alert's evidence; a reason was given before."""
    with hub.store.session() as session:
        view = views.record(session, who, alert_id, given.evidence, given.item, given.how, hub.clock.now())
        return {"evidence": view.evidence, "item": view.item, "how": view.how, "at": utc_text(view.at)}


@router.get("/alerts/{alert_id}/views")
def looks(alert_id: Id, hub: Hubs, who: Reviewer) -> dict[str, Any]:
    """Return who looked at what of an alert's evidence, when, how and why."""
    with hub.store.reading() as session:
        alert = visibility.alert(session, who, alert_id)
        return {
            "views": [
                {
                    "evidence": view.evidence,
                    "item": view.item,
                    "how": view.how,
                    "at": utc_text(view.at),
                    "person": view.person_id,
                    "reason": view.reason,
                }
                for view in views.of_alert(session, alert)
            ]
        }


@router.post("/alerts/{alert_id}/confirm")
def confirm(alert_id: Id, given: Opinion, hub: Hubs, who: Reviewer) -> dict[str, Any]:
    """Confirm, as a second person, an alert closed as true; or dispute it, which opens it again."""
    with hub.store.session() as session:
        alert, person, now = _for_change(session, hub, who, alert_id)
        confirming.confirm(session, hub, alert, person, now, agrees=given.agrees, why=given.reason)
        return {"id": alert.id, "status": alert.status, "history": len(alerts.history_of(session, alert))}


@router.post("/alerts/{alert_id}/contents/{number}/confirm")
def confirm_content(
    alert_id: Id, number: Annotated[int, Path(ge=1, le=2**31 - 1)], given: Agreement, hub: Hubs, who: Reviewer
) -> dict[str, Any]:
    """Confirm, as a second person, the verdict on one of several contents; or take it back, which opens the alert."""
    with hub.store.session() as session:
        alert, person, now = _for_change(session, hub, who, alert_id)
        confirming.confirm_content(session, hub, alert, person, now, number, agrees=given.agrees)
        waiting = [each.number for each in contents.waiting(contents.of_alert(session, alert))]
        return {"id": alert.id, "status": alert.status, "waiting": waiting}


def _for_change(session: Session, hub: Hub, who: Who, alert_id: str) -> tuple[Alert, Person, datetime]:
    alert = visibility.alert(session, who, alert_id)
    return alert, drafting.person_row(session, who), hub.clock.now()
