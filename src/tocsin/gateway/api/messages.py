"""Messages: a conversation in, findings with their explanations out. Held for minutes, then forgotten."""

from dataclasses import replace
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, Depends
from pydantic import AfterValidator, AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field

from tocsin.detectors import Conversation, Phrases
from tocsin.gateway.access import Caller, allow
from tocsin.gateway.conversations import MOST_HELD, MOST_MINUTES, MOST_PARTICIPANTS, Taken, Told
from tocsin.gateway.gateway import Gateway, of_request
from tocsin.gateway.participants import Participant, Said, context
from tocsin.gateway.refusals import Refused
from tocsin.gateway.telling import told
from tocsin.model import Kind, Line, Observation, TextSeen, utc_text

router = APIRouter(tags=["messages"])
Calling = Annotated[Caller, Depends(allow("messages"))]

MOST_MESSAGES: Final = 200
LONGEST: Final = 20_000
MESSAGES: Final = "messages"
_MOST_NAMED: Final = 20
_AHEAD: Final = timedelta(days=1)


def readable(value: object) -> object:
    """Replace half letters (lone surrogates), which no text may hold, so that one of them refuses no conversation."""
    return value.encode("utf-8", "replace").decode("utf-8") if isinstance(value, str) else value


def opaque(value: str) -> str:
    """Refuse an id with invisible letters, which could be taken for another's."""
    if not value.isprintable() or value != value.strip():
        raise ValueError("an id is made of visible letters")
    return value


OpaqueId = Annotated[
    str, BeforeValidator(readable), Field(min_length=1, max_length=200, examples=["u-77"]), AfterValidator(opaque)
]
Text = Annotated[str, BeforeValidator(readable), Field(max_length=LONGEST, examples=["hello"])]


def reference(name: str) -> str:
    """Return what the log of calls holds of a thread's or account's id: enough to find it again by, not to read it."""
    return sha256(name.encode()).hexdigest()[:32]


def _held_as(caller: Caller, thread: str) -> str:
    """Return the name a conversation is held under: each key has its own, so that none reads or ends another's."""
    return f"{caller.name}\n{thread}"


class ParticipantIn(BaseModel):
    """Somebody in the conversation, as the service knows them; never a name."""

    model_config = ConfigDict(extra="forbid")

    id: OpaqueId
    role: Literal["member", "family", "professional", "staff", "unknown"] = "unknown"
    age_band: Literal["under-13", "13-15", "16-17", "adult", "unknown"] = "unknown"


class MessageIn(BaseModel):
    """One message. The first text of an id stands: an edited message is a new id."""

    model_config = ConfigDict(extra="forbid")

    id: OpaqueId
    author: OpaqueId
    at: AwareDatetime
    text: Text


class MessagesIn(BaseModel):
    """Messages of one conversation, in any order, again or anew."""

    model_config = ConfigDict(extra="forbid")

    thread: OpaqueId
    participants: Annotated[list[ParticipantIn], Field(max_length=MOST_PARTICIPANTS)] = []
    messages: Annotated[list[MessageIn], Field(min_length=1, max_length=MOST_MESSAGES)]
    retention_minutes: Annotated[int, Field(ge=1, le=MOST_MINUTES)] | None = None


@router.post("/v1/messages", responses={401: {}, 403: {}, 413: {}, 422: {}, 429: {}})
def take(body: MessagesIn, caller: Calling, gateway: Annotated[Gateway, Depends(of_request)]) -> dict[str, Any]:
    """Read messages of a conversation; return what they give rise to, and until when they are held."""
    now = gateway.clock.now()
    for one in body.messages:
        if one.at > now + _AHEAD:
            raise Refused(422, f"The message {one.id} is from the future ({utc_text(one.at)}); check its clock.")
    taken = gateway.threads.take(
        _held_as(caller, body.thread),
        [Participant(one.id, one.role, one.age_band) for one in body.participants],
        [Said(one.id, one.author, one.at, one.text) for one in body.messages],
        body.retention_minutes,
        lambda one: _record(gateway, body.thread, one, now),
    )
    findings, recorded = [one.finding.id for one in taken.told], sum(one.recorded for one in taken.told)
    counts = {"accepted": taken.accepted, "repeated": len(taken.repeated), "recorded": recorded}
    gateway.audit.write(caller, MESSAGES, reference(body.thread), **counts, findings=findings[:_MOST_NAMED])
    return {"thread": body.thread, **_state(taken), "findings": [_told(one) for one in taken.told]}


@router.get("/v1/messages/{thread:path}", responses={401: {}, 403: {}, 404: {}, 429: {}})
def held(thread: str, caller: Calling, gateway: Annotated[Gateway, Depends(of_request)]) -> dict[str, Any]:
    """Say what is held of a conversation, without a word of it."""
    state = gateway.threads.state(_held_as(caller, thread))
    gateway.audit.write(caller, MESSAGES, reference(thread), act="state", held=state is not None)
    if state is None:
        raise Refused(404, "Nothing is held of this conversation.")
    until = state.pop("until")
    return {"thread": thread, **state, "until": utc_text(until)}


@router.delete("/v1/messages/{thread:path}", responses={401: {}, 403: {}, 429: {}})
def forget(thread: str, caller: Calling, gateway: Annotated[Gateway, Depends(of_request)]) -> dict[str, Any]:
    """Forget a conversation at once. What was sealed as evidence before is not undone by it."""
    forgotten = gateway.threads.forget(_held_as(caller, thread))
    gateway.audit.write(caller, MESSAGES, reference(thread), act="forget", held=forgotten)
    return {"thread": thread, "forgotten": forgotten}


def _state(taken: Taken) -> dict[str, Any]:
    return {
        "state": "new" if taken.new else "continued",
        "accepted": taken.accepted,
        "repeated": list(taken.repeated),
        "late": list(taken.late),
        "not_examined": [{"what": what, "id": name, "reason": reason} for what, name, reason in taken.not_examined],
        "examined_by": [{"detector": one.name, "version": one.version} for one in (Phrases, Conversation)],
        "retention": {
            "minutes": taken.minutes,
            "until": utc_text(taken.until),
            "messages_held": taken.held,
            "messages_held_at_most": MOST_HELD,
        },
    }


def _told(one: Told) -> dict[str, Any]:
    return {
        **told(one.finding),
        "participant": one.participant or None,
        "to": list(one.to),
        "message": one.said.id,
        "recorded": one.recorded,
        "words": [{"message": name, "spans": [list(span) for span in spans]} for name, spans in one.places],
    }


def _record(gateway: Gateway, thread: str, one: Told, now: datetime) -> bool:
    """Seal and journal a finding where the order calls for it."""
    whose = f"{thread}\n{one.participant}"
    seen = Observation(
        id=one.finding.observation,
        kind=Kind.TEXT,
        at=min(one.said.at, now),
        sensor="messages",
        body=TextSeen((Line(one.said.text),)),
        app="messages",
        title=", ".join([one.participant, *one.to])[:1000],
        thread=whose,
    )
    facts = {
        "thread": thread,
        "participant": one.participant,
        "to": list(one.to),
        "messages": [{"id": said.id, "author": said.author, "at": utc_text(said.at)} for said in one.context],
    }
    finding = replace(one.finding, thread=whose, title=seen.title)
    lines = context(one.context, one.participant)
    return gateway.road.record([finding], seen, context=lines, facts=facts) > 0
