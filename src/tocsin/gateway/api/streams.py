"""Live streams over the API: watch one, ask how it stands, hand in its chat, stop."""

from dataclasses import replace
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends
from pydantic import BaseModel, ConfigDict, Field

from tocsin.gateway.access import Caller, allow, reading
from tocsin.gateway.api.messages import OpaqueId, Text
from tocsin.gateway.gateway import Gateway, of_request
from tocsin.gateway.refusals import Refused
from tocsin.gateway.streams.watch import Terms
from tocsin.gateway.streams.watches import Held
from tocsin.gateway.streams.weighing import Said
from tocsin.gateway.telling import told

router = APIRouter(tags=["streams"])

Allowed = Annotated[Caller, Depends(allow("streams"))]
Of = Annotated[Gateway, Depends(of_request)]
_ERRORS: dict[int | str, dict[str, Any]] = {400: {}, 401: {}, 403: {}, 404: {}, 409: {}, 422: {}, 429: {}}


class StreamIn(BaseModel):
    """A stream to watch. ``name`` is the service's own for it; ``before`` and ``after`` are seconds that are sealed.

    ``account`` is the opaque id of who streams, as in ``/v1/payments``: payments to it are weighed with the stream.
    """

    model_config = ConfigDict(extra="forbid")

    url: Annotated[str, Field(min_length=8, max_length=4096, examples=["rtmp://media.example.org/live/key"])]
    name: Annotated[str, Field(max_length=200)] = ""
    account: OpaqueId | Literal[""] = ""
    before: Annotated[float, Field(ge=0, le=120)] = 20.0
    after: Annotated[float, Field(ge=0, le=60)] = 5.0
    give_up: Annotated[float, Field(ge=0, le=86_400)] = 600.0
    seconds: Annotated[float, Field(ge=0, le=30 * 86_400)] = 0.0


class ChatMessage(BaseModel):
    """One message of the chat. ``host``: said by the one who streams; ``paid``: an amount sent with it, in words.

    ``author`` is the opaque id of who said it, as in ``/v1/payments``.
    """

    model_config = ConfigDict(extra="forbid")

    text: Text
    host: bool = False
    paid: Annotated[str, Field(max_length=40, examples=["20 USD"])] = ""
    author: OpaqueId | Literal[""] = ""


class ChatIn(BaseModel):
    """Messages of a stream's chat, in the order they were said."""

    model_config = ConfigDict(extra="forbid")

    messages: Annotated[list[ChatMessage], Field(min_length=1, max_length=200)]


class ReviewIn(BaseModel):
    """What a reviewer decides on a stream, and why. ``by`` is the service's own id of the person."""

    model_config = ConfigDict(extra="forbid")

    by: OpaqueId
    decision: Literal["hold", "no-concern"]
    reason: Annotated[str, Field(min_length=3, max_length=500)]


@router.post("/v1/streams", status_code=201, responses=_ERRORS)
async def begin(body: StreamIn, caller: Allowed, gateway: Of) -> dict[str, Any]:
    """Begin to watch a stream; it is watched until it ends, is given up, or is deleted."""
    terms = Terms(
        before=body.before, after=body.after, give_up=body.give_up, seconds=body.seconds, account=body.account
    )
    held = await gateway.watches.begin(body.url, body.name, replace(terms, owner=caller.key))
    gateway.audit.write(caller, "stream", held.id, began=held.watch.address.shown)
    return held.told()


@router.get("/v1/streams", responses=_ERRORS)
async def every(caller: Annotated[Caller, Depends(reading("streams"))], gateway: Of) -> dict[str, Any]:
    """Return the streams that this key began (all, for admin), without their findings."""
    return {"streams": [held.told() for held in gateway.watches.every() if caller.owns(held.watch.terms.owner)]}


@router.get("/v1/streams/{stream}", responses=_ERRORS)
async def one(stream: str, caller: Allowed, gateway: Of) -> dict[str, Any]:
    """Return a stream with its findings."""
    held = _own(gateway, caller, stream)
    gateway.audit.write(caller, "stream", stream, read=True)
    return held.told(events=True)


@router.delete("/v1/streams/{stream}", responses=_ERRORS)
async def end(stream: str, caller: Allowed, gateway: Of) -> dict[str, Any]:
    """Stop watching a stream; its findings stay readable for a while."""
    held = await gateway.watches.end(_own(gateway, caller, stream).id)
    gateway.audit.write(caller, "stream", stream, ended=True)
    return held.told(events=True)


@router.post("/v1/streams/{stream}/chat", responses=_ERRORS)
async def chat(stream: str, body: ChatIn, caller: Allowed, gateway: Of) -> dict[str, Any]:
    """Take in messages of the stream's chat; what they show joins the stream's ladder."""
    _own(gateway, caller, stream)
    found = await gateway.watches.said(stream, [Said(m.text, m.host, m.paid, m.author) for m in body.messages])
    gateway.audit.write(caller, "stream", stream, chat=len(body.messages))
    return {"stream": stream, "accepted": len(body.messages), "findings": [told(finding) for finding in found]}


@router.post("/v1/streams/{stream}/review", responses=_ERRORS)
async def review(stream: str, body: ReviewIn, caller: Allowed, gateway: Of) -> dict[str, Any]:
    """Take in what a reviewer decided; what it means for a hold is asked of the platform by webhook, never done."""
    held = _own(gateway, caller, stream)
    gateway.audit.write(caller, "stream", stream, decision=body.decision, by=body.by, reason=body.reason)
    if body.decision == "hold":
        gateway.watches.ask_to_hold(stream, body.by, body.reason)
    else:
        gateway.watches.release(stream, body.by, body.reason)
    return {"stream": held.id, "decision": body.decision}


def _own(gateway: Gateway, caller: Caller, stream: str) -> Held:
    """Return a stream that this key began. Raises Refused (404): of others' streams a key is not even told."""
    held = gateway.watches.one(stream)
    if not caller.owns(held.watch.terms.owner):
        raise Refused(404, "There is no such stream.")
    return held
