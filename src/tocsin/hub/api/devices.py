"""Devices over HTTP: honest health, from the age of evidence and never from liveness alone."""

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends
from pydantic import BaseModel, ConfigDict, Field

from tocsin.evidence.keys import fingerprint
from tocsin.hub import enrolment, visibility
from tocsin.hub.hub import Hub, of_request
from tocsin.hub.sessions import Who, require
from tocsin.hub.store.schema import Device
from tocsin.model import utc_text

router = APIRouter(prefix="/api/v1/devices", tags=["devices"])

TheHub = Annotated[Hub, Depends(of_request)]


class Removal(BaseModel):
    """Why a device is taken out."""

    model_config = ConfigDict(extra="forbid")
    reason: str = Field(max_length=500)


@router.get("")
def list_devices(hub: TheHub, who: Annotated[Who, Depends(require("officer", "supervisor"))]) -> dict[str, Any]:
    """Return this unit's devices."""
    with hub.store.reading() as session:
        rows = session.scalars(visibility.devices(who).order_by(Device.label, Device.id)).unique()
        return {"devices": [describe(device, hub.clock.now()) for device in rows]}


@router.get("/{device_id}")
def get_device(
    device_id: str, hub: TheHub, who: Annotated[Who, Depends(require("officer", "supervisor"))]
) -> dict[str, Any]:
    """Return one device."""
    with hub.store.reading() as session:
        return describe(visibility.device(session, who, device_id), hub.clock.now())


@router.post("/{device_id}/remove")
def remove_device(
    device_id: str, asked: Removal, hub: TheHub, who: Annotated[Who, Depends(require("supervisor"))]
) -> dict[str, Any]:
    """Stop taking anything from a device; its journal stays. The device is told so when it next reports."""
    with hub.store.session() as session:
        now = hub.clock.now()
        device = visibility.device(session, who, device_id)
        enrolment.remove(session, hub, who, device, asked.reason, now)
        return describe(device, now)


def describe(device: Device, now: datetime) -> dict[str, Any]:
    """Return a device as pages show it. ``evidence_age_s`` is how old what it last saw is."""
    return {
        "id": device.id,
        "label": device.label,
        "subject": {"id": device.subject_id, "reference": device.subject.reference},
        "order": device.order_id,
        "status": device.status,
        "platform": device.platform,
        "software": device.software,
        "fingerprint": fingerprint(device.public_key),
        "enrolled_at": utc_text(device.enrolled_at),
        "last_heartbeat": _text(device.last_heartbeat),
        "last_evidence": _text(device.last_evidence),
        "evidence_age_s": (now - device.last_evidence).total_seconds() if device.last_evidence else None,
        "silent_since": _text(device.silent_since),
        "health": device.health,
        "head": {"seq": device.last_seq, "hash": device.last_hash},
    }


def _text(at: datetime | None) -> str | None:
    return None if at is None else utc_text(at)
