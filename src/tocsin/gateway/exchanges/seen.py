"""Which entries a full reading has met so far: on disk, so that a reading of hours survives a kill."""

import contextlib
import sqlite3
from collections.abc import Iterable
from pathlib import Path

_ENDINGS = ("", "-journal", "-wal", "-shm")


class Seen:
    """The keys met, in a scratch file beside the gateway's store."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._path = path
        self._database = sqlite3.connect(path)
        path.chmod(0o600)
        self._database.execute("CREATE TABLE IF NOT EXISTS seen (key BLOB PRIMARY KEY) WITHOUT ROWID")

    def add(self, keys: Iterable[bytes]) -> None:
        """Remember keys, durable on return."""
        with self._database:
            self._database.executemany("INSERT OR IGNORE INTO seen VALUES (?)", ((key,) for key in keys))

    def lacks(self, key: bytes) -> bool:
        """Tell whether a key was not met."""
        return self._database.execute("SELECT 1 FROM seen WHERE key = ?", (key,)).fetchone() is None

    def clear(self) -> None:
        """Begin anew."""
        with self._database:
            self._database.execute("DELETE FROM seen")

    def close(self, remove: bool = False) -> None:
        """Let go of the file; ``remove`` it when the reading is complete."""
        self._database.close()
        if remove:
            for ending in _ENDINGS:
                with contextlib.suppress(FileNotFoundError):
                    self._path.with_name(self._path.name + ending).unlink()
