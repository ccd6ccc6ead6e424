"""The audit log and statistics, for auditors."""

import shutil
import tempfile
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query
from fastapi.responses import FileResponse, PlainTextResponse
from starlette.background import BackgroundTask

from tocsin.hub import audit_reading
from tocsin.hub.checkpoints import LogInconsistentError
from tocsin.hub.hub import Hub, of
from tocsin.hub.refusals import Refused
from tocsin.hub.sessions import Who, require

router = APIRouter(prefix="/api/v1", tags=["audit"])

Hubs = Annotated[Hub, Depends(of)]
Auditor = Annotated[Who, Depends(require("auditor"))]


@router.get("/audit")
def entries(
    who: Auditor,
    hub: Hubs,
    before: Annotated[int | None, Query(ge=0, lt=2**63)] = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
    actor: Annotated[str, Query(max_length=64)] = "",
    action: Annotated[str, Query(max_length=40)] = "",
    object: Annotated[str, Query(max_length=200)] = "",  # noqa: A002
    since: datetime | None = None,
    until: datetime | None = None,
) -> dict[str, Any]:
    """Return entries, the newest first; ``next`` is the ``before`` of the following page, or null."""
    wanted = audit_reading.Wanted(actor=actor, action=action, object=object, since=since, until=until)
    with hub.store.reading() as session:
        found = audit_reading.page(session, who, wanted, before=before, limit=limit)
    return {"entries": found, "next": found[-1]["seq"] if len(found) == limit else None}


@router.get("/audit/checkpoint", response_class=PlainTextResponse)
def checkpoint(_: Auditor, hub: Hubs) -> str:
    """Return a signed checkpoint of the log as it is now: three lines to keep where this hub cannot reach."""
    try:
        return hub.log.checkpoint(hub.store, hub.clock.now())
    except LogInconsistentError as error:
        raise Refused(409, "log-inconsistent", str(error)) from error


@router.get("/audit/key", response_class=PlainTextResponse)
def key(_: Auditor, hub: Hubs) -> str:
    """Return the key that verifies the log's checkpoints."""
    return hub.log.vkey + "\n"


@router.get("/audit/export")
def export(who: Auditor, hub: Hubs) -> FileResponse:
    """Return the whole log as a ZIP of the folder that ``tocsin audit verify`` checks offline."""
    folder = Path(tempfile.mkdtemp(prefix="tocsin-export-"))
    try:
        path = audit_reading.export(hub, who, folder)
    except LogInconsistentError as error:
        shutil.rmtree(folder, ignore_errors=True)
        raise Refused(409, "log-inconsistent", str(error)) from error
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    return FileResponse(
        path,
        media_type="application/zip",
        filename="tocsin-audit.zip",
        background=BackgroundTask(shutil.rmtree, folder, ignore_errors=True),
    )


@router.get("/statistics")
def statistics(who: Annotated[Who, Depends(require("auditor", "supervisor"))], hub: Hubs) -> dict[str, Any]:
    """Return alerts by category, severity, status and verdict: all units for auditors, one's own for supervisors."""
    with hub.store.reading() as session:
        return audit_reading.statistics(session, who)
