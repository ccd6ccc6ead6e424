"""What is read about reports: every state, kind and decision has words."""

from datetime import UTC, datetime

from tocsin.console import report_rows
from tocsin.hub.reports.deciding import DECISIONS
from tocsin.hub.reports.states import State
from tocsin.hub.store.reports import Report, View

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


def test_every_code_has_words() -> None:
    assert set(report_rows.STATES) == set(State)
    assert set(report_rows.DECISIONS) == set(DECISIONS)
    assert {state for group in report_rows.SHOWS.values() for state in group} == set(State)
    assert {f"decided-{each}" for each in DECISIONS} <= set(report_rows.KINDS)


def test_facts_are_lines() -> None:
    facts = {
        "incident_type": "X",
        "annotations": ["spam", "sextortion"],
        "reported": [{"identifier": "u", "ip_events": [{"address": "192.0.2.7", "possible_proxy": False}]}],
        "victims": [],
    }
    assert report_rows.lines_of(facts) == [
        ("Incident", "X"),
        ("Annotations", "spam, sextortion"),
        ("User: identifier", "u"),
        ("User: address: address", "192.0.2.7"),
        ("User: address: possible proxy", "no"),
    ]


def test_a_file_names_who_viewed_it_and_only_they() -> None:
    entry = {"evidence": "a" * 64, "relevance": "Reported", "annotations": [], "classification": None, "public": None}
    report = Report(files=[entry | {"item": None}, entry | {"item": 2}])
    views = [
        View(person_id="p", evidence="a" * 64, item=1, how="grey", at=NOON, reason="r"),
        View(person_id="p", evidence="a" * 64, item=2, how="words", at=NOON, reason="r"),
    ]
    rows = report_rows.file_rows(report, views, {"p": "Ines"})
    assert [(row.item, row.viewed, row.public) for row in rows] == [
        ("all items", ["Ines, item 1"], "not known"),
        ("item 2", [], "not known"),
    ]
    assert report_rows.look(views[0], {"p": "Ines"}) == "Ines: looked at it in grey (item 1)"
