"""Whether the gateway lives, and what it can be asked."""

import time

from fastapi import APIRouter, Request
from fastapi.responses import PlainTextResponse, RedirectResponse, Response
from fastapi.routing import APIRoute

from tocsin.gateway.gateway import of

router = APIRouter(tags=["status"])

ALIVE = "I-AM-ALIVE"
STALE_S = 65.0
"""Seconds after which lists that nobody looked at count as stale: HMA's own bound."""


@router.get("/", include_in_schema=False)
async def root() -> Response:
    """Lead to the status."""
    return RedirectResponse("/status", 302)


@router.get("/status", response_class=PlainTextResponse)
async def status(request: Request) -> Response:
    """Say that the gateway answers from lists as they are; 503 when they have not been looked at for a minute."""
    if time.monotonic() - of(request).catalogue.followed > STALE_S:
        return PlainTextResponse("INDEX-STALE", 503)
    return PlainTextResponse(ALIVE)


@router.get("/status/live", response_class=PlainTextResponse)
async def live() -> str:
    """Say that the process answers; the lists are not looked at."""
    return ALIVE


@router.get("/site-map")
async def site_map() -> list[str]:
    """Return every path there is."""
    from tocsin.gateway.api import ROUTERS

    return sorted({route.path for router in ROUTERS for route in router.routes if isinstance(route, APIRoute)})
