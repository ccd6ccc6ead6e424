"""The hub's decisions reach the exchange whose list matched, where an operator switched that on."""

import base64

import httpx
import pytest

from tocsin.evidence.journal import canonical
from tocsin.evidence.keys import DeviceKey, verify_signature
from tocsin.gateway.exchanges.hearing import Hearing
from tocsin.gateway.refusals import Refused
from tocsin.placement.config import Config


class Hub:
    """A hub that answers with what a test put into it, page by page, to who signed the question."""

    def __init__(self, public):
        self.public, self.verdicts, self.asked, self.page, self.answer = public, [], [], 2, None

    def __call__(self, request):
        path = request.url.raw_path.decode()
        said = {"device": request.headers["x-tocsin-device"], "path": path, "nonce": request.headers["x-tocsin-nonce"]}
        assert verify_signature(self.public, request.headers["x-tocsin-signature"], canonical(said))
        after = int(request.url.params["after"])
        self.asked.append(after)
        if self.answer is not None:
            return self.answer
        left = [one for one in self.verdicts if one["number"] > after]
        some = left[: self.page]
        following = some[-1]["number"] if some else after
        return httpx.Response(200, json={"verdicts": some, "next": following, "more": len(left) > self.page})


@pytest.fixture
def heard(desk, exchange, store, clock, upstream):
    """An exchange with hashes 1 and 2 whose list matched, a hub, and what asks it."""
    for number in (1, 2):
        upstream.put(number)
    desk.exchanges.run(exchange, source=upstream.source())
    key = DeviceKey.generate()
    hub = Hub(key.public)
    config = Config("https://hub.example", "d" * 32, base64.b64encode(bytes(32)).decode(), "u", 15.0, "", (), "00", "l")

    def connect(_):
        return httpx.Client(base_url="https://hub.example", transport=httpx.MockTransport(hub))

    class Besides:
        def __init__(self):
            self.waits, self.told = False, []

        def heard(self, decision):
            self.told.append(decision.get("number"))

    hub.besides = Besides()
    hub.hear = Hearing(desk, store, clock, config, key, listener=hub.besides, connect=connect).hear
    return hub


def said(clock, number, value, verdict="true", **more):
    match = {"list": "PARTNER", "entry": value, "by": "pdq", "distance": 0} | more.pop("match", {})
    return {
        "number": number, "alert": 7, "at": clock.now().isoformat(), "verdict": verdict, "contents": 1,
        "matches": [match],
    } | more  # fmt: skip


def queued(desk, exchange):
    return [(one["verdict"], one["by"], one["signal_type"]) for one in desk.verdicts.listed(exchange)]


def test_it_is_off_until_it_is_switched_on_and_then_nothing_older_is_told(heard, desk, exchange, clock, pdq):
    heard.verdicts.append(said(clock, 1, pdq(1)))
    heard.hear()
    assert heard.asked == []
    assert desk.exchanges.status(exchange)["hub_feedback"] is False
    clock.forward(10)
    desk.exchanges.feedback(exchange, True)
    assert desk.exchanges.status(exchange)["hub_feedback"] is True
    heard.hear()
    assert queued(desk, exchange) == []
    heard.verdicts.append(said(clock, 2, pdq(2), "false"))
    heard.hear()
    assert queued(desk, exchange) == [("false", "alert A-7", "pdq")]
    heard.hear()
    assert heard.asked == [0, 1, 2]
    desk.exchanges.feedback(exchange, False)
    heard.hear()
    assert len(heard.asked) == 3


def test_a_decision_reaches_the_exchange(heard, desk, exchange, clock, pdq, upstream, monkeypatch):
    desk.exchanges.feedback(exchange, True)
    heard.verdicts.append(said(clock, 1, pdq(1)))
    heard.hear()
    monkeypatch.setattr(desk.exchanges, "source", lambda _: upstream.source(feedback_function_key="g"))
    assert desk.verdicts.tell(exchange) == 1
    assert upstream.posted[0][1]["hashFeedbacks"] == [{"hashValue": pdq(1), "tags": [], "feedbackValue": "Blocked"}]


def test_only_what_the_verdict_is_about_is_told(heard, desk, exchange, clock, pdq):
    desk.exchanges.feedback(exchange, True)
    heard.verdicts = [
        said(clock, 1, pdq(1), contents=2),
        said(clock, 2, pdq(1), "false", match={"distance": 9}),
        said(clock, 3, pdq(1), match={"by": "window"}),
        said(clock, 4, pdq(1), match={"list": "ANOTHER"}),
        said(clock, 5, pdq(9)),
        said(clock, 6, pdq(2), match={"distance": 9}),
        said(clock, 7, pdq(1), match={"part": True}),
    ]
    heard.hear()
    assert queued(desk, exchange) == [("true", "alert A-7", "pdq")]
    assert heard.asked == [0, 2, 4, 6]


def test_the_contents_of_one_alert_are_told_each_by_its_own_verdict(heard, desk, exchange, clock, pdq):
    desk.exchanges.feedback(exchange, True)
    heard.verdicts = [said(clock, 1, pdq(1), content=1), said(clock, 1, pdq(2), "false", content=2)]
    heard.hear()
    assert sorted(queued(desk, exchange)) == [
        ("false", "alert A-7, content 2", "pdq"),
        ("true", "alert A-7, content 1", "pdq"),
    ]


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(403, json={"error": "unknown-device"}),
        httpx.Response(200, content=b"{"),
        httpx.Response(200, json=[]),
        httpx.Response(200, json={"verdicts": [], "next": -1}),
        httpx.Response(200, json={"verdicts": 5, "next": 1}),
        httpx.Response(200, json={"verdicts": [5, {}, {"verdict": "true", "at": "x", "matches": [7]}], "next": 0}),
    ],
)
def test_a_hub_that_answers_oddly_is_asked_again_later(heard, desk, exchange, answer):
    desk.exchanges.feedback(exchange, True)
    heard.answer = answer
    heard.hear()
    heard.hear()
    assert heard.asked == [0, 0]
    assert queued(desk, exchange) == []


def test_an_exchange_that_takes_no_verdicts_cannot_be_switched_on(desk):
    desk.exchanges.create("FILE", "local_file", {"filename": "x.csv"})
    with pytest.raises(Refused, match="takes no verdicts"):
        desk.exchanges.feedback("FILE", True)
    with pytest.raises(Refused, match="no exchange"):
        desk.exchanges.feedback("NOBODY", True)


def test_whoever_else_waits_hears_each_decision_once(heard, clock, pdq):
    heard.verdicts.append(said(clock, 1, pdq(1)))
    heard.hear()
    assert heard.asked == []
    heard.besides.waits = True
    heard.verdicts.append({"number": 2, "verdict": "false", "streams": ["a"], "whole": "false", "matches": []})
    heard.hear()
    heard.hear()
    assert heard.besides.told == [1, 2]


def test_what_a_listener_could_not_take_is_heard_again(heard, clock, pdq, monkeypatch):
    heard.besides.waits = True
    heard.verdicts.append(said(clock, 1, pdq(1)))
    taken = heard.besides.heard

    def fails(_):
        raise OSError("the disk is full")

    monkeypatch.setattr(heard.besides, "heard", fails, raising=False)
    with pytest.raises(OSError, match="full"):
        heard.hear()
    monkeypatch.setattr(heard.besides, "heard", taken, raising=False)
    heard.hear()
    assert heard.besides.told[-1] == 1
