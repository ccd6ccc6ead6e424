"""From a match to the road: what a lookup found is shown to it, with the very bytes where they were uploaded."""

import asyncio
import hashlib
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from tocsin.evidence.sealing import Attachment
from tocsin.media.formats import HEAD, PICTURES, kind_of
from tocsin.model import Kind, MediaSeen, Observation, parse_utc
from tocsin.model.media import Fingerprints, Match

if TYPE_CHECKING:
    from tocsin.gateway.gateway import Gateway


@dataclass(frozen=True, slots=True, kw_only=True)
class Sighting:
    """A content that matched. ``item`` and ``account`` are the platform's own names of it and of who sent it.

    ``arrived`` is when an upload was complete, as in tocsin/model/times.py; "" where nothing was uploaded.
    """

    prints: Fingerprints
    matches: tuple[Match, ...]
    caller: str
    signal: str = ""
    name: str = ""
    media_type: str = ""
    url: str = ""
    item: str = ""
    account: str = ""
    data: bytes = b""
    arrived: str = ""


class Observer(Protocol):
    """Takes sightings: in the core process the road itself, in the others a way there."""

    async def see(self, sighting: Sighting) -> list[str]:
        """Show a sighting to the road; return the ids of the findings that were recorded of it.

        Raises NotRecordedError where what it shows is not recorded though the gateway is enrolled.
        """
        ...


class OnRoad:
    """The observer of the core process."""

    def __init__(self, gateway: "Gateway") -> None:
        self._gateway = gateway

    async def see(self, sighting: Sighting) -> list[str]:
        """Show a sighting to the road. Nothing is recorded where the gateway is not enrolled."""
        if self._gateway.road.enrolment is None:
            return []
        seen = observation(self._gateway, sighting)
        return await asyncio.to_thread(
            self._gateway.road.note, seen, attachments=attachments(sighting), facts=facts(sighting)
        )


def observation(gateway: "Gateway", sighting: Sighting) -> Observation:
    """Return a sighting as the road takes it. What one account sends is one thread; without an account, one content."""
    known = sighting.account or hashlib.sha256((sighting.prints.sha256 or sighting.signal).encode()).hexdigest()
    return Observation(
        id=uuid.uuid4().hex,
        kind=Kind.FILE,
        at=parse_utc(sighting.arrived) if sighting.arrived else gateway.clock.now(),
        sensor="gateway-lookup",
        body=MediaSeen(
            prints=sighting.prints,
            matches=sighting.matches,
            place="upload",
            name=sighting.name or sighting.signal[:200],
            size=len(sighting.data),
        ),
        app=sighting.caller,
        title=sighting.item,
        thread=f"{'account' if sighting.account else 'content'}\0{known}",
        seen_ns=gateway.clock.monotonic_ns(),
    )


def attachments(sighting: Sighting) -> list[Attachment]:
    """Return what is sealed beside the words: the bytes as they came, where they came."""
    if not sighting.data:
        return []
    return [Attachment(sighting.name or "content", media_type(sighting.data), sighting.data)]


def media_type(data: bytes) -> str:
    """Return a content's media type by its first bytes: what a sender says of it may be wrong, or no media type."""
    kind = kind_of(data[:HEAD])
    return kind if "/" in kind else f"image/{kind}" if kind in PICTURES else "application/octet-stream"


def facts(sighting: Sighting) -> dict[str, Any]:
    """Return what the platform said of the content; sealed with the words."""
    told = {"item": sighting.item, "account": sighting.account, "url": sighting.url, "caller": sighting.caller}
    return {name: value for name, value in told.items() if value}
