"""A device's row while its journal is being read: loaded once per group of batches, written back once."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, fields
from datetime import datetime
from typing import Any, cast

from sqlalchemy import Table, bindparam, func, select, update
from sqlalchemy.orm import Session

from tocsin.evidence.journal import Head
from tocsin.hub.store.schema import Device, Subject
from tocsin.model import utc_text

_TABLE = cast(Table, Device.__table__)
_KEPT = [
    "order_id",
    "software",
    "platform",
    "status",
    "last_seq",
    "last_hash",
    "last_boot",
    "last_mono_ns",
    "last_at",
    "last_received",
    "last_heartbeat",
    "last_evidence",
    "silent_since",
    "health",
]


@dataclass(slots=True)
class DeviceState:
    """What ingest reads and changes of a device. It is also the origin of the alerts it causes."""

    id: str
    label: str
    subject_id: str
    unit_id: str
    order_id: str
    public_key: str
    software: str
    platform: str
    status: str
    enrolled_at: datetime
    last_seq: int
    last_hash: str
    last_boot: str
    last_mono_ns: int
    last_at: datetime | None
    last_received: datetime | None
    last_heartbeat: datetime | None
    last_evidence: datetime | None
    silent_since: datetime | None
    health: dict[str, Any] = field(default_factory=dict)

    @property
    def head(self) -> Head:
        """The last admitted entry."""
        at = utc_text(self.last_at) if self.last_at else ""
        return Head(self.last_seq, self.last_hash, self.last_boot, self.last_mono_ns, at)

    def advance(self, head: Head, at: datetime) -> None:
        """Note that the journal now ends at ``head``."""
        self.last_seq, self.last_hash, self.last_boot, self.last_mono_ns = head.seq, head.hash, head.boot, head.mono_ns
        self.last_at = at


_COLUMNS = [_TABLE.c.get(f.name, Subject.unit_id) for f in fields(DeviceState)]
_SELECT = select(*_COLUMNS).join(Subject, Subject.id == _TABLE.c.subject_id)
_UPDATE = (
    update(_TABLE).where(_TABLE.c.id == bindparam("the_id")).values({name: bindparam(f"new_{name}") for name in _KEPT})
)


def load(session: Session, ids: Collection[str]) -> dict[str, DeviceState]:
    """Return the devices of these ids that exist."""
    rows = session.connection().execute(_SELECT.where(_TABLE.c.id.in_(list(ids))))
    return {row[0]: DeviceState(*row) for row in rows}


def overdue(session: Session, before: datetime) -> list[DeviceState]:
    """Return the devices, not yet known to be silent, whose last sign of life is from ``before`` then."""
    last = func.coalesce(_TABLE.c.last_heartbeat, _TABLE.c.last_received, _TABLE.c.enrolled_at)
    query = _SELECT.where(_TABLE.c.status.in_(("active", "stopped")), _TABLE.c.silent_since.is_(None), last <= before)
    return [DeviceState(*row) for row in session.connection().execute(query)]


def save(session: Session, devices: Sequence[DeviceState]) -> None:
    """Write changed devices back."""
    if devices:
        rows = [{"the_id": d.id} | {f"new_{name}": getattr(d, name) for name in _KEPT} for d in devices]
        session.connection().execute(_UPDATE, rows)
