import json
from datetime import timedelta

import pytest
from starlette.testclient import TestClient

from tocsin.gateway.app import create_app
from tocsin.gateway.gateway import Gateway
from tocsin.gateway.settings import Settings
from tocsin.model import utc_text


@pytest.fixture
def client(tmp_path, clock):
    gateway = Gateway.open(Settings(data=tmp_path / "gateway", clock=clock))
    with TestClient(create_app(gateway), "http://localhost", raise_server_exceptions=False) as client:
        client.gateway = gateway
        yield client


@pytest.fixture
def at(clock):
    return lambda days: utc_text(clock.now() - timedelta(days=days))


@pytest.fixture
def strangers(at):
    """Small sums to five strangers, with three kinds of purchases beside them."""
    return {
        "account": "acct-1",
        "age_band": "adult",
        "time_zone": "Europe/London",
        "payments": [
            {"id": f"p{n}", "at": at(80 - 5 * n), "to": f"r{n % 5}", "amount": "40.00", "currency": "GBP"}
            for n in range(12)
        ],
        "receivers": [{"id": f"r{n}", "country": "PH", "kind": "person", "tie": "none"} for n in range(5)],
        "purchases": [
            {"id": f"b{n}", "at": at(80 - 15 * n), "kind": kind}
            for n, kind in enumerate(("vpn", "screen-capture", "live-video"))
        ],
    }


@pytest.fixture
def young(at):
    """Somebody under 18 who pays somebody new four times in two days, and stops."""
    return {
        "account": "acct-2",
        "age_band": "13-15",
        "payments": [
            {"id": f"g{n}", "at": at(20 - 0.5 * n), "to": "new", "amount": 60, "currency": "EUR", "means": "gift-card"}
            for n in range(4)
        ],
    }


def test_indicators_of_several_families_are_for_review_with_all_that_speaks_against(client, strangers):
    found = client.post("/v1/payments", json=strangers).json()
    assert found["outcome"] == "review"
    states = {one["id"]: one["state"] for one in found["indicators"]}
    assert (states["P1"], states["P2"], states["P5"]) == ("fired", "fired", "fired")
    assert states["P6"] == "not-examined"
    assert states["P7"] == "not-fired"
    assert found["finding"]["category"] == "payment-indicator"
    assert found["finding"]["recorded"] is False
    assert {"remittance", "subscription"} <= {one["code"] for one in found["benign"]}
    assert found["base_rate"]
    assert found["score"] >= found["score_needed"]
    assert found["retention"] == {"minutes": 0, "payments_held": 0}
    assert "P1.high" in found["to_be_confirmed"]


def test_family_support_stays_quiet_and_still_says_what_was_looked_at(client, strangers):
    for one in strangers["receivers"]:
        one["tie"] = "family"
    found = client.post("/v1/payments", json=strangers).json()
    assert (found["outcome"], found["finding"]) == ("quiet", None)
    assert len(found["indicators"]) == 9


def test_a_young_payer_under_pressure_is_for_support_and_nothing_else_is_told(client, young):
    found = client.post("/v1/payments", json=young).json()
    assert found["outcome"] == "support"
    assert [one["id"] for one in found["indicators"]] == ["P9"]
    assert found["finding"]["category"] == "support-indicator"
    assert "Never show it among payments for review" in found["next"]


def test_the_same_call_gives_the_same_finding_and_the_same_payment_counts_once(client, strangers):
    first = client.post("/v1/payments", json=strangers).json()
    strangers["payments"] *= 3
    again = client.post("/v1/payments", json=strangers).json()
    assert again["finding"]["id"] == first["finding"]["id"]
    assert again["indicators"] == first["indicators"]


def test_review_and_support_go_under_clauses_of_their_own(client, strangers, young, record):
    recorded = record(client.gateway)
    assert client.post("/v1/payments", json=strangers).json()["finding"]["recorded"]
    assert client.post("/v1/payments", json=young).json()["finding"]["recorded"]
    review, support = recorded.bodies
    assert (review["category"], [one["clause"] for one in review["verdicts"]]) == ("payment-indicator", ["4"])
    assert (support["category"], [one["clause"] for one in support["verdicts"]]) == ("support-indicator", ["5"])
    assert [one["name"] for one in support["signals"]] == ["payer-pressed"]
    assert "acct-1" not in str(review)
    document = recorded.opened(review)
    assert document["facts"]["account"] == "acct-1"
    assert document["facts"]["payments"][0]["amount"] == "40.00"
    assert [one["id"] for one in recorded.opened(support)["facts"]["indicators"]] == ["P9"]


def test_without_a_clause_for_help_support_is_answered_and_recorded_nowhere(client, young, record):
    recorded = record(client.gateway, lambda text: text[: text.index('  - number: "5"')])
    assert client.post("/v1/payments", json=young).json()["outcome"] == "support"
    assert recorded.bodies == []


def test_a_currency_that_is_not_listed_is_said_not_to_be_examined(client, strangers):
    for one in strangers["payments"]:
        one["currency"] = "XXX"
    found = client.post("/v1/payments", json=strangers).json()
    assert found["not_examined"] == [{"what": "currency", "id": "XXX", "reason": "not listed"}]
    assert {one["id"]: one["state"] for one in found["indicators"]}["P1"] == "not-examined"


def test_a_receiver_without_a_place_is_said_not_to_be_examined(client, strangers):
    first, second, *others = strangers["receivers"]
    first["country"] = ""
    strangers["receivers"] = [first, *others]
    told = client.post("/v1/payments", json=strangers).json()["not_examined"]
    assert told == sorted(told, key=lambda one: one["id"])
    assert {(one["what"], one["id"], one["reason"]) for one in told} == {
        ("receiver", first["id"], "no country stated"),
        ("receiver", second["id"], "not among the receivers"),
    }
    for tie, kind in (("family", "person"), ("unknown", "business")):
        strangers["receivers"] = [first | {"tie": tie, "kind": kind}, second, *others]
        assert client.post("/v1/payments", json=strangers).json()["not_examined"] == []


def test_an_overdue_review_of_the_indicators_is_said(client, young, clock):
    assert client.post("/v1/payments", json=young).json()["notes"] == []
    clock.move(365 * 86_400)
    [note] = client.post("/v1/payments", json=young).json()["notes"]
    assert "due for review" in note


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("amount", 25.5),
        ("amount", "NaN"),
        ("amount", "1e400"),
        ("amount", "-5"),
        ("amount", True),
        ("amount", "0.00001"),
        ("currency", "euro"),
        ("at", "2026-01-01T00:00:00"),
        ("at", "2099-01-01T00:00:00Z"),
        ("to", ""),
        ("id", "a\u202eb"),
        ("means", "barter"),
        ("memo", "x" * 501),
        ("nationality", "any"),
    ],
)
def test_a_payment_that_cannot_be_weighed_exactly_is_refused_with_a_sentence(client, young, field, value):
    young["payments"][0][field] = value
    answer = client.post("/v1/payments", json=young)
    assert answer.status_code == 422
    assert answer.json()["message"].endswith(".")


@pytest.mark.parametrize("field", ["name", "nationality", "ethnicity", "sex", "religion"])
def test_what_must_never_be_weighed_cannot_even_be_sent(client, young, field):
    assert client.post("/v1/payments", json=young | {field: "x"}).status_code == 422
    receiver = {"id": "new", field: "x"}
    assert client.post("/v1/payments", json=young | {"receivers": [receiver]}).status_code == 422


@pytest.mark.parametrize("change", [{"payments": []}, {"account": ""}, {"time_zone": "../x"}, {"age_band": "teen"}])
def test_other_fields_are_bounded_too(client, young, change):
    answer = client.post("/v1/payments", json=young | change)
    assert answer.status_code == 422


def test_half_letters_in_a_memo_refuse_nothing(client, young):
    text = json.dumps(young).replace('"means"', '"memo": "\\ud800\\u0000", "means"')
    answer = client.post("/v1/payments", content=text, headers={"content-type": "application/json"})
    assert answer.status_code == 200


CHAT = ("how old are you", "keep this secret from your mum", "lets talk on telegram")


def watched(client, account="r0"):
    """A stream of an account whose chat shows signs that are noted, and whose viewer-3 wrote them."""
    made = client.post("/v1/streams", json={"url": "udp://0.0.0.0:9895", "name": "theirs", "account": account}).json()
    chat = [{"text": text, "author": "viewer-3"} for text in CHAT]
    assert client.post(f"/v1/streams/{made['id']}/chat", json={"messages": chat}).status_code == 200
    assert client.get(f"/v1/streams/{made['id']}").json()["rung"] == "note"
    return made["id"]


def ends(client, stream):
    """Stop watching, so that whatever waits is over; return the rung and why."""
    held = client.gateway.watches.one(stream)
    while client.gateway.watches._sending and held.rung < 2:
        client.get("/v1/streams")
    told = client.delete(f"/v1/streams/{stream}").json()
    return told["rung"], told["events"][-1]["why"]


def test_a_payment_for_review_to_who_streams_raises_the_streams_ladder(client, strangers, at):
    stream = watched(client)
    strangers["payments"].append({"id": "now", "at": at(0), "to": "r0", "amount": "40.00", "currency": "GBP"})
    found = client.post("/v1/payments", json=strangers).json()
    assert found["outcome"] == "review"
    assert found["streams"] == [{"stream": stream, "payments": ["now"]}], "older payments are not of this stream"
    assert found["retention"]["payments_held"] == 1
    rung, why = ends(client, stream)
    assert rung == "ring"
    assert "payments to the account that streams" in why
    assert "was paid 1 time " in why


def test_an_ordinary_payment_to_who_streams_raises_nothing(client, at):
    stream = watched(client)
    tip = {"id": "tip", "at": at(0), "to": "r0", "amount": "5.00", "currency": "GBP"}
    for account, linked in (("acct-9", []), ("viewer-3", [{"stream": stream, "payments": ["tip"]}])):
        found = client.post("/v1/payments", json={"account": account, "payments": [tip]}).json()
        assert (found["outcome"], found["streams"]) == ("quiet", linked)
    assert client.get(f"/v1/streams/{stream}").json()["rung"] == "note", "this chat does not speak of payment"
    client.delete(f"/v1/streams/{stream}")
    assert client.post("/v1/payments", json={"account": "viewer-3", "payments": [tip]}).json()["streams"] == []


def test_a_payer_who_may_be_pressed_is_linked_with_no_stream(client, young, clock):
    clock.move(-30 * 86_400)
    stream = watched(client, account="new")
    clock.move(30 * 86_400)
    found = client.post("/v1/payments", json=young | {"account": "viewer-3"}).json()
    assert (found["outcome"], found["streams"]) == ("support", [])
    client.delete(f"/v1/streams/{stream}")
