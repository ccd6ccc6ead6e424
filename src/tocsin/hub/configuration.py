"""What people set while the hub runs, one row a subject matter, each checked here and changed on the record.

``retention`` days per kind · ``escalation`` minutes · ``public_url`` the console's address in messages ·
``authorities`` keys whose orders are taken in (none set: any validly signed order, its signer shown) ·
``reporting`` who reports · ``reporting_production`` whether to the authority itself · ``review`` pauses, two people ·
``origin`` the log's name (made once, read only).
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final
from urllib.parse import urlsplit

from sqlalchemy import select
from sqlalchemy.orm import Session

from tocsin.evidence.keys import unbase64
from tocsin.hub import audit
from tocsin.hub.refusals import Refused
from tocsin.hub.reports import settings as reporting
from tocsin.hub.sessions import Who
from tocsin.hub.store.schema import Setting

RETENTION_KINDS: Final = ("entries", "evidence", "alerts", "sessions", "notifications")
"""What retention can be set for. ``alerts`` means closed ones, with their findings and history."""


def read_all(session: Session) -> dict[str, dict[str, Any]]:
    """Return every setting that people see."""
    shown = (*_CHECKS, "origin")
    return {row.key: row.value for row in session.scalars(select(Setting)) if row.key in shown}


def write(session: Session, who: Who, key: str, value: Mapping[str, Any], now: datetime) -> None:
    """Set one setting. Raises Refused for an unknown one or a value that does not fit."""
    if key not in _CHECKS:
        raise Refused(404, "setting", f"There is no setting {key[:40]!r} that can be changed.")
    checked = _CHECKS[key](value)
    row = session.get(Setting, key)
    if row is None:
        session.add(Setting(key=key, value=checked))
    else:
        row.value = checked
    audit.record(session, who.id, audit.CONFIGURATION, f"setting:{key}", detail={"value": checked}, at=now)


def retention_days(session: Session) -> dict[str, int]:
    """Return the days each kind is kept; a kind that is missing is kept without end."""
    row = session.get(Setting, "retention")
    return {kind: int(days) for kind, days in (row.value if row else {}).items() if kind in RETENTION_KINDS}


def authorities(session: Session) -> frozenset[str]:
    """Return the public keys (base64) of the authorities whose orders are taken in; empty: any."""
    row = session.get(Setting, "authorities")
    return frozenset(row.value.get("keys", ())) if row else frozenset()


def _retention(value: Mapping[str, Any]) -> dict[str, Any]:
    checked = {}
    for kind, days in value.items():
        if kind not in RETENTION_KINDS or not isinstance(days, int) or not 1 <= days <= 36_500:
            kinds = ", ".join(RETENTION_KINDS)
            raise Refused(422, "retention", f"Give whole days from 1 to 36500 for {kinds}; leave out what stays.")
        checked[kind] = days
    return checked


def _escalation(value: Mapping[str, Any]) -> dict[str, Any]:
    minutes = value.get("minutes")
    if not isinstance(minutes, int) or not 1 <= minutes <= 1440:
        raise Refused(422, "escalation", "Give the minutes before the next person is called, from 1 to 1440.")
    return {"minutes": minutes}


def _public_url(value: Mapping[str, Any]) -> dict[str, Any]:
    url = str(value.get("url", ""))
    try:
        parts = urlsplit(url)
    except ValueError:
        parts = urlsplit("")
    if url and (parts.scheme not in ("http", "https") or not parts.hostname or parts.query or len(url) > 300):
        raise Refused(422, "public_url", "Give the console's address as https://HOST, or nothing.")
    return {"url": url}


def _authorities(value: Mapping[str, Any]) -> dict[str, Any]:
    keys = value.get("keys")
    if (
        not isinstance(keys, list)
        or len(keys) > 100
        or any(not isinstance(key, str) or unbase64(key, 32) is None for key in keys)
    ):
        raise Refused(422, "authorities", "Give the authorities' Ed25519 public keys in base64, at most 100.")
    return {"keys": sorted(set(keys))}


_CHECKS: Final[Mapping[str, Callable[[Mapping[str, Any]], dict[str, Any]]]] = {
    "retention": _retention,
    "escalation": _escalation,
    "public_url": _public_url,
    "authorities": _authorities,
    "reporting": reporting.check_reporting,
    "reporting_production": reporting.check_production,
    "review": reporting.check_review,
}
