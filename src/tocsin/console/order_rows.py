"""An order as pages show it."""

import json
from dataclasses import dataclass
from datetime import datetime

from tocsin.hub import orders
from tocsin.hub.store.schema import OrderRecord

STATES = {
    "in-force": "in force",
    "not-yet": "not yet in force",
    "ended": "ended",
    "superseded": "replaced by a later order",
    "discharged": "discharged",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderRow:
    """What the lists read."""

    id: str
    reference: str
    subject: str
    subject_id: str
    state: str
    live: bool
    begins: datetime
    ends: datetime
    example: bool
    devices: int = 0

    @staticmethod
    def of(record: OrderRecord, now: datetime, devices: int = 0) -> "OrderRow":
        """Read an order's row."""
        status = orders.status(record, now)
        return OrderRow(
            id=record.id,
            reference=record.reference,
            subject=record.subject.reference,
            subject_id=record.subject_id,
            state=STATES[status],
            live=status in ("in-force", "not-yet"),
            begins=record.valid_from,
            ends=record.valid_until,
            example=json.loads(record.signed).get("order", {}).get("example") is True,
            devices=devices,
        )
