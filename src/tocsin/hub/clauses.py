"""A stored order's kind, and its verbatim clauses as alerts cite them. It is read once and remembered by its digest."""

import json
from functools import lru_cache
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from tocsin.hub.store.schema import OrderRecord
from tocsin.model import Status

Cited = dict[str, Any]
"""``{"clause", "condition", "text", "exceptions", "status", "coverage", "method"}``"""


_Read = tuple[str, tuple[Cited, ...]]


def cite(session: Session, order_id: str | None, verdicts: list[dict[str, Any]]) -> list[Cited]:
    """Return each verdict with the clause's own words and exceptions beside it."""
    clauses = {clause["clause"]: clause for clause in of_order(session, order_id)}
    empty = {"text": "", "exceptions": []}
    return [
        {
            "clause": verdict["clause"],
            "condition": verdict["condition"],
            "text": clauses.get(verdict["clause"], empty)["text"],
            "exceptions": clauses.get(verdict["clause"], empty)["exceptions"],
            "status": verdict["status"],
            "coverage": verdict["coverage"],
            "method": verdict["method"],
        }
        for verdict in verdicts
    ]


def cite_conditions(session: Session, order_id: str | None, conditions: tuple[str, ...], method: str) -> list[Cited]:
    """Return the order's clauses of these conditions (C1 … C17), each *not observed*: silence proves nothing."""
    return [
        clause | {"status": Status.NOT_OBSERVED.value, "coverage": 0.0, "method": method}
        for clause in of_order(session, order_id)
        if clause["condition"] in conditions
    ]


def of_order(session: Session, order_id: str | None) -> list[dict[str, Any]]:
    """Return ``{"clause", "condition", "text", "exceptions"}`` for each clause of a stored order, in its order."""
    return [clause | {"exceptions": list(clause["exceptions"])} for clause in _order(session, order_id)[1]]


def is_platform(session: Session, order_id: str | None) -> bool:
    """Tell whether an order is an internet service's policy: its findings are about many members, not one person."""
    return _order(session, order_id)[0] == "platform-policy"


def _order(session: Session, order_id: str | None) -> _Read:
    """Return an order's kind and clauses; nothing for one that is not there."""
    if order_id is None:
        return "", ()
    known: dict[str, _Read] = session.info.setdefault("tocsin.clauses", {})
    if order_id not in known:
        query = select(OrderRecord.digest, OrderRecord.signed).where(OrderRecord.id == order_id)
        row = session.execute(query).first()
        known[order_id] = ("", ()) if row is None else _read(row.digest, row.signed)
    return known[order_id]


@lru_cache(maxsize=512)
def _read(_digest: str, signed: str) -> _Read:
    """Read the kind and clauses of a signed order, which was verified when it was stored."""
    order = json.loads(signed).get("order", {})
    clauses = tuple(
        {
            "clause": str(clause.get("number", "")),
            "condition": str(clause.get("condition", "")),
            "text": str(clause.get("text", "")),
            "exceptions": [str(exception) for exception in clause.get("exceptions") or []],
        }
        for clause in order.get("clauses", [])
    )
    return str(order.get("kind", "")), clauses
