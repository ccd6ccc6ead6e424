"""A platform's request for a report: facts it may say pass whole, and what only a person says is found."""

import json

import pytest
from pydantic import TypeAdapter, ValidationError

from tocsin.exchange.cybertip.asked import Asked, persons_own
from tocsin.exchange.cybertip.facts import Report
from tocsin.exchange.cybertip.writing import report_xml

ASKED = {
    "key": "case-1",
    "finding": "f1",
    "incident_type": "Child Sex Tourism",
    "incident_at": "2026-11-22T16:58:00Z",
    "account": {
        "identifier": "user-17",
        "screen_name": "lamp",
        "emails": [{"address": "a@mail.example", "verified": True}],
        "ip_events": [{"address": "192.0.2.7", "event": "Upload", "at": "2026-11-22T16:57:00Z", "port": 443}],
    },
    "urls": ["https://platform.example/p/1"],
    "additional": "Seen twice.",
}


def test_what_is_asked_becomes_facts_that_a_report_takes() -> None:
    facts = TypeAdapter(Report).validate_python(Asked.model_validate_json(json.dumps(ASKED)).facts())
    (user,) = facts.reported
    assert (user.identifier, user.screen_name, user.person.emails[0].address) == ("user-17", "lamp", "a@mail.example")
    assert (user.ip_events[0].address, user.ip_events[0].port) == ("192.0.2.7", 443)
    assert facts.where[0].web.urls == ("https://platform.example/p/1",)
    assert (facts.annotations, facts.escalate) == ((), "")
    assert b"user-17" in report_xml(facts)


@pytest.mark.parametrize(
    "change",
    [
        {"finding": None},
        {"alert": "a1"},
        {"key": ""},
        {"key": "tab\there"},
        {"incident_type": "Something"},
        {"incident_at": "2026-11-22T16:58:00"},
        {"account": {}},
        {"account": {"identifier": "u", "person": {"first_name": "x"}}},
        {"annotations": ["spam"]},
        {"law_enforcement": {"agency": "x"}},
        {"urls": ["u"] * 21},
        {"additional": "x" * 5001},
    ],
)
def test_what_may_not_be_asked_is_refused(change) -> None:
    with pytest.raises(ValidationError):
        Asked.model_validate_json(json.dumps(ASKED | change))


def test_what_only_a_person_says_is_found_wherever_it_hides() -> None:
    assert persons_own(ASKED) == ""
    assert persons_own(ASKED | {"fileViewedByEsp": True}) == "fileViewedByEsp"
    assert persons_own({"files": [{"viewed": False}]}) == "viewed"
    assert persons_own([[{"a": {"escalate": "now"}}]]) == "escalate"
