"""Asking: fingerprints of pictures and files become answers of the hash lists, and then observations.

Sensors call :meth:`Asking.ask` and go on. One thread gathers what came within a blink, asks the authority's own lists
on this computer (where somebody chose to have some) and the hub in one round trip, and gives what was answered to the
loop as a sensor does. What cannot be asked waits on disk; it is counted, it shows in every heartbeat, and it never
looks like media that is on no list. An answer that comes late is an observation with its own, first time.
"""

import hashlib
import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import httpx

from tocsin.agent import match_wire
from tocsin.agent.match_wire import Answers, MatchError
from tocsin.agent.own_lists import OwnLists
from tocsin.agent.unasked import Unasked
from tocsin.evidence.keys import DeviceKey
from tocsin.model import Fingerprints, Match, MediaSeen, Observation
from tocsin.placement import wire
from tocsin.placement.config import Config

GATHER_S, GATHER_SLOW_S = 0.02, 0.1
"""How long the first of a batch waits for others: pictures and new files; what nobody waits for."""
_MOST_PIXELS = 48 << 20
_MOST_REMEMBERED = 2000
_CACHE = 50_000
_WAITS = {"absent": 60.0, "removed": 30.0, "busy": 2.0}
_MAX_WAIT_S = 5.0


class Answered:
    """Fingerprints that are on no list, as far as one state of the lists goes. Bounded; forgets with the lists."""

    def __init__(self, most: int = _CACHE) -> None:
        self._known: OrderedDict[bytes, None] = OrderedDict()
        self._most = most
        self.version = ""

    def has(self, written: bytes) -> bool:
        """Say whether these very fingerprints were asked, and matched nothing."""
        return _key(written) in self._known

    def add(self, written: bytes) -> None:
        """Remember fingerprints that matched nothing."""
        self._known[_key(written)] = None
        while len(self._known) > self._most:
            self._known.popitem(last=False)

    def of_version(self, version: str) -> None:
        """Forget everything if the lists are no longer those that answered."""
        if version != self.version:
            self.version = version
            self._known.clear()


@dataclass(slots=True)
class _Item:
    written: bytes
    prints: Fingerprints
    seen: Observation
    done: Callable[[], None] | None = None
    row: int = 0


class Asking:
    """Answers fingerprints. A sensor itself: ``observations`` is one thread's work, until ``close``.

    ``lost`` hears of fingerprints that could not even be kept (how many, bytes); ``sent`` of what went to the hub
    (how many, bytes); ``count`` gets codes for the heartbeat; ``private`` says that an observation names a privileged
    contact, so that nothing of it is asked. ``keep_pixels``: some clause allows pictures as evidence.
    """

    def __init__(
        self,
        config: Config,
        key: DeviceKey,
        waiting: Unasked,
        answered: Answered,
        *,
        own: OwnLists | None = None,
        private: Callable[[Observation], bool] = lambda _: False,
        count: Callable[[str], None] = lambda _: None,
        lost: Callable[[int, int], None] = lambda *_: None,
        sent: Callable[[int, int], None] = lambda *_: None,
        keep_pixels: bool = False,
        connect: Callable[[Config], httpx.Client] = wire.connect,
    ) -> None:
        self._config, self._key, self._disk, self._answered, self._own = config, key, waiting, answered, own
        self._private, self._count, self._lost, self._sent = private, count, lost, sent
        self.keep_pixels, self._connect = keep_pixels, connect
        self._news = threading.Condition()
        self._urgent: deque[_Item] = deque()
        self._slow: deque[_Item] = deque()
        self._ready: deque[_Item] = deque()
        self._out: dict[str, _Item] = {}
        self._remembered: dict[int, Observation] = {}
        self._pixels = 0
        self._closed = False
        self._failures, self._retry_at, self._most = 0, 0.0, match_wire.MAX_ITEMS
        self._after = 0
        self._no_lists = self._own_failed = False
        self._missed = 0
        self.trouble = ""

    @property
    def version(self) -> str:
        """Which state of the lists answered last; empty before the first answer."""
        return self._answered.version

    @property
    def reachable(self) -> bool:
        """Whether the last question was answered (or none was asked yet)."""
        return self._failures == 0

    @property
    def backlog(self) -> int:
        """How many wait in memory; those who can wait should, while it is high."""
        return len(self._slow) + len(self._urgent)

    @property
    def degradations(self) -> tuple[str, ...]:
        """What a heartbeat says of it: what waits to be compared, and that there is no list to compare with."""
        waiting = self._on_disk() + (self.backlog if self._failures else 0)
        told = (
            (f"media-unasked {waiting}", waiting),
            ("no-lists", self._no_lists),
            (f"lists-unsearched {self._missed}", self._missed),
            ("own-lists-failed", self._own_failed),
        )
        return tuple(code for code, on in told if on)

    def ask(
        self,
        prints: Fingerprints,
        seen: Observation,
        *,
        urgent: bool = True,
        done: Callable[[], None] | None = None,
    ) -> None:
        """Have fingerprints compared; return at once. ``done`` is called when they are answered, or kept on disk.

        ``seen`` is the observation as the loop will get it, with a MediaSeen body that has no matches yet.
        """
        if not isinstance(seen.body, MediaSeen):
            raise TypeError("only observations of media are asked about")
        if self._private(seen):
            self._count("privileged")
            if done is not None:
                done()
            return
        item = _Item(match_wire.written(prints), prints, seen, done)
        with self._news:
            size = len(seen.body.pixels)
            if not self.keep_pixels or self._pixels + size > _MOST_PIXELS:
                item.seen = replace(seen, body=replace(seen.body, pixels=b""))
            else:
                self._pixels += size
            known = self._answered.has(item.written)
            line = self._ready if known else self._urgent if urgent else self._slow
            line.append(item)
            self._news.notify_all()

    def settled(self, observation: str) -> None:
        """Say that the loop has dealt with an answer (its observation's id): only now it is done with."""
        with self._news:
            item = self._out.pop(observation, None)
        if item is None:
            return
        if item.row:
            self._disk.remove([item.row])
            self._remembered.pop(item.row, None)
        if item.done is not None:
            item.done()

    def wake(self) -> None:
        """Ask again now (the network is back)."""
        with self._news:
            self._retry_at = 0.0
            self._news.notify_all()

    def close(self) -> None:
        """Stop: what waits goes to disk."""
        with self._news:
            self._closed = True
            self._news.notify_all()

    def observations(self) -> Iterator[Observation]:
        """Yield what was answered, as observations of the time they were made, until closed."""
        try:
            with self._connect(self._config) as client:
                while not self._closed:
                    self._wait()
                    for item in self._taken(self._ready, match_wire.MAX_ITEMS):
                        yield self._answer(item, ())
                    batch = self._batch()
                    if batch:
                        yield from self._step(client, batch)
        finally:
            waiting = [*self._out.values(), *self._ready, *self._urgent, *self._slow]
            self._keep([item for item in waiting if not item.row])
            if self._own is not None:
                self._own.close()

    def _wait(self) -> None:
        """Return when there is something to do: an item (and a blink later), or a retry that is due."""
        with self._news:
            while not (self._closed or self._ready or self._urgent or self._slow or self._due()):
                self._news.wait(self._patience())
            if self._closed or self._ready:
                return
            pause = GATHER_S if self._urgent else GATHER_SLOW_S
            if self._urgent or self._slow:
                self._news.wait_for(lambda: self._closed or len(self._urgent) >= self._most, timeout=pause)

    def _patience(self) -> float | None:
        return max(0.01, self._retry_at - time.monotonic()) if self._on_disk() else None

    def _due(self) -> bool:
        return self._on_disk() > 0 and time.monotonic() >= self._retry_at

    def _on_disk(self) -> int:
        """Return how many wait on disk, without those whose answer is under way to the loop."""
        return max(0, self._disk.count - sum(1 for item in list(self._out.values()) if item.row))

    def _batch(self) -> list[_Item]:
        """Take what is asked next: the urgent first, then the slow, then what waits on disk."""
        if time.monotonic() < self._retry_at:
            self._keep([*self._taken(self._urgent, None), *self._taken(self._slow, None)])
            return []
        batch = self._taken(self._urgent, self._most)
        batch += self._taken(self._slow, self._most - len(batch))
        if len(batch) < self._most:
            batch += self._from_disk(self._most - len(batch))
        fit = _fitting(batch)
        self._return(batch[fit:])
        return batch[:fit]

    def _from_disk(self, most: int) -> list[_Item]:
        if not self._on_disk():
            return []
        found = self._disk.oldest(most, self._after) or self._disk.oldest(most)
        under_way = {item.row for item in list(self._out.values())}
        items = [
            _Item(match_wire.written(prints), prints, self._remembered.get(row, seen), row=row)
            for row, prints, seen in found
            if row not in under_way
        ]
        self._after = found[-1][0] if found else 0
        return items

    def _step(self, client: httpx.Client, batch: list[_Item]) -> Iterator[Observation]:
        """Ask about a batch and yield what was answered; what was not goes to disk."""
        local = self._asked_here(batch)
        try:
            answers = match_wire.ask(client, self._key, self._config.device, [item.written for item in batch])
        except MatchError as problem:
            self._failed(problem, batch)
            for item, here in zip(batch, local, strict=True):
                if here and not item.row:
                    yield self._with(item, here)
            return
        self._note(answers, batch)
        for item, there, here in zip(batch, answers.matches, local, strict=True):
            if not there and not here:
                self._answered.add(item.written)
                if answers.missed or self._own_failed:
                    self._count("not-scanned-list")
            self._out[item.seen.id] = item
        for item, there, here in zip(batch, answers.matches, local, strict=True):
            yield self._answer(item, (*there, *here))

    def _note(self, answers: Answers, batch: Sequence[_Item]) -> None:
        self._failures, self._retry_at, self.trouble = 0, 0.0, ""
        self._most = min(match_wire.MAX_ITEMS, self._most * 2)
        self._no_lists = answers.lists == 0 and self._own is None
        self._missed = answers.missed
        own = f"|{self._own.version}{' failed' * self._own_failed}" if self._own is not None else ""
        self._answered.of_version(answers.version + own)
        self._sent(len(batch), sum(len(item.written) for item in batch))

    def _answer(self, item: _Item, matches: tuple[Match, ...]) -> Observation:
        media = item.seen.body
        assert isinstance(media, MediaSeen)
        with self._news:
            self._pixels -= len(media.pixels)
            self._out[item.seen.id] = item
        return self._with(item, matches)

    @staticmethod
    def _with(item: _Item, matches: tuple[Match, ...]) -> Observation:
        media = item.seen.body
        assert isinstance(media, MediaSeen)
        return replace(item.seen, body=replace(media, prints=item.prints, matches=matches))

    def _asked_here(self, batch: Sequence[_Item]) -> list[tuple[Match, ...]]:
        """Return what the authority's own lists on this computer say; they answer without the hub, too."""
        if self._own is not None:
            missed: list[object] = []
            try:
                found = self._own.match([item.prints for item in batch], missed)
            except (OSError, ValueError, RuntimeError):
                self._own_failed = True
            else:
                self._own_failed = bool(missed)
                return found
        return [()] * len(batch)

    def _failed(self, problem: MatchError, batch: list[_Item]) -> None:
        """Keep what was not answered; what the hub refuses is narrowed down to the one item, and that is told."""
        self.trouble = str(problem)
        if problem.code == "refused":
            if len(batch) > 1:
                self._most = max(1, len(batch) // 2)
                self._return(batch)
                return
            self._most = match_wire.MAX_ITEMS
            self._count("not-scanned-refused")
            self._lost(1, len(batch[0].written))
            self._disk.remove([item.row for item in batch if item.row])
            if batch[0].done is not None:
                batch[0].done()
            return
        self._failures += 1
        self._after = 0
        wait = _WAITS.get(problem.code) or min(_MAX_WAIT_S, 0.1 * 2 ** min(self._failures, 8))
        self._retry_at = time.monotonic() + wait
        self._keep([item for item in batch if not item.row])

    def _keep(self, items: list[_Item]) -> None:
        """Put items on disk; those it does not take are counted as lost."""
        if not items:
            return
        rows = self._disk.add([(item.prints, item.seen) for item in items])
        refused = [item for item, row in zip(items, rows, strict=True) if not row]
        for item, row in zip(items, rows, strict=True):
            media = item.seen.body
            assert isinstance(media, MediaSeen)
            with self._news:
                self._pixels -= len(media.pixels)
            if row and len(self._remembered) < _MOST_REMEMBERED:
                self._remembered[row] = replace(item.seen, body=replace(media, pixels=b""))
            if item.done is not None and row:
                item.done()
        if refused:
            self._count("not-scanned-unasked")
            self._lost(len(refused), sum(len(item.written) for item in refused))

    def _taken(self, line: deque[_Item], most: int | None) -> list[_Item]:
        with self._news:
            many = len(line) if most is None else max(0, min(most, len(line)))
            return [line.popleft() for _ in range(many)]

    def _return(self, items: list[_Item]) -> None:
        """Put back what was taken and not asked; what lies on disk lies there still."""
        with self._news:
            self._urgent.extendleft(item for item in reversed(items) if not item.row)


def _fitting(batch: Sequence[_Item]) -> int:
    """Return how many of the first items go into one question; always one."""
    size = hashes = 0
    for number, item in enumerate(batch):
        size += len(item.written) + 32
        hashes += len(item.prints.prints) + len(item.prints.frames) + len(item.prints.windows)
        if number and (size > match_wire.MAX_BYTES or hashes > match_wire.MAX_HASHES):
            return number
    return len(batch)


def _key(written: bytes) -> bytes:
    return hashlib.blake2b(written, digest_size=16).digest()
