"""Webhooks over the API: where events are sent to."""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends
from pydantic import BaseModel, ConfigDict, Field

from tocsin.gateway.access import Caller, allow, reading
from tocsin.gateway.gateway import Gateway, of_request
from tocsin.gateway.refusals import Refused

router = APIRouter(tags=["webhooks"])

Allowed = Annotated[Caller, Depends(allow("webhooks"))]
Of = Annotated[Gateway, Depends(of_request)]
Event = Literal[
    "stream.note",
    "stream.ring",
    "stream.hold",
    "stream.release",
    "stream.confirmed",
    "stream.ended",
    "stream.failed",
    "report.changed",
]
_ERRORS: dict[int | str, dict[str, Any]] = {400: {}, 401: {}, 403: {}, 404: {}, 409: {}, 422: {}, 429: {}}


class WebhookIn(BaseModel):
    """A webhook: its address, which events (none named: all), and a secret of your own (else one is made)."""

    model_config = ConfigDict(extra="forbid")

    url: Annotated[str, Field(min_length=8, max_length=4096, examples=["https://platform.example.org/hooks/tocsin"])]
    events: Annotated[list[Event], Field(max_length=20)] = []
    secret: Annotated[str, Field(min_length=16, max_length=128)] | None = None


@router.post("/v1/webhooks", status_code=201, responses=_ERRORS)
def add(body: WebhookIn, caller: Allowed, gateway: Of) -> dict[str, Any]:
    """Add a webhook. The secret that events are signed with is told once, here."""
    whole = caller.may("admin")
    row = gateway.webhooks.add(body.url, body.events, body.secret or "", owner=caller.key, whole=whole)
    gateway.audit.write(caller, "webhook", row.id, added=True)
    return {"id": row.id, "url": row.url, "events": row.events, "secret": row.secret}


@router.get("/v1/webhooks", responses=_ERRORS)
def every(caller: Annotated[Caller, Depends(reading("webhooks"))], gateway: Of) -> dict[str, Any]:
    """Return this key's webhooks (all, for admin), and how many events wait, were delivered or were given up."""
    told = [one for one in gateway.webhooks.all() if caller.owns(one.pop("owner"))]
    return {"webhooks": told, "refused": gateway.webhooks.refused}


@router.delete("/v1/webhooks/{webhook}", responses=_ERRORS)
def remove(webhook: str, caller: Allowed, gateway: Of) -> dict[str, Any]:
    """Remove a webhook; what waits for it is dropped."""
    if not caller.owns(gateway.webhooks.owner(webhook)) or not gateway.webhooks.remove(webhook):
        raise Refused(404, "There is no such webhook.")
    gateway.audit.write(caller, "webhook", webhook, removed=True)
    return {"id": webhook, "removed": True}
