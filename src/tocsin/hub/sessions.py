"""Signed-in browsers: an opaque random cookie, of which the hub keeps only the SHA-256.

A cookie is never taken over from the browser: every step of signing in makes a new one and ends the old one, so
nobody can plant one beforehand. Sessions end after idleness, at an absolute age, and everywhere at once when a
person asks for it or changes password, second factor, role or unit.
"""

import hashlib
import hmac
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from urllib.parse import urlsplit

from fastapi import Request, Response
from fastapi.concurrency import run_in_threadpool
from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from tocsin.hub.hub import Hub, of
from tocsin.hub.refusals import Refused
from tocsin.hub.store.schema import Person, WebSession

COOKIE: Final = "tocsin_session"
CSRF_HEADER: Final = "X-CSRF-Token"
CSRF_FIELD: Final = "csrf"

IDLE: Final = timedelta(minutes=60)
ABSOLUTE: Final = timedelta(hours=12)
PENDING: Final = timedelta(minutes=5)
"""How long a right password waits for the second factor."""

_TOUCH = timedelta(seconds=60)
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})


class NotSignedIn(Refused):
    """No session, an ended one, or one that still lacks its second factor."""

    def __init__(self, sentence: str = "Sign in first.") -> None:
        super().__init__(401, "not-signed-in", sentence)


@dataclass(frozen=True, slots=True)
class Who:
    """The person behind a request and the session they use. Both rows are detached: read them, don't change them."""

    person: Person
    session: WebSession

    @property
    def id(self) -> str:
        """The person's id."""
        return self.person.id

    @property
    def role(self) -> str:
        """The person's role: officer, supervisor, auditor or administrator."""
        return self.person.role

    @property
    def unit_id(self) -> str:
        """The person's unit."""
        return self.person.unit_id

    @property
    def csrf(self) -> str:
        """The token that forms carry in the field ``csrf`` and scripts in the header X-CSRF-Token."""
        return self.session.csrf


def start(session: Session, person: Person, now: datetime, *, second_factor: bool, replaces: str = "") -> str:
    """Open a session for ``person`` and return the cookie's value, ending the one whose cookie is ``replaces``.

    Without the second factor it opens nothing but the second step, and only for five minutes.
    """
    end(session, replaces)
    cookie = secrets.token_urlsafe(32)
    session.add(
        WebSession(
            id_hash=hash_cookie(cookie),
            person_id=person.id,
            csrf=secrets.token_urlsafe(32),
            second_factor=second_factor,
            created_at=now,
            last_seen=now,
            expires_at=now + (ABSOLUTE if second_factor else PENDING),
        )
    )
    session.flush()
    return cookie


def end(session: Session, cookie: str) -> None:
    """End the session of a cookie, if there is one."""
    if cookie:
        session.execute(delete(WebSession).where(WebSession.id_hash == hash_cookie(cookie)))


def end_everywhere(session: Session, person_id: str, *, but: str = "") -> None:
    """End every session of a person, except the one whose hash is ``but``."""
    session.execute(delete(WebSession).where(WebSession.person_id == person_id, WebSession.id_hash != but))


def find(session: Session, cookie: str, now: datetime, *, pending: bool = False) -> Who | None:
    """Return who holds ``cookie``, or None when it names no living session of an active person.

    ``pending``: look for a session that waits for its second factor instead of a full one.
    """
    if not 20 <= len(cookie) <= 100:
        return None
    found = session.execute(
        select(WebSession, Person).join(Person).where(WebSession.id_hash == hash_cookie(cookie))
    ).first()
    if found is None:
        return None
    web, person = found
    if not person.active or web.second_factor is pending or not alive(web, now):
        return None
    session.expunge(web)
    session.expunge(person)
    return Who(person, web)


def alive(web: WebSession, now: datetime) -> bool:
    """Tell whether a session is within its age and idleness."""
    return web.created_at <= now + _TOUCH and now < web.expires_at and now - web.last_seen < IDLE


def hash_cookie(cookie: str) -> str:
    """Return what the hub keeps of a cookie."""
    return hashlib.sha256(cookie.encode()).hexdigest()


def set_cookie(response: Response, cookie: str, *, secure: bool) -> None:
    """Hand the cookie to the browser: out of reach of scripts, never sent from other sites."""
    response.set_cookie(COOKIE, cookie, path="/", httponly=True, samesite="strict", secure=secure)


def clear_cookie(response: Response, *, secure: bool) -> None:
    """Make the browser forget the cookie."""
    response.delete_cookie(COOKIE, path="/", httponly=True, samesite="strict", secure=secure)


def require(*roles: str, pending: bool = False) -> Callable[[Request], Awaitable[Who]]:
    """Return a FastAPI dependency giving :class:`Who`; ``roles`` empty means every role.

    It refuses with 401 without a living session, 403 in another role, and 403 for a request that changes
    something and lacks the session's CSRF token or comes from another site.
    """

    async def dependency(request: Request) -> Who:
        who = await run_in_threadpool(current, of(request), request.cookies.get(COOKIE, ""), pending)
        if who is None:
            raise NotSignedIn()
        if roles and who.role not in roles:
            raise Refused(403, "not-allowed", f"This is for {_listed(roles)}; you are signed in as {who.role}.")
        if request.method not in _SAFE:
            refuse_other_sites(request)
            await _check_csrf(request, who)
        request.state.who = who
        return who

    return dependency


def current(hub: Hub, cookie: str, pending: bool = False) -> Who | None:
    """Return who holds ``cookie`` now, and note that they are still there (at most once a minute)."""
    now = hub.clock.now()
    with hub.store.reading() as session:
        who = find(session, cookie, now, pending=pending)
    if who is not None and now - who.session.last_seen > _TOUCH:
        with hub.store.session() as session:
            row = session.get(WebSession, who.session.id_hash)
            if row is None:
                return None
            row.last_seen = now
    return who


def refuse_other_sites(request: Request) -> None:
    """Refuse a request that a page of another site caused. Use on forms that come before any session, too."""
    if request.headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
        raise Refused(403, "other-site", "This request came from another site's page and was refused.")
    origin = request.headers.get("origin")
    if origin is not None and urlsplit(origin).netloc != request.headers.get("host", ""):
        raise Refused(403, "other-site", "This request came from another site's page and was refused.")


async def _check_csrf(request: Request, who: Who) -> None:
    given = request.headers.get(CSRF_HEADER, "")
    if not given and request.headers.get("content-type", "").startswith(
        ("application/x-www-form-urlencoded", "multipart/form-data")
    ):
        field = (await request.form()).get(CSRF_FIELD, "")
        given = field if isinstance(field, str) else ""
    if not hmac.compare_digest(given.encode(), who.csrf.encode()):
        raise Refused(403, "csrf", "The page is too old to be used; load it again and repeat what you did.")


def _listed(roles: tuple[str, ...]) -> str:
    return " and ".join(f"{role}s" for role in roles)
