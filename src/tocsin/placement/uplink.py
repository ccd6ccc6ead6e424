"""Uplink: sends the journal the moment an entry is on disk, and loses nothing whatever the hub or the network answers.

An entry leaves the spool only when the hub's signed receipt names its sequence number and hash. Every other answer
(refused connection, time-out, any status, half a body, garbage) rolls the lease back and is tried again: at once for
a new severity 5, otherwise with jittered back-off of a few seconds at most.
"""

import gzip
import json
import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import httpx

from tocsin.evidence.journal import canonical
from tocsin.evidence.keys import verify_signature
from tocsin.model import Entry, EntryKind
from tocsin.placement import wire
from tocsin.placement.config import Config
from tocsin.placement.journal import Journal, Lease
from tocsin.placement.segments import Point

MAX_WAIT_S = 5.0
REMOVED_WAIT_S = 30.0
BATCH = 500
_SLOW_S = 20.0
_GZIP_FROM = 16 * 1024
_MAX_ANSWER = 256 * 1024
_TRIES_REFUSED = 3
_TRIES_UNEXPLAINED = 20
_PATIENCE_S = 600.0
_MAX_BURIALS = 20


@dataclass(slots=True)
class UplinkState:
    """What a person may be told about the connection. ``sentence`` is empty while all is well."""

    connected: bool = False
    removed: bool = False
    sentence: str = ""
    failures: int = 0
    sent: int = 0


class Uplink:
    """One thread's work: ``run`` until ``stop`` is set. ``on_sent`` gets entries that the hub has acknowledged."""

    def __init__(
        self,
        config: Config,
        journal: Journal,
        *,
        on_sent: Callable[[tuple[Entry, ...]], None] = lambda _: None,
        on_reconnect: Callable[[], None] = lambda: None,
        connect: Callable[[Config], httpx.Client] = wire.connect,
        seed: int | None = None,
    ) -> None:
        self.config, self._journal = config, journal
        self._on_sent, self._on_reconnect, self._connect = on_sent, on_reconnect, connect
        self.state = UplinkState()
        self._random = random.Random(seed)  # noqa: S311
        self._news = threading.Condition()
        self._arrived = self._urgent = False
        self._batch = BATCH
        self._failures = 0
        self._refused: dict[str, tuple[int, float]] = {}
        self._burials = self._rechains = 0
        journal.listen(self._heard)

    def run(self, stop: threading.Event) -> None:
        """Send until told to stop."""
        with self._connect(self.config) as client:
            while not stop.is_set():
                self._arrived = self._urgent = False
                delay = self.step(client)
                if delay is None:
                    self._sleep(stop, 1.0, lambda: self._arrived)
                elif delay:
                    self._sleep(stop, delay, lambda: self._urgent)

    def wake(self) -> None:
        """Look again now (a stop, a reconnection)."""
        with self._news:
            self._arrived = self._urgent = True
            self._news.notify_all()

    def step(self, client: httpx.Client) -> float | None:
        """Send one batch. Return None when nothing waits, else the seconds to wait before the next."""
        lease = self._journal.lease(entries=self._batch)
        if lease is None:
            return None
        begun = time.monotonic()
        try:
            response = client.post("/api/v1/journal", **_request(lease))
            delay = self._answered(lease, response)
        except (
            httpx.HTTPError,
            httpx.StreamError,
            httpx.InvalidURL,
            OSError,
            ValueError,
            KeyError,
            TypeError,
        ) as problem:
            self._journal.rollback(lease)
            delay = self._failed(f"The hub cannot be reached: {problem or type(problem).__name__}.")
        except BaseException:
            self._journal.rollback(lease)
            raise
        if delay and time.monotonic() - begun > _SLOW_S:
            self._batch = max(1, self._batch // 2)
        return delay

    def _answered(self, lease: Lease, response: httpx.Response) -> float:
        """Deal with an answer. Raises ValueError, KeyError or TypeError for one that is not the hub's."""
        status = response.status_code
        if status == 200:
            return self._accepted(lease, _object(response))
        if status == 409:
            answer = _object(response)
            head = Point(int(answer["head"]["seq"]), str(answer["head"]["hash"]))
            if head.seq < 0 or len(head.hash) != 64:
                raise ValueError("The hub named a head that cannot be one.")
            self._journal.rollback(lease)
            if lease.first <= head.seq <= lease.last and self._journal.knows(head):
                self._batch = head.seq - lease.first + 1  # what was taken is sent again alone, for its receipt
                return self._failed("The hub took a part of the record.")
            return self._resync(head, answer)
        self._journal.rollback(lease)
        said = wire.sentence_of(response) or f"It answered {status}."
        if status == 403:
            self._failed(f"The hub no longer takes this device's record: {said}")
            self.state.removed = True
            return REMOVED_WAIT_S
        if status in (400, 413, 422):
            self._unexplained(lease, status, said)
        return self._failed(f"The hub refused the record ({status}): {said}")

    def _accepted(self, lease: Lease, answer: dict[str, Any]) -> float:
        head = Point(int(answer["head"]["seq"]), str(answer["head"]["hash"]))
        signed = {"device": self.config.device, "seq": head.seq, "hash": head.hash, "at": str(answer["at"])}
        if not verify_signature(self.config.hub_key, str(answer["receipt"]), canonical(signed)):
            raise ValueError("The receipt is not signed by the hub this computer is enrolled at")
        if head.seq < lease.first or (head.seq <= lease.last and not self._journal.knows(head)):
            raise ValueError("The receipt is for another record than the one sent")
        done = self._journal.commit(lease, upto=head.seq)
        if not self._journal.knows(head):  # it holds entries that a damaged spool has lost here
            self._journal.rechain(head, "ahead")
        again = self._failures > 0 or not self.state.connected
        self._failures = self._burials = self._rechains = 0
        self._refused.clear()
        self._batch = min(BATCH, self._batch * 2)
        self.state = UplinkState(connected=True, sent=self.state.sent + len(done))
        self._on_sent(done)
        if again:
            self._on_reconnect()
        return 0.0

    def _resync(self, head: Point, answer: dict[str, Any]) -> float:
        """The hub stands elsewhere than we thought, or refuses one entry."""
        code = str(answer.get("error", "refused"))[:40]
        said = str(answer.get("sentence", ""))[:200]
        if not self._journal.knows(head):
            self._rechains += 1
            delay = self._failed(f"The hub's record differs from ours ({code}): {said}")
            if self._rechains <= _TRIES_REFUSED:
                self._journal.rechain(head, code)
                return 0.0 if self._rechains == 1 else delay
            return delay
        self._journal.resume_at(head)
        delay = self._failed(f"The hub refused an entry ({code}): {said}")
        first = self._journal.first_pending()
        if first is None or int(answer.get("refused_seq", 0)) != first[0]:
            return delay
        tries = self._count(first[1])[0]
        if tries >= _TRIES_REFUSED and self._burials < _MAX_BURIALS:
            self._burials += 1
            self._journal.bury(first[0], 409, f"{code}: {said}")
            return 0.0
        return delay if tries > 1 else 0.0

    def _unexplained(self, lease: Lease, status: int, said: str) -> None:
        """A refusal that names no entry: narrow it to one; give that one up only after many tries over minutes."""
        if len(lease.payloads) > 1:
            self._batch = max(1, len(lease.payloads) // 2)
            return
        tries, since = self._count(Point.of(lease.first, lease.payloads[0]).hash)
        if tries >= _TRIES_UNEXPLAINED and time.monotonic() - since > _PATIENCE_S and self._burials < _MAX_BURIALS:
            self._burials += 1
            self._journal.bury(lease.first, status, said)

    def _count(self, digest: str) -> tuple[int, float]:
        tries, since = self._refused.get(digest, (0, time.monotonic()))
        self._refused[digest] = (tries + 1, since)
        return tries + 1, since

    def _failed(self, sentence: str) -> float:
        """Note a failure and return how long to wait: the first on a kept connection is tried again at once."""
        first = self._failures == 0 and self.state.connected
        self._failures += 1
        self.state.connected, self.state.sentence, self.state.failures = False, sentence, self._failures
        if first:
            return 0.0
        return float(min(MAX_WAIT_S, 0.1 * 2 ** min(self._failures, 10))) * self._random.uniform(0.5, 1.0)

    def _heard(self, entry: Entry) -> None:
        with self._news:
            self._arrived = True
            if entry.kind == EntryKind.FINDING and entry.body.get("severity") == 5:
                self._urgent = True
            self._news.notify_all()

    def _sleep(self, stop: threading.Event, seconds: float, until: Callable[[], bool]) -> None:
        with self._news:
            self._news.wait_for(lambda: until() or stop.is_set(), timeout=seconds)


def flush(config: Config, journal: Journal, *, seconds: float) -> bool:
    """Send what waits, for at most about ``seconds``; True when nothing is left. Never raises for the network."""
    uplink = Uplink(config, journal)
    deadline = time.monotonic() + seconds
    with wire.connect(config) as client:
        client.timeout = httpx.Timeout(min(seconds, 5.0))
        while time.monotonic() < deadline:
            delay = uplink.step(client)
            if delay is None:
                return True
            if uplink.state.removed:
                return False
            time.sleep(min(delay, max(0.0, deadline - time.monotonic())))
    return False


def _request(lease: Lease) -> dict[str, Any]:
    """Return what goes into the request; the entries are sent as they stand on disk."""
    body = b'{"entries":[' + b",".join(lease.payloads) + b"]}"
    headers = {"content-type": "application/json"}
    if len(body) > _GZIP_FROM:
        body = gzip.compress(body, compresslevel=3, mtime=0)
        headers["content-encoding"] = "gzip"
    return {"content": body, "headers": headers}


def _object(response: httpx.Response) -> dict[str, Any]:
    data = response.content
    if len(data) > _MAX_ANSWER:
        raise ValueError("The hub's answer is far too long")
    found = json.loads(data)
    if not isinstance(found, dict):
        raise ValueError("The hub's answer is not an object")
    return found


__all__ = ["BATCH", "MAX_WAIT_S", "Uplink", "UplinkState", "flush"]
