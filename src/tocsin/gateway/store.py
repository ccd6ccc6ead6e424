"""The gateway's state: one SQLite file that all of its processes read, and one of them writes.

A process keeps what it needs for each call in memory (:class:`Following`) and looks, a few times a second, whether the
file has changed: that costs microseconds and no query.
"""

import contextlib
import importlib
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, Generic, TypeVar

from sqlalchemy import Connection, create_engine, event, text
from sqlalchemy.exc import OperationalError, SQLAlchemyError
from sqlalchemy.orm import Session

from tocsin.gateway.tables import Base

TABLES: Final = (
    "tocsin.gateway.keys_tables",
    "tocsin.gateway.banks_tables",
    "tocsin.gateway.webhooks_tables",
    "tocsin.gateway.reports_tables",
    "tocsin.gateway.streams.watches_tables",
    "tocsin.gateway.exchanges.tables",
)
"""The modules that hold tables, listed by hand. A new one is created in an older store when that is next opened."""

VERSION: Final = 1
"""Grows when the meaning of a table changes; a store of a later version is refused."""

LOOK_S: Final = 0.2
"""Seconds between two looks at whether the store has changed."""

_WAIT_S = 30.0
_T = TypeVar("_T")


class StoreError(RuntimeError):
    """The store cannot be opened or written; the message is a sentence for the operator."""


class Store:
    """Where the gateway keeps its state."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.engine = create_engine(f"sqlite:///{path}", connect_args={"check_same_thread": False, "timeout": _WAIT_S})
        event.listen(self.engine, "connect", _connected)
        event.listen(self.engine, "begin", _begun)
        self._writing = self.engine.execution_options(tocsin_write=True)
        self._turn = threading.Lock()
        self._watch: sqlite3.Connection | None = None
        self._watching = threading.Lock()

    @classmethod
    def open(cls, path: Path) -> "Store":
        """Open the store and create the tables it lacks. Raises StoreError."""
        for module in TABLES:
            importlib.import_module(module)
        store = cls(path)
        try:
            with store._writing.begin() as connection:
                found = int(connection.execute(text("PRAGMA user_version")).scalar() or 0)
                if found > VERSION:
                    raise StoreError(f"{path} was written by a newer Tocsin; update this one to open it.")
                Base.metadata.create_all(connection)
                connection.execute(text(f"PRAGMA user_version = {VERSION:d}"))
            path.chmod(0o600)
        except (SQLAlchemyError, OSError) as error:
            said = str(getattr(error, "orig", None) or error).strip().splitlines()[0]
            raise StoreError(f"The store {path} cannot be opened: {said}.") from error
        return store

    @contextmanager
    def session(self) -> Iterator[Session]:
        """Write: one transaction, on disk when the block ends well, nothing of it when it does not. Do not nest.

        Raises StoreError where it is busy, or its file is gone: what is written to an open file without a name is lost.
        """
        if not self.path.exists():
            raise StoreError(f"The file {self.path.name} is gone; nothing was written. Put it back, and start again.")
        if not self._turn.acquire(timeout=_WAIT_S):
            raise StoreError(f"The store has been busy for {_WAIT_S:.0f} s; nothing was written. Try again.")
        try:
            with _said(), Session(self._writing, expire_on_commit=False) as session:
                yield session
                session.commit()
        finally:
            self._turn.release()

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """Read without waiting for writers; rows stay usable afterwards. Raises StoreError."""
        with _said(), Session(self.engine, expire_on_commit=False, autoflush=False) as session:
            yield session

    def version(self) -> int:
        """Return a number that changes when anybody, in any process, has written to the store. Raises StoreError."""
        with self._watching, _said():
            if self._watch is None:
                self._watch = sqlite3.connect(self.path, timeout=_WAIT_S, check_same_thread=False)
            return int(self._watch.execute("PRAGMA data_version").fetchone()[0])

    def close(self) -> None:
        """Close every connection."""
        with self._watching:
            if self._watch is not None:
                self._watch.close()
                self._watch = None
        self.engine.dispose()


class Following(Generic[_T]):
    """Something read from the store that is read again, within :data:`LOOK_S`, when the store has changed."""

    def __init__(self, store: Store, load: Callable[[Session], _T]) -> None:
        self._store, self._load = store, load
        self._lock = threading.Lock()
        self._looked = 0.0
        self._version = -1
        self._value: _T | None = None

    @property
    def value(self) -> _T:
        """What the store holds, at most :data:`LOOK_S` old."""
        now = time.monotonic()
        if self._value is not None and now - self._looked < LOOK_S:
            return self._value
        if self._value is not None and not self._lock.acquire(blocking=False):
            return self._value  # another thread is at it
        if self._value is None:
            self._lock.acquire()
        try:
            return self._fresh(now)
        finally:
            self._lock.release()

    def refresh(self) -> _T:
        """Return what the store holds at this moment."""
        with self._lock:
            self._version = -1
            return self._fresh(time.monotonic())

    def _fresh(self, now: float) -> _T:
        version = self._store.version()
        if self._value is None or version != self._version:
            with self._store.reading() as session:
                self._value = self._load(session)
            self._version = version
        self._looked = now
        return self._value


@contextmanager
def _said() -> Iterator[None]:
    """Turn what the database says into a sentence: a disk that is full or gone is no fault of the program."""
    try:
        yield
    except (OperationalError, sqlite3.OperationalError) as error:
        why = str(getattr(error, "orig", None) or error).strip().splitlines()[0]
        raise StoreError(f"The gateway's database cannot be read or written: {why}.") from error


def _connected(connection: Any, _record: Any) -> None:
    connection.isolation_level = None
    with contextlib.closing(connection.cursor()) as cursor:
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "temp_store=MEMORY"):
            cursor.execute(f"PRAGMA {pragma}")


def _begun(connection: Connection) -> None:
    write = connection.get_execution_options().get("tocsin_write")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if write else "BEGIN")
