"""The audit log: search, checkpoint, verification, export. For auditors."""

import json
import shutil
import tempfile
from pathlib import Path
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Query
from fastapi.responses import FileResponse, Response
from sqlalchemy import select
from starlette.background import BackgroundTask

from tocsin.console.frame import names
from tocsin.console.visit import Visit, visit
from tocsin.evidence.audit import AuditError, verify_export
from tocsin.hub import audit, audit_reading, checkpoints
from tocsin.hub.checkpoints import LogInconsistentError
from tocsin.hub.refusals import Refused
from tocsin.hub.store.schema import AuditEntry
from tocsin.model import parse_utc

router = APIRouter(include_in_schema=False)

PAGE: Final = 100
At = Annotated[Visit, Depends(visit("auditor"))]
Before = Annotated[int | None, Query(ge=0, lt=2**63)]


@router.get("/audit")
def listed(at: At, action: str = "", actor: str = "", object: str = "", before: Before = None) -> Response:  # noqa: A002
    """Search the log, the newest entries first."""
    chosen = audit_reading.Wanted(actor=actor[:64], action=action[:40], object=object.strip()[:200])
    return _page(at, chosen, before)


@router.post("/audit/verify")
def verify(at: At) -> Response:
    """Read every entry again and hold it against the signed checkpoints."""
    return _page(at, audit_reading.Wanted(), None, verified=_verified(at))


@router.post("/audit/export")
def export(at: At) -> Response:
    """Hand out the whole log as a ZIP that verifies offline; the export is itself logged."""
    folder = Path(tempfile.mkdtemp(prefix="tocsin-export-"))
    try:
        path = audit_reading.export(at.hub, at.who, folder)
    except LogInconsistentError as error:
        shutil.rmtree(folder, ignore_errors=True)
        raise Refused(409, "log-inconsistent", str(error)) from error
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    done = BackgroundTask(shutil.rmtree, folder, ignore_errors=True)
    return FileResponse(path, media_type="application/zip", filename="tocsin-audit.zip", background=done)


def _verified(at: Visit) -> dict[str, Any]:
    folder = Path(tempfile.mkdtemp(prefix="tocsin-verify-"))
    try:
        at.hub.log.checkpoint(at.hub.store, at.now)
        path = audit_reading.write_copy(at.hub, folder)
        report = verify_export(path, at.hub.log.vkey)
    except (LogInconsistentError, AuditError) as error:
        return {"ok": False, "sentence": str(error)}
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    if not report.ok:
        return {"ok": False, "sentence": " ".join(report.problems[:5])}
    sentence = (
        f"Verified: {report.entries} entries agree with the signed checkpoint and with "
        f"{report.earlier_checked} earlier ones. Hold it against a checkpoint kept elsewhere to rule out a rewrite."
    )
    return {"ok": True, "sentence": sentence}


def _page(at: Visit, chosen: audit_reading.Wanted, before: int | None, **facts: Any) -> Response:
    known: dict[str, Any] = {"error": at.hub.log.refusal, "said": "", "verified": None}
    with at.hub.store.reading() as session:
        people = names(session)
        found = audit_reading.page(session, at.who, chosen, before=before, limit=PAGE + 1)
        entries = [_shown(entry, people) for entry in found[:PAGE]]
        return at.page(
            session,
            "audit.html",
            entries=entries,
            older=found[PAGE - 1]["seq"] if len(found) > PAGE else None,
            chosen=chosen,
            names=people,
            actions=sorted(
                set(session.scalars(select(AuditEntry.action).distinct())) | {audit.CONSULTATION, audit.DISCLOSURE}
            ),
            checkpoint=checkpoints.latest(session),
            vkey=at.hub.log.vkey,
            **(known | facts),
        )


def _shown(entry: dict[str, Any], people: dict[str, str]) -> dict[str, Any]:
    actor = str(entry["actor"])
    detail = entry.get("detail") or {}
    return {
        "seq": entry["seq"],
        "at": parse_utc(entry["at"]),
        "who": people.get(actor, "the hub itself" if actor == audit.HUB else f"device {actor[:8]}"),
        "action": entry["action"],
        "object": _short(str(entry["object"])),
        "reason": entry["reason"],
        "detail": ", ".join(f"{key} {_plain(value, people)}" for key, value in detail.items())[:200],
    }


def _short(name: str) -> str:
    kind, _, key = name.partition(":")
    return f"{kind}:{key[:12]}" if len(key) > 16 else name


def _plain(value: Any, people: dict[str, str]) -> str:
    if isinstance(value, str):
        return people.get(value, value if len(value) <= 24 else f"{value[:12]}…")
    if isinstance(value, list):
        return " and ".join(_plain(each, people) for each in value)
    return json.dumps(value)
