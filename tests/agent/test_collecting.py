"""How collecting starts, stops and mends is tested with the whole agent in test_run.py; here, what it records."""

from types import SimpleNamespace

import pytest

from tocsin.agent.collecting import Collecting
from tocsin.agent.health import HealthMeter
from tocsin.agent.sensing import Senses
from tocsin.model import Fingerprints, Kind, MediaSeen, NotScanned, Observation, StateSeen


@pytest.fixture
def collecting(clock, open_journal):
    warned, seen, paced = [], [], []
    journal = open_journal(bounds=None)
    loop = SimpleNamespace(warn=lambda what, _id="": warned.append(what), see=seen.append, pictures=True)
    notice = SimpleNamespace(quiet=False, windows=frozenset())
    made = Collecting(loop, journal, HealthMeter(clock), None, clock, notice, lambda *_: Senses())
    made.test = SimpleNamespace(warned=warned, seen=seen, paced=paced, journal=journal, notice=notice, loop=loop)
    return made


def state(clock, name, title="", **detail):
    body = StateSeen(name, tuple(detail.items()))
    return Observation(id="o", kind=Kind.STATE, at=clock.now(), sensor="s", body=body, title=title)


def test_a_title_is_never_journalled(collecting, clock):
    collecting.seen(state(clock, "focus", title="private words"))
    assert collecting.test.journal.pending == 0
    assert len(collecting.test.seen) == 1


def test_away_means_no_titles_either(collecting, clock):
    collecting.seen(state(clock, "session-away"))
    collecting.seen(state(clock, "focus", title="another person's"))
    assert [o.body.state for o in collecting.test.seen] == ["session-away"]


def test_a_locked_screen_is_not_fought_for(collecting, clock):
    collecting.seen(state(clock, "locked"))
    assert collecting.test.notice.quiet
    collecting.seen(state(clock, "unlocked"))
    assert not collecting.test.notice.quiet


def test_a_sensor_that_says_it_failed_is_broken_and_told(collecting, clock):
    seen = Observation(id="o", kind=Kind.STATE, at=clock.now(), sensor="screen", body=NotScanned("failed", "x"))
    collecting.seen(seen)
    assert collecting.broken.is_set()
    assert collecting.test.warned == ["sensor-died screen failed"]
    assert collecting.test.seen == []


def test_steps_of_shedding(collecting):
    collecting._senses = Senses(pace=collecting.test.paced.append)
    for level in (1, 2, 3, 0):
        collecting.shed(level)
    assert collecting.test.paced == [0, 2, 4, 0]
    assert collecting.test.loop.pictures
    assert not collecting._health.reading_off


def test_steps_reach_every_sensor_that_can_do_with_less(collecting):
    heard = []
    collecting._senses = Senses(sheds=[heard.append])
    for level in (1, 0):
        collecting.shed(level)
    assert heard == [1, 0]


def test_what_the_open_sensors_have_to_say_goes_into_the_heartbeat(collecting):
    assert collecting.degradations == ()
    collecting._senses = Senses(degradations=[lambda: ("no-lists",), lambda: ()])
    assert collecting.degradations == ("no-lists",)


def test_a_file_that_failed_is_counted_and_stops_no_sensor(collecting, clock):
    for reason in ("failed", "unreadable"):
        body = NotScanned(reason, "x")
        collecting.seen(Observation(id="o", kind=Kind.FILE, at=clock.now(), sensor="files", body=body))
    assert not collecting.broken.is_set()
    counts = collecting._health.beat().counts
    assert counts == {"not-scanned-failed": 1, "not-scanned-unreadable": 1}


def answer(clock):
    body = MediaSeen(prints=Fingerprints(media="picture"), matches=(), place="file")
    return Observation(id="o1", kind=Kind.FILE, at=clock.now(), sensor="files", body=body)


def test_an_answer_is_done_with_when_the_loop_has_dealt_with_it(collecting, clock):
    settled = []
    collecting._media = SimpleNamespace(asking=SimpleNamespace(settled=settled.append))
    collecting._loop.collecting = SimpleNamespace(is_set=lambda: False)
    collecting.seen(answer(clock))
    assert settled == []
    collecting._loop.collecting = SimpleNamespace(is_set=lambda: True)
    collecting.seen(state(clock, "session-away"))
    collecting.seen(answer(clock))
    assert settled == ["o1"]
