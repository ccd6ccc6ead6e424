"""The gateway's enrolment at a hub: what is recorded goes from here, sealed and signed, and is kept over outages."""

import logging
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from importlib.metadata import version
from pathlib import Path
from typing import Any

import psutil

from tocsin.evidence.keys import DeviceKey, KeyFileError
from tocsin.model import Clock, EntryKind, HealthState, utc_text
from tocsin.placement import config as configs
from tocsin.placement.blobs import Blobs
from tocsin.placement.config import Config, Folders, PlacementError
from tocsin.placement.courier import EvidenceCourier, OrderCourier
from tocsin.placement.crew import Crew
from tocsin.placement.journal import Journal
from tocsin.placement.platform import boot_identity
from tocsin.placement.recording import Recorder
from tocsin.placement.standing import Standing
from tocsin.placement.uplink import Uplink

_GOODBYE_S = 5.0
_MOST_KINDS = 40
_SOON = timedelta(days=30)
"""For so long before a policy's end each start says that it is near."""
_log = logging.getLogger(__name__)


@dataclass(slots=True)
class Counts:
    """What was done since the last heartbeat, by kind. Thread-safe."""

    _held: dict[str, int] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, what: str, count: int = 1) -> None:
        """Count something for the next heartbeat."""
        with self._lock:
            known = what in self._held or len(self._held) < _MOST_KINDS
            self._held[what if known else "other"] = self._held.get(what if known else "other", 0) + count

    def take(self) -> dict[str, int]:
        """Return the counts and begin anew."""
        with self._lock:
            held, self._held = self._held, {}
            return held


class Enrolment:
    """One run of an enrolled gateway: its order, its journal and what sends it. Open it in the core process only."""

    def __init__(self, folder: Path, clock: Clock) -> None:
        """Take up the enrolment in ``folder``. Raises PlacementError with a sentence."""
        self.folders, self._clock = Folders(folder, "gateway"), clock
        self.config: Config = configs.load(self.folders)
        try:
            key = DeviceKey.load(self.folders.key)
        except KeyFileError as problem:
            raise PlacementError(f"The gateway cannot record without its key: {problem}") from problem
        self.key = key
        self.standing = Standing(self.folders.order, self.config.roots, self.config.label)
        try:
            self.journal = Journal(self.folders.journal, key, self.config.device, clock, boot_identity())
            blobs = Blobs(self.folders.evidence)
        except OSError as problem:
            raise PlacementError(f"No journal can be kept, so the gateway does not start: {problem}.") from problem
        self.recorder = Recorder(self.standing, self.journal, blobs, clock, self.config.salt)
        self.counts = Counts()
        self._idle: str | None = None
        self._evidence = EvidenceCourier(self.config, key, self.journal, blobs)
        self._orders = OrderCourier(self.config, key, self._order_answered)
        self.uplink = Uplink(
            self.config, self.journal, on_sent=self._evidence.acknowledged, on_reconnect=self._orders.wake
        )
        self._crew = Crew(self._thread_died, lambda name, why: _log.error("The part %s keeps failing: %s", name, why))

    @staticmethod
    def there(folder: Path) -> bool:
        """Tell whether a gateway is enrolled here."""
        return Folders(folder, "gateway").config.exists()

    def start(self) -> None:
        """Record the start, and begin to send."""
        last = self.journal.last_entry()
        boot = boot_identity()
        reason = "first"
        if last is not None and last.kind != EntryKind.ENROLLED:
            killed = "killed" if last.boot.startswith(boot) else "power"
            reason = "clean" if last.kind == EntryKind.STOP else killed
            if reason == "killed":
                self.journal.refuse("kill", {}, 0, since=last.at)
        body = {"software": f"tocsin {version('tocsin')}", "order": self.standing.signed.digest, "boot_reason": reason}
        self.journal.append(EntryKind.START, body)
        self._look_at_order()
        ends = self.standing.signed.order.ends
        if not self._idle and ends - self._clock.now() < _SOON:
            _log.warning("The policy ends on %s; nothing is recorded then. Sign its successor.", f"{ends:%d %B %Y}")
        self._crew.start("uplink", self.uplink.run, self.uplink.wake)
        self._crew.start("evidence", self._evidence.run, self._evidence.wake)
        self._crew.start("orders", self._orders.run, self._orders.wake)
        self._crew.start("heartbeat", self._beat)

    def close(self) -> None:
        """Say that the gateway stops, give the uplink a moment, and stop everything. The rest is sent next time."""
        sentence = "The gateway was stopped by the system or a person."
        self.journal.append(EntryKind.STOP, {"reason": "signal", "sentence": sentence})
        deadline = time.monotonic() + _GOODBYE_S
        while self.journal.pending and self.uplink.state.connected and time.monotonic() < deadline:
            time.sleep(0.02)
        self._crew.stop(seconds=_GOODBYE_S)
        self.journal.close()

    def idle(self) -> str:
        """Return why nothing is recorded now, as a sentence, or nothing."""
        now = self._clock.now()
        permission = self.standing.permission(now)
        return self.standing.over(now) or ("" if permission.active else permission.reason)

    def status(self) -> dict[str, Any]:
        """Return what an operator may know: hub, order, connection, what waits. Nothing that was seen."""
        now = self._clock.now()
        return {
            "hub": self.config.hub,
            "device": self.config.device,
            "order": self.standing.signed.order.state(now),
            "over": self.standing.over(now),
            "connected": self.uplink.state.connected,
            "sentence": self.uplink.state.sentence,
            "waiting": self.journal.pending,
        }

    def _beat(self, stop: threading.Event) -> None:
        me = psutil.Process()
        me.cpu_percent()
        while not stop.is_set():
            with suppress(OSError, psutil.Error):
                self.journal.tell_gap()
                self._look_at_order()
                self.journal.append(EntryKind.HEARTBEAT, self._heartbeat(me))
            stop.wait(self.config.heartbeat_s)

    def _look_at_order(self) -> None:
        """Say, here and in the journal, when recording ends with the policy, and when it goes on."""
        idle = self.idle()
        if idle == self._idle:
            return
        self._idle = idle
        state = "ended" if self.standing.over(self._clock.now()) else "in-force"
        self.journal.append(EntryKind.ORDER, {"state": state, "digest": self.standing.signed.digest})
        if idle:
            _log.error("Nothing is recorded, and no match becomes an alert: %s Lookups are answered as ever.", idle)

    def _heartbeat(self, me: psutil.Process) -> dict[str, Any]:
        now = self._clock.now()
        return {
            "state": str(HealthState.OK if not self.standing.over(now) else HealthState.STOPPED),
            "last_evidence": utc_text(now),
            "active": True,
            "coverage": 1.0,
            "cpu": round(me.cpu_percent() / 100, 2),
            "memory": me.memory_info().rss,
            "degradations": [],
            "counts": self.counts.take(),
        }

    def _order_answered(self, answer: dict[str, Any]) -> None:
        """Take what the hub says of the order; a changed one is verified against the pinned authority first."""
        status, successor = answer.get("status"), answer.get("successor")
        if status == "discharged":
            self.standing.discharge("The authority has ended the order; nothing is recorded any more.")
            return
        text = successor if status == "superseded" and isinstance(successor, str) else answer.get("order")
        if not isinstance(text, str):
            return
        try:
            changed = self.standing.vary(text)
        except (PlacementError, OSError):
            self.recorder.warn("order-refused")
            return
        if changed:
            self.journal.append(EntryKind.ORDER, {"state": "varied", "digest": self.standing.signed.digest})

    def _thread_died(self, name: str, reason: str) -> None:
        self.journal.append(EntryKind.WARNING, {"what": f"thread-died {name} {reason}"[:120], "count": 1})
