"""All the streams that the gateway watches: begun and ended by the API, taken up again when it starts anew."""

import asyncio
import contextlib
import logging
import os
import uuid
from collections import OrderedDict, deque
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import delete, select

from tocsin.detectors.ladder import HOLD, NAMES, Ladder
from tocsin.detectors.live_stream import LiveStream
from tocsin.evidence.sealing import Attachment
from tocsin.gateway.catalogue import Catalogue
from tocsin.gateway.lookup import Question, look_up
from tocsin.gateway.refusals import Refused
from tocsin.gateway.road import Road
from tocsin.gateway.settings import Settings
from tocsin.gateway.store import Store
from tocsin.gateway.streams.addresses import AddressError, Rules, parse, read_ports, vet
from tocsin.gateway.streams.classifier import Manifest
from tocsin.gateway.streams.lookups import Lookups
from tocsin.gateway.streams.pool import Pool, PoolSettings
from tocsin.gateway.streams.source import Ways
from tocsin.gateway.streams.telling import event_json
from tocsin.gateway.streams.watch import FAILED, Terms, Watch
from tocsin.gateway.streams.watches_tables import StreamWatch
from tocsin.gateway.streams.weighing import Event, Said, Weighing
from tocsin.gateway.webhooks import Webhooks
from tocsin.model import Clock, Finding, Fingerprints, Match, Observation, utc_text
from tocsin.model.payments import PaymentsSeen

if TYPE_CHECKING:
    from tocsin.gateway.gateway import Gateway

_log = logging.getLogger(__name__)
MOST_STREAMS: Final = 2000
KEPT: Final = timedelta(days=180)
"""How long a stream that is over is remembered: until then a decision on it at the hub is told to the platform."""
_MOST_OVER: Final = 500
_MOST_EVENTS: Final = 200
_MOST_FOUND: Final = 5000
_ANSWER_S: Final = 30.0


@dataclass(slots=True)
class Held:
    """One stream: its watch, the task that runs it, and the findings so far.

    A stream that is ``over`` has no task any more: an ended task keeps what it last held in its hands.
    """

    id: str
    name: str
    watch: Watch
    task: "asyncio.Task[None] | None" = None
    events: deque[Event] = field(default_factory=lambda: deque(maxlen=_MOST_EVENTS))
    found: int = 0
    rung: int = 0
    over: bool = False

    def told(self, events: bool = False) -> dict[str, Any]:
        """Return the stream as JSON, with its findings where asked for."""
        told = {"id": self.id, "name": self.name, "rung": NAMES.get(self.rung, ""), "findings": self.found}
        told |= self.watch.told()
        if events:
            told["events"] = [event_json(event) for event in self.events]
        return told


class Watches:
    """The streams of one gateway. Use from its event loop."""

    def __init__(
        self, settings: Settings, store: Store, clock: Clock, catalogue: Catalogue, road: Road, webhooks: Webhooks
    ) -> None:
        self._store, self._clock = store, clock
        self._catalogue, self._road, self._webhooks = catalogue, road, webhooks
        self._rules = Rules(allow_private=settings.allow_private, ports=read_ports(settings.listen_ports))
        self._held: OrderedDict[str, Held] = OrderedDict()
        self._manifest = Manifest.read(settings.classifier) if settings.classifier else None
        classifier = str(settings.classifier or "")
        self._pool = Pool(PoolSettings(workers=max(1, (os.cpu_count() or 1) // 2), classifier=classifier))
        self._lookups = Lookups(self._ask)
        self._detector = LiveStream(Ladder.read(settings.ladder))
        self._sending: set[asyncio.Future[Any]] = set()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._closing = False

    def every(self) -> list[Held]:
        """Return all streams, those that are over too as long as they are remembered."""
        return list(self._held.values())

    def one(self, name: str) -> Held:
        """Return a stream. Raises Refused (404)."""
        held = self._held.get(name)
        if held is None:
            raise Refused(404, "There is no such stream.")
        return held

    async def begin(self, url: str, name: str = "", terms: Terms | None = None) -> Held:
        """Begin to watch a stream. Raises Refused for an address that is not watched, or for too many streams."""
        if sum(1 for one in self._held.values() if not one.over) >= MOST_STREAMS:
            raise Refused(409, f"{MOST_STREAMS:,} streams are watched already.")
        try:
            vet(parse(url, self._rules), self._rules)
        except AddressError as error:
            raise Refused(400, str(error)) from error
        terms = terms or Terms()
        held = self._made(uuid.uuid4().hex, url, name, terms)
        await asyncio.to_thread(self._keep, held, url, terms)
        self._run(held)
        return held

    async def end(self, name: str) -> Held:
        """Stop watching a stream. Raises Refused (404)."""
        held = self.one(name)
        if (task := held.task) is not None:
            task.cancel()
            await asyncio.wait({task})
        return held

    async def said(self, name: str, messages: Sequence[Said]) -> list[Finding]:
        """Take in messages of a stream's chat; return what they give rise to. Raises Refused (404, 409)."""
        held = self.one(name)
        if held.task is None:
            raise Refused(409, "The stream is over; its chat is no longer read with it.")
        return await held.watch.weighing.said(messages)

    async def paid(self, seen: PaymentsSeen, *, for_review: bool) -> dict[str, list[str]]:
        """Link an account's payments with the streams of whom it paid while they were watched.

        Return which payments were linked with which stream. What they raise on a ladder is told as ever.
        """
        linked: dict[str, list[str]] = {}
        for held in self._held.values():
            account, watch = held.watch.terms.account, held.watch
            if not account or held.task is None:
                continue
            made = tuple(one for one in seen.payments if one.to == account and one.at >= watch.began)
            if made and watch.weighing.concerns(seen.account, for_review=for_review):
                linked[held.id] = [one.id for one in made]
                these = PaymentsSeen(account=seen.account, until=seen.until, payments=made)
                self._later(watch.weighing.paid(these, for_review=for_review))
        return linked

    def linked(self, seen: PaymentsSeen, *, for_review: bool) -> dict[str, list[str]]:
        """Do as ``paid``, from a thread."""
        if self._loop is None or not self._held:
            return {}
        return asyncio.run_coroutine_threadsafe(self.paid(seen, for_review=for_review), self._loop).result(_ANSWER_S)

    def ask_to_hold(self, name: str, by: str, reason: str) -> Held:
        """Ask the platform to hold a stream because a reviewer says so. Raises Refused (404)."""
        held = self.one(name)
        held.rung = HOLD
        self._decided(held, "hold", by, reason)
        return held

    def release(self, name: str, by: str, reason: str) -> Held:
        """Withdraw what was asked for on a stream: a reviewer sees no concern. Raises Refused (404).

        The stream stands on the ground of its ladder again; what it shows for the first time may raise it anew.
        """
        held = self.one(name)
        self._calm(held.id)
        self._decided(held, "release", by, reason)
        return held

    @property
    def waits(self) -> bool:
        """Whether there are streams that people at the hub may decide on."""
        with self._store.reading() as session:
            return session.scalar(select(StreamWatch.id).limit(1)) is not None

    def heard(self, decision: Mapping[str, Any]) -> None:
        """Take in what people decided at the hub, from any thread, and tell the platform.

        No concern about a stream withdraws what was asked, a true concern confirms it; where the verdict is taken back,
        it is asked again. Streams that are long over are found too: a platform may still hold one.
        """
        names, enrolment, loop = decision.get("streams"), self._road.enrolment, self._loop
        what = _heard(decision)
        if not what or not isinstance(names, list) or enrolment is None or loop is None:
            return
        by, key = f"alert A-{decision.get('alert')}", f"|{decision.get('number')}"
        wanted = {str(name) for name in names[:_MOST_EVENTS]}
        with self._store.reading() as session:
            latest = select(StreamWatch).order_by(StreamWatch.began_at.desc()).limit(_MOST_FOUND)
            rows = [row for row in session.scalars(latest) if enrolment.recorder.opaque(row.id) in wanted]
        for row in rows:
            shown = parse(row.url, self._rules).shown
            told = _decision(row.id, row.name, shown, what, by, _REASONS[str(decision["whole"])])
            owner = int(row.terms.get("owner", 0))
            self._webhooks.send(f"stream.{what}", told, f"{row.id}|{by}{key}", owner=owner)
            with contextlib.suppress(RuntimeError):  # the loop has just ended, and with it the watching
                loop.call_soon_threadsafe(self._settle, row.id, what)

    def _settle(self, name: str, what: str) -> None:
        """Let a stream that is still watched stand where people's decision puts it."""
        if what == "release":
            self._calm(name)
        elif what in _RUNGS:
            held = self._held.get(name)
            if held is not None:
                held.rung = max(held.rung, _RUNGS[what])
            self._detector.recall(name, _RUNGS[what])

    def _calm(self, name: str) -> None:
        held = self._held.get(name)
        if held is not None:
            held.rung = 0
        self._detector.calm(name, self._clock.now())

    def _decided(self, held: Held, what: str, by: str, reason: str) -> None:
        told = _decision(held.id, held.name, held.watch.address.shown, what, by, reason)
        self._send(held, f"stream.{what}", told, f"{held.id}|{what}|{by}|{utc_text(self._clock.now())}")

    async def resume(self) -> None:
        """Take up the streams that were watched when the gateway last ended."""
        self._loop = asyncio.get_running_loop()
        for row in await asyncio.to_thread(self._unended):
            try:
                self._run(self._made(row.id, row.url, row.name, Terms(**row.terms)))
            except (Refused, TypeError) as error:
                _log.warning("The stream %s could not be taken up again: %s", row.id, error)

    async def close(self) -> None:
        """Stop all watching; the streams are taken up again at the next start."""
        tasks = [held.task for held in self._held.values() if held.task is not None]
        self._closing = self._webhooks.closing = True
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, *self._sending, return_exceptions=True)
        await self._lookups.close()
        await self._pool.close()

    def _made(self, name: str, url: str, own: str, terms: Terms) -> Held:
        try:
            address = parse(url, self._rules)
        except AddressError as error:
            raise Refused(400, str(error)) from error

        def weighing(watch: Watch) -> Weighing:
            return Weighing(
                stream=name,
                shown=address.shown,
                lookups=self._lookups,
                detector=self._detector,
                recording=_OnRoad(self._road),
                clock=self._clock,
                piece=watch.piece,
                tell=lambda event: self._told(held, event),
                manifest=self._manifest,
                after=terms.after,
            )

        held = Held(name, own, Watch(address, self._pool, Ways(self._rules), terms, self._clock, weighing))
        self._held[name] = held
        over = [one for one in self._held.values() if one.over]
        for one in over[: max(0, len(over) - _MOST_OVER)]:
            self._held.pop(one.id)
        return held

    def _run(self, held: Held) -> None:
        held.task = asyncio.create_task(held.watch.run())
        held.task.add_done_callback(lambda _: self._over(held))

    def _over(self, held: Held) -> None:
        held.task, held.over = None, True
        held.watch.weighing.forget()
        if self._closing:
            return
        told = held.told()
        self._later(asyncio.to_thread(self._finish, held.id, told))
        event = "stream.failed" if held.watch.state == FAILED else "stream.ended"
        self._send(held, event, told, f"{held.id}|over")

    def _told(self, held: Held, event: Event) -> None:
        held.events.append(event)
        held.found += 1
        held.rung = max(held.rung, event.rung)
        rung = NAMES.get(event.rung, "note")
        told = event_json(event) | {"name": held.name, "request": _REQUESTS[rung]}
        self._send(held, f"stream.{rung}", told, event.finding.id)

    def _send(self, held: Held, event: str, body: Mapping[str, Any], key: str) -> None:
        owner = held.watch.terms.owner
        self._later(self._webhooks.put(event, body, key, owner=owner))

    def _later(self, doing: Any) -> None:
        task = asyncio.ensure_future(doing)
        self._sending.add(task)
        task.add_done_callback(self._sending.discard)

    def _ask(self, batch: Sequence[Fingerprints]) -> list[tuple[Match, ...]]:
        return [found.ringing for found in look_up(self._catalogue, batch, Question())]

    def _keep(self, held: Held, url: str, terms: Terms) -> None:
        with self._store.session() as session:
            row = StreamWatch(
                id=held.id, url=url, name=held.name, terms=asdict(terms), began_at=self._clock.now(), last={}
            )
            session.add(row)

    def _finish(self, name: str, told: dict[str, Any]) -> None:
        now = self._clock.now()
        with self._store.session() as session:
            row = session.get(StreamWatch, name)
            if row is not None:
                row.ended_at, row.last = now, told
            session.execute(delete(StreamWatch).where(StreamWatch.ended_at < now - KEPT))

    def _unended(self) -> list[StreamWatch]:
        with self._store.reading() as session:
            return list(session.scalars(select(StreamWatch).where(StreamWatch.ended_at.is_(None))))


_REQUESTS: Final = {
    "note": "Nothing is asked of you; this is written down.",
    "ring": "Let a person look at the stream.",
    "hold": "Hold the stream until a person has looked at it.",
    "release": "A person has looked and sees no concern: what was asked for on this stream is withdrawn.",
    "confirmed": "A person has looked and found the concern true: what was asked for stands. What becomes of the "
    "stream and its account is for you to decide.",
}
_REASONS: Final = {
    "false": "Closed at the hub without concern.",
    "true": "Closed at the hub as a true concern.",
    "open": "The verdict was taken back at the hub.",
}
"""Why the platform is told something, by what the hub says of the whole stream."""
_RUNGS: Final = {name: height for height, name in NAMES.items()}


def _heard(decision: Mapping[str, Any]) -> str:
    """Return what the platform is told of a decision of the hub's; nothing for one that is not about a stream."""
    whole, rung = decision.get("whole"), str(decision.get("rung"))
    if whole == "open":
        return rung if rung in _RUNGS else ""
    return {"false": "release", "true": "confirmed"}.get(str(whole), "")


def _decision(stream: str, own: str, shown: str, what: str, by: str, reason: str) -> dict[str, Any]:
    """Return what a reviewer decided on a stream, as the platform is told it."""
    told = {"stream": stream, "name": own, "address": shown, "rung": what if what in _RUNGS else ""}
    return told | {"by": by, "reason": reason, "request": _REQUESTS[what]}


@dataclass(frozen=True, slots=True)
class _OnRoad:
    """Findings that ring, sealed and recorded as the gateway's order says."""

    road: Road

    @property
    def records(self) -> bool:
        """Whether the gateway is enrolled and its order in force."""
        return self.road.records

    def record(
        self, finding: Finding, seen: Observation, files: Sequence[Attachment], facts: Mapping[str, Any]
    ) -> Mapping[str, Any] | None:
        """Seal and record a finding, as the clauses call for."""
        recorded = self.road.record([finding], seen, attachments=files, facts=facts)
        return {"recorded": recorded, "files": len(files)}


@asynccontextmanager
async def watching(gateway: "Gateway") -> AsyncIterator[None]:
    """Watch streams while the gateway runs."""
    with contextlib.suppress(RuntimeError):
        await gateway.watches.resume()
    try:
        yield
    finally:
        await gateway.watches.close()
