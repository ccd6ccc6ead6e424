"""The people of a report: what is typed of one is what the report says, several of each, and nothing else is lost."""

import pytest

from tocsin.console import report_people as people
from tocsin.exchange.cybertip.writing import report_xml
from tocsin.hub.refusals import Refused
from tocsin.hub.reports.drafting import as_json, read_facts

EVERYTHING = {
    "identifier": "u-1",
    "service": "S",
    "screen_name": "lamp",
    "first_name": "Ann",
    "last_name": "Other",
    "age": "13",
    "born": "2013-04-30",
    "emails": "a@b.example\nc@d.example",
    "phones": "+44 20 7946 0000",
    "ips": "192.0.2.7 2026-11-22T16:58:00Z Upload\n2001:db8::1 Login\n192.0.2.9",
    "display_names": "one\ntwo",
    "profile_urls": "https://a.example/u",
    "profile_bio": "two\nlines",
    "devices": "IMEI 490154203237518",
    "prior": "11, 12",
    "street": "1 Harbour Row",
    "city": "Northport",
    "zip_code": "00000",
    "state": "CA",
    "other_state": "",
    "country": "US",
    "seen_city": "",
    "seen_region": "Luzon",
    "seen_country": "PH",
    "disabled": "permanently",
    "disabled_since": "2026-11-22T17:05:00",
    "compromised": "no",
    "user_more": "more",
}
OWN = {
    "user": {"vehicle": "van", "group": "g", "third_party": "yes"},
    "victim": {"school": "s"},
    "recipient": {"group": "g"},
}
FACTS = {"incident_type": "Child Sex Tourism", "incident_at": "2026-11-22T16:58:00Z"}


def read(kind, account):
    name = "reported" if kind == "user" else people.KINDS[kind]
    return as_json(read_facts(FACTS | {name: [account]}))[name][0]


@pytest.mark.parametrize("kind", OWN)
def test_every_field_becomes_a_fact_and_fills_the_field_again(kind) -> None:
    typed = EVERYTHING | OWN[kind]
    account = people.account_of(typed, "", kind, {})
    assert read(kind, account) == account
    fields = people.fields_of(read(kind, account))
    assert {name: value for name, value in fields.items() if value} == {n: v for n, v in typed.items() if v}
    assert [each.get("event") for each in account["ip_events"]] == ["Upload", "Login", None]


@pytest.mark.parametrize("kind", OWN)
def test_what_is_only_another_kind_s_is_not_said(kind) -> None:
    others = {name: value for other, own in OWN.items() if other != kind for name, value in own.items()}
    account = people.account_of(EVERYTHING | others, "", kind, {})
    assert set(account).isdisjoint(set(others) - set(OWN[kind]))
    name = "reported" if kind == "user" else people.KINDS[kind]
    report_xml(read_facts(FACTS | {name: [account]}))


def test_what_an_api_client_said_beyond_the_fields_is_kept_while_its_line_stands() -> None:
    before = {
        "identifier": "u",
        "person": {
            "emails": [{"address": "a@b.example", "verified": True}, {"address": "gone@b.example", "verified": True}],
            "phones": [{"number": "7946", "calling_code": "+44", "type": "Mobile"}],
            "addresses": [{"city": "N", "type": "Home"}, {"city": "second"}],
        },
        "ip_events": [{"address": "not an ip", "possible_proxy": True, "port": 7}],
        "temporarily_disabled": {"at": "2026-11-22T17:05:00Z", "user_notified": True},
        "associated": [{"type": "Linked", "identifier": "x"}],
    }
    fields = people.fields_of(before)
    assert people.account_of(fields, "", "user", before) == before
    changed = people.account_of(fields | {"emails": "a@b.example\nnew@b.example"}, "", "user", before)
    assert changed["person"]["emails"] == [{"address": "a@b.example", "verified": True}, {"address": "new@b.example"}]


def test_rows_are_read_in_order_and_one_without_words_is_none() -> None:
    form = {
        "victim-a-first_name": "Ann", "victim-a-was": "1", "victim-b-school": " ", "victim-c-age": "9",
    }  # fmt: skip
    before = [{"school": "of the first"}, {"school": "of the second"}]
    found = people.accounts_of(form, "victim", ["c", "b", "a", "a", "<x>"], before)
    assert found == [{"person": {"age": 9}}, {"school": "of the second", "person": {"first_name": "Ann"}}]
    assert people.accounts_of(form | {"victim-a-was": "77"}, "victim", ["a"], before) == [
        {"person": {"first_name": "Ann"}}
    ]


def test_rows_of_a_report_go_round() -> None:
    accounts = [{"identifier": "a"}, {"person": {"age": 9}, "school": "s"}]
    rows = people.rows_of(accounts)
    form = {f"victim-{row['key']}-{name}": value for row in rows for name, value in row.items() if name != "key"}
    keys = [row["key"] for row in rows]
    assert people.accounts_of(form, "victim", keys, accounts) == accounts
    assert people.rows_typed(form, "victim", keys) == rows
    assert people.new_row()["key"] != people.new_row()["key"]


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"age": "thirteen"}, "Victim 2: give the age"),
        ({"age": "131"}, "age"),
        ({"born": "30 April"}, "date of birth"),
        ({"ips": "home"}, "not an IP address"),
        ({"ips": "192.0.2.7 noon"}, "Give the time|give the time"),
        ({"devices": "IMEI"}, "identifier"),
        ({"prior": "eleven"}, "numbers"),
        ({"disabled_since": "2026-11-22"}, "how the account was disabled"),
        ({"disabled": "temporarily", "disabled_since": "then"}, "time"),
    ],
)
def test_what_cannot_be_read_is_a_sentence_that_names_the_person(changed, words) -> None:
    form = {"victim-a-age": "9", **{f"victim-b-{name}": value for name, value in ({"disabled": ""} | changed).items()}}
    with pytest.raises(Refused, match=words) as caught:
        people.accounts_of(form, "victim", ["a", "b"], [])
    assert str(caught.value).startswith("Victim 2: ")
    assert str(caught.value).endswith(".")
