"""Signing in and out, the one-time links, and one's own account."""

from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Form, Request
from fastapi.responses import Response
from sqlalchemy.orm import Session

from tocsin.console import pages
from tocsin.console.visit import UNIT, Visit, safe_next, visit
from tocsin.hub import audit, notify, people, second_factor, sessions, sign_in
from tocsin.hub.api.session import address_of
from tocsin.hub.hub import Hub, of
from tocsin.hub.refusals import Refused
from tocsin.hub.sessions import COOKIE, Who, refuse_other_sites, require
from tocsin.hub.store.schema import Person

router = APIRouter(include_in_schema=False)

TheHub = Annotated[Hub, Depends(of)]
Anyone = Annotated[Visit, Depends(visit())]
Text = Annotated[str, Form(max_length=500)]


@router.get("/")
def start(at: Anyone) -> Response:
    """Lead everyone to where their work is."""
    home = {"auditor": "/audit", "administrator": "/people"}
    return pages.go(home.get(at.who.role, "/alerts"))


@router.get("/sign-in")
def show_sign_in(request: Request, next: str = "/") -> Response:  # noqa: A002
    """Ask for address and password."""
    return pages.page(request, "sign_in.html", next=safe_next(next), error="", said="")


@router.post("/sign-in")
def take_sign_in(request: Request, hub: TheHub, email: Text, password: Text, next: Text = "/") -> Response:  # noqa: A002
    """Check the password, then ask for the second factor."""
    refuse_other_sites(request)
    onward = safe_next(next)
    step = sign_in.password_step(
        hub, email, password, address=address_of(request), replaces=request.cookies.get(COOKIE, "")
    )
    if not step.passed:
        return pages.page(
            request, "sign_in.html", None, step.status, next=onward, email=email, error=step.sentence, said=""
        )
    answer = pages.go(f"/sign-in/second-factor?{urlencode({'next': onward})}")
    sessions.set_cookie(answer, step.cookie, secure=hub.settings.tls)
    return answer


@router.get("/sign-in/second-factor")
def show_second(
    request: Request,
    who: Annotated[Who, Depends(require(pending=True))],
    next: str = "/",  # noqa: A002
) -> Response:
    """Ask for the second factor."""
    return pages.page(request, "second_factor.html", who, next=safe_next(next), error="")


@router.post("/sign-in/second-factor")
def take_second(
    request: Request,
    hub: TheHub,
    who: Annotated[Who, Depends(require(pending=True))],
    code: Text,
    next: Text = "/",  # noqa: A002
) -> Response:
    """Check the second factor and open the session."""
    cookie = request.cookies.get(COOKIE, "")
    step = sign_in.code_step(hub, who, code, cookie=cookie, address=address_of(request))
    if not step.passed:
        return pages.page(request, "second_factor.html", who, step.status, next=safe_next(next), error=step.sentence)
    answer = pages.go(safe_next(next))
    sessions.set_cookie(answer, step.cookie, secure=hub.settings.tls)
    return answer


@router.post("/sign-out")
def sign_out(at: Anyone) -> Response:
    """End this session."""
    sign_in.sign_out(at.hub, at.who)
    answer = pages.go("/sign-in")
    sessions.clear_cookie(answer, secure=at.hub.settings.tls)
    return answer


@router.get("/setup/{token}")
@router.get("/invite/{token}")
def welcome(request: Request, hub: TheHub, token: str) -> Response:
    """Open a one-time link: the first administrator's, or an invited person's."""
    with hub.store.reading() as session:
        people.find_link(session, token, hub.clock.now())
    return _welcome(request, 1)


@router.post("/setup/{token}")
@router.post("/invite/{token}")
def begin(
    request: Request, hub: TheHub, token: str, password: Text, unit: Text = "", name: Text = "", email: Text = ""
) -> Response:
    """Take the details and the password, and show the second factor to set up."""
    refuse_other_sites(request)
    now = hub.clock.now()
    try:
        with hub.store.session() as session:
            if _is_setup(request):
                made = people.begin_setup(
                    session, hub.secret, token, unit=unit, name=name, email=email, password=password, now=now
                )
            else:
                made = people.begin_invited(session, hub.secret, token, password=password, now=now)
    except Refused as refused:
        if refused.status == 410:
            raise
        given = {"unit": unit, "name": name, "email": email}
        return _welcome(request, 1, refused.status, error=str(refused), given=given)
    return _welcome(request, 2, enrolment=made)


@router.post("/setup/{token}/code")
@router.post("/invite/{token}/code")
def confirm(request: Request, hub: TheHub, token: str, code: Text) -> Response:
    """Confirm the second factor and show the recovery codes once."""
    refuse_other_sites(request)
    now = hub.clock.now()
    try:
        with hub.store.session() as session:
            codes = people.finish(session, hub.secret, token, code, now)
    except Refused as refused:
        if refused.status != 422:
            raise
        with hub.store.reading() as session:
            again = _enrolment_again(session, hub, token)
        return _welcome(request, 2, 422, error=str(refused), enrolment=again)
    return _welcome(request, 3, codes=codes)


@router.get("/account")
def account(at: Anyone, said: str = "") -> Response:
    """Show one's own account."""
    return _account(at, said=_SAID.get(said, ""))


@router.post("/account/password")
def change_password(at: Anyone, old: Text, new: Text) -> Response:
    """Change one's own password."""
    try:
        with at.hub.store.session() as session:
            people.change_password(session, at.who, old, new, at.now)
    except Refused as refused:
        return _account(at, refused.status, error=str(refused))
    return pages.go("/account?said=password")


@router.post("/account/codes")
def recovery_codes(at: Anyone) -> Response:
    """Replace one's recovery codes and show the new ones once."""
    with at.hub.store.session() as session:
        codes = people.new_recovery_codes(session, at.who, at.now)
    return _account(at, codes=codes)


@router.post("/account/notifications")
def notifications(
    at: Annotated[Visit, Depends(visit(*UNIT))],
    severity: Annotated[int, Form(ge=1, le=5)],
    urls: Annotated[str, Form(max_length=4000)] = "",
) -> Response:
    """Keep where this person is called, and from which severity on."""
    wanted = [line.strip() for line in urls.splitlines() if line.strip()]
    try:
        with at.hub.store.session() as session:
            notify.set_addresses(at.hub.secret, at.person(session), wanted, severity)
            detail = {"notifications": len(wanted), "severity": severity}
            audit.record(session, at.who.id, audit.CONFIGURATION, f"person:{at.who.id}", detail=detail, at=at.now)
    except Refused as refused:
        return _account(at, refused.status, error=str(refused))
    return pages.go("/account?said=notifications")


_SAID = {"password": "The password is changed; your other sessions have ended.", "notifications": "Saved."}


def _account(at: Visit, status: int = 200, **facts: object) -> Response:
    with at.hub.store.reading() as session:
        urls = notify.addresses(at.hub.secret, at.person(session))
        known: dict[str, object] = {"error": "", "said": "", "codes": [], "urls": urls}
        return at.page(session, "account.html", status=status, **(known | facts))


def _is_setup(request: Request) -> bool:
    return request.url.path.startswith("/setup/")


def _enrolment_again(session: Session, hub: Hub, token: str) -> people.Enrolment:
    """Show the same second factor once more, after a mistyped code."""
    row = people.find_link(session, token, hub.clock.now())
    person = session.get(Person, row.person_id) if row.person_id else None
    if person is None or not person.totp_secret:
        raise Refused(409, "order", "Choose the password first.")
    secret = hub.secret.open(person.totp_secret)
    uri = second_factor.uri(secret, person.email)
    return people.Enrolment(person.id, secret, uri, second_factor.qr_svg(uri))


def _welcome(request: Request, step: int, status: int = 200, **facts: object) -> Response:
    known: dict[str, object] = {"given": {"unit": "", "name": "", "email": ""}, "error": "", "enrolment": None}
    known |= {"codes": [], "path": "/".join(request.url.path.split("/")[:3]), "setup": _is_setup(request)}
    return pages.page(request, "welcome.html", None, status, step=step, **(known | facts))
