"""Reporting and review as administrators set them: who reports, the production switch, pauses, workers."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Form
from fastapi.responses import Response
from sqlalchemy import select

from tocsin.console import pages
from tocsin.console.visit import Visit, visit
from tocsin.hub import configuration
from tocsin.hub.refusals import Refused
from tocsin.hub.reports import settings, workers
from tocsin.hub.store.schema import Unit

router = APIRouter(include_in_schema=False)

At = Annotated[Visit, Depends(visit("administrator"))]
Text = Annotated[str, Form(max_length=2000)]


@router.get("/reporting")
def shown(at: At, said: str = "") -> Response:
    """Show what is set."""
    return _page(at, said="Saved." if said == "saved" else "")


@router.post("/reporting/reporter")
def set_reporter(
    at: At,
    email: Text,
    platform: Text = "",
    phone: Text = "",
    contact: Text = "",
    terms: Text = "",
    legal_url: Text = "",
    two_person: Text = "",
    industry: Text = "",
) -> Response:
    """Set who reports."""
    given = {"email": email, "platform": platform, "phone": phone, "contact": contact, "legal_url": legal_url}
    switches = {"two_person": two_person == "yes", "industry": industry == "yes"}
    return _write(at, "reporting", given | {"terms": terms.replace("\r\n", "\n")} | switches)


@router.post("/reporting/production")
def set_production(at: At, on: Text, sure: Text = "") -> Response:
    """Turn production off; or on, by one who says that reports are to reach the authority."""
    if on == "yes" and sure != "yes":
        return _page(at, 422, error="Say first that what is approved from now on is to reach the authority.")
    return _write(at, "reporting_production", {"on": on == "yes"})


@router.post("/reporting/review")
def set_review(
    at: At,
    minutes: Annotated[int, Form()],
    items: Annotated[int, Form()],
    break_minutes: Annotated[int, Form()],
    two_person: Text = "",
) -> Response:
    """Set when reviewers pause, and whether two confirm."""
    given = {"minutes": minutes, "items": items, "break_minutes": break_minutes, "two_person": two_person == "yes"}
    return _write(at, "review", given)


@router.post("/reporting/workers")
def add_worker(at: At, name: Text, unit: Text) -> Response:
    """Make a worker and show its token once."""
    try:
        with at.hub.store.session() as session:
            made, token = workers.add(session, at.who, unit, name, at.now)
            shown_once = {"name": made.name, "token": token}
    except Refused as refused:
        return _page(at, refused.status, error=str(refused))
    return _page(at, token=shown_once)


@router.post("/reporting/workers/{worker_id}/revoke")
def revoke(at: At, worker_id: str) -> Response:
    """End a worker's token."""
    with at.hub.store.session() as session:
        workers.revoke(session, at.who, worker_id, at.now)
    return pages.go("/reporting?said=saved")


def _write(at: Visit, key: str, value: dict[str, Any]) -> Response:
    try:
        with at.hub.store.session() as session:
            configuration.write(session, at.who, key, value, at.now)
    except Refused as refused:
        return _page(at, refused.status, error=str(refused))
    return pages.go("/reporting?said=saved")


def _page(at: Visit, status: int = 200, **facts: Any) -> Response:
    known: dict[str, Any] = {"error": "", "said": "", "token": None}
    with at.hub.store.reading() as session:
        return at.page(
            session,
            "reporting.html",
            status=status,
            reporter=settings.reporting(session),
            review=settings.review(session),
            production=settings.environment(session) == settings.PRODUCTION,
            workers=workers.listed(session),
            units={unit.id: unit.name for unit in session.scalars(select(Unit).order_by(Unit.name))},
            **(known | facts),
        )
