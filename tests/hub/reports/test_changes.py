"""What a gateway hears of its reports: each change of state once, in order, and nothing that a person wrote."""

import json
from datetime import timedelta

import pytest

from tocsin.hub.reports import changes, deciding, drafting, filing
from tocsin.hub.reports.states import STATE_AFTER, State
from tocsin.hub.store.schema import Device


@pytest.fixture
def hear(desk, device, clock):
    """Ask for what changed, as the gateway would a little later."""

    def asking(after=0, since=None, device_id=device.id, later=10):
        clock.forward(later)
        with desk.hub.store.reading() as session:
            known = session.get_one(Device, device_id)
            return changes.changes_for(session, desk.hub, known, after, since, desk.now)

    return asking


def states(heard) -> list[str]:
    return [each["state"] for each in heard["changes"]]


def decide(desk, report, decision, **named) -> None:
    why = "Asked them by telephone"
    desk.act(report, lambda s, r: deciding.decide(s, desk.who, r, decision, why, desk.now, **named))


def test_a_report_is_followed_from_draft_to_its_number_and_no_change_comes_twice(desk, hear) -> None:
    report = desk.draft()
    first = hear()
    assert states(first) == ["draft"]
    desk.ready(report)
    desk.take(report)
    desk.tell(report, 1, "opened", remote_id=41)
    desk.tell(report, 1, "filed", remote_id=41)
    second = hear(first["next"])
    assert states(second) == ["approved", "filing", "opened", "filed"]
    filed = second["changes"][-1]
    assert (filed["report"], filed["authority_number"], filed["environment"]) == (report, 41, "sandbox")
    assert filed["preserve_until"] is not None
    assert [each["authority_number"] for each in second["changes"][:-1]] == [None] * 3
    third = hear(second["next"])
    assert (third["changes"], third["next"], third["more"]) == ([], second["next"], False)


def test_held_says_why_and_what_persons_wrote_is_not_told(desk, hear) -> None:
    report = desk.approved()
    desk.take(report)
    desk.tell(report, 1, "held", reason="ambiguous-submit", sentence="HTTP 500 without a code that can be read.")
    heard = hear()
    assert heard["changes"][-1]["held_for"] == "ambiguous-submit"
    assert "HTTP 500" in heard["changes"][-1]["failure"]
    assert "no answer came" in heard["changes"][-1]["words"]
    decide(desk, report, "withdraw")
    heard = hear()
    assert states(heard) == ["draft", "approved", "filing", "held", "discarded"]
    assert heard["changes"][3]["held_for"] is None, "what it is not held for any more is not said of the past"
    told = json.dumps(heard)
    assert "telephone" not in told
    assert "user-17" not in told
    assert desk.who.id not in told


def test_retracting_is_told_at_its_beginning_and_end(desk, hear) -> None:
    report = desk.approved()
    desk.take(report)
    desk.tell(report, 1, "held", reason="refused", remote_id=7)
    decide(desk, report, "withdraw")
    desk.tell(report, 1, "withdrawn")
    assert states(hear())[-3:] == ["held", "withdrawing", "withdrawn"]
    other = desk.approved()
    desk.take(other)
    desk.tell(other, 1, "again", undo_id=9, sentence="Code 1000")
    heard = hear()
    assert (states(heard)[-1], heard["changes"][-1]["failure"]) == ("approved", "Code 1000")
    desk.act(other, lambda s, r: drafting.discard(s, desk.who, r, "Found to be a test", desk.now))
    assert states(hear())[-1] == "withdrawing"


def test_the_last_change_told_is_always_the_state_it_is_in(desk, hear) -> None:
    """Every way a report can go, one after the other; whoever hears of each change knows where it is."""
    report = desk.draft()
    ways = [
        lambda: desk.ready(report),
        lambda: desk.act(report, lambda s, r: drafting.send_back(s, desk.who, r, "A name is wrong", desk.now)),
        lambda: desk.ready(report),
        lambda: desk.take(report),
        lambda: desk.tell(report, 1, "again", sentence="busy"),
        lambda: desk.take(report),
        lambda: desk.tell(report, 2, "held", reason="refused"),
        lambda: decide(desk, report, "edit"),
        lambda: desk.ready(report),
        lambda: desk.take(report),
        lambda: desk.tell(report, 3, "held", reason="refused"),
        lambda: decide(desk, report, "again"),
        lambda: desk.take(report),
        lambda: desk.tell(report, 4, "held", reason="refused"),
        lambda: decide(desk, report, "filed", remote_id=5),
        lambda: desk.tell(report, 4, "filed", remote_id=6),
    ]
    for way in ways:
        way()
        assert states(hear())[-1] == desk.read(report).state
    assert desk.read(report).state == "held"


def test_what_has_just_happened_waits_and_nothing_behind_it_is_passed_over(desk, hear) -> None:
    desk.draft()
    young = hear(later=1)
    assert (young["changes"], young["next"]) == ([], 0)
    assert states(hear()) == ["draft"]


def test_only_its_own_since_the_moment_asked_for_and_page_by_page(
    desk, hear, clock, another_device, monkeypatch
) -> None:
    desk.draft()
    assert hear(device_id=another_device().id)["changes"] == []
    assert hear(since=desk.now + timedelta(seconds=1))["changes"] == []
    monkeypatch.setattr(changes, "MOST", 2)
    report = desk.approved(reported=[{"identifier": "another"}])
    desk.take(report)
    first = hear()
    assert (len(first["changes"]), first["more"]) == (2, True)
    second = hear(first["next"])
    assert states(first) + states(second) == ["draft", "draft", "approved", "filing"]


def test_every_kind_that_changes_the_state_has_words() -> None:
    from tocsin.console.report_rows import KINDS

    assert set(STATE_AFTER) < set(KINDS)
    assert set(STATE_AFTER.values()) == set(State)
    assert filing.LEASE > changes.SETTLED
