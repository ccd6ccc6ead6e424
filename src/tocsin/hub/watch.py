"""The watch: every few seconds the hub looks for devices gone silent and imminent alerts nobody took.

Silence counts from the device's last sign of life or from this hub's start, whichever is later: an outage of the
hub must not ring every device at once, and a device that stays silent after a restart still rings.
"""

import asyncio
import logging
import time
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from tocsin.hub import alerts, device_state, effects, notify
from tocsin.hub.device_state import DeviceState
from tocsin.hub.hub import Hub

_log = logging.getLogger(__name__)


@dataclass(slots=True)
class Watch:
    """The running watch of one hub. ``started`` is when this hub came up."""

    hub: Hub
    started: datetime
    last_run: float = 0.0

    def age_s(self) -> float | None:
        """Return the seconds since the watch last ran, or None before its first run."""
        return time.monotonic() - self.last_run if self.last_run else None

    def look(self, now: datetime) -> None:
        """Look once: silent devices ring, overdue alerts move on."""
        with self.hub.store.session() as session:
            ring_silent(session, self.hub, self.started, now)
            alerts.escalate_overdue(session, self.hub, now)
        self.last_run = time.monotonic()

    async def run(self) -> None:
        """Look, sign checkpoints and send messages every few seconds until cancelled. Trouble is logged, not fatal."""
        while True:
            try:
                await asyncio.to_thread(self.look, self.hub.clock.now())
                await asyncio.to_thread(self.hub.log.keep, self.hub.store, self.hub.clock.now())
                await asyncio.to_thread(notify.send_due, self.hub, self.hub.clock.now())
            except Exception:
                _log.exception("The watch could not finish a round; it tries again")
            await asyncio.sleep(self.hub.settings.watch_s)


def ring_silent(session: Session, hub: Hub, started: datetime, now: datetime) -> list[str]:
    """Ring for each device that missed its heartbeats; return their ids."""
    before = now - timedelta(seconds=hub.settings.silent_after_s)
    if started > before:
        return []
    changed = [device for device in device_state.overdue(session, before) if _expected(device)]
    for device in changed:
        row = effects.SILENT_ANNOUNCED if device.status == "stopped" else effects.SILENT
        device.silent_since = device.last_heartbeat or device.last_received or device.enrolled_at
        device.status = "silent"
        detail = f"No heartbeat for {_span(now - device.silent_since)}."
        effects.ring(session, hub, device, row, now, at=device.silent_since, detail=detail)
        effects.announce_device(session, hub, device)
    device_state.save(session, changed)
    return [device.id for device in changed]


def _expected(device: DeviceState) -> bool:
    """Tell whether a device should report: after a stop only if it was a shutdown, from which it should return."""
    return device.status == "active" or device.health.get("stopped") == "signal"


def _span(span: timedelta) -> str:
    seconds = int(span.total_seconds())
    return f"{seconds} s" if seconds < 600 else f"{seconds // 60} min"
