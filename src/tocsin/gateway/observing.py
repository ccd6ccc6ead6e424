"""From a match to the road: what a lookup found is shown to it, with the very bytes where they were uploaded."""

import asyncio
import hashlib
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from tocsin.evidence.sealing import Attachment
from tocsin.model import Kind, MediaSeen, Observation
from tocsin.model.media import Fingerprints, Match

if TYPE_CHECKING:
    from tocsin.gateway.gateway import Gateway


@dataclass(frozen=True, slots=True, kw_only=True)
class Sighting:
    """A content that matched. ``item`` and ``account`` are the platform's own names of it and of who sent it."""

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


class Observer(Protocol):
    """Takes sightings: in the core process the road itself, in the others a way there."""

    async def see(self, sighting: Sighting) -> bool:
        """Show a sighting to the road; tell whether something was recorded of it."""
        ...


class OnRoad:
    """The observer of the core process."""

    def __init__(self, gateway: "Gateway") -> None:
        self._gateway = gateway

    async def see(self, sighting: Sighting) -> bool:
        """Show a sighting to the road. Nothing is recorded where the gateway is not enrolled."""
        if not self._gateway.road.records:
            return False
        seen = observation(self._gateway, sighting)
        found = await asyncio.to_thread(
            self._gateway.road.see, seen, attachments=attachments(sighting), facts=facts(sighting)
        )
        return bool(found)


def observation(gateway: "Gateway", sighting: Sighting) -> Observation:
    """Return a sighting as the road takes it. The same content is one thread, whoever sends it how often."""
    known = sighting.prints.sha256 or sighting.signal
    return Observation(
        id=uuid.uuid4().hex,
        kind=Kind.FILE,
        at=gateway.clock.now(),
        sensor="gateway-lookup",
        body=MediaSeen(
            prints=sighting.prints,
            matches=sighting.matches,
            place="file",
            name=sighting.name or sighting.signal[:200],
            size=len(sighting.data),
        ),
        app=sighting.caller,
        title=sighting.item,
        thread=f"{sighting.account}\0{hashlib.sha256(known.encode()).hexdigest()}",
        seen_ns=gateway.clock.monotonic_ns(),
    )


def attachments(sighting: Sighting) -> list[Attachment]:
    """Return what is sealed beside the words: the bytes as they came, where they came."""
    if not sighting.data:
        return []
    return [Attachment(sighting.name or "content", sighting.media_type or "application/octet-stream", sighting.data)]


def facts(sighting: Sighting) -> dict[str, Any]:
    """Return what the platform said of the content; sealed with the words."""
    told = {"item": sighting.item, "account": sighting.account, "url": sighting.url, "caller": sighting.caller}
    return {name: value for name, value in told.items() if value}
