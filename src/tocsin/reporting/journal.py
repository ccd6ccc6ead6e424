"""The worker's own journal of steps, on disk before the step it names counts as taken.

One row an attempt. After a crash these rows alone say what may be at the service: a row *submitting* means that a
report may have been opened there, *opened* and *finishing* that one was.
"""

import json
import os
import secrets
import sqlite3
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS about (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS steps (
  report TEXT NOT NULL, attempt INTEGER NOT NULL, step TEXT NOT NULL, remote_id INTEGER, told INTEGER NOT NULL,
  detail TEXT NOT NULL, PRIMARY KEY (report, attempt)
);
"""
_VERSION: Final = 1


class JournalError(RuntimeError):
    """The journal cannot be opened or written; the message is a sentence for the operator."""


class Step(StrEnum):
    """How far an attempt came.

    ``granted``: nothing was sent · ``submitting``: the report is about to leave, or has left · ``opened``: it has a
    number · ``finishing``: the last call is about to leave, or has left · then one of the ends: ``filed``, ``undone``
    (nothing of it is left there), ``unknown`` (the answer to submit never came), ``refused`` (a person must look),
    ``dropped`` (the hub has replaced this attempt and nothing of it is left).
    """

    GRANTED = "granted"
    SUBMITTING = "submitting"
    OPENED = "opened"
    FINISHING = "finishing"
    FILED = "filed"
    UNDONE = "undone"
    UNKNOWN = "unknown"
    REFUSED = "refused"
    DROPPED = "dropped"


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One attempt. ``told``: the hub knows of this step. ``detail`` is what the hub is told beside it."""

    report: str
    attempt: int
    step: Step
    remote_id: int | None = None
    told: bool = False
    detail: dict[str, Any] = field(default_factory=dict)


class Journal:
    """The rows in an SQLite file that only this user reads; every write is on disk when the call returns."""

    def __init__(self, path: Path) -> None:
        try:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            new = not path.exists()
            self._db = sqlite3.connect(path, isolation_level=None)
            if new:
                os.chmod(path, 0o600)  # noqa: PTH101
            for pragma in ("journal_mode=WAL", "synchronous=FULL", "locking_mode=EXCLUSIVE"):
                self._db.execute(f"PRAGMA {pragma}")
            self._db.execute("BEGIN IMMEDIATE")
            for statement in _SCHEMA.strip().split(";"):
                self._db.execute(statement)
            self._db.execute("COMMIT")
            self.id = self._about("id", secrets.token_hex(16))
            if self._about("version", str(_VERSION)) != str(_VERSION):
                raise JournalError(f"The journal {path} was written by another version of this program.")
        except sqlite3.OperationalError as error:
            busy = "locked" in str(error)
            sentence = "is used by another reporting worker" if busy else f"cannot be used ({error})"
            raise JournalError(f"The journal {path} {sentence}.") from error
        except (OSError, sqlite3.DatabaseError) as error:
            raise JournalError(f"The journal {path} cannot be used: {error}.") from error

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def write(self, report: str, attempt: int, step: Step, remote_id: int | None = None, **detail: Any) -> Row:
        """Write a step down, not yet told to the hub. What an earlier step said of the number is kept."""
        before = self.read(report, attempt)
        if remote_id is None and before is not None:
            remote_id = before.remote_id
        if step is Step.GRANTED:
            remote_id = None
        row = Row(report=report, attempt=attempt, step=step, remote_id=remote_id, detail=detail)
        self._db.execute(
            "INSERT INTO steps VALUES (?, ?, ?, ?, 0, ?) ON CONFLICT (report, attempt) DO UPDATE SET "
            "step = excluded.step, remote_id = excluded.remote_id, told = 0, detail = excluded.detail",
            (report, attempt, step.value, remote_id, json.dumps(detail)),
        )
        return row

    def tell(self, row: Row) -> None:
        """Note that the hub knows of a step."""
        self._db.execute(
            "UPDATE steps SET told = 1 WHERE report = ? AND attempt = ? AND step = ?",
            (row.report, row.attempt, row.step),
        )

    def read(self, report: str, attempt: int) -> Row | None:
        """Return an attempt, or None when it is not known here."""
        found = self._db.execute("SELECT * FROM steps WHERE report = ? AND attempt = ?", (report, attempt)).fetchone()
        return None if found is None else _row(found)

    def unsettled(self) -> list[Row]:
        """Return the attempts that have not come to an end, or whose end the hub has not been told."""
        ends = (Step.FILED, Step.UNDONE, Step.UNKNOWN, Step.REFUSED)
        query = (
            "SELECT * FROM steps WHERE step != ? AND NOT (told = 1 AND step IN (?, ?, ?, ?)) ORDER BY report, attempt"
        )
        return [_row(each) for each in self._db.execute(query, (Step.DROPPED, *ends))]

    def rows(self) -> list[Row]:
        """Return every attempt."""
        return [_row(each) for each in self._db.execute("SELECT * FROM steps ORDER BY report, attempt")]

    def _about(self, name: str, value: str) -> str:
        self._db.execute("INSERT OR IGNORE INTO about VALUES (?, ?)", (name, value))
        found: str = self._db.execute("SELECT value FROM about WHERE name = ?", (name,)).fetchone()[0]
        return found


def _row(found: tuple[Any, ...]) -> Row:
    report, attempt, step, remote_id, told, detail = found
    return Row(
        report=report,
        attempt=attempt,
        step=Step(step),
        remote_id=remote_id,
        told=bool(told),
        detail=json.loads(detail),
    )
