"""People, their units and roles, and the one-time links by which they come in.

Nobody is given a password: an administrator invites, the person follows the link, chooses a password and sets up
the second factor. The first administrator comes in by the set-up link that the hub prints while it has none.
"""

import re
import secrets
import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Final

from sqlalchemy import Select, delete, func, select
from sqlalchemy.orm import Session

from tocsin.hub import audit, passwords, second_factor, sessions
from tocsin.hub.refusals import Refused
from tocsin.hub.secret import HubSecret
from tocsin.hub.sessions import Who
from tocsin.hub.store.schema import Person, Token, Unit

ROLES: Final = ("officer", "supervisor", "auditor", "administrator")
SETUP_GOOD_FOR: Final = timedelta(hours=24)
INVITE_GOOD_FOR: Final = timedelta(days=7)

_EMAIL = re.compile(r"[^@\s\x00-\x1f\"'<>]{1,64}@[^@\s\x00-\x1f\"'<>]{1,255}")


@dataclass(frozen=True, slots=True)
class Enrolment:
    """What the link's page shows for the second factor: the secret as text, and as a QR code (SVG)."""

    person_id: str
    secret: str
    uri: str
    qr_svg: str


def setup_link(session: Session, now: datetime) -> str | None:
    """Return a fresh one-time set-up token while the hub has no administrator; earlier ones end. Else None."""
    if _administrators(session):
        return None
    session.execute(delete(Token).where(Token.kind == "setup", Token.used_at.is_(None)))
    return _token(session, "setup", now, SETUP_GOOD_FOR)


def find_link(session: Session, token: str, now: datetime) -> Token:
    """Return a usable set-up or invitation token. Raises Refused (410) for one unknown, used or too old."""
    row = session.get(Token, _hash(token)) if 20 <= len(token) <= 100 else None
    if row is None or row.kind not in ("setup", "invite") or row.used_at is not None or row.expires_at <= now:
        raise Refused(410, "link", "This link was used, replaced or is too old; ask an administrator for a new one.")
    return row


def begin_setup(
    session: Session, secret: HubSecret, token: str, *, unit: str, name: str, email: str, password: str, now: datetime
) -> Enrolment:
    """Take in the first administrator's details. May be repeated with the same link until it is finished.

    Raises Refused for a bad link or bad details.
    """
    row = find_link(session, token, now)
    if row.kind != "setup" or _administrators(session):
        raise Refused(410, "link", "This hub is set up already.")
    person = session.get(Person, row.person_id) if row.person_id else None
    if person is None:
        person = _new_person(session, add_unit(session, unit).id, name, email, "administrator", now)
        row.person_id = person.id
    else:
        person.unit.name = _clean(unit, "unit's name")
        person.name, person.email = _clean(name, "name"), clean_email(email)
    return _begin(secret, person, password)


def begin_invited(session: Session, secret: HubSecret, token: str, *, password: str, now: datetime) -> Enrolment:
    """Take in an invited person's password and return the second factor to set up. May be repeated until finished."""
    row = find_link(session, token, now)
    person = session.get(Person, row.person_id) if row.person_id else None
    if row.kind != "invite" or person is None:
        raise Refused(410, "link", "This link is not an invitation.")
    return _begin(secret, person, password)


def finish(session: Session, secret: HubSecret, token: str, code: str, now: datetime) -> list[str]:
    """Confirm the second factor, let the person in, spend the link, and return the recovery codes to show once."""
    row = find_link(session, token, now)
    person = session.get(Person, row.person_id) if row.person_id else None
    if person is None or not person.totp_secret or not person.password_hash:
        raise Refused(409, "order", "Choose the password first.")
    step = second_factor.used_step(secret.open(person.totp_secret), code, 0, now)
    if step is None:
        raise Refused(422, "code", "This code is wrong; check the telephone's clock and try the next code.")
    codes, person.recovery_hashes = second_factor.new_recovery_codes()
    person.totp_last_step, person.totp_confirmed, person.active = step, True, True
    row.used_at = now
    detail = {"role": person.role, "unit": person.unit_id, "link": row.kind}
    audit.record(session, person.id, audit.CONFIGURATION, f"person:{person.id}", detail=detail, at=now)
    return codes


def invite(
    session: Session, by: Who, *, unit_id: str, name: str, email: str, role: str, now: datetime
) -> tuple[Person, str]:
    """Make a person who may come in by the returned token. Raises Refused for bad details."""
    if session.get(Unit, unit_id) is None:
        raise Refused(422, "unit", "There is no such unit.")
    person = _new_person(session, unit_id, name, email, role, now)
    return person, _invite(session, by, person, now)


def invite_again(session: Session, by: Who, person_id: str, now: datetime) -> str:
    """Give a person who lost password and second factor a new link; both, and their sessions, end at once."""
    person = _person(session, person_id)
    if person.id == by.id:
        raise Refused(409, "self", "Another administrator must do this for you.")
    if person.active:
        _keep_one_administrator(session, person)
    person.password_hash, person.totp_secret, person.totp_confirmed = "", "", False
    person.recovery_hashes, person.active = [], False
    sessions.end_everywhere(session, person.id)
    return _invite(session, by, person, now)


def change(
    session: Session,
    by: Who,
    person_id: str,
    now: datetime,
    *,
    role: str | None = None,
    unit_id: str | None = None,
    active: bool | None = None,
    on_call: int | None = None,
) -> Person:
    """Change a person's role, unit, place in the on-call order, or whether they may sign in; their sessions end.

    The last active administrator stays one. Raises Refused.
    """
    person = _person(session, person_id)
    changed: dict[str, str | int | bool] = {}
    if role is not None and role != person.role:
        _check_role(role)
        changed["role"] = role
    if unit_id is not None and unit_id != person.unit_id:
        if session.get(Unit, unit_id) is None:
            raise Refused(422, "unit", "There is no such unit.")
        changed["unit_id"] = unit_id
    if active is not None and active != person.active:
        if active and not (person.totp_confirmed and person.password_hash):
            raise Refused(409, "invite", "This person has not set up a sign-in; send a new link instead.")
        changed["active"] = active
    if changed and (role not in (None, "administrator") or active is False):
        _keep_one_administrator(session, person)
    if changed:
        sessions.end_everywhere(session, person.id)
    if on_call is not None and on_call != person.on_call:
        changed["on_call"] = max(0, min(on_call, 1000))
    for field, value in changed.items():
        setattr(person, field, value)
    session.flush()
    session.refresh(person)
    if changed:
        audit.record(session, by.id, audit.CONFIGURATION, f"person:{person.id}", detail=dict(changed), at=now)
    return person


def change_password(session: Session, who: Who, old: str, new: str, now: datetime) -> None:
    """Change one's own password; every other session of the person ends. Raises Refused."""
    person = _person(session, who.id)
    if not passwords.verify(person.password_hash, old):
        raise Refused(403, "password", "The present password is wrong.")
    _set_password(person, new)
    sessions.end_everywhere(session, person.id, but=who.session.id_hash)
    audit.record(session, who.id, audit.CONFIGURATION, f"person:{who.id}", detail={"password": "changed"}, at=now)


def new_recovery_codes(session: Session, who: Who, now: datetime) -> list[str]:
    """Replace one's recovery codes and return the new ones to show once."""
    codes, _person(session, who.id).recovery_hashes = second_factor.new_recovery_codes()
    detail = {"recovery_codes": "replaced"}
    audit.record(session, who.id, audit.CONFIGURATION, f"person:{who.id}", detail=detail, at=now)
    return codes


def visible(who: Who) -> Select[Person]:
    """Select the people that ``who`` sees: all for administrators and auditors, else one's own unit's."""
    query = select(Person).order_by(Person.name, Person.id)
    return query if who.role in ("administrator", "auditor") else query.where(Person.unit_id == who.unit_id)


def add_unit(session: Session, name: str) -> Unit:
    """Add a unit. Raises Refused when the name is taken or unusable."""
    name = _clean(name, "unit's name")
    if session.scalars(select(Unit).where(func.lower(Unit.name) == name.lower())).first() is not None:
        raise Refused(409, "unit", "There is a unit of this name already.")
    unit = Unit(id=uuid.uuid4().hex, name=name)
    session.add(unit)
    session.flush()
    return unit


def clean_email(email: str) -> str:
    """Return an address as it is kept. Raises Refused when it is not one."""
    email = email.strip().lower()
    if not _EMAIL.fullmatch(email):
        raise Refused(422, "email", "This is not an e-mail address.")
    return email


def _begin(secret: HubSecret, person: Person, password: str) -> Enrolment:
    _set_password(person, password)
    fresh = second_factor.new_secret()
    person.totp_secret, person.totp_confirmed, person.totp_last_step = secret.seal(fresh), False, 0
    uri = second_factor.uri(fresh, person.email)
    return Enrolment(person.id, fresh, uri, second_factor.qr_svg(uri))


def _set_password(person: Person, password: str) -> None:
    wrong = passwords.problem(password, about=(person.name, person.email, person.unit.name))
    if wrong:
        raise Refused(422, "password", wrong)
    person.password_hash = passwords.hash_password(password)


def _new_person(session: Session, unit_id: str, name: str, email: str, role: str, now: datetime) -> Person:
    _check_role(role)
    email = clean_email(email)
    if session.scalars(select(Person.id).where(Person.email == email)).first() is not None:
        raise Refused(409, "email", "There is a person with this e-mail address already.")
    person = Person(
        id=uuid.uuid4().hex,
        unit_id=unit_id,
        name=_clean(name, "name"),
        email=email,
        role=role,
        active=False,
        created_at=now,
    )
    session.add(person)
    session.flush()
    session.refresh(person)
    return person


def _invite(session: Session, by: Who, person: Person, now: datetime) -> str:
    unused = delete(Token).where(Token.kind == "invite", Token.person_id == person.id, Token.used_at.is_(None))
    session.execute(unused)
    token = _token(session, "invite", now, INVITE_GOOD_FOR, by=by.id, person_id=person.id)
    detail = {"invited": True, "role": person.role, "unit": person.unit_id}
    audit.record(session, by.id, audit.CONFIGURATION, f"person:{person.id}", detail=detail, at=now)
    return token


def _token(
    session: Session, kind: str, now: datetime, good_for: timedelta, *, by: str = "", person_id: str | None = None
) -> str:
    token = secrets.token_urlsafe(24)
    session.add(
        Token(
            token_hash=_hash(token),
            kind=kind,
            created_at=now,
            created_by=by,
            expires_at=now + good_for,
            person_id=person_id,
        )
    )
    session.flush()
    return token


def _person(session: Session, person_id: str) -> Person:
    person = session.get(Person, person_id)
    if person is None:
        raise Refused(404, "not-found", "There is no such person.")
    return person


def _administrators(session: Session) -> list[str]:
    query = select(Person.id).where(Person.role == "administrator", Person.active.is_(True))
    return list(session.scalars(query))


def _keep_one_administrator(session: Session, person: Person) -> None:
    if _administrators(session) == [person.id]:
        raise Refused(409, "last-administrator", "This is the only administrator; make another one first.")


def _check_role(role: str) -> None:
    if role not in ROLES:
        raise Refused(422, "role", f"A role is one of {', '.join(ROLES)}.")


def _clean(text: str, what: str) -> str:
    text = " ".join(text.split())
    if not 1 <= len(text) <= 200 or not text.isprintable():
        raise Refused(422, "text", f"Write the {what} in 1 to 200 characters.")
    return text


def _hash(token: str) -> str:
    return sha256(token.encode()).hexdigest()
