"""Seen files: which files were compared already, and with which state of the lists; how far the sweep has come.

One SQLite file in the agent's folder that only its user can read. A file is known by device, inode, size and time of
change, so a restart examines nothing twice. Its fingerprints are kept beside it: when the lists change they are asked
again without reading the file again.
"""

import contextlib
import os
import sqlite3
import threading
import time
from dataclasses import dataclass
from pathlib import Path

_SCHEMA = """
create table if not exists file (dev integer, ino integer, size integer, changed integer, version text, prints text,
  primary key (dev, ino)) without rowid;
create table if not exists folder (path text primary key, mtime integer, round integer) without rowid;
create table if not exists state (name text primary key, value text) without rowid;
"""
_MOST = 2_000_000
_COMMIT_S, _COMMIT_ROWS = 1.0, 200


@dataclass(frozen=True, slots=True)
class FileKey:
    """What a file is known by. ``changed`` is made of both its times: that of its inode cannot be set, but some drives
    keep only the other."""

    dev: int
    ino: int
    size: int
    changed: int

    @staticmethod
    def of(about: os.stat_result) -> "FileKey":
        """Return the key of a file's facts."""
        dev, ino = (value - 2**64 if value >= 2**63 else value for value in (about.st_dev, about.st_ino))
        return FileKey(dev, ino, about.st_size, (about.st_ctime_ns * 1_000_003 + about.st_mtime_ns) % 2**63)


class SeenFiles:
    """The file of what was seen. Thread-safe. A damaged one is begun anew: then everything is looked at again."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._dirty, self._committed = 0, time.monotonic()
        try:
            self._db = self._open()
        except sqlite3.DatabaseError:
            path.unlink(missing_ok=True)
            self._db = self._open()

    def known(self, key: FileKey) -> tuple[str, str] | None:
        """Return (version of the lists, fingerprints) of a file that was compared and has not changed, or None."""
        with self._lock:
            found = self._db.execute(
                "select version, prints from file where dev = ? and ino = ? and size = ? and changed = ?",
                (key.dev, key.ino, key.size, key.changed),
            ).fetchone()
        return (found[0], found[1]) if found else None

    def put(self, key: FileKey, version: str, prints: str = "") -> None:
        """Note that a file was compared with a state of the lists, or (empty version) cannot be."""
        row = (key.dev, key.ino, key.size, key.changed, version, prints)
        self._write("insert or replace into file values (?, ?, ?, ?, ?, ?)", row)

    def folder_done(self, path: str, mtime: int, round_: int) -> None:
        """Note that the sweep has been through a folder's files."""
        self._write("insert or replace into folder values (?, ?, ?)", (_text(path), mtime, round_))

    def is_folder_done(self, path: str, mtime: int, round_: int) -> bool:
        """Say whether the sweep has been through a folder in this round, and the folder has not changed since."""
        with self._lock:
            query = "select 1 from folder where path = ? and mtime = ? and round = ?"
            return self._db.execute(query, (_text(path), mtime, round_)).fetchone() is not None

    def get(self, name: str) -> str:
        """Return a kept value, or nothing."""
        with self._lock:
            found = self._db.execute("select value from state where name = ?", (name,)).fetchone()
        return str(found[0]) if found else ""

    def set(self, name: str, value: str) -> None:
        """Keep a value, at once."""
        self._write("insert or replace into state values (?, ?)", (name, value), now=True)

    def prune(self, before_round: int) -> None:
        """Forget the folders of earlier rounds, and the oldest files when there are far too many."""
        self._write("delete from folder where round < ?", (before_round,), now=True)
        with self._lock:
            (many,) = self._db.execute("select count(*) from file").fetchone()
        if many > _MOST:
            self._write("delete from file", (), now=True)

    def close(self) -> None:
        """Write down what is left and close."""
        with self._lock, contextlib.suppress(sqlite3.Error):
            self._db.commit()
            self._db.close()

    def _write(self, statement: str, values: tuple[object, ...], *, now: bool = False) -> None:
        """Write; a full disk is no reason to stop looking (the file will be looked at again)."""
        with self._lock, contextlib.suppress(sqlite3.Error):
            self._db.execute(statement, values)
            self._dirty += 1
            if now or self._dirty >= _COMMIT_ROWS or time.monotonic() - self._committed > _COMMIT_S:
                self._db.commit()
                self._dirty, self._committed = 0, time.monotonic()

    def _open(self) -> sqlite3.Connection:
        db = sqlite3.connect(self._path, check_same_thread=False, timeout=5.0)
        try:
            self._path.chmod(0o600)
            db.execute("pragma journal_mode=wal")
            db.execute("pragma synchronous=normal")
            db.executescript(_SCHEMA)
        except (sqlite3.Error, OSError):
            db.close()
            raise
        return db


def _text(path: str) -> str:
    """Return a path as text that SQLite takes: names that are no text become their code."""
    return path.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
