"""The store's tables as JSON lines, the same whichever engine wrote them, so a copy moves between the two."""

import base64
import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, LargeBinary, Table, func, insert, select, text

from tocsin.hub.store import Store
from tocsin.hub.store import reports as _reports  # noqa: F401 - its tables are part of the schema
from tocsin.hub.store.schema import Base, Utc

LEFT_OUT: Final = frozenset({"sessions", "throttles"})
"""Tables that a copy does not carry: who was signed in, and who has to wait, end with the old hub."""

ROWS: Final = 500
"""Rows in one piece."""


class DumpError(RuntimeError):
    """A piece of a copy that cannot be read; the message is a sentence."""


def tables() -> dict[str, Table]:
    """Return the tables a copy carries by name, those that others refer to first."""
    return {table.name: table for table in Base.metadata.sorted_tables if table.name not in LEFT_OUT}


@contextmanager
def snapshot(store: Store) -> Iterator[Connection]:
    """Give a connection that sees one moment of the store, however long it reads, while writers go on."""
    engine = store.engine if store.is_sqlite else store.engine.execution_options(isolation_level="REPEATABLE READ")
    with engine.connect() as connection:
        yield connection
        connection.rollback()


def pieces(connection: Connection) -> Iterator[tuple[str, bytes, int]]:
    """Yield every table in pieces: its name, JSON lines, and how many rows they hold."""
    for name, table in tables().items():
        columns = list(table.columns)
        result = connection.execution_options(yield_per=ROWS).execute(
            select(table).order_by(*table.primary_key.columns)
        )
        for rows in result.partitions(ROWS):
            lines = [json.dumps([_out(value) for value in row], separators=(",", ":")) for row in rows]
            header = json.dumps([column.name for column in columns])
            yield name, "\n".join([header, *lines, ""]).encode(), len(rows)


def load(connection: Connection, name: str, piece: bytes) -> int:
    """Insert a piece that :func:`pieces` wrote and return its rows. Raises DumpError for anything else."""
    table = tables().get(name)
    if table is None:
        raise DumpError(f"The backup holds a table {name[:40]!r} that this version does not know.")
    try:
        header, *lines = [json.loads(line) for line in piece.decode().splitlines()]
        columns = [table.columns[column] for column in header]
        rows = [
            {column.name: _in(column.type, value) for column, value in zip(columns, line, strict=True)}
            for line in lines
        ]
    except (ValueError, KeyError, TypeError) as error:
        raise DumpError(f"A piece of the table {name} cannot be read; the backup is of another version.") from error
    if rows:
        connection.execute(insert(table), rows)
    return len(rows)


def is_empty(connection: Connection) -> bool:
    """Tell whether the store holds nobody and nothing yet."""
    wanted: Iterable[Table] = (tables()["people"], tables()["audit"], tables()["devices"])
    return all(connection.execute(select(func.count()).select_from(table)).scalar_one() == 0 for table in wanted)


def mend_counters(connection: Connection) -> None:
    """Let PostgreSQL count on from the highest number that was loaded; SQLite does so by itself."""
    if connection.dialect.name != "postgresql":
        return
    for table in tables().values():
        key = table.autoincrement_column
        if key is not None:
            place = f"pg_get_serial_sequence('{table.name}', '{key.name}')"
            highest = f"(SELECT coalesce(max({key.name}), 0) + 1 FROM {table.name})"  # noqa: S608 - our own names
            connection.execute(text(f"SELECT setval({place}, {highest}, false) WHERE {place} IS NOT NULL"))


def _out(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, (bytes, memoryview)):
        return base64.b64encode(bytes(value)).decode("ascii")
    return value


def _in(kind: Any, value: Any) -> Any:
    if value is not None and isinstance(kind, Utc):
        return datetime.fromisoformat(value)
    if value is not None and isinstance(kind, LargeBinary):
        return base64.b64decode(value, validate=True)
    return value
