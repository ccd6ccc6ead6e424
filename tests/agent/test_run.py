import json
import queue
import threading
import time

import pytest

from tocsin.agent.overview import open_ledger
from tocsin.agent.run import Agent
from tocsin.agent.sensing import Senses
from tocsin.evidence.sealing import open_sealed
from tocsin.model import Kind, Line, Observation, ProcessSeen, StateSeen, SystemClock, TextSeen
from tocsin.placement.config import Folders, PlacementError
from tocsin.placement.enrol import enrol


class Feed:
    """A sensor that sees what the test says."""

    def __init__(self):
        self.queue = queue.Queue()
        self.opened = 0
        self.open = False

    def observations(self):
        while (seen := self.queue.get()) is not None:
            if isinstance(seen, Exception):
                raise seen
            yield seen

    def close(self):
        self.open = False
        self.queue.put(None)

    def say(self, body, kind, **more):
        now = SystemClock()
        self.queue.put(
            Observation(
                id=f"o-{time.monotonic_ns()}",
                kind=kind,
                at=now.now(),
                sensor="feed",
                body=body,
                seen_ns=now.monotonic_ns(),
                **more,
            )
        )

    def private_process(self):
        self.say(ProcessSeen("chromium", arguments=("--incognito",)), Kind.PROCESS)

    def private_window(self):
        self.say(StateSeen("focus"), Kind.STATE, title="New Tab - Google Chrome (Incognito)", app="chrome")

    def state(self, state, **detail):
        self.say(StateSeen(state, tuple(detail.items())), Kind.STATE)

    def text(self, *lines):
        self.say(TextSeen(tuple(map(Line, lines))), Kind.TEXT, app="browser", title="Chat", thread="w1")


class Rig:
    """An enrolled agent on a virtual screen, its hub, and a feed in place of the sensors."""

    def __init__(self, folders, hub, screen):
        self.folders, self.hub, self.screen, self.feed, self.said = folders, hub, screen, Feed(), []
        self.agent = self.thread = None
        self.code = None
        self.problem = None
        self.doomed = False

    def senses(self, windows, display, media=None):
        self.feed.opened += 1
        self.feed.open = True
        self.feed.queue = queue.Queue()
        if self.doomed:
            self.feed.queue.put(RuntimeError("boom"))
        return Senses(sensors=[("feed", self.feed)], unsupported=[])

    def start(self, display=None):
        self.agent = Agent(self.folders, senses=self.senses, display=display or self.screen.name, say=self.said.append)
        self.thread = threading.Thread(target=self._run)
        self.thread.start()
        return self

    def _run(self):
        try:
            self.code = self.agent.run()
        except PlacementError as problem:
            self.problem = problem

    def end(self):
        if self.thread is not None and self.thread.is_alive():
            self.agent.request_stop()
            self.thread.join(60)
            assert not self.thread.is_alive()

    def question(self):
        notice = getattr(self.agent, "notice", None)
        return notice and notice.accept_box

    def accept(self, until):
        until(self.question, what="the question")
        box = self.agent.notice.accept_box
        self.screen.click(box.x + 20, box.y + 20)
        until(lambda: self.feed.open, what="collection")


@pytest.fixture
def rig(tmp_path, hub, screen, signed_order):
    rigs = []

    def make(**changes):
        folders = Folders(tmp_path / "agent")
        if not folders.config.exists():
            enrol(hub.url, "good-token", signed_order(**changes), folders, SystemClock())
        rigs.append(Rig(folders, hub, screen))
        return rigs[-1]

    yield make
    for each in rigs:
        each.end()


def test_nothing_is_watched_before_a_real_click_and_a_finding_after_it_reaches_the_hub(rig, until, identities):
    here = rig().start()
    until(lambda: [n["state"] for n in here.hub.of("notice")] == ["shown"])
    assert here.feed.opened == 0
    here.accept(until)
    until(lambda: "accepted" in [n["state"] for n in here.hub.of("notice")])
    here.feed.private_window()
    until(lambda: here.hub.of("finding"), what="a finding")
    until(lambda: here.hub.blobs, what="its evidence")
    document = open_sealed(next(iter(here.hub.blobs.values())), [identities[1][0]])
    assert document["finding"] == here.hub.of("finding")[0]["id"]
    here.end()
    assert here.code == 0
    kinds = here.hub.kinds()
    assert kinds[:2] == ["enrolled", "start"]
    assert kinds[-1] == "stop"
    assert here.hub.of("stop")[0]["reason"] == "signal"
    assert here.hub.of("heartbeat")


def test_a_full_disk_keeps_no_acceptance_from_being_told(rig, until, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("tocsin.agent.run.Acceptances.add", full)
    here = rig().start()
    here.accept(until)
    until(lambda: "acceptance-not-kept" in [w["what"] for w in here.hub.of("warning")])
    assert "accepted" in [n["state"] for n in here.hub.of("notice")]


def test_a_declined_notice_stops_the_agent_and_is_reported(rig, until):
    here = rig().start()
    until(here.question)
    box = here.agent.notice.accept_box
    here.screen.click(box.x - 80, box.y + 20)
    here.thread.join(60)
    assert here.code == 2
    assert here.feed.opened == 0
    assert [n["state"] for n in here.hub.of("notice")][-1] == "declined"
    assert here.hub.of("stop")[0]["reason"] == "notice-refused"


def test_an_acceptance_is_remembered_for_the_same_order_only(rig, until):
    here = rig().start()
    here.accept(until)
    here.end()
    again = rig().start()
    until(lambda: again.feed.open)
    assert again.agent.notice.accept_box is None
    assert here.hub.of("start")[1]["boot_reason"] == "clean"


def test_no_display_refuses_to_run_and_says_so(rig):
    here = rig()
    here.start(display=":32199")
    here.thread.join(60)
    assert "cannot be shown" in str(here.problem)
    assert here.feed.opened == 0
    assert here.hub.of("unsupported")[0]["what"] == "no-display"
    assert here.hub.of("stop")[0]["reason"] == "notice-lost"


def test_while_the_notice_is_off_the_screen_nothing_is_collected(rig, until):
    here = rig().start()
    here.accept(until)
    until(lambda: here.agent._collecting.running)
    here.agent._noticed("unmapped")
    until(lambda: not here.feed.open)
    until(lambda: "unmapped" in [n["state"] for n in here.hub.of("notice")])
    here.agent._noticed("restored")
    until(lambda: here.feed.open)


def test_other_peoples_sessions_are_not_watched(rig, until):
    here = rig().start()
    here.accept(until)
    here.feed.state("session-away")
    here.feed.text("how old are you", "i am 13")
    here.feed.private_process()
    here.feed.state("session-back")
    until(lambda: [s["what"] for s in here.hub.of("state")] == ["session-away", "session-back"])
    assert here.hub.of("finding") == []


def test_states_and_clock_jumps_are_recorded_and_titles_are_not(rig, until):
    here = rig().start()
    here.accept(until)
    here.feed.state("idle", seconds=61.5)
    here.feed.state("focus")
    here.feed.state("clock-jump", delta_s=-3600.0)
    until(lambda: here.hub.of("clock"))
    assert here.hub.of("state") == [{"what": "idle", "seconds": 61.5}]
    assert here.hub.of("clock")[0]["delta_s"] == -3600.0


def test_a_sensor_that_dies_is_told_and_started_again(rig, until):
    here = rig().start()
    here.accept(until)
    here.feed.queue.put(RuntimeError("boom"))
    died = "sensor-died feed RuntimeError"
    until(lambda: died in [w["what"] for w in here.hub.of("warning")])
    until(lambda: here.feed.opened == 2)
    here.feed.state("idle")
    until(lambda: here.hub.of("state"))


def test_what_keeps_dying_stops_the_agent_loudly(rig, until):
    here = rig().start()
    here.accept(until)
    here.doomed = True
    here.feed.queue.put(RuntimeError("boom"))
    here.thread.join(60)
    assert here.code == 2
    assert here.hub.of("stop")[0]["reason"] == "failed"
    assert "keeps failing" in here.said[-1]


def test_the_agent_stops_by_itself_when_the_authority_ends_the_order(rig, until):
    here = rig().start()
    here.accept(until)
    here.hub.order_answer = {"order": "", "status": "discharged", "successor": None}
    here.agent._orders.wake()
    here.thread.join(60)
    assert here.code == 0
    assert here.hub.of("stop")[0]["reason"] == "order-ended"
    assert here.hub.of("order")[-1]["state"] == "ended"
    assert not here.feed.open


def test_a_varied_order_is_verified_and_asked_about_again(rig, until, signed_order, other_authority):
    here = rig().start()
    here.accept(until)
    forged = signed_order(other_authority, id="EX-2", replaces="EX-2026-0042")
    here.hub.order_answer = {"order": "", "status": "superseded", "successor": forged}
    here.agent._orders.wake()
    until(lambda: "order-refused" in [w["what"] for w in here.hub.of("warning")])
    assert here.feed.open
    varied = signed_order(id="EX-2", replaces="EX-2026-0042")
    here.hub.order_answer = {"order": "", "status": "superseded", "successor": varied}
    here.agent._orders.wake()
    until(lambda: "varied" in [o["state"] for o in here.hub.of("order")])
    assert not here.feed.open
    here.accept(until)
    assert here.folders.order.read_text() == varied


def test_only_one_agent_runs(rig, until):
    here = rig().start()
    until(here.question)
    with pytest.raises(PlacementError, match="runs already"):
        Agent(here.folders)


def test_a_killed_run_leaves_a_signed_gap(rig, until):
    here = rig().start()
    here.accept(until)
    until(lambda: here.hub.of("heartbeat"))
    here.end()
    from tocsin.placement.journal import Journal
    from tocsin.placement.platform import boot_identity

    journal = Journal(here.folders.journal, here.agent._key, here.hub.device, SystemClock(), boot_identity())
    journal.append("state", {"what": "active"})
    journal.close()
    again = rig().start()
    until(lambda: len(here.hub.of("start")) == 2)
    assert here.hub.of("start")[1]["boot_reason"] == "killed"
    until(lambda: here.hub.of("gap"))
    assert here.hub.of("gap")[0]["reason"] == "kill"
    again.end()


def test_an_altered_order_on_disk_collects_nothing_and_is_told(rig):
    here = rig()
    here.folders.order.write_text(here.folders.order.read_text().replace("private", "public"))
    here.start()
    here.thread.join(60)
    assert "nothing is collected" in str(here.problem)
    assert here.hub.of("stop")[0]["reason"] == "order-invalid"


def test_the_ledger_equals_what_the_hub_stores(rig, until):
    here = rig().start()
    here.accept(until)
    here.feed.private_window()
    until(lambda: here.hub.blobs)
    here.end()
    book = open_ledger(here.folders)
    rows = {row.kind: row for row in book.rows()}
    assert {kind: row.count for kind, row in rows.items()} == {k: here.hub.kinds().count(k) for k in here.hub.kinds()}
    canonical = dict.fromkeys(rows, 0)
    for entry in here.hub.entries.values():
        canonical[entry["kind"]] += len(json.dumps(entry, separators=(",", ":"), ensure_ascii=False).encode())
    assert {kind: row.bytes for kind, row in rows.items()} == canonical
    assert rows["finding"].evidence_bytes == sum(map(len, here.hub.blobs.values()))
    assert not any("body" in event for event in book.events())
    book.close()
