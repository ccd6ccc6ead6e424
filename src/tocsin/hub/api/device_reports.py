"""Reports as a platform's gateway asks for and reads them. Every call is signed by the gateway, as a device."""

import json
import math
from collections.abc import Callable
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Path, Query, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse
from pydantic import AwareDatetime, ValidationError
from sqlalchemy.orm import Session

from tocsin.exchange.cybertip.asked import Asked, persons_own
from tocsin.hub import matching, wire
from tocsin.hub.hub import Hub, of_request
from tocsin.hub.refusals import Refused
from tocsin.hub.reports import asking, changes
from tocsin.hub.reports.states import State
from tocsin.hub.store.reports import Report
from tocsin.hub.store.schema import Device

router = APIRouter(prefix="/api/v1/device/reports", tags=["devices' own"])

MOST_BODY: Final = 256 * 1024
_PAGE: Final = 100
TheHub = Annotated[Hub, Depends(of_request)]
Id = Annotated[str, Path(max_length=32)]
Act = Callable[[Session, Device], tuple[dict[str, Any], int]]


@router.post("", status_code=201)
async def ask(request: Request, hub: TheHub) -> JSONResponse:
    """Ask for a report: a draft that waits for a person. The same request under the same key makes one."""
    body = await wire.read(request, MOST_BODY)

    def act(session: Session, device: Device) -> tuple[dict[str, Any], int]:
        asked = _read(wire.parse(body))
        report, new = asking.ask(session, hub, device, asked, hub.clock.now())
        return asking.told(session, hub, device, report), 201 if new else 200

    return await run_in_threadpool(_answer, hub, request, body, act, changes=True)


@router.get("")
async def listed(
    request: Request,
    hub: TheHub,
    state: Annotated[list[State] | None, Query(max_length=10)] = None,
    after: Annotated[int, Query(ge=0, le=2**31 - 1)] = 0,
) -> JSONResponse:
    """Return the reports about this gateway's findings, by number, a hundred at a time from behind ``after``."""

    def act(session: Session, device: Device) -> tuple[dict[str, Any], int]:
        query = asking.reports(device).where(Report.number > after).order_by(Report.number).limit(_PAGE + 1)
        if state:
            query = query.where(Report.state.in_([each.value for each in state]))
        rows = list(session.scalars(query))
        return {
            "reports": [asking.told(session, hub, device, each) for each in rows[:_PAGE]],
            "next": rows[_PAGE - 1].number if len(rows) > _PAGE else None,
        }, 200

    return await run_in_threadpool(_answer, hub, request, b"", act)


@router.get("/changes")
async def changed(
    request: Request,
    hub: TheHub,
    after: Annotated[int, Query(ge=0, lt=2**53)] = 0,
    since: AwareDatetime | None = None,
) -> JSONResponse:
    """Return how this gateway's reports have changed state, past a number and since a moment."""

    def act(session: Session, device: Device) -> tuple[dict[str, Any], int]:
        return changes.changes_for(session, hub, device, after, since, hub.clock.now()), 200

    return await run_in_threadpool(_answer, hub, request, b"", act)


@router.get("/{report_id}")
async def one(report_id: Id, request: Request, hub: TheHub) -> JSONResponse:
    """Return one report about a finding of this gateway."""

    def act(session: Session, device: Device) -> tuple[dict[str, Any], int]:
        return asking.told(session, hub, device, asking.one(session, device, report_id)), 200

    return await run_in_threadpool(_answer, hub, request, b"", act)


@router.delete("/{report_id}")
async def take_back(report_id: Id, request: Request, hub: TheHub) -> JSONResponse:
    """Take a request back while it is a draft that no person has taken up."""

    def act(session: Session, device: Device) -> tuple[dict[str, Any], int]:
        report = asking.one(session, device, report_id)
        asking.take_back(session, device, report, hub.clock.now())
        return asking.told(session, hub, device, report), 200

    return await run_in_threadpool(_answer, hub, request, b"", act, changes=True)


def _answer(hub: Hub, request: Request, body: bytes, act: Act, *, changes: bool = False) -> JSONResponse:
    """Let a gateway in that proves itself, and act for it in one transaction."""
    headers = request.headers
    query = request.scope["query_string"].decode("latin-1")
    path = request.url.path + (f"?{query}" if query else "")
    device_id, nonce, signature = (headers.get(f"x-tocsin-{name}", "") for name in ("device", "nonce", "signature"))
    try:
        with hub.store.reading() as session:
            device = matching.proven(session, hub, device_id, nonce, signature, path, body)
            matching.refuse_but_platforms(session, device)
    except matching.TooFast as refused:
        return JSONResponse(refused.as_dict(), refused.status, {"Retry-After": str(math.ceil(refused.wait))})
    with hub.store.session() if changes else hub.store.reading() as session:
        told, status = act(session, session.get_one(Device, device.id))
    return JSONResponse(told, status)


def _read(raw: Any) -> Asked:
    if name := persons_own(raw):
        raise Refused(422, "persons-own", f"{name} is said by a person in the console; no request can set it.")
    try:
        return Asked.model_validate_json(json.dumps(raw))
    except (ValidationError, ValueError) as error:
        first = error.errors()[0] if isinstance(error, ValidationError) else {"loc": ()}
        where = ".".join(str(part) for part in first["loc"])[:80] or "finding or alert (one of them)"
        raise Refused(422, "malformed", f"The field {where} of the request is missing or out of bounds.") from None
