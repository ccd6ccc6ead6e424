"""Live events for open pages: the row that changed is rendered here and goes out with the event itself."""

import json
from collections.abc import AsyncIterator
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Query, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import StreamingResponse

from tocsin.console import pages, queue, words
from tocsin.console.device_rows import DeviceRow
from tocsin.console.frame import figures, names
from tocsin.console.visit import Visit, visit
from tocsin.hub import sessions, visibility
from tocsin.hub.events import Event
from tocsin.hub.refusals import Refused
from tocsin.hub.sessions import COOKIE
from tocsin.model import utc_text

router = APIRouter(include_in_schema=False)

TICK_S: Final = 15.0
"""A tick goes out when nothing else did for this long; a page that hears nothing for 40 s says that it is not live."""


_SETTLING: Final = ("closed", "confirmed", "content-confirmed", "reopened")
"""What people do that puts an alert before a second person, or takes it away."""


@router.get("/live")
async def live(
    request: Request, at: Annotated[Visit, Depends(visit())], told: Annotated[int | None, Query(ge=0)] = None
) -> StreamingResponse:
    """Stream alerts, devices and counts of the visitor's unit until the session or the hub ends.

    It begins with ``resync`` for a page that was made when fewer events had been ``told``.
    """
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return StreamingResponse(
        _stream(at, request.cookies.get(COOKIE, ""), told), media_type="text/event-stream", headers=headers
    )


async def _stream(at: Visit, cookie: str, told: int | None = None) -> AsyncIterator[bytes]:
    def wanted(event: Event) -> bool:
        return event.kind == "resync" or visibility.sees_unit(at.who, event.unit_id)

    with at.hub.bus.subscribe(wanted) as subscription:
        yield b"retry: 2000\n\n"
        yield await run_in_threadpool(tick, at)
        if told is not None and at.hub.bus.missed(told, wanted):
            yield write("resync", {})
        while True:
            try:
                event = await subscription.next(TICK_S)
            except StopAsyncIteration:
                return
            if event is None:
                if not await run_in_threadpool(_signed_in, at, cookie):
                    yield write("ended", {})
                    return
                yield await run_in_threadpool(tick, at)
            else:
                message = await run_in_threadpool(message_for, at, event)
                if message:
                    yield message


def write(kind: str, data: dict[str, Any]) -> bytes:
    """Return an event as it goes over the wire."""
    return f"event: {kind}\ndata: {json.dumps(data, separators=(',', ':'))}\n\n".encode()


def tick(at: Visit) -> bytes:
    """Return the counts and the age of the newest evidence."""
    if at.who.role not in visibility.UNIT_ROLES:
        return write("tick", {"counts": {}, "last_evidence": None})
    with at.hub.store.reading() as session:
        counts, last = figures(session, at.who)
    return write("tick", {"counts": counts, "last_evidence": utc_text(last) if last else None})


def message_for(at: Visit, event: Event) -> bytes:
    """Return what an open page needs to show an event without asking again; nothing for what it cannot see."""
    try:
        if event.kind == "alert":
            return _alert(at, event)
        if event.kind == "device":
            return _device(at, event)
    except Refused:
        return b""
    return write(event.kind, {}) if event.kind == "resync" else b""


def _alert(at: Visit, event: Event) -> bytes:
    with at.hub.store.reading() as session:
        alert = visibility.alert(session, at.who, event.id)
        known = names(session)
        html = pages.fragment("_row.html", alert=alert, names=known)
        counts, _ = figures(session, at.who)
        counts |= queue.counts(session, at.who, confirm=event.data.get("what") in _SETTLING)
        place = queue.place(session, at.who, alert)
    return write(
        "alert",
        {
            "id": alert.id,
            "html": html,
            "queue": place,
            "queued": pages.fragment("_queued.html", each=alert, names=known),
            "dealt_with": queue.dealt_with(at.who, alert, known),
            "severity": alert.severity,
            "status": alert.status,
            "mine": at.who.id in (alert.assigned_to, alert.acknowledged_by),
            "rings": event.data.get("ring") is True,
            "title": words.title(alert.category, alert.signals, alert.matches),
            "counts": counts,
        },
    )


def _device(at: Visit, event: Event) -> bytes:
    with at.hub.store.reading() as session:
        device = DeviceRow.of(visibility.device(session, at.who, event.id))
    return write("device", {"id": device.id, "html": pages.fragment("_device_row.html", device=device)})


def _signed_in(at: Visit, cookie: str) -> bool:
    with at.hub.store.reading() as session:
        return sessions.find(session, cookie, at.hub.clock.now()) is not None
