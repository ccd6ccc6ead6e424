"""The watch: every few seconds the hub looks for devices gone silent and imminent alerts nobody took.

Silence counts from the device's last sign of life or from this hub's start, whichever is later: an outage of the
hub must not ring every device at once, and a device that stays silent after a restart still rings.
"""

import asyncio
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy.orm import Session

from tocsin.hub import alerts, device_state, effects, notify, retention
from tocsin.hub.device_state import DeviceState
from tocsin.hub.hub import Hub
from tocsin.hub.reports import filing

BEGIN_WITHIN = timedelta(minutes=10)
"""How long a newly enrolled device may take until its first heartbeat."""

_log = logging.getLogger(__name__)

ERASE_EVERY_S: Final = 3600.0


@dataclass(slots=True)
class Watch:
    """The running watch of one hub. ``started`` is when this hub came up."""

    hub: Hub
    started: datetime
    last_run: float = 0.0
    erase_next: float = 0.0

    def age_s(self) -> float | None:
        """Return the seconds since the watch last ran, or None before its first run."""
        return time.monotonic() - self.last_run if self.last_run else None

    def look(self, now: datetime) -> None:
        """Look once: silent devices ring, overdue alerts move on, reports whose worker is gone wait for a person."""
        with self.hub.store.session() as session:
            ring_silent(session, self.hub, self.started, now)
            alerts.escalate_overdue(session, self.hub, now)
            filing.hold_lost(session, now)
        self.last_run = time.monotonic()

    async def run(self) -> None:
        """Do every job every few seconds until cancelled. Slow notification services hold up nothing else."""
        await asyncio.gather(self._repeat(self.look, self.sign, self.erase), self._repeat(self.send))

    async def _repeat(self, *jobs: Callable[[datetime], None]) -> None:
        """Do ``jobs`` again and again; one job's trouble is logged and does not stop the others."""
        while True:
            for job in jobs:
                try:
                    await asyncio.to_thread(job, self.hub.clock.now())
                except Exception:
                    _log.exception("The watch could not %s; it tries again", job.__name__)
            await asyncio.sleep(self.hub.settings.watch_s)

    def sign(self, now: datetime) -> None:
        """Sign a checkpoint of the audit log when one is due."""
        self.hub.log.keep(self.hub.store, now)

    def send(self, now: datetime) -> None:
        """Send the notifications that are due."""
        notify.send_due(self.hub, now)

    def erase(self, now: datetime) -> None:
        """Once an hour, erase what is older than people decided to keep it."""
        if time.monotonic() < self.erase_next:
            return
        if not self.erase_next:
            retention.sweep(self.hub.store, self.hub.blobs)  # what a crash may have left half erased
        self.erase_next = time.monotonic() + ERASE_EVERY_S
        retention.run(self.hub.store, self.hub.blobs, now)


def ring_silent(session: Session, hub: Hub, started: datetime, now: datetime) -> list[str]:
    """Ring for each device that missed its heartbeats; return their ids."""
    before = now - timedelta(seconds=hub.settings.silent_after_s)
    if started > before:
        return []
    changed = [device for device in device_state.overdue(session, before) if _expected(device, now)]
    for device in changed:
        row = effects.SILENT_ANNOUNCED if device.status == "stopped" else effects.SILENT
        device.silent_since = device.last_heartbeat or device.last_received or device.enrolled_at
        device.status = "silent"
        detail = f"No heartbeat for {_span(now - device.silent_since)}."
        effects.ring(session, hub, device, row, now, at=device.silent_since, detail=detail)
        effects.announce_device(session, hub, device)
    device_state.save(session, changed)
    return [device.id for device in changed]


def _expected(device: DeviceState, now: datetime) -> bool:
    """Tell whether a device should report.

    Once enrolled it has some minutes to begin, as its notice is read first; after a stop it should return only if
    that was a shutdown.
    """
    if device.last_heartbeat is None and device.status == "active":
        return now - device.enrolled_at >= BEGIN_WITHIN
    return device.status == "active" or device.health.get("stopped") == "signal"


def _span(span: timedelta) -> str:
    seconds = int(span.total_seconds())
    return f"{seconds} s" if seconds < 600 else f"{seconds // 60} min"
