"""Known-media matching for devices: who may ask, how often, what is answered, and what is written down of it.

A device sends hashes, never pictures, and the hub keeps nothing of what did not match: no hash, no count by device,
only two totals for the operator. What matched is recorded by the device's own signed finding; the audit log also says
that the hub answered with it (list, entry and device, without hashes), so that nobody can try hashes against a list
unseen.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

from sqlalchemy.orm import Session

from tocsin.evidence.journal import canonical
from tocsin.evidence.keys import verify_signature
from tocsin.hub import audit, orders
from tocsin.hub.bodies import plain
from tocsin.hub.hub import Hub
from tocsin.hub.refusals import Refused
from tocsin.hub.store.schema import Device, OrderRecord
from tocsin.model.media import Fingerprints, Match
from tocsin.orders import OrderError, permit, verify
from tocsin.orders.order import Order

PATH: Final = "/api/v1/match"
DETECTOR: Final = "known-media"
"""The detector that an order must permit before a device may ask."""
MOST_MATCHES: Final = 20
"""Matches answered for one item; known-good lists come first, as they silence."""


@dataclass(frozen=True, slots=True)
class Asker:
    """A device that may ask."""

    id: str
    order_id: str


def admit(hub: Hub, device_id: str, nonce: str, signature: str, body: bytes) -> Asker:
    """Return the device that asks, if it proves itself and its order calls for known media. Raises Refused.

    ``body`` is the request's body as sent; its digest is signed.
    """
    with hub.store.reading() as session:
        device = proven(session, hub, device_id, nonce, signature, PATH, body)
        _check_order(session, device, hub.clock.now())
        return Asker(device_id, device.order_id)


def proven(session: Session, hub: Hub, device_id: str, nonce: str, signature: str, path: str, body: bytes) -> Device:
    """Return the device that signed a request for ``path`` (with its query) and ``body``. Raises Refused.

    It is paced, and no request counts twice.
    """
    if not 16 <= len(nonce) <= 64 or not nonce.isascii():
        raise Refused(400, "malformed", "The header X-Tocsin-Nonce holds 16 to 64 characters.")
    digest = sha256(body).hexdigest()
    device = session.get(Device, device_id) if 0 < len(device_id) <= 32 and device_id.isalnum() else None
    if device is None or device.status == "removed":
        raise Refused(403, "unknown-device", "This device is not enrolled here, or was removed from this hub.")
    signed = canonical({"device": device_id, "path": path, "nonce": nonce, "digest": digest})
    if not verify_signature(device.public_key, signature, signed):
        raise Refused(403, "bad-signature", "The request is not signed by the device it names.")
    wait = hub.gate.pace(device_id)
    if wait:
        raise TooFast(wait)
    if not hub.gate.use(device_id, nonce):
        raise Refused(409, "replay", "This request was made before; sign a new one with a new nonce.")
    return device


def refuse_but_platforms(session: Session, device: Device) -> None:
    """Refuse a device that is no internet service's gateway: a supervised person's device reports nobody."""
    record = session.get(OrderRecord, device.order_id)
    try:
        platform = record is not None and _order(record.signed).kind == "platform-policy"
    except OrderError:
        platform = False
    if not platform:
        raise Refused(403, "not-permitted", "Only a gateway under an internet service's policy has reports.")


class TooFast(Refused):
    """A device asks too often. ``wait`` is how many seconds it should wait."""

    def __init__(self, wait: float) -> None:
        super().__init__(429, "too-fast", "This device asks more often than it may; wait, and ask for more at once.")
        self.wait = wait


def answer(hub: Hub, asker: Asker, items: Sequence[tuple[str, Fingerprints]]) -> dict[str, Any]:
    """Return what each item matches, in order; write down that a match was answered, and nothing else.

    ``lists.missed`` of the answer is how many lists could not be searched: then "no match" does not mean "on no list".
    """
    lists = hub.lists
    missed: set[Path] = set()
    found = [_chosen(matches) for matches in lists.match([prints for _, prints in items], missed)]
    standing = {"count": lists.count, "entries": lists.entries, "version": lists.version, "broken": lists.broken}
    standing["missed"] = len(missed)  # their names stay here: what matches is named, and nothing else
    hub.metrics.match_items.inc(len(items))
    if missed:
        hub.metrics.match_incomplete.inc(sum(not matches for matches in found))
    hub.metrics.match_found.inc(sum(bool(matches) for matches in found))
    fresh = [match for matches in found for match in matches if not match.negative and hub.gate.fresh(asker.id, match)]
    if fresh:
        _write_down(hub, asker, fresh)
    answers = [
        {"id": name, "matches": [_as_dict(match) for match in matches]}
        for (name, _), matches in zip(items, found, strict=True)
    ]
    return {"lists": standing, "answers": answers}


def _chosen(matches: Sequence[Match]) -> list[Match]:
    """Return the matches to answer: known-good lists first, then the best."""
    return [_plain(match) for match in sorted(matches, key=lambda match: not match.negative)[:MOST_MATCHES]]


def _plain(match: Match) -> Match:
    """Name list and entry as the finding about them will: what the audit log says can be found there again."""
    return replace(match, list=plain(match.list, 64), entry=plain(match.entry))


def _as_dict(match: Match) -> dict[str, Any]:
    told = {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(match).items()}
    del told["key"]
    return told


def _write_down(hub: Hub, asker: Asker, matches: Sequence[Match]) -> None:
    """Record which entries of which lists this device was told of; one entry of the log for at most 40 of them."""
    now = hub.clock.now()
    told = [{"list": m.list, "entry": m.entry, "by": m.by, "distance": int(m.distance)} for m in matches]
    with hub.store.session() as session:
        for begin in range(0, len(told), 40):
            detail = {"matches": told[begin : begin + 40]}
            audit.record(
                session, asker.id, audit.MATCH, f"device:{asker.id}", order_id=asker.order_id, detail=detail, at=now
            )


def _check_order(session: Session, device: Device, now: datetime) -> None:
    record = session.get(OrderRecord, device.order_id)
    while record is not None and record.superseded_by:  # the device follows to the newest when it next asks
        record = session.get(OrderRecord, record.superseded_by)
    if record is None or orders.status(record, now) != "in-force":
        raise Refused(409, "order-over", "The order of this device is not in force; nothing is matched for it.")
    try:
        permission = permit(_order(record.signed), now)
    except OrderError:
        raise Refused(
            409, "order-over", "The order of this device cannot be read; nothing is matched for it."
        ) from None
    if not permission.active or DETECTOR not in permission.detectors:
        raise Refused(403, "not-permitted", "The order of this device does not call for matching known media.")


@lru_cache(maxsize=512)
def _order(signed: str) -> Order:
    """Return a stored order; it was verified when it was taken in, and parsing it takes longer than matching."""
    return verify(signed).order
