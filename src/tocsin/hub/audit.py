"""The hub's audit log: an RFC 6962 Merkle log whose leaves are rows written with what they tell of.

:func:`record` adds an entry in the caller's own transaction, so an act and its entry stand or fall together, and
the store's single writer gives the entries their order. Entries hold ids, digests, codes and the reason a person
typed; what a screen showed never enters. Checkpoints are in hub/checkpoints.py.
"""

import re
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Any, Final

import rfc8785
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from tocsin.evidence.merkle import leaf_hash
from tocsin.hub.store.schema import AuditEntry
from tocsin.model import utc_text

COLLECTION: Final = "collection"
ALTERATION: Final = "alteration"
CONSULTATION: Final = "consultation"
DISCLOSURE: Final = "disclosure"
ERASURE: Final = "erasure"
MATCH: Final = "match"
VERDICT: Final = "verdict"
EXPORT: Final = "export"
CONFIGURATION: Final = "configuration"
SIGN_IN: Final = "sign-in"
SIGN_OUT: Final = "sign-out"
REFUSED: Final = "refused"

HUB: Final = "hub"
"""The actor of what the hub does by itself."""

REASON_LONGEST: Final = 2000
_LONGEST = 16_384
_SOFTWARE = f"tocsin/{version('tocsin')}"
_ACTION = re.compile(r"[a-z][a-z-]{0,39}")


def record(
    session: Session,
    actor: str,
    action: str,
    object: str,  # noqa: A002
    reason: str = "",
    order_id: str = "",
    detail: dict[str, Any] | None = None,
    *,
    at: datetime | None = None,
) -> int:
    """Append an entry to the log within ``session``'s transaction and return its sequence number, from 0.

    ``actor`` is a person's or device's id, or ``hub``; ``object`` what it was done to, as ``kind:id``; ``detail``
    plain values only: text, whole numbers, booleans, lists and dicts of them. Raises ValueError for a float (the
    canonical form of one is a matter of taste), an overlong entry, or a malformed action.
    """
    if not _ACTION.fullmatch(action):
        raise ValueError(f"an audit action is lower-case words joined by hyphens, not {action!r}")
    if len(actor) > 64 or len(object) > 200 or len(reason) > REASON_LONGEST:
        raise ValueError("an audit entry's actor, object or reason is too long")
    _refuse_floats(detail)
    at = at or datetime.now(UTC)
    seq = _next(session)
    entry = rfc8785.dumps(
        {
            "seq": seq,
            "at": utc_text(at),
            "actor": actor,
            "action": action,
            "object": object,
            "reason": reason,
            "order": order_id,
            "software": _SOFTWARE,
            "detail": detail or {},
        }
    )
    if len(entry) > _LONGEST:
        raise ValueError(f"an audit entry is at most {_LONGEST} bytes; this one has {len(entry)}")
    session.add(
        AuditEntry(
            seq=seq, at=at, actor=actor, action=action, object=object, entry=entry.decode(), leaf=leaf_hash(entry)
        )
    )
    return seq


def _next(session: Session) -> int:
    """Return the next sequence number; asked of the store once per transaction, which is the only one writing."""
    transaction, seq = session.info.get("tocsin.audit", (None, 0))
    if transaction is None or transaction is not session.get_transaction():
        with session.no_autoflush:
            highest = session.execute(select(func.max(AuditEntry.seq))).scalar()
        transaction, seq = session.get_transaction(), 0 if highest is None else int(highest) + 1
    session.info["tocsin.audit"] = (transaction, seq + 1)
    return int(seq)


def _refuse_floats(value: Any) -> None:
    if isinstance(value, float):
        raise ValueError("audit entries hold no floats; write whole numbers or text")
    if isinstance(value, dict):
        for part in value.values():
            _refuse_floats(part)
    elif isinstance(value, (list, tuple)):
        for part in value:
            _refuse_floats(part)
