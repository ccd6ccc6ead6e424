"""Journal: the device's hash-chained, signed record, on disk before anything of it is sent.

An entry gets its sequence number only by being on disk; what a full disk or the bound refuses never had one and is
counted (refusals.py) until a signed ``gap`` entry says so. Sending takes a *lease* on the oldest entries and either
commits or rolls back; a lease that a crash took with it is simply taken again (at-least-once; the hub ignores
duplicates). Where the hub's head is not in our chain, the entries it has not got are chained anew after it.
"""

import json
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tocsin.evidence.journal import JournalError, canonical, from_dict, sign_entry
from tocsin.evidence.keys import DeviceKey, verify_signature
from tocsin.model import Clock, Entry, EntryKind, utc_text
from tocsin.placement.chain import Bounds, Chain, NoRoomError
from tocsin.placement.disk import Disk
from tocsin.placement.refusals import Refusals
from tocsin.placement.segments import MAX_PAYLOAD, Point
from tocsin.placement.slots import Slots

_GAP_EVERY_NS = 60_000_000_000
_EXPENDABLE = frozenset({EntryKind.HEARTBEAT, EntryKind.STATE})
_FULL_FOR_EXPENDABLE = 0.9
_MAX_DEAD = 200


@dataclass(frozen=True, slots=True)
class Lease:
    """Entries handed out for sending, oldest first, as canonical JSON. One lease at a time."""

    first: int
    payloads: tuple[bytes, ...]

    @property
    def last(self) -> int:
        """The last entry's sequence number."""
        return self.first + len(self.payloads) - 1


class Journal:
    """The spool of one enrolment, in ``folder``. Thread-safe. Raises OSError where no journal can be kept at all."""

    def __init__(
        self,
        folder: Path,
        key: DeviceKey,
        device: str,
        clock: Clock,
        boot: str,
        bounds: Bounds | None = None,
        disk: Disk | None = None,
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.folder, self._key, self.device, self._clock, self._boot = folder, key, device, clock, boot
        self._bounds, self._disk = bounds or Bounds(), disk or Disk()
        self._lock = threading.RLock()
        self._leased = False
        self._last_gap_ns = -_GAP_EVERY_NS
        self._listeners: list[Callable[[Entry], None]] = []
        self._cursor = Slots(folder / "acknowledged", self._disk)
        self._refused = Refusals(folder / "refused", self._disk)
        self.warnings: list[str] = []
        self._chain, damage = Chain.open(folder / "spool", self._disk, self._bounds)
        self._acked = self._stored_cursor()
        if damage is not None:
            self.warnings.append(damage.sentence)
            self._restore(damage.payloads, damage.lost)
        elif self._acked.seq > self._chain.head.seq:
            self.warnings.append("The spool's files are gone; the journal goes on after what the hub holds.")
            self._restore((), 0)
        elif self._chain.torn:
            self.refuse("kill", {"unknown": 1}, 0)
        if self._chain.find(self._acked.seq) != self._acked:
            self._acked = self._chain.oldest

    @property
    def head(self) -> Point:
        """The last entry's place."""
        with self._lock:
            return self._chain.head

    @property
    def acknowledged(self) -> Point:
        """The last entry that the hub is known to hold."""
        return self._acked

    @property
    def pending(self) -> int:
        """How many entries wait to be sent."""
        with self._lock:
            return self._chain.head.seq - self._acked.seq

    @property
    def untold(self) -> dict[str, Any] | None:
        """What was refused and not yet told in a gap entry."""
        with self._lock:
            return self._refused.body() if self._refused else None

    def listen(self, listener: Callable[[Entry], None]) -> None:
        """Call ``listener`` with every entry once it is on disk."""
        self._listeners.append(listener)

    def append(self, kind: EntryKind | str, body: dict[str, Any]) -> Entry | None:
        """Record an entry; it is on disk on return. None: it was refused, and is counted for the gap entry."""
        with self._lock:
            self._tell_gap()
            expendable = kind in _EXPENDABLE and self._chain.used() > self._bounds.total * _FULL_FOR_EXPENDABLE
            try:
                if expendable:
                    raise NoRoomError("The journal keeps its last tenth for findings.")
                entry = self._write(str(kind), body)
            except (OSError, JournalError) as problem:
                size = len(json.dumps(body, default=str))
                self.refuse(
                    "overflow" if isinstance(problem, NoRoomError | JournalError) else "disk-full", {str(kind): 1}, size
                )
                self._tell_gap()
                return None
        for listener in self._listeners:
            listener(entry)
        return entry

    def refuse(self, reason: str, counts: dict[str, int], size: int, since: str = "") -> None:
        """Count something that could not be recorded (an entry, or evidence beside it)."""
        now = utc_text(self._clock.now())
        with self._lock:
            self._refused.add(reason, counts, size, since or now, now)

    def tell_gap(self) -> bool:
        """Try to record what was refused; True when nothing is left untold. Called at every heartbeat."""
        with self._lock:
            return self._tell_gap()

    def lease(self, entries: int = 500, size: int = 900_000) -> Lease | None:
        """Hand out the oldest entries not acknowledged, or None. Raises RuntimeError while a lease is out."""
        with self._lock:
            if self._leased:
                raise RuntimeError("A lease is out already.")
            taken: list[bytes] = []
            total = 0
            for _, payload in self._chain.after(self._acked.seq):
                if taken and (len(taken) >= entries or total + len(payload) > size):
                    break
                taken.append(payload)
                total += len(payload)
            if not taken:
                return None
            self._leased = True
            return Lease(self._acked.seq + 1, tuple(taken))

    def commit(self, lease: Lease, upto: int | None = None) -> tuple[Entry, ...]:
        """Mark the lease's entries up to ``upto`` (default all) as held by the hub, and return them."""
        with self._lock:
            self._leased = False
            upto = lease.last if upto is None else upto
            done = lease.payloads[: max(0, upto - lease.first + 1)]
            if done:
                self._acknowledge(Point.of(lease.first + len(done) - 1, done[-1]))
        return tuple(as_entry(payload) for payload in done)

    def rollback(self, lease: Lease) -> None:
        """Give the lease back; its entries are handed out again."""
        with self._lock:
            self._leased = False

    def knows(self, point: Point) -> bool:
        """Say whether this place is in our chain, as far back as it is kept."""
        with self._lock:
            return self._chain.find(point.seq) == point

    def resume_at(self, point: Point) -> None:
        """Send again from after ``point``, which must be in our chain: the hub lost what it had (or had more)."""
        with self._lock:
            if not self.knows(point):
                raise ValueError("That entry is not in this journal.")
            self._acknowledge(point)

    def rechain(self, head: Point, code: str) -> None:
        """Continue from the hub's head, which our chain does not hold: pending entries are signed anew after it.

        They keep their words, times and kinds; a gap entry tells that the record was broken. Raises OSError
        when there is no room to do so; nothing has changed then.
        """
        with self._lock:
            since = self._first_pending_at()
            mark = f".{self._chain.generation + 1}"
            self._rebuild(head, (p for _, p in self._chain.after(self._acked.seq)), mark=mark)
            self.refuse("spool-corrupt", {code: 1}, 0, since)
            self._tell_gap()

    def bury(self, seq: int, status: int, reason: str) -> None:
        """Take the first pending entry, refused for good, out of the chain; a dead-letter entry tells it.

        A copy is kept beside the spool. Raises OSError when there is no room; nothing has changed then.
        """
        with self._lock:
            waiting = self._chain.after(self._acked.seq)
            first = next(waiting, None)
            if first is None or first[0] != seq:
                return
            entry = as_entry(first[1])
            digest = Point.of(*first).hash
            dead = {
                "entry_hash": digest,
                "kind": entry.kind,
                "refused_seq": seq,
                "status": status,
                "reason": reason[:200],
            }
            self._keep_dead(digest, first[1])
            extra = self._plain(EntryKind.DEAD_LETTER, dead)
            self._rebuild(self._acked, (p for n, p in waiting), extra)

    def first_pending(self) -> tuple[int, str] | None:
        """Return the oldest waiting entry's (seq, hash), or None."""
        with self._lock:
            first = next(self._chain.after(self._acked.seq), None)
            return None if first is None else (first[0], Point.of(*first).hash)

    def pending_entries(self) -> list[Entry]:
        """Return the entries that wait to be sent."""
        with self._lock:
            return [as_entry(payload) for _, payload in self._chain.after(self._acked.seq)]

    def entries(self) -> list[Entry]:
        """Return every entry still held, acknowledged ones included."""
        with self._lock:
            return [as_entry(payload) for _, payload in self._chain.after(self._chain.oldest.seq)]

    def last_entry(self) -> Entry | None:
        """Return the newest entry, if the spool still holds one."""
        with self._lock:
            newest = [payload for _, payload in self._chain.after(self._chain.head.seq - 1)]
            return as_entry(newest[-1]) if newest else None

    def close(self) -> None:
        """Close the files; the cursor is made durable first."""
        with self._lock:
            self._store_cursor(sync=True)
            self._chain.close()
            self._cursor.close()
            self._refused.close()

    def _write(self, kind: str, body: dict[str, Any], *, reserve: bool = False) -> Entry:
        head = self._chain.head
        at, mono = utc_text(self._clock.now()), self._clock.monotonic_ns()
        entry = sign_entry(Entry(self.device, head.seq + 1, at, mono, self._boot, kind, body, head.hash), self._key)
        self._chain.append(canonical(entry.as_dict()), self._acked.seq, reserve=reserve)
        return entry

    def _tell_gap(self) -> bool:
        """Record what was refused: at once where there is room; from the kept tail, once a minute."""
        if not self._refused:
            return True
        mono = self._clock.monotonic_ns()
        spare = mono - self._last_gap_ns >= _GAP_EVERY_NS
        try:
            entry = self._write(EntryKind.GAP, self._refused.body(), reserve=spare)
        except (OSError, JournalError):
            return False
        self._last_gap_ns = mono
        self._refused.clear()
        for listener in self._listeners:
            listener(entry)
        return True

    def _restore(self, payloads: Iterable[bytes], lost: int) -> None:
        """Set a damaged spool aside and go on with what could be read of it."""
        held, forged = self._own(payloads)
        lost += forged
        stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S")
        pending = [p for p in held if as_entry(p).seq > self._acked.seq]
        base = self._acked
        if held and not base.seq:
            first = as_entry(held[0])
            base = Point(first.seq - 1, first.prev)
        self._acked = base
        self._rebuild(base, pending, aside=self.folder / f"set-aside-{stamp}")
        since = utc_text(self._clock.now()) if not held else as_entry(held[0]).at
        self.refuse("spool-corrupt", {"unknown": lost} if lost else {}, 0, since)
        self._tell_gap()

    def _rebuild(
        self,
        base: Point,
        payloads: Iterable[bytes],
        extra: Entry | None = None,
        aside: Path | None = None,
        mark: str = "",
    ) -> None:
        own, forged = self._own(payloads)

        def signed() -> Iterable[bytes]:
            at = base
            for entry in (*map(as_entry, own), *([extra] if extra else ())):
                boot = f"{entry.boot}{mark}" if mark else entry.boot
                again = Entry(
                    device=self.device,
                    seq=at.seq + 1,
                    at=entry.at,
                    mono_ns=entry.mono_ns,
                    boot=boot[:64],
                    kind=entry.kind,
                    body=entry.body,
                    prev=at.hash,
                )
                payload = canonical(sign_entry(again, self._key).as_dict())
                at = Point.of(at.seq + 1, payload)
                yield payload

        self._chain.rebuild(base, signed(), aside)
        self._boot = f"{self._boot}{mark}"[:64]
        self._leased = False
        self._acknowledge(base)
        if forged:
            self.refuse("spool-corrupt", {"unknown": forged}, 0)

    def _own(self, payloads: Iterable[bytes]) -> tuple[list[bytes], int]:
        """Return the entries that this device's key signed, and how many were not: those are never signed anew."""
        mine: list[bytes] = []
        forged = 0
        for payload in payloads:
            try:
                entry = from_dict(json.loads(payload))
            except ValueError:
                forged += 1
                continue
            if verify_signature(self._key.public, entry.sig, canonical(entry.unsigned())):
                mine.append(payload)
            else:
                forged += 1
        return mine, forged

    def _plain(self, kind: EntryKind, body: dict[str, Any]) -> Entry:
        now = utc_text(self._clock.now())
        return Entry(self.device, 0, now, self._clock.monotonic_ns(), self._boot, kind, body, "")

    def _keep_dead(self, name: str, payload: bytes) -> None:
        folder = self.folder / "dead-letter"
        try:
            folder.mkdir(exist_ok=True, mode=0o700)
            if sum(1 for _ in folder.iterdir()) < _MAX_DEAD:
                self._disk.replace(folder / f"{name}.json", payload)
        except OSError as problem:
            self.warnings.append(f"A refused entry could not be kept: {problem}.")

    def _first_pending_at(self) -> str:
        first = next(self._chain.after(self._acked.seq), None)
        return "" if first is None else as_entry(first[1]).at

    def _acknowledge(self, point: Point) -> None:
        self._acked = point
        self._store_cursor(sync=False)
        self._chain.drop(point.seq)

    def _store_cursor(self, *, sync: bool) -> None:
        try:
            self._cursor.write({"seq": self._acked.seq, "hash": self._acked.hash}, sync=sync)
        except OSError as problem:
            self.warnings.append(f"The journal's cursor could not be written: {problem}.")

    def _stored_cursor(self) -> Point:
        stored = self._cursor.read() or {}
        try:
            point = Point(int(stored["seq"]), str(stored["hash"]))
        except (KeyError, TypeError, ValueError):
            return Point(0, "0" * 64)
        return point if point.seq >= 0 and len(point.hash) == 64 else Point(0, "0" * 64)


def as_entry(payload: bytes) -> Entry:
    """Read an entry that this device wrote."""
    return Entry(**json.loads(payload[:MAX_PAYLOAD]))
