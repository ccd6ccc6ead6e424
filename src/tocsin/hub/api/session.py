"""Signing in and out, and one's own password, recovery codes, evidence key and notifications."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response
from pydantic import BaseModel, Field

from tocsin.hub import audit, notify, people, sessions, sign_in
from tocsin.hub.hub import Hub, of
from tocsin.hub.refusals import Refused
from tocsin.hub.sessions import COOKIE, Who, require
from tocsin.hub.store.schema import Person

router = APIRouter(prefix="/api/v1", tags=["session"])

Hubs = Annotated[Hub, Depends(of)]
Anyone = Annotated[Who, Depends(require())]
Pending = Annotated[Who, Depends(require(pending=True))]


class Credentials(BaseModel):
    """The first step of signing in."""

    email: str = Field(max_length=320)
    password: str = Field(max_length=1024)


class Code(BaseModel):
    """A six-digit code, or a recovery code."""

    code: str = Field(max_length=40)


class NewPassword(BaseModel):
    """A change of one's own password."""

    old: str = Field(max_length=1024)
    new: str = Field(max_length=1024)


class Addresses(BaseModel):
    """Where, and from which severity, one is called."""

    urls: list[str] = Field(max_length=notify.URLS_MOST)
    severity: int = Field(ge=1, le=5)


class EvidenceKey(BaseModel):
    """One's public age key, to be named in orders."""

    recipient: str = Field(pattern=r"^(age1[02-9ac-hj-np-z]{58})?$")


class Link(BaseModel):
    """A one-time link's token; in the body, so that no log of addresses keeps it."""

    token: str = Field(max_length=100)


class LinkDetails(Link):
    """What the person who follows a link fills in; unit, name and email only for the first administrator."""

    password: str = Field(max_length=1024)
    unit: str = Field("", max_length=200)
    name: str = Field("", max_length=200)
    email: str = Field("", max_length=320)


class LinkCode(Link):
    """The code that confirms the second factor."""

    code: str = Field(max_length=40)


@router.get("/session")
def whoami(who: Anyone) -> dict[str, Any]:
    """Return who is signed in, and the token that changing requests carry in X-CSRF-Token."""
    person = who.person
    shown = {"id": person.id, "name": person.name, "email": person.email, "role": person.role}
    return {"person": {**shown, "unit": person.unit.name, "unit_id": person.unit_id}, "csrf": who.csrf}


@router.post("/session")
def password_step(request: Request, response: Response, given: Credentials, hub: Hubs) -> dict[str, str]:
    """Check e-mail address and password; the second factor comes next, within five minutes."""
    sessions.refuse_other_sites(request)
    step = sign_in.password_step(
        hub, given.email, given.password, address=address_of(request), replaces=request.cookies.get(COOKIE, "")
    )
    return _answer(hub, response, step, "code", pending=True)


@router.post("/session/code")
def code_step(request: Request, response: Response, given: Code, who: Pending, hub: Hubs) -> dict[str, str]:
    """Check the second factor and open the session, under a new cookie."""
    cookie = request.cookies.get(COOKIE, "")
    step = sign_in.code_step(hub, who, given.code, cookie=cookie, address=address_of(request))
    return _answer(hub, response, step, "done", pending=False)


@router.delete("/session", status_code=204)
def sign_out(response: Response, who: Anyone, hub: Hubs) -> None:
    """End this session."""
    sign_in.sign_out(hub, who)
    sessions.clear_cookie(response, secure=hub.settings.tls)


@router.delete("/sessions", status_code=204)
def sign_out_everywhere(response: Response, who: Anyone, hub: Hubs) -> None:
    """End every session of this person."""
    sign_in.sign_out(hub, who, everywhere=True)
    sessions.clear_cookie(response, secure=hub.settings.tls)


@router.put("/session/password", status_code=204)
def change_password(given: NewPassword, who: Anyone, hub: Hubs) -> None:
    """Change one's password; every other session ends."""
    with hub.store.session() as session:
        people.change_password(session, who, given.old, given.new, hub.clock.now())


@router.post("/session/recovery-codes")
def recovery_codes(who: Anyone, hub: Hubs) -> dict[str, list[str]]:
    """Replace one's recovery codes; they are shown this once."""
    with hub.store.session() as session:
        return {"codes": people.new_recovery_codes(session, who, hub.clock.now())}


@router.get("/session/notifications")
def read_notifications(who: Anyone, hub: Hubs) -> Addresses:
    """Return where one is called."""
    return Addresses(urls=notify.addresses(hub.secret, who.person), severity=who.person.notify_severity)


@router.put("/session/notifications", status_code=204)
def write_notifications(given: Addresses, who: Anyone, hub: Hubs) -> None:
    """Set where, and from which severity, one is called."""
    with hub.store.session() as session:
        person = session.get_one(Person, who.id)
        notify.set_addresses(hub.secret, person, given.urls, given.severity)
        detail = {"addresses": len(person.notify_urls), "severity": given.severity}
        audit.record(session, who.id, audit.CONFIGURATION, f"person:{who.id}", detail=detail, at=hub.clock.now())


@router.put("/session/evidence-key", status_code=204)
def write_evidence_key(given: EvidenceKey, who: Anyone, hub: Hubs) -> None:
    """Publish one's age key to colleagues who write orders."""
    with hub.store.session() as session:
        session.get_one(Person, who.id).age_recipient = given.recipient
        detail = {"age_recipient": given.recipient}
        audit.record(session, who.id, audit.CONFIGURATION, f"person:{who.id}", detail=detail, at=hub.clock.now())


@router.post("/links/open")
def open_link(request: Request, given: Link, hub: Hubs) -> dict[str, str]:
    """Return what a one-time link is for: ``setup`` or ``invite``, and who is invited."""
    sessions.refuse_other_sites(request)
    with hub.store.reading() as session:
        row = people.find_link(session, given.token, hub.clock.now())
        person = session.get(Person, row.person_id) if row.person_id else None
        return {"kind": row.kind, "name": person.name if person else "", "email": person.email if person else ""}


@router.post("/links/begin")
def begin_link(request: Request, given: LinkDetails, hub: Hubs) -> dict[str, str]:
    """Take in the password (and the first administrator's details); return the second factor to set up."""
    sessions.refuse_other_sites(request)
    now = hub.clock.now()
    with hub.store.session() as session:
        if people.find_link(session, given.token, now).kind == "setup":
            begun = people.begin_setup(
                session,
                hub.secret,
                given.token,
                unit=given.unit,
                name=given.name,
                email=given.email,
                password=given.password,
                now=now,
            )
        else:
            begun = people.begin_invited(session, hub.secret, given.token, password=given.password, now=now)
    return {"secret": begun.secret, "uri": begun.uri, "qr_svg": begun.qr_svg}


@router.post("/links/finish")
def finish_link(request: Request, given: LinkCode, hub: Hubs) -> dict[str, list[str]]:
    """Confirm the second factor; return the recovery codes, shown this once. Then sign in."""
    sessions.refuse_other_sites(request)
    with hub.store.session() as session:
        return {"codes": people.finish(session, hub.secret, given.token, given.code, hub.clock.now())}


def address_of(request: Request) -> str:
    """Return the address that a request came from."""
    return request.client.host if request.client else ""


def _answer(hub: Hub, response: Response, step: sign_in.Step, following: str, *, pending: bool) -> dict[str, str]:
    if not step.passed:
        raise Refused(step.status, step.code, step.sentence)
    sessions.set_cookie(response, step.cookie, secure=hub.settings.tls)
    who = sessions.current(hub, step.cookie, pending)
    return {"next": following, "csrf": who.csrf if who else ""}
