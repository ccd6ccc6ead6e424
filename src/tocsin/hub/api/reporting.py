"""What reporting workers call, with a token of their own; and, for administrators, the making of such tokens."""

from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Path, Query, Request, Response
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field
from sqlalchemy.orm import Session

from tocsin.hub.blobs import BlobError
from tocsin.hub.hub import Hub, of
from tocsin.hub.refusals import Refused, not_found
from tocsin.hub.reports import filing, workers
from tocsin.hub.sessions import Who, require
from tocsin.hub.store.reports import Report, ReportWorker
from tocsin.model import utc_text

router = APIRouter(prefix="/api/v1/reporting", tags=["reporting workers"])

Hubs = Annotated[Hub, Depends(of)]
Administrator = Annotated[Who, Depends(require("administrator"))]
Id = Annotated[str, Path(max_length=32)]
Journal = Annotated[str, Field(pattern="^[0-9a-f]{32}$")]
Environment = Literal["sandbox", "production"]


class NewWorker(BaseModel):
    """A worker to be."""

    model_config = ConfigDict(extra="forbid")
    name: str = Field(max_length=100)
    unit: str = Field(max_length=32)


class Take(BaseModel):
    """Which worker asks for a report, and where it would send it."""

    model_config = ConfigDict(extra="forbid")
    journal: Journal
    environment: Environment


class SentFile(BaseModel):
    """A file as the service took it."""

    model_config = ConfigDict(extra="forbid")
    evidence: str = Field(pattern="^[0-9a-f]{64}$")
    item: int = Field(ge=0, le=100_000)
    file_id: str = Field(max_length=200)
    md5: str = Field(pattern="^[0-9a-f]{32}$")


class Told(BaseModel):
    """What became of an attempt."""

    model_config = ConfigDict(extra="forbid")
    journal: Journal
    attempt: int = Field(ge=0, le=2**31 - 1)
    state: Literal["opened", "filed", "again", "held", "withdrawn"]
    remote_id: int | None = Field(default=None, gt=0, lt=2**63)
    undo_id: int | None = Field(default=None, gt=0, lt=2**63)
    hint_id: int | None = Field(default=None, gt=0, lt=2**63)
    reason: str = Field(default="", max_length=40)
    sentence: str = Field(default="", max_length=1000)
    not_before: AwareDatetime | None = None
    files: list[SentFile] = Field(default_factory=list, max_length=2000)


@router.get("/workers")
def list_workers(_: Administrator, hub: Hubs) -> dict[str, Any]:
    """Return every reporting worker; tokens are kept nowhere."""
    with hub.store.reading() as session:
        return {"workers": [_shown(each) for each in workers.listed(session)]}


@router.post("/workers", status_code=201)
def add_worker(given: NewWorker, who: Administrator, hub: Hubs) -> dict[str, Any]:
    """Make a worker; its token is in this answer and nowhere else."""
    with hub.store.session() as session:
        made, token = workers.add(session, who, given.unit, given.name, hub.clock.now())
        return _shown(made) | {"token": token}


@router.delete("/workers/{worker_id}", status_code=204)
def revoke_worker(worker_id: Id, who: Administrator, hub: Hubs) -> None:
    """End a worker's token."""
    with hub.store.session() as session:
        workers.revoke(session, who, worker_id, hub.clock.now())


@router.get("/queue")
def queue(
    request: Request,
    hub: Hubs,
    journal: Annotated[str, Query(pattern="^[0-9a-f]{32}$")],
    environment: Environment = "sandbox",
) -> dict[str, Any]:
    """Return what a worker may do now."""
    now = hub.clock.now()
    with hub.store.session() as session:
        worker = _worker(session, request, now)
        return {"reports": filing.queue(session, worker, journal, environment, now), "at": utc_text(now)}


@router.post("/reports/{report_id}/take")
def take(report_id: Id, given: Take, request: Request, hub: Hubs) -> dict[str, Any]:
    """Give a worker the one permission to submit a report, with all that is in it."""
    now = hub.clock.now()
    with hub.store.session() as session:
        worker = _worker(session, request, now)
        report = _report(session, worker, report_id)
        return filing.take(session, hub, worker, report, given.journal, given.environment, now)


@router.get("/reports/{report_id}/evidence/{digest}", response_class=Response)
def evidence(
    report_id: Id, digest: Annotated[str, Path(pattern="^[0-9a-f]{64}$")], request: Request, hub: Hubs
) -> Response:
    """Return sealed evidence of a report that this worker is filing."""
    now = hub.clock.now()
    with hub.store.session() as session:
        worker = _worker(session, request, now)
        filing.disclose(session, worker, _report(session, worker, report_id), digest, now)
    try:
        data = hub.blobs.get(digest)
    except BlobError as error:
        raise Refused(500, "evidence-damaged", str(error)) from error
    return Response(data, media_type="application/octet-stream")


@router.post("/reports/{report_id}/state")
def state(report_id: Id, told: Told, request: Request, hub: Hubs) -> dict[str, Any]:
    """Take in what became of an attempt; harmless to repeat."""
    if told.state in ("opened", "filed") and told.remote_id is None:
        raise Refused(422, "malformed", "A report that is opened or filed has a number at the service.")
    now = hub.clock.now()
    with hub.store.session() as session:
        worker = _worker(session, request, now)
        report = _report(session, worker, report_id)
        said = told.model_dump(mode="python", exclude={"journal", "attempt"})
        return {"state": filing.tell(session, worker, report, told.journal, told.attempt, said, now)}


def _worker(session: Session, request: Request, now: datetime) -> ReportWorker:
    worker = workers.find(session, request.headers.get("authorization", ""))
    workers.seen(worker, now)
    return worker


def _report(session: Session, worker: ReportWorker, report_id: str) -> Report:
    report = session.get(Report, report_id)
    if report is None or report.unit_id != worker.unit_id:
        raise not_found("report")
    return report


def _shown(worker: ReportWorker) -> dict[str, Any]:
    return {
        "id": worker.id,
        "name": worker.name,
        "unit": worker.unit_id,
        "created_at": utc_text(worker.created_at),
        "last_seen": None if worker.last_seen is None else utc_text(worker.last_seen),
        "revoked_at": None if worker.revoked_at is None else utc_text(worker.revoked_at),
    }
