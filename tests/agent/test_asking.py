import threading
from dataclasses import replace
from types import SimpleNamespace

import pytest

from tocsin.agent import asking as module
from tocsin.agent.asking import Answered, Asking
from tocsin.agent.unasked import Unasked
from tocsin.model import Fingerprints, Kind, Match, MediaSeen, Observation, Print, Rect, SystemClock
from tocsin.placement.config import Config

MATCH = {"list": "L", "entry": "1", "by": "pdq", "distance": 0, "severity": 4}


def prints(number):
    return Fingerprints(media="picture", prints=(Print(f"{number:064x}", 80),))


def seen(number, **more):
    body = MediaSeen(prints=prints(number), matches=(), place="screen", box=Rect(0, 0, 2, 1), pixels=b"123456")
    return Observation(
        id=f"o{number}", kind=Kind.PICTURE, at=SystemClock().now(), sensor="pictures", body=body, title="Chat", **more
    )


class Rig:
    """The asking of one agent against the test's hub; every answer is settled at once, as the loop does."""

    def __init__(self, tmp_path, hub, key):
        self.hub, self.key, self.tmp = hub, key, tmp_path
        self.answers, self.counts, self.lost, self.sent, self.done = [], [], [], [], []
        self.config = Config(hub.url, hub.device, hub.key.public, "u", 15.0, "", (), "00", "l")
        self.asking = self.thread = None
        self.cache = Answered()

    def start(self, most=20_000, **more):
        self.queue = Unasked(self.tmp / "unasked.db", most=most)
        self.asking = Asking(
            self.config,
            self.key,
            self.queue,
            self.cache,
            count=self.counts.append,
            lost=lambda *told: self.lost.append(told),
            sent=lambda *told: self.sent.append(told),
            **more,
        )
        self.thread = threading.Thread(target=self._run)
        self.thread.start()
        return self

    def _run(self):
        for one in self.asking.observations():
            self.answers.append(one)
            self.asking.settled(one.id)

    def ask(self, *numbers, **more):
        for number in numbers:
            self.asking.ask(prints(number), seen(number), done=lambda n=number: self.done.append(n), **more)

    def end(self):
        if self.thread is not None:
            self.asking.close()
            self.thread.join(60)
            assert not self.thread.is_alive()
            self.queue.close()
            self.thread = None


@pytest.fixture
def rig(tmp_path, hub, device_key, monkeypatch):
    monkeypatch.setattr(module, "_MAX_WAIT_S", 0.2)
    monkeypatch.setattr(module, "_WAITS", {"absent": 0.2, "removed": 0.2, "busy": 0.1})
    hub.public = device_key.public
    made = Rig(tmp_path, hub, device_key)
    yield made
    made.end()


def test_answers_become_observations_with_their_matches(rig, hub, until):
    hub.listed[f"{7:064x}"] = MATCH
    rig.start().ask(7, 8)
    until(lambda: len(rig.answers) == 2)
    matched = {one.id: len(one.body.matches) for one in rig.answers}
    assert matched == {"o7": 1, "o8": 0}
    assert rig.answers[0].title == "Chat"
    assert sorted(rig.done) == [7, 8]
    assert rig.asking.version == "v1"
    assert rig.asking.degradations == ()
    assert sum(many for many, _ in rig.sent) == 2


def test_what_comes_together_is_asked_in_one_round_trip(rig, hub, until):
    rig.start().ask(*range(20))
    until(lambda: len(rig.answers) == 20)
    assert len(hub.asked) <= 3


def test_what_is_on_no_list_is_asked_once_until_the_lists_change(rig, hub, until):
    rig.start().ask(1)
    until(lambda: len(rig.answers) == 1)
    rig.ask(1)
    until(lambda: len(rig.answers) == 2)
    assert len(hub.asked) == 1
    hub.lists = {**hub.lists, "version": "v2"}
    hub.listed[f"{1:064x}"] = MATCH
    rig.ask(2)
    until(lambda: len(rig.answers) == 3)
    rig.ask(1)
    until(lambda: len(rig.answers) == 4)
    assert len(rig.answers[-1].body.matches) == 1


def test_a_match_is_not_kept_in_memory(rig, hub, until):
    hub.listed[f"{1:064x}"] = MATCH
    rig.start().ask(1)
    until(lambda: len(rig.answers) == 1)
    rig.ask(1)
    until(lambda: len(rig.answers) == 2)
    assert len(hub.asked) == 2


@pytest.mark.parametrize("fault", [503, 500, 404, 403, "close", "half", "garbage"])
def test_what_the_hub_does_not_answer_waits_and_is_counted_then_comes_late_with_its_own_time(rig, hub, until, fault):
    hub.match_faults += [fault] * 3
    rig.start().ask(1)
    until(lambda: rig.asking.degradations == ("media-unasked 1",) or rig.answers)
    until(lambda: len(rig.answers) == 1)
    until(lambda: rig.asking.degradations == ())
    assert rig.answers[0].at < SystemClock().now()
    assert rig.answers[0].title == "Chat"
    assert rig.queue.count == 0


def test_an_outage_over_a_restart_loses_nothing(rig, hub, until):
    hub.match_faults += ["close"] * 10_000
    hub.listed[f"{3:064x}"] = MATCH
    rig.start().ask(1, 2, 3)
    until(lambda: rig.queue.count == 3)
    when = seen(3).at
    rig.end()
    assert rig.answers == []
    hub.match_faults.clear()
    rig.start()
    until(lambda: len(rig.answers) == 3)
    assert [one.id for one in rig.answers if one.body.matches] == ["o3"]
    assert all(one.at <= when for one in rig.answers)
    assert all(one.title == "" for one in rig.answers)


def test_what_is_asked_while_closing_is_kept(rig, hub, until):
    rig.start()
    rig.end()
    rig.queue = Unasked(rig.tmp / "unasked.db")
    assert rig.queue.count == 0
    hub.match_faults += ["close"] * 100
    rig.start().ask(1)
    rig.end()
    assert Unasked(rig.tmp / "unasked.db").count == 1


def test_an_answer_the_loop_never_saw_is_asked_again(rig, hub, until):
    rig.start()
    rig.asking.settled = lambda _id: None
    rig.ask(1)
    until(lambda: len(rig.answers) == 1)
    rig.end()
    again = Unasked(rig.tmp / "unasked.db")
    assert again.count == 1
    again.close()


def test_overflow_is_counted_and_told(rig, hub, until):
    hub.match_faults += ["close"] * 10_000
    rig.start(most=2).ask(*range(6))
    until(lambda: sum(many for many, _ in rig.lost) == 4)
    assert "not-scanned-unasked" in rig.counts
    assert rig.asking.degradations == ("media-unasked 2",)


def test_one_item_the_hub_refuses_does_not_hold_up_the_others(rig, hub, until):
    poison = f"{5:064x}"
    real = hub.match

    def match(body, headers):
        if poison.encode() in body:
            return 422, {"error": "malformed", "sentence": "No."}
        return real(body, headers)

    hub.match = match
    rig.start().ask(*range(9))
    until(lambda: len(rig.answers) == 8)
    until(lambda: rig.lost)
    assert "not-scanned-refused" in rig.counts
    assert sorted(rig.done) == list(range(9))


def test_a_hub_without_lists_is_said_to_have_none(rig, hub, until):
    hub.lists = {"count": 0, "entries": 0, "version": ""}
    rig.start().ask(1)
    until(lambda: rig.answers)
    assert rig.asking.degradations == ("no-lists",)


def test_a_privileged_contact_is_never_asked_about(rig, hub, until):
    rig.start(private=lambda one: one.id == "o1").ask(1, 2)
    until(lambda: rig.answers)
    assert [one.id for one in rig.answers] == ["o2"]
    assert rig.counts == ["privileged"]
    assert rig.done[0] == 1
    assert f"{1:064x}" not in str(hub.asked)


def test_pixels_are_kept_only_where_a_clause_allows_pictures(rig, until):
    rig.start(keep_pixels=True).ask(1)
    until(lambda: rig.answers)
    assert rig.answers[0].body.pixels == b"123456"
    rig.end()
    rig.start().ask(2)
    until(lambda: len(rig.answers) == 2)
    assert rig.answers[1].body.pixels == b""


def test_pixels_in_memory_are_bounded(rig, until, monkeypatch):
    monkeypatch.setattr(module, "_MOST_PIXELS", 10)
    rig.start(keep_pixels=True).ask(1, 2, 3)
    until(lambda: len(rig.answers) == 3)
    assert sum(bool(one.body.pixels) for one in rig.answers) <= 2
    assert rig.asking._pixels == 0


def test_lists_on_this_computer_answer_without_the_hub(rig, hub, until):
    own = SimpleNamespace(
        match=lambda batch, missed: [(Match(list="Own", entry="1", by="pdq", distance=1),) for _ in batch],
        version="1",
        close=lambda: None,
    )
    hub.match_faults += ["close"] * 3
    rig.start(own=own).ask(1)
    until(lambda: rig.answers)
    assert rig.answers[0].body.matches[0].list == "Own"
    until(lambda: rig.queue.count == 0)


def test_a_list_of_ours_that_fails_is_a_degradation(rig, until):
    def broken(_batch, _missed):
        raise OSError("gone")

    own = SimpleNamespace(match=broken, version="1", close=lambda: None)
    rig.start(own=own).ask(1)
    until(lambda: rig.answers)
    assert "own-lists-failed" in rig.asking.degradations


def test_no_match_while_a_list_cannot_be_searched_is_told_and_asked_again_once_it_can(rig, hub, until):
    hub.lists = {"count": 1, "entries": 3, "version": "v1", "broken": 1, "missed": 1}
    rig.start().ask(1)
    until(lambda: rig.answers)
    assert rig.asking.degradations == ("lists-unsearched 1",)
    assert rig.counts == ["not-scanned-list"]
    partial = rig.asking.version
    hub.lists = {"count": 2, "entries": 6, "version": "v1", "broken": 0, "missed": 0}
    rig.ask(2)
    until(lambda: len(rig.answers) == 2)
    assert rig.asking.version != partial, "what was compared before was compared with less"
    rig.ask(1)
    until(lambda: len(rig.answers) == 3)
    assert len(hub.asked) == 3
    assert rig.asking.degradations == ()
    assert rig.counts == ["not-scanned-list"]


def test_one_of_our_lists_that_cannot_be_searched_is_told_and_the_others_answer(rig, until):
    def match(batch, missed):
        missed.append("rotten")
        return [(Match(list="Own", entry="1", by="pdq", distance=1),) if n else () for n, _ in enumerate(batch)]

    rig.start(own=SimpleNamespace(match=match, version="1", close=lambda: None)).ask(1)
    until(lambda: rig.answers)
    assert rig.asking.degradations == ("own-lists-failed",)
    assert rig.counts == ["not-scanned-list"]


def test_the_urgent_goes_before_what_can_wait(rig, hub, until):
    hub.match_faults += [503]
    rig.start()
    rig.ask(*range(100, 300), urgent=False)
    rig.ask(1)
    until(lambda: len(rig.answers) == 201)
    assert rig.asking.backlog == 0


def test_only_media_can_be_asked_about(rig):
    rig.start()
    with pytest.raises(TypeError):
        rig.asking.ask(prints(1), replace(seen(1), body=None))


def test_the_cache_is_bounded():
    cache = Answered(most=3)
    for number in range(10):
        cache.add(str(number).encode())
    assert [cache.has(str(n).encode()) for n in (6, 7, 8, 9)] == [False, True, True, True]
