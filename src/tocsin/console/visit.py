"""A visit: one request of one signed-in person to one page, with what every view needs."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import quote

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, Response
from sqlalchemy.exc import DataError
from sqlalchemy.orm import Session
from starlette.exceptions import HTTPException

from tocsin.console import pages
from tocsin.console.frame import Frame, frame
from tocsin.hub.hub import Hub, of
from tocsin.hub.refusals import UNSTORABLE, Refused
from tocsin.hub.sessions import COOKIE, NotSignedIn, Who, current, require
from tocsin.hub.store.schema import Person

UNIT = ("officer", "supervisor")
_PROGRAMS = ("/api/", "/healthz", "/metrics", "/openapi.json", "/static/")
_HEADINGS = {
    403: "This is not for you to see",
    404: "There is no such page",
    410: "This has gone",
    422: "Something is missing",
    429: "Too many attempts",
    500: "The hub met an error of its own",
    503: "The hub is busy",
}


@dataclass(frozen=True, slots=True)
class Visit:
    """Who asks for what, of which hub, and when; ``told`` events had been published before anything was read for it."""

    request: Request
    hub: Hub
    who: Who
    now: datetime
    told: int = 0

    def page(self, session: Session, name: str, /, *, status: int = 200, **facts: Any) -> HTMLResponse:
        """Render a page in its frame."""
        shown = frame(session, self.who)
        return pages.page(self.request, name, self.who, status, frame=shown, told=self.told, **facts)

    def person(self, session: Session) -> Person:
        """Return the visitor's own row, for writing."""
        person = session.get(Person, self.who.id)
        if person is None:
            raise NotSignedIn()
        return person


def visit(*roles: str) -> Callable[[Request], Awaitable[Visit]]:
    """Return a dependency that gives a :class:`Visit` to a signed-in person of one of these roles (none: any)."""
    known = require(*roles)

    async def dependency(request: Request) -> Visit:
        who = await known(request)
        hub = of(request)
        return Visit(request, hub, who, hub.clock.now(), hub.bus.told)

    return dependency


def install_errors(app: FastAPI) -> None:
    """Answer errors on pages with pages; programs keep the answers that the hub gives them."""
    for kind in (Refused, RequestValidationError, HTTPException, DataError, Exception):
        _install(app, kind)


def _install(app: FastAPI, kind: type[Exception]) -> None:
    before: Any = app.exception_handlers.get(kind)

    async def answer(request: Request, error: Exception) -> Response:
        if before is not None and request.url.path.startswith(_PROGRAMS):
            found: Response = await before(request, error)
            return found
        return await _page_for(request, error)

    app.add_exception_handler(kind, answer)


async def _page_for(request: Request, error: Exception) -> Response:
    if isinstance(error, NotSignedIn):
        return _to_sign_in(request)
    status, sentence = _sentence(error)
    heading = _HEADINGS.get(status, "This did not work")
    hub = of(request)
    who = getattr(request.state, "who", None) or current(hub, request.cookies.get(COOKIE, ""))
    if who is None:
        return pages.page(request, "error_outside.html", None, status, heading=heading, sentence=sentence)
    shown = Frame(())
    try:
        with hub.store.reading() as session:
            shown = frame(session, who)
    except Exception:  # noqa: S110  an error page must come out even when the store is what failed
        pass
    return pages.page(request, "error.html", who, status, frame=shown, heading=heading, sentence=sentence)


def _sentence(error: Exception) -> tuple[int, str]:
    if isinstance(error, Refused):
        return error.status, str(error)
    if isinstance(error, RequestValidationError):
        where = str(error.errors()[0]["loc"][-1]) if error.errors() else "a field"
        return 422, f"The field “{where[:60]}” is missing or cannot be read. Go back and fill it in."
    if isinstance(error, DataError):
        return 422, UNSTORABLE
    if isinstance(error, HTTPException):
        if error.status_code == 404:
            return 404, "The address leads nowhere, or to something that is not your unit's."
        return error.status_code, f"{str(error.detail).rstrip('.')}."
    return (
        500,
        "What you did may not have been saved. It is in the hub's log; try again, and tell the operator if it stays.",
    )


def _to_sign_in(request: Request) -> Response:
    path = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    target = "/sign-in" if request.method != "GET" or path == "/" else f"/sign-in?next={quote(path, safe='')}"
    if request.headers.get("HX-Request"):
        return Response(status_code=200, headers={"HX-Redirect": target})
    return pages.go(target)


def safe_next(address: str) -> str:
    """Return a page of this site to go on to; anything else becomes the start page."""
    ok = address.startswith("/") and not address.startswith(("//", "/\\", "/api/", "/sign-")) and "\\" not in address
    return address if ok and len(address) < 500 and address.isprintable() else "/"
