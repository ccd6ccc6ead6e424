"""Reading the audit log: pages for the auditor, the export for anyone who verifies, statistics without names."""

import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from tocsin.evidence.audit import write_export
from tocsin.evidence.notes import parse_checkpoint
from tocsin.hub import audit
from tocsin.hub.checkpoints import latest
from tocsin.hub.hub import Hub
from tocsin.hub.refusals import Refused
from tocsin.hub.sessions import Who
from tocsin.hub.store.schema import Alert, AuditEntry, CheckpointRecord, FindingRecord, Unit

_PAGE = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which entries are wanted; what is empty does not narrow."""

    actor: str = ""
    action: str = ""
    object: str = ""
    since: datetime | None = None
    until: datetime | None = None


def page(
    session: Session, who: Who, wanted: Wanted, *, before: int | None = None, limit: int = 100
) -> list[dict[str, Any]]:
    """Return entries, the newest first. Raises Refused for anyone but an auditor."""
    if who.role != "auditor":
        raise Refused(403, "not-allowed", "The audit log is for auditors.")
    query = _narrow(select(AuditEntry.entry), wanted).order_by(AuditEntry.seq.desc()).limit(limit)
    if before is not None:
        query = query.where(AuditEntry.seq < before)
    return [json.loads(entry) for entry in session.scalars(query)]


def export(hub: Hub, who: Who, folder: Path) -> Path:
    """Write the whole log as a ZIP into ``folder`` and return its path; the export is itself an entry in it."""
    now = hub.clock.now()
    with hub.store.session() as session:
        audit.record(session, who.id, audit.EXPORT, "hub:audit-log", detail={"recipients": [who.id]}, at=now)
        note = hub.log.checkpoint_in(session, now)
    _write(hub, folder / "tocsin-audit", note)
    return Path(shutil.make_archive(str(folder / "export"), "zip", folder, "tocsin-audit"))


def write_copy(hub: Hub, folder: Path) -> Path:
    """Write the log as it was last signed into ``folder``, for checking it here; nothing leaves the hub."""
    with hub.store.reading() as session:
        newest = latest(session)
    if newest is None:
        raise Refused(409, "no-checkpoint", "The log has not been signed yet.")
    _write(hub, folder / "tocsin-audit", newest.note)
    return folder / "tocsin-audit"


def statistics(session: Session, who: Who) -> dict[str, Any]:
    """Return counts of alerts, and per detector and version what reviewers decided. No subject, no name."""
    if who.role not in ("auditor", "supervisor"):
        raise Refused(403, "not-allowed", "Statistics are for auditors and supervisors.")
    mine = [] if who.role == "auditor" else [Alert.unit_id == who.unit_id]
    alerts = session.execute(
        select(Unit.name, Alert.category, Alert.severity, Alert.status, Alert.verdict, func.count())
        .join(Unit, Alert.unit_id == Unit.id)
        .where(*mine)
        .group_by(Unit.name, Alert.category, Alert.severity, Alert.status, Alert.verdict)
        .order_by(Unit.name, Alert.category, Alert.severity)
    )
    detectors = session.execute(
        select(FindingRecord.detector, FindingRecord.version, Alert.verdict, func.count(func.distinct(Alert.id)))
        .join(Alert, FindingRecord.alert_id == Alert.id)
        .where(Alert.status == "closed", *mine)
        .group_by(FindingRecord.detector, FindingRecord.version, Alert.verdict)
        .order_by(FindingRecord.detector, FindingRecord.version)
    )
    names = ("unit", "category", "severity", "status", "verdict", "count")
    return {
        "alerts": [dict(zip(names, row, strict=True)) for row in alerts],
        "detectors": [dict(zip(("detector", "version", "verdict", "alerts"), row, strict=True)) for row in detectors],
    }


def _write(hub: Hub, folder: Path, note: str) -> None:
    with hub.store.reading() as session:
        size = parse_checkpoint(note.partition("\n\n")[0] + "\n").size
        earlier = select(CheckpointRecord.note).where(CheckpointRecord.size < size).order_by(CheckpointRecord.size)
        write_export(folder, _texts(session, size), note, session.scalars(earlier).all(), [hub.log.vkey])


def _narrow(query: Select[Any], wanted: Wanted) -> Select[Any]:
    if wanted.actor:
        query = query.where(AuditEntry.actor == wanted.actor)
    if wanted.action:
        query = query.where(AuditEntry.action == wanted.action)
    if wanted.object:
        query = query.where(AuditEntry.object == wanted.object)
    for moment in (wanted.since, wanted.until):
        if moment is not None and moment.tzinfo is None:
            raise Refused(422, "time", "Give times with their zone, as in 2026-11-22T17:32:08Z.")
    if wanted.since is not None:
        query = query.where(AuditEntry.at >= wanted.since)
    if wanted.until is not None:
        query = query.where(AuditEntry.at < wanted.until)
    return query


def _texts(session: Session, size: int) -> Iterator[str]:
    for start in range(0, size, _PAGE):
        end = min(start + _PAGE, size)
        query = select(AuditEntry.entry).where(AuditEntry.seq >= start, AuditEntry.seq < end).order_by(AuditEntry.seq)
        yield from session.scalars(query)
