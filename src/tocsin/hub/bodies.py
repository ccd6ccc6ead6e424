"""Bodies of journal entries, read with bounds: a device's signature says who wrote them, not that they make sense.

Only codes, numbers and times are taken: nothing a device sends here can carry words from a screen to a page.
"""

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from tocsin.model import Category, Direction, Status, parse_utc
from tocsin.model.media import RANK

_ID = re.compile(r"[0-9A-Za-z._:-]{1,64}", re.ASCII)
_CODE = re.compile(r"[a-z0-9][a-z0-9-]{0,39}", re.ASCII)
_CLAUSE = re.compile(r"[0-9A-Za-z.()/ -]{1,40}", re.ASCII)
_METHOD = re.compile(r"[0-9A-Za-z._@/ +-]{0,80}", re.ASCII)
_DIGEST = re.compile(r"[0-9a-f]{64}", re.ASCII)
_UNPLAIN = re.compile(r"[^0-9A-Za-z ._:/#+=()-]", re.ASCII)
_MOST = 40
MOST_MATCHES = 20
"""Matches that one finding may carry."""
_FARTHEST = 65_536
_NAMES = {"list": 64, "entry": 80, "scheme": 120, "category": 80}
MAX_EVIDENCE = 32 * 1024 * 1024
"""Largest sealed evidence, in bytes."""


class BodyError(ValueError):
    """A body that cannot be read; the message is a sentence."""


@dataclass(frozen=True, slots=True)
class EvidenceBody:
    """Sealed evidence that a finding declares; the bytes follow by themselves."""

    digest: str
    size: int
    kinds: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class FindingBody:
    """The readable part of a finding, as in ``docs/journal.md``."""

    id: str
    detector: str
    version: str
    category: str
    severity: int
    confidence: float
    signals: tuple[dict[str, Any], ...]
    not_seen: tuple[str, ...]
    benign: tuple[str, ...]
    verdicts: tuple[dict[str, Any], ...]
    thread: str
    observed_at: datetime
    evidence: EvidenceBody | None
    refines: bool
    matches: tuple[dict[str, Any], ...] = ()


def finding(body: dict[str, Any]) -> FindingBody:
    """Read a finding's body. Raises BodyError naming the field that is wrong."""
    return FindingBody(
        id=_match(body, "id", _ID),
        detector=_match(body, "detector", _CODE),
        version=_match(body, "version", _METHOD)[:20],
        category=_one_of(body, "category", Category),
        severity=_whole(body, "severity", 1, 5),
        confidence=_number(body, "confidence", 0, 1),
        signals=tuple(_signal(each) for each in _list(body, "signals")),
        not_seen=_codes(body, "not_seen"),
        benign=_codes(body, "benign"),
        verdicts=tuple(_verdict(each) for each in _list(body, "verdicts")),
        thread=_match(body, "thread", _ID) if body.get("thread") else "",
        observed_at=moment(body, "observed_at"),
        evidence=_evidence(body.get("evidence")),
        refines=body.get("refines") is True,
        matches=tuple(_listed(each) for each in _matches(body)),
    )


def code(body: dict[str, Any], name: str) -> str:
    """Return a short code from a body, or "" where there is none."""
    value = body.get(name)
    return value if isinstance(value, str) and _CODE.fullmatch(value) else ""


def label(body: dict[str, Any], name: str) -> str:
    """Return a short name, such as a version, from a body, or "" where there is none."""
    value = body.get(name)
    return value if isinstance(value, str) and _METHOD.fullmatch(value) else ""


def plain(name: str, most: int = 80) -> str:
    """Return a list's or entry's name as findings, alerts and the audit log carry it.

    Sources name their entries as they like; what is not a plain letter, digit or joint becomes an underscore.
    """
    return _UNPLAIN.sub("_", name)[:most]


def number(body: dict[str, Any], name: str) -> float:
    """Return a number from a body, or 0 where there is none."""
    value = body.get(name)
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else 0.0


def counts(body: dict[str, Any], name: str = "counts") -> dict[str, int]:
    """Return the counts by kind that a body holds, without anything that is not a count."""
    value = body.get(name)
    if not isinstance(value, dict):
        return {}
    kept = {key: n for key, n in value.items() if _CODE.fullmatch(key) and type(n) is int and n >= 0}
    return dict(sorted(kept.items())[:_MOST])


def moment(body: dict[str, Any], name: str) -> datetime:
    """Return a moment from a body. Raises BodyError."""
    value = body.get(name)
    try:
        if isinstance(value, str) and len(value) <= 40:
            return parse_utc(value)
    except (ValueError, OverflowError):
        pass
    raise _wrong(name)


def moment_or_none(body: dict[str, Any], name: str) -> datetime | None:
    """Return a moment from a body, or None where there is none."""
    try:
        return moment(body, name)
    except BodyError:
        return None


def health(body: dict[str, Any], at: datetime) -> dict[str, Any]:
    """Return what is kept of a heartbeat for the device's page."""
    degradations = body.get("degradations")
    degradations = degradations if isinstance(degradations, list) else []
    return {
        "state": code(body, "state"),
        "at": at.isoformat(),
        "active": body.get("active") is True,
        "coverage": min(1.0, max(0.0, number(body, "coverage"))),
        "cpu": round(number(body, "cpu"), 2),
        "memory": int(number(body, "memory")),
        "degradations": [d for d in degradations[:_MOST] if isinstance(d, str) and _CODE.fullmatch(d)],
        "counts": counts(body),
    }


def _signal(raw: Any) -> dict[str, Any]:
    if not isinstance(raw, dict):
        raise _wrong("signals")
    return {
        "name": _match(raw, "name", _CODE),
        "direction": _one_of(raw, "direction", Direction),
        "confidence": _number(raw, "confidence", 0, 1),
    }


def _matches(body: dict[str, Any]) -> list[Any]:
    matches = _list(body, "matches")
    if len(matches) > MOST_MATCHES:
        raise _wrong("matches")
    return matches


def _listed(raw: Any) -> dict[str, Any]:
    """Read an entry of a hash list that media matched: names and numbers, no hash, no place."""
    if not isinstance(raw, dict):
        raise _wrong("matches")
    return {
        **{name: _name(raw, name, most) for name, most in _NAMES.items()},
        "by": _one_of(raw, "by", RANK),
        "distance": _whole(raw, "distance", 0, _FARTHEST),
        **({"part": True} if raw.get("part") is True else {}),
    }


def _name(raw: dict[str, Any], name: str, most: int) -> str:
    value = raw.get(name, "")
    if not isinstance(value, str) or len(value) > 4 * most or (not value and name in ("list", "entry")):
        raise _wrong("matches")
    return plain(value, most)


def _verdict(raw: Any) -> dict[str, Any]:
    if not isinstance(raw, dict):
        raise _wrong("verdicts")
    return {
        "rule": _match(raw, "rule", _METHOD),
        "clause": _match(raw, "clause", _CLAUSE),
        "condition": _match(raw, "condition", _CLAUSE),
        "status": _one_of(raw, "status", Status),
        "coverage": _number(raw, "coverage", 0, 1),
        "method": _match(raw, "method", _METHOD),
        "exceptions": _whole(raw, "exceptions", 0, 1000),
    }


def _evidence(raw: Any) -> EvidenceBody | None:
    if raw is None:
        return None
    if not isinstance(raw, dict):
        raise _wrong("evidence")
    return EvidenceBody(_match(raw, "digest", _DIGEST), _whole(raw, "size", 1, MAX_EVIDENCE), _codes(raw, "kinds"))


def _match(raw: dict[str, Any], name: str, pattern: re.Pattern[str]) -> str:
    value = raw.get(name)
    if not isinstance(value, str) or not pattern.fullmatch(value):
        raise _wrong(name)
    return value


def _one_of(raw: dict[str, Any], name: str, values: Any) -> str:
    value = raw.get(name)
    if not isinstance(value, str) or value not in {str(each) for each in values}:
        raise _wrong(name)
    return value


def _whole(raw: dict[str, Any], name: str, low: int, high: int) -> int:
    value = raw.get(name)
    if type(value) is not int or not low <= value <= high:
        raise _wrong(name)
    return value


def _number(raw: dict[str, Any], name: str, low: float, high: float) -> float:
    value = raw.get(name)
    if not isinstance(value, int | float) or isinstance(value, bool) or not low <= value <= high:
        raise _wrong(name)
    return float(value)


def _list(raw: dict[str, Any], name: str) -> list[Any]:
    value = raw.get(name, [])
    if not isinstance(value, list) or len(value) > _MOST:
        raise _wrong(name)
    return value


def _codes(raw: dict[str, Any], name: str) -> tuple[str, ...]:
    values = _list(raw, name)
    if not all(isinstance(value, str) and _CODE.fullmatch(value) for value in values):
        raise _wrong(name)
    return tuple(values)


def _wrong(name: str) -> BodyError:
    return BodyError(f"The field {name} is missing or out of bounds.")
