"""What devices call: enrolment, journal, evidence, their order. No cookies here: every call proves itself."""

import time
from asyncio import wrap_future
from hashlib import sha256
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Query, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from sqlalchemy.orm import Session
from starlette.types import ASGIApp, Receive, Scope, Send

from tocsin.evidence.journal import JournalError, canonical
from tocsin.evidence.keys import verify_signature
from tocsin.hub import enrolment, wire
from tocsin.hub.bodies import MAX_EVIDENCE
from tocsin.hub.device_verdicts import verdicts_for
from tocsin.hub.hub import Hub, of_request
from tocsin.hub.ingest import MAX_ENTRIES
from tocsin.hub.refusals import Refused
from tocsin.hub.store import StoreError
from tocsin.hub.store.schema import Device, EvidenceRecord
from tocsin.hub.writer import Overloaded

router = APIRouter(prefix="/api/v1", tags=["devices' own"])

TheHub = Annotated[Hub, Depends(of_request)]
_ORDER_PATH: Final = "/api/v1/device/order"
_VERDICTS_PATH: Final = "/api/v1/device/verdicts"


class Enrol(BaseModel):
    """A device's wish to enrol."""

    model_config = ConfigDict(extra="forbid", strict=True)
    token: str = Field(min_length=8, max_length=200)
    public_key: str = Field(max_length=100)
    order: str = Field(max_length=512 * 1024)
    platform: str = Field(default="", max_length=100, pattern=r"^[ -~]*$")
    software: str = Field(default="", max_length=40, pattern=r"^[ -~]*$")
    label: str = Field(max_length=100)
    proof: str = Field(max_length=200)


@router.post("/enrol", status_code=201)
async def enrol(request: Request, hub: TheHub) -> JSONResponse:
    """Enrol a device with a one-time token under an order that the hub holds."""
    raw = await wire.read_json(request)
    try:
        asked = Enrol.model_validate(raw)
    except ValidationError as error:
        where = ".".join(str(part) for part in error.errors()[0]["loc"]) or "body"
        raise Refused(
            422, "malformed", f"The field {where[:60]} of the enrolment is missing or out of bounds."
        ) from None
    return JSONResponse(await run_in_threadpool(_enrol, hub, asked), 201)


def _enrol(hub: Hub, asked: Enrol) -> dict[str, Any]:
    try:
        with hub.store.session() as session:
            device = enrolment.enrol(session, enrolment.Request(**asked.model_dump()), hub.clock.now())
            unit = device.subject.unit_id
    except JournalError:
        raise Refused(422, "malformed", "The enrolment holds text that cannot be written as JSON.") from None
    return {"device": device.id, "hub_key": hub.key.public, "unit": unit, "heartbeat_s": hub.settings.heartbeat_s}


@router.post("/journal")
async def journal(request: Request, hub: TheHub) -> Response:
    """Take a batch of journal entries; the answer's receipt is signed by the hub once the batch is on disk."""
    return await _journal(request, hub)


class JournalFirst:
    """ASGI middleware that takes a device's journal in before the router sees it.

    It is the one call that ten thousand devices make every 15 seconds, and most of its time was the web framework's.
    """

    def __init__(self, app: ASGIApp, hub: Hub) -> None:
        self._app, self._hub = app, hub

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer ``POST /api/v1/journal``; hand everything else on."""
        if scope["type"] != "http" or scope["path"] != "/api/v1/journal" or scope["method"] != "POST":
            await self._app(scope, receive, send)
            return
        try:
            response = await _journal(Request(scope, receive), self._hub)
        except Refused as refused:
            response = JSONResponse(refused.as_dict(), refused.status)
        await response(scope, receive, send)


async def _journal(request: Request, hub: Hub) -> Response:
    began = time.perf_counter()
    raw = await wire.read_json(request)
    entries = raw.get("entries") if isinstance(raw, dict) else None
    if not isinstance(entries, list) or not entries:
        raise Refused(400, "malformed", "A batch is an object whose field entries is a list that is not empty.")
    if len(entries) > MAX_ENTRIES:
        raise Refused(413, "too-large", f"A batch holds at most {MAX_ENTRIES} entries; this one has {len(entries)}.")
    try:
        outcome = await wrap_future(hub.writer.submit(entries))
    except (Overloaded, StoreError) as error:
        return JSONResponse({"error": "busy", "sentence": str(error)}, 503, {"Retry-After": "5"})
    hub.metrics.ingest_seconds.observe(time.perf_counter() - began)
    return JSONResponse(outcome.body, outcome.status)


@router.put("/evidence/{digest}")
async def evidence(digest: str, request: Request, hub: TheHub) -> JSONResponse:
    """Store sealed evidence that a signed entry declared; the hub cannot open it."""
    record = await run_in_threadpool(_declared, hub, digest)
    if record.status == "stored":
        return JSONResponse({"digest": digest, "stored": True}, 200)
    data = await wire.read(request, min(record.size, MAX_EVIDENCE))
    if len(data) != record.size or sha256(data).hexdigest() != digest:
        raise Refused(422, "digest", "The bytes are not those that the signed entry declared; send them again.")
    await run_in_threadpool(_store_evidence, hub, digest, data)
    return JSONResponse({"digest": digest, "stored": True}, 201)


def _declared(hub: Hub, digest: str) -> EvidenceRecord:
    with hub.store.reading() as session:
        record = session.get(EvidenceRecord, digest) if len(digest) == 64 and digest.isalnum() else None
    if record is None:
        raise Refused(404, "undeclared", "No signed entry has declared this evidence; send the entry first.")
    if record.status == "erased":
        raise Refused(410, "erased", "This evidence was erased at the end of its retention; it is not taken again.")
    return record


def _store_evidence(hub: Hub, digest: str, data: bytes) -> None:
    hub.blobs.put(digest, data)
    with hub.store.session() as session:
        record = session.get(EvidenceRecord, digest)
        if record is not None and record.status == "pending":
            record.status, record.stored_at = "stored", hub.clock.now()
            hub.metrics.evidence_bytes.inc(len(data))


@router.get("/device/order")
def device_order(request: Request, hub: TheHub) -> dict[str, Any]:
    """Return the order a device is enrolled under, whether it is in force, and its successor."""
    with hub.store.reading() as session:
        device = _asking(request, session, _ORDER_PATH)
        return enrolment.order_for(session, device, hub.clock.now())


@router.get("/device/verdicts")
def device_verdicts(request: Request, hub: TheHub, after: Annotated[int, Query(ge=0, lt=2**53)] = 0) -> dict[str, Any]:
    """Return what people decided on matches that this device reported, past a number."""
    with hub.store.reading() as session:
        device = _asking(request, session, f"{_VERDICTS_PATH}?after={after}")
        return verdicts_for(session, device, after, hub.clock.now())


def _asking(request: Request, session: Session, path: str) -> Device:
    """Return the device that signed the question for ``path``. Raises Refused."""
    name = request.headers.get("x-tocsin-device", "")
    nonce = request.headers.get("x-tocsin-nonce", "")
    if not 16 <= len(nonce) <= 64 or not nonce.isascii():
        raise Refused(400, "malformed", "The header X-Tocsin-Nonce holds 16 to 64 characters.")
    device = session.get(Device, name) if 0 < len(name) <= 32 and name.isalnum() else None
    signed = canonical({"device": name, "path": path, "nonce": nonce})
    if device is None or device.status == "removed":
        raise Refused(403, "unknown-device", "This device is not enrolled here, or was removed from this hub.")
    if not verify_signature(device.public_key, request.headers.get("x-tocsin-signature", ""), signed):
        raise Refused(403, "bad-signature", "The request is not signed by the device it names.")
    return device
