import httpx
import pytest

from tocsin.gateway.exchanges import verdicts
from tocsin.gateway.refusals import Refused


@pytest.fixture
def told(desk, exchange, upstream, monkeypatch):
    """An exchange that has hash 1, and takes verdicts."""
    upstream.put(1)
    desk.exchanges.run(exchange, source=upstream.source())
    keys = {"feedback_function_key": "g"}
    monkeypatch.setattr(desk.exchanges, "source", lambda _: upstream.source(**keys))
    return desk.verdicts


def test_a_verdict_goes_upstream_and_is_kept_until_it_was_taken(told, desk, exchange, upstream, clock, pdq):
    told.say(exchange, pdq(1), True, said_by="reviewer 7")
    assert desk.exchanges.status(exchange)["verdicts_waiting"] == 1
    upstream.faults = [httpx.Response(503)]
    assert told.tell(exchange) == 0
    [held] = told.listed(exchange)
    assert (held["state"], held["attempts"], held["by"]) == ("waiting", 1, "reviewer 7")
    assert told.tell(exchange) == 0
    assert upstream.posted == []
    clock.forward(verdicts.SOONEST_S + 1)
    assert told.waiting() == [exchange]
    assert told.tell(exchange) == 1
    [(path, body)] = upstream.posted
    assert path == "/v1/SubmitFeedback"
    assert body["hashFeedbacks"] == [{"hashValue": pdq(1), "tags": [], "feedbackValue": "Blocked"}]
    assert told.counts() == {"sent": 1}


def test_the_last_of_two_verdicts_is_told(told, exchange, upstream, pdq):
    told.say(exchange, pdq(1), True)
    told.say(exchange, pdq(1), False)
    assert told.tell(exchange) == 1
    assert upstream.posted[0][1]["hashFeedbacks"][0]["feedbackValue"] == "NotBlocked"


def test_a_verdict_that_is_refused_time_and_again_is_put_aside_for_a_person(told, exchange, upstream, clock, pdq):
    told.say(exchange, pdq(1), True)
    for _ in range(verdicts.MOST_REFUSALS):
        upstream.faults = [httpx.Response(403)]
        told.tell(exchange)
        clock.forward(verdicts.LATEST_S + 1)
    [held] = told.listed(exchange)
    assert held["state"] == "refused"
    assert "403" in held["message"]


def test_an_exchange_that_takes_none_is_not_asked_again(told, desk, exchange, upstream, monkeypatch, pdq):
    monkeypatch.setattr(desk.exchanges, "source", lambda _: upstream.source())
    told.say(exchange, pdq(1), True)
    assert told.tell(exchange) == 0
    assert told.counts() == {"not-taken": 1}


def test_missing_credentials_keep_a_verdict_waiting(desk, exchange, upstream, pdq):
    upstream.put(1)
    desk.exchanges.run(exchange, source=upstream.source())
    desk.exchanges.set_credentials("stop_ncii", {})
    desk.verdicts.say(exchange, pdq(1), True)
    assert desk.verdicts.tell(exchange) == 0
    assert "No credentials" in desk.verdicts.listed(exchange)[0]["message"]


def test_what_is_not_in_the_bank_cannot_be_judged(told, exchange, pdq):
    with pytest.raises(Refused, match="called so now"):
        told.say(exchange, pdq(2), True)
    with pytest.raises(Refused, match="no md5 to judge"):
        told.say(exchange, pdq(1), True, kind="md5")
    with pytest.raises(Refused, match="no exchange"):
        told.say("NOBODY", pdq(1), True)
