"""From a look to a finding: looked up, weighed on the ladder, and, where it rings, sealed with the seconds around."""

import asyncio
import logging
import time
import uuid
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from tocsin.detectors.ladder import RING
from tocsin.detectors.live_stream import LiveStream, rung_of
from tocsin.evidence.sealing import Attachment
from tocsin.gateway.streams.classifier import Manifest
from tocsin.gateway.streams.looks import Look, fingerprints
from tocsin.gateway.streams.lookups import Lookups
from tocsin.model import (
    Clock,
    Finding,
    Frame,
    Kind,
    Label,
    Line,
    Match,
    MediaSeen,
    NotScanned,
    Observation,
    Speaker,
    TextSeen,
    utc_text,
)
from tocsin.model.payments import PaymentsSeen

_log = logging.getLogger(__name__)
_MOST_FRAMES = 60
_MOST_AUTHORS = 10_000
_MOST_PAID = 200


@dataclass(frozen=True, slots=True)
class Said:
    """One message of a stream's chat. ``host``: the one who streams said it; ``paid`` tells an amount sent with it.

    ``author`` is the service's opaque id of who said it, where it gave one.
    """

    text: str
    host: bool = False
    paid: str = ""
    author: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """A finding as it is told: on which rung the stream stands, when it was found, and what was sealed of it."""

    stream: str
    finding: Finding
    rung: int
    at: float | None = None
    latency: float | None = None
    sealed: Mapping[str, Any] | None = None
    missing: str = ""


class Recording(Protocol):
    """Where findings that ring are sealed and recorded; returns what may be told of it, or None where nothing was.

    ``records`` tells whether anything is recorded now; if not, no seconds are cut out.
    """

    @property
    def records(self) -> bool:
        """Whether a finding would be recorded now."""
        ...

    def record(
        self, finding: Finding, seen: Observation, files: Sequence[Attachment], facts: Mapping[str, Any]
    ) -> Mapping[str, Any] | None:
        """Seal and record one finding; called in a thread."""
        ...


Piece = Callable[[float | None, bool], Awaitable["Attachment | NotScanned"]]
"""Gives the seconds around a moment of the stream; true for those that came after it."""


@dataclass(slots=True)
class Weighing:
    """One stream's findings. ``tell`` gets each; ``piece`` gives the seconds around."""

    stream: str
    shown: str
    lookups: Lookups
    detector: LiveStream
    recording: Recording | None
    clock: Clock
    piece: Piece
    tell: Callable[[Event], None]
    manifest: Manifest | None = None
    after: float = 5.0
    looked: int = 0
    lag: float = 0.0
    worst: float = 0.0
    failed: int = 0
    _frames: list[dict[str, Any]] = field(default_factory=list)
    _queue: "asyncio.Queue[tuple[int, Look, asyncio.Future[tuple[Match, ...]]] | None]" = field(
        default_factory=asyncio.Queue
    )
    _later: set["asyncio.Task[None]"] = field(default_factory=set)
    _authors: "OrderedDict[str, None]" = field(default_factory=OrderedDict)
    _paid: dict[str, dict[str, Any]] = field(default_factory=dict)

    def look(self, look: Look) -> None:
        """Take in a look; what it matches is weighed in the order of the looks."""
        self.looked += 1
        self.lag = max(0.0, (time.monotonic_ns() - look.arrived_ns) / 1e9)
        self.worst = max(self.worst, self.lag)
        self._queue.put_nowait((self.looked, look, self.lookups.of(fingerprints(look))))

    async def run(self) -> None:
        """Weigh looks until told to end, and seal what is still to come."""
        while (taken := await self._queue.get()) is not None:
            number, look, answer = taken
            try:
                matches = await answer
                if matches or look.labels:
                    await self._weigh(number, look, matches)
            except Exception:
                self.failed += 1
                _log.exception("A frame of stream %s could not be compared", self.stream)
        await self._settled()

    async def end(self) -> None:
        """Weigh what waits, seal what is still to come, and end."""
        self._queue.put_nowait(None)
        await self._settled()

    def forget(self) -> None:
        """Let go of what is only needed while the stream is watched: its frames, who wrote, what was paid."""
        self._frames, self._paid = [], {}
        self._authors.clear()

    async def _settled(self) -> None:
        """Wait until what is still to be sealed is."""
        if self._later:
            await asyncio.gather(*self._later, return_exceptions=True)

    async def said(self, messages: Sequence[Said]) -> list[Finding]:
        """Weigh messages of the stream's chat; return the findings."""
        for one in messages:
            if one.author:
                self._authors[one.author] = None
        while len(self._authors) > _MOST_AUTHORS:
            self._authors.popitem(last=False)
        lines = tuple(
            Line(
                f"{one.text} ({one.paid})" if one.paid else one.text,
                speaker=Speaker.SUBJECT if one.host else Speaker.OTHER,
            )
            for one in messages
        )
        seen = self._observation(Kind.TEXT, TextSeen(lines), "stream-chat")
        await asyncio.to_thread(self.detector.ready)
        found = list(self.detector.examine(seen))
        for finding in found:
            await self._found(finding, seen, None)
        return found

    def concerns(self, payer: str, *, for_review: bool) -> bool:
        """Tell whether an account's payments to who streams are weighed: for review, or it wrote in the chat."""
        return for_review or payer in self._authors

    async def paid(self, seen: PaymentsSeen, *, for_review: bool) -> list[Finding]:
        """Weigh one account's payments to the one who streams; return the findings."""
        for one in seen.payments:
            if len(self._paid) < _MOST_PAID:
                self._paid[one.id] = {
                    "id": one.id, "by": seen.account, "at": utc_text(one.at), "amount": str(one.amount),
                    "currency": one.currency, "for_review": for_review,
                }  # fmt: skip
        observation = self._observation(Kind.PAYMENT, seen, "stream-payments")
        found = self.detector.paid(observation, [one.id for one in seen.payments], for_review=for_review)
        for finding in found:
            await self._found(finding, observation, None)
        return found

    async def _weigh(self, number: int, look: Look, matches: tuple[Match, ...]) -> None:
        first = look.prints[0]
        frame = Frame(look.at, first.hex, first.quality, number)
        prints = replace(fingerprints(look), frames=(frame,))
        body = MediaSeen(prints=prints, matches=matches, place="stream", name=self.shown, labels=self._labels(look))
        seen = self._observation(Kind.FRAME, body, "stream", look.arrived_ns)
        if matches:
            self._frames = [*self._frames[1 - _MOST_FRAMES :], _frame_fact(look, number, seen, matches)]
        for finding in list(self.detector.examine(seen)):
            await self._found(finding, seen, look)

    async def _found(self, finding: Finding, seen: Observation, look: Look | None) -> None:
        rung = rung_of(finding)
        at, latency = (look.at, (time.monotonic_ns() - look.arrived_ns) / 1e9) if look else (None, None)
        event = Event(stream=self.stream, finding=finding, rung=rung, at=at, latency=latency)
        if rung >= RING and self.recording is not None and self.recording.records:
            event = await self._sealed(event, seen, after=False)
            if look is not None and self.after > 0:
                later = asyncio.create_task(self._sealed_later(event, seen))
                self._later.add(later)
                later.add_done_callback(self._later.discard)
        self.tell(event)

    async def _sealed_later(self, event: Event, seen: Observation) -> None:
        """Seal the seconds after a finding too, as more of the same: nobody is called a second time."""
        await self._sealed(event, seen, after=True)

    async def _sealed(self, event: Event, seen: Observation, *, after: bool) -> Event:
        assert self.recording is not None
        found = await self.piece(event.at, after)
        if after and isinstance(found, NotScanned):
            return event
        finding = event.finding if not after else replace(event.finding, id=uuid.uuid4().hex, refines=True)
        files = [found] if isinstance(found, Attachment) else []
        missing = found.detail if isinstance(found, NotScanned) else ""
        facts: dict[str, Any] = {
            "stream": self.shown,
            "frames": self._frames,
            "looked": self.looked,
            "piece": missing or "after" * after,
        }
        if self._paid:
            facts["payments"] = list(self._paid.values())
        try:
            sealed = await asyncio.to_thread(self.recording.record, finding, seen, files, facts)
        except Exception as error:
            self.failed += 1
            _log.exception("A finding about stream %s could not be recorded", self.stream)
            return replace(event, missing=f"The finding could not be sealed: {error}")
        return replace(event, sealed=sealed, missing=missing)

    def _labels(self, look: Look) -> tuple[Label, ...]:
        manifest = self.manifest
        if manifest is None:
            return ()
        known = {label.name: label for label in manifest.labels if label.category != "none"}
        return tuple(
            Label(
                classifier=f"{manifest.name} {manifest.version}",
                name=name,
                category=known[name].category,
                severity=known[name].severity,
                score=score,
                precision=known[name].precision,
            )
            for name, score in look.labels
            if name in known
        )

    def _observation(
        self, kind: Kind, body: MediaSeen | TextSeen | PaymentsSeen, sensor: str, seen_ns: int = 0
    ) -> Observation:
        return Observation(
            id=uuid.uuid4().hex,
            kind=kind,
            at=self.clock.now(),
            sensor=sensor,
            body=body,
            app="stream",
            title=self.shown,
            thread=self.stream,
            seen_ns=seen_ns,
        )


def _frame_fact(look: Look, number: int, seen: Observation, matches: tuple[Match, ...]) -> dict[str, Any]:
    """Return what is sealed of a frame that matched: when, its hashes, and the entries."""
    return {
        "number": number,
        "at": look.at,
        "seen_at": utc_text(seen.at),
        "pdq": [{"hex": one.hex, "quality": one.quality, "stripped": one.stripped} for one in look.prints],
        "entries": [{"list": m.list, "entry": m.entry, "by": m.by, "distance": m.distance} for m in matches[:20]],
    }
