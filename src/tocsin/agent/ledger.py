"""Ledger: what the hub has received from this computer, for the subject to see (A6).

Counts, kinds, times and bytes. What was found is shown only where the order's authority allows it
(``ledger: content``), so that nobody is tipped off in the middle of an offence being prevented. A row is written
when the hub's receipt arrives; a resend changes nothing, so the ledger equals what the hub stores.
"""

import contextlib
import json
import sqlite3
import threading
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tocsin.evidence.journal import canonical, entry_hash
from tocsin.model import Entry, EntryKind, utc_text

_SCHEMA = """
create table if not exists sent (hash blob primary key, seq integer, at text, kind text, bytes integer,
  evidence text, body text) without rowid;
create table if not exists evidence (digest text primary key, bytes integer) without rowid;
create table if not exists folded (day text, kind text, n integer, bytes integer, first text, last text,
  primary key (day, kind)) without rowid;
create table if not exists asked (day text primary key, n integer, bytes integer, first text, last text) without rowid;
"""
_FOLD_OVER = 50_000
_FOLDABLE = (EntryKind.HEARTBEAT, EntryKind.STATE)


@dataclass(frozen=True, slots=True)
class Row:
    """What was sent of one kind: how many, bytes of entries and of sealed evidence, and from when to when."""

    kind: str
    count: int
    bytes: int
    evidence_bytes: int
    first: str
    last: str


class Ledger:
    """The ledger's file. Thread-safe. ``content`` keeps what entries said."""

    def __init__(self, path: Path, *, content: bool = False, readonly: bool = False) -> None:
        self._lock = threading.Lock()
        self._path, self._content, self._readonly = path, content, readonly
        self._open_db: sqlite3.Connection | None = None
        self._late: list[Entry] = []
        self._late_evidence: list[tuple[str, int]] = []
        self._late_asked = (0, 0)
        if readonly:
            self._open_db = self._connect()
        else:
            with contextlib.suppress(sqlite3.Error, OSError):  # a full disk keeps nobody from watching
                self._open_db = self._connect()

    @property
    def _db(self) -> sqlite3.Connection:
        """The open file; one that a full disk kept shut is tried again. Raises sqlite3.Error or OSError."""
        if self._open_db is None:
            self._open_db = self._connect()
        return self._open_db

    def _connect(self) -> sqlite3.Connection:
        address = f"{self._path.absolute().as_uri()}?mode={'ro' if self._readonly else 'rwc'}"
        db = sqlite3.connect(address, uri=True, check_same_thread=False, timeout=5.0)
        try:
            if not self._readonly:
                self._path.chmod(0o600)
                db.execute("pragma journal_mode=wal")
                db.executescript(_SCHEMA)
        except (sqlite3.Error, OSError):
            db.close()
            raise
        return db

    def sent(self, entries: Iterable[Entry]) -> None:
        """Note entries that the hub acknowledged; those a full disk keeps out are noted with the next."""
        with self._lock:
            waiting = [*self._late, *entries]
            try:
                with self._db:
                    self._db.executemany(
                        "insert or ignore into sent values (?, ?, ?, ?, ?, ?, ?)", map(self._row, waiting)
                    )
                    self._fold()
                self._late = []
            except (sqlite3.Error, OSError):
                self._late = waiting[-10_000:]

    def evidence_sent(self, digest: str, size: int) -> None:
        """Note sealed evidence that the hub stored; what a full disk keeps out is noted with the next."""
        with self._lock:
            waiting = [*self._late_evidence, (digest, size)]
            try:
                with self._db:
                    self._db.executemany("insert or ignore into evidence values (?, ?)", waiting)
                self._late_evidence = []
            except (sqlite3.Error, OSError):
                self._late_evidence = waiting[-10_000:]

    def asked(self, many: int, size: int) -> None:
        """Note that fingerprints were sent to be compared with lists; the hub keeps none that match nothing."""
        at = utc_text(datetime.now(UTC))
        with self._lock:
            many, size = many + self._late_asked[0], size + self._late_asked[1]
            try:
                with self._db:
                    self._db.execute(
                        """insert into asked values (?, ?, ?, ?, ?) on conflict (day) do update set n = n + excluded.n,
                           bytes = bytes + excluded.bytes, last = excluded.last""",
                        (at[:10], many, size, at, at),
                    )
                self._late_asked = (0, 0)
            except (sqlite3.Error, OSError):
                self._late_asked = (many, size)

    def rows(self) -> list[Row]:
        """Return the counts by kind; fingerprints that were compared are a kind of their own."""
        with self._lock:
            found = self._db.execute(
                """select kind, sum(n), sum(b), sum(e), min(f), max(l) from (
                     select kind, count(*) n, sum(sent.bytes) b, coalesce(sum(evidence.bytes), 0) e,
                            min(at) f, max(at) l
                       from sent left join evidence on evidence.digest = sent.evidence group by kind
                     union all select kind, n, bytes, 0, first, last from folded)
                   group by kind order by kind"""
            ).fetchall()
            with contextlib.suppress(sqlite3.OperationalError):  # a ledger written before there was such a table
                found += self._db.execute(
                    "select 'fingerprints', sum(n), sum(bytes), 0, min(first), max(last) from asked having count(*) > 0"
                ).fetchall()
        return [Row(*row) for row in found]

    def events(self, limit: int = 200) -> list[dict[str, Any]]:
        """Return the latest entries but heartbeats and states, newest first: time, kind, bytes; body where allowed."""
        with self._lock:
            found = self._db.execute(
                "select at, kind, bytes, body from sent where kind not in ('heartbeat', 'state')"
                " order by seq desc limit ?",
                (limit,),
            ).fetchall()
        return [
            {"at": at, "kind": kind, "bytes": size} | ({"body": json.loads(body)} if body else {})
            for at, kind, size, body in found
        ]

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            if self._open_db is not None:
                self._open_db.close()

    def _row(self, entry: Entry) -> tuple[Any, ...]:
        evidence = entry.body.get("evidence") or {}
        body = json.dumps(entry.body) if self._content else None
        size = len(canonical(entry.as_dict()))
        digest = evidence.get("digest") if isinstance(evidence, dict) else None
        return bytes.fromhex(entry_hash(entry)), entry.seq, entry.at, entry.kind, size, digest, body

    def _fold(self) -> None:
        """Turn the oldest heartbeats and states into daily counts, so that years fit."""
        (many,) = self._db.execute("select count(*) from sent where kind in (?, ?)", _FOLDABLE).fetchone()
        if many <= _FOLD_OVER:
            return
        old = "select hash from sent where kind in (?, ?) order by seq limit ?"
        self._db.execute(
            f"""insert into folded select substr(at, 1, 10), kind, count(*), sum(bytes), min(at), max(at) from sent
                where hash in ({old}) group by 1, 2 on conflict (day, kind) do update set n = n + excluded.n,
                bytes = bytes + excluded.bytes, last = max(last, excluded.last)""",  # noqa: S608
            (*_FOLDABLE, _FOLD_OVER // 2),
        )
        self._db.execute(f"delete from sent where hash in ({old})", (*_FOLDABLE, _FOLD_OVER // 2))  # noqa: S608
