"""The agent at work: notice first, then sensors, loop, journal and uplink; it stops loudly or not at all.

The main thread only decides: it takes what the notice, the hub, the signals and the crew report, one at a time.
"""

import os
import queue
import signal
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

from tocsin.agent.collecting import Collecting
from tocsin.agent.health import HealthMeter, heartbeat_body
from tocsin.agent.ledger import Ledger
from tocsin.agent.limits import Limits, Usage
from tocsin.agent.loop import Loop
from tocsin.agent.media import DETECTOR
from tocsin.agent.media_desk import MediaDesk
from tocsin.agent.notice import Acceptances, words
from tocsin.agent.notice_x11 import X11Notice, check_display
from tocsin.agent.sensing import OpenSenses, open_senses
from tocsin.agent.status import Status
from tocsin.detectors import ALL
from tocsin.evidence.keys import DeviceKey, KeyFileError
from tocsin.model import Clock, Detector, EntryKind, Rect, SystemClock, utc_text
from tocsin.placement import config as configs
from tocsin.placement.blobs import Blobs
from tocsin.placement.config import Config, Folders, PlacementError
from tocsin.placement.courier import EvidenceCourier, OrderCourier
from tocsin.placement.crew import Crew
from tocsin.placement.journal import Journal
from tocsin.placement.memory import Memory
from tocsin.placement.platform import boot_identity, lower_privilege, runs_as_root, take_lock
from tocsin.placement.standing import Standing
from tocsin.placement.uplink import Uplink, flush

_LIMITS_EVERY_S = 3.0
_GOODBYE_S = 5.0
_MEND_MOST, _MEND_WITHIN_S = 5, 300.0


@dataclass(frozen=True, slots=True)
class Stop:
    """Why the agent stops: a code of the journal's and a sentence."""

    reason: str
    sentence: str

    @property
    def code(self) -> int:
        """The process's exit code."""
        return 0 if self.reason in ("signal", "order-ended") else 2


class Agent:
    """One run of the agent. ``say`` gets sentences for whoever started it."""

    def __init__(
        self,
        folders: Folders,
        *,
        clock: Clock | None = None,
        senses: OpenSenses = open_senses,
        display: str | None = None,
        say: Callable[[str], None] = print,
    ) -> None:
        self.folders, self._clock, self._display, self._say = folders, clock or SystemClock(), display, say
        self.config: Config = configs.load(folders)
        try:
            self._key = DeviceKey.load(folders.key)
        except KeyFileError as problem:
            raise PlacementError(f"The agent cannot run without its key: {problem}") from problem
        self._lock = take_lock(folders.lock)
        if self._lock is None:
            raise PlacementError(f"The agent runs already for {folders.data}; see tocsin agent status.")
        try:
            self.journal = Journal(folders.journal, self._key, self.config.device, self._clock, boot_identity())
            self._blobs = Blobs(folders.evidence)
        except OSError as problem:
            self._lock.close()
            raise PlacementError(f"No journal can be kept, so nothing is collected: {problem}.") from problem
        self._events: queue.Queue[tuple[str, Any]] = queue.Queue()
        self._memory = Memory()
        self._crew = Crew(self._thread_died, lambda *told: self._events.put(("lost-thread", told)))
        self._open_senses = senses
        self._notice_state = "starting"
        self._started = self._clock.now()
        self._mended: list[float] = []
        self._missing: list[str] = []
        self._box_told: Rect | None = None

    def run(self) -> int:
        """Run until something ends it; return the exit code. Raises PlacementError where it refuses to run."""
        lower_privilege()
        try:
            self._begin()
        except PlacementError as problem:
            self._refuse(problem)
            raise
        try:
            stop = self._decide()
        finally:
            self._collecting.stop()
        self._goodbye(stop)
        self._say(stop.sentence)
        return stop.code

    def request_stop(self, name: str = "signal") -> None:
        """Ask the agent to stop, as a signal does."""
        self._events.put(("signal", name))

    def _begin(self) -> None:
        """Check everything that must hold before anything is shown, then start the threads that do not watch."""
        self._standing = Standing(self.folders.order, self.config.roots, self.config.label)
        order = self._standing.signed
        self._record_start(order.digest)
        check_display(self._display)
        self._health = HealthMeter(self._clock)
        self._ledger = Ledger(self.folders.ledger, content=order.order.ledger == "content")
        self._acceptances = Acceptances(self.folders.accepted)
        self._evidence = EvidenceCourier(
            self.config, self._key, self.journal, self._blobs, on_sent=self._ledger.evidence_sent
        )
        self._orders = OrderCourier(self.config, self._key, lambda answer: self._events.put(("order", answer)))
        self._uplink = Uplink(self.config, self.journal, on_sent=self._sent, on_reconnect=self._reconnected)
        self._loop = Loop(
            self._standing, self._detectors(), self.journal, self._blobs, self._health, self._clock, self.config.salt
        )
        told = words(order, self.config)
        accepted = self._acceptances.has(told.digest)
        self.notice = X11Notice(told, self._noticed, accepted=accepted, name=self._display)
        self._accepted = accepted
        self._media = MediaDesk(
            self.folders,
            self.config,
            self._key,
            self._standing,
            self.journal,
            self._health,
            self._ledger,
            self._loop.warn,
        )
        self._told = told
        heard = self.journal, self._health, self._crew, self._clock, self.notice
        self._collecting = Collecting(self._loop, *heard, self._open_senses, self._display)
        self._limits = Limits(self._clock, self._collecting.shed, self._degraded)
        self._crew.start("uplink", self._uplink.run, self._uplink.wake)
        self._crew.start("evidence", self._evidence.run, self._evidence.wake)
        self._crew.start("orders", self._orders.run, self._orders.wake)
        self._crew.start("heartbeat", self._beat)
        self._crew.start("notice", self.notice.run)

    def _decide(self) -> Stop:
        """Take reports one at a time until one ends the run."""
        while True:
            over = self._standing.over(self._clock.now())
            if over:
                self.journal.append(EntryKind.ORDER, {"state": "ended", "digest": self._standing.signed.digest})
                return Stop("order-ended", over)
            try:
                what, told = self._events.get(timeout=0.5)
            except queue.Empty:
                mended = self._mend()
                if mended is not None:
                    return mended
                self._collect_if_allowed()
                if self.notice.accept_box != self._box_told:
                    self._write_status()
                continue
            stop = self._take(what, told)
            if stop is not None:
                return stop

    def _take(self, what: str, told: Any) -> Stop | None:
        match what:
            case "signal":
                return Stop("signal", f"The agent was stopped by the system or a person ({told}).")
            case "lost-thread":
                name, reason = told
                return Stop("failed", f"The agent's part {name!r} keeps failing ({reason}), so the agent stopped.")
            case "order":
                self._order_answered(told)
            case "notice":
                return self._take_notice(told)
        return None

    def _take_notice(self, state: str) -> Stop | None:
        """Let the notice's state decide whether anything is collected."""
        signed = self._standing.signed
        self._notice_state = state
        if state == "accepted":
            self._accepted = True
            try:
                self._acceptances.add(self._told.digest, self._clock.now())
            except OSError:  # a full disk: it holds for this run, and is asked again at the next
                self._loop.warn("acceptance-not-kept")
        self.journal.append(
            EntryKind.NOTICE, {"state": "unmapped" if state == "lost" else state, "order": signed.digest}
        )
        if state in ("declined", "closed"):
            verb = "declined" if state == "declined" else "closed without an answer"
            return Stop("notice-refused", f"The notice was {verb}; nothing is collected, and that was recorded.")
        if state == "lost":
            return Stop("notice-lost", "The notice cannot be shown any more, so the agent stopped.")
        if state == "unmapped":
            self._collecting.stop()
            self._say("The notice is off the screen: collection has stopped until it can be seen again.")
        self._collect_if_allowed()
        self._write_status()
        return None

    def _mend(self) -> Stop | None:
        """Open the sensors again where one died, while the notice can be seen; too often is the end, loudly."""
        if not (self._collecting.broken.is_set() and self._collecting.running and self.notice.windows):
            return None
        now = time.monotonic()
        self._mended = [*(at for at in self._mended if now - at < _MEND_WITHIN_S), now]
        if len(self._mended) > _MEND_MOST:
            return Stop("failed", "A sensor keeps failing, so the agent stopped: it does not pretend to watch.")
        self._collecting.stop()
        return None

    def _collect_if_allowed(self) -> None:
        """Collect exactly while the notice is accepted and on the screen, and the order permits it."""
        permission = self._standing.permission(self._clock.now())
        visible = self._notice_state in ("shown", "accepted", "restored", "covered", "raised")
        media = DETECTOR in permission.detectors
        if not (self._accepted and visible and permission.active):
            self._collecting.stop()
        elif not self._collecting.running:
            self.journal.append(EntryKind.ORDER, {"state": "in-force", "digest": self._standing.signed.digest})
            self._collecting.start(self._media.open() if media else None)
            self._memory.relieve()  # loading the reader leaves thirty megabytes behind
        elif self._collecting.looks_at_media != media:  # a clause has begun or ended: opened anew at the next look
            self._collecting.stop()

    def _order_answered(self, answer: dict[str, Any]) -> None:
        """Take what the hub says of the order; a changed one is verified against the pinned authority first."""
        status, successor = answer.get("status"), answer.get("successor")
        if status == "discharged":
            self._standing.discharge("The authority has ended the order; collection has stopped.")
            return
        text = successor if status == "superseded" and isinstance(successor, str) else answer.get("order")
        if not isinstance(text, str):
            return
        try:
            changed = self._standing.vary(text)
        except (PlacementError, OSError):
            self._loop.warn("order-refused")
            return
        if changed:
            self._collecting.stop()
            signed = self._standing.signed
            self.journal.append(EntryKind.ORDER, {"state": "varied", "digest": signed.digest})
            self._loop.replace_detectors(self._detectors())
            self._accepted = False
            self._told = words(signed, self.config)
            self.notice.ask_again(self._told)

    def _detectors(self) -> list[Detector]:
        """Make the detectors; one that cannot be made is told, shows in every heartbeat, and stops no other."""
        made: list[Detector] = []
        self._missing = []
        for detector in ALL:
            try:
                made.append(detector())
            except Exception as problem:
                self._missing.append(f"detector-missing {detector.name}")
                what = f"detector-missing {detector.name} {type(problem).__name__}"
                self.journal.append(EntryKind.WARNING, {"what": what[:120], "count": 1})
                self._say(f"The detector {detector.name} cannot be used: {problem}")
        return made

    def _record_start(self, digest: str) -> None:
        """Record the start and why; a run that was killed left a time in which nothing was seen."""
        last = self.journal.last_entry()
        boot = boot_identity()
        if last is None or last.kind == EntryKind.ENROLLED:
            reason = "first"
        elif last.kind == EntryKind.STOP:
            reason = "clean"
        else:
            reason = "killed" if last.boot.startswith(boot) else "power"
        if last is not None and reason == "killed":
            self.journal.refuse("kill", {}, 0, since=last.at)
        software = f"tocsin {version('tocsin')}"
        self.journal.append(EntryKind.START, {"software": software, "order": digest, "boot_reason": reason})
        for sentence in self.journal.warnings:
            self._say(sentence)
        if runs_as_root():
            self.journal.append(EntryKind.WARNING, {"what": "runs-as-root", "count": 1})

    def _refuse(self, problem: PlacementError) -> None:
        """Tell the hub why the agent does not run, as far as it can be told."""
        sentence = str(problem)[:300]
        if getattr(self, "_standing", None) is None:
            self.journal.append(
                EntryKind.STOP, {"reason": "order-invalid", "sentence": "The order could not be verified."}
            )
        else:
            self.journal.append(EntryKind.UNSUPPORTED, {"what": "no-display", "sentence": sentence})
            self.journal.append(EntryKind.STOP, {"reason": "notice-lost", "sentence": sentence})
        flush(self.config, self.journal, seconds=_GOODBYE_S)
        self._close()

    def _goodbye(self, stop: Stop) -> None:
        """Say why, give the uplink a moment to send it, and stop everything."""
        self._health.stopped = True
        self.journal.append(EntryKind.STOP, {"reason": stop.reason, "sentence": stop.sentence})
        deadline = time.monotonic() + _GOODBYE_S
        while self.journal.pending and not self._uplink.state.removed and time.monotonic() < deadline:
            time.sleep(0.02)
        self._crew.stop(seconds=_GOODBYE_S)
        self._notice_state = "stopped"
        self._write_status(stop.sentence)
        self._ledger.close()
        self._media.close()
        self._close()

    def _close(self) -> None:
        self.journal.close()
        if self._lock is not None:
            self._lock.close()

    def _beat(self, stop: threading.Event) -> None:
        """Tick every second, measure every few, send a heartbeat at the hub's pace."""
        usage, measured, beaten = Usage(), time.monotonic(), 0.0
        usage(1.0)
        while not stop.is_set():
            now = time.monotonic()
            self._collecting.tick()
            self._health.tick()
            if now - measured >= _LIMITS_EVERY_S:
                self._memory.relieve()
                self._health.cpu, self._health.memory = usage(now - measured)
                measured = now
                self._limits.step(self._health.cpu, self._health.memory)
                self._health.degradations = self._degradations
            if now - beaten >= self.config.heartbeat_s:
                beaten = now
                self.journal.tell_gap()
                self.journal.append(EntryKind.HEARTBEAT, heartbeat_body(self._health.beat()))
                self._write_status()
            stop.wait(1.0)

    def _write_status(self, sentence: str = "") -> None:
        """Leave word of how the agent stands for ``tocsin agent status``."""
        box = self._box_told = self.notice.accept_box
        status = Status(
            pid=os.getpid(),
            since=utc_text(self._started),
            at=utc_text(self._clock.now()),
            notice=self._notice_state,
            accept=(box.x, box.y, box.w, box.h) if box else None,
            collecting=self._collecting.running,
            connected=self._uplink.state.connected,
            hub=self._uplink.state.sentence,
            waiting=self.journal.pending,
            untold=self.journal.untold,
            degradations=self._degradations,
            sentence=sentence,
        )
        try:
            status.write(self.folders.status)
        except OSError:
            self._health.count("status-not-written")

    @property
    def _degradations(self) -> tuple[str, ...]:
        """All that is less than it should be."""
        return (*self._limits.degradations, *self._missing, *self._collecting.degradations)

    def _reconnected(self) -> None:
        self._orders.wake()
        self._collecting.wake()

    def _sent(self, entries: Any) -> None:
        self._ledger.sent(entries)
        self._evidence.acknowledged(entries)

    def _noticed(self, state: str) -> None:
        self._events.put(("notice", state))

    def _degraded(self, body: dict[str, Any]) -> None:
        self.journal.append(EntryKind.DEGRADED, body)

    def _thread_died(self, name: str, reason: str) -> None:
        self.journal.append(EntryKind.WARNING, {"what": f"thread-died {name} {reason}"[:120], "count": 1})


def run(folders: Folders, say: Callable[[str], None] = print) -> int:
    """Run the agent in this process until a signal, the order's end or the notice stops it. Raises PlacementError."""
    agent = Agent(folders, say=say)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda got, _frame: agent.request_stop(signal.Signals(got).name))
    return agent.run()
