"""Giving hashes to exchanges that lose answers, refuse, or are busy: nothing twice where it matters, nothing lost."""

import json
from dataclasses import dataclass, field

import httpx
import pytest

from tocsin.exchange.threatexchange import ThreatExchange
from tocsin.gateway.exchanges import pushing
from tocsin.gateway.exchanges.tables import OutgoingHash
from tocsin.matching.lists import Entry, add, remove

PUSH = {"submit_function_key": "h", "feedback_function_key": "g"}


@dataclass
class Graph:
    """A ThreatExchange that remembers what it took. ``lose`` answers are lost after it took the descriptor."""

    descriptors: dict = field(default_factory=dict)
    posts: list = field(default_factory=list)
    lose: int = 0
    deaf: bool = False
    blind: bool = False
    made: int = 100

    def answer(self, request):
        if self.deaf:
            raise httpx.ConnectError("down")
        path = request.url.path.removeprefix("/v21.0")
        if request.method == "POST" and path == "/threat_descriptors":
            given = dict(httpx.QueryParams(request.content.decode()))
            self.posts.append(given)
            self.made += 1
            self.descriptors[str(self.made)] = given["indicator"]
            if self.lose:
                self.lose -= 1
                raise httpx.ReadTimeout("lost")
            return httpx.Response(200, json={"success": True, "id": str(self.made)})
        if request.method == "DELETE":
            known = self.descriptors.pop(path[1:], None)
            return httpx.Response(200 if known else 404, json={"success": True})
        asked = request.url.params
        assert (asked["owner"], asked["strict_text"]) == ("12345678", "true")
        found = [
            {"id": name, "raw_indicator": value, "owner": {"id": "12345678"}}
            for name, value in self.descriptors.items()
            if value == asked["text"] and not self.blind
        ]
        return httpx.Response(200, json={"data": found})

    def source(self):
        token = {"api_token": "12345678|SECRET", "base_url_override": "https://graph.example/v21.0"}
        return ThreatExchange(token, "5", transport=httpx.MockTransport(self.answer), sleep=lambda _: None)


@pytest.fixture
def graph():
    return Graph()


@pytest.fixture
def ncii(desk, exchange, upstream, bank, monkeypatch):
    """The bank MINE is given to a StopNCII."""
    bank("MINE", [1, 2, 3])
    monkeypatch.setattr(desk.exchanges, "source", lambda _: upstream.source(**PUSH))
    desk.pushes.set(exchange, "MINE", tags=["policy-2"])
    return upstream


@pytest.fixture
def te(desk, graph, bank, monkeypatch):
    """The bank MINE is given to a ThreatExchange named GROUP."""
    bank("MINE", [1, 2, 3])
    desk.exchanges.set_credentials("fb_threatexchange", {"api_token": "12345678|SECRET"})
    desk.exchanges.create("GROUP", "fb_threatexchange", {"privacy_group": 5})
    monkeypatch.setattr(desk.exchanges, "source", lambda _: graph.source())
    desk.pushes.set("GROUP", "MINE")
    return graph


def states(store):
    with store.reading() as session:
        found = {}
        for row in session.query(OutgoingHash):
            found[row.state] = found.get(row.state, 0) + 1
        return found


def given(upstream):
    return [one["hashValue"] for path, body in upstream.posted if "SubmitHashes" in path for one in body["hashRecords"]]


def back(upstream):
    return [
        (one["hashValue"], one["feedbackValue"])
        for path, body in upstream.posted
        if "Feedback" in path
        for one in body["hashFeedbacks"]
    ]


def test_what_is_new_goes_once_and_what_leaves_is_withdrawn(ncii, desk, exchange, folders, store, pdq):
    outcome = desk.pushes.run(exchange, "MINE")
    assert (outcome.complete, outcome.done.given) == (True, 3)
    assert sorted(given(ncii)) == sorted(pdq(n) for n in (1, 2, 3))
    record = ncii.posted[0][1]["hashRecords"][0]
    assert record["CSPFeedbacks"] == [{"tags": ["policy-2"], "feedbackValue": "Blocked"}]
    assert desk.pushes.run(exchange, "MINE").done.given == 0
    remove(folders["MINE"], ["e2"])
    add(folders["MINE"], [("more", [Entry(1, [("pdq", bytes.fromhex(pdq(4)))], id="e4")])])
    outcome = desk.pushes.run(exchange, "MINE")
    assert (outcome.done.given, outcome.done.gone) == (1, 1)
    assert given(ncii)[3:] == [pdq(4)]
    assert back(ncii) == [(pdq(2), "Withdrawn")]
    assert states(store) == {"given": 3, "gone": 1}
    add(folders["MINE"], [("again", [Entry(1, [("pdq", bytes.fromhex(pdq(2)))], id="e2", updated=2**35)])])
    desk.pushes.run(exchange, "MINE")
    assert given(ncii)[4:] == [pdq(2)]


@pytest.mark.parametrize("fault", [httpx.Response(503), httpx.Response(500), httpx.Response(302)])
def test_nothing_counts_before_the_exchange_has_said_so(ncii, desk, exchange, store, clock, fault):
    ncii.faults = [fault]
    outcome = desk.pushes.run(exchange, "MINE")
    assert not outcome.complete
    assert outcome.message
    assert states(store) == {"waiting": 3}
    clock.forward(pushing.LATEST_S + 1)
    assert desk.pushes.run(exchange, "MINE").complete
    assert states(store) == {"given": 3}


def test_what_came_and_went_before_it_was_given_is_never_given(ncii, desk, exchange, folders, store, pdq):
    ncii.faults = [httpx.Response(503)]
    desk.pushes.run(exchange, "MINE")
    remove(folders["MINE"], ["e1"])
    assert desk.pushes.run(exchange, "MINE").complete
    assert pdq(1) not in given(ncii)
    assert back(ncii) == []


def test_what_may_have_arrived_is_withdrawn_too(ncii, desk, exchange, folders, clock, pdq):
    ncii.faults = [httpx.Response(502)]
    desk.pushes.run(exchange, "MINE")
    remove(folders["MINE"], ["e1"])
    clock.forward(60)
    assert desk.pushes.run(exchange, "MINE").complete
    assert back(ncii) == [(pdq(1), "Withdrawn")]


def test_one_bad_hash_does_not_hold_back_the_others(ncii, desk, exchange, clock, store, pdq, monkeypatch):
    answer = ncii.answer

    def picky(request):
        if b"SubmitHashes" in request.url.raw_path and pdq(2).encode() in request.content:
            return httpx.Response(422)
        return answer(request)

    monkeypatch.setattr(ncii, "answer", picky)
    for _ in range(pushing.MOST_REFUSALS):
        desk.pushes.run(exchange, "MINE")
        clock.forward(pushing.LATEST_S + 1)
    assert states(store) == {"given": 2, "refused": 1}
    assert sorted(given(ncii)) == sorted([pdq(1), pdq(3)])
    assert desk.pushes.run(exchange, "MINE").complete


def test_withdrawals_wait_for_the_key_that_tells_them(ncii, desk, exchange, folders, upstream, monkeypatch, store, pdq):
    desk.pushes.run(exchange, "MINE")
    monkeypatch.setattr(desk.exchanges, "source", lambda _: upstream.source(submit_function_key="h"))
    remove(folders["MINE"], ["e1"])
    add(folders["MINE"], [("more", [Entry(1, [("pdq", bytes.fromhex(pdq(4)))], id="e4")])])
    outcome = desk.pushes.run(exchange, "MINE")
    assert not outcome.complete
    assert "feedback_function_key" in outcome.message
    assert states(store) == {"given": 3, "leaving": 1}
    monkeypatch.setattr(desk.exchanges, "source", lambda _: upstream.source(**PUSH))
    assert desk.pushes.run(exchange, "MINE").complete
    assert back(ncii) == [(pdq(1), "Withdrawn")]


def test_a_hash_that_another_bank_still_gives_is_not_withdrawn(ncii, desk, exchange, bank, folders, store, pdq):
    bank("OTHER", [1])
    desk.pushes.set(exchange, "OTHER")
    desk.pushes.push(exchange)
    remove(folders["MINE"], ["e1"])
    desk.pushes.run(exchange, "MINE")
    assert back(ncii) == []
    remove(folders["OTHER"], ["e1"])
    desk.pushes.run(exchange, "OTHER")
    assert back(ncii) == [(pdq(1), "Withdrawn")]


def test_threatexchange_keeps_its_ids_and_descriptors_are_deleted(te, desk, folders, store, pdq):
    assert desk.pushes.run("GROUP", "MINE").done.given == 3
    assert sorted(te.descriptors.values()) == sorted(pdq(n) for n in (1, 2, 3))
    assert {one["type"] for one in te.posts} == {"HASH_PDQ"}
    remove(folders["MINE"], ["e2"])
    assert desk.pushes.run("GROUP", "MINE").done.gone == 1
    assert sorted(te.descriptors.values()) == sorted(pdq(n) for n in (1, 3))
    assert len(te.posts) == 3


def test_a_lost_answer_is_looked_for_and_not_sent_again(te, desk, clock, store):
    te.lose = 1
    assert not desk.pushes.run("GROUP", "MINE").complete
    assert len(te.posts) == 1
    clock.forward(3600)
    assert desk.pushes.run("GROUP", "MINE").complete
    assert len(te.posts) == 3
    assert states(store) == {"given": 3}


def test_what_is_not_found_again_is_held_for_a_person(te, desk, clock, store, folders, pdq):
    te.lose, te.blind = 1, True
    for _ in range(pushing.MOST_SEARCHES + 1):
        desk.pushes.run("GROUP", "MINE")
        clock.forward(3600)
    assert states(store) == {"given": 2, "held": 1}
    assert len(te.posts) == 3
    [status] = desk.pushes.status("GROUP")
    assert (status["held"], status["given"]) == (1, 2)
    assert desk.pushes.decide("GROUP", "MINE", again=True) == 1
    assert desk.pushes.run("GROUP", "MINE").complete
    assert len(te.posts) == 4


def test_what_cannot_be_found_to_be_withdrawn_is_counted_as_untold(te, desk, clock, store, folders, graph):
    te.lose, te.blind = 1, True
    desk.pushes.run("GROUP", "MINE")
    lost = next(iter(te.descriptors.values()))
    with store.reading() as session:
        number = next(n for n, row in enumerate(session.query(OutgoingHash).order_by(OutgoingHash.id), 1) if row.unsure)
    assert number
    name = next(f"e{n}" for n in (1, 2, 3) if _made_up(n) == lost)
    remove(folders["MINE"], [name])
    for _ in range(pushing.MOST_SEARCHES + 1):
        desk.pushes.run("GROUP", "MINE")
        clock.forward(3600)
    assert states(store) == {"given": 2, "untold": 1}


def test_a_kill_while_an_answer_is_awaited_sends_nothing_twice(te, desk, store, monkeypatch):
    class Killed(BaseException):
        pass

    answer = te.answer

    def killing(request):
        reply = answer(request)
        if request.method == "POST":
            raise Killed
        return reply

    monkeypatch.setattr(te, "answer", killing)
    with pytest.raises(Killed):
        desk.pushes.run("GROUP", "MINE")
    monkeypatch.setattr(te, "answer", answer)
    assert desk.pushes.run("GROUP", "MINE").complete
    assert len(te.posts) == 3
    assert states(store) == {"given": 3}


def test_an_exchange_that_cannot_be_reached_was_not_told(te, desk, store):
    te.deaf = True
    assert not desk.pushes.run("GROUP", "MINE").complete
    te.deaf = False
    assert desk.pushes.run("GROUP", "MINE").complete
    assert len(te.posts) == 3


def test_no_message_holds_a_token_or_a_hash(te, desk, pdq, caplog):
    te.lose = 1
    desk.pushes.push("GROUP")
    told = json.dumps(desk.pushes.status("GROUP")) + caplog.text
    assert "SECRET" not in told
    assert not any(pdq(n) in told for n in (1, 2, 3))


def _made_up(number):
    import random

    places = random.Random(number).sample(range(256), 128)
    return f"{sum(1 << place for place in places):064x}"
