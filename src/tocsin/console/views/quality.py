"""Quality: what people decided about what the detectors reported, per detector and version."""

import math
from collections import defaultdict
from dataclasses import dataclass
from statistics import median
from typing import Annotated, Any

from fastapi import APIRouter, Depends
from fastapi.responses import Response
from sqlalchemy import select
from sqlalchemy.orm import Session

from tocsin.console.visit import Visit, visit
from tocsin.hub.store.schema import Alert, FindingRecord
from tocsin.model import ReviewVerdict

router = APIRouter(include_in_schema=False)

At = Annotated[Visit, Depends(visit("officer", "supervisor", "auditor"))]
ENOUGH = 5
"""Decisions below which no precision is shown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class QualityRow:
    """One detector and version in one category."""

    detector: str
    version: str
    category: str
    alerts: int
    decided: int
    true: int
    cannot_tell: int
    precision: float | None
    low: float
    high: float
    median_s: float | None


@router.get("/quality")
def shown(at: At) -> Response:
    """Show precision with its interval, from people's verdicts alone."""
    with at.hub.store.reading() as session:
        return at.page(session, "quality.html", rows=rows(session, at))


def rows(session: Session, at: Visit) -> list[QualityRow]:
    """Count verdicts: a unit's own, or for auditors everybody's (codes and counts only)."""
    query = (
        select(
            FindingRecord.detector,
            FindingRecord.version,
            Alert.category,
            Alert.id,
            Alert.verdict,
            Alert.created_at,
            Alert.closed_at,
        )
        .join(Alert, FindingRecord.alert_id == Alert.id)
        .distinct()
    )
    if at.who.role != "auditor":
        query = query.where(Alert.unit_id == at.who.unit_id)
    groups: dict[tuple[str, str, str], list[Any]] = defaultdict(list)
    for row in session.execute(query):
        groups[row.detector, row.version, row.category].append(row)
    return [_row(*key, found) for key, found in sorted(groups.items())]


def _row(detector: str, version: str, category: str, found: list[Any]) -> QualityRow:
    verdicts = [ReviewVerdict(row.verdict) for row in found if row.verdict]
    decided = [verdict.is_true for verdict in verdicts if verdict.is_true is not None]
    true = sum(decided)
    low, high = wilson(true, len(decided))
    times = [(row.closed_at - row.created_at).total_seconds() for row in found if row.closed_at]
    return QualityRow(
        detector=detector,
        version=version,
        category=category,
        alerts=len(found),
        decided=len(decided),
        true=true,
        cannot_tell=len(verdicts) - len(decided),
        precision=true / len(decided) if len(decided) >= ENOUGH else None,
        low=low,
        high=high,
        median_s=median(times) if times else None,
    )


def wilson(hits: int, total: int, z: float = 1.96) -> tuple[float, float]:
    """Return the 95 % interval of a proportion (Wilson 1927); (0, 1) where nothing was counted."""
    if total == 0:
        return 0.0, 1.0
    share, square = hits / total, z * z / total
    middle = (share + square / 2) / (1 + square)
    half = z * math.sqrt(share * (1 - share) / total + square / (4 * total)) / (1 + square)
    return max(0.0, middle - half), min(1.0, middle + half)
