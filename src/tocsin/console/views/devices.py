"""Devices: honest health."""

from datetime import timedelta
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Form
from fastapi.responses import Response
from sqlalchemy.orm import Session

from tocsin.console import pages, strip
from tocsin.console.device_rows import DeviceRow
from tocsin.console.journal import notable_of
from tocsin.console.visit import UNIT, Visit, visit
from tocsin.hub import clauses, enrolment, timeline, visibility
from tocsin.hub.refusals import Refused
from tocsin.hub.store.schema import Alert, Device, OrderRecord

router = APIRouter(include_in_schema=False)

NOTABLE_DAYS: Final = 14
At = Annotated[Visit, Depends(visit(*UNIT))]
Supervisor = Annotated[Visit, Depends(visit("supervisor"))]
_URGENT: Final = ("silent", "stopped", "blind", "unsupported", "degraded")


@router.get("/devices")
def listed(at: At) -> Response:
    """Show the unit's devices, those that need a look first."""
    with at.hub.store.reading() as session:
        found = session.scalars(visibility.devices(at.who).where(Device.status != "removed").order_by(Device.label))
        rows = [DeviceRow.of(device) for device in found]
        rows.sort(key=lambda row: _URGENT.index(row.state) if row.state in _URGENT else len(_URGENT))
        return at.page(session, "devices.html", rows=rows)


@router.get("/devices/{device_id}")
def one(at: At, device_id: str) -> Response:
    """Show one device: health, the last six hours, what was noted."""
    return _page(at, device_id)


@router.post("/devices/{device_id}/remove")
def remove(at: Supervisor, device_id: str, reason: Annotated[str, Form(max_length=500)]) -> Response:
    """Take a device out: nothing more is taken from it, and its silence no longer rings."""
    try:
        with at.hub.store.session() as session:
            device = visibility.device(session, at.who, device_id)
            enrolment.remove(session, at.hub, at.who, device, reason, at.now)
    except Refused as refused:
        if refused.status not in (409, 422):
            raise
        return _page(at, device_id, refused.status, str(refused))
    return pages.go(f"/devices/{device_id}")


def _page(at: Visit, device_id: str, status: int = 200, error: str = "") -> Response:
    with at.hub.store.reading() as session:
        device = visibility.device(session, at.who, device_id)
        order = session.get(OrderRecord, device.order_id)
        since = at.now - timedelta(days=NOTABLE_DAYS)
        return at.page(
            session,
            "device.html",
            status=status,
            device=DeviceRow.of(device),
            order_reference=order.reference if order else "–",
            notable=notable_of(session, visibility.journal(at.who), device.id, since),
            strip=_recent(session, at, device),
            error=error,
            said="",
        )


def _recent(session: Session, at: Visit, device: Device) -> strip.Strip:
    """Draw the last six hours: the timeline around an alert that would have been now, three hours ago."""
    middle = at.now - timedelta(hours=timeline.HOURS / 2)
    here = Alert(id="", device_id=device.id, first_at=middle, last_at=middle)
    rows = timeline.around(session, here)
    platform = clauses.is_platform(session, device.order_id)
    return strip.draw(rows, at.now - timedelta(hours=timeline.HOURS), at.now, at.now, platform=platform)
