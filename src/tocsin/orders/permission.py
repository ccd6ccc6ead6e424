"""What an order permits at a moment: a detector runs, and evidence is kept, only where a clause calls for it."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from tocsin.model.times import utc_text
from tocsin.model.verdict import Verdict
from tocsin.orders.conditions import condition_of
from tocsin.orders.order import Clause, Order


@dataclass(frozen=True, slots=True)
class Permission:
    """What may run now. ``signals`` is None when some clause does not narrow them; ``reason`` is a sentence.

    ``until`` is the next moment at which the answer may change: ask again then. ``example`` marks an order that
    is only for trying out.
    """

    active: bool
    reason: str
    detectors: frozenset[str]
    signals: frozenset[str] | None
    evidence: frozenset[str]
    until: datetime
    example: bool = False


def permit(order: Order, now: datetime) -> Permission:
    """Return what ``order`` permits at ``now`` (aware)."""
    state = order.state(now)
    if state == "not-yet":
        return _nothing(
            order, f"The order begins on {utc_text(order.begins)}; nothing is collected before.", order.begins
        )
    if state == "ended":
        return _nothing(order, f"The order ended on {utc_text(order.ends)}; collection has stopped.", order.ends)
    clauses = [clause for clause in order.clauses if clause.active(now)]
    until = _next_change(order, now)
    if not clauses:
        return _nothing(order, "No clause of the order is in force now; nothing is collected.", until)
    detectors: frozenset[str] = frozenset()
    signals: frozenset[str] | None = frozenset()
    for clause in clauses:
        condition = condition_of(clause)
        detectors |= condition.detectors
        if condition.detectors and not condition.signals:
            signals = None
        elif signals is not None:
            signals |= condition.signals
    reason = f"The order is in force until {utc_text(order.ends)}."
    if order.example:
        reason = f"EXAMPLE order, for trying out only. {reason}"
    return Permission(
        active=True,
        reason=reason,
        detectors=detectors,
        signals=signals,
        evidence=_union(evidence_of(clause, order) for clause in clauses),
        until=until,
        example=order.example,
    )


def evidence_of(clause: Clause, order: Order) -> frozenset[str]:
    """Return the kinds of evidence that may be sealed for a clause: its own list, or else its condition's."""
    kinds = frozenset(clause.evidence) or condition_of(clause).evidence
    return kinds & frozenset(order.evidence)


def evidence_kinds(order: Order, verdicts: Iterable[Verdict]) -> frozenset[str]:
    """Return the kinds of evidence that the clauses behind ``verdicts`` allow, and no other clause's."""
    clauses = (order.clause(verdict.clause) for verdict in verdicts)
    return _union(evidence_of(clause, order) for clause in clauses if clause is not None)


def _nothing(order: Order, reason: str, until: datetime) -> Permission:
    none: frozenset[str] = frozenset()
    return Permission(False, reason, none, none, none, until, order.example)


def _next_change(order: Order, now: datetime) -> datetime:
    times = [order.ends]
    for clause in order.clauses:
        times.extend(moment for moment in (clause.begins, clause.ends) if moment is not None and moment > now)
    return min(times)


def _union(sets: Iterable[frozenset[str]]) -> frozenset[str]:
    return frozenset().union(*sets)
