"""What is shared, in the order it changed: each change of a shared bank has a number and a second of its own.

A list knows when its source last changed an entry, not when the entry came or went here: a partner who asks what is
new since a moment would miss what arrived late. The ledger compares the list with what it knew before and numbers the
differences. Within one range nothing moves: an entry that changes gets a number past the end of the range, and comes
with the next question.

A second that a partner was given as a checkpoint gets no further changes: the next ones are dated later, so that
"since" leaves nothing out and repeats nothing.
"""

import contextlib
import json
import sqlite3
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any, Final

from tocsin.matching.lists import Entry, HashList, ListError, Status
from tocsin.matching.lists.view import View

SYNC_S: Final = 1.0
"""Seconds between two comparisons of a list with the ledger; with it the ledger's clock cannot run ahead."""

SIGNALS: Final = ("pdq", "md5")
"""Kinds that are told hash by hash."""

KINDS: Final = ("pdq", "md5", "sha1", "photodna")
"""Kinds that are told with an entry."""

_SCHEMA = """
CREATE TABLE IF NOT EXISTS entries (bank TEXT, key BLOB, active INTEGER, digest BLOB, seq INTEGER, at INTEGER,
    first_at INTEGER, content TEXT, PRIMARY KEY (bank, key)) WITHOUT ROWID;
CREATE UNIQUE INDEX IF NOT EXISTS entries_in_order ON entries (seq);
CREATE TABLE IF NOT EXISTS signals (bank TEXT, kind TEXT, value BLOB, refs INTEGER, seq INTEGER, at INTEGER,
    first_at INTEGER, PRIMARY KEY (bank, kind, value)) WITHOUT ROWID;
CREATE UNIQUE INDEX IF NOT EXISTS signals_in_order ON signals (seq);
CREATE INDEX IF NOT EXISTS signals_by_value ON signals (value);
CREATE TABLE IF NOT EXISTS parts (bank TEXT, part TEXT, PRIMARY KEY (bank, part));
CREATE TABLE IF NOT EXISTS banks (name TEXT PRIMARY KEY, number INTEGER UNIQUE);
CREATE TABLE IF NOT EXISTS said (bank TEXT, kind TEXT, value BLOB, partner TEXT, what TEXT, tags TEXT, at INTEGER,
    PRIMARY KEY (bank, kind, value, partner));
CREATE TABLE IF NOT EXISTS votes (bank TEXT, key BLOB, kind TEXT, partner INTEGER, name TEXT, good INTEGER,
    reason TEXT, at INTEGER, PRIMARY KEY (bank, key, kind, partner));
CREATE TABLE IF NOT EXISTS counters (name TEXT PRIMARY KEY, value INTEGER);
"""


@dataclass(frozen=True, slots=True)
class Scope:
    """A bank that a partner reads, and after which second: below zero, all that is active."""

    bank: str
    after: int = -1


@dataclass(frozen=True, slots=True)
class Signal:
    """One hash as it is told."""

    bank: str
    kind: str
    value: str
    active: bool
    seq: int
    at: int


@dataclass(frozen=True, slots=True)
class SharedEntry:
    """One entry as it is told. ``content`` has its hashes (kind → hex values), ``video`` and ``class``."""

    bank: str
    key: str
    active: bool
    seq: int
    at: int
    content: Mapping[str, Any]


class Ledger:
    """The changes of all shared banks, in a file of their own."""

    def __init__(self, path: Path, now: Callable[[], float] = time.time) -> None:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._database = sqlite3.connect(path, check_same_thread=False, isolation_level=None, timeout=30)
        path.chmod(0o600)
        for pragma in ("journal_mode=WAL", "synchronous=NORMAL"):
            self._database.execute(f"PRAGMA {pragma}")
        self._database.executescript(_SCHEMA)
        self._lock = threading.RLock()
        self._now = now
        self._lists: dict[Path, HashList] = {}
        self._looked: dict[str, float] = {}
        self._handed = self._seq = self._second = 0
        self._handed = self.latest()[1]

    def close(self) -> None:
        """Let go of the file."""
        with self._lock:
            self._database.close()

    def sync(self, bank: str, folder: Path, *, at_once: bool = False) -> None:
        """Take up what has changed in a bank's list, at most once a second. Raises ListError."""
        with self._lock:
            if not at_once and time.monotonic() - self._looked.get(bank, -SYNC_S) < SYNC_S:
                return
            held = self._lists.get(folder)
            if held is None:
                held = self._lists[folder] = HashList.open(folder)
            held.refresh()
            if held.problem:
                raise ListError(held.problem)
            view = held.view
            if view.terms.negative or not view.terms.may_export or view.state.recipients:
                raise ListError(f"The list {view.terms.name} may not be passed on: {_why_not(view)}.")
            with self._change():
                self._compare(bank, view)
            self._looked[bank] = time.monotonic()

    def forget(self, bank: str) -> None:
        """Drop a bank that is no longer shared with anybody."""
        with self._lock, self._change():
            for table in ("entries", "signals", "parts", "said", "votes"):
                self._database.execute(f"DELETE FROM {table} WHERE bank = ?", (bank,))  # noqa: S608 - names are ours

    def number(self, bank: str) -> int:
        """Return the number that stands for a bank where members have numbers; it stays the same."""
        with self._lock:
            found = self._database.execute("SELECT number FROM banks WHERE name = ?", (bank,)).fetchone()
            if found is None:
                highest = self._database.execute("SELECT coalesce(max(number), 0) FROM banks").fetchone()[0]
                self._database.execute("INSERT INTO banks VALUES (?, ?)", (bank, highest + 1))
                return int(highest) + 1
            return int(found[0])

    def latest(self) -> tuple[int, int]:
        """Return the number and the second of the newest change."""
        with self._lock:
            return self._counter("seq"), self._counter("at")

    def end(self) -> tuple[int, int]:
        """Return the end of a range that begins to be told now: later changes are dated after its second."""
        with self._lock:
            seq, at = self.latest()
            self._handed = max(self._handed, at)
            return seq, at

    def moment(self) -> int:
        """Return the second at which something happens now that no checkpoint given so far covers."""
        with self._lock:
            return max(int(self._now()), self._counter("at"), self._handed + 1)

    def signals(self, scopes: Sequence[Scope], after: int, until: int, limit: int) -> list[Signal]:
        """Return hashes numbered past ``after`` up to ``until``: active ones, and (after a second) those that went.

        Who reads everything is told of active ones only; a hash that came and went between two questions is not told
        at all: some clients take a withdrawn hash for a new one.
        """
        chosen, given = _chosen(scopes)
        with self._lock:
            rows = self._database.execute(
                f"SELECT bank, kind, value, refs > 0, seq, at FROM signals WHERE seq > ? AND seq <= ? AND ({chosen})"  # noqa: S608
                " ORDER BY seq LIMIT ?",
                (after, until, *given, limit),
            ).fetchall()
            banks = [scope.bank for scope in scopes]
            return [
                Signal(bank, kind, value.hex(), bool(active) or self._elsewhere(kind, value, banks), seq, at)
                for bank, kind, value, active, seq, at in rows
            ]

    def _elsewhere(self, kind: str, value: bytes, banks: Sequence[str]) -> bool:
        """Tell whether another bank that the partner reads still stands by a hash."""
        marks = ",".join("?" * len(banks))
        found = self._database.execute(
            f"SELECT 1 FROM signals WHERE value = ? AND kind = ? AND refs > 0 AND bank IN ({marks})",  # noqa: S608
            (value, kind, *banks),
        ).fetchone()
        return found is not None

    def entries(self, scopes: Sequence[Scope], after: int, until: int, limit: int) -> list[SharedEntry]:
        """Return entries numbered past ``after`` up to ``until``: active ones, and, by name only, those that went."""
        chosen, given = _any(scopes)
        with self._lock:
            rows = self._database.execute(
                f"SELECT bank, key, active, seq, at, content FROM entries WHERE seq > ? AND seq <= ? AND ({chosen})"  # noqa: S608
                " ORDER BY seq LIMIT ?",
                (after, until, *given, limit),
            ).fetchall()
        return [SharedEntry(row[0], row[1].hex(), bool(row[2]), row[3], row[4], json.loads(row[5])) for row in rows]

    def count(self, scopes: Sequence[Scope], until: int) -> int:
        """Return how many entries a range holds."""
        chosen, given = _any(scopes)
        with self._lock:
            found = self._database.execute(
                f"SELECT count(*) FROM entries WHERE seq <= ? AND ({chosen})",  # noqa: S608
                (until, *given),
            ).fetchone()
        return int(found[0])

    def until(self, second: int) -> int:
        """Return the number of the last change up to a second."""
        with self._lock:
            found = self._database.execute(
                "SELECT max(s) FROM (SELECT max(seq) s FROM entries WHERE at <= ? UNION ALL"
                " SELECT max(seq) FROM signals WHERE at <= ?)",
                (second, second),
            ).fetchone()
        return int(found[0] or 0)

    def say(self, banks: Sequence[str], value: bytes, partner: str, what: str, tags: Sequence[str]) -> int:
        """Keep what a partner says of a hash in these banks; return of how many it was known. Others are told."""
        with self._lock, self._change():
            marks = ",".join("?" * len(banks))
            rows = self._database.execute(
                f"SELECT bank, kind FROM signals WHERE value = ? AND bank IN ({marks})",  # noqa: S608
                (value, *banks),
            ).fetchall()
            for bank, kind in rows:
                self._database.execute(
                    "INSERT OR REPLACE INTO said VALUES (?, ?, ?, ?, ?, ?, ?)",
                    (bank, kind, value, partner, what, json.dumps(list(tags)), self._second),
                )
                self._database.execute(
                    "UPDATE signals SET seq = ?, at = ? WHERE bank = ? AND kind = ? AND value = ? AND refs > 0",
                    (self._next(), self._second, bank, kind, value),
                )
            return len(rows)

    def said(self, bank: str, kind: str, value: str) -> list[dict[str, Any]]:
        """Return what partners said of a hash."""
        with self._lock:
            rows = self._database.execute(
                "SELECT partner, what, tags FROM said WHERE bank = ? AND kind = ? AND value = ? ORDER BY partner",
                (bank, kind, bytes.fromhex(value)),
            ).fetchall()
        return [{"source": partner, "value": what, "tags": json.loads(tags)} for partner, what, tags in rows]

    def vote(self, bank: str, key: str, kind: str, partner: tuple[int, str], good: bool, reason: str) -> bool:
        """Keep a partner's vote on an entry's hashes of one kind; False for an entry that is not shared."""
        with self._lock, self._change():
            found = self._database.execute(
                "SELECT 1 FROM entries WHERE bank = ? AND key = ? AND active", (bank, bytes.fromhex(key))
            ).fetchone()
            if found is None:
                return False
            self._database.execute(
                "INSERT OR REPLACE INTO votes VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                (bank, bytes.fromhex(key), kind, *partner, good, reason, self._second),
            )
            self._database.execute(
                "UPDATE entries SET seq = ?, at = ? WHERE bank = ? AND key = ?",
                (self._next(), self._second, bank, bytes.fromhex(key)),
            )
            return True

    def votes(self, bank: str, key: str) -> list[tuple[str, int, str, bool, str, int]]:
        """Return (kind, partner, name, good, reason, second) of every vote on an entry."""
        with self._lock:
            rows = self._database.execute(
                "SELECT kind, partner, name, good, reason, at FROM votes WHERE bank = ? AND key = ? ORDER BY partner",
                (bank, bytes.fromhex(key)),
            ).fetchall()
        return [(kind, partner, name, bool(good), reason, at) for kind, partner, name, good, reason, at in rows]

    def _compare(self, bank: str, view: View) -> None:
        known = {row[0] for row in self._database.execute("SELECT part FROM parts WHERE bank = ?", (bank,))}
        names = {part.name: _named(part.record.files) for part in view.parts}
        for number, part in enumerate(view.parts):
            if names[part.name] not in known:
                for entry in part.entries(view.standing(number)):
                    self._take(bank, entry)
        self._database.execute("DELETE FROM parts WHERE bank = ?", (bank,))
        self._database.executemany("INSERT INTO parts VALUES (?, ?)", ((bank, name) for name in names.values()))
        held = self._database.execute("SELECT count(*) FROM entries WHERE bank = ? AND active", (bank,)).fetchone()
        if held[0] != view.entries:  # the list was built anew: what it no longer names is gone
            live = {key for part, rows in zip(view.parts, view.live, strict=True) for key in _keys(part, rows)}
            gone = self._database.execute("SELECT key FROM entries WHERE bank = ? AND active", (bank,)).fetchall()
            for (key,) in gone:
                if key not in live:
                    self._take(bank, Entry(0, key=key, status=Status.DELETED))

    def _take(self, bank: str, entry: Entry) -> None:
        """Number one entry of the list if it differs from what the ledger knows."""
        active = entry.status == Status.ACTIVE
        old = self._database.execute(
            "SELECT active, digest, first_at, content FROM entries WHERE bank = ? AND key = ?", (bank, entry.key)
        ).fetchone()
        if old is None and not active:
            return
        content = _content(entry) if active else json.loads(old[3])
        text = json.dumps(content, separators=(",", ":"), sort_keys=True)
        digest = blake2b(text.encode(), digest_size=16).digest()
        if old is not None and bool(old[0]) == active and (not active or old[1] == digest):
            return
        at = self._second
        first = at if active and not (old and old[0]) else old[2]
        self._database.execute(
            "INSERT OR REPLACE INTO entries VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (bank, entry.key, active, digest, self._next(), at, first, text),
        )
        before = _signals(json.loads(old[3])) if old is not None and old[0] else set()
        now = _signals(content) if active else set()
        for kind, value in sorted(now - before):
            self._count(bank, kind, bytes.fromhex(value), 1)
        for kind, value in sorted(before - now):
            self._count(bank, kind, bytes.fromhex(value), -1)

    def _count(self, bank: str, kind: str, value: bytes, by: int) -> None:
        """Count one more or one less entry that holds a hash; the first and the last change what is told of it."""
        where, at = (bank, kind, value), self._second
        old = self._database.execute(
            "SELECT refs FROM signals WHERE bank = ? AND kind = ? AND value = ?", where
        ).fetchone()
        refs = max(0, (old[0] if old else 0) + by)
        if old is None:
            self._database.execute(
                "INSERT INTO signals VALUES (?, ?, ?, ?, ?, ?, ?)", (*where, refs, self._next(), at, at)
            )
        elif bool(old[0]) == bool(refs):
            self._database.execute(
                "UPDATE signals SET refs = ? WHERE bank = ? AND kind = ? AND value = ?", (refs, *where)
            )
        else:
            first = ", first_at = ?" if refs else ""
            given = (refs, self._next(), at, *((at,) if refs else ()), *where)
            self._database.execute(
                f"UPDATE signals SET refs = ?, seq = ?, at = ?{first} WHERE bank = ? AND kind = ? AND value = ?",  # noqa: S608
                given,
            )

    @contextlib.contextmanager
    def _change(self) -> Iterator[None]:
        """One transaction: all its changes have one second, and the counters are written with them."""
        self._database.execute("BEGIN IMMEDIATE")
        try:
            before = self._seq = self._counter("seq")
            self._second = self.moment()
            yield
            if self._seq != before:
                counters = (("seq", self._seq), ("at", self._second))
                self._database.executemany("INSERT OR REPLACE INTO counters VALUES (?, ?)", counters)
        except BaseException:
            self._database.execute("ROLLBACK")
            raise
        self._database.execute("COMMIT")

    def _next(self) -> int:
        self._seq += 1
        return self._seq

    def _counter(self, name: str) -> int:
        found = self._database.execute("SELECT value FROM counters WHERE name = ?", (name,)).fetchone()
        return int(found[0]) if found else 0


def _chosen(scopes: Sequence[Scope]) -> tuple[str, list[Any]]:
    """Return the condition that a hash is told to whoever reads these banks since these seconds."""
    given = [value for scope in scopes for value in (scope.bank, scope.after, scope.after)]
    return " OR ".join(["(bank = ? AND at > ? AND (refs > 0 OR first_at <= ?))"] * len(scopes)) or "0", given


def _any(scopes: Sequence[Scope]) -> tuple[str, list[Any]]:
    """Return the condition that an entry, standing or gone, is told to who reads these banks since these seconds."""
    given = [value for scope in scopes for value in (scope.bank, scope.after)]
    return " OR ".join(["(bank = ? AND at > ?)"] * len(scopes)) or "0", given


def _content(entry: Entry) -> dict[str, Any]:
    """Return what of an entry is told: never its source's id, nor what the source said besides."""
    hashes: dict[str, list[str]] = {}
    for kind, value in entry.hashes:
        if kind in KINDS:
            hashes.setdefault(kind, []).append(value.hex())
    media = str((entry.extra or {}).get("media") or "")
    video = media == "video" or bool(entry.frames) or (not media and set(hashes) == {"md5"})
    held: dict[str, Any] = {"hashes": {kind: sorted(set(values)) for kind, values in sorted(hashes.items())}}
    if video:
        held["video"] = True
    if entry.classification:
        held["class"] = entry.classification
    return held


def _signals(content: Mapping[str, Any]) -> set[tuple[str, str]]:
    """Return the hashes that are told one by one: an MD5 only of videos, since the wire knows no other."""
    kinds = SIGNALS if content.get("video") else ("pdq",)
    return {(kind, value) for kind in kinds for value in content["hashes"].get(kind, ())}


def _keys(part: Any, rows: Iterable[Any]) -> Iterator[bytes]:
    for row, live in enumerate(rows):
        if live:
            yield part.key(row)


def _named(files: Mapping[str, Mapping[str, Any]]) -> str:
    return "+".join(sorted(str(file["sha256"]) for name, file in files.items() if ".cols" in name))


def _why_not(view: View) -> str:
    if view.terms.negative:
        return "it lists known-good media, which others would take for the opposite"
    return "it is sealed" if view.state.recipients else "its terms forbid it (may_export: false)"
