"""What the nodes need of the core's store: how banks are asked, what is disabled, who may call (digests of keys)."""

import hashlib
import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from sqlalchemy import delete, select
from sqlalchemy.exc import IntegrityError

from tocsin.gateway.banks_tables import Bank, Content, DisabledEntry, SignalTypeRow
from tocsin.gateway.catalogue import ENABLED
from tocsin.gateway.keys_tables import ApiKey
from tocsin.gateway.store import Store

_WHOLE: Final[tuple[type[Any], ...]] = (Bank, DisabledEntry, SignalTypeRow, ApiKey)
_MARKED: Final = ("id", "bank_id", "disable_until_ts", "created_at")


def registry_of(store: Store) -> dict[str, Any]:
    """Return the rows that nodes need, as JSON. No signal, no secret: keys are known by their digests."""
    with store.reading() as session:
        told = {
            table.__tablename__: [_plain(row, table.__table__.columns.keys()) for row in session.scalars(select(table))]
            for table in _WHOLE
        }
        marked = session.scalars(select(Content).where(Content.disable_until_ts != ENABLED))
        told[Content.__tablename__] = [_plain(row, _MARKED) for row in marked]
    return told


def digest_of(told: Mapping[str, Any]) -> str:
    """Return a name of what is told: the same for the same."""
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()


def take_in(store: Store, told: Mapping[str, Any]) -> None:
    """Make a node's store say what the core's said. Raises KeyError, TypeError or ValueError for no registry."""
    try:
        _replace(store, told)
    except IntegrityError as error:
        raise ValueError("The core told of rows that cannot be kept.") from error


def _replace(store: Store, told: Mapping[str, Any]) -> None:
    with store.session() as session:
        emptied: tuple[type[Any], ...] = (Content, *_WHOLE)
        for table in emptied:
            session.execute(delete(table))
        for table in _WHOLE:
            session.add_all(_row(table, raw) for raw in told[table.__tablename__])
            session.flush()
        more = {"state": "live", "signals": {}, "metadata_json": {}}
        session.add_all(_row(Content, raw | more) for raw in told[Content.__tablename__])


def _plain(row: Any, names: Any) -> dict[str, Any]:
    held = {name: getattr(row, name) for name in names}
    return {name: one.isoformat() if isinstance(one, datetime) else one for name, one in held.items()}


def _row(table: type[Any], raw: Mapping[str, Any]) -> Any:
    return table(
        **{
            name: datetime.fromisoformat(one) if name.endswith("_at") and one is not None else one
            for name, one in raw.items()
        }
    )
