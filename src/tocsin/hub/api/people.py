"""People, units and settings, for administrators; colleagues' names for everyone in a unit."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends
from pydantic import BaseModel, Field
from sqlalchemy import select

from tocsin.hub import audit, configuration, people
from tocsin.hub.hub import Hub, of
from tocsin.hub.sessions import Who, require
from tocsin.hub.store.schema import Person, Unit

router = APIRouter(prefix="/api/v1", tags=["people"])

Hubs = Annotated[Hub, Depends(of)]
Administrator = Annotated[Who, Depends(require("administrator"))]


class Invitation(BaseModel):
    """A person to let in."""

    unit_id: str = Field(max_length=32)
    name: str = Field(max_length=200)
    email: str = Field(max_length=320)
    role: str = Field(max_length=20)


class PersonChange(BaseModel):
    """What is to change about a person; what is left out stays."""

    role: str | None = Field(None, max_length=20)
    unit_id: str | None = Field(None, max_length=32)
    active: bool | None = None
    on_call: int | None = Field(None, ge=0, le=1000)


class NewUnit(BaseModel):
    """A unit to add."""

    name: str = Field(max_length=200)


@router.get("/people")
def list_people(who: Annotated[Who, Depends(require())], hub: Hubs) -> list[dict[str, Any]]:
    """Return the people: everyone's details for administrators, else the colleagues of one's own unit."""
    with hub.store.reading() as session:
        return [_shown(person, who) for person in session.scalars(people.visible(who))]


@router.post("/people", status_code=201)
def invite(given: Invitation, who: Administrator, hub: Hubs) -> dict[str, str]:
    """Make a person; the returned token is their one-time link, good for seven days and shown this once."""
    with hub.store.session() as session:
        person, token = people.invite(session, who, **given.model_dump(), now=hub.clock.now())
        return {"id": person.id, "token": token}


@router.patch("/people/{person_id}")
def change(person_id: str, given: PersonChange, who: Administrator, hub: Hubs) -> dict[str, Any]:
    """Change a person's role, unit, on-call place, or whether they may sign in; their sessions end."""
    with hub.store.session() as session:
        return _shown(people.change(session, who, person_id, hub.clock.now(), **given.model_dump()), who)


@router.post("/people/{person_id}/link")
def invite_again(person_id: str, who: Administrator, hub: Hubs) -> dict[str, str]:
    """Reset a person's password and second factor and return a new one-time link's token."""
    with hub.store.session() as session:
        return {"token": people.invite_again(session, who, person_id, hub.clock.now())}


@router.get("/units")
def list_units(_: Annotated[Who, Depends(require("administrator", "auditor"))], hub: Hubs) -> list[dict[str, str]]:
    """Return the units."""
    with hub.store.reading() as session:
        return [{"id": unit.id, "name": unit.name} for unit in session.scalars(select(Unit).order_by(Unit.name))]


@router.post("/units", status_code=201)
def add_unit(given: NewUnit, who: Administrator, hub: Hubs) -> dict[str, str]:
    """Add a unit."""
    with hub.store.session() as session:
        unit = people.add_unit(session, given.name)
        detail = {"act": "added"}
        audit.record(session, who.id, audit.CONFIGURATION, f"unit:{unit.id}", detail=detail, at=hub.clock.now())
        return {"id": unit.id, "name": unit.name}


@router.get("/settings")
def read_settings(_: Administrator, hub: Hubs) -> dict[str, dict[str, Any]]:
    """Return what people have set."""
    with hub.store.reading() as session:
        return configuration.read_all(session)


@router.put("/settings/{key}", status_code=204)
def write_setting(key: str, value: dict[str, Any], who: Administrator, hub: Hubs) -> None:
    """Set one of hub/configuration.py: retention, escalation, reporting, review and the like."""
    with hub.store.session() as session:
        configuration.write(session, who, key, value, hub.clock.now())


def _shown(person: Person, who: Who) -> dict[str, Any]:
    shown = {"id": person.id, "name": person.name, "role": person.role, "active": person.active}
    shown |= {"unit_id": person.unit_id, "unit": person.unit.name, "age_recipient": person.age_recipient}
    if who.role != "administrator":
        return shown
    return shown | {"email": person.email, "on_call": person.on_call, "set_up": person.totp_confirmed}
