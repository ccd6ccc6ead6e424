"""What each kind of journal entry does at the hub: the device's health, and what rings.

The severities of what a device failed to show are set here, in one table, and documented in docs/operator.md.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy.orm import Session

from tocsin.evidence.journal import Head, clock_drift
from tocsin.hub import bodies, orders, ringing
from tocsin.hub.device_state import DeviceState
from tocsin.hub.events import Event
from tocsin.hub.hub import Hub
from tocsin.hub.store import after_commit
from tocsin.model import Entry, EntryKind, parse_utc

DRIFT_S: Final = 120.0
"""Wall clock against monotonic clock, between two entries of one boot."""
AHEAD: Final = timedelta(minutes=10)
"""How far a device's clock may run ahead of the hub's."""


@dataclass(frozen=True, slots=True)
class Row:
    """What to ring for: signal, severity 1 to 5, the sentence, conditions it bears on, benign explanations."""

    signal: str
    severity: int
    sentence: str
    conditions: tuple[str, ...] = ("C1", "C12")
    benign: tuple[str, ...] = ("outage", "repair")


STOPS: Final[dict[str, Row]] = {
    "unenrolled": Row("agent-removed", 4, "The agent was unenrolled on the device."),
    "notice-refused": Row("notice-refused", 4, "The notice was refused, so the agent stopped."),
    "notice-lost": Row("notice-refused", 3, "The notice could not be shown any more, so the agent stopped."),
    "order-invalid": Row("agent-removed", 3, "The order could not be verified on the device, so the agent stopped."),
    "failed": Row("agent-removed", 3, "A part of the agent kept failing, so the agent stopped."),
}
"""Stops that ring at once, each with its own words."""
UNKNOWN_STOP: Final = Row("agent-removed", 3, "The agent stopped for a reason that this hub does not know.")
EARLY_STOP: Final = Row(
    "agent-removed", 3, "The agent stopped as if the order had ended; by the hub's clock and record it has not."
)
QUIET_STOPS: Final = frozenset({"order-ended", "signal"})
"""*order-ended* rings only where the order has not ended (a clock set ahead); *signal* (power-off, restart) rings only
if it lasts."""

NOTICES: Final[dict[str, Row]] = {
    "declined": Row("notice-refused", 4, "The notice was declined."),
    "closed": Row("notice-refused", 4, "The notice was closed."),
    "unmapped": Row("notice-refused", 3, "The notice was off the screen; collection is paused."),
}
GAP: Final = Row("journal-gap", 3, "The device counted records that it could not keep.", benign=("outage",))
CLOCK: Final = Row("clock-jump", 3, "The device's clock was changed.", benign=("outage", "repair"))
DEAD_LETTER: Final = Row("not-scanned", 2, "The device gave up sending a record.", benign=("outage",))
UNSUPPORTED: Final = Row("not-scanned", 3, "The device cannot be observed as it is set up.", ("C1",), ("repair",))
UNREADABLE: Final = Row("not-scanned", 3, "The device sent a finding that this hub cannot read.", benign=("repair",))
SILENT: Final = Row("device-silent", 3, "The device has fallen silent.", benign=("outage",))
SILENT_ANNOUNCED: Final = Row("device-silent", 2, "The device was shut down and has not come back.", benign=("outage",))


def apply(session: Session, hub: Hub, device: DeviceState, entry: Entry, before: Head, now: datetime) -> None:
    """Let one admitted entry take effect; ``before`` is the head it continued. Never refuses anything."""
    _judge_clock(session, hub, device, entry, before, now)
    effect = _EFFECTS.get(entry.kind)
    if effect is not None:
        effect(session, hub, device, entry, now)


def ring(
    session: Session,
    hub: Hub,
    device: DeviceState,
    row: Row,
    now: datetime,
    *,
    at: datetime | None = None,
    detail: str = "",
) -> None:
    """Ring for a row of the table."""
    sentence = f"{row.sentence} {detail}".strip()
    ringing.observe(
        session,
        hub,
        device,
        row.signal,
        row.severity,
        now=now,
        at=at,
        sentence=sentence,
        conditions=row.conditions,
        benign=row.benign,
    )


def announce_device(session: Session, hub: Hub, device: DeviceState) -> None:
    """Tell open pages, once it is on disk, that a device's state changed."""
    data = {"status": device.status, "state": device.health.get("state", "")}
    event = Event("device", device.id, device.unit_id, data)
    after_commit(session, lambda: hub.bus.publish(event))


def mark_alive(session: Session, hub: Hub, device: DeviceState, now: datetime) -> None:
    """Note that a device is there; if it was silent, say so on its alert."""
    if device.status in ("silent", "stopped") or device.silent_since is not None:
        alert = ringing.find_open(session, ringing.observation_key(device, "device-silent"))
        if alert is not None and device.silent_since is not None:
            seconds = int((now - device.silent_since).total_seconds())
            ringing.note(session, alert, "recovered", now, f"Reporting again after {seconds} s.")
            alert.updated_at = now
            ringing.announce(session, hub, alert, "recovered")
        device.status, device.silent_since = "active", None
        device.health = {key: value for key, value in device.health.items() if key != "stopped"}
        announce_device(session, hub, device)


def _judge_clock(session: Session, hub: Hub, device: DeviceState, entry: Entry, before: Head, now: datetime) -> None:
    """Ring for a clock that lies. The entry itself is kept: a wrong clock is no reason to lose evidence."""
    drift = clock_drift(entry, before)
    if abs(drift) > DRIFT_S and entry.kind != EntryKind.CLOCK:
        ring(session, hub, device, CLOCK, now, detail=f"It moved by {drift:+.0f} s against time really passed.")
        return
    ahead = parse_utc(entry.at) - now
    was_ahead = (
        bool(before.at) and device.last_received is not None and parse_utc(before.at) - device.last_received > AHEAD
    )
    if ahead > AHEAD and not was_ahead:
        ring(session, hub, device, CLOCK, now, detail=f"It is {ahead.total_seconds():.0f} s ahead of the hub's.")


def _heartbeat(session: Session, hub: Hub, device: DeviceState, entry: Entry, now: datetime) -> None:
    mark_alive(session, hub, device, now)
    state = device.health.get("state")
    device.last_heartbeat = now
    evidence = bodies.moment_or_none(entry.body, "last_evidence")
    if evidence is not None:
        device.last_evidence = min(evidence, now)
    device.health = bodies.health(entry.body, parse_utc(entry.at))
    if device.health["state"] != state:
        announce_device(session, hub, device)


def _start(session: Session, hub: Hub, device: DeviceState, entry: Entry, now: datetime) -> None:
    mark_alive(session, hub, device, now)
    device.last_heartbeat = now
    device.software = bodies.label(entry.body, "software")[:40] or device.software


def _stop(session: Session, hub: Hub, device: DeviceState, entry: Entry, now: datetime) -> None:
    reason = bodies.code(entry.body, "reason")
    device.status = "stopped"
    device.health = device.health | {"stopped": reason, "state": "stopped"}
    if reason == "order-ended" and orders.runs_on(session, device.order_id, now):
        ring(session, hub, device, EARLY_STOP, now)
    elif reason not in QUIET_STOPS:
        ring(session, hub, device, STOPS.get(reason, UNKNOWN_STOP), now, at=parse_utc(entry.at))
    announce_device(session, hub, device)


def _notice(session: Session, hub: Hub, device: DeviceState, entry: Entry, now: datetime) -> None:
    state = bodies.code(entry.body, "state")
    row = NOTICES.get(state)
    if row is not None:
        ring(session, hub, device, row, now, at=parse_utc(entry.at))
    elif state in ("accepted", "restored"):
        alert = ringing.find_open(session, ringing.observation_key(device, "notice-refused"))
        if alert is not None:
            ringing.note(session, alert, "recovered", now, f"The notice is {state}.")
            ringing.announce(session, hub, alert, "recovered")


def _order(session: Session, hub: Hub, device: DeviceState, entry: Entry, _now: datetime) -> None:
    """Follow the device to a varied order: its alerts cite that one's clauses, and its next change is offered."""
    if bodies.code(entry.body, "state") == "ended":
        return
    order = orders.later(session, device.order_id, str(entry.body.get("digest", "")))
    if order is not None:
        device.order_id = order.id
        announce_device(session, hub, device)


def _finding(session: Session, hub: Hub, device: DeviceState, entry: Entry, now: datetime) -> None:
    try:
        body = bodies.finding(entry.body)
    except bodies.BodyError as error:
        ring(session, hub, device, UNREADABLE, now, detail=f"Entry {entry.seq}: {error}")
        return
    ringing.take_finding(session, hub, device, body, seq=entry.seq, now=now)


def _gap(session: Session, hub: Hub, device: DeviceState, entry: Entry, now: datetime) -> None:
    lost = ", ".join(f"{n} {kind}" for kind, n in bodies.counts(entry.body).items()) or "an unknown number"
    reason = bodies.code(entry.body, "reason") or "unknown"
    ring(session, hub, device, GAP, now, at=parse_utc(entry.at), detail=f"Reason: {reason}; lost: {lost}.")


def _clock(session: Session, hub: Hub, device: DeviceState, entry: Entry, now: datetime) -> None:
    delta = bodies.number(entry.body, "delta_s")
    row = CLOCK if abs(delta) > DRIFT_S else Row(CLOCK.signal, 2, CLOCK.sentence, CLOCK.conditions, CLOCK.benign)
    ring(session, hub, device, row, now, detail=f"It moved by {delta:+.0f} s.")


def _dead_letter(session: Session, hub: Hub, device: DeviceState, entry: Entry, now: datetime) -> None:
    kind = bodies.code(entry.body, "kind") or "unknown"
    ring(session, hub, device, DEAD_LETTER, now, detail=f"Its kind: {kind}.")


def _unsupported(session: Session, hub: Hub, device: DeviceState, entry: Entry, now: datetime) -> None:
    what = bodies.code(entry.body, "what") or "unknown"
    device.health = device.health | {"state": "unsupported", "unsupported": what}
    ring(session, hub, device, UNSUPPORTED, now, detail=f"Reason: {what}.")
    announce_device(session, hub, device)


_EFFECTS: Final[dict[str, Callable[[Session, Hub, DeviceState, Entry, datetime], None]]] = {
    EntryKind.HEARTBEAT: _heartbeat,
    EntryKind.START: _start,
    EntryKind.STOP: _stop,
    EntryKind.NOTICE: _notice,
    EntryKind.ORDER: _order,
    EntryKind.FINDING: _finding,
    EntryKind.GAP: _gap,
    EntryKind.CLOCK: _clock,
    EntryKind.DEAD_LETTER: _dead_letter,
    EntryKind.UNSUPPORTED: _unsupported,
}
