"""Unasked: fingerprints that could not be compared yet, on disk until the hub can be asked. Nothing is lost silently.

One SQLite file that only its user can read. It holds hashes, times and, of files, where they lie (which this very disk
tells anyway): no titles, no words and no pictures from a screen.
"""

import contextlib
import hashlib
import json
import sqlite3
import threading
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tocsin.model import (
    Fingerprints,
    Frame,
    Kind,
    MediaSeen,
    Observation,
    Print,
    Rect,
    parse_utc,
    utc_text,
)

MOST = 20_000
MOST_BYTES = 64 << 20
"""How many fingerprints wait at most, and how many bytes of them."""


class Unasked:
    """The queue's file. Thread-safe. What it cannot take it says so; it never raises for the disk."""

    def __init__(self, path: Path, salt: str = "", most: int = MOST, most_bytes: int = MOST_BYTES) -> None:
        self._path, self._salt, self._most, self._most_bytes = path, salt, most, most_bytes
        self._lock = threading.Lock()
        self._db: sqlite3.Connection | None = None
        self._count = self._bytes = 0
        with contextlib.suppress(sqlite3.Error, OSError):
            self._open()

    @property
    def count(self) -> int:
        """How many wait."""
        return self._count

    def add(self, items: Sequence[tuple[Fingerprints, Observation]]) -> list[int]:
        """Keep items; return the number each is kept under, 0 for one that could not be kept."""
        rows: list[int] = []
        with self._lock:
            try:
                db = self._db or self._open()
                with db:
                    for prints, seen in items:
                        text = _written(prints, seen, self._salt)
                        if self._count >= self._most or self._bytes + len(text) > self._most_bytes:
                            rows.append(0)
                            continue
                        rows.append(int(db.execute("insert into item (text) values (?)", (text,)).lastrowid or 0))
                        self._count += 1
                        self._bytes += len(text)
            except (sqlite3.Error, OSError):
                self._recount()
                return [0] * len(items)
        return rows

    def oldest(self, most: int, after: int = 0) -> list[tuple[int, Fingerprints, Observation]]:
        """Return the oldest items with their numbers; one that cannot be read any more is dropped."""
        with self._lock:
            try:
                db = self._db or self._open()
                found = db.execute(
                    "select id, text from item where id > ? order by id limit ?", (after, most)
                ).fetchall()
            except (sqlite3.Error, OSError):
                return []
        read = []
        for number, text in found:
            try:
                read.append((number, *_read(text)))
            except (ValueError, KeyError, TypeError):
                self.remove([number])
        return read

    def remove(self, numbers: Iterable[int]) -> None:
        """Forget items that were answered."""
        with self._lock, contextlib.suppress(sqlite3.Error, OSError):
            db = self._db or self._open()
            with db:
                db.executemany("delete from item where id = ?", ((number,) for number in numbers))
            self._recount()

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            if self._db is not None:
                self._db.close()
                self._db = None

    def _open(self) -> sqlite3.Connection:
        db = sqlite3.connect(self._path, check_same_thread=False, timeout=5.0)
        try:
            self._path.chmod(0o600)
            db.execute("pragma journal_mode=wal")
            db.execute("pragma synchronous=normal")
            db.execute("pragma secure_delete=on")
            db.execute("create table if not exists item (id integer primary key autoincrement, text text not null)")
            self._db = db
            self._recount()
        except (sqlite3.Error, OSError):
            self._db = None
            db.close()
            if self._is_damaged():
                self._path.replace(self._path.with_suffix(".damaged"))
            raise
        return db

    def _is_damaged(self) -> bool:
        """Say whether the file is no database: it is set aside, and a new one begun at the next try."""
        with contextlib.suppress(OSError), self._path.open("rb") as file:
            return file.read(16) not in (b"", b"SQLite format 3\0")
        return False

    def _recount(self) -> None:
        with contextlib.suppress(sqlite3.Error):
            if self._db is not None:
                self._count, self._bytes = self._db.execute(
                    "select count(*), coalesce(sum(length(text)), 0) from item"
                ).fetchone()


def _written(prints: Fingerprints, seen: Observation, salt: str) -> str:
    media = seen.body
    assert isinstance(media, MediaSeen)
    thread = hashlib.sha256(f"{salt}:{seen.thread}".encode("utf-8", "replace")).hexdigest()[:16] if seen.thread else ""
    box = media.box
    raw = {
        "id": seen.id,
        "kind": str(seen.kind),
        "at": utc_text(seen.at),
        "sensor": seen.sensor,
        "thread": thread,
        "place": media.place,
        "size": media.size,
        "name": media.name if media.place == "file" else "",
        "held": media.held if media.place == "file" else "",
        "box": [box.x, box.y, box.w, box.h] if box else None,
        "prints": prints.as_dict(),
    }
    return json.dumps(raw, separators=(",", ":"))


def _read(text: str) -> tuple[Fingerprints, Observation]:
    raw: dict[str, Any] = json.loads(text)
    prints = prints_of(raw["prints"])
    media = MediaSeen(
        prints=prints,
        matches=(),
        place=str(raw["place"]),
        name=str(raw["name"]),
        held=str(raw["held"]),
        size=int(raw["size"]),
        box=Rect(*map(int, raw["box"])) if raw["box"] else None,
    )
    at: datetime = parse_utc(raw["at"]).astimezone(UTC)
    return prints, Observation(
        id=str(raw["id"]), kind=Kind(raw["kind"]), at=at, sensor=str(raw["sensor"]), body=media, thread=raw["thread"]
    )


def prints_of(raw: dict[str, Any]) -> Fingerprints:
    """Read fingerprints that this agent wrote. Raises KeyError, TypeError or ValueError."""
    return Fingerprints(
        media=str(raw["media"]),
        md5=str(raw.get("md5", "")),
        sha1=str(raw.get("sha1", "")),
        sha256=str(raw.get("sha256", "")),
        prints=tuple(_print(one) for one in raw.get("prints", ())),
        frames=tuple(Frame(**one) for one in raw.get("frames", ())),
        windows=tuple(map(str, raw.get("windows", ()))),
    )


def _print(raw: dict[str, Any]) -> Print:
    part = raw.get("region")
    return Print(**{**raw, "region": Rect(**part) if part else None})
