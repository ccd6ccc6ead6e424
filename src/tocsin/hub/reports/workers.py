"""Programs that file reports: each has a token of its own, made by an administrator and shown once."""

import hashlib
import secrets
import uuid
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from tocsin.hub import audit
from tocsin.hub.refusals import Refused
from tocsin.hub.sessions import Who
from tocsin.hub.store.reports import ReportWorker
from tocsin.hub.store.schema import Unit

_PREFIX: Final = "trw-"
_TOUCH: Final = timedelta(seconds=30)


def add(session: Session, who: Who, unit_id: str, name: str, now: datetime) -> tuple[ReportWorker, str]:
    """Make a worker for a unit; return it and its token, which is kept nowhere. Raises Refused."""
    name = " ".join(name.split())
    if session.get(Unit, unit_id) is None:
        raise Refused(422, "unit", "There is no such unit.")
    if not 1 <= len(name) <= 100 or not name.isprintable():
        raise Refused(422, "name", "Write the worker's name in 1 to 100 characters.")
    token = _PREFIX + secrets.token_urlsafe(32)
    made = ReportWorker(
        id=uuid.uuid4().hex,
        unit_id=unit_id,
        name=name,
        token_hash=_hash(token),
        created_at=now,
        created_by=who.id,
    )
    session.add(made)
    audit.record(
        session,
        who.id,
        audit.CONFIGURATION,
        f"report-worker:{made.id}",
        detail={"added": True, "unit": unit_id},
        at=now,
    )
    return made, token


def revoke(session: Session, who: Who, worker_id: str, now: datetime) -> None:
    """End a worker's token. Harmless to repeat. Raises Refused when there is none."""
    found = session.get(ReportWorker, worker_id)
    if found is None:
        raise Refused(404, "not-found", "There is no such reporting worker.")
    if found.revoked_at is None:
        found.revoked_at = now
        audit.record(
            session, who.id, audit.CONFIGURATION, f"report-worker:{found.id}", detail={"revoked": True}, at=now
        )


def listed(session: Session) -> list[ReportWorker]:
    """Return every worker, the newest first."""
    return list(session.scalars(select(ReportWorker).order_by(ReportWorker.created_at.desc(), ReportWorker.id)))


def find(session: Session, header: str) -> ReportWorker:
    """Return the worker of an ``Authorization`` header. Raises Refused (401)."""
    scheme, _, token = header.partition(" ")
    token = token.strip()
    if scheme.lower() == "bearer" and token.startswith(_PREFIX) and len(token) < 100:
        found = session.scalars(select(ReportWorker).where(ReportWorker.token_hash == _hash(token))).first()
        if found is not None and found.revoked_at is None:
            return found
    raise Refused(401, "not-signed-in", "This call needs the token of a reporting worker; an administrator makes one.")


def seen(worker: ReportWorker, now: datetime) -> None:
    """Note that a worker is there, at most twice a minute."""
    if worker.last_seen is None or now - worker.last_seen > _TOUCH:
        worker.last_seen = now


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
