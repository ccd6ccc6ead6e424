"""Conversations that a service sends message by message: held for stated minutes in memory, read, and forgotten.

A thread is forgotten so many minutes after its last message, at once when the service says so, and, when there are
too many, the one that waited longest goes first (counted). Nothing of a conversation is written to disk here; what a
finding needs is sealed by the road. Messages are read in the order of their times whatever order they came in.
"""

import asyncio
import threading
from bisect import insort
from collections import OrderedDict, deque
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from tocsin.gateway.participants import Attributed, Participant, Readers, Said, parts, with_ages
from tocsin.model import Clock, Finding, Quote

if TYPE_CHECKING:
    from tocsin.gateway.gateway import Gateway

DEFAULT_MINUTES: Final = 60
MOST_MINUTES: Final = 24 * 60
SWEEP_S: Final = 15.0
MOST_HELD: Final = 120
"""Messages of one thread that are held; older ones are forgotten first."""
MOST_IDS: Final = 2_000
MOST_TOLD: Final = 20
MOST_PARTICIPANTS: Final = 200
_AROUND: Final = 60
"""Messages that are recorded around a finding."""
_A_NAME: Final = 100
"""Letters that an id counts for in what is held."""


@dataclass(frozen=True, slots=True)
class Told:
    """A finding for the service: whose words carry it, to whom, at which message, and where its words stand.

    ``places`` are (message id, spans): character offsets of the words that fired.
    """

    finding: Finding
    said: Said
    participant: str
    to: tuple[str, ...]
    places: tuple[tuple[str, tuple[tuple[int, int], ...]], ...]
    context: tuple[Said, ...]
    recorded: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """What became of the messages of one call."""

    new: bool
    minutes: int
    until: datetime
    held: int
    accepted: int
    repeated: tuple[str, ...]
    late: tuple[str, ...]
    not_examined: tuple[tuple[str, str, str], ...]
    """(what, its id, why): messages and participants that were not examined."""
    told: tuple[Told, ...]
    """What is new, and again what messages that are repeated gave rise to (the first answer may have been lost)."""


@dataclass(slots=True)
class _Thread:
    name: str
    minutes: int
    until_ns: int = 0
    until: datetime | None = None
    lock: threading.Lock = field(default_factory=threading.Lock)
    participants: OrderedDict[str, Participant] = field(default_factory=OrderedDict)
    held: list[tuple[datetime, int, Said]] = field(default_factory=list)
    ids: OrderedDict[str, None] = field(default_factory=OrderedDict)
    reported: dict[tuple[str, str, str], tuple[int, frozenset[str]]] = field(default_factory=dict)
    told: deque[Told] = field(default_factory=lambda: deque(maxlen=MOST_TOLD))
    readers: Readers | None = None
    count: int = 0
    letters: int = 0
    counted: int = 0
    gone: bool = False

    @property
    def authors(self) -> tuple[str, ...]:
        """Who wrote the messages that are held, in the order of their first."""
        return tuple(dict.fromkeys(said.author for _, _, said in self.held))


class Threads:
    """All conversations that are being followed. Thread-safe; one thread's messages are read one call at a time.

    ``most`` threads and ``letters`` of text are held; what detectors remember is kept for ``live`` authors, the threads
    of others are read again from their messages when the next one comes.
    """

    def __init__(
        self,
        clock: Clock,
        *,
        most: int = 20_000,
        letters: int = 32 << 20,
        live: int = 2_000,
    ) -> None:
        self._clock, self._most, self._letters, self._live = clock, most, letters, live
        self._lock = threading.Lock()
        self._threads: OrderedDict[str, _Thread] = OrderedDict()
        self._reading: OrderedDict[str, _Thread] = OrderedDict()
        self._held_letters = 0
        self.evicted = 0
        self.expired = 0

    def __len__(self) -> int:
        return len(self._threads)

    def take(
        self,
        name: str,
        participants: Sequence[Participant],
        messages: Sequence[Said],
        minutes: int | None = None,
        record: Callable[[Told], bool] = lambda _: False,
    ) -> Taken:
        """Take messages of a thread, read what is new, and say what was found and what was not examined.

        ``record`` is called for each finding, and says whether it was recorded; where it was not, a repeated message
        brings it up again: the disk may have had no room.
        """
        while True:
            thread, new = self._thread(name, minutes)
            with thread.lock:
                if thread.gone:
                    continue
                for one in participants:
                    if one.id in thread.participants or len(thread.participants) < MOST_PARTICIPANTS:
                        thread.participants[one.id] = one
                fresh, repeated = _unknown(thread, messages)
                late = self._hold(thread, fresh)
                again = self._again(thread, frozenset(repeated), record)
                told = [replace(one, recorded=record(one)) for one in self._read(thread, fresh, bool(late))]
                thread.told.extend(replace(one, context=()) for one in told)
                unread = [("message", one.id, "too-late") for one in fresh if not _is_held(thread, one)]
                unread += [("participant", author, "too-many-authors") for author in _unviewed(thread)]
                taken = Taken(
                    new=new,
                    minutes=thread.minutes,
                    until=self._touch(thread),
                    held=len(thread.held),
                    accepted=len(fresh),
                    repeated=tuple(repeated),
                    late=tuple(late),
                    not_examined=tuple(unread),
                    told=(*again, *told),
                )
            self._bound(thread)
            return taken

    def state(self, name: str) -> dict[str, Any] | None:
        """Return what is held of a thread, without a word of it; None when nothing is."""
        self.sweep()
        with self._lock:
            thread = self._threads.get(name)
        if thread is None:
            return None
        with thread.lock:
            return {
                "messages_held": len(thread.held),
                "participants": len(thread.participants),
                "minutes": thread.minutes,
                "until": thread.until,
                "reported": sorted({participant for participant, _, _ in thread.reported if participant}),
            }

    def forget(self, name: str) -> bool:
        """Forget a thread at once; False when nothing of it was held."""
        self.sweep()
        with self._lock:
            thread = self._threads.get(name)
            if thread is not None:
                self._drop(thread)
        return thread is not None

    def sweep(self) -> int:
        """Forget what has outlived its minutes; return how many threads that were."""
        now = self._clock.monotonic_ns()
        with self._lock:
            over = [thread for thread in self._threads.values() if thread.until_ns <= now]
            for thread in over:
                self._drop(thread)
            self.expired += len(over)
        return len(over)

    def _thread(self, name: str, minutes: int | None) -> tuple[_Thread, bool]:
        self.sweep()
        with self._lock:
            thread = self._threads.get(name)
            new = thread is None
            if thread is None:
                thread = self._threads[name] = _Thread(name, minutes or DEFAULT_MINUTES)
                self._touch(thread)
            elif minutes is not None:
                thread.minutes = minutes
            self._threads.move_to_end(name)
            self._reading[name] = thread
            self._reading.move_to_end(name)
            return thread, new

    def _hold(self, thread: _Thread, fresh: Iterable[Said]) -> list[str]:
        """Put messages among those held, in the order of their times; return those that came late."""
        late = []
        for one in fresh:
            if thread.held and one.at < thread.held[-1][0]:
                late.append(one.id)
            thread.count += 1
            insort(thread.held, (one.at, thread.count, one), key=lambda held: held[:2])
            thread.letters += len(one.text)
            if len(thread.participants) < MOST_PARTICIPANTS:
                thread.participants.setdefault(one.author, Participant(one.author))
            while len(thread.held) > MOST_HELD:
                thread.letters -= len(thread.held.pop(0)[2].text)
        with self._lock:
            if not thread.gone:
                weight = thread.letters + _A_NAME * (len(thread.ids) + len(thread.participants))
                self._held_letters += weight - thread.counted
                thread.counted = weight
        return late

    def _read(self, thread: _Thread, fresh: Sequence[Said], late: bool) -> tuple[Told, ...]:
        """Read what is new; from the beginning where a message came late, an author is new, or all was let go."""
        readers = thread.readers
        to_read: Iterable[Said] = sorted(fresh, key=lambda one: one.at)
        if not fresh:
            return ()
        if readers is None or late or not all(readers.knows(one.author) for one in fresh):
            stated = [one for one in thread.participants if len(thread.participants) <= 2]
            readers = thread.readers = Readers(thread.name, [*thread.authors, *stated])
            to_read = [said for _, _, said in thread.held]
        found = []
        for said in to_read:
            for told in readers.read(said):
                if _is_news(thread, told):
                    found.append(self._told(thread, told))
        return tuple(found)

    def _again(self, thread: _Thread, repeated: frozenset[str], record: Callable[[Told], bool]) -> list[Told]:
        """Return what repeated messages gave rise to, recorded now where it was not before."""
        found = []
        for number, one in enumerate(list(thread.told)):
            if one.said.id not in repeated:
                continue
            around = tuple(said for _, _, said in thread.held[-_AROUND:])
            if not one.recorded and record(replace(one, context=around)):
                one = thread.told[number] = replace(one, recorded=True)
            found.append(one)
        return found

    def _told(self, thread: _Thread, told: Attributed) -> Told:
        held = [said for _, _, said in thread.held]
        finding = with_ages(told, thread.participants)
        to = tuple(one for one in thread.participants if one != told.participant)
        return Told(finding, told.said, told.participant, to, _places(finding.quotes, held), tuple(held[-_AROUND:]))

    def _touch(self, thread: _Thread) -> datetime:
        """Begin a thread's minutes anew; return until when it is held."""
        thread.until_ns = self._clock.monotonic_ns() + thread.minutes * 60 * 1_000_000_000
        thread.until = self._clock.now() + timedelta(minutes=thread.minutes)
        return thread.until

    def _bound(self, kept: _Thread) -> None:
        """Forget the threads that waited longest while too much is held, and let go of readers that are too many."""
        with self._lock:
            while len(self._threads) > 1 and (len(self._threads) > self._most or self._held_letters > self._letters):
                oldest = next(iter(self._threads.values()))
                if oldest is kept:
                    break
                self._drop(oldest)
                self.evicted += 1
            live = sum(len(one.readers.authors) for one in self._reading.values() if one.readers)
            while live > self._live and len(self._reading) > 1:
                oldest = self._reading.popitem(last=False)[1]
                live -= len(oldest.readers.authors) if oldest.readers else 0
                oldest.readers = None

    def _drop(self, thread: _Thread) -> None:
        """Forget a thread; the lock is held."""
        thread.gone, thread.readers = True, None
        self._held_letters -= thread.counted
        self._threads.pop(thread.name, None)
        self._reading.pop(thread.name, None)


@asynccontextmanager
async def forgetting(gateway: "Gateway") -> AsyncIterator[None]:
    """Forget threads whose minutes are over also while nobody calls, and count what had to go early.

    A gateway that records loads at once what reads messages, which takes seconds, so that no first caller waits.
    """

    async def sweep() -> None:
        told = 0
        while True:
            await asyncio.sleep(SWEEP_S)
            gateway.threads.sweep()
            evicted, enrolment = gateway.threads.evicted, gateway.road.enrolment
            if enrolment is not None and evicted > told:
                enrolment.counts.add("threads-evicted", evicted - told)
            told = evicted

    tasks = [asyncio.create_task(sweep())]
    if gateway.road.records:
        tasks.append(asyncio.create_task(asyncio.to_thread(Readers("", ("",)).warm)))
    try:
        yield
    finally:
        tasks[0].cancel()
        for task in tasks:
            with suppress(asyncio.CancelledError):
                await task


def _unknown(thread: _Thread, messages: Sequence[Said]) -> tuple[list[Said], list[str]]:
    """Return the messages whose ids were not seen before, and the ids of the others; the first of an id stands."""
    fresh, repeated = [], []
    for one in messages:
        if one.id in thread.ids:
            repeated.append(one.id)
            continue
        thread.ids[one.id] = None
        fresh.append(one)
    while len(thread.ids) > MOST_IDS:
        thread.ids.popitem(last=False)
    return fresh, repeated


def _is_held(thread: _Thread, said: Said) -> bool:
    return not thread.held or said.at >= thread.held[0][0]


def _unviewed(thread: _Thread) -> list[str]:
    viewed = thread.readers.authors if thread.readers else thread.authors
    return [author for author in thread.authors if author not in viewed]


def _is_news(thread: _Thread, told: Attributed) -> bool:
    """Tell whether a finding says more of a participant than was reported already, and remember it."""
    finding = told.finding
    key = (told.participant, finding.detector, str(finding.category))
    names = frozenset(signal.name for signal in finding.signals)
    severity, known = thread.reported.get(key, (0, frozenset()))
    while len(thread.reported) > MOST_PARTICIPANTS:
        del thread.reported[next(iter(thread.reported))]
    thread.reported[key] = (max(severity, finding.severity), known | names)
    return finding.severity > severity or not names <= known


def _places(quotes: Sequence[Quote], held: Sequence[Said]) -> tuple[tuple[str, tuple[tuple[int, int], ...]], ...]:
    """Return where quoted words stand: the message, and offsets in the whole of it."""
    found = []
    for quote in quotes:
        for said in reversed(held):
            if quote.at not in (None, said.at):
                continue
            start = next((at for at, part in parts(said.text) if part.strip() == quote.text.strip()), None)
            if start is not None:
                shift = start + len(said.text[start:]) - len(said.text[start:].lstrip())
                found.append((said.id, tuple((begin + shift, end + shift) for begin, end in quote.spans)))
                break
    return tuple(found)
