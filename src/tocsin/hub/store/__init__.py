"""The hub's state: SQLite by default, PostgreSQL by URL.

Durability, decided: nothing is acknowledged to a device, and no page says "done", before it is on disk. SQLite
therefore runs in WAL mode with ``synchronous=FULL`` (in WAL mode ``NORMAL`` may lose the last commits at a power
cut); PostgreSQL keeps its default ``synchronous_commit=on``. Ingest pays for it once per group of batches, not
once per batch (hub/ingest.py).

One writer at a time on both engines: :meth:`Store.session` holds a lock (a mutex here, and on PostgreSQL an
advisory lock that other hubs on the same database honour). The audit log and the alert numbers are sequences
without holes, so they need an order anyway. :meth:`Store.reading` never waits for writers.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, SQLAlchemyError
from sqlalchemy.orm import Session

HEAD = "0005"
"""The newest revision in migrations/versions; a test keeps it true."""

WRITER_WAIT_S = 30.0
"""How long a writer waits for its turn before it gives up with a sentence."""

_ADVISORY_LOCK = 8420_0001
_AFTER = "tocsin.after_commit"


class StoreError(RuntimeError):
    """The store cannot be opened or written; the message is a sentence for the operator."""


class Store:
    """Where the hub keeps its state. ``url`` is an SQLAlchemy URL: ``sqlite:///…`` or ``postgresql://…``."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.engine = _engine(url)
        self.is_sqlite = self.engine.dialect.name == "sqlite"
        self._writing = self.engine.execution_options(tocsin_write=True)
        self._turn = threading.Lock()

    @contextmanager
    def session(self) -> Iterator[Session]:
        """Write: one transaction, committed when the block ends well and rolled back when it does not.

        Only one runs at a time. Do not nest. Functions given to :func:`after_commit` run once it is on disk.
        """
        if not self._turn.acquire(timeout=WRITER_WAIT_S):
            raise StoreError(f"The store has been busy for {WRITER_WAIT_S:.0f} s; nothing was written. Try again.")
        try:
            with Session(self._writing, expire_on_commit=False) as session:
                yield session
                session.commit()
                after: list[Callable[[], None]] = session.info.pop(_AFTER, [])
        finally:
            self._turn.release()
        for call in after:
            call()

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """Read without waiting for writers; anything changed is dropped. Loaded rows stay usable afterwards."""
        with Session(self.engine, expire_on_commit=False, autoflush=False) as session:
            yield session

    def migrate(self) -> None:
        """Bring the tables up to date. Costs one query when they already are."""
        if self.revision() != HEAD:
            from tocsin.hub.store.migrate import upgrade

            upgrade(self.engine)

    def revision(self) -> str | None:
        """Return the revision the tables are at, or None for an empty store. Raises StoreError if unreachable."""
        try:
            with self.engine.connect() as connection:
                if not self.engine.dialect.has_table(connection, "alembic_version"):
                    return None
                return connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
        except SQLAlchemyError as error:
            where = self.engine.url.render_as_string(hide_password=True)
            raise StoreError(f"The store at {where} cannot be opened: {_first_line(error)}") from error

    def close(self) -> None:
        """Close every connection."""
        self.engine.dispose()


def after_commit(session: Session, call: Callable[[], None]) -> None:
    """Run ``call`` once ``session``'s transaction is on disk; never if it is rolled back."""
    session.info.setdefault(_AFTER, []).append(call)


def sqlite_url(path: Path) -> str:
    """Return the URL of an SQLite file."""
    return f"sqlite:///{path}"


def _engine(url: str) -> Engine:
    try:
        parsed = make_url(url)
    except ArgumentError as error:
        raise StoreError("The store's URL cannot be read; write sqlite:///PATH or postgresql://HOST/NAME.") from error
    if parsed.get_backend_name() == "sqlite":
        engine = create_engine(parsed, connect_args={"check_same_thread": False, "timeout": WRITER_WAIT_S})
        event.listen(engine, "connect", _sqlite_connect)
        event.listen(engine, "begin", _sqlite_begin)
        return engine
    if parsed.get_backend_name() == "postgresql":
        try:
            engine = create_engine(
                parsed.set(drivername="postgresql+psycopg"), pool_size=10, max_overflow=20, pool_pre_ping=True
            )
        except ModuleNotFoundError as error:
            raise StoreError("PostgreSQL needs one more package: pip install 'tocsin[postgres]'.") from error
        event.listen(engine, "begin", _postgres_begin)
        return engine
    raise StoreError(f"The store {parsed.get_backend_name()!r} is not supported; use sqlite:///… or postgresql://….")


def _sqlite_connect(connection: Any, _record: Any) -> None:
    """Set up a new SQLite connection: we say when transactions begin, and commits reach the disk."""
    connection.isolation_level = None
    cursor = connection.cursor()
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "temp_store=MEMORY", "cache_size=-32000"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _sqlite_begin(connection: Connection) -> None:
    write = connection.get_execution_options().get("tocsin_write")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if write else "BEGIN")


def _postgres_begin(connection: Connection) -> None:
    if connection.get_execution_options().get("tocsin_write"):
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_ADVISORY_LOCK})")


def _first_line(error: Exception) -> str:
    return str(getattr(error, "orig", None) or error).strip().splitlines()[0]
