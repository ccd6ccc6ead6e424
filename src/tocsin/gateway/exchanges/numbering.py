"""The ledger's file and its clock: every change has a number and a second, in one transaction each."""

import contextlib
import secrets
import sqlite3
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

_SCHEMA = """
CREATE TABLE IF NOT EXISTS entries (bank TEXT, key BLOB, active INTEGER, digest BLOB, seq INTEGER, at INTEGER,
    first_at INTEGER, content TEXT, hidden INTEGER DEFAULT 0, PRIMARY KEY (bank, key)) WITHOUT ROWID;
CREATE UNIQUE INDEX IF NOT EXISTS entries_in_order ON entries (seq);
CREATE TABLE IF NOT EXISTS signals (bank TEXT, kind TEXT, value BLOB, refs INTEGER, seq INTEGER, at INTEGER,
    first_at INTEGER, PRIMARY KEY (bank, kind, value)) WITHOUT ROWID;
CREATE UNIQUE INDEX IF NOT EXISTS signals_in_order ON signals (seq);
DROP INDEX IF EXISTS signals_by_value;
CREATE TABLE IF NOT EXISTS parts (bank TEXT, part TEXT, PRIMARY KEY (bank, part));
CREATE TABLE IF NOT EXISTS banks (name TEXT PRIMARY KEY, number INTEGER UNIQUE);
CREATE TABLE IF NOT EXISTS said (bank TEXT, kind TEXT, value BLOB, partner TEXT, what TEXT, tags TEXT, at INTEGER,
    PRIMARY KEY (bank, kind, value, partner));
CREATE TABLE IF NOT EXISTS votes (bank TEXT, key BLOB, kind TEXT, partner INTEGER, name TEXT, good INTEGER,
    reason TEXT, at INTEGER, PRIMARY KEY (bank, key, kind, partner));
CREATE TABLE IF NOT EXISTS counters (name TEXT PRIMARY KEY, value INTEGER);
"""


class Numbering:
    """The ledger's file. ``database`` is asked with ``lock`` held; changes are made in :meth:`change`."""

    def __init__(self, path: Path, now: Callable[[], float]) -> None:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.database = sqlite3.connect(path, check_same_thread=False, isolation_level=None, timeout=30)
        path.chmod(0o600)
        # keys come in no order, so a first comparison touches every page again and again: more of them are kept
        for pragma in ("journal_mode=WAL", "synchronous=NORMAL", "cache_size=-65536"):
            self.database.execute(f"PRAGMA {pragma}")
        self.database.executescript(_SCHEMA)
        self.lock = threading.RLock()
        self._now = now
        self._handed = self._seq = 0
        self._more: dict[str, int] = {}
        self.second = 0
        """The second of the change that is being made."""
        self._upgrade()
        self._handed = self.latest()[1]
        with self.change():
            row = ("identity", secrets.randbits(62))
            self.database.execute("INSERT OR IGNORE INTO counters VALUES (?, ?)", row)
        self.identity = str(self._counter("identity"))
        """Tells this ledger from one that was made anew: its numbers begin anew too."""

    def close(self) -> None:
        """Let go of the file."""
        with self.lock:
            self.database.close()

    def latest(self) -> tuple[int, int]:
        """Return the number and the second of the newest change."""
        with self.lock:
            return self._counter("seq"), self._counter("at")

    def end(self) -> tuple[int, int]:
        """Return the end of a range that begins to be told now: later changes are dated after its second."""
        with self.lock:
            seq, at = self.latest()
            self._handed = max(self._handed, at)
            return seq, at

    def moment(self) -> int:
        """Return the second at which something happens now that no checkpoint given so far covers."""
        with self.lock:
            return max(int(self._now()), self._counter("at"), self._handed + 1)

    @contextlib.contextmanager
    def change(self) -> Iterator[None]:
        """One transaction: all its changes have one second, and the counters are written with them."""
        with self.lock:
            self.database.execute("BEGIN IMMEDIATE")
            try:
                before = self._seq = self._counter("seq")
                self.second = self.moment()
                self._more = {}
                yield
                self._count(before)
            except BaseException:
                self.database.execute("ROLLBACK")
                raise
            self.database.execute("COMMIT")

    def next(self) -> int:
        """Return the number of the next change."""
        self._seq += 1
        return self._seq

    def more(self, bank: str, by: int) -> None:
        """Count entries of a bank that stand from now on, or (below 0) no longer."""
        self._more[bank] = self._more.get(bank, 0) + by

    def live(self, bank: str) -> int:
        """Return how many entries of a bank stand, hidden ones too: what its list counts."""
        return self._counter(f"live {bank}") + self._more.get(bank, 0)

    def version(self) -> int:
        """Return a number that changes when another process has written to the ledger."""
        with self.lock:
            return int(self.database.execute("PRAGMA data_version").fetchone()[0])

    def _count(self, before: int) -> None:
        for bank, by in self._more.items():
            self.database.execute(
                "INSERT INTO counters VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = value + excluded.value",
                (f"live {bank}", by),
            )
        self._more = {}
        if self._seq != before:
            counters = (("seq", self._seq), ("at", self.second))
            self.database.executemany("INSERT OR REPLACE INTO counters VALUES (?, ?)", counters)

    def _upgrade(self) -> None:
        """Bring the file of an older Tocsin up to date."""
        if not any(row[1] == "hidden" for row in self.database.execute("PRAGMA table_info(entries)")):
            self.database.execute("ALTER TABLE entries ADD COLUMN hidden INTEGER DEFAULT 0")
            count = "SELECT 'live ' || bank, count(*) FROM entries WHERE active GROUP BY bank"
            self.database.execute(f"INSERT OR REPLACE INTO counters {count}")
        self.database.execute("CREATE INDEX IF NOT EXISTS entries_hidden ON entries (bank) WHERE hidden")

    def _counter(self, name: str) -> int:
        found = self.database.execute("SELECT value FROM counters WHERE name = ?", (name,)).fetchone()
        return int(found[0]) if found else 0
