from dataclasses import replace
from datetime import UTC, datetime, timedelta
from random import Random

import pytest

from tocsin.gateway import conversations
from tocsin.gateway.conversations import MOST_HELD, Threads
from tocsin.gateway.participants import Participant, Said

START = datetime(2026, 11, 22, 16, 0, tzinfo=UTC)
TALK = (
    ("kid", "im 13 btw, just started year 9"),
    ("adult", "cool. are your parents home right now?"),
    ("kid", "no mum is at work"),
    ("adult", "keep this between us ok, add me on telegram"),
)


def said(*talk, since=0):
    return [
        Said(f"m{n}", who, START + timedelta(seconds=20 * n), text) for n, (who, text) in enumerate(talk, start=since)
    ]


@pytest.fixture
def threads(clock):
    return Threads(clock)


def told(taken):
    return [(one.participant, one.finding.detector, one.finding.severity) for one in taken.told]


def test_messages_in_one_call_or_one_by_one_find_the_same(threads):
    together = threads.take("a", [], said(*TALK))
    apart = [told(threads.take("b", [], [one])) for one in said(*TALK)]
    assert told(together) == [one for found in apart for one in found]
    assert told(together)[-1] == ("adult", "conversation", 5)
    assert together.told[-1].to == ("kid",)
    assert together.new
    assert together.accepted == 4


def test_a_repeated_message_changes_nothing_and_gives_its_findings_again(threads):
    recorded = []
    first = threads.take("a", [], said(*TALK), record=lambda one: not recorded.append(one))
    again = threads.take("a", [], said(*TALK), record=lambda one: not recorded.append(one))
    assert again.repeated == ("m0", "m1", "m2", "m3")
    assert (again.accepted, again.held, again.new) == (0, 4, False)
    assert [replace(one, context=()) for one in first.told] == list(again.told)
    assert all(one.recorded for one in first.told)
    assert len(recorded) == len(first.told)


def test_what_found_no_room_on_the_disk_is_recorded_when_its_message_is_sent_again(threads):
    first = threads.take("a", [], said(*TALK), record=lambda _: False)
    assert not any(one.recorded for one in first.told)
    recorded = []
    again = threads.take("a", [], said(*TALK), record=lambda one: not recorded.append(one))
    assert all(one.recorded for one in again.told)
    assert [one.finding for one in recorded] == [one.finding for one in first.told]
    assert all([line.id for line in one.context] == ["m0", "m1", "m2", "m3"] for one in recorded)
    once_more = threads.take("a", [], said(*TALK), record=lambda one: not recorded.append(one))
    assert list(once_more.told) == list(again.told)
    assert len(recorded) == len(first.told)


def test_an_id_stands_for_its_first_text(threads):
    threads.take("a", [], said(("x", "hello")))
    taken = threads.take("a", [], said(("x", "pay me or i will send it to all your friends")))
    assert taken.repeated == ("m0",)
    assert taken.told == ()


def test_messages_in_any_order_are_read_in_the_order_of_their_times(threads):
    order = said(*TALK)
    for seed in range(6):
        shuffled = Random(seed).sample(order, len(order))
        name = f"s{seed}"
        late = []
        for one in shuffled:
            taken = threads.take(name, [], [one])
            late += taken.late
        assert bool(late) == (shuffled != order)
        found = [one for one in threads.take(name, [], order).told if one.participant == "adult"]
        assert max(one.finding.severity for one in found) == 5
        assert not threads.take(name, [], said(("kid", "ok"), since=9)).told


def test_places_are_offsets_in_the_whole_message(threads):
    text = "  " + "word " * 1200 + "pay me or i will send it to all your friends"
    [found] = [one for one in threads.take("a", [], said(("x", text))).told if one.finding.detector == "phrases"]
    [(name, spans)] = found.places
    assert name == "m0"
    assert any("send it to all your friends" in text[start:end] for start, end in spans)


def test_a_thread_is_forgotten_after_its_minutes_and_counted(threads, clock):
    taken = threads.take("a", [], said(("x", "hello")))
    assert taken.minutes == 60
    assert taken.until == clock.now() + timedelta(minutes=60)
    clock.move(59 * 60)
    assert threads.state("a")["messages_held"] == 1
    threads.take("a", [], said(("x", "hello again"), since=1))
    clock.move(59 * 60)
    assert threads.state("a")["messages_held"] == 2
    clock.move(61)
    assert threads.state("a") is None
    assert threads.expired == 1
    assert threads.take("a", [], said(("x", "hello")), minutes=5).new
    clock.move(301)
    assert threads.sweep() == 1
    assert len(threads) == 0


def test_a_thread_is_forgotten_at_once_when_asked(threads):
    threads.take("a", [], said(*TALK[:2]))
    assert threads.forget("a")
    assert not threads.forget("a")
    assert told(threads.take("a", [], said(*TALK[2:], since=2))) == []


def test_when_too_much_is_held_the_one_that_waited_longest_goes_and_is_counted(clock):
    threads = Threads(clock, most=3)
    for name in "abcd":
        threads.take(name, [], said(("x", "hello")))
    assert threads.state("a") is None
    assert threads.state("d")
    assert threads.evicted == 1
    small = Threads(clock, letters=2000)
    for name in "ab":
        small.take(name, [], said(("x", "y" * 1200)))
    assert small.state("a") is None
    assert small.evicted == 1


def test_a_thread_that_was_let_go_by_the_detectors_is_read_again_from_its_messages(clock):
    threads = Threads(clock, live=1)
    first = threads.take("a", [], said(*TALK[:3]))
    threads.take("b", [], said(("x", "hello")))
    second = threads.take("a", [], said(*TALK[3:], since=3))
    whole = Threads(clock).take("a", [], said(*TALK))
    assert told(first) + told(second) == told(whole)


def test_only_so_many_messages_are_held_and_what_comes_too_late_is_told(threads):
    threads.take("a", [], said(*[("x", f"line {n}") for n in range(MOST_HELD + 30)]))
    taken = threads.take("a", [], [Said("old", "x", START - timedelta(days=1), "hello")])
    assert taken.held == MOST_HELD
    assert taken.not_examined == (("message", "old", "too-late"),)


def test_authors_beyond_those_who_can_be_read_are_told(threads):
    taken = threads.take("a", [], said(*[(f"u{n:02}", f"hello {n}") for n in range(20)]))
    assert {what for what, _, _ in taken.not_examined} == {"participant"}
    assert len(taken.not_examined) == 4


def test_the_state_of_a_thread_holds_no_word_of_it(threads):
    threads.take("a", [Participant("adult"), Participant("kid", age_band="13-15")], said(*TALK))
    state = threads.state("a")
    assert state["reported"] == ["adult"]
    assert "telegram" not in str(state)


@pytest.mark.parametrize(
    "text", ["\u202e13 mi", "a\u0301" * 500, "\u200b".join("secret"), "\0\0", "\U0001f600" * 900, "ﷺ" * 900, ""]
)
def test_hostile_letters_are_read_like_any_others(threads, text):
    taken = threads.take("a", [], said(("x", text), ("y", text)))
    assert taken.accepted == 2


def test_threads_run_out_also_while_nobody_calls(clock, monkeypatch):
    import asyncio
    from types import SimpleNamespace

    threads = Threads(clock, most=1)
    for name in "ab":
        threads.take(name, [], said(("x", "hello")))
    counted = []
    gateway = SimpleNamespace(
        threads=threads,
        road=SimpleNamespace(
            enrolment=SimpleNamespace(counts=SimpleNamespace(add=lambda *what: counted.append(what))), records=False
        ),
    )
    monkeypatch.setattr(conversations, "SWEEP_S", 0.0)
    clock.move(3601)

    async def run():
        async with conversations.forgetting(gateway):
            while len(threads) or not counted:
                await asyncio.sleep(0)

    asyncio.run(asyncio.wait_for(run(), 60))
    assert counted == [("threads-evicted", 1)]
