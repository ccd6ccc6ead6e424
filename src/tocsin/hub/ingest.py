"""Journal ingest: admit what continues a device's chain, refuse the rest with a sentence, answer once it is on disk.

Resending is harmless: an entry that was admitted before, bit for bit, counts as a duplicate. Everything up to a
refused entry is kept. A wrong wall clock refuses nothing (it rings instead, see effects.py).
"""

import base64
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, cast

from sqlalchemy import Table, insert, select
from sqlalchemy.orm import Session

from tocsin.evidence.journal import JournalError, canonical, check, entry_hash, from_dict
from tocsin.hub import device_state, effects
from tocsin.hub.device_state import DeviceState
from tocsin.hub.hub import Hub
from tocsin.hub.store.schema import JournalEntry
from tocsin.model import Entry, parse_utc, utc_text

MAX_ENTRIES: Final = 500

_ENTRIES = cast(Table, JournalEntry.__table__)


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a batch is answered."""

    status: int
    body: dict[str, Any]


@dataclass(slots=True)
class _Group:
    """What a group of batches has changed so far."""

    devices: dict[str, DeviceState]
    changed: dict[str, DeviceState] = field(default_factory=dict)
    rows: list[dict[str, Any]] = field(default_factory=list)
    hashes: dict[tuple[str, int], str] = field(default_factory=dict)


def take(session: Session, hub: Hub, batches: Sequence[Sequence[Any]]) -> list[Outcome]:
    """Admit batches of raw entries, one device each, in ``session``'s transaction; one outcome per batch.

    The outcomes hold once the transaction is committed.
    """
    now = hub.clock.now()
    named = {device_of(batch) for batch in batches}
    group = _Group(device_state.load(session, named))
    with session.no_autoflush:  # what a group adds is found by ringing.py's own notes, and flushed once
        outcomes = [_take_batch(session, hub, group, batch, now) for batch in batches]
    if group.rows:
        session.connection().execute(insert(_ENTRIES), group.rows)
    device_state.save(session, list(group.changed.values()))
    return outcomes


def device_of(batch: Sequence[Any]) -> str:
    """Return the id of the device that a batch's first entry names, or ""."""
    first = batch[0] if batch else None
    name = first.get("device") if isinstance(first, dict) else None
    return name if isinstance(name, str) and len(name) <= 64 and name.isascii() and name.isprintable() else ""


def _take_batch(session: Session, hub: Hub, group: _Group, batch: Sequence[Any], now: datetime) -> Outcome:
    device = group.devices.get(device_of(batch))
    if device is None or device.status == "removed":
        return Outcome(
            403,
            {"error": "unknown-device", "sentence": "This device is not enrolled here, or was removed from this hub."},
        )
    accepted = duplicates = 0
    for raw in batch:
        try:
            entry = from_dict(raw)
            if entry.device == device.id and entry.seq <= device.last_seq and _is_resend(session, group, entry):
                duplicates += 1
                continue
            _admit(session, hub, group, device, entry, now)
            accepted += 1
        except JournalError as error:
            _count(hub, accepted, duplicates, error.code)
            return Outcome(409, _refusal(device, error, raw))
    _count(hub, accepted, duplicates, "")
    at = utc_text(now)
    signed = {"device": device.id, "seq": device.last_seq, "hash": device.last_hash, "at": at}
    receipt = base64.b64encode(hub.key.sign(canonical(signed))).decode("ascii")
    return Outcome(
        200,
        {
            "device": device.id,
            "head": {"seq": device.last_seq, "hash": device.last_hash},
            "accepted": accepted,
            "duplicates": duplicates,
            "receipt": receipt,
            "at": at,
        },
    )


def _admit(session: Session, hub: Hub, group: _Group, device: DeviceState, entry: Entry, now: datetime) -> None:
    before = device.head
    head = check(entry, before, device.public_key, device.id, fresh=True)
    at = parse_utc(entry.at)
    group.changed[device.id] = device
    group.hashes[device.id, entry.seq] = head.hash
    group.rows.append(
        {
            "device_id": device.id,
            "seq": entry.seq,
            "kind": entry.kind[:20],
            "at": at,
            "received_at": now,
            "hash": head.hash,
            "raw": canonical(entry.as_dict()).decode("utf-8"),
        }
    )
    effects.apply(session, hub, device, entry, before, now)
    device.advance(head, at)
    device.last_received = now


def _is_resend(session: Session, group: _Group, entry: Entry) -> bool:
    """Tell whether this very entry was admitted before. Raises JournalError (fork) if another one was."""
    stored = group.hashes.get((entry.device, entry.seq))
    if stored is None:
        query = select(_ENTRIES.c.hash).where(_ENTRIES.c.device_id == entry.device, _ENTRIES.c.seq == entry.seq)
        stored = session.connection().execute(query).scalar()
    if stored is None:
        return False  # its row was erased after its time: check() then calls it a replay
    if stored != entry_hash(entry):
        raise JournalError("fork", f"Entry {entry.seq} differs from the entry {entry.seq} already received.")
    return True


def _refusal(device: DeviceState, error: JournalError, raw: Any) -> dict[str, Any]:
    seq = raw.get("seq") if isinstance(raw, dict) else None
    return {
        "error": error.code,
        "sentence": str(error),
        "head": {"seq": device.last_seq, "hash": device.last_hash},
        "refused_seq": seq if type(seq) is int and 0 <= seq < 2**53 else None,
    }


def _count(hub: Hub, accepted: int, duplicates: int, refused: str) -> None:
    hub.metrics.entries.labels("accepted").inc(accepted)
    if duplicates:
        hub.metrics.entries.labels("duplicate").inc(duplicates)
    if refused:
        hub.metrics.refusals.labels(refused).inc()
