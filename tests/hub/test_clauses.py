"""Alerts cite the order's own words."""

from tocsin.hub import clauses


def test_a_verdict_is_cited_with_text_and_exceptions(hub, held) -> None:
    verdict = {"clause": "3", "condition": "C10", "status": "compatible", "coverage": 0.5, "method": "m"}
    with hub.store.reading() as session:
        (cited,) = clauses.cite(session, held.order_id, [verdict])
        assert cited["text"].startswith("EXAMPLE. Not to have any contact")
        assert len(cited["exceptions"]) == 2
        assert cited["status"] == "compatible"
        cited["exceptions"].clear()
        assert clauses.of_order(session, held.order_id)[2]["exceptions"]


def test_an_unknown_clause_or_order_is_cited_without_words(hub, held) -> None:
    verdict = {"clause": "99", "condition": "C10", "status": "compatible", "coverage": 0.5, "method": "m"}
    with hub.store.reading() as session:
        assert clauses.cite(session, held.order_id, [verdict])[0]["text"] == ""
        assert clauses.of_order(session, None) == []
        assert clauses.of_order(session, "nothing") == []


def test_conditions_are_cited_as_not_observed(hub, held) -> None:
    with hub.store.reading() as session:
        cited = clauses.cite_conditions(session, held.order_id, ("C1", "C5", "C12"), "m")
    assert [(each["condition"], each["status"]) for each in cited] == [("C1", "not-observed"), ("C5", "not-observed")]


def test_an_order_about_a_person_is_no_services_policy(hub, held) -> None:
    with hub.store.reading() as session:
        assert not clauses.is_platform(session, held.order_id)
        assert not clauses.is_platform(session, None)
