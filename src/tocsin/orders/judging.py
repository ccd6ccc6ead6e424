"""Holding a finding against the order: which clauses it bears on, with their exceptions, for a person to review."""

import math
from collections.abc import Iterable
from datetime import datetime

from tocsin.model.finding import Category, Finding
from tocsin.model.verdict import Status, Verdict
from tocsin.orders.conditions import condition_of
from tocsin.orders.order import CUSTOM, Clause, Order

LEAST_COVERAGE = 0.5
"""Below this share of the window really observed, every verdict is *not-observed* (conditions.md §1, §3)."""
LEAST_CONFIDENCE = 0.25
"""Below this confidence a finding is *compatible* with the clause: more likely ordinary than not."""
ABSENCE = frozenset({"device-silent", "agent-removed", "notice-refused", "journal-gap", "clock-jump", "not-scanned"})
"""Signals that say something was not seen. They are *not-observed*, never more: an outage looks the same."""


def judge(finding: Finding, order: Order, now: datetime, coverage: float = 1.0) -> tuple[Verdict, ...]:
    """Return a verdict for each clause in force that calls for what was found, in the order's own sequence.

    Empty means that no clause calls for it: then nothing about it may be recorded. ``coverage`` is the share
    of the window really observed, 0 to 1.
    """
    signals = {signal.name for signal in finding.signals}
    method = f"{finding.detector} {finding.version}"
    if signals and signals <= ABSENCE:
        return absence(order, signals, now, method)
    status = _status(finding.confidence, coverage)
    verdicts = []
    for clause in _in_force(order, now):
        condition = condition_of(clause)
        if finding.detector not in condition.detectors:
            continue
        if condition.categories and finding.category not in condition.categories:
            continue
        if condition.signals and not signals & condition.signals:
            continue
        if finding.category is Category.SUPPORT and not condition.signals:
            continue  # help for a person goes only where the order says so by name, never among other concerns
        verdicts.append(_verdict(order, clause, status, method, coverage))
    return tuple(verdicts)


def absence(order: Order, signals: Iterable[str], now: datetime, method: str) -> tuple[Verdict, ...]:
    """Return the verdicts of missing data (a silent device, a gap, a refused notice): always *not-observed*.

    Empty means that no clause speaks of it; the hub still tells a person that the device went silent.
    """
    seen = frozenset(signals) & ABSENCE
    return tuple(
        _verdict(order, clause, Status.NOT_OBSERVED, method, 0.0)
        for clause in _in_force(order, now)
        if clause.condition != CUSTOM and condition_of(clause).signals & seen
    )


def _in_force(order: Order, now: datetime) -> list[Clause]:
    if order.state(now) != "in-force":
        return []
    return [clause for clause in order.clauses if clause.active(now)]


def _status(confidence: float, coverage: float) -> Status:
    if not coverage >= LEAST_COVERAGE:
        return Status.NOT_OBSERVED
    return Status.BREACH_INDICATED if confidence >= LEAST_CONFIDENCE else Status.COMPATIBLE


def _verdict(order: Order, clause: Clause, status: Status, method: str, coverage: float) -> Verdict:
    share = min(max(coverage, 0.0), 1.0) if math.isfinite(coverage) else 0.0
    return Verdict(
        rule=f"{order.id}/{clause.number}",
        clause=clause.number,
        condition=clause.condition,
        status=status,
        method=method,
        coverage=share,
        exceptions=clause.exceptions,
    )
