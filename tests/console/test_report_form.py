"""The form of a report: what is typed becomes facts, facts fill it again, and what it has no field for is kept."""

import pytest

from tocsin.console.report_form import facts_of, fields_of, files_of
from tocsin.hub.refusals import Refused
from tocsin.hub.reports.drafting import as_json, read_facts

TYPED = {
    "incident_type": "Child Sex Tourism",
    "incident_at": "2026-11-22T16:58",
    "incident_about": "upload",
    "platform": "Example",
    "escalate": "",
    "additional": "more",
    "place": "web",
    "place_name": "https://a.example\n\nhttps://b.example",
    "place_content": "",
    "identifier": "u-1",
    "service": "S",
    "screen_name": "s",
    "display_names": "one\ntwo",
    "profile_urls": "",
    "emails": "a@b.example",
    "ips": "192.0.2.7 2026-11-22T16:58:00 Upload\n2001:db8::1",
    "prior": "11, 12",
    "user_more": "x",
}


def test_what_is_typed_becomes_facts_and_fills_the_form_again() -> None:
    facts = facts_of(TYPED, ["spam"], {})
    read = read_facts(facts)
    assert read.where[0].web.urls == ("https://a.example", "https://b.example")
    assert read.reported[0].ip_events[0].event == "Upload"
    assert read.reported[0].prior_reports == (11, 12)
    fields = fields_of(as_json(read))
    assert facts_of({name: value for name, value in fields.items() if isinstance(value, str)}, ["spam"], {}) == facts


def test_what_the_form_has_no_field_for_is_kept() -> None:
    before = as_json(
        read_facts(
            facts_of(TYPED, [], {})
            | {
                "victims": [{"school": "s"}],
                "reported": [{"identifier": "u-1", "vehicle": "v", "person": {"age": 40}}],
                "where": [{"chat": {"client": "c"}}, {"game": {"name": "g"}}],
            }
        )
    )
    after = read_facts(facts_of(TYPED, [], before))
    assert after.victims[0].school == "s"
    assert (after.reported[0].vehicle, after.reported[0].person.age) == ("v", 40)
    assert after.where[1].game.name == "g"
    assert after.where[0].web is not None


def test_an_empty_form_says_nothing_of_a_user() -> None:
    facts = facts_of({"incident_type": "Child Sex Tourism", "incident_at": "2026-11-22T16:58"}, [], {})
    assert facts["reported"] == []
    assert facts["where"] == []


@pytest.mark.parametrize("changed", [{"incident_at": "yesterday"}, {"ips": "192.0.2.7 noon"}, {"prior": "eleven"}])
def test_what_cannot_be_read_is_a_sentence(changed) -> None:
    with pytest.raises(Refused):
        facts_of(TYPED | changed, [], {})


def test_files_by_all_numbers_or_words() -> None:
    digests = ["a" * 64, "b" * 64, "c" * 64]
    form = {
        "send-0": "yes",
        "items-0": "all",
        "send-1": "yes",
        "items-1": "words, 2,3",
        "class-1": "A1",
        "public-1": "no",
    }
    files = files_of(form, digests, {"b" * 64: ["viral"]})
    assert [(each.evidence[0], each.item, each.classification) for each in files] == [
        ("a", None, None),
        ("b", 0, None),
        ("b", 2, "A1"),
        ("b", 3, "A1"),
    ]
    assert files[1].public is False
    with pytest.raises(Refused, match="numbers"):
        files_of({"send-0": "yes", "items-0": "first"}, digests, {})


@pytest.mark.parametrize(
    "place",
    [
        {"phone": {"number": {"number": "7946"}}},
        {"chat": {"client": "c", "room": "r", "content": "said", "additional": "more"}},
        {"mail": {"addresses": [{"address": "a@b.example", "verified": True}], "content": "x"}},
        {"web": {"urls": ["https://a.example"], "third_party_hosted": True, "additional": "y"}},
        {"peer": {"client": "p", "file_names": "f"}},
    ],
)
def test_what_an_api_client_said_of_a_place_outlives_a_save(place) -> None:
    before = as_json(read_facts({"incident_type": "Child Sex Tourism", "incident_at": TYPED["incident_at"] + ":00Z",
                                 "where": [place]}))  # fmt: skip
    typed = {name: value for name, value in fields_of(before).items() if isinstance(value, str)}
    assert facts_of(typed, [], before)["where"] == [place]
