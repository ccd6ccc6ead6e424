"""Whether the gateway lives, and what it can be asked."""

from fastapi import APIRouter
from fastapi.responses import PlainTextResponse, RedirectResponse, Response
from fastapi.routing import APIRoute

router = APIRouter(tags=["status"])

ALIVE = "I-AM-ALIVE"


@router.get("/", include_in_schema=False)
async def root() -> Response:
    """Lead to the status."""
    return RedirectResponse("/status", 302)


@router.get("/status/live", response_class=PlainTextResponse)
async def live() -> str:
    """Say that the process answers; the lists are not looked at."""
    return ALIVE


@router.get("/site-map")
async def site_map() -> list[str]:
    """Return every path there is."""
    from tocsin.gateway.api import ROUTERS

    return sorted({route.path for router in ROUTERS for route in router.routes if isinstance(route, APIRoute)})
