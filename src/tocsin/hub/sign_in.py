"""Signing in: password, then the second factor, each answered alike whether or not the account exists.

Functions return what happened rather than raise, because a refused attempt must be counted and logged too, and
a raised error would roll that back.
"""

import math
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from tocsin.hub import audit, limits, passwords, second_factor, sessions
from tocsin.hub.hub import Hub
from tocsin.hub.secret import HubSecret
from tocsin.hub.sessions import Who
from tocsin.hub.store.schema import Person, WebSession

WRONG: Final = "The e-mail address or the password is wrong."
WRONG_CODE: Final = "This code is wrong or was used already; wait for the next one."
SECOND_FACTOR_TRIES: Final = 5


@dataclass(frozen=True, slots=True)
class Step:
    """How a step of signing in ended: the new ``cookie``, or the sentence that refuses it with its status and code."""

    cookie: str = ""
    sentence: str = ""
    code: str = ""
    status: int = 200

    @property
    def passed(self) -> bool:
        """Whether the step succeeded."""
        return bool(self.cookie)


@dataclass(frozen=True, slots=True)
class Candidate:
    """Who may be meant by an address: read before the slow password check, which holds no transaction."""

    person_id: str
    password_hash: str


def look_up(session: Session, email: str) -> Candidate:
    """Return the account that an address names, or one that no password fits."""
    person = session.scalars(select(Person).where(Person.email == email.strip().lower()[:320])).first()
    if person is None or not person.active or not person.totp_confirmed:
        return Candidate("", "")
    return Candidate(person.id, person.password_hash)


def first_step(
    session: Session,
    secret: HubSecret,
    candidate: Candidate,
    right: bool,
    *,
    email: str,
    address: str,
    now: datetime,
    replaces: str = "",
) -> Step:
    """Open a session that waits for the second factor, if ``right`` (the password fits the candidate).

    While the account or the address has to wait, even a right password is refused, and the answer says only that.
    """
    email = email.strip().lower()[:320]
    blocked = _blocked(session, secret, email, address, now)
    if blocked is not None:
        return blocked
    person = session.get(Person, candidate.person_id) if candidate.person_id else None
    if not right or person is None or not person.active:
        _count(session, secret, email, address, person.id if person else "", "password", now)
        return Step(sentence=WRONG, code="sign-in", status=401)
    cookie = sessions.start(session, person, now, second_factor=False, replaces=replaces)
    return Step(cookie=cookie)


def second_step(
    session: Session, secret: HubSecret, who: Who, code: str, *, cookie: str, address: str, now: datetime
) -> Step:
    """Turn a waiting session into a full one, under a new cookie. A recovery code does instead of a fresh code.

    A waiting session takes five wrong codes and ends; each also counts against the account and the address.
    """
    person = session.get(Person, who.id)
    web = session.get(WebSession, who.session.id_hash)
    if person is None or web is None or web.second_factor:
        return Step(sentence="Sign in again.", code="not-signed-in", status=401)
    if limits.waits(session, secret, limits.ACCOUNT, person.email, now) is not None:
        return Step(sentence="Too many attempts; wait a little and sign in again.", code="wait", status=429)
    step = second_factor.used_step(secret.open(person.totp_secret), code, person.totp_last_step, now)
    remaining = None if step is not None else second_factor.spend_recovery_code(person.recovery_hashes, code)
    if step is None and remaining is None:
        web.attempts += 1
        if web.attempts >= SECOND_FACTOR_TRIES:
            sessions.end(session, cookie)
        _count(session, secret, person.email, address, person.id, "second-factor", now)
        return Step(sentence=WRONG_CODE, code="code", status=401)
    if step is not None:
        person.totp_last_step = step
    if remaining is not None:
        person.recovery_hashes = remaining
    limits.succeeded(session, secret, limits.ACCOUNT, person.email)
    fresh = sessions.start(session, person, now, second_factor=True, replaces=cookie)
    detail = {"address": secret.digest("address", address), "by": "code" if step is not None else "recovery-code"}
    audit.record(session, person.id, audit.SIGN_IN, f"person:{person.id}", detail=detail, at=now)
    return Step(cookie=fresh)


def password_step(hub: Hub, email: str, password: str, *, address: str, replaces: str = "") -> Step:
    """Check e-mail address and password. The slow hashing holds no transaction and is spared for who must wait."""
    now = hub.clock.now()
    with hub.store.reading() as session:
        blocked = _blocked(session, hub.secret, email, address, now)
        candidate = look_up(session, email)
    if blocked is not None:
        return blocked
    right = passwords.verify(candidate.password_hash, password)
    with hub.store.session() as session:
        if right:
            _renew_hash(session, candidate, password)
        return first_step(
            session, hub.secret, candidate, right, email=email, address=address, now=now, replaces=replaces
        )


def code_step(hub: Hub, who: Who, code: str, *, cookie: str, address: str) -> Step:
    """Check the second factor of a session that waits for it."""
    with hub.store.session() as session:
        return second_step(session, hub.secret, who, code, cookie=cookie, address=address, now=hub.clock.now())


def sign_out(hub: Hub, who: Who, *, everywhere: bool = False) -> None:
    """End this session, or every session of the person."""
    with hub.store.session() as session:
        if everywhere:
            sessions.end_everywhere(session, who.id)
        else:
            session.execute(delete(WebSession).where(WebSession.id_hash == who.session.id_hash))
        detail = {"everywhere": everywhere}
        audit.record(session, who.id, audit.SIGN_OUT, f"person:{who.id}", detail=detail, at=hub.clock.now())


def _blocked(session: Session, secret: HubSecret, email: str, address: str, now: datetime) -> Step | None:
    email = email.strip().lower()[:320]
    waits = [
        limits.waits(session, secret, limits.ACCOUNT, email, now),
        limits.waits(session, secret, limits.ADDRESS, address, now),
    ]
    longest = max((wait for wait in waits if wait is not None), default=None)
    if longest is None:
        return None
    seconds = math.ceil(longest.total_seconds())
    return Step(sentence=f"Too many attempts; try again in {seconds} seconds.", code="wait", status=429)


def _renew_hash(session: Session, candidate: Candidate, password: str) -> None:
    """Hash a right password anew when the parameters have grown since."""
    person = session.get(Person, candidate.person_id)
    if person is not None and passwords.outdated(person.password_hash):
        person.password_hash = passwords.hash_password(password)


def _count(
    session: Session, secret: HubSecret, email: str, address: str, person_id: str, what: str, now: datetime
) -> None:
    limits.failed(session, secret, limits.ACCOUNT, email, now)
    limits.failed(session, secret, limits.ADDRESS, address, now)
    limits.prune(session, now)
    account = f"person:{person_id}" if person_id else f"account:{secret.digest('account', email)}"
    detail = {"what": what, "address": secret.digest("address", address)}
    audit.record(session, audit.HUB, audit.REFUSED, account, detail=detail, at=now)
