"""People and units, and the settings of the hub: for administrators."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Form
from fastapi.responses import Response
from sqlalchemy import select

from tocsin.console import pages
from tocsin.console.visit import Visit, visit
from tocsin.hub import audit, configuration, people, retention
from tocsin.hub.refusals import Refused
from tocsin.hub.store.schema import Person, Unit

router = APIRouter(include_in_schema=False)

At = Annotated[Visit, Depends(visit("administrator"))]
Text = Annotated[str, Form(max_length=400)]
Maybe = Annotated[str | None, Form(max_length=40)]


@dataclass(frozen=True, slots=True)
class Link:
    """A one-time link, shown once."""

    name: str
    address: str
    until: datetime


@router.get("/people")
def listed(at: At, said: str = "") -> Response:
    """Show everybody by unit."""
    return _page(at, said="Saved." if said == "saved" else "")


@router.post("/people/invite")
def invite(at: At, name: Text, email: Text, unit: Text, role: Text) -> Response:
    """Make a person and the one-time link they come in by."""
    try:
        with at.hub.store.session() as session:
            person, token = people.invite(session, at.who, unit_id=unit, name=name, email=email, role=role, now=at.now)
            link = _link(at, person.name, token)
    except Refused as refused:
        return _page(at, refused.status, error=str(refused))
    return _page(at, link=link)


@router.post("/people/unit")
def add_unit(at: At, name: Text) -> Response:
    """Add a unit."""
    try:
        with at.hub.store.session() as session:
            unit = people.add_unit(session, name)
            audit.record(
                session, at.who.id, audit.CONFIGURATION, f"unit:{unit.id}", detail={"unit": "added"}, at=at.now
            )
    except Refused as refused:
        return _page(at, refused.status, error=str(refused))
    return pages.go("/people?said=saved")


@router.post("/people/{person_id}")
def change(
    at: At,
    person_id: str,
    role: Maybe = None,
    on_call: Annotated[int | None, Form(ge=0, le=99)] = None,
    active: Maybe = None,
) -> Response:
    """Change a role, a place on call, or whether somebody may sign in."""
    try:
        with at.hub.store.session() as session:
            people.change(
                session,
                at.who,
                person_id,
                at.now,
                role=role,
                on_call=on_call,
                active=None if active is None else active == "yes",
            )
    except Refused as refused:
        return _page(at, refused.status, error=str(refused))
    return pages.go("/people?said=saved")


@router.post("/people/{person_id}/link")
def link_again(at: At, person_id: str) -> Response:
    """Give somebody who lost password and second factor a new link."""
    try:
        with at.hub.store.session() as session:
            token = people.invite_again(session, at.who, person_id, at.now)
            person = session.get_one(Person, person_id)
            link = _link(at, person.name, token)
    except Refused as refused:
        return _page(at, refused.status, error=str(refused))
    return _page(at, link=link)


@router.get("/settings")
def settings(at: At, said: str = "") -> Response:
    """Show the hub's settings."""
    return _settings(at, said="Saved." if said == "saved" else "")


@router.post("/settings/escalation")
def set_escalation(at: At, minutes: Annotated[int, Form()]) -> Response:
    """Set how long an imminent alert may wait."""
    return _write(at, "escalation", {"minutes": minutes})


@router.post("/settings/public-url")
def set_public_url(at: At, url: Text = "") -> Response:
    """Set the console's address that messages carry."""
    return _write(at, "public_url", {"url": url.strip()})


@router.post("/settings/authorities")
def set_authorities(at: At, keys: Annotated[str, Form(max_length=8000)] = "") -> Response:
    """Set whose orders are taken in."""
    return _write(at, "authorities", {"keys": [line.strip() for line in keys.splitlines() if line.strip()]})


@router.post("/settings/retention")
async def set_retention(at: At) -> Response:
    """Set the days each kind is kept; an empty field keeps without end."""
    form = await at.request.form()
    given = {kind: str(form.get(kind, "")).strip() for kind in configuration.RETENTION_KINDS}
    days: dict[str, Any] = {kind: int(text) if text.isdigit() else text for kind, text in given.items() if text}
    return _write(at, "retention", days)


@router.post("/settings/dry-run")
def dry_run(at: At) -> Response:
    """Show exactly what retention would erase now, erasing nothing."""
    with at.hub.store.reading() as session:
        return _settings(at, plan=retention.plan(session, at.now))


def _write(at: Visit, key: str, value: dict[str, Any]) -> Response:
    try:
        with at.hub.store.session() as session:
            configuration.write(session, at.who, key, value, at.now)
    except Refused as refused:
        return _settings(at, refused.status, error=str(refused))
    return pages.go("/settings?said=saved")


def _link(at: Visit, name: str, token: str) -> Link:
    base = str(at.request.base_url).rstrip("/")
    return Link(name, f"{base}/invite/{token}", at.now + people.INVITE_GOOD_FOR)


def _page(at: Visit, status: int = 200, **facts: Any) -> Response:
    known: dict[str, Any] = {"link": None, "error": "", "said": "", "roles": people.ROLES}
    with at.hub.store.reading() as session:
        everyone = list(session.scalars(people.visible(at.who)))
        units = [
            {"id": unit.id, "name": unit.name, "people": [person for person in everyone if person.unit_id == unit.id]}
            for unit in session.scalars(select(Unit).order_by(Unit.name))
        ]
        return at.page(session, "people.html", status=status, units=units, **(known | facts))


def _settings(at: Visit, status: int = 200, **facts: Any) -> Response:
    known: dict[str, Any] = {"error": "", "said": "", "plan": None}
    with at.hub.store.reading() as session:
        shown = configuration.read_all(session)
        days = configuration.retention_days(session)
        kinds = [
            {"name": kind, "label": _KINDS[kind], "days": days.get(kind, ""), "suggested": retention.SUGGESTED[kind]}
            for kind in configuration.RETENTION_KINDS
        ]
        return at.page(
            session,
            "settings.html",
            status=status,
            minutes=shown.get("escalation", {}).get("minutes", at.hub.settings.escalate_minutes),
            public_url=shown.get("public_url", {}).get("url", ""),
            authorities=shown.get("authorities", {}).get("keys", []),
            origin=shown.get("origin", {}).get("name", ""),
            kinds=kinds,
            labels=_KINDS,
            **(known | facts),
        )


_KINDS = {
    "entries": "Journal entries",
    "evidence": "Sealed evidence",
    "alerts": "Closed alerts",
    "sessions": "Ended sign-ins",
    "notifications": "Sent messages",
}
