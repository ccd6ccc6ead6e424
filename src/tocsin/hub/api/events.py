"""Live events for open pages, as server-sent events: each unit hears only of its own."""

import json
from collections.abc import AsyncIterator
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import StreamingResponse

from tocsin.hub import sessions, visibility
from tocsin.hub.events import Event
from tocsin.hub.hub import Hub, of_request
from tocsin.hub.sessions import COOKIE, Who, require

router = APIRouter(prefix="/api/v1", tags=["live"])

BEAT_S: Final = 15.0
"""A comment is sent when nothing else was for this long, so that proxies keep the line open."""


@router.get("/events")
async def events(
    request: Request, who: Annotated[Who, Depends(require())], hub: Annotated[Hub, Depends(of_request)]
) -> StreamingResponse:
    """Stream what changes for this person's unit. It begins with ``resync``: fetch what you show, then listen."""
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    cookie = request.cookies.get(COOKIE, "")
    return StreamingResponse(stream(hub, who, cookie), media_type="text/event-stream", headers=headers)


async def stream(hub: Hub, who: Who, cookie: str) -> AsyncIterator[bytes]:
    """Yield server-sent events until the person's session or the hub ends."""

    def wanted(event: Event) -> bool:
        return not event.unit_id or visibility.sees_unit(who, event.unit_id)

    with hub.bus.subscribe(wanted) as subscription:
        yield write(Event("resync"))
        while True:
            try:
                event = await subscription.next(BEAT_S)
            except StopAsyncIteration:
                return
            if event is not None:
                yield write(event)
            elif await run_in_threadpool(_still_there, hub, cookie):
                yield b": still here\n\n"
            else:
                yield write(Event("signed-out"))
                return


def write(event: Event) -> bytes:
    """Return an event as it goes over the wire."""
    data = json.dumps({"id": event.id, **event.data}, separators=(",", ":"))
    return f"event: {event.kind}\ndata: {data}\n\n".encode()


def _still_there(hub: Hub, cookie: str) -> bool:
    """Tell whether the session lives; an open page does not itself keep it alive."""
    with hub.store.reading() as session:
        return sessions.find(session, cookie, hub.clock.now()) is not None
